//! The house's walls: which files may import what. Reads the sources as text; nothing is run.
//!
//! Pure files know no client, no SDK and no runtime: they can be proved without any of them.

#![forbid(unsafe_code)]

#[path = "layering/circles.rs"]
mod circles;

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Files and folders that are pure.
const PURE: [&str; 35] = [
    "src/api",
    "src/check/held.rs",
    "src/check/needs/answer.rs",
    "src/check/needs/cluster.rs",
    "src/check/needs/policy.rs",
    "src/check/needs/rights.rs",
    "src/check/places.rs",
    "src/check/report.rs",
    "src/intake/accept.rs",
    "src/intake/attack_sequence.rs",
    "src/intake/delivery.rs",
    "src/intake/echo.rs",
    "src/intake/existing.rs",
    "src/intake/fresh.rs",
    "src/intake/guard_duty.rs",
    "src/intake/make.rs",
    "src/intake/parse.rs",
    "src/intake/plan.rs",
    "src/metrics/definitions.rs",
    "src/model",
    "src/operate/lease.rs",
    "src/operate/objects.rs",
    "src/plugin/cli.rs",
    "src/plugin/failure.rs",
    "src/plugin/proxy.rs",
    "src/plugin/show",
    "src/plugin/stand.rs",
    "src/plugin/target.rs",
    "src/plugin/wanted.rs",
    "src/quarantine/decide",
    "src/quarantine/origin.rs",
    "src/quarantine/rules.rs",
    "src/quarantine/tags.rs",
    "src/quarantine/world",
    "src/quarantine/world.rs",
];

/// What a pure file may not name.
const CLIENTS: [&str; 9] = [
    "aws_config",
    "aws_sdk_",
    "aws_smithy_",
    "tokio",
    "kube::Client",
    "kube::Api",
    "kube::runtime",
    "kube::client",
    "async fn",
];

/// Modules of this crate that act.
const ACTING: [&str; 9] = [
    "crate::aws",
    "crate::operate",
    "quarantine::act",
    "quarantine::observe",
    "quarantine::record",
    "quarantine::context",
    "cluster::Cluster",
    "super::find",
    "super::follow",
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below, with its path from the root.
fn files(below: &str) -> Vec<(String, String)> {
    let path = root().join(below);
    if path.is_file() {
        let text = fs::read_to_string(&path).expect("a source file is text");
        return vec![(below.to_owned(), text)];
    }
    let entries = fs::read_dir(&path).unwrap_or_else(|error| panic!("{below} is part of the layout: {error}"));
    let mut found: Vec<(String, String)> = entries
        .map(|entry| entry.expect("a folder can be read").path())
        .filter(|path| path.is_dir() || path.extension().is_some_and(|extension| extension == "rs"))
        .flat_map(|path| files(&relative(&path)))
        .collect();
    found.sort();
    found
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).expect("below the root").to_string_lossy().into_owned()
}

/// The code without comments, so that words in prose don't count; and each import whole, so that `kube::{Api, Client}`
/// names `kube::Client`.
fn code(text: &str) -> String {
    let code = text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n");
    let statements = code.split(';').filter_map(|statement| statement.rsplit_once("use ").map(|(_, tree)| tree));
    let imports: Vec<String> = statements.flat_map(|tree| paths(tree.trim())).collect();
    format!("{code}\n{}", imports.join("\n"))
}

/// The paths of a use tree: `a::{b, c::{d, e}}` is a::b, a::c::d and a::c::e.
fn paths(tree: &str) -> Vec<String> {
    let Some((stem, inner)) = tree.strip_suffix('}').and_then(|tree| tree.split_once('{')) else {
        return vec![tree.to_owned()];
    };
    let mut depth = 0;
    let branches = inner.split(|letter| {
        depth += i32::from(letter == '{') - i32::from(letter == '}');
        letter == ',' && depth == 0
    });
    let branches = branches.map(str::trim).filter(|branch| !branch.is_empty());
    branches.flat_map(paths).map(|path| format!("{stem}{path}")).collect()
}

#[test]
fn an_import_is_read_whole_however_it_is_written() {
    let grouped =
        "use kube::{\n    Api,\n    runtime::{Controller, watcher},\n};\npub use std::fs; // use kube::Client;\n";
    let code = code(grouped);
    for whole in ["kube::Api", "kube::runtime::Controller", "kube::runtime::watcher", "std::fs"] {
        assert!(code.lines().any(|line| line == whole), "{code}");
    }
    assert!(!code.contains("kube::Client"), "{code}");
}

/// Whether the code has this whole path, or, where the word ends in `_`, a name that begins with it.
fn names(code: &str, word: &str) -> bool {
    let goes_on = |rest: &str| rest.starts_with(|next: char| next.is_alphanumeric() || next == '_');
    code.match_indices(word).any(|(at, _)| word.ends_with(['_', ':']) || !goes_on(&code[at + word.len()..]))
}

fn offences(below: &[&str], forbidden: &[&str]) -> Vec<String> {
    below
        .iter()
        .flat_map(|below| files(below))
        .flat_map(|(path, text)| {
            let code = code(&text);
            forbidden
                .iter()
                .filter(|word| names(&code, word))
                .map(|word| format!("{path} names {word}"))
                .collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn pure_files_know_no_client_no_sdk_and_no_runtime() {
    assert_eq!(offences(&PURE, &CLIENTS), Vec::<String>::new());
}

#[test]
fn pure_files_know_no_file_that_acts() {
    assert_eq!(offences(&PURE, &ACTING), Vec::<String>::new());
}

#[test]
fn only_src_aws_knows_the_sdk() {
    let outside = [
        "src/api",
        "src/check",
        "src/intake",
        "src/metrics",
        "src/plugin",
        "src/quarantine",
        "src/operate",
        "src/flags.rs",
        "src/main.rs",
        "src/lib.rs",
    ];
    assert_eq!(offences(&outside, &["aws_sdk_", "aws_smithy_", "aws_config"]), Vec::<String>::new());
}

/// Nothing that acts is linked into it, and so no AWS SDK.
#[test]
fn the_plugin_knows_of_the_operator_only_its_objects_and_how_to_show_what_others_wrote() {
    let acting = ["aws::", "check::", "intake::", "operate::", "quarantine::"];
    assert_eq!(offences(&["src/plugin"], &acting), Vec::<String>::new());
}

#[test]
fn only_src_metrics_makes_metrics() {
    let outside = [
        "src/api",
        "src/aws",
        "src/check",
        "src/intake",
        "src/quarantine",
        "src/operate",
        "src/flags.rs",
        "src/main.rs",
    ];
    assert_eq!(offences(&outside, &["prometheus_client"]), Vec::<String>::new());
}

#[test]
fn only_record_writes_a_claim() {
    let writers: Vec<String> = files("src")
        .into_iter()
        .filter(|(_, text)| code(text).contains("claims(context, read)"))
        .map(|(path, _)| path)
        .collect();
    assert_eq!(writers, ["src/quarantine/record.rs"]);
    let elsewhere =
        ["src/quarantine/observe", "src/quarantine/act.rs", "src/quarantine/mod.rs", "src/operate", "src/aws"];
    assert_eq!(offences(&elsewhere, &["replace_status", ".patch(", "patch_status"]), Vec::<String>::new());
}

#[test]
fn only_the_error_table_maps_codes() {
    let elsewhere: Vec<String> = files("src")
        .into_iter()
        .filter(|(path, text)| {
            path != "src/model/problem.rs"
                && !path.contains("/tests/")
                && code(text).contains("\"UnauthorizedOperation\"")
        })
        .map(|(path, _)| path)
        .collect();
    assert_eq!(elsewhere, Vec::<String>::new());
}

#[test]
fn only_the_text_module_cuts_and_cleans_text() {
    let elsewhere: Vec<String> = files("src")
        .into_iter()
        .filter(|(path, text)| {
            let code = code(text);
            let cuts = ["is_char_boundary", "floor_char_boundary", "'…'"];
            path != "src/model/text.rs" && !path.contains("/tests/") && cuts.iter().any(|word| code.contains(word))
        })
        .map(|(path, _)| path)
        .collect();
    assert_eq!(elsewhere, Vec::<String>::new());
}

#[test]
fn only_the_context_publishes_events() {
    let publishing = |(path, text): (String, String)| code(&text).contains("Recorder::new").then_some(path);
    let publishing: Vec<String> = files("src").into_iter().filter_map(publishing).collect();
    assert_eq!(publishing, ["src/quarantine/context.rs"]);
}

#[test]
fn a_test_on_real_parts_starts_a_stack_through_the_one_gate() {
    let starts = files("tests/real").into_iter().filter(|(_, text)| code(text).contains("Stack::start("));
    let starts: Vec<String> = starts.map(|(name, _)| name).collect();
    assert_eq!(starts, ["tests/real/support/own_stack.rs"]);
}

#[test]
fn every_file_says_what_happens_in_it() {
    let silent: Vec<String> = ["src", "tests", "xtask/src", "xtask/tests"]
        .into_iter()
        .flat_map(files)
        .filter(|(_, text)| !text.starts_with("//!"))
        .map(|(path, _)| path)
        .collect();
    assert_eq!(silent, Vec::<String>::new());
}

#[test]
fn no_room_is_larger_than_four_hundred_lines() {
    let large: Vec<String> = ["src", "tests", "xtask/src", "xtask/tests"]
        .into_iter()
        .flat_map(files)
        .filter(|(_, text)| text.lines().count() > 400)
        .map(|(path, text)| format!("{path}: {}", text.lines().count()))
        .collect();
    assert_eq!(large, Vec::<String>::new());
}

#[test]
fn the_loop_is_its_own_table_of_contents() {
    let (_, text) = files("src/quarantine/mod.rs").remove(0);
    let lines = text.lines().count();
    assert!(lines <= 60, "src/quarantine/mod.rs has {lines} lines; the design gives it 60");
}
