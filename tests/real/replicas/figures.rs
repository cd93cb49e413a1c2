//! What rounds of take-overs took, and what was changed by whom had no right to: printed for people.

use super::stage::Times;
use std::io::Write as _;

/// What happens to a leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strike {
    Kill,
    Freeze,
}

impl Strike {
    pub fn signal(self) -> &'static str {
        match self {
            Self::Kill => "KILL",
            Self::Freeze => "STOP",
        }
    }
}

/// In seconds after the strike.
pub struct Round {
    pub strike: Strike,
    /// Until the next replica had the lease, and until its first change reached AWS.
    pub leads: f64,
    pub acts: f64,
    /// Changes by the old leader that reached AWS after its time: sent between its last look and the freeze.
    pub late: usize,
}

pub fn print(times: &Times, rounds: &[Round]) {
    let mut lines = format!("replicas: {} rounds, {times:?}\n", rounds.len());
    for strike in [Strike::Kill, Strike::Freeze] {
        let of_strike = || rounds.iter().filter(|round| round.strike == strike);
        let (leads, acts) = (of_strike().map(|round| round.leads), of_strike().map(|round| round.acts));
        let late: usize = of_strike().map(|round| round.late).sum();
        lines += &format!(
            "replicas: {} times {strike:?}: leads after {}, acts after {}, {late} late changes\n",
            of_strike().count(),
            spread(leads.collect()),
            spread(acts.collect()),
        );
    }
    // Not print!, which the test harness keeps to itself: the figure is wanted of a run that passes.
    std::io::stderr().write_all(lines.as_bytes()).expect("standard error takes it");
}

fn spread(mut seconds: Vec<f64>) -> String {
    seconds.sort_by(f64::total_cmp);
    let Some(longest) = seconds.last() else { return "-".to_owned() };
    format!("median {:.1} s, at most {longest:.1} s", seconds[(seconds.len() - 1) / 2])
}
