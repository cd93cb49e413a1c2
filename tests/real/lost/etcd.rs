//! etcd is put back to a snapshot: what was written since is lost, while EC2 has gone on. The snapshot is etcd's data
//! folder, copied while nothing writes to it.

use super::{backed_up, check, clear, ends_held_and_given_back, is_tagged};
use crate::{
    e2e::scene::{CLAIM, Scene},
    support::{
        claims::{Desk, status},
        client_of,
        operator::OPERATOR_ACCOUNT,
        process::{Process, ground},
    },
    wire::emulator::calls,
};
use quarantine_operator::api::RecordSource;
use serde_json::{Value, json};
use std::{fs, path::PathBuf, process::Command};
use tokio::sync::MutexGuard;
use xtask::Stack;

const ORIGINALS: [&[&str]; 2] = [&["web"], &["app", "db"]];

struct Cluster {
    stack: MutexGuard<'static, Stack>,
    scene: Scene,
}

impl Cluster {
    /// With a class and nothing else. No operator runs.
    async fn fresh() -> Self {
        let stack = ground().await;
        let desk = Desk::open(client_of(&stack).await).await;
        clear(&desk).await;
        let scene = Scene::on(desk, &ORIGINALS).await;
        scene.class(json!({"regions": ["eu-central-1"]})).await;
        Self { stack, scene }
    }

    fn operator(&self) -> Process {
        Process::start(&self.stack, OPERATOR_ACCOUNT)
    }

    fn check(&self) -> (i32, String) {
        check(&self.stack, OPERATOR_ACCOUNT, &[])
    }

    fn stop(&mut self) {
        self.stack.stop_apiserver();
        self.stack.stop_etcd();
    }

    fn start(&mut self) {
        self.stack.start_etcd().unwrap_or_else(|error| panic!("{error:#}"));
        self.stack.start_apiserver().unwrap_or_else(|error| panic!("{error:#}"));
    }

    fn snapshot(&mut self) -> PathBuf {
        let snapshot = self.stack.run_dir().join("snapshot");
        self.stop();
        replace(&self.stack.etcd_data(), &snapshot);
        self.start();
        snapshot
    }

    /// Puts the cluster back. Whoever runs beside it runs on.
    fn restore(&mut self, snapshot: &PathBuf) {
        self.stop();
        replace(snapshot, &self.stack.etcd_data());
        self.start();
    }
}

/// Makes `to` a copy of `from`.
fn replace(from: &PathBuf, to: &PathBuf) {
    if to.exists() {
        fs::remove_dir_all(to).expect("it is removed");
    }
    let copied = Command::new("cp").arg("-a").args([from, to]).status().expect("cp runs");
    assert!(copied.success());
}

#[tokio::test]
async fn etcd_restored_to_before_the_containment_with_the_object() {
    let mut cluster = Cluster::fresh().await;
    cluster.scene.claim(json!({})).await;
    let snapshot = cluster.snapshot();
    let operator = cluster.operator();
    cluster.scene.desk.contained(CLAIM).await;
    is_tagged(&cluster.scene).await;

    cluster.restore(&snapshot);
    let claim = cluster.scene.desk.claims.get(CLAIM).await.expect("the object is there");
    assert!(status(&claim).interfaces.is_empty(), "without a record");
    let (code, said) = cluster.check();
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains(&format!("Quarantine {}/{CLAIM} names this instance", cluster.scene.desk.namespace)),
        "{said}"
    );
    drop(operator);
    let _operator = cluster.operator();
    ends_held_and_given_back(&cluster.scene, &ORIGINALS).await;
    let (code, said) = cluster.check();
    assert_eq!(code, 0, "{said}");
}

#[tokio::test]
async fn etcd_restored_while_the_operator_runs_makes_it_begin_afresh() {
    let mut cluster = Cluster::fresh().await;
    cluster.scene.claim(json!({})).await;
    let snapshot = cluster.snapshot();
    let mut operator = cluster.operator();
    cluster.scene.desk.contained(CLAIM).await;
    is_tagged(&cluster.scene).await;

    let earlier = fs::read_to_string(operator.log()).expect("a log").len();
    cluster.restore(&snapshot);
    // The old watches hear of nothing more. Drift would never be put right.
    cluster.scene.set(&cluster.scene.interfaces[0], &cluster.scene.ids(&["web"])).await;
    assert_eq!(operator.ended().await.code(), Some(1), "its Deployment starts it again");
    let log = fs::read_to_string(operator.log()).expect("a log");
    let said = &log[earlier..];
    assert!(said.contains("put back to an older state") && said.contains("check --after-restore"), "{said}");
    let _operator = cluster.operator();
    cluster.scene.carries(&cluster.scene.interfaces[0], std::slice::from_ref(&cluster.scene.isolation)).await;
    cluster.scene.desk.contained(CLAIM).await;
    cluster.scene.desk.delete(CLAIM).await;
    // The other interface was isolated all the time, so its record comes from its tags.
    super::is_approved_and_given_back(&cluster.scene, &ORIGINALS).await;
}

#[tokio::test]
async fn etcd_restored_to_before_the_containment_without_the_object() {
    let mut cluster = Cluster::fresh().await;
    let snapshot = cluster.snapshot();
    let operator = cluster.operator();
    let lost = cluster.scene.claim(json!({})).await;
    cluster.scene.desk.contained(CLAIM).await;
    is_tagged(&cluster.scene).await;

    cluster.restore(&snapshot);
    drop(operator);
    let _operator = cluster.operator();
    assert_eq!(cluster.scene.desk.claims.get_opt(CLAIM).await.expect("a read"), None);
    let (code, said) = cluster.check();
    assert_eq!(code, 1, "{said}");
    for (interface, names) in cluster.scene.interfaces.iter().zip(ORIGINALS) {
        let line = said.lines().find(|line| line.contains(interface)).expect("each interface is listed");
        assert!(names.iter().all(|name| line.contains(&cluster.scene.groups[*name])), "{line}");
    }
    crate::meant::is_isolated(&cluster.scene).await;

    cluster.scene.desk.claim(CLAIM, backed_up(&lost)).await;
    ends_held_and_given_back(&cluster.scene, &ORIGINALS).await;
    let (code, said) = cluster.check();
    assert_eq!(code, 0, "{said}");
}

#[tokio::test]
async fn etcd_restored_to_before_the_release() {
    let cluster = back_before_the_release().await;
    let (code, said) = cluster.check();
    assert_eq!(code, 1, "{said}");
    for interface in &cluster.scene.interfaces {
        let line = said.lines().find(|line| line.contains(interface)).expect("each interface is listed");
        assert!(line.contains(&format!("{}/{CLAIM}", cluster.scene.desk.namespace)), "{line}");
    }
    let _operator = cluster.operator();
    for interface in &cluster.scene.interfaces {
        cluster.scene.carries(interface, std::slice::from_ref(&cluster.scene.isolation)).await;
    }
    is_tagged(&cluster.scene).await;
    let claim = cluster.scene.desk.contained(CLAIM).await;
    let records = &status(&claim).interfaces;
    assert!(records.iter().all(|record| record.recorded_from == RecordSource::Interface), "{records:?}");
    cluster.scene.delete_and_wait().await;
    crate::meant::is_given_back(&cluster.scene, &ORIGINALS).await;
}

#[tokio::test]
async fn etcd_restored_to_before_the_release_and_deleted_before_the_operator_starts() {
    let cluster = back_before_the_release().await;
    let swaps = || calls(&cluster.scene.account.id, "ModifyNetworkInterfaceAttribute");
    let before = swaps().len();
    cluster.scene.desk.delete(CLAIM).await;
    let _operator = cluster.operator();
    cluster.scene.desk.gone(CLAIM).await;
    crate::meant::is_given_back(&cluster.scene, &ORIGINALS).await;
    let swaps = swaps();
    let (earlier, since) = swaps.split_at(before);
    let cut_off = |call: &Value| call.to_string().contains(&cluster.scene.isolation);
    assert!(earlier.iter().any(cut_off) && !since.iter().any(cut_off), "not cut off again: {since:?}");
}

/// The object is back with its records, while its interfaces were given back. No operator runs.
async fn back_before_the_release() -> Cluster {
    let mut cluster = Cluster::fresh().await;
    let operator = cluster.operator();
    cluster.scene.claim(json!({})).await;
    cluster.scene.desk.contained(CLAIM).await;
    is_tagged(&cluster.scene).await;
    let snapshot = cluster.snapshot();
    cluster.scene.delete_and_wait().await;
    crate::meant::is_given_back(&cluster.scene, &ORIGINALS).await;
    drop(operator);
    cluster.restore(&snapshot);
    cluster
}
