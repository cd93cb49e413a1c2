//! `cargo xtask demo`: the main job, told in steps. Each step says in a sentence what happens, shows the commands that
//! it runs, and checks what it sees; the demo succeeds only if every interface was isolated and got back exactly its
//! own groups. The story is here; the parts that play in it are in the other files.

mod groups;
mod narrator;
mod operator;
mod scene;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use xtask::job::{Cancel, beside};
use xtask::prerequisites::{self, Prerequisite};
use xtask::progress::Progress;
use xtask::{Stack, StackOptions, workspace};

use crate::commands::cargo::build_operator;
use crate::commands::stack::offer;
use groups::Groups;
use narrator::Narrator;
use operator::Operator;
use scene::Scene;

const CLASS_SAMPLE: &str = "deploy/samples/quarantineclass.yaml";
const NAMESPACE_SAMPLE: &str = "deploy/samples/namespace.yaml";
const QUARANTINE_SAMPLE: &str = "deploy/samples/quarantine.yaml";
const SAMPLE_INSTANCE: &str = "i-0123456789abcdef0";
const SAMPLE_REGION: &str = "eu-central-1";
const CORRECTED_WITHIN: Duration = Duration::from_secs(60);

pub fn demo(keep: bool) -> Result<()> {
    let options = StackOptions::default();
    let mut wanted = options.prerequisites()?;
    wanted.push(Prerequisite::Cargo);
    prerequisites::check(&wanted)?;

    let mut narrator = Narrator::default();
    let binary = narrator.step("Build what is not there yet: the stack's tools and the operator", |_| {
        let (progress, cancel, setup) = (Progress::new(), Cancel::default(), options.setup());
        let prepare = || setup.prepare(&progress, &cancel);
        let (_, binary) = beside(&cancel, prepare, || build_operator(&progress, &cancel))?;
        Ok(binary)
    })?;
    let mut stack = narrator.step("Start etcd, kube-apiserver and the AWS emulator", |shell| {
        let stack = Stack::start(options)?;
        shell.remark(&format!("KUBECONFIG={}", stack.kubeconfig().display()));
        Ok(stack)
    })?;
    // Declared after the stack, and so stopped before it.
    let mut operator = None;
    let told = tell(&stack, &binary, &mut operator, &mut narrator);
    narrator.close();
    if keep {
        if let Err(error) = &told {
            eprintln!("error: {error:#}");
        }
        offer(&mut stack, "\nEverything stays.", SAMPLE_REGION)?;
    }
    told
}

fn tell(stack: &Stack, binary: &Path, operator: &mut Option<Operator>, narrator: &mut Narrator) -> Result<()> {
    narrator.step("Install the custom resources, and the operator's rights", |shell| {
        shell.kubectl(stack, &["apply", "-f", "crds/"])?;
        shell.kubectl(stack, &["wait", "--for=condition=Established", "--timeout=60s", "-f", "crds/"])?;
        shell.kubectl(stack, &["apply", "-f", "deploy/rbac/"])
    })?;
    let (scene, before) = narrator.step("Make an EC2 instance with two interfaces of different groups", |shell| {
        let scene = Scene::set(stack, SAMPLE_REGION, shell)?;
        let before = scene.groups()?;
        shell.show(&groups::table(&[("before", &before)]));
        Ok((scene, before))
    })?;
    let running = narrator.step("Start the operator as its own process, as its own service account", |shell| {
        Operator::start(binary, stack, &scene, shell)
    })?;
    let operator = operator.insert(running);
    contain_and_release(stack, &scene, &before, narrator).map_err(|error| operator.explain(error))
}

fn contain_and_release(stack: &Stack, scene: &Scene<'_>, before: &Groups, narrator: &mut Narrator) -> Result<()> {
    let class = adapt(CLASS_SAMPLE, scene, stack)?;
    let quarantine = adapt(QUARANTINE_SAMPLE, scene, stack)?;
    let contained = narrator.step("Cut the instance off: apply the README's manifests", |shell| {
        shell.remark(&format!("(copies, in which {} stands for {SAMPLE_INSTANCE})", scene.instance_id));
        shell.kubectl(stack, &["apply", "-f", NAMESPACE_SAMPLE, "-f", &class, "-f", &quarantine])?;
        shell.kubectl(stack, &["wait", "--for=condition=Contained", "--timeout=60s", "-f", &quarantine])?;
        let contained = scene.groups()?;
        shell.show(&groups::table(&[("before", before), ("while contained", &contained)]));
        contained.ensure_isolated_from(before).context("Contained=True, but EC2 says otherwise")?;
        Ok(contained)
    })?;

    narrator.step("Read what the status says", |shell| {
        shell.kubectl(stack, &["get", "-f", &quarantine, "-o", "wide"])?;
        let conditions = "{range .status.conditions[*]}{.type}={.status}  {.reason}: {.message}{\"\\n\"}{end}";
        shell.kubectl(stack, &["get", "-f", &quarantine, "-o", &format!("jsonpath={conditions}")])
    })?;

    narrator.step("Put the old groups back behind the operator's back, and let it look", |shell| {
        scene.drift(before, shell)?;
        let now = "reconcile.fluxcd.io/requestedAt=now";
        shell.kubectl(stack, &["annotate", "--overwrite", "-f", &quarantine, now])?;
        scene.wait_for(&contained, CORRECTED_WITHIN).context("the drift was not put right")?;
        shell.remark("Every interface carries the isolation group alone again.");
        Ok(())
    })?;

    narrator.step("Give the instance back: delete the Quarantine", |shell| {
        shell.kubectl(stack, &["delete", "--timeout=180s", "-f", &quarantine])?;
        let after = scene.groups()?;
        shell.show(&groups::table(&[("before", before), ("while contained", &contained), ("after", &after)]));
        ensure!(after == *before, "an interface did not get back exactly its own groups");
        shell.remark("Each interface has exactly its own groups again.");
        Ok(())
    })
}

/// Writes a sample of the README for the instance that is there, and answers its path as a person would type it.
fn adapt(sample: &str, scene: &Scene<'_>, stack: &Stack) -> Result<String> {
    let text = fs::read_to_string(workspace::root().join(sample)).with_context(|| format!("cannot read {sample}"))?;
    let text = text.replace(SAMPLE_INSTANCE, &scene.instance_id).replace(SAMPLE_REGION, &scene.region);
    let path = stack.run_dir().join(Path::new(sample).file_name().map(PathBuf::from).unwrap_or_default());
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    let shown = path.strip_prefix(workspace::root()).unwrap_or(&path);
    Ok(shown.display().to_string())
}
