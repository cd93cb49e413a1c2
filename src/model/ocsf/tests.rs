//! A finding of the newer Security Hub: what is read of it, and whose its comment is.

use super::*;
use serde_json::json;

const ARN: &str = "arn:aws:ec2:eu-central-1:111122223333:instance/i-0123456789abcdef0";

fn given() -> Value {
    json!({
        "finding_info": {"uid": "finding-1", "title": "A bot", "types": ["Backdoor:EC2/C&CActivity.B!DNS"]},
        "metadata": {"product": {"uid": "arn:aws:securityhub:eu-central-1::productv2/aws/guardduty"}},
        "cloud": {"region": "eu-central-1", "account": {"uid": "111122223333"}},
        "resources": [{"type": "AWS::EC2::Instance", "uid": ARN}],
    })
}

fn with(changes: Value) -> Finding {
    let mut given = given();
    given.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    understand(given).unwrap()
}

fn understand(given: Value) -> Result<Finding, String> {
    read(&given)
}

#[test]
fn each_status_is_how_far_people_are() {
    for (id, workflow, record_state) in [
        (json!(null), Workflow::New, RecordState::Active),
        (json!(1), Workflow::New, RecordState::Active),
        (json!(2), Workflow::Notified, RecordState::Active),
        (json!(3), Workflow::Suppressed, RecordState::Active),
        (json!(4), Workflow::Resolved, RecordState::Active),
        (json!(5), Workflow::Notified, RecordState::Archived),
        (json!(0), Workflow::Notified, RecordState::Active),
        (json!(99), Workflow::Notified, RecordState::Active),
    ] {
        let finding = with(json!({"status_id": id}));
        assert_eq!((finding.workflow, finding.record_state), (workflow, record_state), "{id}");
    }
}

#[test]
fn each_severity_has_the_word_of_the_other_hub_and_fatal_is_critical() {
    let words = [(1, "INFORMATIONAL"), (2, "LOW"), (3, "MEDIUM"), (4, "HIGH"), (5, "CRITICAL"), (6, "CRITICAL")];
    for (id, word) in words {
        let severity = with(json!({"severity_id": id})).severity;
        assert_eq!(serde_json::to_value(severity).unwrap(), word);
    }
    for none in [json!(0), json!(99), json!(-1), json!(null)] {
        assert_eq!(with(json!({"severity_id": none})).severity, None);
    }
}

#[test]
fn an_instance_is_named_by_its_arn_in_either_place_or_by_its_id_with_what_stands_beside() {
    let bare = "i-0123456789abcdef0";
    for resource in [
        json!({"uid": ARN}),
        json!({"uid": bare, "uid_alt": ARN}),
        json!({"uid": ARN, "uid_alt": "web"}),
        json!({"uid": bare}),
        json!({"uid": bare, "cloud_partition": "aws", "region": "eu-central-1"}),
        json!({"uid": bare, "cloud_partition": "aws", "owner": {"account": {"uid": "111122223333"}}}),
    ] {
        let mut resource = resource;
        resource["type"] = "AWS::EC2::Instance".into();
        let finding = with(json!({"resources": [{"type": "AWS::EC2::VPC", "uid": "vpc-1"}, resource]}));
        let arns: Vec<String> = finding.instances.iter().map(NamedInstance::arn).collect();
        assert_eq!((arns, finding.unreadable_instances), (vec![ARN.to_owned()], vec![]), "{resource}");
    }
}

#[test]
fn an_instance_of_another_account_is_told_as_such_and_an_id_of_nothing_is_told() {
    let other = json!({"type": "AWS::EC2::Instance", "uid": "i-0123456789abcdef0", "cloud_partition": "aws",
        "owner": {"account": {"uid": "222233334444"}}, "vpc_uid": "vpc-1", "tags": [{"name": "team", "value": "web"}, {"name": "empty"}]});
    let nothing = json!({"type": "AWS::EC2::Instance", "uid": "web-7"});
    let finding = with(json!({"resources": [other, nothing]}));
    let [instance] = &finding.instances[..] else { panic!("{:?}", finding.instances) };
    assert_eq!((instance.account_id.as_str(), instance.vpc_id.as_deref()), ("222233334444", Some("vpc-1")));
    let tags = [("team", "web"), ("empty", "")].map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(instance.tags, BTreeMap::from(tags));
    assert_eq!(finding.unreadable_instances, ["web-7"]);
}

#[test]
fn what_identifies_a_finding_may_not_be_missing() {
    for (path, wrong) in [
        ("/finding_info/uid", json!("")),
        ("/finding_info/uid", json!(null)),
        ("/metadata/product/uid", json!("")),
        ("/metadata", json!({})),
        ("/cloud/account/uid", json!("self")),
        ("/cloud", json!(null)),
        ("/resources", json!({})),
    ] {
        let mut given = given();
        *given.pointer_mut(path).unwrap() = wrong.clone();
        assert!(understand(given).is_err(), "{path}: {wrong}");
    }
}

#[test]
fn its_product_changed_it_when_finding_info_says_so_else_at_its_time() {
    let at = |milliseconds| Timestamp::from_millisecond(milliseconds).ok();
    assert_eq!(with(json!({"time": 1_772_442_621_204_i64})).updated_at, at(1_772_442_621_204));
    let info = json!({"uid": "finding-1", "modified_time": 1_772_442_999_000_i64});
    assert_eq!(with(json!({"time": 1, "finding_info": info})).updated_at, at(1_772_442_999_000));
    assert_eq!(with(json!({})).updated_at, None);
}

#[test]
fn in_progress_is_ours_only_beside_a_comment_that_says_we_left_it_so() {
    let read =
        |status: i64, comment: Option<String>| with(json!({"status_id": status, "comment": comment})).in_progress;
    assert_eq!(read(2, None), InProgress::SetByOthers);
    assert_eq!(read(2, Some("I look at it.".to_owned())), InProgress::SetByOthers);
    assert_eq!(read(2, Some(comment("Released.", Left::Otherwise))), InProgress::SetByOthers, "set since");
    assert_eq!(read(2, Some(comment("Released.", Left::InProgress))), InProgress::AsLeft);
    for other in [1, 3, 4, 5, 99] {
        assert_eq!(read(other, Some(comment("Released.", Left::InProgress))), InProgress::No);
    }
}

#[test]
fn a_comment_is_known_as_ours_by_its_end_and_fits_the_room_that_there_is() {
    for left in [Left::InProgress, Left::Otherwise] {
        for note in ["Held.".to_owned(), "ä".repeat(600), String::new()] {
            let comment = comment(&note, left);
            assert!(comment.chars().count() <= 512, "{comment}");
            assert_eq!(signed(&comment), Some(left), "{comment}");
        }
    }
    for others in ["", "Held.", "[quarantine-operator] says so", "Held. [jane]"] {
        assert_eq!(signed(others), None, "{others}");
    }
}
