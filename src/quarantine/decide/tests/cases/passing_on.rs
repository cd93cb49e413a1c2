//! Records that pass from one claim to another while interfaces move and answers are lost: what may be concluded, by
//! whom, and when.

use super::super::fixtures::{CLUSTER, ISOLATION, Scene, groups, interface, refused, scene};
use crate::{
    api::{
        ConditionStatus::{False, True},
        ConditionType::{Contained, Ready, Stalled},
        InterfaceState, Reason, Time,
    },
    model::problem::Problem,
    quarantine::{
        tags,
        world::{Action, ActionKind, FinalizerStep, Holder},
    },
};
use std::time::Duration;

const ELSEWHERE: &str = "i-0fffffffffffffff0";

/// A claim that has held two interfaces for a while.
fn held() -> Scene {
    scene().called("first", "uid-0").with("eni-2", &["sg-a"]).looked().later(90)
}

/// A claim that stays and holds what this one holds, too.
fn keeper(of: &Scene) -> Holder {
    Holder { name: "keeper".to_owned(), uid: "uid-9".to_owned(), deleting: false, eligible: true, ..of.holder() }
}

fn of_another_instance(holder: Holder) -> Holder {
    Holder { instance_id: Some(ELSEWHERE.to_owned()), ..holder }
}

/// One record only.
fn with_only(holder: Holder, id: &str) -> Holder {
    Holder { records: holder.records.iter().filter(|record| record.id == id).cloned().collect(), ..holder }
}

fn beside(scene: Scene, other: Holder) -> Scene {
    scene.told(|facts| facts.holders = vec![other])
}

/// The interface is attached to this instance now, or to none.
fn moved(scene: Scene, id: &str, to: Option<&str>) -> Scene {
    scene.seen(|view| {
        view.own.remove(id);
        let moved = view.interfaces.iter_mut().filter(|seen| seen.id == id);
        moved.for_each(|seen| seen.instance_id = to.map(str::to_owned));
    })
}

/// eni-1 was given back and carries tags under this claim's uid again; eni-2 is another claim's by now.
fn half_given_back() -> Scene {
    let tags = held().view.interface("eni-1").expect("seen").tags.clone();
    let given_back = held().refusing(ActionKind::Restore, "eni-2", refused("RequestLimitExceeded")).deleted().looked();
    assert_eq!(given_back.record("eni-1").state, InterfaceState::Restored);
    let keeper = with_only(keeper(&held()), "eni-2");
    beside(given_back.willing().tagged("eni-1", tags), keeper)
}

#[test]
fn tags_that_cannot_be_removed_hold_the_finalizer_though_the_rest_was_passed_on() {
    let mut refused = half_given_back().refusing(ActionKind::Untag, "eni-1", refused("UnauthorizedOperation"));
    let looked = refused.look();
    looked.says(Stalled, True, Reason::AccessDenied, &["our tags can't be removed"]);
    assert_eq!((looked.finalizer, refused.record("eni-2").state), (FinalizerStep::Keep, InterfaceState::TakenOver));
    assert_eq!(refused.look().finalizer, FinalizerStep::Keep);
    let mut allowed = refused.willing();
    assert_eq!(allowed.look().finalizer, FinalizerStep::Remove);
    assert!(allowed.view.interface("eni-1").expect("seen").tags.is_empty());
}

#[test]
fn tags_that_nobody_can_look_at_hold_the_finalizer_though_the_rest_was_passed_on() {
    let mut blind = half_given_back().unseen(Problem::from_code("ec2:DescribeInstances", "ServiceUnavailable", ""));
    let looked = blind.look();
    looked.says(Ready, False, Reason::AwsUnavailable, &[]);
    assert_eq!(looked.finalizer, FinalizerStep::Keep);
    assert_eq!(blind.seeing().look().finalizer, FinalizerStep::Remove);
}

#[test]
fn an_interface_that_came_back_and_that_another_claim_keeps_is_not_called_contained() {
    let drifted = held().deleted().with("eni-1", &[ISOLATION, "sg-theirs"]);
    let heir = Holder { records: vec![], finalized: false, ..keeper(&held()) };
    let elsewhere = of_another_instance(with_only(keeper(&held()), "eni-1"));
    let mut waits = drifted.told(|facts| facts.holders = vec![heir, elsewhere]);
    let looked = waits.look();
    looked.says(Ready, False, Reason::HandingOver, &[]);
    looked.says(Contained, False, Reason::HeldByAnother, &["eni-1", "ir/keeper"]);
}

/// A swap of eni-1 is on its way, and nobody heard of it.
fn unheard(scene: Scene) -> Scene {
    scene.told(|facts| {
        let sent = Time(facts.now);
        let status = facts.claim.status.as_mut().expect("has a status");
        status.interfaces[0].unanswered_at = vec![sent.clone()];
        status.interfaces[0].changed_at = Some(sent);
    })
}

#[test]
fn a_record_passes_to_a_claim_that_does_not_know_of_a_swap_on_its_way_only_when_that_can_no_longer_arrive() {
    let there = of_another_instance(with_only(keeper(&held()), "eni-1"));
    let sent = moved(unheard(held()), "eni-1", Some(ELSEWHERE));
    let mut here = beside(sent.clone(), there.clone()).looked();
    assert!(!here.record("eni-1").state.is_final(), "the other one would not wait for it");
    here = here.later(10).looked();
    assert_eq!(here.record("eni-1").state, InterfaceState::TakenOver);

    let mut goes = beside(sent.deleted(), there);
    assert_eq!(goes.look().finalizer, FinalizerStep::Keep);
    let mut goes = goes.later(10);
    assert_eq!((goes.look().finalizer, goes.carried("eni-1")), (FinalizerStep::Remove, groups(&[ISOLATION])));
}

#[test]
fn a_record_passes_at_once_to_a_claim_that_knows_of_the_swap_on_its_way() {
    let sent = unheard(held());
    let mut first = beside(sent.clone().deleted(), keeper(&sent));
    assert_eq!(first.look().finalizer, FinalizerStep::Remove);
}

#[test]
fn of_two_that_go_and_may_not_release_the_older_isolates_what_hangs_on_nobodys_instance() {
    let detached = moved(held(), "eni-1", None).told(|facts| facts.namespace.deleting = true).deleted();
    let drifted = |scene: Scene| {
        let theirs = interface("eni-1", "vpc-1", &["sg-other"]);
        scene.seen(|view| view.interfaces[0].groups = theirs.groups)
    };
    for (other, isolates) in [("uid-00", 0), ("uid-9", 1)] {
        let going = Holder { uid: other.to_owned(), deleting: true, eligible: false, ..keeper(&held()) };
        let mut here = drifted(beside(detached.clone(), of_another_instance(with_only(going, "eni-1"))));
        // Created in the same second: the uid decides.
        here = here.told(|facts| facts.claim.metadata.uid = Some("uid-1".to_owned()));
        let looked = here.look();
        looked.says(Stalled, True, Reason::ReleaseHeld, &[]);
        assert_eq!(looked.did(ActionKind::Isolate), isolates, "beside {other}");
    }
}

#[test]
fn a_claim_of_the_same_instance_from_a_store_that_is_behind_takes_no_record_over() {
    let stale = Holder { uid: "older".to_owned(), ..keeper(&held()) };
    let mut here = beside(moved(held(), "eni-1", Some(ELSEWHERE)), stale);
    here.look();
    assert!(!here.record("eni-1").state.is_final(), "the status of the other one may have been wiped since");
}

#[test]
fn of_two_that_recorded_other_originals_only_the_one_whose_instance_it_is_writes_the_tags() {
    let mut there = of_another_instance(with_only(keeper(&held()), "eni-1"));
    there.records[0].original_security_groups = Some(groups(&["sg-other"]));
    let theirs = tags::of_record(&there.records[0], &there.uid, CLUSTER);
    let mut here = beside(moved(held(), "eni-1", Some(ELSEWHERE)), there).tagged("eni-1", theirs);
    assert_eq!(here.look().actions, []);
}

#[test]
fn tags_that_an_old_read_shows_of_the_claim_before_are_not_left_right_after_a_swap() {
    let tags = tags::of_record(&held().record("eni-1"), "uid-of-the-claim-before", CLUSTER);
    let restored = held().deleted().refusing(ActionKind::Untag, "eni-1", refused("RequestLimitExceeded")).looked();
    let swapped_lately = restored.willing().told(|facts| {
        let status = facts.claim.status.as_mut().expect("has a status");
        status.interfaces[0].changed_at = Some(Time(facts.now));
    });
    let mut stale = swapped_lately.clone().with("eni-1", &[ISOLATION]).tagged("eni-1", tags);
    assert_eq!((stale.look().finalizer, stale.look().pause()), (FinalizerStep::Keep, Some(Duration::from_secs(61))));
    assert_eq!(swapped_lately.later(61).look().finalizer, FinalizerStep::Remove);
}

/// eni-1 was given back; then another claim isolated it, and this one's release goes on.
fn isolated_since(other: Option<Holder>) -> Scene {
    let given_back = held().refusing(ActionKind::Restore, "eni-2", refused("RequestLimitExceeded")).deleted().looked();
    let theirs = tags::of_record(&held().record("eni-1"), "uid-9", CLUSTER);
    let isolated = given_back.willing().with("eni-1", &[ISOLATION]).tagged("eni-1", theirs);
    isolated.told(|facts| facts.holders = other.into_iter().collect())
}

#[test]
fn the_tags_of_a_claim_that_isolated_the_interface_since_are_left_though_its_record_is_lost() {
    let elsewhere = of_another_instance(with_only(keeper(&held()), "eni-1"));
    let lost = Holder { records: vec![], ..elsewhere.clone() };
    for other in [Some(elsewhere), Some(lost), None] {
        let mut scene = isolated_since(other);
        let before = scene.view.interface("eni-1").expect("seen").tags.clone();
        assert_eq!((scene.look().finalizer, scene.carried("eni-1")), (FinalizerStep::Remove, groups(&[ISOLATION])));
        assert_eq!(scene.view.interface("eni-1").expect("seen").tags, before, "all that tells its originals");
    }
}

#[test]
fn tags_that_an_older_read_does_not_show_are_removed_with_the_others() {
    let mut scene = held().deleted();
    let written = scene.view.interface("eni-1").expect("seen").tags.clone();
    let stale =
        tags::of_record(&scene.record("eni-1"), "uid-of-one-that-is-gone", CLUSTER).into_iter().take(1).collect();
    scene = scene.tagged("eni-1", stale);
    let looked = scene.look();
    let removed = looked.actions.iter().find_map(|action| match action {
        Action::Untag { interface_ids, keys } if interface_ids.contains(&"eni-1".to_owned()) => Some(keys.clone()),
        _ => None,
    });
    assert_eq!(removed, Some(written.into_keys().collect::<Vec<_>>()));
}

#[test]
fn a_suspended_claim_that_finds_its_last_interface_gone_while_it_waits_for_an_heir_stays_suspended() {
    let given_back = held().refusing(ActionKind::Restore, "eni-2", refused("RequestLimitExceeded")).deleted().looked();
    let tags = held().view.interface("eni-1").expect("seen").tags.clone();
    let heir = Holder { records: vec![], ..keeper(&held()) };
    let missing = beside(given_back.without("eni-2").spec(|spec| spec.suspend = true), heir).looked();
    let mut gone = missing.tagged("eni-1", tags).later(60);
    let looked = gone.look();
    looked.says(Stalled, True, Reason::Suspended, &["Retain"]);
    assert_eq!((looked.finalizer, looked.actions.len()), (FinalizerStep::Keep, 0));
    gone.look().is_quiet();
}

#[test]
fn a_restore_that_waits_for_a_swap_whose_answer_nobody_heard_says_so() {
    let mut waits = unheard(held().deleted());
    let looked = waits.look();
    looked.says(Ready, False, Reason::Releasing, &["eni-1", "no answer", "may still arrive"]);
    assert_eq!((looked.finalizer, waits.carried("eni-1")), (FinalizerStep::Keep, groups(&[ISOLATION])));
    let mut heard = waits.later(10);
    assert_eq!((heard.look().finalizer, heard.carried("eni-1")), (FinalizerStep::Remove, groups(&["sg-web"])));
}

#[test]
fn what_was_taken_over_just_now_is_looked_for_by_its_id_before_it_counts_as_missing() {
    let going = Holder { deleting: true, eligible: false, ..held().holder() };
    let mut heir = beside(scene().called("second", "uid-2").without("eni-1"), going);
    let takes = heir.look();
    assert_eq!((heir.record("eni-1").missing_since, takes.pause()), (None, Some(Duration::from_secs(1))));
    heir.look();
    assert_eq!(heir.record("eni-1").state, InterfaceState::Missing);
}
