//! Writing on findings and keeping custom actions: that exactly what was asked is done, and what refusals become.

use super::account::{REGION, tags};
use super::emulator::{calls, fail};
use super::hub::{Hub, key, product};
use quarantine_operator::{
    api::Reason,
    model::{
        finding::{Finding, FindingChange, FindingKey, FindingNote, NOTE_AUTHOR, Workflow},
        problem::{Disposition, Problem},
    },
};
use serde_json::{Value, json};

const UPDATE: &str = "BatchUpdateFindings";

fn note(text: &str) -> FindingChange {
    FindingChange { note: Some(text.to_owned()), ..FindingChange::default() }
}

#[tokio::test]
async fn note_workflow_and_fields_are_written_and_signed() {
    let hub = Hub::fresh().await;
    hub.import([hub.finding("finding-1")]);
    let change =
        FindingChange { workflow: Some(Workflow::Resolved), fields: tags([("case", "4711")]), ..note("Held.") };
    assert_eq!(hub.hub.update(&[key("finding-1")], &change).await, Ok(vec![]));
    let read = read(&hub, "finding-1").await;
    assert_eq!(read.note, Some(FindingNote { text: "Held.".to_owned(), updated_by: NOTE_AUTHOR.to_owned() }));
    assert_eq!((read.workflow, read.fields), (Workflow::Resolved, tags([("case", "4711")])));
}

#[tokio::test]
async fn what_a_change_does_not_name_stays_as_it_is() {
    let hub = Hub::fresh().await;
    hub.import([hub.finding("finding-1")]);
    let before =
        FindingChange { workflow: Some(Workflow::Notified), fields: tags([("case", "4711")]), ..note("First.") };
    hub.hub.update(&[key("finding-1")], &before).await.unwrap();
    hub.hub.update(&[key("finding-1")], &note("Second.")).await.unwrap();
    let read = read(&hub, "finding-1").await;
    assert_eq!(read.note.map(|note| note.text).as_deref(), Some("Second."));
    assert_eq!((read.workflow, read.fields), (Workflow::Notified, tags([("case", "4711")])));
}

#[tokio::test]
async fn a_finding_that_cannot_be_changed_is_told_and_holds_up_none_of_the_others() {
    let hub = Hub::fresh().await;
    hub.import([hub.finding("finding-1")]);
    let without_product = FindingKey { id: "finding-2".to_owned(), product_arn: None, account_id: None };
    let keys = [key("gone"), without_product.clone(), key("finding-1")];
    let mut left = hub.hub.update(&keys, &note("Held.")).await.unwrap();
    left.sort_by(|one, other| one.key.cmp(&other.key));
    let outlines: Vec<_> = left.iter().map(|one| (one.key.clone(), one.code.as_str())).collect();
    assert_eq!(outlines, [(without_product, "ProductArnMissing"), (key("gone"), "FindingNotFound")]);
    assert!(left.iter().all(|one| !one.message.is_empty()), "{left:?}");
    assert_eq!(note_on(&hub, "finding-1").await.as_deref(), Some("Held."));
}

#[tokio::test]
async fn more_findings_than_a_call_takes_are_changed_in_several_calls() {
    let hub = Hub::fresh().await;
    let ids: Vec<String> = (0..101).map(|number| format!("finding-{number}")).collect();
    hub.import(ids.iter().map(|id| hub.finding(id)));
    let keys: Vec<FindingKey> = ids.iter().map(|id| key(id)).collect();
    assert_eq!(hub.hub.update(&keys, &note("Held.")).await, Ok(vec![]));
    let sizes: Vec<usize> = calls(&hub.id, UPDATE).iter().map(findings_in).collect();
    assert_eq!(sizes, [100, 1]);
    assert_eq!(note_on(&hub, "finding-100").await.as_deref(), Some("Held."));
}

#[tokio::test]
async fn nothing_to_change_or_no_finding_to_change_is_no_call() {
    let hub = Hub::fresh().await;
    assert_eq!(hub.hub.update(&[key("finding-1")], &FindingChange::default()).await, Ok(vec![]));
    assert_eq!(hub.hub.update(&[], &note("Held.")).await, Ok(vec![]));
    assert!(calls(&hub.id, UPDATE).is_empty());
}

#[tokio::test]
async fn no_finding_is_ever_suppressed() {
    let hub = Hub::fresh().await;
    let change = FindingChange { workflow: Some(Workflow::Suppressed), ..FindingChange::default() };
    let problem = hub.hub.update(&[key("finding-1")], &change).await.unwrap_err();
    assert_eq!(outline(&problem), (Disposition::Stop, Reason::FindingNotUpdated));
    assert!(calls(&hub.id, UPDATE).is_empty());
}

#[tokio::test]
async fn a_change_whose_answer_is_lost_is_not_sent_again_though_it_was_made() {
    let hub = Hub::fresh().await;
    hub.import([hub.finding("finding-1")]);
    fail(&hub.id, UPDATE, json!({"kind": "drop", "when": "after"}));
    let problem = hub.hub.update(&[key("finding-1")], &note("Held.")).await.unwrap_err();
    assert_eq!(outline(&problem), (Disposition::Retry, Reason::AwsUnavailable));
    assert_eq!(calls(&hub.id, UPDATE).len(), 1);
    assert_eq!(note_on(&hub, "finding-1").await.as_deref(), Some("Held."));
}

#[tokio::test]
async fn a_change_that_is_throttled_is_not_sent_again() {
    let hub = Hub::fresh().await;
    fail(&hub.id, UPDATE, json!({"code": "TooManyRequestsException", "status": 429}));
    let problem = hub.hub.update(&[key("finding-1")], &note("Held.")).await.unwrap_err();
    assert_eq!(outline(&problem), (Disposition::Retry, Reason::Throttled));
    assert_eq!(calls(&hub.id, UPDATE).len(), 1);
}

#[tokio::test]
async fn a_denied_change_names_the_right_that_is_missing() {
    let hub = Hub::fresh().await;
    fail(&hub.id, UPDATE, json!({"code": "AccessDeniedException", "status": 403, "message": "You may not."}));
    let problem = hub.hub.update(&[key("finding-1")], &note("Held.")).await.unwrap_err();
    assert_eq!(outline(&problem), (Disposition::Stop, Reason::AccessDenied));
    assert!(problem.message.contains("Allow securityhub:BatchUpdateFindings"), "{problem}");
}

#[tokio::test]
async fn a_custom_action_is_made_read_changed_and_deleted() {
    let hub = Hub::fresh().await;
    let arn = hub.hub.create_custom_action("Quarantine", "Cut off", "Cuts the instance off.").await.unwrap();
    assert_eq!(arn, format!("arn:aws:securityhub:{REGION}:{}:action/custom/Quarantine", hub.id));
    let read = async || {
        let seen = hub.hub.custom_action(&arn).await.unwrap();
        seen.map(|seen| (seen.arn, seen.name, seen.description))
    };
    let seen = |name: &str, description: &str| Some((arn.clone(), name.to_owned(), description.to_owned()));
    assert_eq!(read().await, seen("Cut off", "Cuts the instance off."));
    hub.hub.update_custom_action(&arn, "Isolate", "Isolates the instance.").await.unwrap();
    assert_eq!(read().await, seen("Isolate", "Isolates the instance."));
    hub.hub.delete_custom_action(&arn).await.unwrap();
    assert_eq!(read().await, None);
    assert_eq!(hub.hub.delete_custom_action(&arn).await, Ok(()));
}

#[tokio::test]
async fn a_custom_action_whose_id_is_taken_is_looked_for_again() {
    let hub = Hub::fresh().await;
    hub.hub.create_custom_action("Quarantine", "Cut off", "Cuts the instance off.").await.unwrap();
    let problem = hub.hub.create_custom_action("Quarantine", "Mine", "Another one.").await.unwrap_err();
    assert_eq!(outline(&problem), (Disposition::Retry, Reason::CustomActionRefused));
}

#[tokio::test]
async fn a_custom_action_that_is_gone_cannot_be_changed_and_is_looked_for_again() {
    let hub = Hub::fresh().await;
    let arn = format!("arn:aws:securityhub:{REGION}:{}:action/custom/Quarantine", hub.id);
    let problem = hub.hub.update_custom_action(&arn, "Isolate", "Isolates the instance.").await.unwrap_err();
    assert_eq!(outline(&problem), (Disposition::Retry, Reason::CustomActionRefused));
}

#[tokio::test]
async fn one_custom_action_more_than_an_account_has_room_for_names_the_limit() {
    let hub = Hub::fresh().await;
    for number in 0..50 {
        let call = hub.owner.create_action_target().id(format!("action{number}")).name("One").description("Of many.");
        call.send().await.expect("there is room");
    }
    let problem = hub.hub.create_custom_action("Quarantine", "Cut off", "Cuts the instance off.").await.unwrap_err();
    assert_eq!(outline(&problem), (Disposition::Wait, Reason::CustomActionRefused));
    assert!(problem.message.contains("room for 50"), "{problem}");
}

#[tokio::test]
async fn a_denied_custom_action_names_the_right_that_is_missing() {
    let hub = Hub::fresh().await;
    for (action, right) in [
        ("DescribeActionTargets", "securityhub:DescribeActionTargets"),
        ("CreateActionTarget", "securityhub:CreateActionTarget"),
        ("UpdateActionTarget", "securityhub:UpdateActionTarget"),
        ("DeleteActionTarget", "securityhub:DeleteActionTarget"),
    ] {
        fail(&hub.id, action, json!({"code": "AccessDeniedException", "status": 403}));
        let arn = product("any");
        let outcome = match action {
            "DescribeActionTargets" => hub.hub.custom_action(&arn).await.map(drop),
            "CreateActionTarget" => hub.hub.create_custom_action("a", "a", "a").await.map(drop),
            "UpdateActionTarget" => hub.hub.update_custom_action(&arn, "a", "a").await,
            _ => hub.hub.delete_custom_action(&arn).await,
        };
        let problem = outcome.unwrap_err();
        assert_eq!(outline(&problem), (Disposition::Stop, Reason::AccessDenied));
        assert!(problem.message.contains(&format!("Allow {right} ")), "{problem}");
    }
}

async fn read(hub: &Hub, id: &str) -> Finding {
    hub.hub.findings(key(id)).await.expect("findings are read").remove(0)
}

async fn note_on(hub: &Hub, id: &str) -> Option<String> {
    read(hub, id).await.note.map(|note| note.text)
}

fn findings_in(call: &Value) -> usize {
    call["params"]["FindingIdentifiers"].as_array().map_or(0, Vec::len)
}

fn outline(problem: &Problem) -> (Disposition, Reason) {
    (problem.disposition, problem.reason)
}
