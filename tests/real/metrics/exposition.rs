//! Prometheus' text format, read as strictly as is of use: every sample belongs to a metric whose HELP and TYPE came
//! before it.

use crate::support::process::Process;
use quarantine_operator::metrics::definitions::{ALL, Definition};
use std::collections::BTreeMap;
use xtask::http::get;

/// One scrape.
pub struct Exposition {
    samples: BTreeMap<String, f64>,
    types: BTreeMap<String, String>,
}

impl Exposition {
    pub async fn of(operator: &Process) -> Self {
        let port = operator.port_of("metrics").await;
        let (code, text) = get(port, "/metrics").expect("it answers");
        assert_eq!(code, 200, "{text}");
        Self::read(&text)
    }

    fn read(text: &str) -> Self {
        let (mut samples, mut types, mut helped) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, help) = help.split_once(' ').expect("a help text follows the name");
                assert!(!help.is_empty(), "{line}");
                helped.push(name.to_owned());
            } else if let Some(typed) = line.strip_prefix("# TYPE ") {
                let (name, type_) = typed.split_once(' ').expect("a type follows the name");
                assert_eq!(helped.last().map(String::as_str), Some(name), "HELP stands before TYPE");
                assert!(types.insert(name.to_owned(), type_.to_owned()).is_none(), "{name} has one TYPE");
            } else {
                let (sample, value) = line.rsplit_once(' ').expect("a value follows the sample");
                let name = sample.split('{').next().unwrap_or_default();
                let base = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix));
                let known = |name: &str| helped.last().is_some_and(|last| last == name);
                assert!(known(name) || base.is_some_and(known), "{line} stands below its HELP and TYPE");
                let value = value.parse().unwrap_or_else(|_| panic!("{line} ends in a number"));
                assert!(samples.insert(sample.to_owned(), value).is_none(), "{sample} stands there once");
            }
        }
        Self { samples, types }
    }

    /// The value of a sample, written as in the exposition.
    pub fn value(&self, sample: &str) -> Option<f64> {
        self.samples.get(sample).copied()
    }

    #[track_caller]
    pub fn shows(&self, sample: &str, expected: f64) {
        assert_eq!(self.value(sample), Some(expected), "{sample} in {:#?}", self.samples);
    }

    /// At least one sample that begins so, and all of them at least so great.
    #[track_caller]
    pub fn shows_at_least(&self, begins: &str, least: f64) {
        let found: Vec<f64> = self.beginning(begins).collect();
        assert!(!found.is_empty() && found.iter().all(|value| *value >= least), "{begins} in {:#?}", self.samples);
    }

    pub fn beginning(&self, begins: &str) -> impl Iterator<Item = f64> {
        self.samples.iter().filter(move |(sample, _)| sample.starts_with(begins)).map(|(_, value)| *value)
    }

    /// Every metric that there is, with its type, but for these; and no other.
    #[track_caller]
    pub fn has_all_but(&self, absent: &[&str]) {
        let expected: BTreeMap<String, String> = ALL
            .iter()
            .filter(|definition| !absent.contains(&definition.name))
            .map(|Definition { name, kind, .. }| ((*name).to_owned(), kind.as_str().to_owned()))
            .collect();
        assert_eq!(self.types, expected);
    }

    /// No label holds any of these.
    #[track_caller]
    pub fn names_none_of(&self, ids: &[&str]) {
        let named: Vec<&String> =
            self.samples.keys().filter(|sample| ids.iter().any(|id| sample.contains(id))).collect();
        assert!(named.is_empty(), "{named:#?}");
    }
}
