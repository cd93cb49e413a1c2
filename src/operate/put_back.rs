//! Whether the cluster was put back to an older state: etcd, restored from a snapshot.
//!
//! A watch that began at a later revision then hears nothing, and no error tells so; the stores hold what no longer is,
//! and every write of what was read from them is a conflict. Only a new process begins afresh.
//!
//! Resource versions are compared as numbers, which Kubernetes allows for those of one resource ("Resource versions",
//! Kubernetes API concepts). One that isn't a number is never older.

use crate::api::Quarantine;
use kube::{Api, Client, ResourceExt, api::ListParams};
use std::time::Duration;

/// How often the revision is looked at. It falls by a restore only, which takes longer than this.
const LOOK: Duration = Duration::from_secs(10);

/// How soon after a look that failed: the API server may be coming back from a restore.
const RETRY: Duration = Duration::from_secs(1);

/// How long one look may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Ends when the API server shows an older revision than it did before.
pub async fn seen_by_revision(client: Client) {
    let claims: Api<Quarantine> = Api::all(client);
    let mut highest: Option<u64> = None;
    loop {
        let shown = revision(&claims).await;
        if older(shown, highest) {
            return;
        }
        highest = shown.or(highest);
        tokio::time::sleep(if shown.is_some() { LOOK } else { RETRY }).await;
    }
}

async fn revision(claims: &Api<Quarantine>) -> Option<u64> {
    let one = ListParams::default().limit(1);
    let list = tokio::time::timeout(TIMEOUT, claims.list_metadata(&one)).await.ok()?.ok()?;
    list.metadata.resource_version?.parse().ok()
}

/// Whether the API server shows an older claim than the one that was read from the store. Asked after a conflict: a
/// restore of a moment ago may have passed between two looks at the revision.
pub async fn seen_by_claim(client: Client, read: &Quarantine) -> bool {
    let claims: Api<Quarantine> = Api::namespaced(client, &read.namespace().unwrap_or_default());
    let name = read.name_any();
    let shown = tokio::time::timeout(TIMEOUT, claims.get_metadata_opt(&name)).await;
    let Ok(Ok(Some(shown))) = shown else { return false };
    let number = |version: Option<String>| version.and_then(|version| version.parse().ok());
    older(number(shown.resource_version()), number(read.resource_version()))
}

fn older(shown: Option<u64>, before: Option<u64>) -> bool {
    shown.zip(before).is_some_and(|(shown, before)| shown < before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_smaller_number_is_older() {
        assert!(older(Some(9), Some(10)));
        assert!(!older(Some(10), Some(10)) && !older(Some(11), Some(10)));
        assert!(!older(None, Some(10)) && !older(Some(10), None));
    }
}
