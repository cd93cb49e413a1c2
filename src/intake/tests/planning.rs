//! What is made of an event, and what becomes of its message.

use super::fixtures::{INSTANCE, VPC, at, changed, event, filter, imported_by, now, read, source, spec, with};
use crate::{
    api::{
        Cause, Counters, FindingFilter, FindingReference, FindingSourceSpec, FindingTarget, InstanceTarget, Mode,
        Quarantine, QuarantineStatus, ResolvedTarget, Time,
    },
    intake::{Approval, Event, Existing, Fate, InstanceFacts, Plan, Step, make::reference, parse, plan, plan::wanted},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

pub fn plan_with(spec: &FindingSourceSpec, event: &Event, facts: &InstanceFacts, now: Timestamp) -> Plan {
    let source = source(spec);
    let facts = wanted(&source, event).into_iter().map(|one| (one.id.clone(), facts.clone())).collect();
    plan(&source, event, &facts, now)
}

pub fn planned(event: &Event, facts: InstanceFacts) -> Plan {
    plan_with(&spec(), event, &facts, now())
}

pub fn released(time: &str) -> InstanceFacts {
    InstanceFacts { released_at: Some(at(time)), ..InstanceFacts::default() }
}

pub fn exists(change: impl FnOnce(&mut Existing)) -> InstanceFacts {
    let mut existing = Existing {
        is_ours: true,
        deleting: false,
        approval: None,
        instance: Some(InstanceTarget {
            id: INSTANCE.to_owned(),
            region: "eu-central-1".to_owned(),
            account_id: Some("211122223344".to_owned()),
        }),
        findings: Vec::new(),
        target_finding: None,
    };
    change(&mut existing);
    InstanceFacts { existing: Some(existing), ..InstanceFacts::default() }
}

/// What is made, where that is all and the message may go then.
#[track_caller]
pub fn made(plan: Plan) -> Quarantine {
    assert!(matches!(plan.fate, Fate::Delete(_)), "{plan:?}");
    match <[Step; 1]>::try_from(plan.steps) {
        Ok([Step::Create(quarantine)]) => *quarantine,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
pub fn is_suspended(plan: Plan, because: &str) {
    let spec = made(plan).spec;
    let reason = spec.reason.expect("a reason");
    assert!(spec.suspend && reason.contains(because) && reason.contains("set suspend: false"), "{reason}");
}

#[track_caller]
pub fn goes(plan: Plan) -> Vec<Step> {
    assert!(matches!(plan.fate, Fate::Delete(_)), "{plan:?}");
    plan.steps
}

#[track_caller]
fn stays(plan: Plan, because: &str) {
    assert_eq!(plan.fate, Fate::Keep);
    let waits = plan.steps.iter().find_map(|step| if let Step::Wait { why, .. } = step { Some(why) } else { None });
    assert!(waits.is_some_and(|why| why.contains(because)), "{:?}", plan.steps);
}

pub fn counted(steps: &[Step]) -> Counters {
    let mut counters = Counters::default();
    steps.iter().for_each(|step| step.count(&mut counters));
    counters
}

#[test]
fn a_press_makes_a_quarantine_of_the_instance_at_once() {
    let quarantine = made(planned(&event("custom-action"), InstanceFacts::default()));
    assert_eq!(quarantine.metadata.name.as_deref(), Some("hub-i-0a1b2c3d4e5f60718"));
    assert!(!quarantine.spec.suspend);
}

#[test]
fn an_imported_finding_and_one_of_guardduty_make_one_too() {
    for name in ["imported", "guard-duty"] {
        assert!(!made(planned(&event(name), InstanceFacts::default())).spec.suspend, "{name}");
    }
}

#[test]
fn each_instance_of_a_finding_has_a_quarantine_of_its_own() {
    let steps = goes(planned(&event("custom-action-several-instances"), InstanceFacts::default()));
    let names: Vec<_> = steps
        .iter()
        .map(|step| match step {
            Step::Create(quarantine) => quarantine.metadata.name.as_deref().expect("a name"),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(names, ["hub-i-0a1b2c3d4e5f60718", "hub-i-00c0ffee", "hub-i-0fedcba9876543210"]);
    assert_eq!(counted(&steps), Counters { created: 3, ..Counters::default() });
}

#[test]
fn findings_of_one_event_about_one_instance_make_one_quarantine() {
    let two = read(&changed("custom-action", |event| {
        let mut second = event["detail"]["findings"][0].clone();
        second["Id"] = json!("another");
        event["detail"]["findings"].as_array_mut().expect("findings").push(second);
    }));
    let quarantine = made(planned(&two, InstanceFacts::default()));
    assert_eq!(quarantine.spec.findings.len(), 2);
    assert!(quarantine.spec.reason.expect("a reason").contains("and 1 more"));
}

#[test]
fn what_is_older_than_the_last_release_makes_nothing() {
    for (name, time) in [("custom-action", "2026-03-02T09:15:30Z"), ("imported", "2026-03-02T09:10:22Z")] {
        let steps = goes(planned(&event(name), released(time)));
        assert!(matches!(&steps[..], [Step::Echo { why, .. }] if why.contains(INSTANCE)), "{steps:?}");
        assert_eq!(counted(&steps), Counters { echoes: 1, ..Counters::default() });
    }
}

#[test]
fn a_press_with_an_action_that_is_none_of_the_sources_is_said_and_its_finding_left_alone() {
    let spec = imported_by(filter());
    let steps = goes(plan_with(&spec, &event("custom-action"), &InstanceFacts::default(), now()));
    assert!(
        matches!(&steps[..], [Step::Refused { cause: Cause::CustomAction, why, note_on: None }] if why.contains("none of the source's")),
        "{steps:?}"
    );
}

#[test]
fn what_may_be_an_echo_of_a_forgotten_release_asks_a_person() {
    let facts = |time: &str| InstanceFacts { forgotten_before: Some(at(time)), ..InstanceFacts::default() };
    is_suspended(planned(&event("custom-action"), facts("2026-03-02T09:15:30Z")), "than the source remembers");
    assert!(!made(planned(&event("custom-action"), facts("2026-03-02T09:15:29Z"))).spec.suspend);
}

#[test]
fn a_press_after_the_release_counts_though_the_finding_is_older() {
    let plan = planned(&event("custom-action"), released("2026-03-02T09:15:29Z"));
    assert!(!made(plan).spec.suspend);
}

#[test]
fn a_note_on_an_old_finding_is_an_echo_though_its_event_is_new() {
    // The event is of 09:15:30, the finding of 09:10:21.
    let steps = goes(planned(&event("imported"), released("2026-03-02T09:12:00Z")));
    assert!(matches!(&steps[..], [Step::Echo { .. }]), "{steps:?}");
    let later = with("imported", "UpdatedAt", json!("2026-03-02T23:00:00Z"));
    let steps = goes(planned(&later, released("2026-03-02T09:16:00Z")));
    assert!(matches!(&steps[..], [Step::Echo { .. }]), "nothing happened after its event: {steps:?}");
    let without = with("imported", "UpdatedAt", json!(null));
    made(planned(&without, released("2026-03-02T09:12:00Z")));
}

#[test]
fn an_automatic_source_asks_a_person_about_what_was_released_lately() {
    let six_days = "2026-02-24T10:00:00Z";
    is_suspended(planned(&event("imported"), released(six_days)), "given back less than 7 days ago");
    is_suspended(planned(&event("guard-duty"), released(six_days)), "given back less than 7 days ago");
    assert!(!made(planned(&event("custom-action"), released(six_days))).spec.suspend, "a person has said it");
    assert!(!made(planned(&event("imported"), released("2026-02-23T09:19:59Z"))).spec.suspend, "7 days are over");
}

#[test]
fn what_comes_late_asks_a_person_whoever_sent_it() {
    for (name, time) in [("custom-action", "2026-03-02T09:15:30Z"), ("imported", "2026-03-02T09:10:21.204Z")] {
        let hour = at(time) + SignedDuration::from_hours(1);
        let plan = |now| plan_with(&spec(), &event(name), &InstanceFacts::default(), now);
        assert!(!made(plan(hour)).spec.suspend, "{name}");
        is_suspended(plan(hour + SignedDuration::from_millis(1)), "older than 3600 seconds");
    }
}

#[test]
fn a_doubt_asks_a_person() {
    let spec = imported_by(FindingFilter { vpc_ids: vec![VPC.to_owned()], ..filter() });
    let untold = read(&changed("imported", |event| {
        event["detail"]["findings"][0]["Resources"][1]["Details"] = json!({});
    }));
    is_suspended(plan_with(&spec, &untold, &InstanceFacts::default(), now()), "doesn't tell the instance's VPC");
    assert!(!made(plan_with(&spec, &event("imported"), &InstanceFacts::default(), now())).spec.suspend);
}

#[test]
fn the_finding_joins_the_quarantine_that_is_there() {
    let event = event("custom-action");
    let finding = reference(&event.findings[0], "eu-central-1").expect("it fits");
    let steps = goes(planned(&event, exists(|_| {})));
    let [Step::Join { namespace, name, add, said: None, .. }] = &steps[..] else { panic!("{steps:?}") };
    assert_eq!((namespace.as_str(), name.as_str()), ("incidents", "hub-i-0a1b2c3d4e5f60718"));
    assert_eq!(add, std::slice::from_ref(&finding));
    assert_eq!(counted(&steps), Counters { joined: 1, ..Counters::default() });
    let again = goes(planned(&event, exists(|existing| existing.findings.push(finding))));
    assert!(matches!(&again[..], [Step::Join { add, .. }] if add.is_empty()), "twice delivered: {again:?}");
}

#[test]
fn the_finding_that_is_the_target_is_not_listed_beside_it() {
    let event = event("custom-action");
    let FindingReference { id, region, product_arn } = reference(&event.findings[0], "").expect("it fits");
    for product_arn in [None, Some(product_arn)] {
        let target = FindingTarget { id: id.clone(), region: region.clone(), product_arn, instance_id: None };
        let steps = goes(planned(&event, exists(|existing| existing.target_finding = Some(target))));
        assert!(matches!(&steps[..], [Step::Join { add, .. }] if add.is_empty()), "{steps:?}");
    }
}

#[test]
fn the_twenty_first_finding_is_left_out_and_that_is_said() {
    let many = |count: usize| {
        exists(|existing| {
            existing.findings = (0..count)
                .map(|n| FindingReference { id: format!("finding-{n}"), ..FindingReference::default() })
                .collect();
        })
    };
    let steps = goes(planned(&event("custom-action"), many(19)));
    assert!(matches!(&steps[..], [Step::Join { add, said: None, .. }] if add.len() == 1), "{steps:?}");
    let steps = goes(planned(&event("custom-action"), many(20)));
    let [Step::Join { add, said: Some(said), .. }] = &steps[..] else { panic!("{steps:?}") };
    assert!(add.is_empty() && said.contains("1 more of i-0a1b2c3d4e5f60718"), "{said}");
}

#[test]
fn the_message_stays_while_the_quarantine_is_being_deleted() {
    stays(planned(&event("custom-action"), exists(|existing| existing.deleting = true)), "is being deleted");
}

#[test]
fn somebody_elses_quarantine_of_the_instance_is_joined_and_that_is_said() {
    let steps = goes(planned(&event("custom-action"), exists(|existing| existing.is_ours = false)));
    assert!(
        matches!(&steps[..], [Step::Join { said: Some(said), .. }] if said.contains("wasn't made by this source")),
        "{steps:?}"
    );
}

#[test]
fn a_press_for_what_waits_for_a_person_says_how_to_say_yes() {
    for (approval, field) in [(Approval::Resume, "set suspend: false"), (Approval::Enforce, "set mode: Enforce")] {
        let waiting = || exists(|existing| existing.approval = Some(approval));
        let steps = goes(planned(&event("custom-action"), waiting()));
        assert!(matches!(&steps[..], [Step::Join { said: Some(said), .. }] if said.contains(field)), "{steps:?}");
        let steps = goes(planned(&event("imported"), waiting()));
        let said = match &steps[..] {
            [Step::Join { said: Some(said), .. }] => said,
            other => panic!("{other:?}"),
        };
        assert!(said.contains("An automatic finding asks") && said.contains(field), "{said}");
    }
}

#[test]
fn the_message_stays_where_the_name_belongs_to_another_instance() {
    let elsewhere: [fn(&mut InstanceTarget); 3] = [
        |target| target.id = "i-00000000".to_owned(),
        |target| target.region = "us-east-1".to_owned(),
        |target| target.account_id = Some("355566667777".to_owned()),
    ];
    for change in elsewhere {
        let facts = exists(|existing| existing.instance.iter_mut().for_each(change));
        stays(planned(&event("custom-action"), facts), "is of another instance");
    }
    stays(planned(&event("custom-action"), exists(|existing| existing.instance = None)), "or of one that isn't known");
    let own_account = exists(|existing| existing.instance.iter_mut().for_each(|target| target.account_id = None));
    goes(planned(&event("custom-action"), own_account));
}

#[test]
fn one_instance_that_must_wait_keeps_the_message_and_the_others_are_contained() {
    let event = event("custom-action-several-instances");
    let spec = spec();
    let source = source(&spec);
    let mut facts: std::collections::BTreeMap<_, _> =
        wanted(&source, &event).into_iter().map(|one| (one.id.clone(), InstanceFacts::default())).collect();
    facts.insert(INSTANCE.to_owned(), exists(|existing| existing.deleting = true));
    let plan = plan(&source, &event, &facts, now());
    assert_eq!(counted(&plan.steps), Counters { created: 2, ..Counters::default() });
    stays(plan, "is being deleted");
}

#[test]
fn an_instance_of_which_nothing_is_known_keeps_the_message() {
    let spec = spec();
    let plan = plan(&source(&spec), &event("custom-action"), &[].into(), now());
    stays(plan, "Nothing is known of i-0a1b2c3d4e5f60718");
}

fn refused(cause: Cause) -> Counters {
    let mut counters = Counters::default();
    counters.refuse(cause);
    counters
}

#[test]
fn what_is_not_wanted_goes_and_counts_by_its_cause() {
    for (name, cause) in [
        ("imported-control", Cause::WorkflowStatus),
        ("imported-after-our-note", Cause::WorkflowStatus),
        ("imported-us-gov", Cause::Product),
        ("guard-duty-sample", Cause::Sample),
    ] {
        let steps = goes(planned(&event(name), InstanceFacts::default()));
        assert!(matches!(&steps[..], [Step::Unwanted { .. }]), "{name}: {steps:?}");
        assert_eq!(counted(&steps), refused(cause), "{name}");
    }
}

#[test]
fn a_person_is_told_on_the_finding_why_nothing_is_done() {
    for (name, cause) in [("custom-action-sample", Cause::Sample), ("custom-action-other-account", Cause::OtherAccount)]
    {
        let steps = goes(planned(&event(name), InstanceFacts::default()));
        assert!(matches!(&steps[..], [Step::Refused { note_on: Some(_), .. }]), "{name}: {steps:?}");
        assert_eq!(counted(&steps), refused(cause), "{name}");
    }
    for name in ["custom-action-without-instance", "custom-action-unreadable-instance"] {
        let steps = goes(planned(&event(name), InstanceFacts::default()));
        assert!(matches!(&steps[..], [Step::WithoutInstance { note_on: Some(_), .. }]), "{name}: {steps:?}");
        assert_eq!(counted(&steps), Counters { without_instance: 1, ..Counters::default() });
    }
}

#[test]
fn nobody_is_told_on_a_finding_that_nobody_chose() {
    let steps = goes(planned(&event("guard-duty-access-key"), InstanceFacts::default()));
    assert!(matches!(&steps[..], [Step::WithoutInstance { note_on: None, .. }]), "{steps:?}");
    let none = with("imported", "Resources", json!([]));
    let steps = goes(planned(&none, InstanceFacts::default()));
    assert!(matches!(&steps[..], [Step::WithoutInstance { note_on: None, .. }]), "{steps:?}");
}

#[test]
fn an_instance_in_two_places_is_none() {
    let two = read(&changed("custom-action", |event| {
        let resources = event["detail"]["findings"][0]["Resources"].as_array_mut().expect("resources");
        let mut elsewhere = resources.last().expect("the instance").clone();
        elsewhere["Id"] = json!("arn:aws:ec2:us-east-1:211122223344:instance/i-0a1b2c3d4e5f60718");
        resources.push(elsewhere);
    }));
    let steps = goes(planned(&two, InstanceFacts::default()));
    assert!(matches!(&steps[..], [Step::WithoutInstance { why, .. }] if why.contains("us-east-1")), "{steps:?}");
}

#[test]
fn an_unreadable_message_counts_as_one_and_has_no_plan() {
    let mut counters = Counters::default();
    parse("?").expect_err("no event").count(&mut counters);
    assert_eq!(counters, Counters { unreadable: 1, ..Counters::default() });
}

#[test]
fn what_exists_is_known_by_its_label_its_target_and_its_deletion() {
    let mut quarantine = made(planned(&event("custom-action"), InstanceFacts::default()));
    let ours = Existing::of(&quarantine, "hub");
    assert!(ours.is_ours && !ours.deleting && ours.approval.is_none());
    assert_eq!((ours.instance.expect("named").id.as_str(), ours.findings.len()), (INSTANCE, 1));
    assert!(!Existing::of(&quarantine, "another").is_ours);
    quarantine.metadata.deletion_timestamp = Some(Time(now()));
    quarantine.spec.target.instance = None;
    let target = ResolvedTarget { instance_id: "i-00c0ffee".to_owned(), ..ResolvedTarget::default() };
    quarantine.status = Some(QuarantineStatus { target: Some(target), ..QuarantineStatus::default() });
    quarantine.spec.mode = Mode::DryRun;
    assert_eq!(Existing::of(&quarantine, "hub").approval, Some(Approval::Enforce));
    quarantine.spec.suspend = true;
    let going = Existing::of(&quarantine, "hub");
    assert!(going.deleting && going.approval == Some(Approval::Resume));
    assert_eq!(going.instance.expect("resolved").id, "i-00c0ffee");
}
