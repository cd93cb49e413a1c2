//! The Quarantine that is made.

use super::{
    fits::assert_fits,
    fixtures::{INSTANCE, PRODUCT, event, finding, source, spec},
};
use crate::{
    api::{
        AUTOMATIC_ANNOTATION, FindingReference, FindingSourceSpec, Mode, Quarantine, QuarantineTemplate, SOURCE_LABEL,
    },
    intake::{
        Source,
        accept::By,
        make::{quarantine, quarantine_name, reference, source_label},
    },
    model::finding::Finding,
};

fn made(source: &Source<'_>, finding: &Finding, suspended: Option<&str>) -> Quarantine {
    let quarantine = quarantine(source, &finding.instances[0], &[finding], By::Person, suspended);
    assert_fits(&quarantine);
    quarantine
}

#[test]
fn it_is_the_templates_with_the_instance_and_the_finding() {
    let finding = finding("custom-action");
    let made = made(&source(&spec()), &finding, None);
    assert_eq!(
        serde_json::to_value(&made).expect("an object"),
        serde_json::json!({
            "apiVersion": "quarantine-operator.dev/v1alpha1",
            "kind": "Quarantine",
            "metadata": {
                "name": "hub-i-0a1b2c3d4e5f60718",
                "namespace": "incidents",
                "labels": { "quarantine-operator.dev/source": "hub", "team": "security" },
            },
            "spec": {
                "target": { "instance": { "id": INSTANCE, "region": "eu-central-1", "accountId": "211122223344" } },
                "className": "isolate",
                "reason": format!("From Security Hub. {} ({})", finding.title, finding.id),
                "mode": "Enforce",
                "suspend": false,
                "findings": [{ "id": finding.id, "region": "eu-central-1", "productArn": PRODUCT }],
                "release": { "policy": "Restore", "missingGroups": "Hold" },
            },
        })
    );
}

#[test]
fn mode_and_suspend_are_the_templates() {
    let template = QuarantineTemplate { mode: Mode::DryRun, suspend: true, ..spec().template };
    let spec = FindingSourceSpec { template, ..spec() };
    let made = made(&source(&spec), &finding("custom-action"), None).spec;
    assert!(made.suspend && made.mode == Mode::DryRun);
    let reason = made.reason.expect("a reason");
    assert!(reason.starts_with("Suspended: its source wants a person to say yes. To cut"), "{reason}");
}

#[test]
fn what_acts_though_no_person_chose_it_is_marked() {
    let finding = finding("imported");
    let marked = |spec: &FindingSourceSpec, by, suspended: Option<&str>| {
        let made = quarantine(&source(spec), &finding.instances[0], &[&finding], by, suspended);
        made.metadata.annotations.is_some_and(|annotations| annotations.contains_key(AUTOMATIC_ANNOTATION))
    };
    assert!(marked(&spec(), By::Automatic, None));
    assert!(!marked(&spec(), By::Person, None));
    assert!(!marked(&spec(), By::Automatic, Some("it is old")), "a person says yes");
    let template = QuarantineTemplate { mode: Mode::DryRun, ..spec().template };
    assert!(!marked(&FindingSourceSpec { template, ..spec() }, By::Automatic, None), "a person says yes");
}

#[test]
fn a_template_cannot_take_the_sources_label() {
    let mut spec = spec();
    spec.template.labels.insert(SOURCE_LABEL.to_owned(), "another".to_owned());
    let labels = made(&source(&spec), &finding("custom-action"), None).metadata.labels.expect("labels");
    assert_eq!(labels[SOURCE_LABEL], "hub");
}

#[test]
fn a_reason_that_is_too_long_keeps_what_must_be_done() {
    let mut finding = finding("custom-action");
    finding.title = "ä\n".repeat(4_000);
    finding.id = "x".repeat(4_000);
    let mut spec = spec();
    spec.template.reason = Some("ö".repeat(512));
    let reason = made(&source(&spec), &finding, Some(&"why ".repeat(400))).spec.reason.expect("a reason");
    assert_eq!(reason.chars().count(), 1024);
    assert!(reason.contains("To cut the instance off, set suspend: false. öö") && reason.ends_with('…'), "{reason}");
}

#[test]
fn a_finding_without_a_title_is_named_by_its_id() {
    let finding = Finding { title: String::new(), ..finding("custom-action") };
    let reason = made(&source(&spec()), &finding, None).spec.reason.expect("a reason");
    assert!(reason.ends_with(&format!("Finding ({})", finding.id)), "{reason}");
}

#[test]
fn a_finding_is_referred_to_where_it_is_read() {
    let finding = finding("custom-action");
    let region = |region: Option<&str>| {
        let finding = Finding { region: region.map(str::to_owned), ..finding.clone() };
        reference(&finding, "us-east-1").map(|reference| reference.region)
    };
    assert_eq!(region(Some("eu-west-1")).as_deref(), Some("eu-west-1"));
    assert_eq!(region(None).as_deref(), Some("us-east-1"));
    assert_eq!(region(Some("everywhere")), None);
}

#[test]
fn what_the_api_server_would_refuse_is_not_referred_to() {
    let finding = finding("custom-action");
    let with = |change: fn(&mut Finding)| {
        let mut finding = finding.clone();
        change(&mut finding);
        reference(&finding, "eu-central-1")
    };
    let fits =
        FindingReference { id: finding.id.clone(), region: "eu-central-1".to_owned(), product_arn: PRODUCT.to_owned() };
    assert_eq!(with(|_| {}), Some(fits));
    assert_eq!(with(|finding| finding.id = "ß".repeat(512)).map(|finding| finding.id.len()), Some(1024));
    assert_eq!(with(|finding| finding.id = "x".repeat(513)), None);
    assert_eq!(with(|finding| finding.product_arn = None), None);
    for arn in [
        "arn:aws:guardduty:eu-central-1::product/aws/guardduty",
        "arn:aws:securityhub:eu-central-1::product/",
        "arn:aws:securityhub:eu-central-1::insight/x",
        "arn:AWS:securityhub:eu-central-1::product/x",
        "arn:aws:securityhub:eu_central:1:product/x",
        "arn:aws:securityhub:eu-central-1::product/a\nb",
        "product/x",
    ] {
        let finding = Finding { product_arn: Some(arn.to_owned()), ..finding.clone() };
        assert_eq!(reference(&finding, "eu-central-1"), None, "{arn}");
    }
    let own = event("guard-duty").findings.remove(0);
    assert!(made(&source(&spec()), &own, None).spec.findings.is_empty(), "GuardDuty's own has no product");
}

#[test]
fn a_long_name_of_a_source_is_cut_and_stays_its_own() {
    let (one, two) = ("s".repeat(252) + "1", "s".repeat(252) + "2");
    assert_eq!(source_label(&one).len(), 63);
    assert_ne!(source_label(&one), source_label(&two));
    assert_eq!(source_label(&"s".repeat(63)), "s".repeat(63));
    let dotted = format!("{}.{}", "s".repeat(45), "t".repeat(100));
    assert!(source_label(&dotted).starts_with(&format!("{}-", "s".repeat(45))), "{}", source_label(&dotted));
    assert_eq!(quarantine_name("hub", INSTANCE), "hub-i-0a1b2c3d4e5f60718");
}

#[test]
fn the_label_of_a_long_name_stays_the_same_in_every_version() {
    let name = "a-source-whose-name-is-a-good-deal-longer-than-a-label-may-be-in-kubernetes";
    assert_eq!(source_label(name), "a-source-whose-name-is-a-good-deal-longer-than-c185ff15f11e7043");
}
