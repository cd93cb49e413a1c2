//! The emulator's own API below /_emulator (tools/aws-emulator/README.md), and calls to services that have no SDK here.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// The value for AWS_ENDPOINT_URL: an emulator that a person started, or the shared stack's.
pub fn endpoint() -> String {
    std::env::var("AWS_EMULATOR").unwrap_or_else(|_| crate::support::stack().emulator_endpoint())
}

/// The next calls of `action` in `account` fail as `how` says: fields `kind`, `code`, `status`, `when`, `times`, ….
/// Answers the fault's id.
pub fn fail(account: &str, action: &str, how: Value) -> String {
    let mut fault = json!({"account": account, "action": action});
    merge(&mut fault, how);
    admin("POST", "faults", &fault)["id"].to_string().trim_matches('"').to_owned()
}

/// AWS' own rates for these actions, `{action: {burst, perSecond}}`, in each account of an emulator of the test's own.
pub fn throttle_at(endpoint: &str, rates: &Value) {
    http_at(endpoint, "PUT", "/_emulator/throttles", "application/json", "", &rates.to_string());
}

/// The codes with which an emulator of the test's own has answered calls of `action`, in their order.
pub fn codes_at(endpoint: &str, action: &str) -> Vec<String> {
    let path = format!("/_emulator/calls?action={action}");
    let answer = http_at(endpoint, "GET", &path, "application/json", "", "");
    let answer: Value = serde_json::from_str(&answer).expect("/_emulator/calls answers JSON");
    let calls = answer["calls"].as_array().expect("/_emulator/calls answers a list of calls").iter();
    calls.map(|call| call["code"].as_str().unwrap_or_default().to_owned()).collect()
}

/// Takes a fault back.
pub fn mend(fault: &str) {
    admin("DELETE", &format!("faults/{fault}"), &Value::Null);
}

/// What reached the emulator as `account` and was `action`, in the order of the answers.
pub fn calls(account: &str, action: &str) -> Vec<Value> {
    read_calls(&format!("account={account}&action={action}"))
}

/// All that reached the emulator as `account`, in the order of the answers.
pub fn all_calls(account: &str) -> Vec<Value> {
    read_calls(&format!("account={account}"))
}

/// The emulator leaves out what isn't asked for: the whole log is several hundred megabytes after some minutes of tests.
fn read_calls(of: &str) -> Vec<Value> {
    let Value::Array(calls) = admin("GET", &format!("calls?{of}"), &Value::Null)["calls"].take() else {
        panic!("/_emulator/calls answers a list of calls");
    };
    calls
}

/// The calls of `account` that IAM refused, by action, in their order. Reading the newer Security Hub isn't one: where it is
/// off, it answers with the same code.
pub fn refused_by_iam(account: &str) -> Vec<String> {
    let codes = ["UnauthorizedOperation", "AccessDenied", "AccessDeniedException"];
    let refused = all_calls(account).into_iter().filter(|call| codes.iter().any(|code| call["code"] == *code));
    let actions = refused.map(|call| call["action"].as_str().unwrap_or_default().to_owned());
    actions.filter(|action| action != "GetFindingsV2").collect()
}

/// Says of an interface what no EC2 call can: that a service manages it, or that it is a trunk.
pub fn mark_interface(id: &str, what: Value) {
    admin("PUT", &format!("interfaces/{id}"), &what);
}

/// From now on the account's roles may do what their policies say and no more. Its owner may do everything.
pub fn enforce_policies(account: &str) {
    admin("PUT", "access", &json!({"enforced": true, "account": account}));
}

/// The account sees the findings of these members, as Security Hub's administrator.
pub fn make_administrator(account: &str, members: &[&str]) {
    admin("PUT", "security-hub/administrator", &json!({"administrator": account, "members": members}));
}

/// A person in that account chooses these findings of one product and presses the custom action.
pub fn press(account: &str, action: &str, product: &str, ids: &[&str]) {
    let findings: Vec<Value> = ids.iter().map(|id| json!({"Id": id, "ProductArn": product})).collect();
    let region = super::account::REGION;
    let pressed = json!({"account": account, "region": region, "actionArn": action, "findings": findings});
    let answer = admin("POST", "security-hub/press", &pressed);
    assert_eq!(answer["events"], ids.len(), "{answer}");
}

/// Puts an event on the account's bus in eu-central-1, as a service of AWS does.
pub fn send_event(account: &str, event: &Value) {
    let entry = json!({"Source": event["source"], "DetailType": event["detail-type"], "Resources": event["resources"],
        "Detail": event["detail"].to_string()});
    let headers = format!("X-Amz-Target: AWSEvents.PutEvents\r\n{}", scope(account, super::account::REGION, "events"));
    let body = json!({"Entries": [entry]}).to_string();
    let answer = http("POST", "/", "application/x-amz-json-1.1", &headers, &body);
    let answer: Value = serde_json::from_str(&answer).expect("EventBridge answers JSON");
    assert_eq!(answer["FailedEntryCount"], 0, "{answer}");
}

/// A product puts these OCSF findings into the newer Security Hub of that account.
pub fn import_findings_v2(account: &str, findings: &[Value]) {
    let given = json!({"account": account, "region": super::account::REGION, "findings": findings});
    let answer = admin("POST", "security-hub/import-v2", &given);
    assert_eq!(answer["metadataUids"].as_array().map(Vec::len), Some(findings.len()), "{answer}");
}

/// Asks CloudFormation for a stack in eu-central-1, whose template may make roles.
pub fn create_stack(account: &str, name: &str, template: &str, parameters: &[(&str, &str)]) {
    let numbered: Vec<(String, &str)> = (1..)
        .zip(parameters)
        .flat_map(|(number, (key, value))| {
            let member = format!("Parameters.member.{number}.Parameter");
            [(format!("{member}Key"), *key), (format!("{member}Value"), *value)]
        })
        .collect();
    let mut all = vec![
        ("Action", "CreateStack"),
        ("StackName", name),
        ("TemplateBody", template),
        ("Capabilities.member.1", "CAPABILITY_NAMED_IAM"),
    ];
    all.extend(numbered.iter().map(|(name, value)| (name.as_str(), *value)));
    query_in(super::account::REGION, account, "cloudformation", &all);
}

/// The stack's status and its outputs.
pub fn read_stack(account: &str, name: &str) -> (String, BTreeMap<String, String>) {
    let parameters = [("Action", "DescribeStacks"), ("StackName", name)];
    let answer = query_in(super::account::REGION, account, "cloudformation", &parameters);
    let keys = texts(&answer, "OutputKey").into_iter();
    (texts(&answer, "StackStatus").remove(0), keys.zip(texts(&answer, "OutputValue")).collect())
}

/// What the XML elements of that name hold. Only for texts without markup of their own, such as names and ARNs.
fn texts(xml: &str, element: &str) -> Vec<String> {
    let (begin, end) = (format!("<{element}>"), format!("</{element}>"));
    xml.split(&begin).skip(1).filter_map(|rest| Some(rest.split_once(&end)?.0.to_owned())).collect()
}

/// A role in `account` that lets `trusted` (an account) in, if it brings the external id.
pub fn create_role(account: &str, name: &str, trusted: &str, external_id: &str) -> String {
    query(
        account,
        "iam",
        &[("Action", "CreateRole"), ("RoleName", name), ("AssumeRolePolicyDocument", &trust(trusted, external_id))],
    );
    format!("arn:aws:iam::{account}:role/{name}")
}

/// Whom the role lets in, as IAM shows it.
pub fn read_trust(account: &str, name: &str) -> Value {
    let answer = query_in("us-east-1", account, "iam", &[("Action", "GetRole"), ("RoleName", name)]);
    let policy = decode(&texts(&answer, "AssumeRolePolicyDocument")[0]);
    serde_json::from_str(&policy).unwrap_or_else(|_| panic!("{policy} is no policy"))
}

/// An EKS Pod Identity association, of a pod that EKS makes up: where that pod gets its credentials.
pub fn associate(role: &str, cluster: &str, namespace: &str, service_account: &str) -> String {
    let wanted = json!({"roleArn": role, "clusterArn": cluster, "namespace": namespace,
        "serviceAccount": service_account});
    let made = admin("POST", "pod-identity", &wanted);
    let id = made["id"].as_str().unwrap_or_else(|| panic!("no association: {made}"));
    format!("{}/_emulator/pod-identity/{id}", endpoint())
}

/// What the pod of an association gets there.
pub fn read_pod_credentials(association: &str) -> Value {
    let id = association.rsplit('/').next().unwrap_or_default();
    admin("GET", &format!("pod-identity/{id}"), &Value::Null)
}

/// Changes whom the role lets in.
pub fn change_trust(account: &str, name: &str, trusted: &str, external_id: &str) {
    let policy = trust(trusted, external_id);
    query(account, "iam", &[("Action", "UpdateAssumeRolePolicy"), ("RoleName", name), ("PolicyDocument", &policy)]);
}

/// The role no longer exists.
pub fn delete_role(account: &str, name: &str) {
    query(account, "iam", &[("Action", "DeleteRole"), ("RoleName", name)]);
}

/// Imports findings into Security Hub in eu-central-1, as products do. Not through the SDK: in a build without
/// optimisation its types of a finding take more stack than a test's thread has.
pub fn import_findings(account: &str, findings: &[Value]) {
    let scope = scope(account, super::account::REGION, "securityhub");
    for findings in findings.chunks(100) {
        let body = json!({"Findings": findings}).to_string();
        let answer = http("POST", "/findings/import", "application/json", &scope, &body);
        let answer: Value = serde_json::from_str(&answer).expect("Security Hub answers JSON");
        assert_eq!(answer["FailedCount"], 0, "{answer}");
    }
}

/// A finding in eu-central-1, as Security Hub shows it to its owner.
pub fn read_finding(account: &str, id: &str) -> Value {
    let scope = scope(account, super::account::REGION, "securityhub");
    let body = json!({"Filters": {"Id": [{"Value": id, "Comparison": "EQUALS"}]}}).to_string();
    let answer: Value = serde_json::from_str(&http("POST", "/findings", "application/json", &scope, &body))
        .expect("Security Hub answers JSON");
    answer["Findings"][0].clone()
}

/// The emulator reads from it whose call it is and where, and checks no signature.
fn scope(account: &str, region: &str, service: &str) -> String {
    format!(
        "Authorization: AWS4-HMAC-SHA256 Credential={account}/20260101/{region}/{service}/aws4_request, \
         SignedHeaders=host, Signature=0\r\n"
    )
}

fn trust(account: &str, external_id: &str) -> String {
    json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"AWS": format!("arn:aws:iam::{account}:root")},
        "Condition": {"StringEquals": {"sts:ExternalId": external_id}},
    }]})
    .to_string()
}

fn admin(method: &str, path: &str, body: &Value) -> Value {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let answer = http(method, &format!("/_emulator/{path}"), "application/json", "", &body);
    serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{method} /_emulator/{path} answered {answer}"))
}

/// A call of the AWS query protocol.
fn query(account: &str, service: &str, parameters: &[(&str, &str)]) {
    query_in("us-east-1", account, service, parameters);
}

fn query_in(region: &str, account: &str, service: &str, parameters: &[(&str, &str)]) -> String {
    let scope = scope(account, region, service);
    let parameters: Vec<String> = parameters.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
    http("POST", "/", "application/x-www-form-urlencoded", &scope, &parameters.join("&"))
}

fn http(method: &str, path: &str, content_type: &str, headers: &str, body: &str) -> String {
    http_at(&endpoint(), method, path, content_type, headers, body)
}

fn http_at(endpoint: &str, method: &str, path: &str, content_type: &str, headers: &str, body: &str) -> String {
    let address = endpoint.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).expect("the emulator listens");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a time-out above zero is valid");
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: {content_type}\r\n\
         Content-Length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
    .expect("the emulator reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the emulator answers");
    let (head, body) = answer.split_once("\r\n\r\n").expect("an HTTP answer has a head");
    assert!(head.starts_with("HTTP/1.1 200"), "{method} {path} answered {head}\n{body}");
    body.to_owned()
}

fn encode(value: &str) -> String {
    value
        .bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

fn decode(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).expect("two hexadecimal digits follow a percent sign"));
        bytes.extend(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).expect("AWS answers UTF-8")
}

fn merge(into: &mut Value, from: Value) {
    if let (Value::Object(into), Value::Object(from)) = (into, from) {
        into.extend(from);
    }
}
