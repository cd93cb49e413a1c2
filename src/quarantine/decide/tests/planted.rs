//! The rules have teeth: deliberate bugs, each found by the rule that it breaks, and shrunk to a short history.

use super::simulation::{
    Broken, Simulation,
    history::{Start, Step, history},
};
use crate::{
    api::{Condition, ConditionStatus, ConditionType, InterfaceState, InterfaceStatus, Reason},
    quarantine::world::{Action, ActionKind, Decision, FinalizerStep, Room, Sight, World},
};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use std::cell::RefCell;

/// A deliberate bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planted {
    ActsBeforeItRecords,
    OverwritesTheOriginalsOnDrift,
    LeavesEverySecondGroupBehind,
    LetsGoWhileAnInterfaceIsRefused,
    SaysContainedWithoutReadingBack,
    TrustsAReadRightAfterASwap,
    TakesTheIsolationGroupForTheOriginal,
    StopsAllWhenOneIsRefused,
    SwallowsARefusal,
    TellsTheTimeInAMessage,
    TakesBackWhatSomebodyElseChanged,
    LetsGoWithTheNamespace,
    ActsThoughPolicyRefuses,
    CallsUnknownOriginalsRestorable,
    LeavesTheTagsWhenTheirRemovalFails,
    ForgetsTheSwapThatNobodyHeardOf,
    TakesItsLostRecordsForAnothersOnes,
}

impl Planted {
    pub fn acts_before_it_records(self) -> bool {
        self == Self::ActsBeforeItRecords
    }

    /// What the bug makes of a right decision.
    pub fn corrupt(self, world: &World, decision: &mut Decision) {
        let Sight::Seen(_, view) = &world.sight else { return };
        let deleting = world.facts.claim.is_deleting();
        let records = &mut decision.status.interfaces;
        match self {
            Self::ActsBeforeItRecords => {}
            Self::OverwritesTheOriginalsOnDrift => {
                for record in records.iter_mut().filter(|record| record.state == InterfaceState::Isolating) {
                    record.original_security_groups = view.interface(&record.id).map(|seen| seen.groups.clone());
                }
            }
            Self::LeavesEverySecondGroupBehind => {
                for action in &mut decision.actions {
                    if let Action::Restore { groups, .. } = action {
                        *groups = groups.iter().step_by(2).cloned().collect();
                    }
                }
            }
            Self::LetsGoWhileAnInterfaceIsRefused => {
                if deleting && records.iter().any(|record| record.state == InterfaceState::RestoreHeld) {
                    decision.finalizer = FinalizerStep::Remove;
                }
            }
            Self::SaysContainedWithoutReadingBack => {
                if decision.actions.iter().any(|action| action.kind() == ActionKind::Isolate) && !deleting {
                    say(decision, ConditionType::Contained, ConditionStatus::True);
                }
            }
            Self::TrustsAReadRightAfterASwap => {
                let restored =
                    |id: &str, groups: &[String]| view.interface(id).is_some_and(|seen| seen.groups == groups);
                let trusted: Vec<String> = decision
                    .actions
                    .iter()
                    .filter_map(|action| match action {
                        Action::Restore { interface_id, groups } if restored(interface_id, groups) => {
                            Some(interface_id.clone())
                        }
                        _ => None,
                    })
                    .collect();
                records
                    .iter_mut()
                    .filter(|record| trusted.contains(&record.id))
                    .for_each(|record| record.state = InterfaceState::Restored);
                decision.actions.retain(|action| {
                    action.kind() != ActionKind::Restore || !trusted.contains(&action.subjects()[0].to_owned())
                });
                if deleting
                    && !trusted.is_empty()
                    && records.iter().all(|record| record.state.is_final())
                    && decision.actions.is_empty()
                {
                    decision.finalizer = FinalizerStep::Remove;
                }
            }
            Self::TakesTheIsolationGroupForTheOriginal => {
                for record in records.iter_mut() {
                    record.original_security_groups.get_or_insert_with(|| record.isolation_groups.clone());
                }
            }
            Self::StopsAllWhenOneIsRefused => {
                let managed = view.interfaces.iter().any(|seen| seen.managed_by.is_some());
                if managed && !deleting {
                    decision.actions.retain(|action| action.kind() != ActionKind::Isolate);
                }
            }
            Self::SwallowsARefusal => {
                for condition in &mut decision.status.conditions {
                    condition.message = condition.message.split("ec2").next().unwrap_or_default().to_owned();
                }
            }
            Self::TellsTheTimeInAMessage => {
                for condition in &mut decision.status.conditions {
                    condition.message = format!("{} Looked at {}.", condition.message, world.facts.now);
                }
            }
            Self::TakesBackWhatSomebodyElseChanged => {
                let theirs: Vec<_> =
                    records.iter_mut().filter(|record| record.state == InterfaceState::NotOurs).collect();
                for record in theirs {
                    record.state = InterfaceState::Restoring;
                    let groups = record.original_security_groups.clone().unwrap_or_default();
                    decision.actions.push(Action::Restore { interface_id: record.id.clone(), groups });
                    decision.finalizer = FinalizerStep::Keep;
                    decision.notes.clear();
                }
            }
            Self::LetsGoWithTheNamespace => {
                if deleting && world.facts.namespace.deleting {
                    decision.finalizer = FinalizerStep::Remove;
                }
            }
            Self::CallsUnknownOriginalsRestorable => {
                for condition in
                    decision.status.conditions.iter_mut().filter(|condition| condition.is(ConditionType::Restorable))
                {
                    condition.status = ConditionStatus::True;
                }
            }
            Self::LeavesTheTagsWhenTheirRemovalFails => {
                let failed = |record: &InterfaceStatus| world.outcomes.problem(ActionKind::Untag, &record.id).is_some();
                let ended = records.iter().all(|record| record.state.is_final());
                if deleting && ended && records.iter().any(failed) {
                    decision.finalizer = FinalizerStep::Remove;
                }
            }
            Self::ForgetsTheSwapThatNobodyHeardOf => {
                let sent = |record: &&mut InterfaceStatus| {
                    decision
                        .actions
                        .iter()
                        .any(|action| action.kind() == ActionKind::Isolate && action.subjects() == [&record.id])
                };
                records.iter_mut().filter(sent).for_each(|record| record.unanswered_at.clear());
            }
            Self::TakesItsLostRecordsForAnothersOnes => {
                let lost = !world.facts.claim.has_records();
                if deleting && lost && world.facts.holders.iter().any(|holder| holder.holds()) {
                    records.clear();
                    decision.finalizer = FinalizerStep::Remove;
                }
            }
            Self::ActsThoughPolicyRefuses => {
                if world.facts.room != Room::Free && !deleting {
                    decision.finalizer = FinalizerStep::Add;
                }
            }
        }
    }
}

fn say(decision: &mut Decision, type_: ConditionType, status: ConditionStatus) {
    let conditions: &mut Vec<Condition> = &mut decision.status.conditions;
    for condition in conditions.iter_mut().filter(|condition| condition.is(type_)) {
        condition.status = status;
        condition.reason = Reason::Contained.as_str();
    }
}

/// Looks for a history in which the bug shows, and shrinks it.
fn found(planted: Planted) -> (Start, Vec<Step>, Broken) {
    let config = Config { cases: 4_000, max_shrink_iters: 4_000, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]));
    let last = RefCell::new(None);
    let outcome = runner.run(&history(1..=40), |(start, steps)| {
        Simulation::new(&start, Some(planted)).run(&steps).map_err(|broken| {
            let told = TestCaseError::fail(broken.what.clone());
            last.replace(Some(broken));
            told
        })
    });
    let Err(TestError::Fail(_, (start, steps))) = outcome else { panic!("{planted:?} was not found: {outcome:?}") };
    let broken = Simulation::new(&start, Some(planted)).run(&steps).expect_err("the minimal history fails again");
    assert!(Simulation::new(&start, None).run(&steps).is_ok(), "without the bug the same history is fine");
    (start, steps, broken)
}

/// The bug breaks one of these rules, and a history of at most so many steps and three interfaces shows it.
fn is_found_by(planted: Planted, rules: &[u8], at_most: usize) {
    let (start, steps, broken) = found(planted);
    println!(
        "{planted:?}: rule {} after {} steps, {} interface(s): {steps:?}",
        broken.rule,
        steps.len(),
        start.interfaces.len()
    );
    assert!(rules.contains(&broken.rule), "found by rule {}: {}", broken.rule, broken.what);
    assert!(steps.len() <= at_most && start.interfaces.len() <= 3, "{start:?} {steps:?}");
}

#[test]
fn an_operator_that_acts_before_it_records_is_found_by_way_back_first() {
    is_found_by(Planted::ActsBeforeItRecords, &[1], 5);
}

#[test]
fn an_operator_that_records_drift_as_the_originals_is_found_by_originals_are_sacred() {
    is_found_by(Planted::OverwritesTheOriginalsOnDrift, &[2], 6);
}

#[test]
fn an_operator_that_leaves_every_second_group_behind_is_found_by_exact_return() {
    is_found_by(Planted::LeavesEverySecondGroupBehind, &[3], 3);
}

#[test]
fn an_operator_that_lets_go_while_an_interface_is_refused_is_found_by_no_silent_letting_go() {
    is_found_by(Planted::LetsGoWhileAnInterfaceIsRefused, &[4], 5);
}

#[test]
fn an_operator_that_says_contained_without_reading_back_is_found_by_true_means_read_back() {
    is_found_by(Planted::SaysContainedWithoutReadingBack, &[7], 2);
}

#[test]
fn an_operator_that_trusts_a_read_right_after_a_swap_is_found_by_no_silent_letting_go() {
    is_found_by(Planted::TrustsAReadRightAfterASwap, &[4, 10], 8);
}

#[test]
fn an_operator_that_takes_the_isolation_group_for_the_original_is_found_by_originals_are_sacred() {
    is_found_by(Planted::TakesTheIsolationGroupForTheOriginal, &[2], 4);
}

#[test]
fn an_operator_that_stops_all_when_one_is_refused_is_found_by_one_bad_interface_stops_nobody() {
    is_found_by(Planted::StopsAllWhenOneIsRefused, &[8], 3);
}

#[test]
fn an_operator_that_swallows_a_refusal_is_found_by_nothing_swallowed() {
    is_found_by(Planted::SwallowsARefusal, &[9], 3);
}

#[test]
fn an_operator_that_tells_the_time_in_a_message_is_found_by_quiet_at_rest() {
    is_found_by(Planted::TellsTheTimeInAMessage, &[10], 2);
}

#[test]
fn an_operator_that_takes_back_what_somebody_else_changed_is_found_by_exact_return() {
    is_found_by(Planted::TakesBackWhatSomebodyElseChanged, &[3, 4], 6);
}

#[test]
fn an_operator_that_lets_go_with_the_namespace_is_found_by_no_silent_letting_go() {
    is_found_by(Planted::LetsGoWithTheNamespace, &[4, 13], 4);
}

#[test]
fn an_operator_that_acts_though_policy_refuses_is_found_by_refused_means_untouched() {
    is_found_by(Planted::ActsThoughPolicyRefuses, &[6], 3);
}

#[test]
fn an_operator_that_calls_unknown_originals_restorable_is_found_by_already_isolated_no_record() {
    is_found_by(Planted::CallsUnknownOriginalsRestorable, &[11], 3);
}

#[test]
fn an_operator_that_leaves_the_tags_when_their_removal_fails_is_found_by_no_silent_letting_go() {
    is_found_by(Planted::LeavesTheTagsWhenTheirRemovalFails, &[4], 6);
}

#[test]
fn an_operator_that_forgets_the_swap_that_nobody_heard_of_is_found_by_no_silent_letting_go() {
    is_found_by(Planted::ForgetsTheSwapThatNobodyHeardOf, &[4], 6);
}

#[test]
fn an_operator_that_takes_its_lost_records_for_anothers_ones_is_found_by_no_silent_letting_go() {
    is_found_by(Planted::TakesItsLostRecordsForAnothersOnes, &[4], 8);
}
