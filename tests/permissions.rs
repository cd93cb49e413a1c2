//! Least privilege, held in three places at once: the operations that src/aws calls, the table in
//! docs/aws-permissions.md, and the policies of deploy/aws. Reads them as text; nothing is run, and no stack is needed.
//!
//! The templates are parsed as YAML. CloudFormation's short tags (!Sub, !Ref, !If) are dropped by the parser, so that
//! a statement or an action under !If reads as a list of other things and is refused here: such a one has to be a
//! policy resource with a Condition. Where the tags matter, resources are compared as text.

#![forbid(unsafe_code)]

use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

const SERVICES: [&str; 4] = ["ec2", "securityhub", "sqs", "sts"];
const OPERATOR: &str = "deploy/aws/operator.yaml";
const MEMBER: &str = "deploy/aws/member.yaml";
const DOCUMENT: &str = "docs/aws-permissions.md";

type Names = BTreeSet<String>;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What stands in one and not in the other, each in a line.
fn differences(wanted: &Names, there: &Names) -> Vec<String> {
    let missing = wanted.difference(there).map(|name| format!("missing: {name}"));
    missing.chain(there.difference(wanted).map(|name| format!("too many: {name}"))).collect()
}

fn assert_same(what: &str, wanted: &Names, there: &Names) {
    assert_eq!(differences(wanted, there), Vec::<String>::new(), "{what}");
}

// The code.

/// The files of src/aws, without comments and without what stands below `#[cfg(test)]`.
fn code() -> Vec<String> {
    fn below(folder: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).expect("src/aws is part of the layout");
        let paths = entries.map(|entry| entry.expect("a folder can be read").path());
        paths.flat_map(|path| if path.is_dir() { below(&path) } else { vec![path] }).collect()
    }
    let files = below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/aws"));
    let files: Vec<PathBuf> = files.into_iter().filter(|path| !path.ends_with("tests.rs")).collect();
    assert!(files.len() > 10, "src/aws is where the calls are: {files:?}");
    files.iter().map(|path| without_tests(&fs::read_to_string(path).expect("a source file is text"))).collect()
}

fn without_tests(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
    let Some(end) = lines.iter().position(|line| line.trim() == "#[cfg(test)]") else { return lines.join("\n") };
    assert!(lines[end + 1].starts_with("mod tests"), "what is for tests only stands at the end, in `mod tests`");
    lines[..end].join("\n")
}

/// The string literals that name an operation, such as "ec2:CreateTags".
fn operations(code: &str) -> Names {
    let mut found = Names::new();
    for service in SERVICES {
        let begins = format!("\"{service}:");
        for (at, _) in code.match_indices(&begins) {
            let literal = code[at + 1..].split('"').next().unwrap_or_default();
            let name = &literal[service.len() + 1..];
            assert!(
                !name.is_empty() && name.chars().all(char::is_alphanumeric),
                "{literal} isn't plainly an operation"
            );
            found.insert(literal.to_owned());
        }
    }
    found
}

/// The SDK's calls, such as `self.changes.create_tags()`, by the names of their operations.
fn sdk_calls(code: &str) -> Names {
    let code: String = code.split_whitespace().collect();
    ["self.reads.", "self.changes.", "calls.reads.", "calls.changes.", "self.receives.", "Client::new(&config)."]
        .into_iter()
        .flat_map(|client| code.match_indices(client).map(move |(at, _)| at + client.len()))
        .filter_map(|at| code[at..].split_once("()").map(|(name, _)| name))
        .filter(|name| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        })
        .filter(|name| *name != "clone")
        .map(|name| name.split('_').map(capitalised).collect())
        .collect()
}

fn capitalised(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_ascii_uppercase() + rest
}

// The document.

/// The cells of the table rows below a heading, up to the next heading of that level.
fn rows(heading: &str) -> Vec<Vec<String>> {
    let document = read(DOCUMENT);
    let (_, below) = document.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("{DOCUMENT}: {heading}"));
    let level = heading.split(' ').next().unwrap_or_default();
    let section = below.split(&format!("\n{level} ")).next().unwrap_or_default();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let rows: Vec<Vec<String>> =
        rows.map(|row| row.split(" | ").map(|cell| cell.trim().to_owned()).collect()).collect();
    assert!(!rows.is_empty(), "{DOCUMENT}: {heading} has a table");
    rows
}

/// Operation → IAM action; none where no policy of the role is asked.
fn table() -> BTreeMap<String, Option<String>> {
    let rows = rows("## Operations and IAM actions").into_iter().filter(|row| row[0] != "operation");
    rows.map(|row| {
        let [operation, action] = <[String; 2]>::try_from(row).expect("two columns");
        (operation, (action != "none").then_some(action))
    })
    .collect()
}

/// The actions that the document gives for each Sid; the service stands before the first, or before each.
fn documented_actions() -> BTreeMap<String, Names> {
    let mut documented = BTreeMap::new();
    for row in rows("## The roles' statements").into_iter().filter(|row| row[0] != "Sid") {
        let mut service = "";
        let cell = row[1].trim_start_matches("deny ");
        let actions: Names = cell
            .split(", ")
            .map(|action| match action.split_once(':') {
                Some((named, _)) => {
                    service = named;
                    action.to_owned()
                }
                None => format!("{service}:{action}"),
            })
            .collect();
        for sid in row[0].split(", ") {
            assert!(documented.insert(sid.to_owned(), actions.clone()).is_none(), "{sid} has one row");
        }
    }
    documented
}

// The templates.

struct Statement {
    sid: String,
    allows: bool,
    actions: Names,
    resource: Value,
}

/// The statements of the template's AWS::IAM::Policy resources: those of the role.
fn statements(template: &str) -> Vec<Statement> {
    let template: Value = serde_saphyr::from_str(template).expect("a template is YAML");
    let resources = template["Resources"].as_object().expect("a template has resources");
    let policies = resources.values().filter(|resource| resource["Type"] == "AWS::IAM::Policy");
    let statements = policies.flat_map(|policy| {
        let statements = policy["Properties"]["PolicyDocument"]["Statement"].as_array();
        statements.expect("a policy has a list of statements").iter().map(statement)
    });
    statements.collect()
}

fn statement(statement: &Value) -> Statement {
    let text = |field: &str| {
        let value = statement[field].as_str();
        value.unwrap_or_else(|| panic!("a statement has a {field}, not under a condition: {statement}")).to_owned()
    };
    let sid = text("Sid");
    let actions = match &statement["Action"] {
        Value::String(action) => vec![action.clone()],
        Value::Array(actions) => {
            actions.iter().map(|action| action.as_str().expect("an action is text").to_owned()).collect()
        }
        other => panic!("{other} is no action"),
    };
    for action in &actions {
        let (service, name) = action.split_once(':').unwrap_or_else(|| panic!("{action} is no action"));
        assert!(SERVICES.contains(&service) && name.chars().all(char::is_alphanumeric), "{action}: no wildcards");
    }
    for not in ["NotAction", "NotResource", "NotPrincipal"] {
        assert!(statement.get(not).is_none(), "{not} allows what isn't named: {statement}");
    }
    let effect = text("Effect");
    assert!(effect == "Allow" || effect == "Deny", "{effect}");
    let resource = statement["Resource"].clone();
    Statement { sid, allows: effect == "Allow", actions: actions.into_iter().collect(), resource }
}

fn allowed(template: &str) -> Names {
    statements(template).into_iter().filter(|statement| statement.allows).flat_map(|one| one.actions).collect()
}

/// Every Sid, those of trust and queue policies too, and those in a policy that is written as JSON.
fn sids(template: &str) -> Names {
    let after = template.match_indices("Sid").map(|(at, word)| &template[at + word.len()..]);
    let named = after.filter_map(|rest| rest.trim_start_matches('"').strip_prefix(": "));
    named.map(|rest| rest.trim_start_matches('"').chars().take_while(char::is_ascii_alphanumeric).collect()).collect()
}

/// The properties of the template's policies that speak of EC2, as they are written, by resource.
fn ec2_policies(template: &str) -> BTreeMap<String, String> {
    let (_, resources) = template.split_once("\nResources:\n").expect("a template has resources");
    let resources = resources.split("\nOutputs:\n").next().unwrap_or_default();
    let mut blocks: BTreeMap<String, String> = BTreeMap::new();
    let mut current = String::new();
    for line in resources.lines().filter(|line| !line.trim_start().starts_with('#')) {
        match line.strip_prefix("  ").and_then(|line| line.strip_suffix(':')) {
            Some(name) if name.chars().all(char::is_alphanumeric) => current = name.to_owned(),
            _ => *blocks.entry(current.clone()).or_default() += &format!("{}\n", line.trim_end()),
        }
    }
    blocks.retain(|_, text| text.contains("Type: AWS::IAM::Policy") && text.contains("ec2:"));
    let properties = blocks.into_iter().map(|(name, text)| {
        let (_, properties) = text.split_once("    Properties:\n").expect("a resource has properties");
        (name, properties.trim_end().to_owned())
    });
    properties.collect()
}

#[test]
fn the_table_has_each_operation_that_the_code_calls_and_no_other() {
    let called: Names = code().iter().flat_map(|file| operations(file)).collect();
    assert_same(DOCUMENT, &called, &table().into_keys().collect());
}

#[test]
fn each_call_of_the_sdk_goes_by_the_name_of_an_operation_in_the_table() {
    let named: Names =
        table().into_keys().map(|operation| operation.split(':').next_back().unwrap_or_default().to_owned()).collect();
    let calls: Names = code().iter().flat_map(|file| sdk_calls(file)).collect();
    assert!(calls.len() > 15, "the calls are found: {calls:?}");
    // SQS asks for the single action: "Actions, resources, and condition keys for Amazon SQS" (Service Authorization
    // Reference).
    let unnamed: Vec<&String> = calls
        .iter()
        .filter(|call| !named.contains(*call) && !call.strip_suffix("Batch").is_some_and(|one| named.contains(one)))
        .collect();
    assert_eq!(unnamed, Vec::<&String>::new());
}

#[test]
fn the_operators_policies_allow_what_the_code_calls_none_missing_and_none_too_many() {
    let wanted: Names = table().into_values().flatten().collect();
    assert_same(OPERATOR, &wanted, &allowed(&read(OPERATOR)));
}

#[test]
fn a_members_policies_allow_the_calls_to_ec2_none_missing_and_none_too_many() {
    let wanted: Names = table().into_values().flatten().filter(|action| action.starts_with("ec2:")).collect();
    assert_same(MEMBER, &wanted, &allowed(&read(MEMBER)));
}

#[test]
fn the_statements_on_ec2_are_the_same_in_both_templates() {
    let (operator, member) = (ec2_policies(&read(OPERATOR)), ec2_policies(&read(MEMBER)));
    assert!(operator.len() >= 3, "{:?}", operator.keys());
    assert_eq!(operator, member);
}

#[test]
fn every_statement_is_documented_with_its_actions() {
    let documented = documented_actions();
    for (path, template) in [(OPERATOR, read(OPERATOR)), (MEMBER, read(MEMBER))] {
        for statement in statements(&template) {
            let told = documented.get(&statement.sid);
            let told = told.unwrap_or_else(|| panic!("{DOCUMENT} says nothing of {} in {path}", statement.sid));
            assert_same(&format!("{} in {path}", statement.sid), told, &statement.actions);
        }
    }
    let of_operator: Names = statements(&read(OPERATOR)).into_iter().map(|statement| statement.sid).collect();
    assert_same("Sids with a row", &of_operator, &documented.into_keys().collect());
}

#[test]
fn every_sid_of_trust_and_queue_policies_is_documented_too_and_none_that_is_not_there() {
    let there: Names = [OPERATOR, MEMBER].iter().flat_map(|path| sids(&read(path))).collect();
    let sections = ["## The roles' statements", "## Who gets the roles", "## The queues' policies"];
    let told = sections.iter().flat_map(|section| rows(section)).filter(|row| row[0] != "Sid");
    let told = told.flat_map(|row| row[0].split(", ").map(str::to_owned).collect::<Vec<_>>()).collect();
    assert_same("Sids", &there, &told);
}

#[test]
fn only_the_looks_are_allowed_on_every_resource() {
    for path in [OPERATOR, MEMBER] {
        let statements = statements(&read(path));
        let everywhere = statements.iter().filter(|one| one.allows && one.resource == "*").map(|one| one.sid.as_str());
        assert_eq!(everywhere.collect::<Vec<_>>(), ["Look"], "{path}");
    }
}

/// What the role of a member is assumed with, as the operator's policies allow it.
#[test]
fn a_members_trust_allows_what_the_operator_may_do_with_its_role() {
    let template: Value = serde_saphyr::from_str(&read(MEMBER)).expect("a template is YAML");
    let trust = &template["Resources"]["Role"]["Properties"]["AssumeRolePolicyDocument"]["Statement"];
    let of_trust = trust.as_array().expect("a list of statements").iter();
    let of_trust: Names = of_trust.map(|one| one["Action"].as_str().expect("one action each").to_owned()).collect();
    let wanted: Names = allowed(&read(OPERATOR)).into_iter().filter(|action| action.starts_with("sts:")).collect();
    assert_same(MEMBER, &wanted, &of_trust);
}

#[test]
fn the_role_is_for_the_service_account_that_deploy_base_makes() {
    let template: Value = serde_saphyr::from_str(&read(OPERATOR)).expect("a template is YAML");
    let default = |parameter: &str| template["Parameters"][parameter]["Default"].as_str().map(str::to_owned);
    let objects = read("deploy/base/operator.yaml");
    let objects: Vec<Value> = serde_saphyr::from_multiple(&objects).expect("manifests are YAML");
    let account = objects.iter().find(|object| object["kind"] == "ServiceAccount").expect("there is one");
    let text = |field: &str| account["metadata"][field].as_str().map(str::to_owned);
    assert!(text("name").is_some() && text("namespace").is_some());
    assert_eq!((default("ServiceAccountNamespace"), default("ServiceAccountName")), (text("namespace"), text("name")));
}

#[test]
fn a_missing_and_a_surplus_action_are_both_named() {
    let template = read(OPERATOR);
    let changed = template.replace("'sqs:DeleteMessage'", "'sqs:SendMessage'");
    assert_ne!(template, changed);
    let found = differences(&allowed(&template), &allowed(&changed));
    assert_eq!(found, ["missing: sqs:DeleteMessage", "too many: sqs:SendMessage"]);
}

#[test]
fn operations_in_comments_and_in_tests_do_not_count() {
    let text = "// \"ec2:InComment\"\nconst ONE: &str = \"ec2:InCode\";\n#[cfg(test)]\nmod tests {\n\"ec2:InTest\" }\n";
    assert_eq!(operations(&without_tests(text)), Names::from(["ec2:InCode".to_owned()]));
    let calls = "self\n    .changes\n    .create_tags()\n    .send(); self.reads.clone();";
    assert_eq!(sdk_calls(calls), Names::from(["CreateTags".to_owned()]));
}

#[test]
#[should_panic(expected = "not under a condition")]
fn a_statement_under_a_condition_is_refused() {
    statements(
        "Resources: {P: {Type: AWS::IAM::Policy, Properties: {PolicyDocument: {Statement: [!If [A, {Sid: S, Effect: \
         Allow, Action: 'ec2:DescribeInstances', Resource: '*'}, !Ref AWS::NoValue]]}}}}",
    );
}

#[test]
fn a_statement_on_ec2_that_differs_in_a_tag_or_a_condition_is_seen() {
    let member = read(MEMBER);
    for (from, to) in [("!If [ListedGroups", "[ListedGroups"), ("'Null': { aws:TagKeys: 'false' }", "")] {
        let changed = member.replacen(from, to, 1);
        assert_ne!(member, changed);
        assert_ne!(ec2_policies(&member), ec2_policies(&changed), "{from}");
    }
}
