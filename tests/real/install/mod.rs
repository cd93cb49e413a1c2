//! Installing with the real helm and kubectl's kustomize.
//!
//! | room | what is proved there |
//! |---|---|
//! | `rendered` | what the chart makes of values, and which values it refuses |
//! | `accepted` | that the API server, kubeconform and Pod Security take everything that is rendered |
//! | `base` | deploy/ against the chart |
//! | `people` | what Kubernetes' own roles get |
//! | `policy` | who gives instances back, and who doesn't |
//! | `release` | installed, upgraded, uninstalled by helm, with the operator's process on it |
//! | `rights` | that the roles grant what the operator calls, and nothing else |

mod accepted;
mod base;
mod people;
mod policy;
mod release;
mod rendered;
mod rights;
mod schemas;
mod site;

use serde_json::Value;
use std::{path::Path, process::Command};
use xtask::tools::{self, Tool};

const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/quarantine-operator");
/// Values with every switch on.
const EVERYTHING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/real/install/everything.yaml");
const NAMESPACE: &str = "quarantine-system";
const RELEASE: &str = "quarantine-operator";

fn command(tool: Tool) -> Command {
    let found = tools::find(tool).expect("the cache folder can be read");
    Command::new(found.unwrap_or_else(|| panic!("{} isn't there: run `cargo xtask tools` once", tool.name())))
}

/// What a command says: to standard output, or, where it fails, to standard error.
fn output(mut command: Command) -> Result<String, String> {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr) + &text(&output.stdout)) }
}

/// What `helm template` makes of these arguments, as text.
fn render(namespace: &str, arguments: &[&str]) -> Result<String, String> {
    let mut helm = command(Tool::Helm);
    helm.args(["template", RELEASE, CHART, "--namespace", namespace]).args(arguments);
    output(helm)
}

/// The objects that `helm template` makes with these values, given as for `--set`.
fn objects_with(values: &[&str]) -> Vec<Value> {
    let arguments: Vec<&str> = values.iter().flat_map(|value| ["--set", value]).collect();
    objects(&render(NAMESPACE, &arguments).unwrap_or_else(|refusal| panic!("{values:?}: {refusal}")))
}

/// The objects in several YAML documents.
fn objects(text: &str) -> Vec<Value> {
    let documents = text.split("\n---\n").map(|document| document.strip_prefix("---\n").unwrap_or(document));
    let documents = documents.map(|document| {
        serde_saphyr::from_str::<Value>(document).unwrap_or_else(|error| panic!("{error}:\n{document}"))
    });
    documents.filter(|object| !object.is_null()).collect()
}

fn all<'a>(objects: &'a [Value], kind: &str) -> Vec<&'a Value> {
    objects.iter().filter(|object| object["kind"] == kind).collect()
}

/// The one object of that kind that Helm doesn't run as a hook.
fn only<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    let is_hook = |object: &&Value| !object["metadata"]["annotations"]["helm.sh/hook"].is_null();
    match all(objects, kind).into_iter().filter(|object| !is_hook(object)).collect::<Vec<_>>()[..] {
        [one] => one,
        ref several => panic!("one {kind}, not {}: {several:?}", several.len()),
    }
}

fn named<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let found = all(objects, kind).into_iter().find(|object| object["metadata"]["name"] == name);
    found.unwrap_or_else(|| panic!("there is a {kind} {name}"))
}

/// A container's arguments, but that nothing is served beyond loopback, and on ports that the kernel chooses.
fn arguments(container: &Value) -> Vec<String> {
    let arguments = container["args"].as_array().expect("arguments").iter();
    let on_loopback = |argument: &str| match argument.split_once("-bind-address=") {
        Some((what, _)) => format!("{what}-bind-address=127.0.0.1:0"),
        None => argument.to_owned(),
    };
    arguments.map(|argument| on_loopback(argument.as_str().expect("text"))).collect()
}

fn kustomize(folder: &str) -> Vec<Value> {
    let mut kubectl = Command::new("kubectl");
    kubectl.arg("kustomize").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder));
    objects(&output(kubectl).unwrap_or_else(|refusal| panic!("{folder}: {refusal}")))
}
