//! A finding of the newer Security Hub, as its events and GetFindingsV2 give it, and the comment that the operator leaves
//! on it. Pure.
//!
//! Sources: "OCSF findings in Security Hub CSPM", "Basic attributes", "Resource specific objects", "EventBridge event
//! formats" (AWS Security Hub User Guide); BatchUpdateFindingsV2 (AWS Security Hub API Reference).

use super::{
    Tags,
    arn::{Arn, is_account_id},
    finding::{Finding, FindingNote, InProgress, NOTE_AUTHOR, Workflow, is_sample},
    instance::{Beside, Instances, NamedInstance, Resource, is_instance_id},
    json::{AtMost, Object, Text},
    text::plain,
};
use crate::api::{RecordState, Severity};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Far more than a finding has.
const MOST_RESOURCES: usize = 512;

/// A comment has at most 512 characters ("BatchUpdateFindingsV2", AWS Security Hub API Reference).
const LONGEST_COMMENT: usize = 512;

/// What is read of it.
#[derive(Deserialize)]
pub struct Ocsf {
    finding_info: Object<FindingInfo>,
    metadata: Object<Metadata>,
    cloud: Object<Cloud>,
    severity_id: Option<i64>,
    status_id: Option<i64>,
    comment: Option<String>,
    time: Option<i64>,
    #[serde(default)]
    resources: AtMost<Option<Object<OcsfResource>>, MOST_RESOURCES>,
}

#[derive(Deserialize)]
struct FindingInfo {
    uid: String,
    title: Option<String>,
    types: Option<Vec<Option<String>>>,
    modified_time: Option<i64>,
}

#[derive(Deserialize)]
struct Metadata {
    product: Object<Product>,
}

#[derive(Deserialize)]
struct Product {
    uid: String,
}

#[derive(Deserialize)]
struct Cloud {
    account: Object<Account>,
    region: Option<String>,
}

#[derive(Deserialize)]
struct Account {
    uid: String,
}

#[derive(Deserialize)]
struct OcsfResource {
    #[serde(rename = "type")]
    kind: Option<String>,
    uid: Option<String>,
    uid_alt: Option<String>,
    cloud_partition: Option<String>,
    region: Option<String>,
    owner: Option<Object<Owner>>,
    vpc_uid: Option<String>,
    tags: Option<Vec<Option<Object<Tag>>>>,
}

#[derive(Deserialize)]
struct Owner {
    account: Option<Object<OwnerAccount>>,
}

#[derive(Deserialize)]
struct OwnerAccount {
    uid: Option<String>,
}

#[derive(Deserialize)]
struct Tag {
    name: String,
    #[serde(default)]
    value: Text,
}

/// From its JSON. None of what identifies it may be missing.
pub fn read(given: &Value) -> Result<Finding, String> {
    let Object(finding) = Object::<Ocsf>::deserialize(given).map_err(|error| format!("{error}."))?;
    finding.understand()
}

impl Ocsf {
    /// None of what identifies it may be missing.
    pub fn understand(self) -> Result<Finding, String> {
        let Self {
            finding_info: Object(FindingInfo { uid: id, title, types, modified_time }),
            metadata: Object(Metadata { product: Object(Product { uid: product_arn }) }),
            cloud: Object(Cloud { account: Object(Account { uid: account_id }), region }),
            severity_id,
            status_id,
            comment,
            time,
            resources: AtMost(resources),
        } = self;
        if id.is_empty() {
            return Err("Its finding has an empty finding_info.uid.".to_owned());
        }
        if product_arn.is_empty() {
            return Err(format!("Its finding {id} has an empty metadata.product.uid."));
        }
        if !is_account_id(&account_id) {
            return Err(format!("Its finding {id} has a cloud.account.uid that is none: {account_id}."));
        }
        let title = title.unwrap_or_default();
        let status = Status::of(status_id);
        let signed = comment.as_deref().and_then(signed);
        let updated_by = if signed.is_some() { NOTE_AUTHOR } else { "" }.to_owned();
        let beside = Beside {
            partition: Arn::of(&product_arn).map(|arn| arn.partition),
            region: region.as_deref(),
            account_id: &account_id,
        };
        let found = Instances::among(resources.into_iter().flatten().map(|Object(one)| one.plain()), beside);
        let Instances { named: instances, unreadable: unreadable_instances, others: other_resources } = found;
        Ok(Finding {
            sample: is_sample(false, &title),
            id,
            product_arn: Some(product_arn),
            account_id,
            title,
            types: types.into_iter().flatten().flatten().collect(),
            severity: severity_id.and_then(severity),
            record_state: if status == Status::Archived { RecordState::Archived } else { RecordState::Active },
            workflow: status.workflow(),
            in_progress: match (status, signed) {
                (Status::InProgress, Some(Left::InProgress)) => InProgress::AsLeft,
                (Status::InProgress, _) => InProgress::SetByOthers,
                _ => InProgress::No,
            },
            updated_at: modified_time.or(time).and_then(|at| Timestamp::from_millisecond(at).ok()),
            note: comment.map(|text| FindingNote { text, updated_by }),
            fields: BTreeMap::new(),
            region,
            instances,
            unreadable_instances,
            other_resources,
        })
    }
}

/// "status_id" of a Detection Finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    New,
    InProgress,
    Suppressed,
    Resolved,
    Archived,
    Other,
}

impl Status {
    /// Security Hub gives each new finding the status New.
    fn of(id: Option<i64>) -> Self {
        match id {
            None | Some(1) => Self::New,
            Some(2) => Self::InProgress,
            Some(3) => Self::Suppressed,
            Some(4) => Self::Resolved,
            Some(5) => Self::Archived,
            Some(_) => Self::Other,
        }
    }

    /// What is archived, or has a status that we don't know, counts as one that somebody set: it is then left alone.
    fn workflow(self) -> Workflow {
        match self {
            Self::New => Workflow::New,
            Self::Resolved => Workflow::Resolved,
            Self::Suppressed => Workflow::Suppressed,
            Self::InProgress | Self::Archived | Self::Other => Workflow::Notified,
        }
    }
}

/// For BatchUpdateFindingsV2.
pub fn status_id(workflow: Workflow) -> i32 {
    match workflow {
        Workflow::New => 1,
        Workflow::Notified => 2,
        Workflow::Suppressed => 3,
        Workflow::Resolved => 4,
    }
}

fn severity(id: i64) -> Option<Severity> {
    match id {
        1 => Some(Severity::Informational),
        2 => Some(Severity::Low),
        3 => Some(Severity::Medium),
        4 => Some(Severity::High),
        // Fatal is worse than all that ASFF has.
        5 | 6 => Some(Severity::Critical),
        _ => None,
    }
}

/// How the operator left a finding when it wrote its comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    InProgress,
    Otherwise,
}

impl Left {
    fn signature(self) -> String {
        match self {
            Self::InProgress => format!(" [{NOTE_AUTHOR}: In Progress]"),
            Self::Otherwise => format!(" [{NOTE_AUTHOR}]"),
        }
    }
}

/// The comment that says `note`, signed. A comment names no author, and what is written on a finding comes back as an
/// event: so the signature says whose the comment is, and whether the operator left the finding In Progress. In Progress
/// without that was set by somebody else.
pub fn comment(note: &str, left: Left) -> String {
    let signature = left.signature();
    let room = LONGEST_COMMENT - signature.chars().count();
    plain(note, room) + &signature
}

/// None: the comment is somebody else's.
fn signed(comment: &str) -> Option<Left> {
    [Left::InProgress, Left::Otherwise].into_iter().find(|left| comment.ends_with(&left.signature()))
}

impl OcsfResource {
    /// Either of its ids may be the ARN, and the other one the bare id or a name.
    fn plain(self) -> Resource {
        let Self { kind, uid, uid_alt, cloud_partition, region, owner, vpc_uid, tags } = self;
        let ids = [uid_alt, uid].map(Option::unwrap_or_default);
        let arn = ids.iter().find(|id| NamedInstance::of_arn(id).is_some());
        let id = arn.or_else(|| ids.iter().find(|id| is_instance_id(id))).unwrap_or(&ids[1]).clone();
        Resource {
            kind: kind.unwrap_or_default(),
            id,
            partition: cloud_partition,
            region,
            account_id: owner.and_then(|Object(owner)| owner.account).and_then(|Object(account)| account.uid),
            vpc_id: vpc_uid,
            tags: read_tags(tags),
        }
    }
}

fn read_tags(tags: Option<Vec<Option<Object<Tag>>>>) -> Tags {
    let tags = tags.into_iter().flatten().flatten();
    tags.filter_map(|Object(Tag { name, value: Text(value) })| Some((name, value?))).collect()
}

#[cfg(test)]
mod tests;
