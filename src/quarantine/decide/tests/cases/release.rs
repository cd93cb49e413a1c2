//! The way back: exactly the own groups, and nothing let go in silence.

use super::super::fixtures::{ISOLATION, Scene, groups, refused, scene};
use super::super::looked::{SOON, WAIT};
use crate::{
    api::{
        ConditionStatus::{False, True},
        ConditionType::{Contained, Ready, Reconciling, Stalled},
        InterfaceState, MissingGroups, Reason, ReleasePolicy,
    },
    model::problem::Problem,
    quarantine::world::{Action, ActionKind, FinalizerStep},
};
use std::time::Duration;

fn held() -> Scene {
    scene().with("eni-2", &["sg-a", "sg-b"]).looked().later(90)
}

#[test]
fn a_deleted_claim_gives_each_interface_its_own_groups_and_goes() {
    let mut scene = held().deleted();
    let looked = scene.look();
    assert_eq!((looked.finalizer, looked.told(Reason::Released)), (FinalizerStep::Remove, 1));
    assert_eq!((scene.carried("eni-1"), scene.carried("eni-2")), (groups(&["sg-web"]), groups(&["sg-a", "sg-b"])));
}

#[test]
fn our_tags_are_gone_before_the_finalizer_is() {
    let mut scene = held().deleted();
    let looked = scene.look();
    let kinds: Vec<ActionKind> = looked.actions.iter().map(Action::kind).collect();
    assert_eq!(kinds, [ActionKind::Restore, ActionKind::Restore, ActionKind::Untag]);
    assert!(scene.view.interfaces.iter().all(|seen| seen.tags.is_empty()));
}

#[test]
fn tags_that_cannot_be_removed_hold_the_finalizer_and_are_told_once() {
    let mut scene = held().refusing(ActionKind::Untag, "eni-1", refused("UnauthorizedOperation")).deleted();
    let looked = scene.look();
    looked.says(Stalled, True, Reason::AccessDenied, &["our tags can't be removed", "Retain"]);
    looked.says(Contained, False, Reason::Releasing, &[]);
    assert_eq!(looked.finalizer, FinalizerStep::Keep);
    let again = scene.look();
    assert_eq!((again.did(ActionKind::Untag), again.writes, again.notes.len()), (1, 0, 0));
    assert_eq!(scene.willing().look().finalizer, FinalizerStep::Remove);
}

#[test]
fn within_a_minute_of_a_swap_the_restore_is_sent_whatever_a_read_shows() {
    let stored = scene().decide();
    let mut unsettled = scene().told(|facts| {
        facts.claim.status = Some(stored.status);
        facts.claim.metadata.finalizers = Some(vec![crate::api::FINALIZER.to_owned()]);
    });
    let waits = unsettled.clone().deleted().decide();
    assert_eq!((waits.actions.len(), waits.pause()), (0, Some(Duration::from_secs(10))), "nobody heard of the swap");
    let decision = unsettled.clone().later(10).deleted().decide();
    assert_eq!(decision.actions.len(), 1, "the swap may be newer than the read: {decision:?}");
    assert_eq!(unsettled.clone().later(60).deleted().decide().actions.len(), 1);
    unsettled = unsettled.later(61).deleted();
    assert_eq!((unsettled.decide().actions, unsettled.decide().finalizer), (vec![], FinalizerStep::Remove));
}

#[test]
fn an_interface_whose_originals_are_unknown_is_not_somebody_elses_within_a_minute_of_a_swap() {
    let unknown = scene().with("eni-1", &[ISOLATION]).looked().later(60).looked().with("eni-1", &["sg-new"]);
    let stored = unknown.decide();
    assert_eq!(stored.actions.len(), 1, "drift is put right");
    let unsettled = unknown.told(|facts| facts.claim.status = Some(stored.status)).deleted();
    let decision = unsettled.decide();
    assert_eq!((decision.finalizer, decision.pause()), (FinalizerStep::Keep, Some(Duration::from_secs(61))));
    assert_eq!(unsettled.later(61).look().told(Reason::InterfaceNotOurs), 1);
}

#[test]
fn an_interface_that_somebody_else_changed_is_left_and_its_originals_are_named() {
    let mut scene = held().deleted().with("eni-2", &["sg-theirs"]);
    let looked = scene.look();
    assert_eq!((looked.finalizer, scene.carried("eni-2")), (FinalizerStep::Remove, groups(&["sg-theirs"])));
    let warning = looked.notes.iter().find(|note| note.reason == Reason::InterfaceNotOurs).expect("a warning");
    assert!(
        warning.warning && warning.message.contains("sg-a, sg-b") && warning.message.contains("sg-theirs"),
        "{}",
        warning.message
    );
}

#[test]
fn an_interface_counts_as_gone_after_two_reads_a_minute_apart() {
    let mut scene = held().deleted().without("eni-2");
    let first = scene.look();
    first.says(Reconciling, True, Reason::VerifyingGone, &["eni-2"]);
    assert_eq!((first.finalizer, first.pause()), (FinalizerStep::Keep, Some(Duration::from_secs(60))));
    let mut early = scene.clone().later(30);
    assert_eq!(early.look().pause(), Some(Duration::from_secs(30)));
    assert_eq!(scene.clone().later(60).look().finalizer, FinalizerStep::Remove);
    let mut found = scene.later(30).with("eni-2", &[ISOLATION]);
    assert_eq!(found.look().finalizer, FinalizerStep::Remove);
    assert_eq!(found.carried("eni-2"), ["sg-a", "sg-b"]);
}

#[test]
fn a_missing_original_group_holds_the_interface_and_names_the_ways_out() {
    let mut scene = held().group_gone("sg-b").deleted();
    let looked = scene.look();
    looked.says(Stalled, True, Reason::OriginalGroupMissing, &["sg-b", "missingGroups: Drop", "Retain"]);
    assert_eq!((looked.finalizer, looked.pause()), (FinalizerStep::Keep, Some(WAIT)));
    assert_eq!((scene.carried("eni-1"), scene.carried("eni-2")), (groups(&["sg-web"]), groups(&[ISOLATION])));
    scene.look().is_quiet();

    let mut dropped = scene.clone().spec(|spec| spec.release.missing_groups = MissingGroups::Drop);
    assert_eq!(dropped.look().finalizer, FinalizerStep::Remove);
    assert_eq!(dropped.carried("eni-2"), ["sg-a"]);
}

#[test]
fn an_interface_that_has_no_original_group_left_is_held_even_with_drop() {
    let mut scene =
        held().group_gone("sg-web").deleted().spec(|spec| spec.release.missing_groups = MissingGroups::Drop);
    let looked = scene.look();
    looked.says(Stalled, True, Reason::OriginalGroupMissing, &["none of its original groups is left", "Retain"]);
    assert_eq!(scene.carried("eni-1"), [ISOLATION]);
}

#[test]
fn retain_lets_go_of_everything_as_it_is_and_names_the_originals() {
    let mut scene = held().spec(|spec| spec.release.policy = ReleasePolicy::Retain).deleted();
    let looked = scene.look();
    assert_eq!((looked.finalizer, looked.actions.len(), looked.told(Reason::Retained)), (FinalizerStep::Remove, 0, 1));
    assert!(looked.notes[0].message.contains("sg-a, sg-b"));
    assert_eq!(scene.carried("eni-1"), [ISOLATION]);
}

#[test]
fn retain_works_when_aws_cannot_be_asked() {
    let blind = held().unseen(Problem::from_code("sts:AssumeRole", "AccessDenied", ""));
    assert_eq!(
        blind.spec(|spec| spec.release.policy = ReleasePolicy::Retain).deleted().look().finalizer,
        FinalizerStep::Remove
    );
}

#[test]
fn a_release_that_aws_does_not_answer_is_tried_again() {
    let mut blind = held().unseen(Problem::from_code("ec2:DescribeInstances", "ServiceUnavailable", "")).deleted();
    let looked = blind.look();
    looked.says(Ready, False, Reason::AwsUnavailable, &[]);
    assert_eq!((looked.finalizer, looked.pause()), (FinalizerStep::Keep, Some(SOON)));
}

#[test]
fn a_restore_that_may_pass_is_tried_again_and_told_once() {
    let mut scene = held().refusing(ActionKind::Restore, "eni-1", refused("RequestLimitExceeded")).deleted();
    let looked = scene.look();
    looked.says(Reconciling, True, Reason::Throttled, &["eni-1"]);
    assert_eq!(looked.pause(), Some(SOON));
    let again = scene.look();
    assert_eq!((again.writes, again.notes.len(), again.did(ActionKind::Restore)), (0, 0, 1));
}

#[test]
fn a_swap_that_aws_has_answered_delays_no_restore() {
    let mut scene = scene().looked();
    assert!(scene.record("eni-1").unanswered_at.is_empty(), "heard");
    scene = scene.deleted();
    assert_eq!((scene.look().finalizer, scene.carried("eni-1")), (FinalizerStep::Remove, groups(&["sg-web"])));
}

#[test]
fn a_claim_that_never_acted_has_no_finalizer_and_goes_by_itself() {
    let looked = scene().deleted().look();
    assert_eq!((looked.finalizer, looked.actions.len(), looked.pause()), (FinalizerStep::Keep, 0, None));
}

#[test]
fn a_crash_between_finalizer_and_record_lets_go_of_an_untouched_instance() {
    let untouched = held().wiped().tagged("eni-1", Default::default()).tagged("eni-2", Default::default());
    let mut scene = untouched.with("eni-1", &["sg-web"]).with("eni-2", &["sg-a", "sg-b"]).deleted();
    let looked = scene.look();
    assert_eq!((looked.finalizer, looked.pause()), (FinalizerStep::Keep, Some(Duration::from_secs(60))));
    looked.says(Reconciling, True, Reason::VerifyingGone, &["a minute later"]);
    let mut scene = scene.later(60);
    let looked = scene.look();
    assert_eq!((looked.finalizer, looked.actions.len(), looked.notes.len()), (FinalizerStep::Remove, 0, 1));
}

#[test]
fn a_finalizer_without_records_that_policy_does_not_let_resolve_names_retain() {
    let mut scene = held().wiped().class(|class| class.namespace_selector = None).deleted();
    scene.look().says(Stalled, True, Reason::NamespaceNotAllowed, &["release.policy: Retain"]);
}

#[test]
fn a_restored_interface_is_left_alone_while_another_one_waits() {
    let mut scene = held().group_gone("sg-b").deleted();
    scene.look();
    let mut edited = scene.with("eni-1", &["sg-later"]);
    assert_eq!(edited.look().actions, []);
    assert_eq!(edited.record("eni-1").state, InterfaceState::Restored);
}
