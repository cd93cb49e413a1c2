//! The protocol as a state machine: two Quarantines of two uids each, their Containment, one interface, one replica that may be
//! cut off anywhere and succeeded by the next. Every state within the stated bounds is visited, breadth first; each break of a rule is
//! reported with the shortest way to it.
//!
//! `MODEL_FAULTS` and `MODEL_ACTS` widen the bounds: `MODEL_FAULTS=2 MODEL_ACTS=4 cargo test --release -p quarantine-core --test model`.
#![forbid(unsafe_code)]

mod act;
mod api_server;
mod closure;
mod drive;
mod ec2;
mod search;
mod state;

use search::{Bounds, search};
use state::Setting;

/// The bounds of every day: few faults with few acts, and no fault with more.
const BOUNDS: [Bounds; 2] = [Bounds { faults: 1, acts: 2 }, Bounds { faults: 0, acts: 3 }];

fn asked(name: &str) -> Option<u8> {
    let asked = std::env::var(name).ok()?;
    Some(asked.parse().unwrap_or_else(|_| panic!("{name} must be a small number, not {asked}")))
}

/// Searches, prints what was visited, and fails with the way to the first break.
fn holds(name: &str, setting: Setting) {
    let asked = asked("MODEL_FAULTS").zip(asked("MODEL_ACTS")).map(|(faults, acts)| Bounds { faults, acts });
    for bounds in asked.map_or(BOUNDS.to_vec(), |bounds| vec![bounds]) {
        let began = std::time::Instant::now();
        let found = search(setting, bounds);
        let Bounds { faults, acts } = bounds;
        let (states, ends, seconds) = (found.states, found.closures, began.elapsed().as_secs_f32());
        println!("{name}: faults {faults}, acts {acts}: {states} states, {ends} run to their end, {seconds:.1} s");
        if let Some(breaks) = found.breaks {
            panic!("{} after:\n{}", breaks.rule, breaks.way.join("\n"));
        }
    }
}

#[test]
fn every_state_from_nothing_keeps_the_rules() {
    holds("from nothing", Setting::default());
}

#[test]
fn every_state_from_nothing_keeps_the_rules_where_releases_wait_for_a_person() {
    holds("from nothing, releaseApproval Always", Setting { approval_always: true, ..Setting::default() });
}

#[test]
fn every_state_keeps_the_rules_from_where_two_hold() {
    holds("from where two hold", Setting { begins_held: true, ..Setting::default() });
}

#[test]
fn every_state_keeps_the_rules_from_where_two_hold_and_releases_wait_for_a_person() {
    holds("from where two hold, releaseApproval Always", Setting { begins_held: true, approval_always: true });
}
