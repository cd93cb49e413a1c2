//! What the field sends, in the forms that it sends it in: src/intake/fixtures/field.

use super::fixtures::{INSTANCE, VPC, body, changed, finding, with};
use crate::{intake::parse, model::finding::Finding};
use serde_json::{Value, json};
use std::{fs, path::Path};

fn why(body: &str) -> String {
    parse(body).expect_err("it can't be read").why
}

#[test]
fn the_documentation_says_of_each_fixture_what_is_made_of_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/findings.md")).expect("the page is there");
    let files = fs::read_dir(root.join("src/intake/fixtures/field")).expect("a folder can be read");
    let names = files.map(|file| file.expect("a file").file_name().to_string_lossy().into_owned());
    let untold: Vec<String> = names.filter(|name| !page.contains(&format!("| {name} |"))).collect();
    assert_eq!(untold, Vec::<String>::new());
}

#[test]
fn a_bare_id_needs_neither_region_nor_partition_beside_it_and_its_account_is_assumed() {
    // The finding lies in another region than its resources.
    for (missing, region) in [("Region", "eu-west-1"), ("Partition", "eu-central-1")] {
        let body = changed("custom-action-several-instances", |event| {
            event["detail"]["findings"][0]["Resources"][4].as_object_mut().expect("a resource").remove(missing);
        });
        let finding = &parse(&body).expect("an event").findings[0];
        let bare = &finding.instances[2];
        assert_eq!(bare.arn(), format!("arn:aws:ec2:{region}:211122223344:instance/i-0fedcba9876543210"));
        assert!(bare.account_assumed && !finding.instances[0].account_assumed, "without {missing}");
    }
}

#[test]
fn nulls_and_strange_tags_make_no_message_unreadable() {
    for (field, value) in [
        ("Types", json!(null)),
        ("Types", json!([null, "TTPs/Command and Control"])),
        ("Title", json!(null)),
        ("ProductFields", json!(null)),
        ("UserDefinedFields", json!({ "ticket": null })),
        ("Note", json!(null)),
        ("Severity", json!({ "Label": null, "Normalized": null })),
        ("Resources", json!(null)),
        ("Resources", json!([null])),
        ("Resources", json!([{ "Type": null, "Id": null, "Tags": null, "Details": null }])),
        ("Resources", json!([{ "Type": "AwsS3Bucket", "Id": "arn:aws:s3:::shop", "Tags": { "owner": null, "n": 7 } }])),
        (
            "Resources",
            json!([{ "Type": "AwsS3Bucket", "Id": "arn:aws:s3:::shop", "Details": { "AwsEc2Instance": null } }]),
        ),
    ] {
        assert_eq!(with("imported", field, value.clone()).findings.len(), 1, "{field}: {value}");
    }
    for (field, value) in [
        ("partition", json!(null)),
        ("arn", json!(null)),
        ("title", json!(null)),
        ("severity", json!(null)),
        ("updatedAt", json!(null)),
        ("service", json!(null)),
        ("service", json!({ "archived": null, "additionalInfo": null, "detection": null })),
        ("resource", json!(null)),
        ("resource", json!({ "resourceType": null, "instanceDetails": null })),
        (
            "resource",
            json!({ "instanceDetails": { "instanceId": INSTANCE, "networkInterfaces": [null], "tags": [null] } }),
        ),
    ] {
        assert_eq!(with("guard-duty", field, value.clone()).findings.len(), 1, "{field}: {value}");
    }
}

#[test]
fn a_tag_without_a_value_is_an_empty_one() {
    let resources = json!([{ "Type": "AwsEc2Instance", "Id": format!("arn:aws:ec2:eu-central-1:211122223344:instance/{INSTANCE}"),
        "Tags": { "owner": null, "team": "shop", "weight": 7 } }]);
    let tags = &with("imported", "Resources", resources).findings[0].instances[0].tags;
    let tags: Vec<(&str, &str)> = tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(tags, [("owner", ""), ("team", "shop")], "what is no text says nothing");
}

#[test]
fn what_wraps_an_event_or_brings_a_part_of_it_says_what_to_change_in_aws() {
    let sns = why(&body("field/18-sns-envelope"));
    assert!(
        sns.contains("topic arn:aws:sns:eu-central-1:211122223344:findings") && sns.contains("raw message"),
        "{sns}"
    );
    let text = why(&body("field/18b-input-transformer-string"));
    assert!(text.contains("input transformer") && text.contains("the matched event as it is"), "{text}");
    for whole in ["custom-action", "guard-duty"] {
        let event: Value = serde_json::from_str(&body(whole)).expect("an event is JSON");
        let detail = why(&event["detail"].to_string());
        assert!(detail.contains("the detail of one") && detail.contains("input path"), "{detail}");
    }
}

#[test]
fn an_attack_sequence_names_its_instances_and_those_that_groups_list_and_no_node() {
    let sequence = finding("field/02-guardduty-attack-sequence");
    let arn = |id: &str| format!("arn:aws:ec2:eu-central-1:211122223344:instance/{id}");
    let arns = |finding: &Finding| finding.instances.iter().map(|one| one.arn()).collect::<Vec<_>>();
    assert_eq!(arns(&sequence), [arn("i-0a1b2c3d4e5f60718"), arn("i-0f1e2d3c4b5a69788")]);
    assert_eq!(sequence.instances[0].tags["team"], "shop");
    assert!(sequence.instances.iter().all(|instance| !instance.account_assumed));
    let groups = |resources: Value| {
        let body = changed("field/02-guardduty-attack-sequence", |event| {
            event["detail"]["service"]["detection"]["sequence"]["resources"] = resources;
        });
        parse(&body).expect("an event").findings.remove(0)
    };
    let group = |kind: &str, field: &str, ids: Value| {
        json!({ "uid": format!("arn:aws:x:::{kind}"), "resourceType": kind,
        "accountId": "211122223344", "region": "global", "data": { field: { "ec2InstanceUids": ids } } })
    };
    let found = groups(json!([
        group("IAM_INSTANCE_PROFILE", "iamInstanceProfile", json!(["i-00000001", arn("i-00000002"), null])),
        group("EKS_CLUSTER", "eksCluster", json!(["i-00000003"])),
        group("ECS_CLUSTER", "ecsCluster", json!(["i-00000004"])),
        group("AUTOSCALING_AUTO_SCALING_GROUP", "autoscalingAutoScalingGroup", json!(["i-00000002", "i-00000001"])),
        null,
    ]));
    assert_eq!(arns(&found), [arn("i-00000001"), arn("i-00000002")]);
    let only_a_group =
        groups(json!([group("AUTOSCALING_AUTO_SCALING_GROUP", "autoscalingAutoScalingGroup", json!([]))]));
    assert_eq!(only_a_group.instances, []);
    let told = only_a_group.named_instead();
    assert!(told.contains("arn:aws:x:::AUTOSCALING_AUTO_SCALING_GROUP"), "{told}");
}

#[test]
fn the_vpc_of_an_instance_in_a_sequence_is_that_of_its_interface() {
    let body = changed("field/02-guardduty-attack-sequence", |event| {
        let resources = event["detail"]["service"]["detection"]["sequence"]["resources"].as_array_mut();
        resources
            .expect("a list")
            .push(json!({ "uid": "eni-0a9b8c7d6e5f40312", "resourceType": "EC2_NETWORK_INTERFACE",
            "data": { "ec2NetworkInterface": { "vpcId": VPC } } }));
    });
    assert_eq!(parse(&body).expect("an event").findings[0].instances[0].vpc_id.as_deref(), Some(VPC));
}

#[test]
fn a_runtime_finding_names_the_instance_on_which_it_was_seen() {
    for kind in ["Container", "EKSCluster", "ECSCluster"] {
        let body = changed("field/03-guardduty-runtime-container", |event| {
            event["detail"]["resource"]["resourceType"] = json!(kind);
        });
        let finding = &parse(&body).expect("an event").findings[0];
        assert_eq!(finding.instances[0].id, INSTANCE, "{kind}");
    }
    let audit = json!({ "resourceType": "EKSCluster", "eksClusterDetails": { "arn": "arn:aws:eks:x:1:cluster/prod" } });
    let told = with("guard-duty", "resource", audit).findings[0].named_instead();
    assert_eq!(told, "it names EKSCluster arn:aws:eks:x:1:cluster/prod");
}

#[test]
fn guardduty_may_tell_no_partition_and_its_tags_in_any_form() {
    let object = finding("field/42-guardduty-tags-as-object");
    assert_eq!(object.instances[0].tags, [("Name".to_owned(), "web-1".to_owned())].into());
    for (tags, read) in
        [(json!({ "Name": "web-1" }), 1), (json!([{ "key": "Name", "value": null }, null]), 1), (json!(7), 0)]
    {
        let body = changed("guard-duty", |event| {
            event["detail"]["resource"]["instanceDetails"]["tags"] = tags.clone();
        });
        assert_eq!(parse(&body).expect("an event").findings[0].instances[0].tags.len(), read, "{tags}");
    }
    let without = with("guard-duty-china", "partition", Value::Null);
    assert_eq!(without.findings[0].instances[0].partition, "aws-cn");
}
