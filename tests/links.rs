//! Every link from one document to another leads to a file, and a heading, that is there. Reads text; nothing is run, and no other
//! site is asked.

#![forbid(unsafe_code)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Folders without documents of ours.
const ELSEWHERE: [&str; 3] = ["target", ".git", "venv"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn documents(below: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(below).expect("a folder can be read") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && !ELSEWHERE.contains(&name.as_str()) {
            documents(&path, found);
        } else if name.ends_with(".md") {
            found.push(path);
        }
    }
}

/// The text without fenced code.
fn prose(text: &str) -> String {
    text.split("```").step_by(2).collect()
}

/// Where it links to, other sites aside.
fn links(text: &str) -> Vec<String> {
    let text = prose(text);
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets.filter(|target| !target.contains("://") && !target.contains(' ')).map(str::to_owned).collect()
}

/// What a heading is called in a link: small letters, digits, hyphens and underscores, blanks as hyphens.
fn anchors(text: &str) -> BTreeSet<String> {
    let text = prose(text);
    let headings = text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let kept = |sign: &char| sign.is_alphanumeric() || ['-', '_', ' '].contains(sign);
    headings.map(|heading| heading.to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")).collect()
}

/// What is wrong with a link in the document.
fn complaint(document: &Path, link: &str) -> Option<String> {
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target = match path {
        "" => document.to_owned(),
        path => document.parent().expect("a file lies in a folder").join(path),
    };
    let missing = if !target.exists() {
        true
    } else {
        !anchor.is_empty() && !anchors(&fs::read_to_string(&target).expect("a document is text")).contains(anchor)
    };
    missing.then(|| format!("{}: {link}", document.display()))
}

#[test]
fn every_link_between_documents_leads_to_something_that_is_there() {
    let mut found = Vec::new();
    documents(&root(), &mut found);
    let mut complaints = Vec::new();
    let mut links_seen = 0;
    for document in &found {
        let text = fs::read_to_string(document).expect("a document is text");
        for link in links(&text) {
            links_seen += 1;
            complaints.extend(complaint(document, &link));
        }
    }
    assert!(links_seen > 100, "only {links_seen} links in {found:?}");
    assert_eq!(complaints, Vec::<String>::new());
}

#[test]
fn links_and_headings_are_read_as_a_site_shows_them() {
    let text = "# AWS' rates\n\nSee [a](b.md#c) and [x](https://example.com).\n```sh\n# no heading [n](o)\n```\n## Compare, approve\n";
    assert_eq!(links(text), ["b.md#c"]);
    assert_eq!(anchors(text), BTreeSet::from(["aws-rates".to_owned(), "compare-approve".to_owned()]));
    assert!(complaint(&root().join("README.md"), "docs/no-such-page.md").is_some());
    assert!(complaint(&root().join("README.md"), "docs/runbooks.md#no-such-heading").is_some());
    assert_eq!(complaint(&root().join("README.md"), "docs/runbooks.md#quarantinenotcontained"), None);
}
