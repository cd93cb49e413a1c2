//! One reconcile at a time per instance, whatever claim it comes from, and none before the store shows what the last one
//! wrote: otherwise two claims of one instance could both take it for nobody's. A claim that meets a busy instance
//! doesn't wait: it comes back.

use crate::api::Quarantine;
use kube::{
    ResourceExt,
    runtime::reflector::{ObjectRef, Store},
};
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// The instances that are being reconciled now, and what was last written for each.
#[derive(Clone, Default)]
pub struct Locks(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    busy: HashSet<String>,
    written: HashMap<String, Written>,
}

/// A write that the store may not show yet.
struct Written {
    claim: ObjectRef<Quarantine>,
    uid: Option<String>,
    version: Option<u64>,
    at: Instant,
}

/// How long a store may take to show a write. Restored from a snapshot, etcd counts its versions anew; what is decided
/// from an old copy then is refused by the API server.
const SHOWN_WITHIN: Duration = Duration::from_secs(10);

/// The turn of one reconcile; the next one's comes when it is dropped.
pub struct Turn {
    locks: Locks,
    instance_id: String,
}

impl Locks {
    /// A turn with the claim's instance, unless another claim has it or the store is behind. An instance id is unique
    /// across accounts and regions; a claim that names none yet has its own turn.
    pub fn take_turn(&self, claim: &Quarantine, store: &Store<Quarantine>) -> Option<Turn> {
        let instance_id = claim.instance_id().map_or_else(|| claim.uid().unwrap_or_default(), str::to_owned);
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.busy.contains(&instance_id) {
            return None;
        }
        if let Some(written) = state.written.get(&instance_id) {
            if !written.is_shown(store) {
                return None;
            }
            state.written.remove(&instance_id);
        }
        state.busy.insert(instance_id.clone());
        Some(Turn { locks: self.clone(), instance_id })
    }
}

impl Turn {
    /// The API server has acknowledged this version of a claim of the instance.
    pub fn wrote(&self, claim: &Quarantine) {
        let written = Written {
            claim: ObjectRef::from_obj(claim),
            uid: claim.uid(),
            version: claim.resource_version().and_then(|version| version.parse().ok()),
            at: Instant::now(),
        };
        self.locks.0.lock().unwrap_or_else(PoisonError::into_inner).written.insert(self.instance_id.clone(), written);
    }
}

impl Written {
    /// Whether the store has this version or a later one. Resource versions of one resource are comparable ("API
    /// conventions", Kubernetes 1.35); what is gone was deleted later.
    fn is_shown(&self, store: &Store<Quarantine>) -> bool {
        let Some(shown) = store.get(&self.claim).filter(|shown| shown.uid() == self.uid) else { return true };
        self.at.elapsed() > SHOWN_WITHIN
            || shown.resource_version().and_then(|version| version.parse().ok()) >= self.version
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.locks.0.lock().unwrap_or_else(PoisonError::into_inner).busy.remove(&self.instance_id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::runtime::{reflector::store, watcher::Event};
    use serde_json::json;

    fn claim(uid: &str, instance: u32, version: u64) -> Quarantine {
        let claim = json!({
            "apiVersion": "quarantine-operator.dev/v1alpha1", "kind": "Quarantine",
            "metadata": {"name": uid, "namespace": "ir", "uid": uid, "resourceVersion": version.to_string()},
            "spec": {"target": {"instance": {"id": format!("i-{instance:017x}"), "region": "eu-central-1"}}},
        });
        serde_json::from_value(claim).unwrap()
    }

    #[test]
    fn one_instance_is_reconciled_by_one_claim_at_a_time() {
        let (locks, (store, _)) = (Locks::default(), store());
        let turn = locks.take_turn(&claim("a", 1, 1), &store);
        assert!(turn.is_some());
        assert!(locks.take_turn(&claim("b", 1, 1), &store).is_none(), "another claim of the same instance");
        assert!(locks.take_turn(&claim("c", 2, 1), &store).is_some(), "another instance");
        drop(turn);
        assert!(locks.take_turn(&claim("b", 1, 1), &store).is_some());
    }

    #[test]
    fn nobody_has_a_turn_before_the_store_shows_what_the_last_one_wrote() {
        let (locks, (store, mut writer)) = (Locks::default(), store());
        writer.apply_watcher_event(&Event::Apply(claim("a", 1, 9)));
        locks.take_turn(&claim("a", 1, 9), &store).unwrap().wrote(&claim("a", 1, 10));
        assert!(locks.take_turn(&claim("b", 1, 1), &store).is_none());
        writer.apply_watcher_event(&Event::Apply(claim("a", 1, 10)));
        assert!(locks.take_turn(&claim("b", 1, 1), &store).is_some());
    }

    #[test]
    fn a_claim_that_is_gone_holds_nobody_up() {
        let (locks, (store, mut writer)) = (Locks::default(), store());
        writer.apply_watcher_event(&Event::Apply(claim("a", 1, 9)));
        locks.take_turn(&claim("a", 1, 9), &store).unwrap().wrote(&claim("a", 1, 10));
        writer.apply_watcher_event(&Event::Delete(claim("a", 1, 11)));
        assert!(locks.take_turn(&claim("b", 1, 1), &store).is_some());
    }
}
