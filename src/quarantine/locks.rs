//! One reconcile at a time per instance, whatever claim it comes from. A claim that meets a busy instance doesn't wait:
//! it comes back.

use super::observe::named_instance;
use crate::api::Quarantine;
use kube::ResourceExt;
use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

/// The instances that are being reconciled now.
#[derive(Clone, Default)]
pub struct Locks(Arc<Mutex<HashSet<String>>>);

/// The turn of one reconcile; the next one's comes when it is dropped.
pub struct Turn {
    locks: Locks,
    instance_id: String,
}

impl Locks {
    /// A turn with the claim's instance, unless another claim has it. An instance id is unique across accounts and
    /// regions; a claim that names none yet has its own turn.
    pub fn take_turn(&self, claim: &Quarantine) -> Option<Turn> {
        let instance_id = named_instance(claim).map_or_else(|| claim.uid().unwrap_or_default(), str::to_owned);
        let free = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(instance_id.clone());
        free.then(|| Turn { locks: self.clone(), instance_id })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.locks.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.instance_id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn claim(uid: &str, instance: u32) -> Quarantine {
        let claim = json!({
            "apiVersion": "quarantine-operator.dev/v1alpha1", "kind": "Quarantine", "metadata": {"name": uid, "uid": uid},
            "spec": {"target": {"instance": {"id": format!("i-{instance:017x}"), "region": "eu-central-1"}}},
        });
        serde_json::from_value(claim).unwrap()
    }

    #[test]
    fn one_instance_is_reconciled_by_one_claim_at_a_time() {
        let locks = Locks::default();
        let turn = locks.take_turn(&claim("a", 1));
        assert!(turn.is_some());
        assert!(locks.take_turn(&claim("b", 1)).is_none(), "another claim of the same instance");
        assert!(locks.take_turn(&claim("c", 2)).is_some(), "another instance");
        drop(turn);
        assert!(locks.take_turn(&claim("b", 1)).is_some());
    }
}
