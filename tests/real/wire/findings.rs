//! Reading findings: what they become, how many calls it takes, and what errors become.

use super::account::{REGION, config, credentials, place, tags};
use super::emulator::{calls, create_role, endpoint, fail};
use super::hub::{Hub, instance, key, product};
use aws_sdk_securityhub::types::{AwsSecurityFindingIdentifier, NoteUpdate, WorkflowStatus, WorkflowUpdate};
use futures::future::join_all;
use quarantine_operator::{
    api::{Reason, RecordState, Severity},
    aws::{SecurityHub, Sessions},
    model::{
        finding::{Finding, FindingKey, FindingNote, InProgress, Workflow},
        instance::NamedInstance,
        place::{Place, Role},
        problem::{Disposition, Problem},
    },
};
use serde_json::{Value, json};

const READ: &str = "GetFindings";

#[tokio::test]
async fn a_finding_tells_its_instance_behind_other_resources_and_what_people_did_with_it() {
    let hub = Hub::fresh().await;
    let mut web = instance(&hub.id, "i-0123456789abcdef0");
    web["Details"] = json!({"AwsEc2Instance": {"VpcId": "vpc-1"}});
    web["Tags"] = json!({"team": "web"});
    let account = json!({"Type": "AwsAccount", "Id": format!("AWS::::Account:{}", hub.id)});
    let mut finding = hub.finding("finding-1");
    finding["Resources"] = json!([account, web, {"Type": "AwsEc2Instance", "Id": "web-7"}]);
    hub.import([finding]);
    let identifier = AwsSecurityFindingIdentifier::builder().id("finding-1").product_arn(product("aws/guardduty"));
    let note = NoteUpdate::builder().text("I look at it.").updated_by("jane").build();
    let update = hub.owner.batch_update_findings().finding_identifiers(identifier.build()).note(note);
    let update = update.workflow(WorkflowUpdate::builder().status(WorkflowStatus::Notified).build());
    update.user_defined_fields("case", "4711").send().await.expect("the finding is updated");

    let found = hub.hub.findings(key("finding-1")).await.unwrap();
    let expected = Finding {
        id: "finding-1".to_owned(),
        product_arn: Some(product("aws/guardduty")),
        account_id: hub.id.clone(),
        region: Some(REGION.to_owned()),
        title: "A bot".to_owned(),
        types: vec!["TTPs/Command and Control".to_owned()],
        severity: Some(Severity::High),
        record_state: RecordState::Active,
        workflow: Workflow::Notified,
        in_progress: InProgress::No,
        sample: false,
        updated_at: Some("2026-01-02T03:04:05.678Z".parse().unwrap()),
        note: Some(FindingNote { text: "I look at it.".to_owned(), updated_by: "jane".to_owned() }),
        fields: tags([("case", "4711")]),
        instances: vec![NamedInstance {
            id: "i-0123456789abcdef0".to_owned(),
            account_id: hub.id.clone(),
            account_assumed: false,
            region: REGION.to_owned(),
            partition: "aws".to_owned(),
            vpc_id: Some("vpc-1".to_owned()),
            tags: tags([("team", "web")]),
        }],
        unreadable_instances: vec!["web-7".to_owned()],
        other_resources: vec![format!("AwsAccount AWS::::Account:{}", hub.id)],
    };
    assert_eq!(found, [expected]);
}

#[tokio::test]
async fn a_finding_that_is_not_there_yet_is_none_and_no_error() {
    let hub = Hub::fresh().await;
    hub.import([hub.finding("finding-1")]);
    assert_eq!(hub.hub.findings(key("finding-10")).await, Ok(vec![]));
    hub.import([hub.finding("finding-10")]);
    assert_eq!(hub.hub.findings(key("finding-10")).await.unwrap().len(), 1);
}

#[tokio::test]
async fn findings_of_all_pages_are_found() {
    let hub = Hub::fresh().await;
    let products: Vec<String> = (0..101).map(|number| product(&format!("vendor/product-{number}"))).collect();
    hub.import(products.iter().map(|product| hub.finding_of(product, "finding-1")));
    let found =
        hub.hub.findings(FindingKey { id: "finding-1".to_owned(), product_arn: None, account_id: None }).await.unwrap();
    let mut of: Vec<String> = found.into_iter().filter_map(|finding| finding.product_arn).collect();
    of.sort();
    let mut expected = products;
    expected.sort();
    assert_eq!(of, expected);
    let pages: Vec<Value> = calls(&hub.id, READ).iter().map(|call| call["params"]["MaxResults"].clone()).collect();
    assert_eq!(pages, [json!(100), json!(100)]);
}

#[tokio::test]
async fn fifty_who_ask_at_once_share_calls_of_at_most_twenty_ids_and_each_gets_its_own() {
    let hub = Hub::fresh().await;
    let ids: Vec<String> = (0..50).map(|number| format!("finding-{number}")).collect();
    hub.import(ids.iter().map(|id| hub.finding(id)));
    let found = join_all(ids.iter().map(|id| hub.hub.findings(key(id)))).await;
    for (id, found) in ids.iter().zip(found) {
        assert_eq!(found.unwrap().iter().map(|finding| &finding.id).collect::<Vec<_>>(), [id]);
    }
    let sizes: Vec<usize> = calls(&hub.id, READ).iter().map(ids_in).collect();
    assert_eq!((sizes.len(), sizes.iter().sum::<usize>()), (3, 50), "{sizes:?}");
    assert!(sizes.iter().all(|&size| size <= 20), "{sizes:?}");
}

#[tokio::test]
async fn the_same_id_of_two_products_is_asked_for_in_one_call_and_told_apart() {
    let hub = Hub::fresh().await;
    let of = |name: &str| FindingKey { id: "finding-1".to_owned(), product_arn: Some(product(name)), account_id: None };
    hub.import(["aws/guardduty", "aws/inspector"].map(|name| hub.finding_of(&product(name), "finding-1")));
    let either = FindingKey { id: "finding-1".to_owned(), product_arn: None, account_id: None };
    let keys = [of("aws/guardduty"), of("aws/inspector"), of("aws/macie"), either];
    let found = join_all(keys.map(|key| hub.hub.findings(key))).await;
    let products = |found: &Result<Vec<Finding>, Problem>| {
        found.as_ref().unwrap().iter().filter_map(|finding| finding.product_arn.clone()).collect::<Vec<_>>()
    };
    assert_eq!(products(&found[0]), [product("aws/guardduty")]);
    assert_eq!(products(&found[1]), [product("aws/inspector")]);
    assert_eq!(found[2], Ok(vec![]));
    assert_eq!(products(&found[3]).len(), 2);
    assert_eq!(calls(&hub.id, READ).iter().map(ids_in).collect::<Vec<_>>(), [1]);
}

#[tokio::test]
async fn an_id_that_aws_refuses_fails_nobody_who_asked_at_the_same_time() {
    let hub = Hub::fresh().await;
    hub.import((0..4).map(|number| hub.finding(&format!("finding-{number}"))));
    let refused = json!({"match": {"*": "bad"}, "code": "InvalidInputException", "status": 400, "times": -1});
    fail(&hub.id, READ, refused);
    let ids = ["finding-0", "finding-1", "bad", "finding-2", "finding-3"];
    let found = join_all(ids.map(|id| hub.hub.findings(key(id)))).await;
    for (id, found) in ids.iter().zip(found) {
        match (*id, found) {
            ("bad", found) => assert_eq!(outline(&found.unwrap_err()), (Disposition::Stop, Reason::AwsRefused)),
            (id, found) => assert_eq!(found.unwrap()[0].id, id),
        }
    }
}

#[tokio::test]
async fn a_finding_that_cannot_be_understood_or_decoded_fails_itself_alone() {
    let hub = Hub::fresh().await;
    let mut findings: Vec<Value> = (0..20).map(|number| hub.finding(&format!("finding-{number}"))).collect();
    findings[3]["Workflow"] = json!({"Status": "TRIAGED"});
    findings[7]["Title"] = json!(7);
    hub.import(findings);
    let ids: Vec<String> = (0..20).map(|number| format!("finding-{number}")).collect();
    let found = join_all(ids.iter().map(|id| hub.hub.findings(key(id)))).await;
    for (number, found) in found.into_iter().enumerate() {
        match (number, found) {
            (3 | 7, found) => {
                let problem = found.expect_err("it can't be read");
                assert_eq!(outline(&problem), (Disposition::Wait, Reason::FindingUnreadable), "{problem:?}");
                assert!(problem.message.contains(&format!("finding-{number}")), "{}", problem.message);
            }
            (_, found) => assert_eq!(found.unwrap()[0].id, ids[number]),
        }
    }
}

#[tokio::test]
async fn clients_of_one_account_together_keep_to_what_security_hub_takes() {
    let hub = Hub::fresh().await;
    let arn = create_role(&hub.id, "reader", &hub.id, "from-the-class");
    let role = Role { arn, external_id: Some("from-the-class".to_owned()), session_name: "reader".to_owned() };
    let sessions = Sessions::new(config(&endpoint(), credentials(&hub.id)).await);
    let own = sessions.security_hub(&place(&hub.id)).await.unwrap();
    let assumed = sessions.security_hub(&Place { role: Some(role), ..place(&hub.id) }).await.unwrap();
    let ask = async |hub: &SecurityHub| {
        for _ in 0..6 {
            hub.findings(key("finding-1")).await.expect("none is refused");
        }
    };
    tokio::join!(ask(&own), ask(&assumed));
    let times: Vec<f64> = calls(&hub.id, READ).iter().filter_map(|call| call["time"].as_f64()).collect();
    assert_eq!(times.len(), 12);
    let span = times.iter().copied().fold(f64::MIN, f64::max) - times.iter().copied().fold(f64::MAX, f64::min);
    // Six at once, then one in each third of a second. The emulator sees the first one a little late.
    assert!(span > 6.0 / 3.0 - 0.3, "twelve calls in {span} s");
}

#[tokio::test]
async fn a_read_that_stays_throttled_is_sent_twice_and_the_next_one_is_a_fresh_call() {
    let hub = Hub::fresh().await;
    hub.import([hub.finding("finding-1")]);
    let fault = fail(&hub.id, READ, json!({"code": "TooManyRequestsException", "status": 429, "times": 2}));
    let problem = hub.hub.findings(key("finding-1")).await.unwrap_err();
    assert_eq!(outline(&problem), (Disposition::Retry, Reason::Throttled), "{fault}");
    assert_eq!(calls(&hub.id, READ).len(), 2);
    assert_eq!(hub.hub.findings(key("finding-1")).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_read_that_was_cut_off_once_is_sent_again_and_succeeds() {
    let hub = Hub::fresh().await;
    hub.import([hub.finding("finding-1")]);
    fail(&hub.id, READ, json!({"kind": "drop"}));
    assert_eq!(hub.hub.findings(key("finding-1")).await.unwrap().len(), 1);
    assert_eq!(calls(&hub.id, READ).len(), 2);
}

#[tokio::test]
async fn a_denied_read_names_the_right_that_is_missing() {
    let hub = Hub::fresh().await;
    fail(&hub.id, READ, json!({"code": "AccessDeniedException", "status": 403, "message": "You may not."}));
    let problem = hub.hub.findings(key("finding-1")).await.unwrap_err();
    assert_eq!(outline(&problem), (Disposition::Stop, Reason::AccessDenied));
    assert!(problem.message.contains("You may not. Allow securityhub:GetFindings"), "{problem}");
}

#[tokio::test]
async fn where_security_hub_is_not_enabled_that_is_what_is_said() {
    let hub = Hub::without_security_hub().await;
    let problem = hub.hub.findings(key("finding-1")).await.unwrap_err();
    assert_eq!(outline(&problem), (Disposition::Stop, Reason::AccessDenied));
    assert!(problem.message.contains("InvalidAccessException"), "{problem}");
    assert!(problem.message.contains("Enable Security Hub"), "{problem}");
}

fn ids_in(call: &Value) -> usize {
    call["params"]["Filters"]["Id"].as_array().map_or(0, Vec::len)
}

fn outline(problem: &Problem) -> (Disposition, Reason) {
    (problem.disposition, problem.reason)
}
