//! Can EventBridge put an event into this queue? Judged by what the queue tells of itself, its key and its policy, and told
//! only where it is certain that no rule can: which rule fills a queue isn't known here, nor what the policy of a
//! customer's own key says. Pure.
//!
//! Source: "Using resource-based policies for Amazon EventBridge", "Troubleshooting Amazon EventBridge" (EventBridge User
//! Guide); "Key management" (Amazon SQS Developer Guide); "IAM JSON policy elements", "AWS global condition context keys"
//! (IAM User Guide).

use crate::{
    api::Reason,
    model::{
        problem::{Disposition, Problem},
        queue::QueueSight,
    },
};
use serde_json::Value;

const EVENT_BRIDGE: &str = "events.amazonaws.com";
const SEND: &str = "sqs:SendMessage";
/// AWS' own key for queues: nobody can let a service of AWS use it.
const MANAGED_KEY: &str = "alias/aws/sqs";

/// What keeps every rule from sending to this queue. None: nothing that the queue tells. A queue whose policy lets a role
/// in counts as filled by that role, which needs neither.
pub fn obstacle(queue: &QueueSight) -> Option<Problem> {
    let policy = queue.policy.as_deref().map_or(Value::Null, |text| serde_json::from_str(text).unwrap_or_default());
    let statements: Vec<Statement<'_>> = listed(&policy["Statement"]).map(Statement).collect();
    let about_sending: Vec<&Statement<'_>> =
        statements.iter().filter(|statement| statement.covers(&queue.arn)).collect();
    let mut allowing = about_sending.iter().filter(|statement| statement.has_effect("Allow"));
    if allowing.clone().any(|statement| statement.names_a_role()) {
        return None;
    }
    let name = queue.arn.rsplit(':').next().unwrap_or_default();
    if queue.key.as_deref().is_some_and(|key| key.ends_with(MANAGED_KEY)) {
        return Some(unable(format!(
            "The queue {name} is encrypted with {MANAGED_KEY}, a key of AWS' own that EventBridge may not use, so that no \
             event arrives. Encrypt it with a key that SQS manages (SqsManagedSseEnabled), or with a key of your own \
             whose policy allows {EVENT_BRIDGE} kms:GenerateDataKey and kms:Decrypt."
        )));
    }
    let denying = |statement: &&&Statement<'_>| {
        statement.has_effect("Deny") && statement.names_event_bridge() && statement.is_met() == Some(true)
    };
    if let Some(denying) = about_sending.iter().find(denying) {
        let sid = denying.0["Sid"].as_str().map_or_else(String::new, |sid| format!(" ({sid})"));
        return Some(unable(format!(
            "A statement{sid} in the policy of the queue {name} denies EventBridge {SEND}, so that no event arrives. \
             Except {EVENT_BRIDGE} from it, by the condition key aws:PrincipalIsAWSService or the rule's ARN as \
             aws:SourceArn."
        )));
    }
    if allowing.any(|statement| statement.names_event_bridge() && statement.is_met() != Some(false)) {
        return None;
    }
    Some(unable(format!(
        "No statement in the policy of the queue {name} lets a rule of EventBridge send, so that no event arrives. Allow \
         {EVENT_BRIDGE} {SEND} there, with the rule's ARN as aws:SourceArn. If something else fills the queue, allow its \
         role {SEND} in the same policy."
    )))
}

fn unable(message: String) -> Problem {
    Problem::new(Disposition::Stop, Reason::QueueNotWritable, message)
}

/// A statement of the queue's policy.
struct Statement<'a>(&'a Value);

impl Statement<'_> {
    fn has_effect(&self, effect: &str) -> bool {
        self.0["Effect"] == effect
    }

    /// Whether it speaks of sending to this queue.
    fn covers(&self, arn: &str) -> bool {
        let named =
            |field: &str, matches: &dyn Fn(&str) -> bool| listed(&self.0[field]).filter_map(Value::as_str).any(matches);
        let is_send = |action: &str| like(&action.to_ascii_lowercase(), &SEND.to_ascii_lowercase());
        let is_queue = |resource: &str| like(resource, arn);
        let acts =
            if self.0["NotAction"].is_null() { named("Action", &is_send) } else { !named("NotAction", &is_send) };
        let here = if self.0["NotResource"].is_null() {
            self.0["Resource"].is_null() || named("Resource", &is_queue)
        } else {
            !named("NotResource", &is_queue)
        };
        acts && here
    }

    fn principals(&self, kind: &str) -> impl Iterator<Item = &str> {
        listed(&self.0["Principal"][kind]).filter_map(Value::as_str)
    }

    /// By its name, or as one of all. Whom NotPrincipal means is not judged.
    fn names_event_bridge(&self) -> bool {
        self.0["Principal"] == "*"
            || self.principals("AWS").any(|one| one == "*")
            || self.principals("Service").any(|one| one == EVENT_BRIDGE || one == "*")
    }

    fn names_a_role(&self) -> bool {
        !self.0["NotPrincipal"].is_null() || self.principals("AWS").any(|one| one != "*")
    }

    /// Whether its conditions hold for a rule's call, where that is certain.
    fn is_met(&self) -> Option<bool> {
        let operators = self.0["Condition"].as_object().into_iter().flatten();
        let each: Vec<Option<bool>> = operators
            .flat_map(|(operator, keys)| keys.as_object().into_iter().flatten().map(move |key| (operator, key)))
            .map(|(operator, (key, wanted))| holds(operator, key, wanted))
            .collect();
        if each.contains(&Some(false)) {
            return Some(false);
        }
        (!each.contains(&None)).then_some(true)
    }
}

/// What is known of a condition key in a call that EventBridge makes for a rule.
enum Known {
    Is(&'static str),
    /// Keys of principals of accounts: a service is none.
    Absent,
    /// Some rule's ARN.
    OfRule,
    Unknown,
}

fn known(key: &str) -> Known {
    match key.to_ascii_lowercase().as_str() {
        "aws:securetransport" | "aws:principalisawsservice" => Known::Is("true"),
        "aws:principalservicename" => Known::Is(EVENT_BRIDGE),
        "aws:principalarn" | "aws:principalaccount" | "aws:principalorgid" | "aws:principalorgpaths" => Known::Absent,
        "aws:sourcearn" => Known::OfRule,
        _ => Known::Unknown,
    }
}

fn holds(operator: &str, key: &str, wanted: &Value) -> Option<bool> {
    let mut wanted = listed(wanted).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    if operator == "Null" {
        let absent = wanted.next()? == "true";
        return match known(key) {
            Known::Absent => Some(absent),
            Known::Is(_) | Known::OfRule => Some(!absent),
            Known::Unknown => None,
        };
    }
    let (operator, optional) = operator.strip_suffix("IfExists").map_or((operator, false), |operator| (operator, true));
    let negative = operator.contains("Not");
    let fits: fn(&str, &str) -> bool = match operator.replacen("Not", "", 1).as_str() {
        "StringEquals" => |wanted, value| wanted == value,
        "StringEqualsIgnoreCase" | "Bool" => |wanted, value| wanted.eq_ignore_ascii_case(value),
        "StringLike" | "ArnLike" | "ArnEquals" => like,
        _ => return None,
    };
    match known(key) {
        Known::Unknown => None,
        Known::Absent => Some(negative || optional),
        Known::Is(value) => Some(wanted.any(|wanted| fits(&wanted, value)) != negative),
        // One of them may be the rule that it is for.
        Known::OfRule if wanted.any(|wanted| may_be_a_rule(&wanted)) => None,
        Known::OfRule => Some(negative),
    }
}

/// `arn:aws:events:eu-central-1:111122223333:rule/name`, also with wildcards.
fn may_be_a_rule(arn: &str) -> bool {
    match arn.splitn(6, ':').collect::<Vec<_>>()[..] {
        [_, _, service, _, _, resource] => {
            like(service, "events") && (resource.starts_with("rule/") || resource.contains(['*', '?', '$']))
        }
        _ => arn.contains('*'),
    }
}

/// `*` and `?`, as policies have them.
fn like(pattern: &str, text: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else {
        return pattern.len() == text.len() && fits_so_far(pattern, text);
    };
    if before.len() > text.len() || !fits_so_far(before, text) {
        return false;
    }
    let rest = &text.as_bytes()[before.len()..];
    (0..=rest.len()).any(|at| std::str::from_utf8(&rest[at..]).is_ok_and(|rest| like(after, rest)))
}

fn fits_so_far(pattern: &str, text: &str) -> bool {
    pattern.bytes().zip(text.bytes()).all(|(wanted, is)| wanted == b'?' || wanted == is)
}

/// A policy's lists of one may be written without a list.
fn listed(value: &Value) -> impl Iterator<Item = &Value> + Clone {
    match value {
        Value::Array(values) => values.as_slice(),
        Value::Null => &[],
        one => std::slice::from_ref(one),
    }
    .iter()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ARN: &str = "arn:aws:sqs:eu-central-1:111122223333:findings";
    const RULE: &str = "arn:aws:events:eu-central-1:111122223333:rule/findings";

    fn said(key: Option<&str>, statements: &[Value]) -> Option<String> {
        let policy = (!statements.is_empty()).then(|| json!({"Statement": statements}).to_string());
        let queue = QueueSight {
            arn: ARN.to_owned(),
            visibility_seconds: 60,
            dead_letters: None,
            waiting: 0,
            in_flight: 0,
            policy,
            key: key.map(str::to_owned),
        };
        obstacle(&queue).map(|problem| {
            assert_eq!((problem.disposition, problem.reason), (Disposition::Stop, Reason::QueueNotWritable));
            problem.message
        })
    }

    fn statement(effect: &str, principal: Value, condition: Value) -> Value {
        json!({"Sid": "One", "Effect": effect, "Principal": principal, "Action": SEND, "Resource": ARN,
            "Condition": condition})
    }

    fn rules_send() -> Value {
        statement("Allow", json!({"Service": EVENT_BRIDGE}), json!({"ArnEquals": {"aws:SourceArn": [RULE]}}))
    }

    /// The statements of operator.yaml.
    fn of_template() -> [Value; 3] {
        let source = json!({"ArnNotEquals": {"aws:SourceArn": [RULE]}});
        let mut only_tls = statement("Deny", json!("*"), json!({"Bool": {"aws:SecureTransport": "false"}}));
        only_tls["Action"] = "sqs:*".into();
        [rules_send(), statement("Deny", json!("*"), source), only_tls]
    }

    #[test]
    fn the_templates_queue_is_writable_with_sqs_own_key_or_a_customers() {
        assert_eq!(said(None, &of_template()), None);
        assert_eq!(said(Some("arn:aws:kms:eu-central-1:111122223333:key/1234"), &of_template()), None);
    }

    #[test]
    fn the_key_of_aws_own_keeps_event_bridge_out_however_it_is_named() {
        for key in ["alias/aws/sqs", "arn:aws:kms:eu-central-1:111122223333:alias/aws/sqs"] {
            let said = said(Some(key), &of_template()).expect("nothing arrives");
            assert!(said.contains("encrypted with alias/aws/sqs") && said.contains("SqsManagedSseEnabled"), "{said}");
        }
    }

    #[test]
    fn without_a_statement_that_lets_a_rule_send_nothing_arrives() {
        let other = json!({"Service": "sns.amazonaws.com"});
        let topic = json!({"ArnEquals": {"aws:SourceArn": "arn:aws:sns:eu-central-1:111122223333:topic"}});
        let member = json!({"StringEquals": {"aws:PrincipalOrgID": "o-1"}});
        let mut of_other_queue = rules_send();
        of_other_queue["Resource"] = "arn:aws:sqs:eu-central-1:111122223333:other".into();
        let mut to_receive = rules_send();
        to_receive["Action"] = json!(["sqs:ReceiveMessage"]);
        for statements in [
            vec![],
            vec![statement("Allow", other, json!({}))],
            vec![statement("Allow", json!({"Service": EVENT_BRIDGE}), topic)],
            vec![statement("Allow", json!("*"), member)],
            vec![of_other_queue],
            vec![to_receive],
        ] {
            let said = said(None, &statements).unwrap_or_else(|| panic!("{statements:?}"));
            assert!(said.contains("lets a rule of EventBridge send"), "{said}");
            assert!(said.contains("with the rule's ARN as aws:SourceArn"), "{said}");
        }
    }

    #[test]
    fn a_statement_that_denies_services_is_named() {
        let outside = json!({"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}});
        let said = said(None, &[rules_send(), statement("Deny", json!("*"), outside)]).expect("nothing arrives");
        assert!(said.contains("A statement (One)") && said.contains("denies EventBridge sqs:SendMessage"), "{said}");
    }

    #[test]
    fn a_denial_that_spares_services_or_may_spare_the_rule_is_none() {
        for condition in [
            json!({"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}, "BoolIfExists": {"aws:PrincipalIsAWSService": "false"}}),
            json!({"StringNotEquals": {"aws:SourceAccount": "111122223333"}}),
            json!({"ArnNotLike": {"aws:SourceArn": "arn:aws:events:*:111122223333:rule/*"}}),
            json!({"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}),
        ] {
            let statements = [rules_send(), statement("Deny", json!({"AWS": "*"}), condition.clone())];
            assert_eq!(said(None, &statements), None, "{condition}");
        }
    }

    #[test]
    fn wherever_it_is_not_certain_nothing_is_said() {
        for principal in [json!("*"), json!({"AWS": "*"}), json!({"Service": ["s3.amazonaws.com", EVENT_BRIDGE]})] {
            for condition in [
                json!({}),
                json!({"StringEquals": {"aws:SourceAccount": "111122223333"}}),
                json!({"ArnLike": {"aws:SourceArn": "arn:aws:*:*:*:*"}}),
                json!({"ForAllValues:StringEquals": {"aws:TagKeys": ["a"]}}),
                json!({"Null": {"aws:SourceArn": "false"}, "Bool": {"aws:SecureTransport": true}}),
            ] {
                let one = statement("Allow", principal.clone(), condition.clone());
                assert_eq!(said(None, &[one]), None, "{principal} {condition}");
            }
        }
        let mut wide = rules_send();
        (wide["Action"], wide["Resource"]) = (json!("SQS:Send*"), json!("arn:aws:sqs:*:*:find?ngs"));
        assert_eq!(said(None, &[wide]), None);
    }

    #[test]
    fn a_queue_that_a_role_fills_needs_no_rule() {
        let pipe = statement("Allow", json!({"AWS": "arn:aws:iam::111122223333:role/pipe"}), json!({}));
        assert_eq!(said(Some("alias/aws/sqs"), &[pipe]), None);
    }
}
