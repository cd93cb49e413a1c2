//! The figures, as a table in Markdown.

use super::counts::Counts;
use std::{collections::BTreeSet, fmt, time::Duration};

#[derive(Default)]
pub struct Table(String);

impl Table {
    pub fn heading(&mut self, text: String) {
        let gap = if self.0.is_empty() { "" } else { "\n" };
        self.0 += &format!("{gap}| {text} | | |\n|---|---|---|\n");
    }

    /// Median, and the fastest and slowest.
    pub fn times(&mut self, what: &str, times: &[Duration]) {
        let (fastest, slowest) = (times.iter().min(), times.iter().max());
        let ends = [fastest, slowest].map(|time| time.copied().map_or(0.0, ms));
        self.0 += &format!("| {what} | {:.1} ms | {:.1} to {:.1} |\n", ms(median(times)), ends[0], ends[1]);
    }

    /// How much longer one median is than the sum of others.
    pub fn over(&mut self, what: &str, times: &[Duration], floors: &[&[Duration]]) {
        let floor: f64 = floors.iter().map(|floor| ms(median(floor))).sum();
        let time = ms(median(times));
        self.0 += &format!("| {what} | {:+.1} ms | {:.2} × |\n", time - floor, time / floor);
    }

    /// Counts that are the same in each round; where they differ, each that was seen.
    pub fn counts(&mut self, what: &str, rounds: &[Counts]) {
        let names: BTreeSet<&String> = rounds.iter().flat_map(Counts::keys).collect();
        let seen = |of: &dyn Fn(&Counts) -> usize| {
            let seen: BTreeSet<usize> = rounds.iter().map(of).collect();
            seen.iter().map(usize::to_string).collect::<Vec<_>>().join(" or ")
        };
        let each: Vec<String> = names
            .iter()
            .map(|name| format!("{name} {}", seen(&|round| round.get(*name).copied().unwrap_or_default())))
            .collect();
        self.0 += &format!("| {what} | {} | {} |\n", seen(&|round| round.values().sum()), each.join(", "));
    }

    pub fn size(&mut self, what: &str, bytes: u64) {
        // Far below 2^52.
        self.0 += &format!("| {what} | {:.1} MB | |\n", bytes as f64 / 1_000_000.0);
    }

    pub fn line(&mut self, text: String) {
        self.0 += &format!("\n{text}\n");
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

fn median(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort();
    match sorted.len() {
        0 => Duration::ZERO,
        n if n % 2 == 1 => sorted[n / 2],
        n => (sorted[n / 2 - 1] + sorted[n / 2]) / 2,
    }
}
