//! An isolation group that can't be told from another one, and one that AWS doesn't let be made.

use super::{is_untouched, look_now, needs_a_person, said};
use crate::{
    e2e::scene::{CLAIM, Scene},
    wire::emulator::{calls, fail, mend},
};
use serde_json::json;

#[tokio::test]
async fn a_name_that_a_group_of_the_vpc_and_an_associated_one_bear_is_ambiguous_until_one_is_left() {
    let scene = Scene::with(&[&["web"]]).await;
    let other = scene.account.subnet().await;
    let shared = scene.account.group(&other, "isolation").await;
    let owner = &scene.account.owner;
    let associate = owner.associate_security_group_vpc().group_id(&shared).vpc_id(&scene.subnet.vpc_id);
    associate.send().await.expect("the owner may do that");
    let before = scene.changes();
    scene.class(json!({"securityGroup": {"name": "isolation"}})).await;
    scene.claim(json!({})).await;
    let claim = scene.desk.says(CLAIM, "Contained", "False", "GroupNameAmbiguous").await;
    said(&claim, "Contained", &[&scene.isolation, &shared, &scene.subnet.vpc_id, "leave one"]);
    assert_eq!(said(&claim, "Ready", &["leave one"]).reason, "GroupNameAmbiguous");
    needs_a_person(&claim, false);
    is_untouched(&scene, &claim, before).await;
    assert_eq!(scene.carried(&scene.interfaces[0]).await, scene.ids(&["web"]));
    let part = owner.disassociate_security_group_vpc().group_id(&shared).vpc_id(&scene.subnet.vpc_id);
    part.send().await.expect("the owner may do that");
    look_now(&scene).await;
    scene.desk.contained(CLAIM).await;
    assert_eq!(scene.carried(&scene.interfaces[0]).await, [scene.isolation.as_str()]);
}

#[tokio::test]
async fn a_managed_group_whose_rules_exceed_a_quota_isolates_nothing_until_there_is_room() {
    let scene = Scene::with(&[&["web"]]).await;
    let how = json!({"code": "RulesPerSecurityGroupLimitExceeded", "message": "The maximum number of rules has been reached.",
        "times": -1});
    let fault = fail(&scene.account.id, "AuthorizeSecurityGroupIngress", how);
    let ingress = json!([{"port": 22, "cidrs": ["10.0.0.0/8"]}]);
    scene.class(json!({"securityGroup": {"managed": {"name": "IncidentResponseSG", "ingress": ingress}}})).await;
    scene.claim(json!({})).await;
    let claim = scene.desk.says(CLAIM, "Contained", "False", "GroupLimitExceeded").await;
    said(&claim, "Contained", &["maximum number of rules", "Raise the quota", "declare fewer ingress rules"]);
    assert_eq!(said(&claim, "Ready", &["Raise the quota"]).reason, "GroupLimitExceeded");
    needs_a_person(&claim, false);
    assert_eq!(claim.metadata.finalizers, None);
    assert_eq!(calls(&scene.account.id, "ModifyNetworkInterfaceAttribute").len(), 0, "no interface was touched");
    assert_eq!(scene.carried(&scene.interfaces[0]).await, scene.ids(&["web"]));
    mend(&fault);
    look_now(&scene).await;
    scene.desk.contained(CLAIM).await;
}
