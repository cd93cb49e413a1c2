//! A cluster that is there, in which the demo is a guest: whether it may come in, what it brings, and that nothing of it is left.
//! All by kubectl and one context of the caller's kubeconfig. What is played there is not known here.
//!
//! Everything that is brought carries a label, and nothing without it is ever changed or deleted. The demo has a namespace of its
//! own; its CustomResourceDefinitions, roles and admission policies are the cluster's, so it comes in only where none of them,
//! and no operator, is there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::control_plane::KUBECTL_CACHE;
use crate::{kubeconfig, tools, workspace};

/// Where the operator's own objects and the Quarantines are.
pub const NAMESPACE: &str = "quarantine-demo";
/// The namespace in deploy/base, which becomes [`NAMESPACE`].
const BASE_NAMESPACE: &str = "quarantine-system";
const DEPLOYMENT: &str = "quarantine-operator";
const OPERATORS: &str = "app.kubernetes.io/name=quarantine-operator";
const LABEL: &str = "quarantine-operator.dev/demo";
/// Kinds without a namespace that deploy/base has. Guards go first: they would refuse what follows.
const CLUSTER_KINDS: [&str; 2] =
    ["validatingadmissionpolicybindings,validatingadmissionpolicies", "clusterrolebindings,clusterroles"];

/// The cluster behind a context.
#[derive(Debug)]
pub struct Guest {
    context: String,
    kubeconfig: Option<PathBuf>,
    folder: PathBuf,
}

impl Guest {
    /// `kubeconfig`: another one than kubectl finds by itself. `folder`: where files of the demo are written.
    pub fn new(context: &str, kubeconfig: Option<PathBuf>, folder: &Path) -> Self {
        Self { context: context.to_owned(), kubeconfig, folder: folder.to_owned() }
    }

    pub fn context(&self) -> &str {
        &self.context
    }

    /// kubectl as whoever the context is, with a cache of the demo's own.
    pub fn kubectl(&self) -> Command {
        let mut kubectl = Command::new("kubectl");
        kubectl.args(["--context", &self.context]).env("KUBECACHEDIR", self.folder.join(KUBECTL_CACHE));
        if let Some(kubeconfig) = &self.kubeconfig {
            kubectl.env("KUBECONFIG", kubeconfig);
        }
        kubectl
    }

    /// Writes what is to be brought, as a folder for `kubectl apply -k`: deploy/base in our namespace, with our label, and with
    /// no pod, for the operator runs here.
    pub fn write_base(&self) -> Result<PathBuf> {
        let mut kustomize = Command::new("kubectl");
        kustomize.current_dir(workspace::root()).args(["kustomize", "deploy/base"]);
        let base = output(kustomize)?.replace(BASE_NAMESPACE, NAMESPACE);
        let folder = self.folder.join("install");
        let kustomization = format!(
            "resources: [base.yaml]\nlabels: [{{pairs: {{{LABEL}: \"true\"}}}}]\nreplicas: [{{name: {DEPLOYMENT}, count: 0}}]\n"
        );
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        for (name, content) in [("base.yaml", base), ("kustomization.yaml", kustomization)] {
            fs::write(folder.join(name), content).with_context(|| format!("cannot write {name}"))?;
        }
        Ok(folder)
    }

    /// Fails where something of ours is there already, which the demo would change, or an operator, which would act on the
    /// demo's objects.
    pub fn ensure_free(&self) -> Result<()> {
        let version = self.ask(&["get", "--raw=/version"]);
        let version = version.with_context(|| format!("the cluster of the context {} doesn't answer", self.context))?;
        let version: Value = serde_json::from_str(&version).context("the API server doesn't say its version")?;
        let version = version["gitVersion"].as_str().unwrap_or_default();
        if let Some(least) = tools::api_server_is_too_old(version) {
            bail!("the cluster of the context {} is {version}, and {least} or newer is needed", self.context);
        }
        let there = self.there(false)?;
        if there.is_empty() {
            return Ok(());
        }
        let (context, names) = (&self.context, there.join(", "));
        if there.len() == self.there(true)?.len() {
            bail!(
                "the cluster of the context {context} has what an earlier demo left behind: {names}. Remove it with \
                 `cargo xtask demo --context {context} --clean-up`"
            );
        }
        bail!(
            "the cluster of the context {context} has the operator already, or its custom resources: {names}. The demo would \
             change them and act beside them: choose a cluster without"
        )
    }

    /// Of what the demo brings, by name, what is there; and operators in any namespace. `ours_only`: what carries the label.
    fn there(&self, ours_only: bool) -> Result<Vec<String>> {
        let base = self.write_base()?;
        let base = base.to_string_lossy();
        let mut found = Vec::new();
        // kubectl takes no selector beside a file.
        for object in self.names(&["get", "-k", &base, "--ignore-not-found"])? {
            if !ours_only || self.is_labelled(&object)? {
                found.push(object);
            }
        }
        let selector = if ours_only { format!("--selector={LABEL}=true") } else { "--selector=".to_owned() };
        let custom = self.names(&["get", "customresourcedefinitions", &selector])?;
        let of_demo = if ours_only { format!(",{LABEL}=true") } else { String::new() };
        let operators = format!("--selector={OPERATORS}{of_demo}");
        let operators = self.names(&["get", "deployments", "--all-namespaces", &operators])?;
        let custom = custom.into_iter().filter(|name| name.ends_with(".quarantine-operator.dev"));
        for name in custom.chain(operators) {
            if !found.contains(&name) {
                found.push(name);
            }
        }
        Ok(found)
    }

    fn is_labelled(&self, object: &str) -> Result<bool> {
        let path = format!("jsonpath={{.metadata.labels.{}}}", LABEL.replace('.', "\\."));
        Ok(self.ask(&["get", object, "--namespace", NAMESPACE, "--output", &path])? == "true")
    }

    /// Deletes what the demo has made with the operator still at work, which gives back what it holds.
    ///
    /// # Errors
    /// Something stays, for example because the operator has ended: [`Guest::clean_up`] removes it all the same.
    pub fn delete_custom_resources(&self) -> Result<()> {
        let mut kinds = self.custom_kinds()?;
        // A source may still make Quarantines, and a Quarantine may still need its class.
        let order = ["findingsources.", "quarantines."];
        kinds.sort_by_key(|kind| order.iter().position(|first| kind.starts_with(first)).unwrap_or(order.len()));
        for kind in kinds {
            self.ask(&["delete", &kind, "--all", "--all-namespaces", "--timeout=60s"])?;
        }
        Ok(())
    }

    /// Removes all that any demo has brought into the cluster, whatever state it is in. Does nothing where nothing is.
    ///
    /// # Errors
    /// What stays, by name.
    pub fn clean_up(&self) -> Result<()> {
        let (label, guards) = (format!("--selector={LABEL}=true"), CLUSTER_KINDS[0]);
        self.ask(&["delete", guards, &label, "--timeout=60s"])?;
        for kind in self.custom_kinds()? {
            self.take_finalizers_off(&kind)?;
        }
        self.ask(&["delete", "customresourcedefinitions", &label, "--timeout=60s"])?;
        self.ask(&["delete", CLUSTER_KINDS[1], &label, "--timeout=60s"])?;
        self.ask(&["delete", "namespaces", &label, "--timeout=180s"])?;
        let left = self.there(true)?;
        ensure!(left.is_empty(), "the demo could not remove these from {}: {}", self.context, left.join(", "));
        Ok(())
    }

    /// The kinds of the CustomResourceDefinitions that are the demo's.
    fn custom_kinds(&self) -> Result<Vec<String>> {
        let names = self.names(&["get", "customresourcedefinitions", &format!("--selector={LABEL}=true")])?;
        let kind = |name: String| name.split_once('/').map(|(_, kind)| kind.to_owned());
        Ok(names.into_iter().filter_map(kind).collect())
    }

    /// Nobody is left who would: the operator has ended, and so has the emulator in which its instances were.
    fn take_finalizers_off(&self, kind: &str) -> Result<()> {
        let objects = self.ask(&["get", kind, "--all-namespaces", "--output=json"])?;
        let objects: Value = serde_json::from_str(&objects).context("kubectl printed something else")?;
        for object in objects["items"].as_array().into_iter().flatten() {
            if object["metadata"]["finalizers"].is_null() {
                continue;
            }
            let name = object["metadata"]["name"].as_str().context("an object has a name")?;
            let patch = ["--type=merge", "--patch", r#"{"metadata":{"finalizers":null}}"#];
            let mut arguments = [&["patch", kind, name][..], &patch].concat();
            if let Some(namespace) = object["metadata"]["namespace"].as_str() {
                arguments.extend(["--namespace", namespace]);
            }
            self.ask(&arguments)?;
        }
        Ok(())
    }

    /// Writes a kubeconfig for whoever has `token`, with the cluster as the context has it.
    pub fn kubeconfig_for(&self, user: &str, token: &str) -> Result<PathBuf> {
        let config = self.ask(&["config", "view", "--raw", "--flatten", "--minify", "--output=json"])?;
        let config: Value = serde_json::from_str(&config).context("kubectl printed something else")?;
        let cluster = &config["clusters"][0]["cluster"];
        ensure!(cluster["server"].is_string(), "the context {} has no server", self.context);
        kubeconfig::write_for(&self.folder, cluster, user, token)
    }

    fn names(&self, arguments: &[&str]) -> Result<Vec<String>> {
        let names = self.ask(&[arguments, &["--output=name"]].concat())?;
        Ok(names.lines().map(str::to_owned).collect())
    }

    fn ask(&self, arguments: &[&str]) -> Result<String> {
        let mut kubectl = self.kubectl();
        kubectl.args(arguments);
        output(kubectl)
    }
}

fn output(mut command: Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().context("cannot run kubectl")?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "kubectl failed ({})\n{}", output.status, complaint.trim_end());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
