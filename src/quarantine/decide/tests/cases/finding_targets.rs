//! Claims that name a finding: which instance is meant, and every finding that names none.

use super::super::fixtures::{INSTANCE, Scene, scene};
use super::super::looked::{SOON, WAIT};
use crate::{
    api::{
        AssumeRole,
        ConditionStatus::{False, True},
        ConditionType::{Contained, Ready, Reconciling, Stalled, TargetResolved},
        FindingTarget, Reason, RecordState, SecurityHub,
    },
    model::{
        finding::{Finding, InProgress, Workflow},
        instance::NamedInstance,
        problem::Problem,
    },
    quarantine::{
        decide::target::{Ask, to_ask},
        world::FinalizerStep,
    },
};
use std::{collections::BTreeMap, time::Duration};

pub const PRODUCT: &str = "arn:aws:securityhub:eu-central-1::product/aws/guardduty";
pub const FINDING: &str = "arn:aws:guardduty:eu-central-1:111122223333:detector/12ab/finding/34cd";

pub fn named(id: &str) -> NamedInstance {
    NamedInstance::of_arn(&format!("arn:aws:ec2:eu-central-1:111122223333:instance/{id}")).expect("an instance's ARN")
}

/// What Security Hub shows of it: active, NEW, and the instance among its resources.
pub fn finding() -> Finding {
    Finding {
        id: FINDING.to_owned(),
        product_arn: Some(PRODUCT.to_owned()),
        account_id: "111122223333".to_owned(),
        region: Some("eu-central-1".to_owned()),
        title: "It talks to a command and control server.".to_owned(),
        types: vec![],
        severity: None,
        record_state: RecordState::Active,
        workflow: Workflow::New,
        in_progress: InProgress::No,
        sample: false,
        updated_at: None,
        note: None,
        fields: BTreeMap::new(),
        instances: vec![named(INSTANCE)],
        unreadable_instances: vec![],
        other_resources: vec![],
    }
}

/// A claim of the finding; Security Hub shows these.
fn naming(found: Vec<Finding>) -> Scene {
    let target =
        FindingTarget { id: FINDING.to_owned(), region: "eu-central-1".to_owned(), ..FindingTarget::default() };
    let mut scene = scene().spec(|spec| {
        spec.target.instance = None;
        spec.target.finding = Some(target);
    });
    scene.hub = found;
    scene
}

fn naming_one(change: impl FnOnce(&mut Finding)) -> Scene {
    let mut one = finding();
    change(&mut one);
    naming(vec![one])
}

fn is_refused(mut scene: Scene, reason: Reason, words: &[&str]) {
    let looked = scene.look();
    looked.says(Ready, False, reason, words);
    looked.says(Stalled, True, reason, words);
    assert_eq!((looked.actions.len(), looked.finalizer, looked.pause()), (0, FinalizerStep::Keep, Some(WAIT)));
    assert_eq!(looked.status.target, None, "it is asked again");
    scene.look().is_quiet();
}

#[test]
fn the_instance_of_a_finding_is_stored_before_anything_is_done_with_it() {
    let mut claim = naming(vec![finding()]);
    let looked = claim.look();
    looked.says(TargetResolved, True, Reason::Resolved, &[INSTANCE, "eu-central-1", "111122223333"]);
    looked.says(Ready, False, Reason::Resolving, &[FINDING, INSTANCE]);
    assert!(looked.has(Reconciling) && looked.actions.is_empty());
    assert_eq!(looked.pause(), Some(Duration::ZERO), "the next reconcile is that instance's");
    assert_eq!(looked.status.finding.expect("it is kept").product_arn, PRODUCT);
    claim.look().says(Contained, True, Reason::Contained, &[]);
}

#[test]
fn neither_a_later_look_nor_the_release_asks_for_the_finding_again() {
    let mut claim = naming(vec![finding()]).looked().looked();
    claim.hub.clear();
    claim.look().says(Contained, True, Reason::Contained, &[]);
    let mut going = claim.deleted().later(120);
    assert_eq!(going.look().finalizer, FinalizerStep::Remove);
    assert_eq!(going.carried("eni-1"), ["sg-web"]);
}

#[test]
fn a_finding_whose_record_was_lost_is_asked_for_again_by_the_release() {
    let mut claim = naming(vec![finding()]).looked().looked().wiped().deleted().later(120);
    let looked = claim.look();
    assert_eq!((looked.pause(), looked.finalizer), (Some(Duration::ZERO), FinalizerStep::Keep));
    claim.look().says(Ready, False, Reason::ReleaseHeld, &["tags"]);
}

#[test]
fn a_finding_that_is_not_there_yet_is_waited_for_and_then_said() {
    let mut claim = naming(vec![]);
    let looked = claim.look();
    looked.says(Ready, False, Reason::Resolving, &[FINDING, "yet"]);
    assert_eq!(looked.pause(), Some(SOON));
    let mut later = claim.clone().later(301);
    let looked = later.look();
    looked.says(Ready, False, Reason::FindingNotFound, &[FINDING, "target.finding", "target.instance"]);
    assert!(looked.has(Reconciling) && looked.pause() == Some(WAIT));
    later.look().is_quiet();
    claim.hub = vec![finding()];
    claim.look().says(TargetResolved, True, Reason::Resolved, &[]);
}

#[test]
fn several_instances_are_listed_and_one_of_them_can_be_chosen() {
    const OTHER: &str = "i-0fedcba9876543210";
    let several = naming_one(|finding| finding.instances.push(named(OTHER)));
    is_refused(several.clone(), Reason::FindingNamesSeveralInstances, &[INSTANCE, OTHER, "target.finding.instanceId"]);
    let choosing = |id: &str| {
        let id = id.to_owned();
        several.clone().spec(|spec| spec.target.finding.as_mut().expect("it names one").instance_id = Some(id))
    };
    let chosen = choosing(OTHER).look().status.target.expect("it is resolved");
    assert_eq!(chosen.instance_id, OTHER);
    is_refused(choosing("i-00000000000000000"), Reason::InstanceNotInFinding, &["i-00000000000000000", INSTANCE]);
}

#[test]
fn a_finding_without_an_instance_is_refused_and_what_cannot_be_read_is_named() {
    let none = naming_one(|finding| {
        finding.instances.clear();
        finding.unreadable_instances.push("web-server".to_owned());
    });
    is_refused(none, Reason::FindingNamesNoInstance, &[FINDING, "web-server", "target.instance"]);
}

#[test]
fn suppressed_archived_and_sample_findings_are_refused_each_for_its_reason() {
    is_refused(
        naming_one(|finding| finding.workflow = Workflow::Suppressed),
        Reason::FindingSuppressed,
        &["suppressed"],
    );
    is_refused(
        naming_one(|finding| finding.record_state = RecordState::Archived),
        Reason::FindingArchived,
        &["archived"],
    );
    is_refused(naming_one(|finding| finding.sample = true), Reason::FindingIsSample, &["sample"]);
}

#[test]
fn an_instance_of_another_account_than_the_findings_is_refused() {
    let strange = naming_one(|finding| finding.account_id = "444455556666".to_owned());
    is_refused(strange, Reason::FindingAccountMismatch, &["444455556666", "111122223333", INSTANCE]);
}

#[test]
fn an_instance_of_another_partition_is_refused() {
    let china = "arn:aws-cn:ec2:cn-north-1:111122223333:instance/i-0123456789abcdef0";
    let abroad = naming_one(|finding| finding.instances = vec![NamedInstance::of_arn(china).expect("an instance")]);
    is_refused(abroad, Reason::PartitionNotAllowed, &["aws-cn", "aws"]);
}

#[test]
fn findings_of_one_id_and_several_products_are_told_apart_by_the_product() {
    let other = "arn:aws:securityhub:eu-central-1::product/aws/inspector";
    let both = naming(vec![finding(), Finding { product_arn: Some(other.to_owned()), ..finding() }]);
    is_refused(both.clone(), Reason::FindingAmbiguous, &[PRODUCT, other, "productArn"]);
    let mut chosen =
        both.spec(|spec| spec.target.finding.as_mut().expect("it names one").product_arn = Some(other.to_owned()));
    assert_eq!(chosen.look().status.finding.expect("it is resolved").product_arn, other);
}

#[test]
fn policy_is_asked_of_the_instance_that_the_finding_names() {
    is_refused(
        naming(vec![finding()]).class(|class| class.regions = vec!["us-east-1".to_owned()]),
        Reason::RegionNotAllowed,
        &["eu-central-1"],
    );
    is_refused(
        naming(vec![finding()]).class(|class| class.protected.instance_ids = vec![INSTANCE.to_owned()]),
        Reason::ProtectedInstance,
        &[INSTANCE],
    );
}

#[test]
fn a_namespace_that_may_not_use_the_class_asks_security_hub_nothing() {
    let mut outside = naming(vec![finding()]).class(|class| class.namespace_selector = None);
    assert!(to_ask(&outside.facts).is_err());
    outside.look().says(Ready, False, Reason::NamespaceNotAllowed, &[]);
}

fn asked(scene: &Scene) -> Result<Option<Ask>, Problem> {
    to_ask(&scene.facts)
}

#[test]
fn the_administrators_place_is_asked_where_the_class_names_it() {
    let hub: SecurityHub = serde_json::from_value(serde_json::json!({
        "accountId": "999988887777", "region": "us-east-1", "roleName": "hub", "externalId": "seven"
    }))
    .expect("as the class has it");
    let place = asked(&naming(vec![]).class(|class| class.security_hub = Some(hub))).unwrap().unwrap().place;
    assert_eq!((place.account_id.as_str(), place.region.as_str()), ("999988887777", "us-east-1"));
    let role = place.role.expect("it goes there by a role");
    assert_eq!(role.arn, "arn:aws:iam::999988887777:role/hub");
    assert_eq!(role.external_id.as_deref(), Some("seven"));
}

#[test]
fn without_an_administrator_the_findings_own_account_is_asked_if_the_class_allows_it() {
    let place = asked(&naming(vec![])).unwrap().unwrap().place;
    assert_eq!((place.account_id.as_str(), place.region.as_str(), place.role), ("111122223333", "eu-central-1", None));

    let id = FINDING.replace("111122223333", "444455556666");
    let member = naming(vec![]).spec(|spec| spec.target.finding.as_mut().expect("it names one").id = id);
    assert_eq!(asked(&member).unwrap_err().reason, Reason::AccountNotAllowed);
    let member = member.class(|class| {
        class.accounts = vec!["444455556666".to_owned()];
        class.assume_role = Some(AssumeRole { role_name: "quarantine".to_owned(), ..AssumeRole::default() });
    });
    let place = asked(&member).unwrap().unwrap().place;
    assert_eq!(place.role.expect("the class's role").arn, "arn:aws:iam::444455556666:role/quarantine");
}
