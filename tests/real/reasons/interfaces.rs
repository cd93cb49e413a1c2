//! Interfaces that can't be seen: those of a trunk's pods, and those that reads don't show yet.

use super::{denied, needs_a_person, said};
use crate::{
    e2e::scene::{CLAIM, Scene},
    support::claims::status,
    wire::{
        account::tags,
        emulator::{fail, mark_interface, mend},
    },
};
use serde_json::json;

#[tokio::test]
async fn where_branch_interfaces_can_not_be_looked_up_the_rest_is_isolated_and_not_called_contained() {
    let scene = Scene::with(&[&["web"]]).await;
    mark_interface(&scene.interfaces[0], json!({"interfaceType": "trunk"}));
    let of_eks = tags([("eks:eni:owner", "eks-vpc-resource-controller")]);
    scene.account.ec2.tag(&scene.interfaces, &of_eks).await.expect("the owner may do that");
    let mut how = denied();
    how["match"] = json!({"*": "tag:vpcresources.k8s.aws/trunk-eni-id"});
    let fault = fail(&scene.account.id, "DescribeNetworkInterfaces", how);
    scene.class(json!({})).await;
    scene.claim(json!({})).await;
    let claim = scene.desk.says(CLAIM, "Contained", "False", "BranchInterfacesUnknown").await;
    said(&claim, "Contained", &["1/1", "branch interfaces", "Allow ec2:DescribeNetworkInterfaces"]);
    assert_eq!(said(&claim, "Ready", &["branch interfaces"]).reason, "BranchInterfacesUnknown");
    needs_a_person(&claim, true);
    assert_eq!(status(&claim).interface_summary.as_deref(), Some("1/1"));
    assert_eq!(scene.carried(&scene.interfaces[0]).await, [scene.isolation.as_str()]);
    mend(&fault);
    scene.desk.contained(CLAIM).await;
}

#[tokio::test]
async fn the_trunk_of_another_service_is_named_with_its_requester_and_its_branches_as_unknown() {
    let scene = Scene::with(&[&["web"], &["web"]]).await;
    let trunk = &scene.interfaces[1];
    mark_interface(trunk, json!({"interfaceType": "trunk", "requesterManaged": true}));
    scene.class(json!({})).await;
    scene.claim(json!({})).await;
    let claim = scene.desk.says(CLAIM, "Contained", "False", "InterfaceManagedByAws").await;
    said(&claim, "Contained", &[trunk, "is managed by", "isolate it through that service"]);
    needs_a_person(&claim, true);
    scene.carries(&scene.interfaces[0], std::slice::from_ref(&scene.isolation)).await;
    mark_interface(trunk, json!({"requesterManaged": false}));
    let claim = scene.desk.says(CLAIM, "Contained", "False", "BranchInterfacesUnknown").await;
    said(&claim, "Contained", &[trunk, "Amazon ECS"]);
}

#[tokio::test]
async fn an_instance_whose_interfaces_reads_do_not_show_is_never_called_contained() {
    let scene = Scene::with(&[&["web"]]).await;
    mark_interface(&scene.interfaces[0], json!({"unseen": true}));
    let before = scene.changes();
    scene.class(json!({})).await;
    scene.claim(json!({})).await;
    let claim = scene.desk.says(CLAIM, "Contained", "False", "InstanceHasNoInterfaces").await;
    said(&claim, "Contained", &[&scene.instance, "nothing to isolate", "one that is attached will be"]);
    assert_eq!(said(&claim, "Ready", &[]).reason, "InstanceHasNoInterfaces");
    needs_a_person(&claim, false);
    assert_eq!((&claim.metadata.finalizers, scene.changes()), (&None, before), "nothing was done");
    mark_interface(&scene.interfaces[0], json!({"unseen": false}));
    scene.desk.contained(CLAIM).await;
    assert_eq!(scene.carried(&scene.interfaces[0]).await, [scene.isolation.as_str()]);
    scene.delete_and_wait().await;
    assert_eq!(scene.carried(&scene.interfaces[0]).await, scene.ids(&["web"]));
}
