//! Which metrics and labels a PromQL expression names. Reads as much of the language as our own expressions use, and refuses
//! to guess at the rest: what isn't a known function counts as a metric.

use quarantine_operator::metrics::definitions::{ALL, Definition, Kind};
use std::collections::BTreeSet;

/// Functions, operators and keywords.
const WORDS: [&str; 21] = [
    "max",
    "min",
    "sum",
    "count",
    "by",
    "without",
    "on",
    "or",
    "and",
    "unless",
    "bool",
    "offset",
    "rate",
    "increase",
    "absent",
    "histogram_quantile",
    "min_over_time",
    "max_over_time",
    "count_over_time",
    "clamp_min",
    "vector",
];

/// Those after which labels stand in parentheses.
const BEFORE_LABELS: [&str; 3] = ["by", "without", "on"];

#[derive(Debug, Default, PartialEq)]
pub struct Named {
    pub metrics: BTreeSet<String>,
    pub labels: BTreeSet<String>,
}

pub fn named(expression: &str) -> Named {
    let mut named = Named::default();
    let mut before = String::new();
    // What each open bracket holds.
    let mut open: Vec<bool> = Vec::new();
    for token in tokens(expression) {
        match token.as_str() {
            "{" => open.push(true),
            "(" => open.push(BEFORE_LABELS.contains(&before.as_str())),
            "[" => open.push(false),
            "}" | ")" | "]" => drop(open.pop()),
            word if is_name(word) && before != "[" && before != ":" => {
                if open.last() == Some(&true) {
                    named.labels.insert(word.to_owned());
                } else if !WORDS.contains(&word) {
                    named.metrics.insert(word.to_owned());
                }
            }
            _ => {}
        }
        before = token;
    }
    named
}

/// Words, numbers with their units, and single signs; strings are left out.
fn tokens(expression: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut signs = expression.chars().peekable();
    let in_word = |sign: &char| sign.is_ascii_alphanumeric() || *sign == '_' || *sign == '$';
    while let Some(sign) = signs.next() {
        if sign == '"' {
            let mut escaped = false;
            signs.by_ref().find(|sign| {
                let ends = *sign == '"' && !escaped;
                escaped = *sign == '\\' && !escaped;
                ends
            });
        } else if in_word(&sign) {
            let mut word = sign.to_string();
            while let Some(next) = signs.next_if(in_word) {
                word.push(next);
            }
            tokens.push(word);
        } else if !sign.is_whitespace() {
            tokens.push(sign.to_string());
        }
    }
    tokens
}

fn is_name(word: &str) -> bool {
    word.starts_with(|sign: char| sign.is_ascii_alphabetic() || sign == '_')
}

/// The metric of ours that this series belongs to.
pub fn definition(series: &str) -> Option<&'static Definition> {
    ALL.iter().find(|definition| {
        let part = series.strip_prefix(definition.name);
        match definition.kind {
            Kind::Histogram => matches!(part, Some("_bucket" | "_sum" | "_count")),
            Kind::Counter | Kind::Gauge => part == Some(""),
        }
    })
}

#[test]
fn metrics_and_labels_are_told_from_functions_strings_and_times() {
    let said = named(
        "max by (class) (quarantine_objects{condition=\"Ready\",reason=~\"A|B\\\"{x}\"}) > 0 \
         or count_over_time((sum by (le) (rate(another_bucket[$__rate_interval])) > 0)[3h:5m]) >= 3",
    );
    let set = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(said.metrics, set(&["quarantine_objects", "another_bucket"]));
    assert_eq!(said.labels, set(&["class", "condition", "le", "reason"]));
}
