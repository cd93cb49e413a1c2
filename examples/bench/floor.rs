//! What the same calls cost alone, one after the other as they depend on each other, with the same clients, and with
//! the same pause before each sample: calls in a tight loop are faster by half than after a rest.

use super::{TIMES, scene::Scene};
use anyhow::Result;
use futures::future::try_join_all;
use kube::{
    ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use quarantine_operator::{
    api::{InterfaceState, InterfaceStatus, QuarantineStatus, RecordSource, Time},
    aws::Ec2,
    quarantine::tags,
};
use serde_json::json;
use std::time::{Duration, Instant};

/// How long it takes until the second read, or the last call, is answered.
pub struct Aws {
    pub contain: Vec<Duration>,
    pub release: Vec<Duration>,
}

/// The AWS calls of a containment and of a release.
pub async fn aws(scene: &Scene<'_>) -> Result<Aws> {
    let ec2 = &scene.ec2;
    let mut times = Aws { contain: Vec::new(), release: Vec::new() };
    let before = scene.interfaces().await?;
    let isolation = vec![scene.isolation.clone()];
    let tags = tags::of_record(&record(scene, &before[0].id, &before[0].groups), "uid", "cluster");
    let keys: Vec<String> = tags.keys().cloned().collect();
    // The first one, which opens connections, doesn't count.
    for _ in 0..=TIMES {
        scene.logs.quiet().await?;
        let began = Instant::now();
        look(scene, ec2).await?;
        try_join_all(before.iter().map(|seen| ec2.set_groups(&seen.id, &isolation))).await?;
        look(scene, ec2).await?;
        times.contain.push(began.elapsed());
        let each: Vec<[String; 1]> = before.iter().map(|seen| [seen.id.clone()]).collect();
        try_join_all(each.iter().map(|id| ec2.tag(id, &tags))).await?;

        scene.logs.quiet().await?;
        let began = Instant::now();
        look(scene, ec2).await?;
        try_join_all(before.iter().map(|seen| ec2.set_groups(&seen.id, &seen.groups))).await?;
        look(scene, ec2).await?;
        let all: Vec<String> = before.iter().map(|seen| seen.id.clone()).collect();
        ec2.untag(&all, &keys).await?;
        times.release.push(began.elapsed());
    }
    times.contain.remove(0);
    times.release.remove(0);
    Ok(times)
}

/// One round of reads.
async fn look(scene: &Scene<'_>, ec2: &Ec2) -> Result<()> {
    let group = [scene.isolation.clone()];
    tokio::try_join!(ec2.instance(&scene.instance), ec2.interfaces_attached_to(&scene.instance), ec2.groups(&group))?;
    Ok(())
}

/// The Kubernetes calls of a containment up to Contained=True: the claim made and read, the finalizer, the records, the
/// conditions.
pub async fn kubernetes(scene: &Scene<'_>) -> Result<Vec<Duration>> {
    let mut times = Vec::new();
    let interfaces = scene.interfaces().await?;
    for _ in 0..=TIMES {
        scene.logs.quiet().await?;
        scene.wake_connection().await?;
        let began = Instant::now();
        let name = scene.claim().await?.name_any();
        scene.claims.get(&name).await?;
        let finalizer = json!({"metadata": {"finalizers": ["quarantine-operator.dev/bench"]}});
        let mut claim = scene.claims.patch(&name, &PatchParams::default(), &Patch::Merge(finalizer)).await?;
        for summary in ["0/2", "2/2"] {
            let interfaces = interfaces.iter().map(|seen| record(scene, &seen.id, &seen.groups)).collect();
            let status =
                QuarantineStatus { interfaces, interface_summary: Some(summary.to_owned()), ..Default::default() };
            claim.status = Some(status);
            claim = scene.claims.replace_status(&name, &PostParams::default(), &claim).await?;
        }
        times.push(began.elapsed());
        let none = Patch::Merge(json!({"metadata": {"finalizers": null}}));
        scene.claims.patch(&name, &PatchParams::default(), &none).await?;
        scene.claims.delete(&name, &DeleteParams::default()).await?;
    }
    times.remove(0);
    Ok(times)
}

fn record(scene: &Scene<'_>, id: &str, groups: &[String]) -> InterfaceStatus {
    InterfaceStatus {
        id: id.to_owned(),
        vpc_id: scene.vpc.clone(),
        original_security_groups: Some(groups.to_vec()),
        isolation_groups: vec![scene.isolation.clone()],
        recorded_from: RecordSource::Interface,
        recorded_at: Time(scene.made),
        changed_at: None,
        unanswered_at: vec![],
        missing_since: None,
        state: InterfaceState::Isolating,
        message: None,
    }
}
