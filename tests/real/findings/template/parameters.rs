//! The templates with other parameters than the path needs: the other trusts, the other rules, the isolation group.

use super::{
    finding, id,
    site::{OPERATOR, Site, made},
};
use crate::wire::{
    account::{Account, REGION, fresh_id},
    emulator::{read_trust, send_event},
};
use quarantine_operator::model::ec2::Peer;
use serde_json::{Value, json};

const ROLE: &str = "quarantine-operator";

async fn trust(id: &str, parameters: &[(&str, &str)]) -> Value {
    made(id, "quarantine-operator", OPERATOR, parameters).await;
    let statements = read_trust(id, ROLE)["Statement"].take();
    let Value::Array(statements) = statements else { panic!("a policy has statements: {statements}") };
    <[Value; 1]>::try_from(statements).map(|[only]| only).expect("one statement")
}

#[tokio::test]
async fn by_pod_identity_the_role_is_for_one_service_account_of_this_accounts_clusters() {
    let id = fresh_id();
    let cluster = format!("arn:aws:eks:{REGION}:{id}:cluster/prod");
    let one = trust(&id, &[("ClusterArn", &cluster)]).await;
    assert_eq!(one["Principal"], json!({"Service": "pods.eks.amazonaws.com"}));
    let account = json!({"aws:SourceAccount": id, "aws:RequestTag/kubernetes-namespace": "quarantine-system",
        "aws:RequestTag/kubernetes-service-account": "quarantine-operator"});
    assert_eq!(one["Condition"], json!({"StringEquals": account, "ArnEquals": {"aws:SourceArn": cluster}}));

    let id = fresh_id();
    let any = trust(&id, &[]).await;
    let condition = any["Condition"].as_object().expect("there is a condition");
    assert_eq!(condition.keys().collect::<Vec<_>>(), ["StringEquals"], "any cluster, but of this account");
    assert_eq!(condition["StringEquals"]["aws:SourceAccount"], id);
}

#[tokio::test]
async fn by_irsa_the_role_is_for_one_service_account_of_one_cluster() {
    let id = fresh_id();
    let issuer = format!("oidc.eks.{REGION}.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF");
    let provider = format!("arn:aws:iam::{id}:oidc-provider/{issuer}");
    let only = trust(&id, &[("Trust", "IRSA"), ("OidcProviderArn", &provider)]).await;
    assert_eq!(only["Principal"], json!({"Federated": provider}));
    assert_eq!(only["Action"], "sts:AssumeRoleWithWebIdentity");
    let account = json!({format!("{issuer}:aud"): "sts.amazonaws.com",
        format!("{issuer}:sub"): "system:serviceaccount:quarantine-system:quarantine-operator"});
    assert_eq!(only["Condition"], json!({"StringEquals": account}));
}

#[tokio::test]
async fn imported_findings_fill_the_queue_if_they_are_new_of_that_severity_and_product_and_about_an_instance() {
    let topic = format!("arn:aws:sns:{REGION}:111122223333:security");
    let parameters = [("ImportedFindings", "true"), ("GuardDutyFindings", "true"), ("AlarmTopicArn", &*topic)];
    let site = Site::install(&fresh_id(), &parameters).await;
    let with = |name: &str, fields: Value| {
        let mut finding = finding(&site.hub, name, "i-0123456789abcdef0");
        finding.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
        finding
    };
    let critical = json!({"Severity": {"Label": "CRITICAL"}});
    let mut of_no_instance = with("three", critical.clone());
    of_no_instance["Resources"].as_array_mut().expect("a list").pop();
    let archived = json!({"Severity": {"Label": "CRITICAL"}, "RecordState": "ARCHIVED"});
    let by_another = with("five", json!({"Severity": {"Label": "CRITICAL"}, "ProductName": "Inspector"}));
    let notified = with("six", json!({"Severity": {"Label": "CRITICAL"}, "Workflow": {"Status": "NOTIFIED"}}));
    site.hub.import([with("one", json!({})), with("two", archived), of_no_instance, by_another, notified]);
    assert_eq!(site.left("QueueUrl").await.0, "0");
    let wanted = with("four", critical);
    site.hub.import([wanted.clone()]);
    assert_eq!(site.left("QueueUrl").await.0, "1", "{}", id(&wanted));
}

/// What each rule lets through, and what not, is in tests/patterns.
#[tokio::test]
async fn runtime_findings_and_attack_sequences_of_guard_duty_reach_the_queue_as_they_are() {
    let parameters = [("GuardDutyFindings", "true"), ("UseCustomAction", "false")];
    let site = Site::install(&fresh_id(), &parameters).await;
    let arriving = [
        include_str!("../../../../src/intake/fixtures/field/02-guardduty-attack-sequence.json"),
        include_str!("../../../../src/intake/fixtures/field/03-guardduty-runtime-container.json"),
        include_str!("../../../../src/intake/fixtures/field/42-guardduty-tags-as-object.json"),
    ];
    let access_key = include_str!("../../../../src/intake/fixtures/guard-duty-access-key.json");
    let events = arriving.map(|text| serde_json::from_str::<Value>(text).expect("a fixture is JSON"));
    send_event(&site.id, &serde_json::from_str(access_key).expect("a fixture is JSON"));
    assert_eq!(site.left("QueueUrl").await.0, "0", "a finding about an access key");
    for event in &events {
        send_event(&site.id, event);
    }
    let sqs = aws_sdk_sqs::Client::new(&site.as_role().await);
    let received = sqs.receive_message().queue_url(&site.outputs["QueueUrl"]).max_number_of_messages(10).send().await;
    let received = received.expect("the role may do that");
    let bodies = received.messages().iter().map(|message| message.body().expect("a message has a body"));
    let details: Vec<Value> =
        bodies.map(|body| serde_json::from_str::<Value>(body).expect("an event is JSON")["detail"].take()).collect();
    assert_eq!(details.len(), events.len());
    for event in &events {
        assert!(details.contains(&event["detail"]), "{} is not there as it was sent", event["detail"]["type"]);
    }
}

#[tokio::test]
async fn the_isolation_group_lets_the_corporate_network_in_and_nothing_out() {
    let account = Account::fresh().await;
    let subnet = account.subnet().await;
    let parameters = [("VpcId", subnet.vpc_id.as_str()), ("CorporateCidr", "10.0.0.0/8")];
    let outputs = made(&account.id, "quarantine-operator", OPERATOR, &parameters).await;
    let group = account.ec2.groups(&[outputs["IsolationGroupId"].clone()]).await.expect("a read").remove(0);
    assert_eq!(group.vpc_id, subnet.vpc_id);
    let corporate = Peer::Cidr("10.0.0.0/8".to_owned());
    let mut ports: Vec<_> = group.ingress.iter().map(|rule| rule.ports).collect();
    ports.sort();
    assert_eq!(ports, [Some((22, 22)), Some((3389, 3389))]);
    assert!(group.ingress.iter().all(|rule| rule.peer == corporate && rule.protocol == "tcp"), "{:?}", group.ingress);
    let egress: Vec<&Peer> = group.egress.iter().map(|rule| &rule.peer).collect();
    assert_eq!(egress, [&Peer::Cidr("127.0.0.1/32".to_owned())], "which stands for none");
}
