//! The rules that never break, over histories of people, other writers, faults, old reads and crashes. One property per
//! rule; each history is run to its end, and must end well.
//!
//! `PROPTEST_CASES` sets how many histories each property goes through, `HISTORY_STEPS` how long each is at least.

use super::simulation::{
    Simulation, Tally,
    history::{Start, Step, history},
};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use std::cell::RefCell;

/// So many that the whole run stays well below a minute in a debug build.
const HISTORIES: u32 = 60;

/// As many as asked for, other ones each time; else the same few, so that a change is judged by the change.
fn runner() -> TestRunner {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    let cases = asked.unwrap_or(HISTORIES);
    let config = Config { cases, max_shrink_iters: 5_000, failure_persistence: None, ..Config::default() };
    match asked {
        Some(_) => TestRunner::new(config),
        None => TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[3; 32])),
    }
}

/// A short history tells more, a long one meets more.
fn lengths() -> std::ops::RangeInclusive<usize> {
    let least = std::env::var("HISTORY_STEPS").ok().and_then(|steps| steps.parse().ok()).unwrap_or(1);
    least..=least.max(50) + 10
}

/// No history breaks this rule.
fn holds(rule: u8) {
    let outcome = runner().run(&history(lengths()), |(start, steps)| check(rule, &start, &steps));
    tell(outcome);
}

fn tell(outcome: Result<(), TestError<(Start, Vec<Step>)>>) {
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(why, (start, steps))) => panic!("{why}\n{start:?}\n{steps:?}"),
        Err(aborted) => panic!("{aborted}"),
    }
}

fn check(rule: u8, start: &Start, steps: &[Step]) -> Result<(), TestCaseError> {
    match Simulation::new(start, None).run(steps) {
        Err(broken) if broken.rule == rule => Err(TestCaseError::fail(format!("rule {rule}: {}", broken.what))),
        _ => Ok(()),
    }
}

#[test]
fn rule_01_way_back_first() {
    holds(1);
}

#[test]
fn rule_02_originals_are_sacred() {
    holds(2);
}

#[test]
fn rule_03_exact_return() {
    holds(3);
}

#[test]
fn rule_04_no_silent_letting_go() {
    holds(4);
}

#[test]
fn rule_05_one_driver() {
    holds(5);
}

#[test]
fn rule_06_refused_means_untouched() {
    holds(6);
}

#[test]
fn rule_07_true_means_read_back() {
    holds(7);
}

#[test]
fn rule_08_one_bad_interface_stops_nobody() {
    holds(8);
}

#[test]
fn rule_09_nothing_swallowed() {
    holds(9);
}

#[test]
fn rule_10_quiet_at_rest() {
    holds(10);
}

#[test]
fn rule_11_already_isolated_no_record() {
    holds(11);
}

#[test]
fn rule_12_bounded_blast_radius() {
    holds(12);
}

#[test]
fn rule_13_release_is_meant() {
    holds(13);
}

/// A property that never meets its case proves nothing.
#[test]
fn the_histories_go_through_everything_that_the_rules_speak_of() {
    let seen = RefCell::new(Tally::default());
    let config = Config { cases: 1_000, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[1; 32]));
    let outcome = runner.run(&history(1..=60), |(start, steps)| {
        let mut simulation = Simulation::new(&start, None);
        let ran = simulation.run(&steps);
        seen.borrow_mut().add(&simulation.tally);
        ran.map_err(|broken| TestCaseError::fail(format!("rule {}: {}", broken.rule, broken.what)))
    });
    println!("{:#?}", seen.borrow().0);
    tell(outcome);
    let seen = seen.into_inner().0;
    for case in [
        "contained",
        "claims released",
        "claims retained",
        "claims let go without records",
        "reconciles cut off",
        "crashes between record and act",
        "crashes while acting",
        "drift put right",
        "decisions with a refused interface",
        "contained but for a refused interface",
        "decisions with an interface gone",
        "first reads that were stale",
        "originals unknown",
        "interfaces left to somebody else",
        "original groups missing",
        "open groups seen",
        "releases held",
        "releases with forged tags",
        "statuses wiped",
        "records lost",
        "claims that wait for another",
        "claims handed over",
        "interfaces moved",
        "decisions with an interface that another claim took over",
    ] {
        assert!(seen.get(case).is_some_and(|times| *times > 0), "no history went through: {case}");
    }
}
