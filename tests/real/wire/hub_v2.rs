//! The newer Security Hub: its findings as they are read, what is written on them, and which hub is asked for what.

use super::account::{REGION, config, credentials, fresh_id, place};
use super::emulator::{calls, endpoint, fail, import_findings_v2};
use aws_sdk_securityhub::Client;
use futures::future::join_all;
use quarantine_operator::{
    api::{Reason, RecordState, Severity},
    aws::{SecurityHub, Sessions},
    model::{
        finding::{Finding, FindingChange, FindingKey, InProgress, NOTE_AUTHOR, Workflow},
        ocsf::{Left, comment},
        problem::Disposition,
    },
};
use serde_json::{Value, json};

const READ: &str = "GetFindingsV2";
const UPDATE: &str = "BatchUpdateFindingsV2";

/// An account with the newer Security Hub, seen as its owner and as the operator.
pub struct HubV2 {
    pub id: String,
    pub owner: Client,
    pub hub: SecurityHub,
}

impl HubV2 {
    pub async fn of(id: &str) -> Self {
        let hub = Self::without(id).await;
        hub.owner.enable_security_hub_v2().send().await.expect("it is enabled");
        hub
    }

    async fn without(id: &str) -> Self {
        let config = config(&endpoint(), credentials(id)).await;
        let hub = Sessions::new(config.clone()).security_hub(&place(id)).await.expect("its own account opens");
        Self { id: id.to_owned(), owner: Client::new(&config), hub }
    }

    /// A finding of GuardDuty about this account.
    pub fn finding(&self, id: &str, instance: &str) -> Value {
        json!({
            "class_uid": 2004, "severity_id": 4, "time": 1_772_442_621_204_i64,
            "cloud": {"provider": "AWS", "region": REGION, "account": {"uid": self.id}},
            "finding_info": {"uid": id, "title": "A bot", "types": ["Backdoor:EC2/C&CActivity.B!DNS"]},
            "metadata": {"version": "1.6.0", "product": {"uid": product(), "name": "GuardDuty"}},
            "resources": [
                {"type": "AWS::::Account", "uid": self.id},
                {"type": "AWS::EC2::Instance", "uid": instance, "cloud_partition": "aws", "region": REGION},
            ],
        })
    }

    pub fn import(&self, findings: impl IntoIterator<Item = Value>) {
        import_findings_v2(&self.id, &findings.into_iter().collect::<Vec<_>>());
    }

    /// What a person does in the console.
    pub async fn take_up(&self, id: &str, comment: Option<&str>) {
        let identifier = aws_sdk_securityhub::types::OcsfFindingIdentifier::builder()
            .cloud_account_uid(&self.id)
            .finding_info_uid(id)
            .metadata_product_uid(product());
        let update = self.owner.batch_update_findings_v2().finding_identifiers(identifier.build()).status_id(2);
        update.set_comment(comment.map(str::to_owned)).send().await.expect("the finding is updated");
    }

    pub fn key(&self, id: &str) -> FindingKey {
        FindingKey { id: id.to_owned(), product_arn: Some(product()), account_id: Some(self.id.clone()) }
    }

    pub async fn read(&self, id: &str) -> Finding {
        let mut found = self.hub.findings(self.key(id)).await.expect("a read");
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    }
}

pub fn product() -> String {
    format!("arn:aws:securityhub:{REGION}::productv2/aws/guardduty")
}

fn said(note: &str, left: Left) -> FindingChange {
    FindingChange { note: Some(comment(note, left)), ..FindingChange::default() }
}

#[tokio::test]
async fn a_finding_of_the_newer_hub_tells_its_instance_and_how_far_people_are() {
    let hub = HubV2::of(&fresh_id()).await;
    hub.import([hub.finding("finding-1", "i-0123456789abcdef0")]);
    let found = hub.read("finding-1").await;
    let arns: Vec<String> = found.instances.iter().map(|instance| instance.arn()).collect();
    assert_eq!(arns, [format!("arn:aws:ec2:{REGION}:{}:instance/i-0123456789abcdef0", hub.id)]);
    assert_eq!((found.severity, found.record_state), (Some(Severity::High), RecordState::Active));
    assert_eq!((found.workflow, found.in_progress, found.note), (Workflow::New, InProgress::No, None));
    hub.take_up("finding-1", Some("I take it.")).await;
    let found = hub.read("finding-1").await;
    assert_eq!((found.workflow, found.in_progress), (Workflow::Notified, InProgress::SetByOthers));
    assert!(found.holds_others_note());
}

#[tokio::test]
async fn comment_and_status_are_written_and_known_as_ours() {
    let hub = HubV2::of(&fresh_id()).await;
    hub.import([hub.finding("finding-1", "i-0123456789abcdef0")]);
    let before = hub.read("finding-1").await;
    let change = FindingChange { workflow: Some(Workflow::Notified), ..said("Held.", Left::InProgress) };
    assert_eq!(hub.hub.update(&[hub.key("finding-1")], &change).await, Ok(vec![]));
    let after = hub.read("finding-1").await;
    assert_eq!((after.workflow, after.in_progress), (Workflow::Notified, InProgress::AsLeft));
    assert_eq!(after.note.as_ref().map(|note| note.updated_by.as_str()), Some(NOTE_AUTHOR));
    assert_eq!(after.updated_at, before.updated_at, "what is written moves no time");
    hub.take_up("finding-1", Some("Look again.")).await;
    assert_eq!(hub.read("finding-1").await.in_progress, InProgress::SetByOthers);
}

#[tokio::test]
async fn a_finding_of_the_newer_hub_that_cannot_be_changed_holds_up_none_of_the_others() {
    let hub = HubV2::of(&fresh_id()).await;
    let ids: Vec<String> = (0..101).map(|number| format!("finding-{number}")).collect();
    hub.import(ids.iter().map(|id| hub.finding(id, "i-0123456789abcdef0")));
    let nowhere = FindingKey { account_id: None, ..hub.key("finding-0") };
    let mut keys: Vec<FindingKey> = ids.iter().map(|id| hub.key(id)).collect();
    keys.extend([hub.key("gone"), nowhere.clone()]);
    let left = hub.hub.update(&keys, &said("Held.", Left::Otherwise)).await.unwrap();
    let mut codes: Vec<_> = left.iter().map(|one| (one.key.clone(), one.code.as_str())).collect();
    codes.sort();
    let mut expected = [(hub.key("gone"), "ResourceNotFoundException"), (nowhere, "AccountMissing")];
    expected.sort();
    assert_eq!(codes, expected);
    let sizes: Vec<usize> = calls(&hub.id, UPDATE)
        .iter()
        .map(|call| call["params"]["FindingIdentifiers"].as_array().map_or(0, Vec::len))
        .collect();
    assert_eq!(sizes, [100, 2]);
    assert!(hub.read("finding-100").await.note.is_some());
}

#[tokio::test]
async fn fifty_who_ask_the_newer_hub_at_once_share_calls_of_at_most_twenty_ids() {
    let hub = HubV2::of(&fresh_id()).await;
    let ids: Vec<String> = (0..50).map(|number| format!("finding-{number}")).collect();
    hub.import(ids.iter().map(|id| hub.finding(id, "i-0123456789abcdef0")));
    let found = join_all(ids.iter().map(|id| hub.read(id))).await;
    assert!(ids.iter().zip(found).all(|(id, found)| found.id == *id));
    let filters = |call: &Value| call["params"]["Filters"]["CompositeFilters"][0]["StringFilters"].clone();
    let sizes: Vec<usize> =
        calls(&hub.id, READ).iter().map(|call| filters(call).as_array().map_or(0, Vec::len)).collect();
    assert_eq!((sizes.len(), sizes.iter().sum::<usize>()), (3, 50), "{sizes:?}");
}

#[tokio::test]
async fn without_a_product_the_older_hub_is_asked_first_and_the_newer_where_it_has_none_or_is_off() {
    let id = fresh_id();
    let hub = HubV2::of(&id).await;
    hub.import([hub.finding("finding-1", "i-0123456789abcdef0")]);
    let any = |id: &str| FindingKey { id: id.to_owned(), product_arn: None, account_id: None };
    let of = |found: Vec<Finding>| found.into_iter().filter_map(|one| one.product_arn).collect::<Vec<_>>();
    assert_eq!(of(hub.hub.findings(any("finding-1")).await.unwrap()), [product()], "the older one is off");
    let older = super::hub::Hub::of(&id).await;
    assert_eq!(of(hub.hub.findings(any("finding-1")).await.unwrap()), [product()], "it has none");
    older.import([older.finding("finding-1")]);
    let asked = calls(&id, READ).len();
    assert_eq!(of(hub.hub.findings(any("finding-1")).await.unwrap()), [super::hub::product("aws/guardduty")]);
    assert_eq!(calls(&id, READ).len(), asked, "it has one, and the newer isn't asked");
}

#[tokio::test]
async fn what_the_newer_hub_refuses_is_said_only_where_it_is_all_there_is() {
    let id = fresh_id();
    let hub = HubV2::without(&id).await;
    let problem = hub.hub.findings(hub.key("finding-1")).await.unwrap_err();
    assert_eq!((problem.disposition, problem.reason), (Disposition::Stop, Reason::AccessDenied));
    assert!(problem.message.contains("Enable Security Hub in that account"), "{problem}");
    let any = FindingKey { id: "finding-1".to_owned(), product_arn: None, account_id: None };
    let problem = hub.hub.findings(any.clone()).await.unwrap_err();
    assert!(problem.message.contains("Enable Security Hub CSPM"), "{problem}");
    super::hub::Hub::of(&id).await;
    assert_eq!(hub.hub.findings(any.clone()).await, Ok(vec![]), "the newer is off");
    fail(&id, READ, json!({"code": "ThrottlingException", "status": 429, "times": 2}));
    assert_eq!(hub.hub.findings(any).await.unwrap_err().reason, Reason::Throttled, "it may have it");
}
