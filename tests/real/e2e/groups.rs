//! The three sources of the isolation group, and groups that don't isolate.

use super::scene::{CLAIM, Scene, close};
use crate::support::{
    claims::{condition, holds, status},
    wait::until,
};
use quarantine_operator::model::ec2::{GroupRule, Peer};
use serde_json::json;

fn everywhere() -> GroupRule {
    GroupRule { protocol: "-1".to_owned(), ports: None, peer: Peer::Cidr("0.0.0.0/0".to_owned()) }
}

#[tokio::test]
async fn a_managed_group_is_made_per_vpc_with_the_declared_ingress_and_no_egress() {
    let scene = Scene::with(&[&["web"], &["app"]]).await;
    let ingress = json!([
        {"port": 22, "cidrs": ["10.0.0.0/8", "2001:db8::/32"]},
        {"port": 3389, "cidrs": ["10.0.0.0/8"]},
        {"protocol": "udp", "port": 53, "sourceSecurityGroupIds": [scene.groups["app"]]},
    ]);
    scene.class(json!({"securityGroup": {"managed": {"name": "IncidentResponseSG", "ingress": ingress}}})).await;
    scene.claim(json!({})).await;
    let claim = scene.desk.contained(CLAIM).await;

    let id = status(&claim).interfaces[0].isolation_groups[0].clone();
    let group = scene.account.ec2.groups(std::slice::from_ref(&id)).await.expect("a read").remove(0);
    assert_eq!((group.name.as_str(), group.egress.len()), ("IncidentResponseSG", 0));
    let mut peers: Vec<Peer> = group.ingress.iter().map(|rule| rule.peer.clone()).collect();
    peers.sort();
    let cidr = |cidr: &str| Peer::Cidr(cidr.to_owned());
    let wanted =
        [cidr("10.0.0.0/8"), cidr("10.0.0.0/8"), cidr("2001:db8::/32"), Peer::Group(scene.groups["app"].clone())];
    assert_eq!(peers, wanted);

    let known =
        scene.class(json!({"securityGroup": {"managed": {"name": "IncidentResponseSG", "ingress": ingress}}})).await;
    let made = known.status.expect("a status").managed_groups;
    assert_eq!(
        made.iter().map(|group| (&group.vpc_id, &group.group_id)).collect::<Vec<_>>(),
        [(&scene.subnet.vpc_id, &id)]
    );

    scene.delete_and_wait().await;
    assert_eq!(scene.carried(&scene.interfaces[0]).await, scene.ids(&["web"]));
}

#[tokio::test]
async fn a_managed_group_in_force_is_put_right_when_its_rules_drift() {
    let scene = Scene::with(&[&["web"]]).await;
    scene.class(json!({"securityGroup": {"managed": {"name": "IncidentResponseSG"}}})).await;
    scene.claim(json!({})).await;
    let claim = scene.desk.contained(CLAIM).await;
    let id = status(&claim).interfaces[0].isolation_groups[0].clone();
    scene.account.ec2.authorize_ingress(&id, &[everywhere()]).await.expect("the owner may do that");
    until("the rule is gone again", async || {
        let group = scene.account.ec2.groups(std::slice::from_ref(&id)).await.expect("a read").remove(0);
        group.ingress.is_empty().then_some(())
    })
    .await;
    scene.desk.contained(CLAIM).await;
}

#[tokio::test]
async fn a_foreign_group_of_the_managed_name_is_never_used() {
    let scene = Scene::with(&[&["web"]]).await;
    let foreign = scene.account.group(&scene.subnet, "IncidentResponseSG").await;
    scene.class(json!({"securityGroup": {"managed": {"name": "IncidentResponseSG"}}})).await;
    scene.claim(json!({})).await;
    let claim = scene.desk.says(CLAIM, "Contained", "False", "GroupNameTaken").await;
    assert!(holds(&claim, "Stalled") && condition(&claim, "Stalled").expect("said").message.contains(&foreign));
    assert_eq!(scene.carried(&scene.interfaces[0]).await, scene.ids(&["web"]));
}

#[tokio::test]
async fn a_group_by_name_is_found_in_each_interfaces_own_vpc() {
    let scene = Scene::with(&[&["web"]]).await;
    let other = scene.account.subnet().await;
    let (app, there) = (scene.account.group(&other, "app").await, scene.account.group(&other, "isolation").await);
    close(&scene.account, &there).await;
    let second = scene.account.interface(&other, &[&app]).await;
    scene.account.attach(&scene.instance, &second, 1).await;
    scene.class(json!({"securityGroup": {"name": "isolation"}})).await;
    scene.claim(json!({})).await;
    scene.desk.contained(CLAIM).await;
    assert_eq!(scene.carried(&scene.interfaces[0]).await, [scene.isolation.as_str()]);
    assert_eq!(scene.carried(&second).await, [there]);
    scene.delete_and_wait().await;
    assert_eq!(scene.carried(&second).await, [app]);
}

#[tokio::test]
async fn a_group_of_another_vpc_isolates_its_own_and_is_named_for_the_other() {
    let scene = Scene::with(&[&["web"]]).await;
    let other = scene.account.subnet().await;
    let app = scene.account.group(&other, "app").await;
    let second = scene.account.interface(&other, &[&app]).await;
    scene.account.attach(&scene.instance, &second, 1).await;
    scene.class(json!({})).await;
    scene.claim(json!({})).await;
    until("1/2", async || {
        let claim = scene.desk.says(CLAIM, "Contained", "False", "GroupInOtherVpc").await;
        (status(&claim).interface_summary.as_deref() == Some("1/2")).then_some(())
    })
    .await;
    assert_eq!(scene.carried(&scene.interfaces[0]).await, [scene.isolation.as_str()]);
    assert_eq!(scene.carried(&second).await, [app]);
}

#[tokio::test]
async fn a_name_without_a_group_waits_for_it() {
    let scene = Scene::with(&[&["web"]]).await;
    scene.class(json!({"securityGroup": {"name": "not-yet"}})).await;
    scene.claim(json!({})).await;
    let claim = scene.desk.says(CLAIM, "Contained", "False", "GroupNotFound").await;
    assert!(holds(&claim, "Reconciling") && claim.metadata.finalizers.is_none());
    let made = scene.account.group(&scene.subnet, "not-yet").await;
    close(&scene.account, &made).await;
    scene.desk.edit(CLAIM, json!({"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": "made"}}})).await;
    scene.desk.contained(CLAIM).await;
}

#[tokio::test]
async fn an_open_group_is_set_as_declared_and_called_open() {
    let scene = Scene::with(&[&["web"]]).await;
    scene.account.ec2.authorize_ingress(&scene.isolation, &[everywhere()]).await.expect("the owner may do that");
    scene.class(json!({})).await;
    scene.claim(json!({})).await;
    let claim = scene.desk.says(CLAIM, "Contained", "False", "IsolationGroupOpen").await;
    assert!(condition(&claim, "Contained").expect("said").message.contains(&scene.isolation));
    assert_eq!(scene.carried(&scene.interfaces[0]).await, [scene.isolation.as_str()]);
    scene.account.ec2.revoke_ingress(&scene.isolation, &[everywhere()]).await.expect("the owner may do that");
    scene.desk.contained(CLAIM).await;
}
