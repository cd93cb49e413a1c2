//! Whatever stands around, the instances are found, and what is made fits the API server's rules.
//!
//! `PROPTEST_CASES` sets how many cases each property goes through.

use super::{
    fits::{assert_fits, assert_references_fit},
    fixtures::{ACTION, PRODUCT, at, now, spec},
};
use crate::intake::{Event, Existing, Fate, InstanceFacts, Source, Step, parse, plan, plan::wanted};
use jiff::SignedDuration;
use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// As many as asked for, other ones each time; else the same few, so that a change is judged by the change.
fn runner() -> TestRunner {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    let config = Config { cases: asked.unwrap_or(200), failure_persistence: None, ..Config::default() };
    match asked {
        Some(_) => TestRunner::new(config),
        None => TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[6; 32])),
    }
}

fn holds<S: Strategy>(cases: S, property: impl Fn(S::Value)) {
    let outcome = runner().run(&cases, |case| {
        property(case);
        Ok(())
    });
    outcome.unwrap_or_else(|why| panic!("{why}"));
}

const ACCOUNT: &str = "211122223344";

/// Values that nobody reads.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((any::<String>(), inner), 0..4).prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// Fields that nobody knows.
fn extra() -> impl Strategy<Value = Map<String, Value>> {
    vec(("X[A-Za-z]{0,8}", anything()), 0..3).prop_map(|fields| fields.into_iter().collect())
}

fn with(mut object: Value, extra: Map<String, Value>) -> Value {
    object.as_object_mut().expect("an object").extend(extra);
    object
}

/// An instance's id and where it lies.
fn instance() -> impl Strategy<Value = (String, (&'static str, &'static str))> {
    let place = prop_oneof![
        Just(("aws", "eu-central-1")),
        Just(("aws", "ap-southeast-7")),
        Just(("aws-cn", "cn-northwest-1")),
        Just(("aws-us-gov", "us-gov-east-1")),
    ];
    ("i-([0-9a-f]{8}|[0-9a-f]{17})", place)
}

/// A resource, and the ARN of the instance that it names, if it does.
fn resource() -> impl Strategy<Value = (Value, Option<String>)> {
    let named = (instance(), any::<bool>(), extra()).prop_map(|((id, (partition, region)), bare, extra)| {
        let arn = format!("arn:{partition}:ec2:{region}:{ACCOUNT}:instance/{id}");
        let shown = if bare { &id } else { &arn };
        let resource = json!({ "Type": "AwsEc2Instance", "Id": shown, "Partition": partition, "Region": region });
        (with(resource, extra), Some(arn))
    });
    // Of other types, some with the id of an instance.
    let other = ("Aws(Account|IamRole|Ec2SecurityGroup|EksCluster|Ec2Instances)", any::<String>(), instance(), extra())
        .prop_map(|(kind, id, (instance, _), extra)| {
            let id = if id.len() % 2 == 0 { id } else { instance };
            (with(json!({ "Type": kind, "Id": id }), extra), None)
        });
    prop_oneof![named, other]
}

fn finding() -> impl Strategy<Value = (Value, BTreeSet<String>)> {
    let texts = (".{1,600}", any::<String>(), proptest::option::of(any::<String>()));
    (texts, vec(resource(), 0..8), extra(), -100_000i64..100_000).prop_map(
        |((id, title, region), resources, extra, age)| {
            let arns = resources.iter().filter_map(|(_, arn)| arn.clone()).collect();
            let resources: Vec<Value> = resources.into_iter().map(|(resource, _)| resource).collect();
            let updated_at = (now() - SignedDuration::from_secs(age)).to_string();
            let finding = json!({ "Id": id, "Title": title, "ProductArn": PRODUCT, "AwsAccountId": ACCOUNT,
            "Region": region, "UpdatedAt": updated_at, "Resources": resources });
            (with(finding, extra), arns)
        },
    )
}

/// A message, and the instances of each of its findings.
fn message() -> impl Strategy<Value = (String, Vec<BTreeSet<String>>)> {
    (vec(finding(), 1..4), any::<bool>(), extra(), -100_000i64..100_000).prop_map(|(findings, pressed, extra, age)| {
        let instances = findings.iter().map(|(_, arns)| in_one_place(arns)).collect();
        let findings: Vec<Value> = findings.into_iter().map(|(finding, _)| finding).collect();
        let kind = if pressed { "Custom Action" } else { "Imported" };
        let event = json!({
            "detail-type": format!("Security Hub Findings - {kind}"),
            "source": "aws.securityhub",
            "time": (now() - SignedDuration::from_secs(age)).to_string(),
            "resources": [ACTION],
            "detail": with(json!({ "findings": findings }), extra.clone()),
        });
        (with(event, extra).to_string(), instances)
    })
}

/// An id in two places names none.
fn in_one_place(arns: &BTreeSet<String>) -> BTreeSet<String> {
    let id = |arn: &String| arn.rsplit('/').next().map(str::to_owned);
    arns.iter().filter(|arn| arns.iter().filter(|other| id(other) == id(arn)).count() == 1).cloned().collect()
}

fn arns(event: &Event) -> Vec<BTreeSet<String>> {
    let of = |finding: &crate::model::finding::Finding| finding.instances.iter().map(|one| one.arn()).collect();
    event.findings.iter().map(of).collect()
}

#[test]
fn a_valid_message_comes_back_with_exactly_its_instances() {
    holds(message(), |(message, instances)| {
        let event = parse(&message).unwrap_or_else(|unreadable| panic!("{}", unreadable.why));
        assert_eq!(arns(&event), instances);
    });
}

fn facts() -> impl Strategy<Value = InstanceFacts> {
    let released = proptest::option::of((-1_000_000i64..1_000_000).prop_map(|s| now() - SignedDuration::from_secs(s)));
    (released, proptest::option::of((any::<bool>(), any::<bool>()))).prop_map(|(released_at, existing)| InstanceFacts {
        forgotten_before: None,
        released_at,
        existing: existing.map(|(is_ours, deleting)| Existing {
            is_ours,
            deleting,
            approval: None,
            instance: None,
            findings: Vec::new(),
            target_finding: None,
        }),
    })
}

/// The name of a source, as Kubernetes takes it.
fn source_name() -> impl Strategy<Value = String> {
    "[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?(\\.[a-z0-9]([a-z0-9-]{0,60}[a-z0-9])?){0,3}"
        .prop_filter("short", |name| name.len() <= 253)
}

#[test]
fn what_is_made_fits_the_rules_and_what_is_wanted_is_never_lost() {
    let case = (message(), source_name(), ".{0,512}", facts(), any::<bool>());
    holds(case, |((message, _), name, reason, known, suspend)| {
        let event = parse(&message).expect("an event");
        let mut spec = spec();
        spec.template.reason = Some(reason);
        spec.template.suspend = suspend;
        let source = Source { name: &name, spec: &spec, own_action: None };
        let wanted = wanted(&source, &event);
        let facts: BTreeMap<_, _> = wanted.iter().map(|one| (one.id.clone(), known.clone())).collect();
        let planned = plan(&source, &event, &facts, now());
        let mut answered = 0;
        for step in &planned.steps {
            match step {
                Step::Create(quarantine) => assert_fits(quarantine),
                Step::Join { add, .. } => assert_references_fit(add),
                Step::Echo { .. } | Step::Wait { .. } => {}
                Step::Unwanted { .. } | Step::Refused { .. } | Step::WithoutInstance { .. } | Step::Crowded { .. } => {
                    continue;
                }
            }
            answered += 1;
        }
        assert_eq!(answered, wanted.len());
        let waits = planned.steps.iter().any(|step| matches!(step, Step::Wait { .. }));
        assert_eq!(planned.fate == Fate::Keep, waits);
    });
}

#[test]
fn no_text_panics_and_none_that_is_no_event_is_understood() {
    holds(prop_oneof![".{0,400}", anything().prop_map(|value| value.to_string())], |text| {
        assert!(parse(&text).is_err(), "{text}");
    });
}

#[test]
fn a_finding_that_is_older_than_a_release_never_makes_anything() {
    holds((message(), 0i64..100_000), |((message, _), seconds)| {
        let event = parse(&message).expect("an event");
        let spec = spec();
        let source = Source { name: "hub", spec: &spec, own_action: None };
        let released_at = Some(event.time + SignedDuration::from_secs(seconds));
        let facts: BTreeMap<_, _> = wanted(&source, &event)
            .into_iter()
            .map(|one| (one.id.clone(), InstanceFacts { released_at, ..InstanceFacts::default() }))
            .collect();
        let planned = plan(&source, &event, &facts, at("2026-03-09T00:00:00Z"));
        assert!(!planned.steps.iter().any(|step| matches!(step, Step::Create(_))), "{:?}", planned.steps);
    });
}
