//! Which EC2 instances the operator itself runs on, so that none of them is cut off: that of its own node, and those of
//! the nodes of its other replicas.

use crate::quarantine::{Error, in_time};
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::{Api, Client, ResourceExt, api::ListParams};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use tokio::{sync::Mutex, time::Instant};

/// How old an answer may be. A replica that moves to a node is known there before the minute is over.
const FRESH: Duration = Duration::from_secs(30);

/// Set by a Deployment on its pods: it tells one version of the replicas from another.
const VERSION_LABEL: &str = "pod-template-hash";

/// This replica, where it runs in a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnPod {
    pub namespace: String,
    pub name: String,
}

/// Knows the instances, and reads them again where what it knows is old.
pub struct OwnNodes {
    client: Client,
    node: Option<String>,
    pod: Option<OwnPod>,
    known: Mutex<Option<(Instant, BTreeSet<String>)>>,
}

impl OwnNodes {
    /// `node` is this replica's, where it is told; without `pod` there are no other replicas.
    pub fn new(client: Client, node: Option<String>, pod: Option<OwnPod>) -> Self {
        Self { client, node, pod, known: Mutex::default() }
    }

    /// The instances. Where they can't be read now, those of the last time.
    ///
    /// Errors: they were never read, and can't be now.
    pub async fn instances(&self) -> Result<BTreeSet<String>, Error> {
        let mut known = self.known.lock().await;
        if let Some((_, instances)) = known.as_ref().filter(|(read, _)| read.elapsed() < FRESH) {
            return Ok(instances.clone());
        }
        let instances = match (self.read().await, known.as_ref()) {
            (Ok(instances), _) => instances,
            (Err(error), Some((_, before))) => {
                tracing::warn!(%error, "the nodes of the operator's replicas can't be read; those of the last time count");
                before.clone()
            }
            (Err(error), None) => return Err(error),
        };
        *known = Some((Instant::now(), instances.clone()));
        Ok(instances)
    }

    async fn read(&self) -> Result<BTreeSet<String>, Error> {
        let own = self.node.iter().cloned();
        let names: BTreeSet<String> = match &self.pod {
            Some(pod) => {
                let pods: Api<Pod> = Api::namespaced(self.client.clone(), &pod.namespace);
                let pods = in_time(pods.list(&ListParams::default())).await?;
                own.chain(nodes_of_replicas(&pod.name, &pods.items)).collect()
            }
            None => own.collect(),
        };
        let nodes: Api<Node> = Api::all(self.client.clone());
        let mut instances = BTreeSet::new();
        for name in &names {
            let node = if self.node.as_ref() == Some(name) {
                Some(in_time(nodes.get(name)).await?)
            } else {
                in_time(nodes.get_opt(name)).await?
            };
            let spec = node.and_then(|node| node.spec);
            instances.extend(spec.and_then(|spec| of_provider_id(&spec.provider_id?).map(str::to_owned)));
        }
        Ok(instances)
    }
}

/// The nodes of the pods that carry the labels of this one, whatever version they are, and haven't ended.
fn nodes_of_replicas(own: &str, pods: &[Pod]) -> BTreeSet<String> {
    let labels = |pod: &Pod| -> BTreeMap<String, String> {
        pod.labels()
            .iter()
            .filter(|(key, _)| *key != VERSION_LABEL)
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    };
    let Some(wanted) = pods.iter().find(|pod| pod.name_any() == own).map(labels).filter(|labels| !labels.is_empty())
    else {
        return BTreeSet::new();
    };
    let ended = |pod: &&Pod| {
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
        matches!(phase, Some("Succeeded" | "Failed"))
    };
    let replicas = pods.iter().filter(|pod| !ended(pod) && labels(pod) == wanted);
    replicas.filter_map(|pod| pod.spec.as_ref()?.node_name.clone()).collect()
}

/// From a providerID of the AWS cloud provider: `aws:///eu-central-1a/i-0123456789abcdef0`.
pub fn of_provider_id(provider_id: &str) -> Option<&str> {
    let path = provider_id.strip_prefix("aws://")?;
    path.rsplit('/').next().filter(|id| id.starts_with("i-"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_an_ec2_node_names_an_instance() {
        assert_eq!(of_provider_id("aws:///eu-central-1a/i-0123456789abcdef0"), Some("i-0123456789abcdef0"));
        assert_eq!(of_provider_id("aws:///eu-central-1a/fargate-ip-10-0-0-1"), None);
        assert_eq!(of_provider_id("gce://project/zone/i-like-names"), None);
        assert_eq!(of_provider_id(""), None);
    }

    fn pod(name: &str, app: &str, version: &str, node: Option<&str>, phase: &str) -> Pod {
        serde_json::from_value(json!({
            "metadata": {"name": name, "labels": {"app": app, VERSION_LABEL: version}},
            "spec": {"containers": [], "nodeName": node}, "status": {"phase": phase},
        }))
        .expect("a pod")
    }

    #[test]
    fn every_replica_counts_also_of_the_version_before_and_no_other_pod() {
        let pods = [
            pod("own", "operator", "2", Some("node-1"), "Running"),
            pod("standby", "operator", "2", Some("node-2"), "Running"),
            pod("before", "operator", "1", Some("node-3"), "Running"),
            pod("unplaced", "operator", "2", None, "Pending"),
            pod("evicted", "operator", "2", Some("node-4"), "Failed"),
            pod("prometheus", "prometheus", "2", Some("node-5"), "Running"),
        ];
        let nodes: Vec<String> = nodes_of_replicas("own", &pods).into_iter().collect();
        assert_eq!(nodes, ["node-1", "node-2", "node-3"]);
        assert_eq!(nodes_of_replicas("elsewhere", &pods), BTreeSet::new());
    }
}
