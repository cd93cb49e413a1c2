//! Which releases a source remembers, and for how long.

use super::fixtures::{filter, imported_by, now, spec};
use crate::{
    api::{Accept, FindingFilter, FindingSource, FindingSourceSpec, Quarantine},
    intake::echo::{LATELY, MOST, concerns, forgotten, forgotten_before, remembered_for},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::collections::BTreeMap;

fn released(namespace: &str, name: &str) -> Quarantine {
    serde_json::from_value(json!({
        "apiVersion": "quarantine-operator.dev/v1alpha1", "kind": "Quarantine",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"target": {"instance":
            {"id": "i-0a1b2c3d4e5f60718", "region": "eu-central-1", "accountId": "211122223344"}}},
    }))
    .expect("a Quarantine")
}

#[test]
fn a_source_remembers_what_it_could_make_anew_and_nothing_else() {
    let hears = |spec: FindingSourceSpec| concerns(&FindingSource::new("hub", spec), &released("soc", "by-hand"));
    let only = |filter: FindingFilter| imported_by(FindingFilter { product_arns: Vec::new(), ..filter });
    let (elsewhere, there) = (vec!["us-east-1".to_owned()], vec!["eu-central-1".to_owned()]);
    assert!(hears(spec()), "whoever presses chooses any instance");
    assert!(hears(only(filter())));
    assert!(hears(only(FindingFilter { regions: there, ..filter() })));
    assert!(!hears(only(FindingFilter { regions: elsewhere.clone(), ..filter() })));
    assert!(!hears(only(FindingFilter { accounts: vec!["355566667777".to_owned()], ..filter() })));
    let elsewhere = only(FindingFilter { regions: elsewhere, ..filter() });
    let own = released("incidents", "hub-i-0a1b2c3d4e5f60718");
    assert!(concerns(&FindingSource::new("hub", elsewhere), &own), "it made it");
}

#[test]
fn a_release_is_remembered_until_what_happened_before_it_begins_suspended_anyway() {
    assert_eq!(remembered_for(&spec()), LATELY);
    let pressed = FindingSourceSpec {
        accept: Some(Accept { custom_action_arns: vec!["arn".to_owned()], ..Accept::default() }),
        ..spec()
    };
    let hour = SignedDuration::from_hours(1);
    assert!(remembered_for(&pressed) > hour && remembered_for(&pressed) < hour * 2);
    let long = FindingSourceSpec { max_event_age_seconds: 1_209_600, ..spec() };
    assert!(remembered_for(&long) > LATELY);
}

#[test]
fn of_too_many_the_oldest_are_forgotten_and_it_is_known_since_when() {
    let ago = |minutes: usize| now() - SignedDuration::from_mins(i64::try_from(minutes).expect("few"));
    let mut known: BTreeMap<String, Timestamp> = (1..MOST).map(|n| (format!("i-{n}"), ago(n))).collect();
    assert_eq!((forgotten(&spec(), &known, now()).len(), forgotten_before(known.values().copied())), (0, None));
    known.extend([MOST, MOST + 1].map(|n| (format!("i-{n}"), ago(n))));
    assert_eq!(forgotten(&spec(), &known, now()), [format!("i-{}", MOST + 1)]);
    assert_eq!(forgotten_before(known.values().copied()), Some(ago(MOST + 1)));
}
