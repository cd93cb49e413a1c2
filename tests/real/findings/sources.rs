//! FindingSources: what their queues bring becomes Quarantines, once, and what can't be understood is lost by nobody.

use super::stage::{ACTION, Queue, finding, finding_id, informed};
use crate::{e2e::scene::Scene, support::wait::until, wire::hub::Hub};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api,
    api::{ListParams, PostParams},
};
use serde_json::{Value, json};

/// A time after this one, as EventBridge tells it in whole seconds. It is not ahead of the clock.
async fn after(time: Timestamp) -> Timestamp {
    until("a second has passed", async || {
        let now = Timestamp::now();
        (now.as_second() > time.as_second()).then_some(now)
    })
    .await
}

async fn scene() -> Scene {
    let scene = Scene::with(&[&["web"]]).await;
    scene.class(json!({})).await;
    scene
}

#[tokio::test]
async fn a_pressed_custom_action_cuts_the_instance_off_and_a_message_that_comes_twice_makes_one_quarantine() {
    let scene = scene().await;
    let queue = Queue::of(&scene).await;
    queue.read_by_source(json!({})).await;
    queue.says("True", "Receiving").await;
    let (pressed, again) = (
        queue.pressed("one", &scene.instance, Timestamp::now()),
        queue.pressed("two", &scene.instance, Timestamp::now()),
    );
    queue.send(&pressed).await;
    let name = queue.claim_of(&scene.instance);
    scene.desk.contained(&name).await;
    queue.send(&pressed).await;
    queue.send(&again).await;
    queue.is_empty().await;
    let claims = queue.claims().await;
    assert_eq!(claims.len(), 1);
    assert_eq!(informed(&claims[0]), ["one", "two"], "a further finding joins");
    let reason = claims[0].spec.reason.as_deref().unwrap_or_default();
    assert!(reason.contains("A bot"), "{reason}");
    until("the source has counted", async || {
        let counters = queue.status().await.counters;
        (counters.received == 3 && counters.created == 1 && counters.joined == 2).then_some(())
    })
    .await;
    queue.delete_source().await;
    assert_eq!(queue.claims().await.len(), 1, "deleting the source releases nothing");
}

#[tokio::test]
async fn what_was_released_is_not_cut_off_again_by_an_echo_which_its_finding_is_told_but_by_a_new_press() {
    let scene = scene().await;
    let hub = Hub::of(&scene.account.id).await;
    hub.import([finding(&hub, &scene, "one")]);
    let queue = Queue::of(&scene).await;
    queue.read_by_source(json!({})).await;
    let before = queue.pressed("one", &scene.instance, Timestamp::now() - SignedDuration::from_secs(5));
    let name = queue.claim_of(&scene.instance);
    queue.send(&before).await;
    scene.desk.contained(&name).await;
    scene.desk.delete(&name).await;
    scene.desk.gone(&name).await;
    queue.send(&before).await;
    queue.is_empty().await;
    assert_eq!(queue.claims().await.len(), 0, "it is an echo");
    until("the echo is counted", async || (queue.status().await.counters.echoes == 1).then_some(())).await;
    let note = hub.read(&finding_id(&scene, "one"))["Note"]["Text"].clone();
    assert!(note.as_str().unwrap_or_default().contains("press it again"), "a person pressed it: {note}");
    let ignored = queue.event("FindingIgnored").await;
    assert!(ignored.contains("press it again"), "{ignored}");
    let released = queue.status().await.released[&scene.instance].0;
    queue.send(&queue.pressed("one", &scene.instance, after(released).await)).await;
    scene.desk.contained(&name).await;
}

#[tokio::test]
async fn what_cannot_be_read_ends_among_the_dead_letters_and_is_shown_in_an_event() {
    let scene = scene().await;
    let queue = Queue::of(&scene).await;
    queue.read_by_source(json!({})).await;
    queue.send("not an event of anybody").await;
    until("it is a dead letter", async || (queue.left(&queue.dead_letters).await.0 == 1).then_some(())).await;
    queue.is_empty().await;
    let said = queue.event("MessageUnreadable").await;
    assert!(said.contains("not an event of anybody"), "{said}");
    assert_eq!(queue.claims().await.len(), 0);
}

#[tokio::test]
async fn what_the_source_does_not_accept_is_taken_off_the_queue_and_makes_nothing() {
    let scene = scene().await;
    let queue = Queue::of(&scene).await;
    let other = queue.action().replace(ACTION, "Other");
    queue.read_by_source(json!({"accept": {"customActionArns": [other]}})).await;
    queue.send(&queue.pressed("one", &scene.instance, Timestamp::now())).await;
    until("it is counted", async || (queue.status().await.counters.unwanted == 1).then_some(())).await;
    queue.is_empty().await;
    assert_eq!(queue.left(&queue.dead_letters).await, (0, 0));
    assert_eq!(queue.claims().await.len(), 0);
}

#[tokio::test]
async fn nothing_is_received_while_no_quarantine_could_be_made_and_then_it_is() {
    let scene = scene().await;
    let queue = Queue::of(&scene).await;
    let namespace = format!("{}-later", scene.desk.namespace);
    queue.send(&queue.pressed("one", &scene.instance, Timestamp::now())).await;
    queue.read_by_source(json!({"template": {"namespace": namespace, "className": scene.desk.namespace}})).await;
    let told = queue.says("False", "TemplateRefused").await;
    assert!(told.message.contains(&namespace), "{}", told.message);
    assert_eq!(queue.left(&queue.url).await, (1, 0), "a receive would count towards the dead letters");
    let namespaces: Api<Namespace> = Api::all(scene.desk.client.clone());
    let object = serde_json::from_value(json!({"metadata": {"name": namespace}})).expect("a namespace");
    namespaces.create(&PostParams::default(), &object).await.expect("a namespace is made");
    queue.says("True", "Receiving").await;
    queue.is_empty().await;
    let claims: Api<quarantine_operator::api::Quarantine> = Api::namespaced(scene.desk.client.clone(), &namespace);
    assert_eq!(claims.list(&ListParams::default()).await.expect("a list").items.len(), 1);
}

#[tokio::test]
async fn rule_12_a_source_holds_no_more_than_its_limit_and_stands_in_no_responders_way() {
    let scene = scene().await;
    let other = scene.account.instance(&scene.subnet, &[&scene.groups["web"]]).await;
    let queue = Queue::of(&scene).await;
    queue.read_by_source(json!({"maxActive": 1})).await;
    queue.send(&queue.pressed("one", &scene.instance, Timestamp::now())).await;
    let first = queue.claim_of(&scene.instance);
    scene.desk.contained(&first).await;
    queue.send(&queue.pressed("two", &other, Timestamp::now())).await;
    let second = queue.claim_of(&other);
    scene.desk.says(&second, "Ready", "False", "SourceLimitReached").await;
    queue.is_empty().await;
    let third = scene.account.instance(&scene.subnet, &[&scene.groups["web"]]).await;
    let target = json!({"target": {"instance":
        {"id": third, "region": crate::wire::account::REGION, "accountId": scene.account.id}}});
    scene.desk.claim("by-hand", target).await;
    scene.desk.contained("by-hand").await;
    scene.desk.delete(&first).await;
    scene.desk.contained(&second).await;
}

#[tokio::test]
async fn an_automatic_source_suspends_what_is_old_and_a_person_says_yes() {
    let scene = scene().await;
    let queue = Queue::of(&scene).await;
    queue.read_by_source(json!({"maxEventAgeSeconds": 60})).await;
    queue.send(&queue.pressed("one", &scene.instance, Timestamp::now() - SignedDuration::from_mins(10))).await;
    let name = queue.claim_of(&scene.instance);
    scene.desk.says(&name, "Ready", "True", "Suspended").await;
    assert_eq!(scene.carried(&scene.interfaces[0]).await, scene.ids(&["web"]));
    scene.desk.edit(&name, json!({"spec": {"suspend": false}})).await;
    scene.desk.contained(&name).await;
}

#[tokio::test]
async fn a_quarantine_that_a_person_deletes_unacted_is_not_made_again_by_an_echo() {
    let scene = scene().await;
    let queue = Queue::of(&scene).await;
    let template = json!({"namespace": scene.desk.namespace, "className": scene.desk.namespace, "suspend": true});
    queue.read_by_source(json!({"template": template})).await;
    let pressed = queue.pressed("one", &scene.instance, Timestamp::now() - SignedDuration::from_secs(5));
    queue.send(&pressed).await;
    let name = queue.claim_of(&scene.instance);
    scene.desk.says(&name, "Ready", "True", "Suspended").await;
    scene.desk.delete(&name).await;
    until("the source knows", async || queue.status().await.released.contains_key(&scene.instance).then_some(())).await;
    queue.send(&pressed).await;
    queue.is_empty().await;
    assert_eq!(queue.claims().await.len(), 0);
}

#[tokio::test]
async fn a_source_keeps_its_custom_action_and_takes_it_away_only_if_asked() {
    let scene = scene().await;
    let hub = Hub::of(&scene.account.id).await;
    let queue = Queue::of(&scene).await;
    let action = |name: &str, policy: &str| json!({"customAction": {"id": ACTION, "name": name, "description": "Cuts it off", "deletionPolicy": policy}});
    let seen = async || hub.hub.custom_action(&queue.action()).await.expect("a read");
    queue.read_by_source(action("Quarantine", "Retain")).await;
    queue.says("True", "Receiving").await;
    assert_eq!(seen().await.map(|seen| seen.name).as_deref(), Some("Quarantine"));
    until("the status names it", async || {
        (queue.status().await.custom_action_arn == Some(queue.action())).then_some(())
    })
    .await;
    queue.read_by_source(action("Cut off", "Retain")).await;
    until("it is brought in line", async || seen().await.filter(|seen| seen.name == "Cut off").map(drop)).await;
    queue.delete_source().await;
    assert!(seen().await.is_some(), "it stays");
    queue.read_by_source(action("Cut off", "Delete")).await;
    until("the finalizer stands", async || queue.get().await.metadata.finalizers.map(drop)).await;
    queue.delete_source().await;
    assert_eq!(seen().await, None);
}

#[tokio::test]
async fn a_press_while_a_release_runs_waits_for_its_end_which_its_finding_is_told_and_then_cuts_off_again() {
    let scene = Scene::with(&[&["web"]]).await;
    let hub = Hub::of(&scene.account.id).await;
    hub.import([finding(&hub, &scene, "two")]);
    scene.class(json!({"releaseApproval": "Always"})).await;
    let queue = Queue::of(&scene).await;
    queue.read_by_source(json!({})).await;
    queue.send(&queue.pressed("one", &scene.instance, Timestamp::now())).await;
    let name = queue.claim_of(&scene.instance);
    let first = scene.desk.contained(&name).await;
    scene.desk.delete(&name).await;
    let going = scene.desk.says(&name, "Ready", "False", "ReleaseHeld").await;
    let deleted = going.metadata.deletion_timestamp.expect("it is being deleted").0;
    queue.send(&queue.pressed("two", &scene.instance, after(deleted).await)).await;
    until("the message waits", async || (queue.left(&queue.url).await == (0, 1)).then_some(())).await;
    until("the finding is told", async || {
        let note = hub.read(&finding_id(&scene, "two"))["Note"]["Text"].clone();
        note.as_str().is_some_and(|note| note.contains("is being deleted")).then_some(())
    })
    .await;
    let approval = json!({"metadata": {"annotations": {"quarantine-operator.dev/release": "approved"}}});
    scene.desk.edit(&name, approval).await;
    let second = until("the instance has another Quarantine", async || {
        scene.desk.claims.get_opt(&name).await.expect("a read").filter(|claim| claim.metadata.uid != first.metadata.uid)
    })
    .await;
    assert_eq!(informed(&second), ["two"]);
    queue.is_empty().await;
    assert_eq!(queue.left(&queue.dead_letters).await, (0, 0));
}

#[tokio::test]
async fn of_a_finding_that_names_many_instances_a_few_are_cut_off_and_the_others_wait_for_a_person() {
    let scene = scene().await;
    let queue = Queue::of(&scene).await;
    queue.read_by_source(json!({"maxActivePerFinding": 1})).await;
    let other = scene.account.instance(&scene.subnet, &[&scene.groups["web"]]).await;
    let mut pressed: Value =
        serde_json::from_str(&queue.pressed("one", &scene.instance, Timestamp::now())).expect("an event is JSON");
    let resources = pressed["detail"]["findings"][0]["Resources"].as_array_mut().expect("resources");
    let mut second = resources.last().expect("the instance").clone();
    second["Id"] = json!(second["Id"].as_str().expect("an ARN").replace(&scene.instance, &other));
    resources.push(second);
    queue.send(&pressed.to_string()).await;
    scene.desk.contained(&queue.claim_of(&scene.instance)).await;
    scene.desk.says(&queue.claim_of(&other), "Ready", "True", "Suspended").await;
    let said = queue.event("FindingNamesManyInstances").await;
    assert!(said.contains(&other) && !said.contains(&scene.instance), "{said}");
}
