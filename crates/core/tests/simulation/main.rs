//! Random histories of several instances, interfaces that move between them, two VPCs and two classes, above the same machines that the
//! model walks: what is too wide for every state is tried by chance. All rules are checked along the way, and at the end of each
//! history nobody wants anything any more: then everything must be as it was.
//!
//! `SIMULATION_SEED=n` runs one history; `SIMULATION_HISTORIES=n` as many as that, of 60 and of 160 steps. A break prints the seed that finds it
//! again.
#![forbid(unsafe_code)]

mod chance;
mod checks;
mod history;
mod replica;
mod world;

use chance::Chance;
use history::History;
use std::time::Instant;

/// Histories of every day, of 60 steps; a fifth as many have 160.
const HISTORIES: u64 = 6_000;

fn asked(name: &str) -> Option<u64> {
    let asked = std::env::var(name).ok()?;
    Some(asked.parse().unwrap_or_else(|_| panic!("{name} must be a number, not {asked}")))
}

/// Runs one history to its end, and answers how many steps it took.
fn run(seed: u64, steps: usize) -> u64 {
    let mut history = History::new(Chance::new(seed));
    if let Err(rule) = history.run(steps) {
        panic!("{rule}\nSIMULATION_SEED={seed} (of {steps} steps), after:\n{}", history.told().join("\n"));
    }
    history.steps()
}

#[test]
fn no_history_breaks_a_rule_and_each_ends_as_it_began() {
    if let Some(seed) = asked("SIMULATION_SEED") {
        for steps in [60, 160] {
            run(seed, steps);
        }
        return;
    }
    let began = Instant::now();
    let histories = asked("SIMULATION_HISTORIES").unwrap_or(HISTORIES);
    let first: u64 =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |now| now.as_secs()) << 20;
    let mut steps = 0;
    for number in 0..histories {
        steps += run(first + number, 60);
        if number % 5 == 0 {
            steps += run(first + number, 160);
        }
    }
    println!(
        "{histories} histories of 60 steps and {} of 160 from seed {first}: {steps} steps, {:.0} s",
        histories.div_ceil(5),
        began.elapsed().as_secs_f32()
    );
}
