//! Messages that were changed at random: nothing panics, and nothing is deleted that wasn't understood.
//!
//! `MUTATIONS` sets how many messages, `MUTATION_SEED` with which number they begin; each message has a number of its
//! own, which a failure prints, and `MUTATIONS=1 MUTATION_SEED=<number>` makes that one again. What was handled wrongly
//! once lies in `fixtures/found`.

use super::{
    fits::{assert_fits, assert_references_fit},
    fixtures::{all, at, now, source, spec},
    mutate::{Numbers, message},
    oracle,
};
use crate::{
    api::InstanceTarget,
    intake::{Event, Existing, Fate, InstanceFacts, Plan, Step, parse, plan, plan::wanted},
    model::instance::NamedInstance,
};
use serde_json::Value;
use std::{env, time::Instant};

/// So many that a debug build takes a few seconds.
const MUTATIONS: u64 = 10_000;

fn asked(variable: &str, otherwise: u64) -> u64 {
    env::var(variable).ok().map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{variable} is a number")))
}

/// Says which message it was.
struct Numbered(u64, String);

impl Drop for Numbered {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("MUTATIONS=1 MUTATION_SEED={}\n{}", self.0, self.1);
        }
    }
}

#[derive(Debug, Default)]
struct Tally {
    unreadable: u64,
    understood: u64,
    deleted: u64,
    kept: u64,
    made: u64,
    joined: u64,
}

#[test]
fn no_changed_message_panics_and_none_is_deleted_that_was_not_understood() {
    let seeds: Vec<(String, Value)> =
        all().into_iter().filter_map(|(_, text)| serde_json::from_str(&text).ok().map(|json| (text, json))).collect();
    let (first, many, start) = (asked("MUTATION_SEED", 1), asked("MUTATIONS", MUTATIONS), Instant::now());
    let mut tally = Tally::default();
    for number in first..first + many {
        let mut numbers = Numbers(number);
        let text = message(&seeds, &mut numbers);
        let told = Numbered(number, text);
        check(&told.1, &mut numbers, &mut tally);
    }
    println!("{many} messages in {:.1?}: {tally:?}", start.elapsed());
    assert_eq!(tally.unreadable + tally.understood, many, "none is lost");
    if many >= MUTATIONS {
        let Tally { unreadable, understood: _, deleted, kept, made, joined } = tally;
        assert!([unreadable, deleted, kept, made, joined].iter().all(|count| *count > many / 500), "each end is met");
    }
}

#[test]
fn what_was_once_handled_wrongly_is_handled_well() {
    let mut tally = Tally::default();
    for (name, text) in all() {
        for number in 0..24 {
            check(&text, &mut Numbers(number), &mut tally);
        }
        assert_eq!(parse(&text), parse(&text), "{name}");
    }
}

fn check(text: &str, numbers: &mut Numbers, tally: &mut Tally) {
    let event = match parse(text) {
        Err(unreadable) => {
            assert!(!unreadable.why.is_empty() && unreadable.why.chars().count() <= 512, "{}", unreadable.why);
            assert!(unreadable.begins.chars().count() <= 200);
            tally.unreadable += 1;
            return;
        }
        Ok(event) => event,
    };
    tally.understood += 1;
    agree(text, &event);
    let spec = spec();
    let source = source(&spec);
    let facts = wanted(&source, &event).into_iter().map(|one| (one.id.clone(), some_facts(one, numbers))).collect();
    let planned = plan(&source, &event, &facts, now());
    assert_eq!(planned, plan(&source, &parse(text).expect("as before"), &facts, now()), "twice the same");
    check_plan(&planned, wanted(&source, &event).len());
    match planned.fate {
        Fate::Delete(_) => tally.deleted += 1,
        Fate::Keep => tally.kept += 1,
    }
    for step in &planned.steps {
        match step {
            Step::Create(_) => tally.made += 1,
            Step::Join { .. } => tally.joined += 1,
            _ => {}
        }
    }
}

/// What was understood is there, and nothing else is.
fn agree(text: &str, event: &Event) {
    let json: Value = match serde_json::from_str(text) {
        Ok(json) => json,
        Err(error) => return assert!(beyond_a_value(&error.to_string()), "what was understood is JSON: {error}"),
    };
    assert_eq!(oracle::objection(&json), None);
    let understood: Vec<oracle::Places> = event
        .findings
        .iter()
        .map(|finding| {
            let place =
                |instance: &NamedInstance| (instance.id.clone(), instance.account_id.clone(), instance.region.clone());
            let places: oracle::Places = finding.instances.iter().map(place).collect();
            assert_eq!(places.len(), finding.instances.len(), "each once");
            places
        })
        .collect();
    assert_eq!(understood, oracle::places(&json));
}

/// What JSON allows and a `Value` can't hold: where nobody reads it, it does no harm.
fn beyond_a_value(error: &str) -> bool {
    ["hex escape", "surrogate", "number out of range", "recursion limit"].iter().any(|kind| error.contains(kind))
}

/// A message goes only when each wanted instance has its object, or had it until the event was old.
fn check_plan(planned: &Plan, wanted: usize) {
    assert!(!planned.steps.is_empty());
    let settled =
        planned.steps.iter().filter(|step| matches!(step, Step::Create(_) | Step::Join { .. } | Step::Echo { .. }));
    let waits = planned.steps.iter().filter(|step| matches!(step, Step::Wait { .. })).count();
    assert_eq!(settled.count() + waits, wanted, "each wanted instance has its step");
    assert_eq!(matches!(planned.fate, Fate::Delete(_)), waits == 0);
    for step in &planned.steps {
        match step {
            Step::Create(quarantine) => assert_fits(quarantine),
            Step::Join { add, .. } => assert_references_fit(add),
            Step::Refused { why, note_on, .. } | Step::WithoutInstance { why, note_on } => {
                assert!(why.chars().count() <= 512);
                assert_references_fit(note_on.as_slice());
            }
            Step::Echo { why, .. } | Step::Unwanted { why, .. } | Step::Crowded { why } | Step::Wait { why, .. } => {
                assert!(!why.is_empty());
            }
        }
    }
}

fn some_facts(instance: &NamedInstance, numbers: &mut Numbers) -> InstanceFacts {
    let released_at = match numbers.below(4) {
        0 => Some(at("2026-01-02T00:00:00Z")),
        1 => Some(at("2026-03-02T09:12:00Z")),
        _ => None,
    };
    let named = InstanceTarget {
        id: instance.id.clone(),
        region: instance.region.clone(),
        account_id: Some(instance.account_id.clone()),
    };
    let other = InstanceTarget { id: "i-0fffffffffffffff0".to_owned(), ..named.clone() };
    let existing = (numbers.below(2) == 0).then(|| Existing {
        is_ours: numbers.below(4) > 0,
        deleting: numbers.below(4) == 0,
        approval: None,
        instance: numbers.pick(&[Some(named.clone()), Some(named), Some(other), None]).clone(),
        findings: Vec::new(),
        target_finding: None,
    });
    let forgotten_before = (numbers.below(4) == 0).then(|| at("2026-01-02T00:00:00Z"));
    InstanceFacts { released_at, forgotten_before, existing }
}
