//! A message's text into an event, or why it can't be read. Pure: nothing is decided here about what an event makes.
//!
//! Sources: "EventBridge event formats for Security Hub CSPM", "EventBridge event formats" (AWS Security Hub User Guide), "Amazon GuardDuty events"
//! and "AWS service event metadata" (Amazon EventBridge Events Reference). Fields that aren't needed are ignored; one
//! that is needed and isn't what AWS documents makes the message unreadable, for a guess could be wrong.

use super::guard_duty::GuardDutyFinding;
use crate::model::{
    asff::Asff,
    finding::Finding,
    json::{AtMost, Object, Text},
    ocsf::Ocsf,
    text::plain,
};
use jiff::Timestamp;
use serde::{Deserialize, de::IgnoredAny};

/// As long as a message of SQS may be ("Amazon SQS message quotas", Amazon SQS Developer Guide).
pub const MOST_BYTES: usize = 1024 * 1024;

/// AWS sends one finding an event.
const MOST_FINDINGS: usize = 100;

const SECURITY_HUB: &str = "aws.securityhub";
const GUARD_DUTY: &str = "aws.guardduty";
const CUSTOM_ACTION: &str = "Security Hub Findings - Custom Action";
const IMPORTED: &str = "Security Hub Findings - Imported";
/// The newer Security Hub's, in OCSF. It has no other event of findings.
const IMPORTED_V2: &str = "Findings Imported V2";
const GUARD_DUTY_FINDING: &str = "GuardDuty Finding";

/// An event that was understood: at least one finding, each with what identifies it. Made by [`parse`] and nowhere else.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub trigger: Trigger,
    /// The envelope's time.
    pub time: Timestamp,
    pub findings: Vec<Finding>,
    read: Read,
}

/// Keeps an event from being made elsewhere.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Read;

/// What sent the event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// A person pressed a custom action of Security Hub.
    CustomAction { action_arn: String },
    /// A finding was imported into one of the Security Hubs, or updated there.
    Imported,
    /// GuardDuty sent its finding itself.
    GuardDuty,
}

/// A message that wasn't understood. It stays in the queue, which gives it to its dead-letter queue in the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// A sentence.
    pub why: String,
    /// How the message begins: at most 200 characters.
    pub begins: String,
}

/// Reads one message.
pub fn parse(body: &str) -> Result<Event, Unreadable> {
    read(body).map_err(|why| Unreadable { why: plain(&why, 512), begins: plain(body, 200) })
}

fn read(body: &str) -> Result<Event, String> {
    if body.len() > MOST_BYTES {
        return Err(format!("It has {} bytes; a message of SQS has at most {MOST_BYTES}.", body.len()));
    }
    let Object(Envelope { detail_type, source, time, resources }) = serde_json::from_str(body).map_err(|error| {
        if error.is_data() {
            wrapped(body).unwrap_or_else(|| format!("It is no event of EventBridge: {error}."))
        } else {
            format!("It is no JSON: {error}.")
        }
    })?;
    let (trigger, findings) = match (source.as_str(), detail_type.as_str()) {
        (SECURITY_HUB, CUSTOM_ACTION) => {
            (Trigger::CustomAction { action_arn: the_action(resources)? }, findings(body, Asff::understand)?)
        }
        (SECURITY_HUB, IMPORTED) => (Trigger::Imported, findings(body, Asff::understand)?),
        (SECURITY_HUB, IMPORTED_V2) => (Trigger::Imported, findings(body, Ocsf::understand)?),
        (GUARD_DUTY, GUARD_DUTY_FINDING) => (Trigger::GuardDuty, vec![guard_duty_finding(body)?]),
        _ => {
            return Err(format!(
                "'{detail_type}' of {source} is none of the events that are read: '{CUSTOM_ACTION}', '{IMPORTED}' and '{IMPORTED_V2}' of {SECURITY_HUB}, '{GUARD_DUTY_FINDING}' of {GUARD_DUTY}."
            ));
        }
    };
    Ok(Event { trigger, time, findings, read: Read })
}

/// What a message is that brings no event as EventBridge sends it, and what to change in AWS. It is not unwrapped: who may
/// send to the queue is decided by its policy, and what others may have changed on the way isn't EventBridge's word any more.
fn wrapped(body: &str) -> Option<String> {
    /// What tells them apart.
    #[derive(Deserialize)]
    struct Shape {
        #[serde(rename = "Type")]
        kind: Option<Text>,
        #[serde(rename = "TopicArn")]
        topic_arn: Option<Text>,
        findings: Option<IgnoredAny>,
        #[serde(rename = "schemaVersion")]
        schema_version: Option<IgnoredAny>,
    }
    const AS_IT_IS: &str = "let the target send the matched event as it is";
    if serde_json::from_str::<String>(body).is_ok() {
        return Some(format!(
            "It is no event of EventBridge but a text: the rule's target has an input transformer. Take that away, and {AS_IT_IS}."
        ));
    }
    let Object(Shape { kind, topic_arn, findings, schema_version }) = serde_json::from_str(body).ok()?;
    match (kind.and_then(|Text(kind)| kind).as_deref(), topic_arn.and_then(|Text(arn)| arn)) {
        (Some("Notification"), Some(topic)) => Some(format!(
            "It is no event of EventBridge but a notification of the SNS topic {}, which wraps it: let the rule of EventBridge send to the queue itself, or turn on raw message delivery for the topic's subscription.",
            plain(&topic, 200)
        )),
        _ if findings.is_some() || schema_version.is_some() => Some(format!(
            "It is no event of EventBridge but the detail of one: the rule's target sends a part of it (an input path or an input transformer). Take that away, and {AS_IT_IS}."
        )),
        _ => None,
    }
}

/// What stands around every event.
#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "detail-type")]
    detail_type: String,
    source: String,
    time: Timestamp,
    resources: Option<Vec<String>>,
}

/// The event without its envelope, which was read before: what `detail` is depends on it.
#[derive(Deserialize)]
struct Content<T> {
    detail: Object<T>,
}

#[derive(Deserialize)]
#[serde(bound = "F: Deserialize<'de>")]
struct SecurityHubDetail<F> {
    findings: AtMost<Object<F>, MOST_FINDINGS>,
}

/// The one custom action among the resources.
fn the_action(resources: Option<Vec<String>>) -> Result<String, String> {
    let mut actions = resources.unwrap_or_default().into_iter().filter(|resource| resource.contains(":action/custom/"));
    match (actions.next(), actions.next()) {
        (Some(action), None) => Ok(action),
        (None, _) => Err("Its resources name no custom action.".to_owned()),
        (Some(_), Some(_)) => Err("Its resources name several custom actions.".to_owned()),
    }
}

fn findings<F: for<'a> Deserialize<'a>>(
    body: &str,
    understand: fn(F) -> Result<Finding, String>,
) -> Result<Vec<Finding>, String> {
    let SecurityHubDetail { findings: AtMost(findings) } = detail::<SecurityHubDetail<F>>(body)?;
    if findings.is_empty() {
        return Err("It holds no finding.".to_owned());
    }
    findings.into_iter().map(|Object(finding)| understand(finding)).collect()
}

fn guard_duty_finding(body: &str) -> Result<Finding, String> {
    detail::<GuardDutyFinding>(body)?.understand()
}

fn detail<'a, T: Deserialize<'a>>(body: &'a str) -> Result<T, String> {
    match serde_json::from_str(body) {
        Ok(Object(Content { detail: Object(detail) })) => Ok(detail),
        Err(error) => Err(format!("Its finding can't be read: {error}.")),
    }
}
