//! The events of `src/intake/fixtures`, and how a test changes one.

use crate::{
    api::{Accept, FindingFilter, FindingSourceSpec, QuarantineTemplate},
    intake::{Event, Source, parse},
    model::finding::Finding,
};
use jiff::Timestamp;
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
};

pub const ACTION: &str = "arn:aws:securityhub:eu-central-1:211122223344:action/custom/Quarantine";
pub const PRODUCT: &str = "arn:aws:securityhub:eu-central-1::product/aws/guardduty";
pub const INSTANCE: &str = "i-0a1b2c3d4e5f60718";
pub const VPC: &str = "vpc-0c1b2a39485766554";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/intake/fixtures")
}

/// Every event, by its file's name, and what runs of mutations found.
pub fn all() -> Vec<(String, String)> {
    let mut all = Vec::new();
    for folder in [folder(), folder().join("field"), folder().join("found")] {
        let Ok(entries) = fs::read_dir(folder) else { continue };
        for path in entries.map(|entry| entry.expect("a folder can be read").path()) {
            if path.extension().is_some_and(|extension| extension == "json") {
                let name = path.file_stem().expect("it has a name").to_string_lossy().into_owned();
                all.push((name, fs::read_to_string(&path).expect("an event is text")));
            }
        }
    }
    assert!(all.len() > 10, "the fixtures are where they belong");
    all.sort();
    all
}

pub fn body(name: &str) -> String {
    let path = folder().join(format!("{name}.json"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub fn changed(name: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut event = serde_json::from_str(&body(name)).expect("an event is JSON");
    change(&mut event);
    event.to_string()
}

/// With one change to its first finding.
pub fn with(name: &str, field: &str, value: Value) -> Event {
    read(&changed(name, |event| {
        let finding = if event["detail"]["findings"].is_array() {
            &mut event["detail"]["findings"][0]
        } else {
            &mut event["detail"]
        };
        finding[field] = value;
    }))
}

pub fn read(body: &str) -> Event {
    parse(body).unwrap_or_else(|unreadable| panic!("{}", unreadable.why))
}

pub fn event(name: &str) -> Event {
    read(&body(name))
}

pub fn finding(name: &str) -> Finding {
    let mut findings = event(name).findings;
    assert_eq!(findings.len(), 1, "{name}");
    findings.remove(0)
}

/// A source that takes its custom action, findings of GuardDuty from Security Hub, and GuardDuty's own.
pub fn spec() -> FindingSourceSpec {
    FindingSourceSpec {
        queue_url: "https://sqs.eu-central-1.amazonaws.com/211122223344/findings".to_owned(),
        region: "eu-central-1".to_owned(),
        assume_role: None,
        custom_action: None,
        accept: Some(Accept {
            custom_action_arns: vec![ACTION.to_owned()],
            imported: Some(filter()),
            in_progress: None,
            guard_duty: Some(FindingFilter::default()),
        }),
        template: QuarantineTemplate {
            namespace: "incidents".to_owned(),
            class_name: Some("isolate".to_owned()),
            labels: [("team".to_owned(), "security".to_owned())].into(),
            reason: Some("From Security Hub.".to_owned()),
            ..QuarantineTemplate::default()
        },
        max_active: 10,
        max_active_per_finding: 5,
        max_event_age_seconds: 3_600,
    }
}

pub fn filter() -> FindingFilter {
    FindingFilter { product_arns: vec![PRODUCT.to_owned()], ..FindingFilter::default() }
}

pub fn imported_by(filter: FindingFilter) -> FindingSourceSpec {
    let accept = Accept { imported: Some(filter), ..Accept::default() };
    FindingSourceSpec { accept: Some(accept), ..spec() }
}

/// A source that takes the status In Progress for a press, and nothing else.
pub fn pressed_by_status(filter: FindingFilter) -> FindingSourceSpec {
    let accept = Accept { in_progress: Some(filter), ..Accept::default() };
    FindingSourceSpec { accept: Some(accept), ..spec() }
}

pub fn source(spec: &FindingSourceSpec) -> Source<'_> {
    Source { name: "hub", spec, own_action: None }
}

pub fn at(time: &str) -> Timestamp {
    time.parse().expect("a time")
}

/// A few minutes after the events of the fixtures.
pub fn now() -> Timestamp {
    at("2026-03-02T09:20:00Z")
}
