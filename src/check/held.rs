//! What an uninstall would strand, in words: Quarantines that hold something, and sources whose custom action goes with
//! them. Pure.

use super::report::Outcome;
use crate::api::{FindingSource, GROUP, Quarantine};
use kube::ResourceExt;
use std::fmt;

/// What a person reads before an uninstall.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// A line for each Quarantine that only a running operator lets go.
    pub claims: Vec<String>,
    /// A line for each FindingSource that only a running operator lets go.
    pub sources: Vec<String>,
    /// Objects that can't be read, each with why.
    pub unread: Vec<String>,
}

impl Held {
    pub fn of(claims: &[Quarantine], sources: &[FindingSource], unread: Vec<String>) -> Self {
        let ours = |source: &&FindingSource| source.finalizers().iter().any(|one| one.starts_with(GROUP));
        Self {
            claims: claims.iter().filter_map(held).collect(),
            sources: sources.iter().filter(ours).map(|source| format!("FindingSource {}", source.name_any())).collect(),
            unread,
        }
    }

    pub fn outcome(&self) -> Outcome {
        if !self.unread.is_empty() {
            Outcome::Incomplete
        } else if self.claims.is_empty() && self.sources.is_empty() {
            Outcome::Clean
        } else {
            Outcome::Found
        }
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { claims, sources, unread } = self;
        let block = |f: &mut fmt::Formatter<'_>, title: &str, lines: &[String]| {
            writeln!(f, "{title}")?;
            lines.iter().try_for_each(|line| writeln!(f, "  {line}"))
        };
        if claims.is_empty() && sources.is_empty() && unread.is_empty() {
            return writeln!(f, "Nothing is held: the operator can be uninstalled.");
        }
        if !claims.is_empty() {
            block(f, "Held, and given back by nobody once the operator is gone:", claims)?;
            writeln!(
                f,
                "Release each: kubectl delete it, and wait until it is gone. To keep an instance cut off for good, set spec.release.policy to Retain first."
            )?;
        }
        if !sources.is_empty() {
            block(f, "With a custom action in Security Hub that the operator deletes with them:", sources)?;
            writeln!(
                f,
                "Delete each while the operator runs (in the chart: take it out of findingSources, and upgrade), or set spec.customAction.deletionPolicy to Retain."
            )?;
        }
        if !unread.is_empty() {
            block(f, "Not readable, so nobody knows whether they hold anything:", unread)?;
        }
        writeln!(
            f,
            "To uninstall all the same: upgrade with uninstallGuard.enabled=false, or helm uninstall --no-hooks. What is held then stays cut off until an operator runs again."
        )
    }
}

/// None: nothing of it is left to do.
fn held(claim: &Quarantine) -> Option<String> {
    let records = claim.records().iter().filter(|record| !record.state.is_final());
    let ids: Vec<&str> = records.map(|record| record.id.as_str()).collect();
    if ids.is_empty() && !claim.has_finalizer() {
        return None;
    }
    let name = format!("Quarantine {}/{}", claim.namespace().unwrap_or_default(), claim.name_any());
    let instance = claim.resolved().map_or_else(
        || "an instance that it doesn't name yet".to_owned(),
        |target| format!("{} in account {}, {}", target.instance_id, target.account_id, target.region),
    );
    let what = match ids.as_slice() {
        [] => "no record of an interface, but the finalizer".to_owned(),
        ids => ids.join(", "),
    };
    let going = if claim.is_deleting() { "; it is being deleted" } else { "" };
    Some(format!("{name}: {instance}: {what}{going}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn claim(metadata: Value, status: Value) -> Quarantine {
        let mut claim = json!({"apiVersion": "quarantine-operator.dev/v1alpha1", "kind": "Quarantine",
            "metadata": {"name": "web", "namespace": "ir"},
            "spec": {"target": {"instance": {"id": "i-1", "region": "eu-1"}}}, "status": status});
        claim["metadata"].as_object_mut().unwrap().extend(metadata.as_object().unwrap().clone());
        serde_json::from_value(claim).unwrap()
    }

    fn recorded(state: &str) -> Value {
        json!({"target": {"instanceId": "i-1", "accountId": "111111111111", "region": "eu-1"},
            "interfaces": [{"id": "eni-1", "vpcId": "vpc-1", "isolationGroups": ["sg-0"], "state": state,
                "recordedAt": "2026-01-01T00:00:00Z"}]})
    }

    fn of(claim: Quarantine) -> Held {
        Held::of(&[claim], &[], Vec::new())
    }

    #[test]
    fn a_record_or_the_finalizer_holds_and_the_line_says_what() {
        let held = of(claim(json!({}), recorded("Isolated")));
        assert_eq!(held.outcome(), Outcome::Found);
        assert_eq!(held.claims, ["Quarantine ir/web: i-1 in account 111111111111, eu-1: eni-1"]);
        let finalizer = json!({"finalizers": ["quarantine-operator.dev/restore"]});
        let held = of(claim(finalizer, json!({"observedGeneration": -1})));
        assert_eq!(held.outcome(), Outcome::Found);
        assert!(held.claims[0].contains("the finalizer"), "{held}");
    }

    #[test]
    fn what_never_acted_or_is_accounted_for_holds_nothing() {
        for state in ["Restored", "Gone", "NotOurs", "Retained", "TakenOver"] {
            assert_eq!(of(claim(json!({}), recorded(state))).outcome(), Outcome::Clean, "{state}");
        }
        let untouched = of(claim(json!({"finalizers": ["example.com/other"]}), json!({"observedGeneration": -1})));
        assert_eq!(untouched.outcome(), Outcome::Clean);
        assert!(untouched.to_string().contains("can be uninstalled"), "{untouched}");
    }

    #[test]
    fn a_source_holds_while_its_custom_action_goes_with_it() {
        let source = |finalizers: Value| -> FindingSource {
            serde_json::from_value(json!({"apiVersion": "quarantine-operator.dev/v1alpha1", "kind": "FindingSource",
                "metadata": {"name": "hub", "finalizers": finalizers},
                "spec": {"queueUrl": "", "region": "", "template": {"namespace": "ir"}}}))
            .unwrap()
        };
        let with = Held::of(&[], &[source(json!(["quarantine-operator.dev/custom-action"]))], Vec::new());
        assert_eq!((with.outcome(), with.sources.as_slice()), (Outcome::Found, &["FindingSource hub".to_owned()][..]));
        assert_eq!(Held::of(&[], &[source(json!([]))], Vec::new()).outcome(), Outcome::Clean);
    }

    #[test]
    fn what_can_not_be_read_counts_more_than_what_is_held() {
        let held = Held::of(&[claim(json!({}), recorded("Isolated"))], &[], vec!["Quarantine ir/x: no".to_owned()]);
        assert_eq!((held.outcome(), held.claims.len()), (Outcome::Incomplete, 1));
        assert!(held.to_string().contains("ir/x"), "{held}");
    }
}
