//! `cargo xtask excerpts`: docs/reasons.md, from what `kubectl describe` said during a run of the tests.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use xtask::workspace;

use super::cargo::{cargo, pass_through};

const HEAD: &str = "# Reasons\n\n\
    What `kubectl describe` says of a Quarantine, and of a FindingSource, for each reason: its conditions, without their\n\
    times, and its event. Made by `cargo xtask excerpts` from a run of the tests on real parts; ids are replaced by those\n\
    that documentation uses. What each means and what to do stands in [operations.md](operations.md#reasons).\n";

/// Of which a reason has an excerpt each, where the tests met it there.
const KINDS: [&str; 2] = ["Quarantine", "FindingSource"];

pub fn excerpts() -> Result<()> {
    let folder = workspace::target_dir().join("excerpts");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let mut tests = cargo(&["test", "--test", "real", "--", "--skip", "recovery::"]);
    tests.env("QUARANTINE_EXCERPTS", &folder);
    // What was met is worth a page also where a test failed; that it failed is said all the same.
    let passed = pass_through(tests);

    let reasons = fs::read_to_string(workspace::root().join("src/api/condition.rs"))?;
    let page = workspace::root().join("docs/reasons.md");
    fs::write(&page, compose(&names(&reasons), &folder)).with_context(|| format!("cannot write {}", page.display()))?;
    passed
}

/// The variants of the one list of reasons, in its order.
fn names(source: &str) -> Vec<String> {
    let list = source.split("pub enum Reason {").nth(1).and_then(|rest| rest.split("\n}").next()).unwrap_or_default();
    let lines = list.lines().map(str::trim).filter(|line| !line.starts_with("//"));
    lines.filter_map(|line| line.strip_suffix(',')).map(str::to_owned).collect()
}

fn compose(reasons: &[String], folder: &Path) -> String {
    let mut page = HEAD.to_owned();
    let mut unmet = Vec::new();
    for reason in reasons {
        let excerpts: Vec<String> = KINDS.iter().filter_map(|kind| excerpt(reason, kind, folder)).collect();
        if excerpts.is_empty() {
            unmet.push(reason.as_str());
            continue;
        }
        page += &format!("\n## {reason}\n\n{}", excerpts.join("\n"));
    }
    if !unmet.is_empty() {
        let unmet = unmet.join(", ");
        page += &format!("\n## Not met\n\nNo test on real parts met these, or not for long enough: {unmet}.\n");
    }
    page
}

/// None: the tests didn't meet the reason on an object of that kind.
fn excerpt(reason: &str, kind: &str, folder: &Path) -> Option<String> {
    let read = |part: &str| fs::read_to_string(folder.join(format!("{reason}.{kind}.{part}"))).ok();
    let (conditions, event) = (read("condition"), read("event"));
    if conditions.is_none() && event.is_none() {
        return None;
    }
    let conditions = conditions.map(|text| format!("  Conditions:\n{text}")).unwrap_or_default();
    let events = event.map(|text| format!("Events:\n{text}")).unwrap_or_default();
    Some(format!("{kind}:\n\n```text\n{conditions}{events}```\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reasons_come_from_the_one_list_in_its_order() {
        let source = "pub enum Other {\n A,\n}\npub enum Reason {\n    // Ready\n    Contained,\n    DryRun,\n}\n";
        assert_eq!(names(source), ["Contained", "DryRun"]);
    }

    #[test]
    fn a_reason_has_an_excerpt_of_each_kind_that_met_it_and_one_that_none_met_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| fs::write(folder.path().join(file), text).unwrap();
        write("AccessDenied.Quarantine.condition", "    Reason:  AccessDenied\n");
        write("AccessDenied.FindingSource.event", "  Warning  AccessDenied\n");
        let page = compose(&["AccessDenied".to_owned(), "DryRun".to_owned()], folder.path());
        let claim = "Quarantine:\n\n```text\n  Conditions:\n    Reason:  AccessDenied\n```\n";
        let source = "FindingSource:\n\n```text\nEvents:\n  Warning  AccessDenied\n```\n";
        assert!(page.contains(&format!("## AccessDenied\n\n{claim}\n{source}")), "{page}");
        assert!(page.ends_with("long enough: DryRun.\n"), "{page}");
    }
}
