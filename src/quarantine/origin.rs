//! Which FindingSource made a Quarantine. Pure.
//!
//! By its namespace and name, which nobody can change; else by its label, which the release policy guards where it is
//! installed, and which tells the source also after its template names another namespace.

use crate::{
    api::{FindingSource, Quarantine, SOURCE_LABEL},
    intake::make::source_label,
};
use kube::ResourceExt;
use std::{collections::HashMap, sync::Arc};

/// The sources, by the label that they give to what they make.
pub struct Origins(HashMap<String, Arc<FindingSource>>);

impl Origins {
    pub fn of(sources: &[Arc<FindingSource>]) -> Self {
        Self(sources.iter().map(|source| (source_label(&source.name_any()), source.clone())).collect())
    }

    /// The label of the source that made the claim. None: no source did.
    pub fn made<'a>(&self, claim: &'a Quarantine) -> Option<&'a str> {
        let by_name = named_after(claim).filter(|label| {
            self.source(label)
                .is_some_and(|source| Some(&source.spec.template.namespace) == claim.metadata.namespace.as_ref())
        });
        by_name.or_else(|| claim.labels().get(SOURCE_LABEL).map(String::as_str))
    }

    /// The source of that label, as long as there is one.
    pub fn source(&self, label: &str) -> Option<&FindingSource> {
        self.0.get(label).map(AsRef::as_ref)
    }
}

/// Whether this source made the claim.
pub fn is_made_by(claim: &Quarantine, source: &FindingSource) -> bool {
    let label = source_label(&source.name_any());
    Origins::of(&[Arc::new(source.clone())]).made(claim) == Some(label.as_str())
}

/// What the claim's name holds before its instance: of what a source made, the source's label.
fn named_after(claim: &Quarantine) -> Option<&str> {
    claim.metadata.name.as_deref()?.strip_suffix(claim.instance_id()?)?.strip_suffix('-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const INSTANCE: &str = "i-0123456789abcdef0";

    fn sources() -> Origins {
        let source = |name: &str, namespace: &str| {
            let source = json!({
                "apiVersion": "quarantine-operator.dev/v1alpha1", "kind": "FindingSource", "metadata": {"name": name},
                "spec": {"queueUrl": "", "region": "", "template": {"namespace": namespace}},
            });
            Arc::new(serde_json::from_value(source).unwrap())
        };
        Origins::of(&[source("hub", "ir"), source("guard", "soc")])
    }

    fn claim(namespace: &str, name: &str, label: Option<&str>) -> Quarantine {
        let labels = label.map(|label| json!({ SOURCE_LABEL: label })).unwrap_or_default();
        serde_json::from_value(json!({
            "apiVersion": "quarantine-operator.dev/v1alpha1", "kind": "Quarantine",
            "metadata": {"namespace": namespace, "name": name, "labels": labels},
            "spec": {"target": {"instance": {"id": INSTANCE, "region": "eu-central-1"}}},
        }))
        .unwrap()
    }

    #[test]
    fn a_source_made_what_bears_its_name_in_its_namespace_whatever_the_label_says() {
        let named = |label| claim("ir", &format!("hub-{INSTANCE}"), label);
        for label in [None, Some("hub"), Some("guard"), Some("")] {
            assert_eq!(sources().made(&named(label)), Some("hub"), "{label:?}");
        }
        assert_eq!(sources().made(&claim("ir", &format!("guard-{INSTANCE}"), None)), None, "its namespace is another");
        assert_eq!(sources().made(&claim("ir", &format!("web-{INSTANCE}"), None)), None, "no source is called so");
        assert_eq!(sources().made(&claim("ir", INSTANCE, None)), None);
        assert_eq!(
            sources().made(&claim("ir", "hub-i-0fedcba9876543210", None)),
            None,
            "the name tells another instance"
        );
    }

    #[test]
    fn a_label_tells_the_source_of_what_lies_elsewhere_by_now() {
        assert_eq!(sources().made(&claim("before", &format!("hub-{INSTANCE}"), Some("hub"))), Some("hub"));
        assert_eq!(sources().made(&claim("before", &format!("gone-{INSTANCE}"), Some("gone"))), Some("gone"));
    }
}
