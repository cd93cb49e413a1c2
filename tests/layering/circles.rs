//! Which files use each other in a circle. A parent that only declares its children uses none of them.

use super::{code, files};
use std::collections::{BTreeMap, BTreeSet};

/// The circles of files that still are: files each of which uses, through others of them, itself. What stands here may
/// only become less.
const CIRCLES: [&[&str]; 11] = [
    &["src/api/condition.rs", "src/api/quarantine.rs", "src/api/status.rs"],
    &["src/aws/ec2.rs", "src/aws/ec2/dry_run.rs"],
    &["src/check/needs/ask_aws.rs", "src/check/needs/ask_cluster.rs", "src/check/needs/mod.rs"],
    &[
        "src/intake/echo.rs",
        "src/intake/existing.rs",
        "src/intake/fresh.rs",
        "src/intake/make.rs",
        "src/intake/plan.rs",
        "src/quarantine/origin.rs",
    ],
    &["src/intake/handle.rs", "src/intake/receive.rs", "src/intake/source.rs"],
    &["src/operate/endpoints.rs", "src/operate/serve.rs"],
    &["src/quarantine/context.rs", "src/quarantine/observe/cluster_nodes.rs", "src/quarantine/observe/own_nodes.rs"],
    &["src/quarantine/decide/admission.rs", "src/quarantine/decide/target.rs"],
    &[
        "src/quarantine/decide/containment.rs",
        "src/quarantine/decide/primary.rs",
        "src/quarantine/decide/release.rs",
        "src/quarantine/decide/second_copy.rs",
    ],
    &[
        "src/quarantine/decide/tests/planted.rs",
        "src/quarantine/decide/tests/simulation/checks.rs",
        "src/quarantine/decide/tests/simulation/mod.rs",
        "src/quarantine/decide/tests/simulation/tally.rs",
    ],
    &["src/quarantine/observe/mod.rs", "src/quarantine/record.rs"],
];

/// The files of src as one tree of modules, by their paths.
struct Tree(BTreeMap<Vec<String>, (String, Vec<Vec<String>>)>);

impl Tree {
    fn read() -> Self {
        let sources = files("src").into_iter().filter(|(file, _)| file != "src/main.rs");
        Self(sources.map(|(file, text)| (module(&file), (file, written(&text)))).collect())
    }

    /// The file in which that lies which a path means in a module, through whatever passes it on. None: in no file of ours.
    fn file(&self, module: &[String], path: &[String], depth: u8) -> Option<&str> {
        let (mut at, mut rest) = match path.first()?.as_str() {
            "crate" => (Vec::new(), &path[1..]),
            "self" => (module.to_vec(), &path[1..]),
            _ => (module.to_vec(), path),
        };
        while rest.first().is_some_and(|name| name == "super") {
            at.pop();
            rest = &rest[1..];
        }
        let starts_here = rest.len() < path.len();
        while let Some(name) = rest.first() {
            at.push(name.clone());
            if !self.0.contains_key(&at) {
                at.pop();
                break;
            }
            rest = &rest[1..];
        }
        let (file, imports) = self.0.get(&at)?;
        let Some(name) = rest.first() else { return Some(file) };
        let passed_on = imports.iter().find(|path| path.len() > 1 && path.last() == Some(name) && path[..] != *rest);
        if let Some(whole) = passed_on.filter(|_| depth > 0) {
            let whole: Vec<String> = whole.iter().chain(&rest[1..]).cloned().collect();
            if let Some(file) = self.file(&at, &whole, depth - 1) {
                return Some(file);
            }
        }
        (starts_here || at.len() > module.len()).then_some(file.as_str())
    }

    fn edges(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let used = |module: &Vec<String>, (file, paths): &'_ (String, Vec<Vec<String>>)| -> BTreeSet<&str> {
            let found = paths.iter().filter_map(|path| self.file(module, path, 4));
            found.filter(|other| *other != file.as_str()).collect()
        };
        self.0.iter().map(|(module, known)| (known.0.as_str(), used(module, known))).collect()
    }
}

/// `src/a/b.rs` and `src/a/b/mod.rs` are a::b.
fn module(file: &str) -> Vec<String> {
    let names = file.trim_start_matches("src/").trim_end_matches(".rs").split('/');
    names.filter(|name| !["lib", "mod", "main"].contains(name)).map(str::to_owned).collect()
}

/// Each path that is written in a file: what it imports, and what it names from its crate, its parent or a module on.
fn written(text: &str) -> Vec<Vec<String>> {
    let code = code(text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default());
    let in_braces = |path: &&str| !code.contains(&format!("{{{path}")) && !code.contains(&format!(" {path},"));
    let words = code.split(|letter: char| !(letter.is_alphanumeric() || letter == '_' || letter == ':'));
    let whole =
        words.map(|word| word.trim_start_matches(':')).filter(|word| !word.ends_with(':') && word.contains("::"));
    let paths: BTreeSet<&str> = whole.collect();
    let paths =
        paths.into_iter().filter(|path| path.starts_with("super") || path.starts_with("crate") || in_braces(path));
    paths.map(|path| path.split("::").map(str::to_owned).collect()).collect()
}

/// What a file uses, through others too.
fn reached<'a>(edges: &BTreeMap<&'a str, BTreeSet<&'a str>>, from: &'a str) -> BTreeSet<&'a str> {
    let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
    while let Some(file) = next.pop() {
        next.extend(edges.get(file).into_iter().flatten().copied().filter(|file| seen.insert(*file)));
    }
    seen
}

#[test]
fn no_file_uses_itself_through_others_but_for_the_known_ones() {
    let tree = Tree::read();
    let edges = tree.edges();
    let reach: BTreeMap<&str, BTreeSet<&str>> = edges.keys().map(|file| (*file, reached(&edges, file))).collect();
    let circle = |file: &str| -> Vec<&str> {
        let back = reach[file].iter().filter(|other| reach.get(*other).is_some_and(|there| there.contains(file)));
        back.copied().collect()
    };
    let circles: BTreeSet<Vec<&str>> =
        reach.keys().map(|file| circle(file)).filter(|found| !found.is_empty()).collect();
    let known: BTreeSet<Vec<&str>> = CIRCLES.iter().map(|files| files.to_vec()).collect();
    assert_eq!(circles, known);
}
