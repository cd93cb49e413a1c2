//! Policy after admission: what is held stays as it was admitted, and what the class says otherwise now is told once.

use super::super::fixtures::{INSTANCE, Scene, groups, scene};
use super::super::looked::Looked;
use crate::{
    api::{
        AssumeRole, ClassSecurityGroup,
        ConditionStatus::True,
        ConditionType::{Contained, Ready},
        ManagedSecurityGroup, QuarantineClassSpec, Reason, ReleaseApproval, TagSelector,
    },
    quarantine::world::{ActionKind, ClassSight},
};

/// Told once, in these words; corrected and released all the same; told again when it is as before.
fn is_told(held: Scene, change: impl Fn(Scene) -> Scene, words: &[&str]) {
    let class = held.facts.class.clone();
    let (namespace, view) = (held.facts.namespace.clone(), held.view.clone());
    let mut changed = change(held);
    let looked = changed.look();
    says(&looked, words);
    looked.says(Ready, True, Reason::Contained, &[]);
    changed.look().is_quiet();

    let mut drifted = changed.clone().with("eni-1", &["sg-web"]);
    let looked = drifted.look();
    assert_eq!((looked.did(ActionKind::Isolate), looked.told(Reason::PolicyChanged)), (1, 0));
    looked.says(Contained, True, Reason::Contained, &[]);

    let mut released = changed.clone().later(61).annotated("quarantine-operator.dev/release", "approved").deleted();
    assert_eq!(released.look().did(ActionKind::Restore), 1);
    assert_eq!(released.carried("eni-1"), ["sg-web"]);

    let mut back = changed.told(|facts| (facts.class, facts.namespace) = (class, namespace)).seen(|seen| *seen = view);
    let looked = back.look();
    assert_eq!(looked.status.policy_changed, None);
    let note = looked.notes.iter().find(|note| note.reason == Reason::PolicyChanged).expect("it is told");
    assert!(!note.warning && note.message.contains("the same again"), "{}", note.message);
    back.look().is_quiet();
}

fn says(looked: &Looked, words: &[&str]) {
    let told = looked.status.policy_changed.as_deref().expect("it is in the status");
    for word in words.iter().chain(&["stays held as it was admitted"]) {
        assert!(told.contains(word), "{word:?} is not in {told:?}");
    }
    let notes: Vec<_> = looked.notes.iter().map(|note| (note.warning, note.reason, note.message.as_str())).collect();
    assert_eq!(notes, [(true, Reason::PolicyChanged, told)]);
}

fn class_says(change: impl Fn(&mut QuarantineClassSpec), words: &[&str]) {
    is_told(scene().looked(), |held| held.class(&change), words);
}

#[test]
fn what_was_just_admitted_is_no_change() {
    let mut held = scene();
    assert_eq!(held.look().status.policy_changed, None);
    assert_eq!(held.look().told(Reason::PolicyChanged), 0);
}

#[test]
fn a_class_that_is_deleted_is_told() {
    is_told(
        scene().looked(),
        |held| held.told(|facts| facts.class = ClassSight::NotFound("incident-response".to_owned())),
        &["no QuarantineClass incident-response"],
    );
}

#[test]
fn a_class_that_no_longer_selects_the_namespace_is_told() {
    class_says(|class| class.namespace_selector = None, &["namespaceSelector"]);
}

#[test]
fn a_namespace_that_lost_its_label_is_told() {
    let held = scene()
        .class(|class| {
            class.namespace_selector = serde_json::from_value(serde_json::json!({"matchLabels": {"team": "ir"}})).ok()
        })
        .told(|facts| drop(facts.namespace.labels.insert("team".to_owned(), "ir".to_owned())))
        .looked();
    is_told(held, |held| held.told(|facts| facts.namespace.labels.clear()), &["doesn't select this namespace"]);
}

#[test]
fn an_account_and_a_region_that_are_taken_away_are_both_told() {
    class_says(
        |class| {
            class.accounts = vec!["444455556666".to_owned()];
            class.regions = vec!["us-east-1".to_owned()];
        },
        &["may not be used in account 111122223333", "may not be used in region eu-central-1"],
    );
}

#[test]
fn protection_that_comes_later_is_told() {
    class_says(|class| class.protected.instance_ids = vec![INSTANCE.to_owned()], &["protects i-0123456789abcdef0"]);
    let tag = TagSelector { key: "tier".to_owned(), value: None };
    let held = scene().class(|class| class.protected.tags = vec![tag.clone()]).looked();
    let tagged = |held: Scene| {
        held.seen(|view| {
            view.instance.as_mut().expect("is there").tags.insert("tier".to_owned(), "core".to_owned());
        })
    };
    is_told(held, tagged, &["tier", "An intruder can write tags"]);
}

#[test]
fn another_group_is_told_and_the_admitted_one_stays_in_force() {
    for (source, words) in [
        (ClassSecurityGroup { id: Some("sg-new".to_owned()), ..Default::default() }, "the security group sg-new now"),
        (ClassSecurityGroup { name: Some("cut".to_owned()), ..Default::default() }, "the security group named cut now"),
        (
            ClassSecurityGroup { managed: Some(ManagedSecurityGroup::default()), ..Default::default() },
            "a managed security group now",
        ),
    ] {
        class_says(|class| class.security_group = source.clone(), &[words, "sg-isolation was admitted"]);
    }
}

#[test]
fn a_group_that_the_class_no_longer_allows_is_told() {
    let held = scene()
        .spec(|spec| spec.security_group_id = Some("sg-forensics".to_owned()))
        .class(|class| class.allowed_security_group_ids = groups(&["sg-forensics"]))
        .seen(|view| view.groups[0].id = "sg-forensics".to_owned())
        .looked();
    is_told(
        held,
        |held| held.class(|class| class.allowed_security_group_ids.clear()),
        &["sg-forensics is not among the allowedSecurityGroupIds"],
    );
}

#[test]
fn another_approval_is_told_and_the_admitted_one_holds() {
    class_says(
        |class| class.release_approval = ReleaseApproval::Always,
        &["releaseApproval: Always now", "WhenUnusual was admitted"],
    );
    let unasked = scene().looked().class(|class| class.release_approval = ReleaseApproval::Always).looked();
    let mut released = unasked.later(61).deleted();
    assert_eq!(released.look().did(ActionKind::Restore), 1, "it was admitted without approval");
}

#[test]
fn a_role_that_the_operator_could_not_assume_is_told() {
    is_told(
        scene().looked(),
        |held| held.seen(|view| view.present_role_refused = Some("The role new can't be assumed.".to_owned())),
        &["The role new can't be assumed."],
    );
}

#[test]
fn another_role_and_a_lower_limit_are_no_change_of_what_is_held() {
    let mut held = scene().looked().class(|class| {
        class.max_active = 0;
        class.assume_role = Some(AssumeRole { role_name: "new".to_owned(), ..AssumeRole::default() });
    });
    let looked = held.look();
    assert_eq!((looked.status.policy_changed.as_deref(), looked.notes.len()), (None, 0));
    held.look().is_quiet();
}

#[test]
fn it_is_told_while_suspended_too() {
    let mut held = scene()
        .looked()
        .spec(|spec| spec.suspend = true)
        .looked()
        .class(|class| class.regions = groups(&["us-east-1"]));
    assert_eq!(held.look().told(Reason::PolicyChanged), 1);
    held.look().is_quiet();
}

#[test]
fn nothing_is_told_of_a_claim_that_is_being_deleted_or_holds_nothing() {
    let narrowed = |scene: Scene| scene.class(|class| class.regions = groups(&["us-east-1"]));
    assert_eq!(narrowed(scene().looked().deleted()).look().told(Reason::PolicyChanged), 0);
    let mut refused = narrowed(scene());
    assert_eq!((refused.look().told(Reason::PolicyChanged), refused.look().status.policy_changed), (0, None));
}

#[test]
fn however_much_changed_the_status_holds_it() {
    let long = "x".repeat(200);
    let mut held = scene().looked().class(|class| {
        class.regions = (0..60).map(|n| format!("{long}-{n}")).collect();
        class.accounts = class.regions.clone();
    });
    let told = held.look().status.policy_changed.expect("it is told");
    assert!(told.len() <= 1024 && told.ends_with('…'));
    held.look().is_quiet();
}
