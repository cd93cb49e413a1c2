//! What findings are told: every outcome, once, last, and without holding anything up.

use super::super::looked::{RESYNC, SOON};
use super::{
    super::fixtures::{INSTANCE, ISOLATION, Scene, refused, scene},
    finding_targets::{FINDING, PRODUCT, finding, named},
};
use crate::{
    api::{
        ConditionStatus::{False, True},
        ConditionType::{FindingUpdated, Ready},
        FindingReference, Mode, Reason, ReleasePolicy, SecurityHub,
    },
    model::{
        finding::{Finding, FindingNote, NOTE_AUTHOR, Workflow},
        instance::NamedInstance,
        problem::Problem,
    },
    quarantine::{
        decide::{finding_change::change, findings::PATIENCE},
        world::{Action, ActionKind, Addressee, FinalizerStep, Room, Saying},
    },
};

fn reference() -> FindingReference {
    FindingReference { id: FINDING.to_owned(), region: "eu-central-1".to_owned(), product_arn: PRODUCT.to_owned() }
}

fn hub(given: serde_json::Value) -> SecurityHub {
    serde_json::from_value(given).expect("every field has a default")
}

/// A claim that informs one finding, under a class that lets it.
fn informing() -> Scene {
    let mut scene = scene()
        .spec(|spec| spec.findings = vec![reference()])
        .class(|class| class.security_hub = Some(hub(serde_json::json!({}))));
    scene.hub = vec![finding()];
    scene
}

fn saying(note: &str) -> Saying {
    let (word, note) = ("Contained".to_owned(), Some(note.to_owned()));
    Saying { word, note, workflow: Some(Workflow::Notified), about: None }
}

/// Security Hub refuses to be told this.
fn refusing(scene: Scene, word: &str) -> Scene {
    let problem = Problem::from_code("securityhub:BatchUpdateFindings", "AccessDeniedException", "");
    scene.refusing(ActionKind::Tell, &Addressee::new(&reference(), word).key, problem)
}

#[test]
fn a_contained_instance_is_told_once_and_after_everything_else() {
    let mut claim = informing();
    let looked = claim.look();
    looked.says(FindingUpdated, True, Reason::FindingUpdated, &["Contained"]);
    let last = looked.actions.last().expect("it acted");
    assert_eq!((looked.did(ActionKind::Tell), last.kind()), (1, ActionKind::Tell));
    let written = claim.written.remove(0);
    assert_eq!(written.workflow, Some(Workflow::Notified));
    let note = written.note.expect("it left a note");
    assert!(note.contains("ir/web") && note.contains(ISOLATION) && note.len() <= 512, "{note}");
    claim.look().is_quiet();
}

#[test]
fn the_reason_that_a_responder_gives_stands_in_the_note_however_long_the_rest_is() {
    let mut claim = informing().spec(|spec| spec.reason = Some("IR-2026-041".to_owned()));
    claim.look();
    assert!(claim.written[0].note.as_ref().expect("it left a note").contains("Reason given: IR-2026-041"));
    let long = "so ".repeat(340);
    let mut claim = informing().spec(|spec| spec.reason = Some(long));
    claim.look();
    let note = claim.written[0].note.as_ref().expect("it left a note");
    assert!(note.chars().count() <= 512 && note.contains("Reason given: so so"), "{note}");
}

#[test]
fn somebody_elses_note_stays_and_the_outcome_goes_beside_it() {
    let theirs = FindingNote { text: "ours to solve".to_owned(), updated_by: "analyst".to_owned() };
    let mut read = Finding { note: Some(theirs), ..finding() };
    read.fields.insert("ticket".to_owned(), "42".to_owned());
    let written = change(&read, &saying("contained"));
    assert_eq!(written.note, None);
    assert_eq!(written.fields.get("ticket").map(String::as_str), Some("42"), "what was there stays");
    assert!(written.fields.values().any(|value| value == "contained"));
    read.fields = written.fields;
    assert!(change(&read, &saying("contained")).fields.is_empty(), "it says so already");
}

#[test]
fn our_own_note_is_written_anew_and_not_twice() {
    let ours = |text: &str| {
        let note = FindingNote { text: text.to_owned(), updated_by: NOTE_AUTHOR.to_owned() };
        Finding { note: Some(note), ..finding() }
    };
    assert_eq!(change(&ours("waiting"), &saying("contained")).note.as_deref(), Some("contained"));
    assert_eq!(change(&ours("contained"), &saying("contained")).note, None);
}

#[test]
fn the_workflow_status_moves_from_new_only() {
    for before in [Workflow::Notified, Workflow::Resolved, Workflow::Suppressed] {
        let read = Finding { workflow: before, ..finding() };
        assert_eq!(change(&read, &saying("contained")).workflow, None, "{before:?}");
    }
    let mut resolving =
        informing().class(|class| class.security_hub = Some(hub(serde_json::json!({ "workflowStatus": "RESOLVED" }))));
    resolving.look();
    assert_eq!(resolving.written[0].workflow, Some(Workflow::Resolved));
}

#[test]
fn a_refusal_a_wait_a_part_and_a_failure_are_told_too_and_move_no_workflow_status() {
    let told = |mut scene: Scene| {
        scene.look();
        let written = scene.written.pop().expect("it told");
        assert_eq!(written.workflow, None);
        (scene.facts.claim.status.unwrap().findings.remove(0).told.expect("it is known"), written.note.unwrap())
    };
    let protected = informing().class(|class| class.regions = vec!["us-east-1".to_owned()]);
    assert_eq!(told(protected).0, "Refused/RegionNotAllowed");
    assert_eq!(told(informing().told(|facts| facts.room = Room::ClassFull)).0, "Waiting/LimitReached");
    assert_eq!(told(informing().spec(|spec| spec.suspend = true)).0, "Waiting/Suspended");
    let in_part =
        informing().with("eni-2", &["sg-db"]).refusing(ActionKind::Isolate, "eni-2", refused("UnauthorizedOperation"));
    let (word, note) = told(in_part);
    assert_eq!(word, "Partly");
    assert!(note.contains("1/2"), "{note}");

    let mut blind = informing().unseen(refused("RequestLimitExceeded"));
    assert_eq!(blind.look().did(ActionKind::Tell), 0, "it may pass");
    let (word, note) = told(blind.later(300));
    assert_eq!(word, "Failed");
    assert!(note.contains("not contained yet"), "{note}");
}

#[test]
fn a_finding_about_another_machine_is_left_alone_whatever_becomes_of_the_claim() {
    let elsewhere = |scene: Scene, instances: Vec<NamedInstance>| {
        let mut scene = scene;
        scene.hub = vec![Finding { instances, ..finding() }];
        scene
    };
    let other = named("i-0fedcba9876543210");
    let there = NamedInstance { region: "us-east-1".to_owned(), ..named(INSTANCE) };
    let theirs = NamedInstance { account_id: "355566667777".to_owned(), ..named(INSTANCE) };
    for instances in [vec![], vec![other.clone()], vec![there], vec![theirs]] {
        let mut claim = elsewhere(informing(), instances);
        let looked = claim.look();
        assert_eq!(claim.written, []);
        looked.says(Ready, True, Reason::Contained, &[]);
        let condition = [FINDING, "doesn't name", INSTANCE, "spec.findings"];
        looked.says(FindingUpdated, False, Reason::FindingNotAboutInstance, &condition);
        assert_eq!(looked.told(Reason::FindingNotAboutInstance), 1);
        let again = claim.look();
        assert_eq!((again.writes, again.notes.len()), (0, 0));
    }
    let mut refused =
        elsewhere(informing().class(|class| class.regions = vec!["us-east-1".to_owned()]), vec![other.clone()]);
    refused.look().says(FindingUpdated, False, Reason::FindingNotAboutInstance, &[]);
    assert_eq!(refused.written, []);
    let mut mended = elsewhere(informing(), vec![other.clone()]).looked();
    mended.hub = vec![Finding { instances: vec![other, named(INSTANCE)], ..finding() }];
    mended.look().says(FindingUpdated, True, Reason::FindingUpdated, &[]);
}

#[test]
fn a_release_does_not_wait_for_a_finding_about_another_machine() {
    let mut going = informing();
    going.hub = vec![Finding { instances: vec![], ..finding() }];
    let mut going = going.looked().deleted().later(120);
    assert_eq!((going.look().finalizer, going.written.len()), (FinalizerStep::Remove, 0));
}

#[test]
fn a_dry_run_writes_nothing_on_findings() {
    let mut dry = informing().spec(|spec| spec.mode = Mode::DryRun);
    dry.look().says(FindingUpdated, False, Reason::DryRun, &["mode: Enforce"]);
    let mut refused =
        informing().spec(|spec| spec.mode = Mode::DryRun).class(|class| class.regions = vec!["us-east-1".to_owned()]);
    refused.look().says(FindingUpdated, False, Reason::DryRun, &[]);
    assert_eq!((dry.written, refused.written), (vec![], vec![]));
}

#[test]
fn a_claim_that_lists_a_finding_tries_again_as_soon_as_any_other() {
    let code = "RequestLimitExceeded";
    assert_eq!(informing().unseen(refused(code)).look().pause(), Some(SOON));
    assert_eq!(informing().refusing(ActionKind::Isolate, "eni-1", refused(code)).look().pause(), Some(SOON));
    let unanswered = Problem::no_answer("ec2:ModifyNetworkInterfaceAttribute", "cut");
    assert_eq!(informing().refusing(ActionKind::Isolate, "eni-1", unanswered).look().pause(), Some(SOON));
}

#[test]
fn a_namespace_that_may_not_use_the_class_tells_nobody() {
    let mut outside = informing().class(|class| class.namespace_selector = None);
    let looked = outside.look();
    assert_eq!((looked.did(ActionKind::Tell), looked.has(FindingUpdated)), (0, false));
}

#[test]
fn a_class_without_security_hub_is_named_and_nothing_is_written() {
    let mut mute = informing().class(|class| class.security_hub = None);
    let looked = mute.look();
    looked.says(FindingUpdated, False, Reason::SecurityHubNotConfigured, &["securityHub"]);
    looked.says(Ready, True, Reason::Contained, &[]);
    assert_eq!(looked.did(ActionKind::Tell), 0);
    mute.look().is_quiet();
}

#[test]
fn a_class_that_wants_no_notes_moves_the_workflow_status_alone() {
    let mut quiet = informing().class(|class| class.security_hub = Some(hub(serde_json::json!({ "note": false }))));
    quiet.look();
    assert_eq!((quiet.written[0].note.clone(), quiet.written[0].workflow), (None, Some(Workflow::Notified)));
}

#[test]
fn a_finding_that_is_added_later_is_told_and_the_others_are_not_told_again() {
    let other = FindingReference { id: "other".to_owned(), ..reference() };
    let mut claim = informing().looked().spec(|spec| spec.findings.push(other.clone()));
    claim.hub.push(Finding { id: "other".to_owned(), ..finding() });
    let looked = claim.look();
    let told: Vec<&Addressee> = looked
        .actions
        .iter()
        .flat_map(|action| match action {
            Action::Tell { findings, .. } => findings.iter().collect(),
            _ => vec![],
        })
        .collect();
    assert_eq!(told.iter().map(|told| &told.finding).collect::<Vec<_>>(), [&other]);
    looked.says(FindingUpdated, True, Reason::FindingUpdated, &["All 2"]);
}

#[test]
fn findings_of_one_place_are_told_in_one_action() {
    let others: Vec<String> = (0..20).map(|n| format!("finding-{n}")).collect();
    let mut claim = informing().spec(|spec| {
        spec.findings = others.iter().map(|id| FindingReference { id: id.clone(), ..reference() }).collect()
    });
    claim.hub = others.iter().map(|id| Finding { id: id.clone(), ..finding() }).collect();
    let looked = claim.look();
    assert_eq!(looked.did(ActionKind::Tell), 1);
    looked.says(FindingUpdated, True, Reason::FindingUpdated, &["All 20"]);
}

#[test]
fn a_finding_that_cannot_be_told_is_a_condition_of_its_own_and_tried_at_the_next_look() {
    let mut claim = refusing(informing(), "Contained");
    let looked = claim.look();
    looked.says(Ready, True, Reason::Contained, &[]);
    looked.says(FindingUpdated, False, Reason::FindingNotUpdated, &[FINDING, "AccessDeniedException"]);
    assert_eq!((looked.told(Reason::FindingNotUpdated), looked.pause()), (1, Some(RESYNC)));
    let again = claim.look();
    assert_eq!((again.did(ActionKind::Tell), again.writes, again.notes.len()), (1, 0, 0));
    claim.willing().look().says(FindingUpdated, True, Reason::FindingUpdated, &["Contained"]);
}

#[test]
fn a_release_is_told_before_the_claim_goes() {
    let mut going = informing().looked().deleted().later(120);
    let looked = going.look();
    assert_eq!((looked.finalizer, looked.told(Reason::Released)), (FinalizerStep::Remove, 1));
    assert_eq!(looked.actions.last().map(Action::kind), Some(ActionKind::Tell), "the interfaces came first");
    assert!(going.written.last().unwrap().note.as_ref().unwrap().contains("released"));
    assert_eq!(going.carried("eni-1"), ["sg-web"]);
}

#[test]
fn a_release_by_retain_says_that_the_instance_stays_isolated() {
    let mut going = informing().looked().spec(|spec| spec.release.policy = ReleasePolicy::Retain).deleted();
    let looked = going.look();
    assert_eq!((looked.finalizer, looked.told(Reason::Retained)), (FinalizerStep::Remove, 1));
    assert!(looked.notes.iter().any(|note| note.message.contains("eni-1 (original groups: sg-web)")));
    assert!(going.written.last().unwrap().note.as_ref().unwrap().contains("isolated"));
}

#[test]
fn a_release_waits_for_its_findings_half_a_minute_and_no_longer() {
    let mut going = refusing(informing().looked(), "Released").deleted().later(120);
    let looked = going.look();
    assert_eq!(going.carried("eni-1"), ["sg-web"], "the instance waits for nobody");
    assert_eq!((looked.finalizer, looked.told(Reason::Released)), (FinalizerStep::Keep, 0));
    assert!(looked.pause().is_some_and(|pause| pause <= PATIENCE));
    let looked = going.later(PATIENCE.as_secs() as i64).look();
    assert_eq!(looked.finalizer, FinalizerStep::Remove);
    assert_eq!((looked.told(Reason::Released), looked.told(Reason::FindingNotUpdated)), (1, 1));
}

#[test]
fn what_was_never_told_anything_is_not_waited_for() {
    let mut going = scene().looked().deleted().later(120);
    let looked = going.look();
    assert_eq!((looked.finalizer, looked.did(ActionKind::Tell)), (FinalizerStep::Remove, 0));
}
