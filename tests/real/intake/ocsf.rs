//! A finding of the newer Security Hub as the field sends it, from its queue to the contained instance, with the operator
//! as a process.

use super::stage::Ground;
use crate::{findings::stage::Queue, wire::hub::product};
use jiff::Timestamp;
use serde_json::{Value, json};

const CASE: &str = include_str!("../../../src/intake/fixtures/field/34-ocsf-imported-v2.json");

/// The case, of this account and instance, sent now.
fn case(queue: &Queue<'_>, instance: &str) -> Value {
    let account = &queue.scene.account.id;
    let body = CASE.replace("211122223344", account).replace("i-0a1b2c3d4e5f60718", instance);
    let mut event: Value = serde_json::from_str(&body).expect("the case is JSON");
    event["time"] = Timestamp::now().to_string().into();
    event["detail"]["findings"][0]["time"] = Timestamp::now().as_millisecond().into();
    event
}

#[tokio::test]
async fn a_finding_of_the_newer_hub_without_status_and_without_its_own_id_cuts_its_instance_off() {
    let ground = Ground::with(2).await;
    let queue = Queue::of(&ground.scene).await;
    queue.read_by_source(json!({"accept": {"imported": {"productArns": [product("aws/guardduty")]}}})).await;
    let _operator = ground.operator();
    let [wanted, bare] = ground.instances() else { panic!("two instances") };
    queue.send(&case(&queue, wanted).to_string()).await;
    ground.scene.desk.contained(&queue.claim_of(wanted)).await;
    let mut by_id = case(&queue, bare);
    let resource = &mut by_id["detail"]["findings"][0]["resources"][0];
    resource["uid_alt"] = resource["uid"].clone();
    resource["uid"] = bare.as_str().into();
    queue.send(&by_id.to_string()).await;
    ground.scene.desk.contained(&queue.claim_of(bare)).await;
    queue.is_empty().await;
    assert_eq!(queue.left(&queue.dead_letters).await, (0, 0));
    for claim in queue.claims().await {
        let [finding] = &claim.spec.findings[..] else { panic!("{:?}", claim.spec.findings) };
        assert_eq!((finding.id.as_str(), finding.product_arn.contains(":productv2/")), ("1", true));
    }
}
