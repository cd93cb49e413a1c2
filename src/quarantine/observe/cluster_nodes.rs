//! Which EC2 instances are nodes of the operator's own cluster. Asked only for what no person chose; those that ask while
//! the nodes are being listed share the next list.

use super::own_nodes::of_provider_id;
use crate::quarantine::{Error, in_time, world::NodeSight};
use k8s_openapi::api::core::v1::Node;
use kube::{Api, Client, ResourceExt, api::ListParams};
use std::collections::HashMap;
use tokio::{sync::Mutex, time::Instant};

/// How many come at once.
const PAGE: u32 = 500;

/// The last list, by instance, and when it was begun.
#[derive(Default)]
pub struct ClusterNodes(Mutex<Option<(Instant, HashMap<String, String>)>>);

impl ClusterNodes {
    /// What the instance is to this cluster.
    ///
    /// Errors: the API server can't be asked now. That it refuses is an answer.
    pub async fn sight(&self, client: &Client, instance: &str) -> Result<NodeSight, Error> {
        let asked = Instant::now();
        let mut known = self.0.lock().await;
        if known.as_ref().is_none_or(|(begun, _)| *begun < asked) {
            let begun = Instant::now();
            match list(client).await {
                Ok(nodes) => *known = Some((begun, nodes)),
                Err(refused) if refused.is_refusal() => {
                    let why = format!("the API server doesn't let the nodes be listed ({refused})");
                    return Ok(NodeSight::Unknown(why));
                }
                Err(error) => return Err(error),
            }
        }
        let name = known.as_ref().and_then(|(_, nodes)| nodes.get(instance));
        Ok(name.map_or(NodeSight::Other, |name| NodeSight::Node(name.clone())))
    }
}

/// The names of the nodes, by instance.
async fn list(client: &Client) -> Result<HashMap<String, String>, Error> {
    let api: Api<Node> = Api::all(client.clone());
    let (mut nodes, mut page) = (HashMap::new(), ListParams::default().limit(PAGE));
    loop {
        let listed = in_time(api.list(&page)).await?;
        nodes.extend(listed.items.iter().filter_map(|node| {
            let provider_id = node.spec.as_ref()?.provider_id.as_deref()?;
            Some((of_provider_id(provider_id)?.to_owned(), node.name_any()))
        }));
        match listed.metadata.continue_.filter(|more| !more.is_empty()) {
            Some(more) => page = page.continue_token(&more),
            None => return Ok(nodes),
        }
    }
}
