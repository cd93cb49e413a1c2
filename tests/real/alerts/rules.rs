//! The alert rules: that each has cases in tests/alerts, names what there is, and leads to a runbook.

use super::names::{definition, named};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};
use xtask::tools::{self, Tool};

pub const RULES: &str = "charts/quarantine-operator/files/alerts.yaml";
const CASES: &str = "tests/alerts";

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub fn tool(tool: Tool) -> PathBuf {
    let found = tools::find(tool).expect("the cache folder can be read");
    found.unwrap_or_else(|| panic!("{0} is not built yet: run `cargo xtask tools {0}`", tool.name()))
}

/// Every alert: its rule as it stands in the file.
pub fn alerts() -> Vec<Value> {
    let rules = yaml(&root().join(RULES));
    let groups = rules["groups"].as_array().expect("groups of rules");
    groups.iter().flat_map(|group| group["rules"].as_array().expect("rules")).cloned().collect()
}

pub fn text<'a>(rule: &'a Value, field: &str) -> &'a str {
    rule[field].as_str().unwrap_or_else(|| panic!("{field} is missing in {rule:#}"))
}

fn yaml(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub fn files_of_cases() -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(CASES)).expect("there are cases");
    entries.map(|entry| entry.expect("a file").path()).collect()
}

#[test]
fn each_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() {
    let (mut fires, mut is_silent) = (BTreeSet::new(), BTreeSet::new());
    for file in files_of_cases() {
        let file = yaml(&file);
        let cases = file["tests"].as_array().expect("tests").iter();
        for case in cases.flat_map(|test| test["alert_rule_test"].as_array().into_iter().flatten()) {
            let expected = case["exp_alerts"].as_array().map_or(0, Vec::len);
            let cases = if expected == 0 { &mut is_silent } else { &mut fires };
            cases.insert(text(case, "alertname").to_owned());
        }
    }
    let known: BTreeSet<String> = alerts().iter().map(|rule| text(rule, "alert").to_owned()).collect();
    assert_eq!(fires, known);
    assert_eq!(is_silent, known);
}

#[test]
fn each_alert_says_how_urgent_it_is_and_leads_to_its_runbook() {
    for rule in alerts() {
        let name = text(&rule, "alert");
        let severity = text(&rule["labels"], "severity");
        assert!(["critical", "warning"].contains(&severity), "{name} is {severity}");
        for annotation in ["summary", "description"] {
            let said = text(&rule["annotations"], annotation);
            assert!(said.ends_with('.'), "{name}: {said}");
        }
        let link = text(&rule["annotations"], "runbook_url");
        let (file, anchor) = link.split_once('#').unwrap_or_else(|| panic!("{link} names a heading"));
        assert_eq!(anchor, name.to_lowercase(), "the heading is the alert's name");
        let document = fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{link}: {error}"));
        let headings = document.lines().filter_map(|line| line.strip_prefix("## "));
        assert_eq!(headings.filter(|heading| *heading == name).count(), 1, "{file} has a heading {name}");
    }
}

#[test]
fn the_alert_rules_name_only_metrics_and_labels_that_the_operator_has() {
    for rule in alerts() {
        has_only_what_there_is(text(&rule, "expr"));
    }
}

/// Each series of the expression is one of the operator's, and each label is one of theirs.
#[track_caller]
pub fn has_only_what_there_is(expression: &str) {
    let said = named(expression);
    assert!(!said.metrics.is_empty(), "{expression} asks for nothing");
    let metrics = said.metrics.iter();
    let known = metrics.map(|series| definition(series).unwrap_or_else(|| panic!("{series} in {expression}")));
    let labels: BTreeSet<&str> = known.flat_map(|definition| definition.labels).copied().chain(["le"]).collect();
    let strange: Vec<&String> = said.labels.iter().filter(|label| !labels.contains(label.as_str())).collect();
    assert!(strange.is_empty(), "{strange:?} in {expression}");
}
