//! What the field sends (src/intake/fixtures/field), through a queue to an operator process, and what becomes of it.

use super::events::shown;
use crate::{
    e2e::scene::Scene,
    findings::stage::Queue,
    support::{
        claims::Desk,
        client_of,
        operator::OPERATOR_ACCOUNT,
        own_stack::OwnStack,
        process::{Process, fresh_ground},
        wait::until,
    },
};
use jiff::Timestamp;
use quarantine_operator::api::{Quarantine, UnwantedBy};
use serde_json::{Value, json};
use std::{
    fs,
    ops::Deref,
    path::Path,
    sync::{Arc, Weak},
};
use tokio::sync::Mutex;

/// The account and the instance of the fixtures; the scene's own are put in their place.
const ACCOUNT: &str = "211122223344";
const INSTANCE: &str = "i-0a1b2c3d4e5f60718";
const PRODUCT: &str = "arn:aws:securityhub:eu-central-1::product/aws/guardduty";

/// The API server of these tests, and the one operator on it, which ends before it. They are there while a test uses them.
struct Ground {
    _operator: Process,
    stack: OwnStack,
}

async fn ground() -> Arc<Ground> {
    static GROUND: Mutex<Weak<Ground>> = Mutex::const_new(Weak::new());
    let mut ground = GROUND.lock().await;
    if let Some(ground) = ground.upgrade() {
        return ground;
    }
    let stack = fresh_ground().await;
    let fresh = Arc::new(Ground { _operator: Process::start(&stack, OPERATOR_ACCOUNT), stack });
    *ground = Arc::downgrade(&fresh);
    fresh
}

/// A scene on that ground.
struct Field {
    scene: Scene,
    _ground: Arc<Ground>,
}

impl Deref for Field {
    type Target = Scene;

    fn deref(&self) -> &Scene {
        &self.scene
    }
}

async fn scene() -> Field {
    let ground = ground().await;
    let scene = Scene::on(Desk::open(client_of(&ground.stack).await).await, &[&["web"]]).await;
    scene.class(json!({})).await;
    Field { scene, _ground: ground }
}

/// A source that takes the fixtures' action, GuardDuty's findings from Security Hub, and its own.
async fn queue(scene: &Scene) -> Queue<'_> {
    let queue = Queue::of(scene).await;
    let accept = json!({"customActionArns": [queue.action()], "imported": {"productArns": [PRODUCT]}, "guardDuty": {}});
    queue.read_by_source(json!({"accept": accept, "maxActive": 100})).await;
    queue
}

/// The file as it is, but of now, and about the scene's account and instance.
async fn send(queue: &Queue<'_>, file: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/intake/fixtures/field").join(file);
    let text = fs::read_to_string(path).expect("the fixture is there");
    let text = text.replace(ACCOUNT, &queue.scene.account.id).replace(INSTANCE, &queue.scene.instance);
    let mut message: Value = serde_json::from_str(&text).expect("the fixture is JSON");
    renew(&mut message, &Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    queue.send(&message.to_string()).await;
}

fn renew(value: &mut Value, now: &str) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match name.as_str() {
                    "time" | "updatedAt" | "UpdatedAt" if value.is_string() => *value = json!(now),
                    _ => renew(value, now),
                }
            }
        }
        Value::Array(entries) => entries.iter_mut().for_each(|entry| renew(entry, now)),
        _ => {}
    }
}

/// Waits until so many Quarantines are there and the message is gone.
async fn makes(queue: &Queue<'_>, count: usize) -> Vec<Quarantine> {
    let made = until(&format!("{count} Quarantines are made"), async || {
        let made = queue.claims().await;
        (made.len() == count).then_some(made)
    })
    .await;
    queue.is_empty().await;
    assert_eq!(queue.left(&queue.dead_letters).await, (0, 0));
    made
}

async fn contains(file: &str) {
    let scene = scene().await;
    let queue = queue(&scene).await;
    send(&queue, file).await;
    scene.desk.contained(&queue.claim_of(&scene.instance)).await;
    makes(&queue, 1).await;
}

/// Nothing is made, and the source says why in an event.
async fn is_ignored(file: &str, words: &str) {
    let scene = scene().await;
    let queue = queue(&scene).await;
    send(&queue, file).await;
    shown(&queue, "FindingIgnored", words).await;
    assert_eq!(queue.claims().await.len(), 0);
    assert_eq!(scene.carried(&scene.interfaces[0]).await, scene.ids(&["web"]));
}

/// It ends among the dead letters, and the source says why in an event.
async fn is_a_dead_letter(file: &str, words: &str) {
    let scene = scene().await;
    let queue = queue(&scene).await;
    send(&queue, file).await;
    shown(&queue, "MessageUnreadable", words).await;
    until("it is a dead letter", async || (queue.left(&queue.dead_letters).await.0 == 1).then_some(())).await;
    assert_eq!(queue.claims().await.len(), 0);
}

#[tokio::test]
async fn case_02_an_attack_sequence_makes_a_quarantine_for_each_of_its_instances() {
    let scene = scene().await;
    let queue = queue(&scene).await;
    send(&queue, "02-guardduty-attack-sequence.json").await;
    scene.desk.contained(&queue.claim_of(&scene.instance)).await;
    let made = makes(&queue, 2).await;
    let other = queue.claim_of("i-0f1e2d3c4b5a69788");
    assert!(made.iter().any(|claim| claim.metadata.name.as_ref() == Some(&other)), "{other}");
}

#[tokio::test]
async fn case_03_a_runtime_finding_on_a_container_contains_the_instance_beside_it() {
    contains("03-guardduty-runtime-container.json").await;
}

#[tokio::test]
async fn case_04_a_bare_id_without_partition_is_contained_and_its_account_said_to_be_assumed() {
    let scene = scene().await;
    let queue = queue(&scene).await;
    send(&queue, "04-crowdstrike-bare-id-no-partition.json").await;
    let claim = scene.desk.contained(&queue.claim_of(&scene.instance)).await;
    let reason = claim.spec.reason.unwrap_or_default();
    assert!(reason.contains(&format!("Account {} is assumed", scene.account.id)), "{reason}");
}

#[tokio::test]
async fn case_06_a_finding_from_a_linked_region_counts_and_its_instance_lies_there() {
    let scene = scene().await;
    let queue = queue(&scene).await;
    send(&queue, "06-imported-linked-region.json").await;
    let made = makes(&queue, 1).await;
    assert_eq!(made[0].spec.target.instance.as_ref().map(|target| target.region.as_str()), Some("eu-west-1"));
}

#[tokio::test]
async fn case_07_a_tools_account_is_said_to_be_assumed_and_nothing_is_touched() {
    let scene = scene().await;
    let queue = queue(&scene).await;
    send(&queue, "07-central-tool-account.json").await;
    let made = makes(&queue, 1).await;
    let reason = made[0].spec.reason.clone().unwrap_or_default();
    assert!(reason.contains("Account 111122223333 is assumed"), "{reason}");
    assert_eq!(scene.carried(&scene.interfaces[0]).await, scene.ids(&["web"]));
}

#[tokio::test]
async fn case_08_a_misspelt_type_with_a_bare_id_is_told_by_name() {
    is_ignored("08-mistyped-resource-type.json", "It names no EC2 instance: it names AwsEc2Instnace i-").await;
}

#[tokio::test]
async fn case_11_ids_that_are_none_are_told_in_an_event_that_the_api_server_takes() {
    is_ignored("11-non-ascii-ids.json", "names no EC2 instance").await;
}

#[tokio::test]
async fn case_18_an_sns_envelope_says_what_to_change_in_aws() {
    is_a_dead_letter("18-sns-envelope.json", "raw message delivery").await;
}

#[tokio::test]
async fn case_18b_the_text_of_an_input_transformer_says_what_to_change_in_aws() {
    is_a_dead_letter("18b-input-transformer-string.json", "input transformer").await;
}

#[tokio::test]
async fn case_19_twelve_instances_make_twelve_quarantines() {
    let scene = scene().await;
    let queue = queue(&scene).await;
    send(&queue, "19-imported-twelve-instances.json").await;
    let made = makes(&queue, 12).await;
    assert_eq!(made.iter().filter(|claim| !claim.spec.suspend).count(), 5, "the others wait for a person");
}

#[tokio::test]
async fn case_21_a_press_on_a_suppressed_finding_is_refused_and_says_what_to_do() {
    is_ignored("21-press-suppressed.json", "Its finding is suppressed").await;
}

#[tokio::test]
async fn case_23_a_sample_that_is_marked_in_a_text_makes_nothing() {
    let scene = scene().await;
    let queue = queue(&scene).await;
    send(&queue, "23-sample-in-value-text.json").await;
    until("it is counted", async || (queue.status().await.counters.unwanted == 1).then_some(())).await;
    makes(&queue, 0).await;
}

#[tokio::test]
async fn what_is_not_accepted_is_counted_by_cause_where_kubectl_describe_shows_it() {
    let scene = scene().await;
    let queue = queue(&scene).await;
    send(&queue, "21-press-suppressed.json").await;
    send(&queue, "23-sample-in-value-text.json").await;
    send(&queue, "23-sample-in-value-text.json").await;
    let counters = until("all three are counted", async || {
        let counters = queue.status().await.counters;
        (counters.unwanted == 3).then_some(counters)
    })
    .await;
    let by = UnwantedBy { workflow_status: 1, sample: 2, ..UnwantedBy::default() };
    assert_eq!(counters.unwanted_by, by);
    let written = serde_json::to_value(counters).expect("it can be written");
    assert_eq!(written["unwantedBy"], json!({"workflowStatus": 1, "sample": 2}), "no other cause is there");
    makes(&queue, 0).await;
}

#[tokio::test]
async fn case_27_the_same_finding_from_member_and_administrator_makes_one_quarantine() {
    let scene = scene().await;
    let queue = queue(&scene).await;
    for file in ["27a-same-finding-member.json", "27b-same-finding-admin.json"] {
        send(&queue, file).await;
    }
    let claim = scene.desk.contained(&queue.claim_of(&scene.instance)).await;
    until("the second joins", async || (queue.status().await.counters.joined == 1).then_some(())).await;
    makes(&queue, 1).await;
    assert_eq!(claim.spec.findings.len(), 1);
}

#[tokio::test]
async fn case_33b_a_null_tag_value_on_another_resource_makes_nothing_unreadable() {
    contains("33b-tag-value-null-elsewhere.json").await;
}

#[tokio::test]
async fn case_42_tags_as_an_object_are_read() {
    contains("42-guardduty-tags-as-object.json").await;
}
