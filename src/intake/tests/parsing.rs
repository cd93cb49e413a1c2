//! AWS' events are read as they are documented, and what isn't one is named.

use super::fixtures::{ACTION, INSTANCE, PRODUCT, VPC, all, at, body, changed, event, finding, with};
use crate::{
    api::{RecordState, Severity},
    intake::{Trigger, parse, parse::MOST_BYTES},
    model::finding::{FindingNote, Workflow},
};
use serde_json::{Value, json};

fn why(body: &str) -> String {
    parse(body).expect_err("it can't be read").why
}

fn ids(name: &str) -> Vec<String> {
    finding(name).instances.iter().map(|instance| instance.arn()).collect()
}

#[test]
fn a_pressed_custom_action_tells_its_arn_its_time_and_its_finding() {
    let event = event("custom-action");
    assert_eq!(event.trigger, Trigger::CustomAction { action_arn: ACTION.to_owned() });
    assert_eq!(event.time, at("2026-03-02T09:15:30Z"));
    let finding = &event.findings[0];
    assert_eq!(finding.product_arn.as_deref(), Some(PRODUCT));
    assert!(finding.id.starts_with("arn:aws:guardduty:eu-central-1:211122223344:detector/"), "{}", finding.id);
    assert_eq!((finding.account_id.as_str(), finding.region.as_deref()), ("211122223344", Some("eu-central-1")));
    assert_eq!(finding.severity, Some(Severity::High));
    assert_eq!(finding.updated_at, Some(at("2026-03-02T09:10:21.204Z")));
    assert!(!finding.sample);
}

#[test]
fn the_instance_is_found_behind_an_account_a_role_and_a_group() {
    let finding = finding("custom-action");
    assert_eq!(finding.unreadable_instances, Vec::<String>::new());
    let [instance] = &finding.instances[..] else { panic!("one instance") };
    assert_eq!((instance.id.as_str(), instance.vpc_id.as_deref()), (INSTANCE, Some(VPC)));
    assert_eq!(instance.tags.get("team").map(String::as_str), Some("shop"));
}

#[test]
fn several_instances_are_all_found_and_each_once() {
    assert_eq!(
        ids("custom-action-several-instances"),
        [
            "arn:aws:ec2:eu-central-1:211122223344:instance/i-0a1b2c3d4e5f60718",
            "arn:aws:ec2:eu-west-1:211122223344:instance/i-00c0ffee",
            "arn:aws:ec2:eu-central-1:211122223344:instance/i-0fedcba9876543210",
        ]
    );
    let vpc_id = &finding("custom-action-several-instances").instances[0].vpc_id;
    assert_eq!(vpc_id.as_deref(), Some(VPC), "one entry of two tells it");
}

#[test]
fn arns_of_china_and_of_govcloud_are_read() {
    assert_eq!(ids("custom-action-china"), ["arn:aws-cn:ec2:cn-northwest-1:211122223344:instance/i-0b2c3d4e5f6071829"]);
    assert_eq!(ids("imported-us-gov"), ["arn:aws-us-gov:ec2:us-gov-east-1:211122223344:instance/i-0c3d4e5f60718293a"]);
    assert_eq!(ids("guard-duty-china"), ["arn:aws-cn:ec2:cn-north-1:211122223344:instance/i-0a1b2c3d4e5f60718"]);
}

#[test]
fn an_id_that_says_no_instance_is_kept_as_it_stands() {
    let finding = finding("custom-action-unreadable-instance");
    assert_eq!(finding.instances, []);
    assert_eq!(finding.unreadable_instances, ["i-0A1B2C3D", "arn:aws:ec2:eu-central-1:211122223344:instance/*"]);
}

#[test]
fn an_imported_finding_tells_its_note_its_fields_and_how_far_people_are() {
    let told = finding("imported-after-our-note");
    assert_eq!(told.workflow, Workflow::Notified, "WorkflowState is older, and still NEW");
    let text = "Contained: 2 of 2 interfaces carry the isolation group.".to_owned();
    assert_eq!(told.note, Some(FindingNote { text, updated_by: "quarantine-operator".to_owned() }));
    assert_eq!(told.updated_at, finding("imported").updated_at, "a note doesn't move it");
    assert_eq!(finding("imported").fields.get("ticket").map(String::as_str), Some("IR-204"));
    assert_eq!(event("imported").trigger, Trigger::Imported);
}

#[test]
fn a_severity_without_a_label_is_told_by_its_number() {
    assert_eq!(finding("imported-us-gov").severity, Some(Severity::Critical));
    for (severity, word) in [
        (json!({ "Normalized": 0 }), Some(Severity::Informational)),
        (json!({ "Normalized": 1 }), Some(Severity::Low)),
        (json!({ "Normalized": 40 }), Some(Severity::Medium)),
        (json!({ "Normalized": 70 }), Some(Severity::High)),
        (json!({ "Normalized": 100 }), Some(Severity::Critical)),
        (json!({ "Normalized": 101 }), None),
        (json!({ "Label": "LOW", "Normalized": 90 }), Some(Severity::Low)),
        (json!({ "Label": "HIGH" }), Some(Severity::High)),
        (json!({}), None),
        (Value::Null, None),
    ] {
        assert_eq!(with("imported", "Severity", severity.clone()).findings[0].severity, word, "{severity}");
    }
}

#[test]
fn a_sample_is_known_by_each_of_its_marks() {
    assert!(finding("custom-action-sample").sample);
    assert!(finding("guard-duty-sample").sample);
    let path = "aws/guardduty/service/additionalInfo";
    for (field, value) in [
        ("Sample", json!(true)),
        ("Title", json!("[SAMPLE] Something")),
        ("ProductFields", json!({ format!("{path}/sample"): "true" })),
        ("ProductFields", json!({ format!("{path}/value"): "{\"sample\":true,\"threatName\":\"x\"}" })),
    ] {
        assert!(with("imported", field, value.clone()).findings[0].sample, "{field}: {value}");
    }
    for (field, value) in [
        ("Sample", json!(false)),
        ("Title", json!("About [SAMPLE]")),
        ("ProductFields", json!({ format!("{path}/sample"): "false", format!("{path}/value"): "{}" })),
        ("ProductFields", json!({ format!("{path}/sample"): null, format!("{path}/value"): [1, 2] })),
    ] {
        assert!(!with("imported", field, value.clone()).findings[0].sample, "{field}: {value}");
    }
}

#[test]
fn a_finding_of_guardduty_itself_tells_its_instance_with_vpc_and_tags() {
    let event = event("guard-duty");
    assert_eq!(event.trigger, Trigger::GuardDuty);
    let finding = &event.findings[0];
    assert_eq!(finding.product_arn, None);
    assert!(finding.id.contains(":detector/"), "by its ARN, as Security Hub does: {}", finding.id);
    assert_eq!(finding.types, ["Backdoor:EC2/C&CActivity.B!DNS"]);
    let [instance] = &finding.instances[..] else { panic!("one instance") };
    assert_eq!((instance.id.as_str(), instance.vpc_id.as_deref()), (INSTANCE, Some(VPC)));
    assert_eq!(instance.tags.len(), 2);
    assert_eq!(self::finding("guard-duty-access-key").instances, []);
}

#[test]
fn guardduty_has_ranges_of_severity_of_its_own() {
    for (score, word) in [
        (0.1, Some(Severity::Informational)),
        (1.0, Some(Severity::Low)),
        (4.0, Some(Severity::Medium)),
        (6.9, Some(Severity::Medium)),
        (7.0, Some(Severity::High)),
        (9.0, Some(Severity::Critical)),
        (11.0, None),
    ] {
        assert_eq!(with("guard-duty", "severity", json!(score)).findings[0].severity, word, "{score}");
    }
}

#[test]
fn guardduty_says_what_is_archived() {
    assert_eq!(finding("guard-duty").record_state, RecordState::Active);
    let archived = with("guard-duty", "service", json!({ "archived": true }));
    assert_eq!(archived.findings[0].record_state, RecordState::Archived);
}

#[test]
fn a_finding_of_the_newer_hub_tells_what_one_of_the_older_tells() {
    let event = event("ocsf-imported-v2");
    assert_eq!((&event.trigger, event.time), (&Trigger::Imported, at("2026-03-02T09:15:30Z")));
    let finding = &event.findings[0];
    assert_eq!(finding.product_arn.as_deref(), Some("arn:aws:securityhub:eu-central-1::productv2/aws/guardduty"));
    assert!(finding.id.starts_with("arn:aws:guardduty:eu-central-1:211122223344:detector/"), "{}", finding.id);
    assert_eq!((finding.account_id.as_str(), finding.region.as_deref()), ("211122223344", Some("eu-central-1")));
    assert_eq!((finding.severity, finding.workflow), (Some(Severity::High), Workflow::New));
    assert_eq!(finding.types, ["Backdoor:EC2/C&CActivity.B!DNS"]);
    assert_eq!(finding.updated_at, Some(at("2026-03-02T09:10:21.204Z")));
    assert_eq!(finding.record_state, RecordState::Active);
    assert_eq!(ids("ocsf-imported-v2"), ["arn:aws:ec2:eu-central-1:211122223344:instance/i-0a1b2c3d4e5f60718"]);
    let sample = with("ocsf-imported-v2", "finding_info", json!({ "uid": "a", "title": "[SAMPLE] A bot" }));
    assert!(sample.findings[0].sample);
}

#[test]
fn other_events_are_named() {
    assert!(why(&body("insight-results")).starts_with("'Security Hub Insight Results' of aws.securityhub is none"));
    assert!(why(&body("guard-duty-coverage")).starts_with("'GuardDuty Runtime Protection Unhealthy'"));
    let forged = changed("custom-action", |event| event["source"] = json!("com.example"));
    assert!(why(&forged).contains("of com.example is none"), "the source belongs to the type");
}

#[test]
fn what_is_no_event_is_said_to_be_none() {
    for (body, begins) in [
        ("", "It is no JSON"),
        ("hello", "It is no JSON"),
        ("{\"detail-type\":", "It is no JSON"),
        ("[]", "It is no event of EventBridge"),
        ("{}", "It is no event of EventBridge: missing field `detail-type`"),
        ("{\"Type\":\"Notification\",\"Message\":\"{}\"}", "It is no event of EventBridge"),
    ] {
        assert!(why(body).starts_with(begins), "{body}: {}", why(body));
    }
    let trailing = format!("{} x", body("imported"));
    assert!(why(&trailing).starts_with("It is no JSON"), "{}", why(&trailing));
}

#[test]
fn a_finding_without_what_identifies_it_is_unreadable() {
    for field in ["Id", "ProductArn", "AwsAccountId"] {
        for value in [None, Some(json!("")), Some(json!(7)), Some(Value::Null)] {
            let body = changed("custom-action", |event| {
                let finding = event["detail"]["findings"][0].as_object_mut().expect("a finding");
                match value.clone() {
                    None => finding.remove(field),
                    Some(value) => finding.insert(field.to_owned(), value),
                };
            });
            assert!(parse(&body).is_err(), "{field}: {value:?}");
        }
    }
    for field in ["id", "accountId", "region", "type"] {
        let body = changed("guard-duty", |event| {
            event["detail"].as_object_mut().expect("a finding").remove(field);
        });
        assert!(why(&body).contains(&format!("missing field `{field}`")), "{}", why(&body));
    }
}

#[test]
fn words_that_decide_and_that_nobody_knows_are_unreadable() {
    for (field, value) in [
        ("RecordState", json!("GONE")),
        ("Workflow", json!({ "Status": "SOMEHOW" })),
        ("UpdatedAt", json!("yesterday")),
        ("Sample", json!("perhaps")),
    ] {
        let body = changed("imported", |event| event["detail"]["findings"][0][field] = value.clone());
        assert!(parse(&body).is_err(), "{field}: {value}");
    }
}

#[test]
fn an_event_without_findings_or_with_too_many_is_unreadable() {
    let none = changed("imported", |event| event["detail"]["findings"] = json!([]));
    assert_eq!(why(&none), "It holds no finding.");
    let many = changed("imported", |event| {
        let finding = event["detail"]["findings"][0].clone();
        event["detail"]["findings"] = Value::Array(vec![finding; 101]);
    });
    assert!(why(&many).contains("at most 100"), "{}", why(&many));
    let resources = changed("imported", |event| {
        event["detail"]["findings"][0]["Resources"] = Value::Array(vec![json!({}); 513]);
    });
    assert!(why(&resources).contains("at most 512"), "{}", why(&resources));
}

#[test]
fn a_custom_action_names_itself_once_among_the_resources() {
    for (resources, begins) in [
        (json!([]), "Its resources name no custom action"),
        (json!([PRODUCT]), "Its resources name no custom action"),
        (json!([ACTION, ACTION]), "Its resources name several"),
    ] {
        let body = changed("custom-action", |event| event["resources"] = resources.clone());
        assert!(why(&body).starts_with(begins), "{resources}");
    }
    let beside = changed("custom-action", |event| event["resources"] = json!([PRODUCT, ACTION]));
    assert!(parse(&beside).is_ok());
}

#[test]
fn a_message_longer_than_sqs_allows_is_not_even_read() {
    let long = format!("{}{}", body("imported"), " ".repeat(MOST_BYTES));
    assert!(why(&long).contains("has at most 1048576"), "{}", why(&long));
    assert!(why(&"[".repeat(MOST_BYTES)).starts_with("It is no"));
}

#[test]
fn what_is_shown_of_an_unreadable_message_is_short_and_one_line() {
    let unreadable = parse(&"{\n\u{202e}".repeat(1000)).expect_err("no event");
    assert_eq!(unreadable.begins.chars().count(), 200);
    assert!(!unreadable.begins.contains(['\n', '\u{202e}']));
    let long = changed("imported", |event| event["time"] = json!("x".repeat(10_000)));
    assert!(why(&long).chars().count() <= 512);
}

#[test]
fn a_list_is_no_object() {
    for (name, field, value) in [
        ("imported", "Workflow", json!(["NEW"])),
        ("imported", "Severity", json!(["LOW", 1])),
        (
            "imported",
            "Resources",
            json!([["AwsEc2Instance", "i-0a1b2c3d4e5f60718", "aws", "eu-central-1", null, null]]),
        ),
        ("guard-duty", "service", json!([false, null])),
    ] {
        let body = changed(name, |event| match name {
            "imported" => event["detail"]["findings"][0][field] = value.clone(),
            _ => event["detail"][field] = value.clone(),
        });
        assert!(why(&body).contains("expected an object"), "{field}: {}", why(&body));
    }
}

#[test]
fn what_nobody_reads_may_be_whatever_json_allows() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for strange in ["1e999", "\"\\ud800\"", &deep] {
        let body =
            body("custom-action").replacen("\"CompanyName\": \"Amazon\"", &format!("\"CompanyName\": {strange}"), 1);
        assert!(body.contains(strange));
        assert_eq!(parse(&body).map(|event| event.findings), Ok(event("custom-action").findings));
    }
}

#[test]
fn every_fixture_is_read_unless_its_name_says_otherwise() {
    for (name, body) in all() {
        let other = [
            "insight-results",
            "guard-duty-coverage",
            "01-lbc-alb-rule",
            "01b-lbc-nlb-rule",
            "18-sns-envelope",
            "18b-input-transformer-string",
        ]
        .contains(&name.as_str());
        if !name.starts_with("found-") {
            assert_eq!(parse(&body).is_err(), other, "{name}");
        }
    }
}
