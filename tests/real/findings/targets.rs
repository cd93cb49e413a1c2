//! Quarantines that name a finding.

use super::stage::{finding, finding_id, hub_of, of_resources};
use crate::{
    e2e::scene::{CLAIM, Scene},
    support::{claims::status, wait::until},
    wire::{
        account::REGION,
        emulator::calls,
        hub::{Hub, instance, product},
    },
};
use serde_json::json;

fn naming(id: &str) -> serde_json::Value {
    json!({"target": {"finding": {"id": id, "region": REGION}}})
}

#[tokio::test]
async fn a_finding_names_its_instance_wherever_it_stands_and_the_release_needs_the_finding_no_more() {
    let scene = Scene::with(&[&["web"], &["db"]]).await;
    let hub = Hub::of(&scene.account.id).await;
    hub.import([finding(&hub, &scene, "one")]);
    scene.class(hub_of(&scene)).await;
    scene.desk.claim(CLAIM, naming(&finding_id(&scene, "one"))).await;
    let claim = scene.desk.contained(CLAIM).await;
    let resolved = status(&claim);
    assert_eq!(resolved.target.as_ref().map(|target| &target.instance_id), Some(&scene.instance));
    let named = resolved.finding.as_ref().expect("the finding is kept");
    assert_eq!(named.product_arn, product("aws/guardduty"));
    let asked = calls(&scene.account.id, "GetFindings").len();
    scene.desk.says(CLAIM, "FindingUpdated", "True", "FindingUpdated").await;
    scene.delete_and_wait().await;
    scene.carries(&scene.interfaces[0], &scene.ids(&["web"])).await;
    scene.carries(&scene.interfaces[1], &scene.ids(&["db"])).await;
    assert!(asked >= 1);
}

#[tokio::test]
async fn a_finding_that_security_hub_does_not_show_yet_is_waited_for() {
    let scene = Scene::with(&[&["web"]]).await;
    let hub = Hub::of(&scene.account.id).await;
    scene.class(json!({})).await;
    scene.desk.claim(CLAIM, naming(&finding_id(&scene, "late"))).await;
    scene.desk.says(CLAIM, "Ready", "False", "Resolving").await;
    hub.import([finding(&hub, &scene, "late")]);
    scene.desk.contained(CLAIM).await;
    scene.delete_and_wait().await;
}

#[tokio::test]
async fn many_claims_that_wait_for_their_findings_share_calls_and_are_all_answered() {
    const CLAIMS: usize = 60;
    let scene = Scene::with(&[&["web"]]).await;
    let hub = Hub::of(&scene.account.id).await;
    let name = |n: usize| format!("many-{n}");
    let findings = (0..CLAIMS)
        .map(|n| of_resources(&hub, &scene, &name(n), json!([instance(&scene.account.id, &format!("i-{n:017x}"))])));
    hub.import(findings);
    scene.class(json!({})).await;
    let claiming = (0..CLAIMS).map(async |n| {
        scene.desk.claim(&name(n), naming(&finding_id(&scene, &name(n)))).await;
    });
    futures::future::join_all(claiming).await;
    until("every claim knows its instance", async || {
        let claims = scene.desk.claims.list(&Default::default()).await.expect("a list").items;
        let resolved = |claim: &&quarantine_operator::api::Quarantine| status_names_an_instance(claim);
        (claims.iter().filter(resolved).count() == CLAIMS).then_some(())
    })
    .await;
    let asked = calls(&scene.account.id, "GetFindings").len();
    assert!(asked <= CLAIMS / 2, "{asked} calls for {CLAIMS} findings");
}

fn status_names_an_instance(claim: &quarantine_operator::api::Quarantine) -> bool {
    claim.status.as_ref().is_some_and(|status| status.target.is_some())
}

#[tokio::test]
async fn a_finding_of_several_instances_lists_them_and_touches_none() {
    let scene = Scene::with(&[&["web"]]).await;
    let hub = Hub::of(&scene.account.id).await;
    let both = ["i-0123456789abcdef0", &scene.instance].map(|id| instance(&scene.account.id, id));
    hub.import([of_resources(&hub, &scene, "both", json!(both))]);
    scene.class(json!({})).await;
    scene.desk.claim(CLAIM, naming(&finding_id(&scene, "both"))).await;
    let claim = scene.desk.says(CLAIM, "Stalled", "True", "FindingNamesSeveralInstances").await;
    let told = crate::support::claims::condition(&claim, "Ready").expect("it says why").message.clone();
    assert!(told.contains(&scene.instance) && told.contains("i-0123456789abcdef0"), "{told}");
    assert_eq!(scene.carried(&scene.interfaces[0]).await, scene.ids(&["web"]));
    let target = json!({"target": {"finding":
        {"id": finding_id(&scene, "both"), "region": REGION, "instanceId": scene.instance}}});
    scene.desk.claim("chosen", target).await;
    scene.desk.contained("chosen").await;
}
