//! Managed groups: drift, foreign and lost ones, several of one name, opened, deleted, in several VPCs and accounts.
//!
//! In `e2e::groups` already: ingress that is added, and that a foreign group is Stalled.

use crate::{
    e2e::scene::{CLAIM, Scene},
    support::claims::{condition, holds, status},
    support::wait::until,
    wire::account::tags,
};
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, ResourceExt};
use quarantine_operator::{
    api::{ManagedGroup, Quarantine, QuarantineClass},
    model::ec2::{GroupRule, Peer, SecurityGroup},
};
use serde_json::{Value, json};

const NAME: &str = "IncidentResponseSG";

/// A class whose group lets SSH in from these.
fn ssh_from(cidrs: &[&str]) -> Value {
    let ingress = json!([{"port": 22, "cidrs": cidrs}]);
    json!({"securityGroup": {"managed": {"name": NAME, "ingress": ingress}}})
}

fn rule(ports: Option<(i32, i32)>, cidr: &str) -> GroupRule {
    let protocol = if ports.is_some() { "tcp" } else { "-1" };
    GroupRule { protocol: protocol.to_owned(), ports, peer: Peer::Cidr(cidr.to_owned()) }
}

fn declared() -> GroupRule {
    rule(Some((22, 22)), "10.0.0.0/8")
}

async fn group(scene: &Scene, id: &str) -> SecurityGroup {
    scene.account.ec2.groups(&[id.to_owned()]).await.expect("a read").remove(0)
}

async fn has_declared_rules(scene: &Scene, id: &str) {
    until(&format!("{id} has the declared rules"), async || {
        let group = group(scene, id).await;
        (group.ingress == [declared()] && group.egress.is_empty()).then_some(())
    })
    .await;
}

fn in_force(claim: &Quarantine) -> String {
    status(claim).interfaces[0].isolation_groups.last().expect("one is in force").clone()
}

/// With a class that has its group managed and a claim, contained. The group's id, too.
async fn contained() -> (Scene, String) {
    let scene = Scene::with(&[&["web"]]).await;
    scene.class(ssh_from(&["10.0.0.0/8"])).await;
    scene.claim(json!({})).await;
    let id = in_force(&scene.desk.contained(CLAIM).await);
    (scene, id)
}

async fn made(scene: &Scene) -> Vec<ManagedGroup> {
    let classes: Api<QuarantineClass> = Api::all(scene.desk.client.clone());
    let class = classes.get(&scene.desk.namespace).await.expect("a read");
    class.status.map(|status| status.managed_groups).unwrap_or_default()
}

async fn delete_group(scene: &Scene, id: &str) {
    scene.account.owner.delete_security_group().group_id(id).send().await.expect("nothing uses it");
}

async fn ask(scene: &Scene, claim: &str, why: &str) {
    scene.desk.edit(claim, json!({"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": why}}})).await;
}

#[tokio::test]
async fn rules_that_a_person_takes_away_or_adds_as_egress_are_put_right() {
    let (scene, id) = contained().await;
    has_declared_rules(&scene, &id).await;
    scene.account.ec2.revoke_ingress(&id, &[declared()]).await.expect("the owner may do that");
    has_declared_rules(&scene, &id).await;

    let everything = aws_sdk_ec2::types::IpPermission::builder()
        .ip_protocol("-1")
        .ip_ranges(aws_sdk_ec2::types::IpRange::builder().cidr_ip("0.0.0.0/0").build());
    let call = scene.account.owner.authorize_security_group_egress().group_id(&id).ip_permissions(everything.build());
    call.send().await.expect("the owner may do that");
    has_declared_rules(&scene, &id).await;
    scene.desk.contained(CLAIM).await;
    assert_eq!(scene.carried(&scene.interfaces[0]).await, [id]);
}

#[tokio::test]
async fn a_foreign_group_of_the_same_name_is_untouched_and_once_it_is_gone_the_class_makes_its_own() {
    let scene = Scene::with(&[&["web"]]).await;
    let foreign = scene.account.group(&scene.subnet, NAME).await;
    scene.class(ssh_from(&["10.0.0.0/8"])).await;
    let (before, changes) = (group(&scene, &foreign).await, scene.changes());
    scene.claim(json!({})).await;
    let claim = scene.desk.says(CLAIM, "Ready", "False", "GroupNameTaken").await;
    assert!(holds(&claim, "Stalled") && claim.metadata.finalizers.is_none());
    assert_eq!((group(&scene, &foreign).await, scene.changes()), (before, changes));
    assert_eq!(made(&scene).await, []);

    delete_group(&scene, &foreign).await;
    ask(&scene, CLAIM, "removed").await;
    let claim = scene.desk.contained(CLAIM).await;
    assert_ne!(in_force(&claim), foreign);
}

/// As after a crash between CreateSecurityGroup and the class's status.
async fn left_behind(scene: &Scene) -> String {
    let class = scene.class(ssh_from(&["10.0.0.0/8"])).await;
    let namespaces: Api<Namespace> = Api::all(scene.desk.client.clone());
    let cluster = namespaces.get("kube-system").await.expect("a read").uid().expect("it has one");
    let ours = tags([
        ("quarantine-operator.dev/class-uid", class.uid().expect("it has one").as_str()),
        ("quarantine-operator.dev/cluster-uid", &cluster),
    ]);
    scene.account.ec2.create_group(&scene.subnet.vpc_id, NAME, "isolated", &ours).await.expect("made")
}

#[tokio::test]
async fn a_group_that_a_crash_left_behind_is_taken_in_while_no_interface_uses_it() {
    let scene = Scene::with(&[&["web"]]).await;
    let left = left_behind(&scene).await;
    scene.claim(json!({})).await;
    let claim = scene.desk.contained(CLAIM).await;
    assert_eq!(in_force(&claim), left);
    has_declared_rules(&scene, &left).await;
    assert_eq!(made(&scene).await.iter().map(|made| &made.group_id).collect::<Vec<_>>(), [&left]);
}

#[tokio::test]
async fn a_group_that_a_crash_left_behind_and_an_interface_uses_is_refused() {
    let scene = Scene::with(&[&["web"]]).await;
    let left = left_behind(&scene).await;
    let user = scene.account.interface(&scene.subnet, &[&left]).await;
    let (before, changes) = (group(&scene, &left).await, scene.changes());
    scene.claim(json!({})).await;
    let claim = scene.desk.says(CLAIM, "Ready", "False", "GroupNameTaken").await;
    let message = &condition(&claim, "Ready").expect("said").message;
    assert!(message.contains(&left) && message.contains("it is in use (1 interface)"), "{message}");
    assert_eq!((group(&scene, &left).await, scene.changes()), (before, changes));

    scene.account.owner.delete_network_interface().network_interface_id(user).send().await.expect("deleted");
    ask(&scene, CLAIM, "removed").await;
    assert_eq!(in_force(&scene.desk.contained(CLAIM).await), left);
}

#[tokio::test]
async fn of_two_classes_with_one_name_for_their_groups_the_second_is_refused_in_that_vpc() {
    let (scene, id) = contained().await;
    let second = format!("{}-second", scene.desk.namespace);
    let first = scene.class(ssh_from(&["10.0.0.0/8"])).await;
    let spec = serde_json::to_value(&first.spec).expect("a spec");
    scene.desk.named_class(&second, spec).await;
    let other = scene.account.instance(&scene.subnet, &[&scene.groups["web"]]).await;
    let before = group(&scene, &id).await;
    let target = json!({"instance": {"id": other, "region": "eu-central-1", "accountId": scene.account.id}});
    scene.desk.claim("other", scene.spec(json!({"target": target, "className": second}))).await;
    let claim = scene.desk.says("other", "Ready", "False", "GroupNameTaken").await;
    let message = &condition(&claim, "Ready").expect("said").message;
    assert!(holds(&claim, "Stalled") && message.contains(&id) && message.contains("another name"), "{message}");
    assert_eq!(group(&scene, &id).await, before, "the first class's group is as it was");
    scene.desk.contained(CLAIM).await;
}

#[tokio::test]
async fn a_class_edited_to_open_its_group_is_no_containment_until_it_is_closed_again() {
    let (scene, id) = contained().await;
    scene.class(ssh_from(&["0.0.0.0/0"])).await;
    let claim = scene.desk.says(CLAIM, "Contained", "False", "IsolationGroupOpen").await;
    assert!(holds(&claim, "Stalled") && condition(&claim, "Contained").expect("said").message.contains(&id));
    assert_eq!(scene.carried(&scene.interfaces[0]).await, [id.as_str()]);
    scene.class(ssh_from(&["10.0.0.0/8"])).await;
    scene.desk.contained(CLAIM).await;
    has_declared_rules(&scene, &id).await;
}

#[tokio::test]
async fn ec2_refuses_to_delete_a_group_that_is_held_with() {
    let (scene, id) = contained().await;
    let refused = scene.account.owner.delete_security_group().group_id(&id).send().await.expect_err("it is in use");
    let code = aws_sdk_ec2::error::ProvideErrorMetadata::code(&refused).map(str::to_owned);
    assert_eq!(code.as_deref(), Some("DependencyViolation"));
    scene.desk.contained(CLAIM).await;
}

#[tokio::test]
async fn a_group_that_was_taken_off_and_deleted_while_held_is_made_again_and_put_in_force() {
    let (scene, id) = contained().await;
    scene.desk.edit(CLAIM, json!({"spec": {"suspend": true}})).await;
    scene.desk.says(CLAIM, "Ready", "True", "Suspended").await;
    scene.set(&scene.interfaces[0], &scene.ids(&["web"])).await;
    scene.desk.says(CLAIM, "Contained", "False", "Suspended").await;
    delete_group(&scene, &id).await;
    scene.desk.edit(CLAIM, json!({"spec": {"suspend": false}})).await;

    let claim = scene.desk.contained(CLAIM).await;
    let new = in_force(&claim);
    assert_eq!(status(&claim).interfaces[0].isolation_groups, [id.clone(), new.clone()]);
    assert_eq!(scene.carried(&scene.interfaces[0]).await, [new.as_str()]);
    has_declared_rules(&scene, &new).await;
    assert_eq!(made(&scene).await.iter().map(|made| &made.group_id).collect::<Vec<_>>(), [&new]);
    scene.delete_and_wait().await;
    assert_eq!(scene.carried(&scene.interfaces[0]).await, scene.ids(&["web"]));
}

#[tokio::test]
async fn a_group_that_was_deleted_between_a_release_and_the_next_containment_is_made_again() {
    let (scene, id) = contained().await;
    scene.delete_and_wait().await;
    delete_group(&scene, &id).await;
    scene.claim(json!({})).await;
    let new = in_force(&scene.desk.contained(CLAIM).await);
    assert_ne!(new, id);
    assert_eq!(made(&scene).await.iter().map(|made| &made.group_id).collect::<Vec<_>>(), [&new]);
}

#[tokio::test]
async fn an_instance_in_two_vpcs_gets_one_group_in_each() {
    let scene = Scene::with(&[&["web"]]).await;
    let other = scene.account.subnet().await;
    let app = scene.account.group(&other, "app").await;
    let second = scene.account.interface(&other, &[&app]).await;
    scene.account.attach(&scene.instance, &second, 1).await;
    scene.class(ssh_from(&["10.0.0.0/8"])).await;
    scene.claim(json!({})).await;
    scene.desk.contained(CLAIM).await;
    let made = made(&scene).await;
    assert_eq!(made.len(), 2);
    for (interface, vpc) in [(&scene.interfaces[0], &scene.subnet.vpc_id), (&second, &other.vpc_id)] {
        let of_vpc = made.iter().find(|made| made.vpc_id == *vpc).expect("one in each");
        assert_eq!(scene.carried(interface).await, [of_vpc.group_id.as_str()]);
    }
    scene.delete_and_wait().await;
    assert_eq!(scene.carried(&second).await, [app]);
}

#[tokio::test]
async fn two_instances_in_two_accounts_get_one_group_in_each() {
    let (one, two) = (Scene::with(&[&["web"]]).await, Scene::with(&[&["db"]]).await);
    let mut class = ssh_from(&["10.0.0.0/8"]);
    class["accounts"] = json!([one.account.id, two.account.id]);
    one.class(class).await;
    one.claim(json!({})).await;
    one.desk.claim("other", two.spec(json!({}))).await;
    one.desk.contained(CLAIM).await;
    one.desk.contained("other").await;
    let made = made(&one).await;
    assert_eq!(made.len(), 2);
    for scene in [&one, &two] {
        let here = made.iter().find(|made| made.account_id == scene.account.id).expect("one in each");
        assert_eq!(scene.carried(&scene.interfaces[0]).await, [here.group_id.as_str()]);
        assert_eq!(here.vpc_id, scene.subnet.vpc_id);
    }
    one.desk.delete("other").await;
    one.desk.gone("other").await;
    assert_eq!(two.carried(&two.interfaces[0]).await, two.ids(&["db"]));
}
