//! The plugin as kubectl calls it, and completions as shells ask for them.

use super::run::{PLUGIN, Said, with};
use crate::{
    e2e::scene::{CLAIM, Scene},
    support::{claims::Desk, stack},
};
use std::{
    ffi::OsString,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

/// A folder with the plugin under both names that kubectl looks for, before everything else on the PATH.
fn path(desk: &Desk) -> OsString {
    let folder = stack().run_dir().join(format!("bin-{}", desk.namespace));
    std::fs::create_dir_all(&folder).expect("a folder");
    for name in ["kubectl-quarantine", "kubectl_complete-quarantine"] {
        symlink(PLUGIN, folder.join(name)).expect("a link");
    }
    let others = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths([folder].into_iter().chain(std::env::split_paths(&others))).expect("a PATH")
}

fn kubectl(kubeconfig: &Path, path: &OsString, arguments: &[&str]) -> Said {
    let mut kubectl = stack().kubectl();
    kubectl.env("PATH", path).env("KUBECONFIG", kubeconfig).args(arguments);
    Said::of(kubectl.output().expect("kubectl runs"))
}

#[tokio::test]
async fn kubectl_finds_the_plugin_and_passes_its_exit_code_on() {
    let scene = Scene::contained(&[&["web"]]).await;
    let (path, kubeconfig) = (path(&scene.desk), of_namespace(&scene.desk));
    kubectl(&kubeconfig, &path, &["plugin", "list"]).ended(0).says(&["kubectl-quarantine"]);
    kubectl(&kubeconfig, &path, &["quarantine", "list"]).ended(0).says(&[CLAIM, &scene.instance]);
    kubectl(&kubeconfig, &path, &["quarantine", "status", "nothing"]).ended(1).says(&["no Quarantine named nothing"]);
    kubectl(&kubeconfig, &path, &["quarantine", "i-xyz"]).ended(2).says(&["no EC2 instance id"]);
}

#[tokio::test]
async fn kubectls_own_completion_knows_commands_and_the_names_of_quarantines() {
    let scene = Scene::contained(&[&["web"]]).await;
    let (path, kubeconfig) = (path(&scene.desk), of_namespace(&scene.desk));
    for (words, completed) in [(&["st"][..], "status"), (&["release", "we"], CLAIM)] {
        let said = kubectl(&kubeconfig, &path, &[&["__complete", "quarantine"], words].concat()).ended(0);
        assert_eq!(said.out.lines().collect::<Vec<_>>(), [completed, ":4"]);
    }
}

/// A kubeconfig whose context has this namespace.
fn of_namespace(desk: &Desk) -> PathBuf {
    let text = std::fs::read_to_string(stack().kubeconfig()).expect("a kubeconfig");
    let mut config: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    config["contexts"][0]["context"]["namespace"] = serde_json::json!(desk.namespace);
    let path = stack().run_dir().join(format!("{}.kubeconfig", desk.namespace));
    std::fs::write(&path, config.to_string()).expect("it is written");
    path
}

#[tokio::test]
async fn the_namespace_is_the_contexts() {
    let scene = Scene::contained(&[&["web"]]).await;
    let output = with(&of_namespace(&scene.desk), &["list"]).output();
    Said::of(output.expect("it runs")).ended(0).says(&[CLAIM, &scene.instance]);
}

#[test]
fn bash_completes_commands_with_the_script_that_is_printed() {
    let script = Said::of(with(Path::new("/nowhere"), &["completion", "bash"]).output().expect("it runs")).ended(0).out;
    let registered = "f=$(complete -p kubectl-quarantine); f=${f##*-F }; f=${f%% *}";
    let asked = "COMP_WORDS=(kubectl-quarantine rel); COMP_CWORD=1; \"$f\" kubectl-quarantine rel kubectl-quarantine";
    let program = format!("{script}\n{registered}\n{asked}\necho \"${{COMPREPLY[@]}}\"");
    let bash = Command::new("bash").args(["--norc", "-c", &program]).output().expect("bash runs");
    assert_eq!(Said::of(bash).ended(0).out, "release\n");
}

#[test]
fn there_is_a_script_for_each_shell() {
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let output = with(Path::new("/nowhere"), &["completion", shell]).output().expect("it runs");
        Said::of(output).ended(0).says(&["kubectl-quarantine", "release", "approve"]);
    }
}
