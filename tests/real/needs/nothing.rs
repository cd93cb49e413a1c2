//! Everything is there.

use super::Stage;
use crate::{
    findings::stage::Queue,
    support::operator::OPERATOR_ACCOUNT,
    wire::{emulator::all_calls, hub::Hub},
};
use kube::ResourceExt;
use quarantine_operator::api::QuarantineClass;
use serde_json::{Value, json};

#[tokio::test]
async fn where_everything_is_there_check_ends_with_0_says_what_it_saw_and_changes_nothing() {
    let stage = Stage::open().await;
    let scene = &stage.scene;
    let account = &scene.account.id;
    Hub::of(account).await;
    let queue = Queue::of(scene).await;
    let hub = json!({"accountId": account, "roleName": "quarantine", "externalId": "only-ours"});
    let class = scene.class(json!({"securityHub": hub, "regions": ["eu-central-1"]})).await;
    stage
        .source(&queue.url, json!({"customAction": {"id": "Cut", "name": "Cut off", "description": "Cuts it off."}}))
        .await;
    let before = changes([account, OPERATOR_ACCOUNT]);

    let said = stage.said();
    assert_eq!(said.code, 0, "{}", said.text);
    for words in [
        &["API server", "Kubernetes v1."][..],
        &["clock"],
        &["findingsources.quarantine-operator.dev", "As this version defines it"],
        &["rights on events.events.k8s.io", "create."],
        &["identity", "123456789012"],
        &[&format!("account {account}, eu-central-1: Reached through"), "role/quarantine"],
        &["reads", "ec2:DescribeInstances, ec2:DescribeNetworkInterfaces, ec2:DescribeSecurityGroups"],
        &["changes of eni-", "ec2:ModifyNetworkInterfaceAttribute, ec2:CreateTags, ec2:DeleteTags"],
        &["isolation group", &scene.isolation, &scene.subnet.vpc_id],
        &["Security Hub", "securityhub:GetFindings"],
        &["template", &scene.desk.namespace],
        &["queue in", &format!("{}-dead", queue.source)],
        &["custom action", "isn't there yet"],
    ] {
        assert!(said.line(words).trim_start().starts_with("ok "), "{words:?}: {}", said.text);
    }
    assert!(said.text.ends_with("Nothing is missing.\n"), "{}", said.text);
    assert_eq!(changes([account, OPERATOR_ACCOUNT]), before, "AWS was asked, and nothing more");
    assert!(all_calls(account).len() > 10, "and it was asked");
    let classes: kube::Api<QuarantineClass> = kube::Api::all(scene.desk.client.clone());
    let after = classes.get(&class.name_any()).await.expect("it is there");
    assert_eq!(after.metadata.resource_version, class.metadata.resource_version);
    assert_eq!(scene.carried(&scene.interfaces[0]).await, scene.ids(&["web"]));
    assert_eq!(scene.our_tags(&scene.interfaces[0]).await, Vec::<String>::new());
}

/// Calls in these accounts that would have changed something: dry runs are none.
fn changes(accounts: [&str; 2]) -> usize {
    let calls = accounts.iter().flat_map(|account| all_calls(account));
    calls.filter(|call| call["changing"] == true).count()
}

#[tokio::test]
async fn a_program_reads_the_same_as_json() {
    let stage = Stage::open().await;
    stage.scene.class(json!({"regions": ["eu-central-1"], "securityGroup": {"id": "sg-0123456789abcdef0"}})).await;
    let said = stage.said_with(|command| {
        command.args(["-o", "json"]);
    });
    assert_eq!(said.code, 1, "{}", said.text);
    let json: Value = serde_json::from_str(&said.text).expect("JSON and nothing else");
    assert_eq!((&json["missing"], &json["noAnswer"]), (&json!(1), &json!(0)));
    let sections = json["sections"].as_array().expect("sections");
    let about: Vec<&str> = sections.iter().filter_map(|section| section["about"].as_str()).collect();
    assert_eq!(about, ["Kubernetes", "AWS", &format!("QuarantineClass {}", stage.scene.desk.namespace)]);
    let answers = sections.iter().flat_map(|section| section["answers"].as_array().expect("answers"));
    let missing: Vec<&Value> = answers.filter(|answer| answer["state"] == "Missing").collect();
    assert!(missing[0]["message"].as_str().expect("text").contains("sg-0123456789abcdef0"), "{missing:?}");
}
