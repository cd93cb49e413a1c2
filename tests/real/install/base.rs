//! deploy/ against the chart: the base is its defaults, an overlay is what the chart makes of the same wishes.

use super::{all, kustomize, named, objects_with, only};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::Value;
use std::collections::BTreeMap;

/// By kind and name, without the labels that only a release of Helm has, and without Helm's hooks.
fn comparable(objects: Vec<Value>) -> BTreeMap<String, Value> {
    let is_hook = |object: &Value| !object["metadata"]["annotations"]["helm.sh/hook"].is_null();
    let key = |object: &Value| format!("{} {}", object["kind"], object["metadata"]["name"]);
    let objects = objects.into_iter().filter(|object| !is_hook(object)).map(|mut object| {
        if let Some(labels) = object["metadata"]["labels"].as_object_mut() {
            labels.retain(|name, _| name != "helm.sh/chart" && name != "app.kubernetes.io/managed-by");
        }
        (key(&object), object)
    });
    objects.collect()
}

#[test]
fn the_base_is_the_charts_defaults_the_crds_and_a_namespace() {
    let mut base = comparable(kustomize("deploy/base"));
    let namespace = base.remove(r#""Namespace" "quarantine-system""#).expect("a namespace");
    assert_eq!(namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"], "restricted");
    let (crds, base): (BTreeMap<_, _>, BTreeMap<_, _>) =
        base.into_iter().partition(|(_, object)| object["kind"] == "CustomResourceDefinition");
    let chart = comparable(objects_with(&[]));
    assert_eq!(base.keys().collect::<Vec<_>>(), chart.keys().collect::<Vec<_>>());
    for (name, object) in &chart {
        assert_eq!(&base[name], object, "{name}");
    }
    let wanted = quarantine_operator::api::crds();
    assert_eq!(crds.len(), wanted.len());
    for wanted in wanted {
        let name = wanted.metadata.name.as_deref().expect("a CRD has a name");
        let there = crds[&format!("\"CustomResourceDefinition\" {name:?}")].clone();
        // By their types: kustomize writes 1.0 as 1.
        let there: CustomResourceDefinition = serde_json::from_value(there).expect("a CRD");
        assert!(there.spec == wanted.spec, "{name} differs");
    }
}

#[test]
fn the_overlay_of_one_replica_is_what_the_chart_makes_of_it() {
    let overlay = comparable(kustomize("deploy/overlays/single"));
    let chart = comparable(objects_with(&["replicas=1", "leaderElection.enabled=false"]));
    let deployment = r#""Deployment" "quarantine-operator""#;
    assert_eq!(overlay[deployment], chart[deployment]);
    assert!(!overlay.keys().any(|name| name.contains("PodDisruptionBudget")), "{:?}", overlay.keys());
}

#[test]
fn the_overlay_for_eks_has_its_role_its_image_and_its_class() {
    let overlay = kustomize("deploy/overlays/eks-irsa");
    let account = named(&overlay, "ServiceAccount", "quarantine-operator");
    let role = account["metadata"]["annotations"]["eks.amazonaws.com/role-arn"].as_str();
    assert_eq!(role, Some("arn:aws:iam::111122223333:role/quarantine-operator"));
    let image = &only(&overlay, "Deployment")["spec"]["template"]["spec"]["containers"][0]["image"];
    assert!(image.as_str().is_some_and(|image| image.ends_with("/quarantine-operator:0.1.0")), "{image}");
    assert_eq!(all(&overlay, "QuarantineClass").len(), 1);
}

#[test]
fn no_sample_is_pruned_by_flux_or_argo_cd() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/samples");
    let files = std::fs::read_dir(folder).expect("the samples are there").map(|file| file.expect("a file").path());
    let objects = files.flat_map(|file| super::objects(&std::fs::read_to_string(file).expect("text")));
    let objects: Vec<Value> = objects.collect();
    assert!(objects.len() >= 5, "{objects:?}");
    for object in &objects {
        let annotations = &object["metadata"]["annotations"];
        assert_eq!(annotations["kustomize.toolkit.fluxcd.io/prune"], "disabled", "{object}");
        assert_eq!(annotations["argocd.argoproj.io/sync-options"], "Prune=false,Delete=false", "{object}");
    }
}
