//! What builds, tests and publishes us: which actions and images it uses and with which rights, that each file of dependencies is
//! watched, and that no crate has unsafe code of its own. Reads files; nothing is run.

#![forbid(unsafe_code)]

use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Whose actions are the platform's own.
const PLATFORM: [&str; 2] = ["actions/", "github/"];
/// Folders without files of ours.
const ELSEWHERE: [&str; 4] = ["target", ".git", "venv", "__pycache__"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every file of the tree, by its path from the root.
fn tree() -> Vec<String> {
    fn below(folder: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).expect("a folder can be read") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && !ELSEWHERE.contains(&name.as_str()) {
                below(&path, found);
            } else if path.is_file() {
                found.push(path.strip_prefix(root()).expect("below the root").to_string_lossy().into_owned());
            }
        }
    }
    let mut found = Vec::new();
    below(&root(), &mut found);
    found.sort();
    found
}

fn workflows() -> Vec<String> {
    let found: Vec<String> = tree().into_iter().filter(|path| path.starts_with(".github/workflows/")).collect();
    assert!(!found.is_empty(), "there are workflows");
    found
}

struct Job {
    name: String,
    job: Value,
    /// Its own, or else the workflow's.
    permissions: Value,
}

impl Job {
    fn all(workflow: &str) -> Vec<Self> {
        let whole = yaml(workflow);
        let jobs = whole["jobs"].as_object().unwrap_or_else(|| panic!("{workflow} has jobs")).iter();
        let job = |(name, job): (&String, &Value)| {
            let permissions = if job["permissions"].is_null() { &whole["permissions"] } else { &job["permissions"] };
            Self { name: format!("{workflow}: {name}"), job: job.clone(), permissions: permissions.clone() }
        };
        jobs.map(job).collect()
    }

    /// The actions and workflows that it uses.
    fn uses(&self) -> Vec<String> {
        let steps = self.job["steps"].as_array().into_iter().flatten();
        let uses = steps.chain([&self.job]).filter_map(|step| step["uses"].as_str());
        uses.map(str::to_owned).collect()
    }

    fn needs(&self) -> BTreeSet<String> {
        let needs = &self.job["needs"];
        let one = needs.as_str().into_iter().chain(needs.as_array().into_iter().flatten().filter_map(Value::as_str));
        one.map(str::to_owned).collect()
    }

    fn may_write(&self, what: &str) -> bool {
        self.permissions == "write-all" || self.permissions[what] == "write"
    }

    fn may_write_anything(&self) -> bool {
        let rights = self.permissions.as_object().into_iter().flatten();
        self.permissions == "write-all" || rights.map(|(_, right)| right).any(|right| right == "write")
    }
}

fn jobs() -> Vec<Job> {
    workflows().iter().flat_map(|workflow| Job::all(workflow)).collect()
}

fn is_foreign(action: &str) -> bool {
    !action.starts_with("./") && !PLATFORM.iter().any(|platform| action.starts_with(platform))
}

#[test]
fn every_workflow_says_what_its_jobs_may_do_and_none_may_write_by_default() {
    for workflow in workflows() {
        assert_eq!(yaml(&workflow)["permissions"], serde_json::json!({"contents": "read"}), "{workflow}");
    }
}

#[test]
fn a_job_with_id_token_write_uses_only_actions_of_the_platform_itself() {
    let trusted: Vec<Job> = jobs().into_iter().filter(|job| job.may_write("id-token")).collect();
    assert!(!trusted.is_empty(), "what is published is attested");
    for job in trusted {
        let foreign: Vec<String> = job.uses().into_iter().filter(|action| is_foreign(action)).collect();
        assert!(foreign.is_empty(), "{} uses {foreign:?}", job.name);
        assert!(job.job["container"].is_null() && job.job["services"].is_null(), "{} runs in an image", job.name);
    }
}

#[test]
fn somebody_else_s_action_runs_in_a_job_that_may_write_nothing_and_is_given_no_secret() {
    let with_foreign: Vec<Job> =
        jobs().into_iter().filter(|job| job.uses().iter().any(|uses| is_foreign(uses))).collect();
    for job in &with_foreign {
        assert!(!job.may_write_anything(), "{} may write", job.name);
        let text = job.job.to_string();
        assert!(!text.contains("secrets.") && !text.contains("github.token"), "{} is given a secret", job.name);
    }
    let names: Vec<&str> = with_foreign.iter().map(|job| job.name.as_str()).collect();
    assert_eq!(names, [".github/workflows/release.yml: krew"], "each has its reason beside it");
}

#[test]
fn whatever_publishes_needs_the_tests() {
    let release = Job::all(".github/workflows/release.yml");
    let test = release.iter().find(|job| job.name.ends_with(": test")).expect("the release runs the tests");
    assert_eq!(test.job["uses"], "./.github/workflows/test.yml");
    assert!(test.job["if"].is_null(), "always");
    assert!(yaml(".github/workflows/test.yml")["on"].as_object().expect("triggers").contains_key("workflow_call"));
    let publishing: Vec<&Job> = release.iter().filter(|job| job.may_write_anything()).collect();
    assert!(publishing.len() >= 3, "image, publish, release");
    for job in publishing {
        assert!(job.needs().contains("test"), "{} doesn't need the tests", job.name);
        assert!(job.job["if"].is_null(), "{}: a condition would run it without them", job.name);
    }
}

#[test]
fn every_action_is_pinned_by_its_commit_with_its_version_beside_it() {
    let is_commit = |text: &str| text.len() == 40 && text.chars().all(|letter| letter.is_ascii_hexdigit());
    for workflow in workflows() {
        for line in read(&workflow).lines() {
            let Some((_, uses)) = line.split_once("uses: ").filter(|(_, uses)| !uses.starts_with("./")) else {
                continue;
            };
            let pinned = match uses.strip_prefix("docker://") {
                Some(image) => is_pinned(image),
                None => {
                    let (action, version) = uses.split_once(" # ").unwrap_or((uses, ""));
                    action.split_once('@').is_some_and(|(_, commit)| is_commit(commit)) && version.starts_with('v')
                }
            };
            assert!(pinned, "{workflow}: {}", line.trim());
        }
    }
}

/// By digest: `name:tag@sha256:…`.
fn is_pinned(image: &str) -> bool {
    let digest = image.split_once("@sha256:").map(|(_, digest)| digest.split_whitespace().next().unwrap_or_default());
    digest.is_some_and(|digest| digest.len() == 64 && digest.chars().all(|letter| letter.is_ascii_hexdigit()))
}

#[test]
fn every_image_that_a_build_pulls_is_pinned_by_digest() {
    let mut images = 0;
    for path in workflows().into_iter().chain(["Dockerfile".to_owned()]) {
        for line in read(&path).lines().filter(|line| !line.trim_start().starts_with('#')) {
            let registry = ["docker.io/", "gcr.io/", "quay.io/", "public.ecr.aws/"];
            for word in
                line.split(['"', '\'', ' ', '=', ',']).filter(|word| registry.iter().any(|at| word.starts_with(at)))
            {
                assert!(is_pinned(word), "{path}: {word}");
                images += 1;
            }
        }
    }
    assert!(images >= 5, "the builder, the runtime, BuildKit twice, the SBOM's scanner: {images}");
}

/// What buildx would otherwise pull by a tag of its own choice.
#[test]
fn no_workflow_lets_buildx_choose_an_image() {
    for workflow in workflows() {
        let text = read(&workflow);
        for line in text.lines() {
            let creates = line.contains("buildx create");
            assert!(!creates || line.contains("--driver-opt \"image=$BUILDKIT\""), "{workflow}: {line}");
            assert!(!line.contains("--sbom"), "{workflow}: name the scanner by --attest type=sbom,generator=…: {line}");
        }
        for job in Job::all(&workflow) {
            for place in ["container", "services"] {
                assert!(job.job[place].is_null(), "{}: an image in {place} would have to be pinned here too", job.name);
            }
        }
    }
}

#[test]
fn one_buildkit_builds_what_is_tested_and_what_is_published() {
    let builder = |workflow: &str| yaml(workflow)["env"]["BUILDKIT"].as_str().map(str::to_owned);
    let tested = builder(".github/workflows/test.yml");
    assert!(tested.is_some());
    assert_eq!(tested, builder(".github/workflows/release.yml"));
}

#[test]
fn dependabot_watches_every_folder_with_dependencies() {
    let dependabot = yaml(".github/dependabot.yml");
    let watched = |ecosystem: &str| -> BTreeSet<String> {
        let updates = dependabot["updates"].as_array().expect("updates").iter();
        let folders = updates.filter(|update| update["package-ecosystem"] == ecosystem).flat_map(|update| {
            let several = update["directories"].as_array().into_iter().flatten();
            several.chain([&update["directory"]]).filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
        });
        folders.collect()
    };
    let holding = |is_one: &dyn Fn(&str, &str) -> bool| -> BTreeSet<String> {
        let files = tree().into_iter().map(|path| format!("/{path}"));
        let folder = |path: String| {
            let (folder, name) = path.rsplit_once('/')?;
            is_one(&path, name).then(|| if folder.is_empty() { "/".to_owned() } else { folder.to_owned() })
        };
        files.filter_map(folder).collect()
    };
    assert_eq!(watched("gomod"), holding(&|_, name| name == "go.mod"));
    assert_eq!(watched("pip"), holding(&|_, name| name.starts_with("requirements") && name.ends_with(".txt")));
    assert_eq!(watched("docker"), holding(&|_, name| name == "Dockerfile"));
    // A member of the workspace is updated with it; another workspace has a lock file of its own.
    assert_eq!(watched("cargo"), holding(&|_, name| name == "Cargo.lock"));
    assert_eq!(watched("github-actions"), BTreeSet::from(["/".to_owned()]));
}

#[test]
fn every_crate_forbids_unsafe_code() {
    let manifests = tree().into_iter().filter(|path| path.rsplit('/').next() == Some("Cargo.toml"));
    let mut roots = BTreeSet::new();
    for manifest in manifests {
        let folder = manifest.trim_end_matches("Cargo.toml").to_owned();
        let text = read(&manifest);
        let named = text.lines().filter_map(|line| line.strip_prefix("path = \"")?.strip_suffix('"'));
        roots.extend(named.map(|path| format!("{folder}{path}")));
        roots.extend(["src/lib.rs", "src/main.rs"].map(|path| format!("{folder}{path}")));
    }
    let automatic = |path: &String| {
        let parts: Vec<&str> = path.trim_start_matches("xtask/").split('/').collect();
        matches!(parts[..], ["tests" | "examples" | "benches", file] if file.ends_with(".rs"))
            || matches!(parts[..], ["examples" | "benches", _, "main.rs"])
    };
    roots.extend(tree().into_iter().filter(automatic));
    roots.retain(|path| root().join(path).is_file());
    assert!(roots.len() > 8, "{roots:?}");
    for path in &roots {
        let forbids = read(path).lines().any(|line| line == "#![forbid(unsafe_code)]");
        assert_eq!(forbids, path != THE_ONE, "{path}");
    }
}

/// The stack's library, which no binary that is published knows: between fork and exec, a child asks the kernel to end it with its
/// parent, and the standard library has no safe way to do anything there.
const THE_ONE: &str = "xtask/src/lib.rs";

#[test]
fn the_one_crate_that_may_has_one_unsafe_block_and_denies_any_other() {
    assert!(read(THE_ONE).contains("#![deny(unsafe_code)]"));
    let rust = tree().into_iter().filter(|path| path.ends_with(".rs") && path != "tests/supply_chain.rs");
    let allowing: Vec<String> = rust.filter(|path| read(path).contains("allow(unsafe_code)")).collect();
    assert_eq!(allowing, ["xtask/src/process.rs"]);
    assert_eq!(read("xtask/src/process.rs").matches("unsafe {").count(), 1);
}
