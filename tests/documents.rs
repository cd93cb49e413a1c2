//! What the documents claim to be proved by a test is proved by one that exists. Reads text; nothing is run.

#![forbid(unsafe_code)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The names of all functions below.
fn functions(below: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(below).expect("a folder of sources can be read") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            functions(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a source file is text");
            let names =
                text.lines().filter_map(|line| line.trim_start().trim_start_matches("async ").strip_prefix("fn "));
            found.extend(names.filter_map(|name| name.split(['(', '<']).next()).map(str::to_owned));
        }
    }
}

/// What stands in backquotes and reads like a test: the last part of a path, in a sentence's words.
fn named_tests(document: &str) -> BTreeSet<String> {
    let quoted =
        document.lines().filter(|line| line.starts_with('|')).flat_map(|line| line.split('`').skip(1).step_by(2));
    let last = quoted.filter_map(|text| text.rsplit("::").next());
    let words = |text: &&str| text.split('_').count() > 4 && !text.contains([' ', '/', '.']);
    last.filter(words).map(str::to_owned).collect()
}

#[test]
fn every_test_that_the_threat_model_names_exists() {
    let mut there = BTreeSet::new();
    for folder in ["src", "tests", "xtask/src"] {
        functions(&root().join(folder), &mut there);
    }
    let document = fs::read_to_string(root().join("docs/security.md")).expect("the document is there");
    let named = named_tests(&document);
    assert!(named.len() > 30, "the table names its tests: {named:?}");
    assert_eq!(named.difference(&there).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn a_test_is_known_by_its_words_and_code_of_other_kinds_is_not_one() {
    let row = "| a | `meant::crd::rule_13_a_deleted_crd_waits` and `quarantines/status`, `maxActive`, `a_b_c_d.rs` |";
    assert_eq!(named_tests(row), BTreeSet::from(["rule_13_a_deleted_crd_waits".to_owned()]));
}

/// The variants of the one list of reasons.
fn reasons() -> BTreeSet<String> {
    let source = fs::read_to_string(root().join("src/api/condition.rs")).expect("a source file is text");
    let list = source.split_once("pub enum Reason {").expect("the list is there").1;
    let lines = list.split("\n}").next().unwrap_or_default().lines().map(str::trim);
    lines.filter(|line| !line.starts_with("//")).filter_map(|line| line.strip_suffix(',')).map(str::to_owned).collect()
}

/// The first cells of a document's tables, of which one may name several.
fn first_cells(document: &str) -> BTreeSet<String> {
    let rows = document.lines().filter_map(|line| line.strip_prefix("| "));
    let cells = rows.filter_map(|row| row.split(" |").next());
    cells.flat_map(|cell| cell.split(", ")).map(|name| name.trim_matches('`').to_owned()).collect()
}

#[test]
fn the_tables_of_reasons_name_every_reason_and_no_other() {
    let document = fs::read_to_string(root().join("docs/operations.md")).expect("the document is there");
    let reasons = reasons();
    assert!(reasons.len() > 80, "{reasons:?}");
    assert_eq!(reasons.difference(&first_cells(&document)).collect::<Vec<_>>(), Vec::<&String>::new());

    let section = document.split_once("\n## Reasons\n").expect("it has the section").1;
    let mut told = first_cells(section.split("\n## ").next().unwrap_or_default());
    told.remove("reason");
    assert_eq!(told.difference(&reasons).collect::<Vec<_>>(), Vec::<&String>::new());
}
