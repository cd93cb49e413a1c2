//! What the core decides beyond the protocol: drift, fights, missing groups, interfaces that move, other clusters. One picture in, one
//! decision out; the model walks the ways between them.
#![forbid(unsafe_code)]

use jiff::{SignedDuration, Timestamp};
use quarantine_core::{
    call::{Call, Outcome, Outcomes},
    decide::{Decision, Unrecorded, World, decide},
    holders::Presence,
    interface::Requeue,
    look::{Backup, Group, Look, Seen},
    object::{
        ApprovalReason, Attempt, AttemptKind, Containment, Drift, Groups, Holder, Quarantine, Record, Source, State,
        Status, Version,
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

const VPC: &str = "vpc";

fn groups(ids: &[&str]) -> Groups {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

fn seconds_ago(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH - SignedDuration::from_secs(seconds)
}

/// An isolated interface, recorded an hour ago.
fn record(id: &str) -> Record {
    Record {
        id: id.to_owned(),
        vpc_id: VPC.to_owned(),
        originals: Some(groups(&["own"])),
        source: Source::Interface,
        isolation_groups: groups(&["iso"]),
        in_force: "iso".to_owned(),
        recorded_at: seconds_ago(3_600),
        swapped_at: Some(seconds_ago(3_600)),
        unanswered: Vec::new(),
        missing_since: None,
        unshown: 0,
        drift: Drift::default(),
        due_back: false,
        state: State::Isolated,
    }
}

fn seen(carried: &[&str]) -> Seen {
    Seen {
        vpc_id: VPC.to_owned(),
        groups: groups(carried),
        attached: true,
        primary: false,
        managed: false,
        backup: Backup::Ours { originals: Some(groups(&["own"])), whole: true },
    }
}

/// One Quarantine that holds one instance.
struct Scene {
    containment: Containment,
    quarantine: Quarantine,
    look: Look,
    outcomes: Outcomes,
    doubted: BTreeSet<String>,
}

impl Scene {
    fn with(records: Vec<Record>, interfaces: &[(&str, Seen)]) -> Self {
        let holder = Holder {
            namespace: "ir".to_owned(),
            name: "web".to_owned(),
            uid: "u".to_owned(),
            joined_at: seconds_ago(3_600),
            class_name: "class".to_owned(),
            approval_always: false,
        };
        Self {
            containment: Containment {
                uid: "c".to_owned(),
                version: Version("1".to_owned()),
                finalized: true,
                deleting: false,
                holders: vec![holder],
                status: Status { records, ..Status::default() },
            },
            quarantine: Quarantine { finalized: true, ..Quarantine::created("u".to_owned(), Version("1".to_owned())) },
            look: Look {
                interfaces: interfaces.iter().map(|(id, seen)| ((*id).to_owned(), seen.clone())).collect(),
                groups: BTreeMap::from([(
                    ("u".to_owned(), VPC.to_owned()),
                    Group { id: Some("iso".to_owned()), prepare: false },
                )]),
                ..Look::default()
            },
            outcomes: Outcomes::default(),
            doubted: BTreeSet::new(),
        }
    }

    fn released(mut self) -> Self {
        self.quarantine.deleting = true;
        self
    }

    fn decides(&self) -> Decision {
        let quarantines = BTreeMap::from([("u".to_owned(), Presence::Found(self.quarantine.clone()))]);
        decide(&World {
            now: Timestamp::UNIX_EPOCH,
            containment: &self.containment,
            quarantines: &quarantines,
            live: true,
            look: &self.look,
            outcomes: &self.outcomes,
            doubted: &self.doubted,
        })
        .expect("everything was read live")
    }

    /// The only record after the decision.
    fn record(&self) -> Record {
        let mut records = self.decides().status.records;
        assert_eq!(records.len(), 1, "{records:?}");
        records.remove(0)
    }
}

fn swaps(decision: &Decision) -> Vec<(&str, AttemptKind, &Groups)> {
    let swaps = decision.calls.iter().filter_map(|call| match call {
        Call::SetGroups { interface, attempt, groups } => Some((interface.as_str(), attempt.kind, groups)),
        Call::Tag { .. } | Call::Untag { .. } | Call::PrepareGroup { .. } => None,
    });
    swaps.collect()
}

#[test]
fn one_read_that_shows_other_groups_is_doubted_and_the_second_one_is_drift() {
    let mut scene = Scene::with(vec![record("eni")], &[("eni", seen(&["other"]))]);
    let first = scene.decides();
    assert_eq!(first.doubted, BTreeSet::from(["eni".to_owned()]));
    assert!(
        first.calls.is_empty() && first.status == scene.containment.status,
        "nothing is said on one read: {first:?}"
    );
    scene.doubted = first.doubted;
    let second = scene.decides();
    assert_eq!(swaps(&second), [("eni", AttemptKind::Swap, &groups(&["iso"]))]);
    assert_eq!(second.status.records[0].drift.corrections, 1);
}

#[test]
fn within_a_minute_of_our_own_change_other_groups_are_put_right_and_nobody_is_accused() {
    let fresh = Record { swapped_at: Some(seconds_ago(5)), ..record("eni") };
    let decision = Scene::with(vec![fresh], &[("eni", seen(&["own"]))]).decides();
    assert_eq!(swaps(&decision).len(), 1);
    assert_eq!(decision.status.records[0].drift.corrections, 0);
}

#[test]
fn an_interface_that_is_fought_over_is_looked_at_within_seconds() {
    let fight = Drift { corrections: 0, in_a_row: 2, last: Some(seconds_ago(2)) };
    let turned = Record { swapped_at: Some(seconds_ago(2)), drift: fight, ..record("eni") };
    let record = Scene::with(vec![turned], &[("eni", seen(&["own"]))]).record();
    assert!(record.drift.is_fought_over(Timestamp::UNIX_EPOCH));
    let isolated = Scene::with(vec![Record { state: State::Isolated, ..record }], &[("eni", seen(&["iso"]))]).decides();
    assert_eq!(isolated.then, quarantine_core::decide::Then::LookAgain(Requeue::After(Duration::from_secs(5))));
}

#[test]
fn an_acknowledged_swap_that_no_read_shows_is_read_again_with_growing_pauses() {
    let mut pauses = Vec::new();
    let mut unshown = 0;
    for _ in 0..8 {
        let attempt = Attempt { at: seconds_ago(0), kind: AttemptKind::Swap };
        let sent = Record { state: State::Isolating, unshown, unanswered: vec![attempt], ..record("eni") };
        let mut scene = Scene::with(vec![sent], &[("eni", seen(&["own"]))]);
        scene.outcomes.swaps.insert(("eni".to_owned(), attempt), Outcome::Applied);
        let decision = scene.decides();
        let quarantine_core::decide::Then::LookAgain(Requeue::After(pause)) = decision.then else {
            panic!("{decision:?}");
        };
        pauses.push(pause.as_secs());
        unshown = decision.status.records[0].unshown;
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 64]);
}

#[test]
fn an_interface_that_a_service_manages_is_refused_without_a_call() {
    let new = Record { state: State::Isolating, swapped_at: None, ..record("eni") };
    let decision = Scene::with(vec![new], &[("eni", Seen { managed: true, ..seen(&["own"]) })]).decides();
    assert_eq!((decision.status.records[0].state, decision.calls.len()), (State::Refused, 0));
}

#[test]
fn originals_that_no_longer_exist_hold_the_restore_until_a_person_drops_them() {
    let two = Record { originals: Some(groups(&["own", "gone"])), ..record("eni") };
    let mut scene = Scene::with(vec![two], &[("eni", seen(&["iso"]))]).released();
    scene.look.existing = Some(groups(&["own"]));
    scene.look.interfaces.get_mut("eni").expect("it is there").backup =
        Backup::Ours { originals: Some(groups(&["own", "gone"])), whole: true };
    let held = scene.decides();
    assert_eq!((held.status.records[0].state, swaps(&held).len()), (State::RestoreHeld, 0));
    scene.quarantine.drops_missing = true;
    assert_eq!(swaps(&scene.decides()), [("eni", AttemptKind::Restore, &groups(&["own"]))]);
    scene.look.existing = Some(Groups::new());
    assert_eq!(scene.record().state, State::RestoreHeld, "an interface must carry one");
}

#[test]
fn an_interface_attached_after_the_isolation_with_its_group_gets_the_primary_ones_originals_after_a_minute() {
    let late = |age| Record { originals: None, swapped_at: None, recorded_at: seconds_ago(age), ..record("late") };
    let bare = Seen { backup: Backup::None, ..seen(&["iso"]) };
    let primary = Seen { primary: true, ..seen(&["iso"]) };
    let of = |age| {
        let decision =
            Scene::with(vec![record("eni"), late(age)], &[("eni", primary.clone()), ("late", bare.clone())]).decides();
        decision.status.records.into_iter().find(|record| record.id == "late").expect("it is there")
    };
    assert_eq!(
        (of(30).originals, of(30).source),
        (None, Source::Interface),
        "it may have been given back a moment ago"
    );
    assert_eq!((of(60).originals, of(60).source), (Some(groups(&["own"])), Source::Primary));
}

#[test]
fn what_another_cluster_recorded_before_is_withdrawn_without_a_call_unless_it_is_adopted() {
    let theirs = |older| Seen { backup: Backup::Elsewhere { originals: None, older }, ..seen(&["theirs"]) };
    let decision = Scene::with(vec![record("eni")], &[("eni", theirs(true))]).decides();
    assert_eq!((decision.status.records[0].state, decision.calls.len()), (State::Withdrawn, 0));
    let mut ours = Scene::with(vec![record("eni")], &[("eni", theirs(false))]);
    ours.doubted = BTreeSet::from(["eni".to_owned()]);
    assert_eq!(swaps(&ours.decides()).len(), 1, "we recorded it before they did");
    let mut fresh = Scene::with(Vec::new(), &[("eni", theirs(true))]);
    assert_eq!(fresh.decides().unrecorded["eni"], Unrecorded::HeldElsewhere);
    fresh.quarantine.adopts = true;
    assert_eq!(swaps(&fresh.decides()).len(), 1);
}

#[test]
fn what_is_always_carried_beside_an_isolation_group_is_an_original_whole() {
    let mut scene = Scene::with(Vec::new(), &[("eni", Seen { backup: Backup::None, ..seen(&["own", "elsewhere"]) })]);
    scene.look.isolating = groups(&["elsewhere"]);
    assert_eq!(scene.record().originals, Some(groups(&["own", "elsewhere"])));
}

#[test]
fn an_interface_that_hangs_on_another_held_instance_carries_that_ones_group_and_is_given_back_when_that_one_ends() {
    let away = Seen { attached: false, ..seen(&["iso"]) };
    let mut scene = Scene::with(vec![record("eni")], &[("eni", away)]).released();
    scene.look.held_there = BTreeMap::from([("eni".to_owned(), Some("theirs".to_owned()))]);
    let decision = scene.decides();
    assert_eq!(swaps(&decision), [("eni", AttemptKind::Swap, &groups(&["theirs"]))]);
    assert_eq!(decision.status.released, BTreeSet::from(["u".to_owned()]), "it holds nobody up");
    let record = &decision.status.records[0];
    assert!(record.due_back && !record.state.is_final());

    let waits = Record { state: State::Isolated, swapped_at: Some(seconds_ago(100)), ..record.clone() };
    let mut over = Scene::with(vec![waits], &[("eni", Seen { attached: false, ..seen(&["theirs"]) })]);
    over.containment.holders.clear();
    assert_eq!(swaps(&over.decides()), [("eni", AttemptKind::Restore, &groups(&["own"]))], "nobody holds it there");
}

#[test]
fn of_two_records_of_one_interface_the_younger_is_withdrawn_and_no_third_is_made() {
    let mut scene = Scene::with(vec![record("eni")], &[("eni", seen(&["iso"]))]);
    scene.look.recorded_by_others = BTreeMap::from([("eni".to_owned(), false)]);
    assert_eq!(scene.record().state, State::Isolated, "ours is the older one");
    scene.look.recorded_by_others = BTreeMap::from([("eni".to_owned(), true)]);
    let decision = scene.decides();
    assert_eq!((decision.status.records[0].state, decision.calls.len()), (State::Withdrawn, 0));
    let mut none = Scene::with(Vec::new(), &[("eni", seen(&["iso"]))]);
    none.look.recorded_by_others = BTreeMap::from([("eni".to_owned(), true)]);
    let decision = none.decides();
    assert_eq!((decision.status.records.len(), decision.unrecorded["eni"]), (0, Unrecorded::RecordedByAnother));
}

#[test]
fn one_interface_that_is_refused_keeps_no_other_from_being_isolated() {
    let attempt = Attempt { at: seconds_ago(0), kind: AttemptKind::Swap };
    let refused = Record { state: State::Isolating, unanswered: vec![attempt], ..record("bad") };
    let fresh = Record { state: State::Isolating, swapped_at: None, ..record("good") };
    let mut scene = Scene::with(vec![refused, fresh], &[("bad", seen(&["own"])), ("good", seen(&["own"]))]);
    scene.outcomes.swaps.insert(("bad".to_owned(), attempt), Outcome::Refused);
    let decision = scene.decides();
    assert_eq!(decision.status.records[0].state, State::Refused);
    assert_eq!(swaps(&decision), [("good", AttemptKind::Swap, &groups(&["iso"]))]);
}

#[test]
fn while_suspended_what_a_read_shows_is_noted_and_nothing_is_sent() {
    let mut scene = Scene::with(vec![record("eni")], &[("eni", seen(&["other"])), ("new", seen(&["own"]))]);
    scene.quarantine.suspended = true;
    let decision = scene.decides();
    assert!(decision.calls.is_empty(), "{decision:?}");
    assert_eq!(decision.status.records[0].state, State::Isolating);
    assert_eq!(decision.unrecorded["new"], Unrecorded::NotWanted);
}

#[test]
fn a_managed_group_is_prepared_before_anything_is_recorded_with_it() {
    let mut scene = Scene::with(Vec::new(), &[("eni", Seen { backup: Backup::None, ..seen(&["own"]) })]);
    scene.look.groups = BTreeMap::from([(("u".to_owned(), VPC.to_owned()), Group { id: None, prepare: true })]);
    let decision = scene.decides();
    assert_eq!(decision.calls, [Call::PrepareGroup { vpc_id: VPC.to_owned() }]);
    assert_eq!((decision.status.records.len(), decision.unrecorded["eni"]), (0, Unrecorded::NoGroup));
}

#[test]
fn tags_that_name_other_originals_are_said_while_the_instance_is_held_and_hold_its_release() {
    let forged = Seen { backup: Backup::Ours { originals: Some(groups(&["open"])), whole: false }, ..seen(&["iso"]) };
    let held = Scene::with(vec![record("eni")], &[("eni", forged.clone())]);
    assert_eq!(held.decides().status.asks, BTreeSet::from([ApprovalReason::TagsDiffer]));
    let mut released = Scene::with(vec![record("eni")], &[("eni", forged)]).released();
    assert!(swaps(&released.decides()).iter().all(|(_, kind, _)| *kind == AttemptKind::Swap));
    released.quarantine.approved = BTreeSet::from([ApprovalReason::TagsDiffer]);
    assert_eq!(swaps(&released.decides()), [("eni", AttemptKind::Restore, &groups(&["own"]))]);
}

#[test]
fn tags_that_name_other_originals_stay_for_the_person_who_is_asked() {
    let forged = Seen { backup: Backup::Ours { originals: Some(groups(&["open"])), whole: false }, ..seen(&["iso"]) };
    let mut scene = Scene::with(vec![record("eni")], &[("eni", forged)]);
    let tags = |scene: &Scene| scene.decides().calls.iter().any(|call| matches!(call, Call::Tag { .. }));
    assert!(tags(&scene), "while nobody leaves, they are put right");
    scene = scene.released();
    assert!(!tags(&scene), "put right, they would ask nobody at the next look");
}

#[test]
fn tags_that_are_older_than_what_the_record_has_learnt_ask_nobody() {
    let bare = Seen { backup: Backup::Ours { originals: None, whole: false }, ..seen(&["iso"]) };
    let scene = Scene::with(vec![record("eni")], &[("eni", bare)]).released();
    let decision = scene.decides();
    assert_eq!(decision.status.asks, BTreeSet::new());
    assert_eq!(swaps(&decision), [("eni", AttemptKind::Restore, &groups(&["own"]))]);
}

#[test]
fn rule_11_once_its_originals_count_as_unknown_what_an_interface_carries_never_becomes_its_originals() {
    let found_isolated = Record { originals: None, swapped_at: None, recorded_at: seconds_ago(60), ..record("eni") };
    let bare = |carried: &[&str]| Seen { backup: Backup::Ours { originals: None, whole: true }, ..seen(carried) };
    let mut scene = Scene::with(vec![found_isolated.clone()], &[("eni", bare(&["iso"]))]);
    let watched = scene.record();
    assert_eq!((watched.originals.as_ref(), watched.source), (None, Source::Unknown));

    scene.containment.status.records = vec![watched];
    scene.look.interfaces.insert("eni".to_owned(), bare(&["open"]));
    scene.doubted = BTreeSet::from(["eni".to_owned()]);
    let decision = scene.decides();
    assert_eq!(decision.status.records[0].originals, None, "it is drift");
    assert_eq!(swaps(&decision), [("eni", AttemptKind::Swap, &groups(&["iso"]))]);

    // Within the minute the read that made the record may have been older than a release.
    let young = Record { recorded_at: seconds_ago(30), state: State::Isolating, ..found_isolated };
    let learnt = Scene::with(vec![young], &[("eni", bare(&["own"]))]).record();
    assert_eq!((learnt.originals, learnt.source), (Some(groups(&["own"])), Source::Interface));
}
