//! The event patterns of deploy/aws against everything that is known to come: each fixture of src/intake/fixtures and what
//! differs from it in one field, both what a rule lets through and what it leaves. Nothing is run, and no stack is needed;
//! that what is let through arrives in the queue is shown on the emulator (tests/real/findings/template).

mod matcher;

use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

const TEMPLATE: &str = include_str!("../../deploy/aws/operator.yaml");
const FIXTURES: &str = "src/intake/fixtures";

const PRESSED: &[&str] = &["CustomActionRule"];
const IMPORTED: &[&str] = &["ImportedRule"];
const NEW_V2: &[&str] = &["NewV2Rule"];
const IN_PROGRESS_V2: &[&str] = &["InProgressV2Rule"];
const GUARD_DUTY: &[&str] = &["GuardDutyRule"];
const NONE: &[&str] = &[];

/// Which rules let each fixture through, with `SETTINGS`.
const TAKEN: [(&str, &[&str]); 40] = [
    ("custom-action-china.json", PRESSED),
    ("custom-action-other-account.json", PRESSED),
    ("custom-action-sample.json", PRESSED),
    ("custom-action-several-instances.json", PRESSED),
    ("custom-action-unreadable-instance.json", PRESSED),
    ("custom-action-without-instance.json", PRESSED),
    ("custom-action.json", PRESSED),
    ("field/01-lbc-alb-rule.json", NONE), // rules of a security group, no event
    ("field/01b-lbc-nlb-rule.json", NONE),
    ("field/02-guardduty-attack-sequence.json", GUARD_DUTY),
    ("field/03-guardduty-runtime-container.json", GUARD_DUTY),
    ("field/04-crowdstrike-bare-id-no-partition.json", PRESSED),
    ("field/06-imported-linked-region.json", IMPORTED),
    ("field/07-central-tool-account.json", PRESSED),
    ("field/08-mistyped-resource-type.json", PRESSED),
    ("field/11-non-ascii-ids.json", PRESSED),
    ("field/18-sns-envelope.json", NONE), // made of an event after a rule let it through
    ("field/18b-input-transformer-string.json", NONE),
    ("field/19-imported-twelve-instances.json", IMPORTED),
    ("field/21-press-suppressed.json", PRESSED),
    ("field/23-sample-in-value-text.json", IMPORTED),
    ("field/27a-same-finding-member.json", IMPORTED),
    ("field/27b-same-finding-admin.json", IMPORTED),
    ("field/33b-tag-value-null-elsewhere.json", PRESSED),
    ("field/34-ocsf-imported-v2.json", NONE), // no words for severity and status, which Security Hub fills in
    ("field/42-guardduty-tags-as-object.json", GUARD_DUTY),
    ("found/found-unpaired-surrogate.json", NONE), // found by fuzzing, no JSON
    ("guard-duty-access-key.json", NONE),          // no instance
    ("guard-duty-china.json", GUARD_DUTY),
    ("guard-duty-coverage.json", NONE), // no finding
    ("guard-duty-sample.json", GUARD_DUTY),
    ("guard-duty.json", GUARD_DUTY),
    ("imported-after-our-note.json", NONE), // NOTIFIED: the operator's own note
    ("imported-control.json", NONE),        // no instance
    ("imported-us-gov.json", NONE),         // its severity has no label
    ("imported.json", IMPORTED),
    ("insight-results.json", NONE), // a custom action on an insight, not on findings
    ("ocsf-in-progress.json", IN_PROGRESS_V2),
    ("ocsf-imported-v2.json", NEW_V2),
    ("README.md", NONE),
];

/// Parameters that aren't left at their defaults.
fn settings() -> BTreeMap<&'static str, Value> {
    BTreeMap::from([
        ("ImportedSeverities", json!(["HIGH", "CRITICAL"])),
        ("NewSeveritiesV2", json!(["High", "Critical"])),
    ])
}

fn fixture(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FIXTURES).join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Everything below the folder of fixtures.
fn there() -> BTreeSet<String> {
    fn below(folder: &Path, within: &str, names: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).expect("the folder of fixtures is part of the layout") {
            let entry = entry.expect("a folder can be read");
            let name = format!("{within}{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                below(&entry.path(), &format!("{name}/"), names);
            } else {
                names.insert(name);
            }
        }
    }
    let mut names = BTreeSet::new();
    below(&Path::new(env!("CARGO_MANIFEST_DIR")).join(FIXTURES), "", &mut names);
    names
}

/// The rules' patterns, as CloudFormation makes them in the account, region and partition of this event.
fn patterns(event: &Value) -> BTreeMap<String, Value> {
    let template: Value = serde_saphyr::from_str(TEMPLATE).expect("a template is YAML");
    let resources = template["Resources"].as_object().expect("a template has resources").iter();
    let rules = resources.filter(|(_, resource)| resource["Type"] == "AWS::Events::Rule");
    let resolve = |pattern: &Value| resolved(pattern, &template["Parameters"], event);
    rules.map(|(name, rule)| (name.clone(), resolve(&rule["Properties"]["EventPattern"]))).collect()
}

/// The parser drops the tags !Ref and !Sub: a text that is a parameter's name stands for its value.
fn resolved(value: &Value, parameters: &Value, event: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), resolved(value, parameters, event))).collect()
        }
        Value::Array(values) => values.iter().map(|value| resolved(value, parameters, event)).collect(),
        Value::String(text) if parameters.get(text).is_some() => {
            let default = &parameters[text]["Default"];
            let listed = parameters[text]["Type"] == "CommaDelimitedList";
            settings().get(text.as_str()).cloned().unwrap_or(if listed { json!([default]) } else { default.clone() })
        }
        Value::String(text) => substituted(text, parameters, event).into(),
        other => other.clone(),
    }
}

fn substituted(text: &str, parameters: &Value, event: &Value) -> String {
    let region = event["region"].as_str().unwrap_or_default();
    let partition = match region.split('-').next() {
        Some("cn") => "aws-cn",
        _ if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    };
    let account = event["account"].as_str().unwrap_or_default();
    let own = [("AWS::Partition", partition), ("AWS::Region", region), ("AWS::AccountId", account)];
    let text = own.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("${{{name}}}"), value));
    let parameters = parameters.as_object().expect("a template has parameters").iter();
    let text = parameters.fold(text, |text, (name, parameter)| {
        text.replace(&format!("${{{name}}}"), parameter["Default"].as_str().unwrap_or_default())
    });
    assert!(!text.contains("${"), "{text} isn't resolved");
    text
}

/// What Security Hub fills in where a product doesn't say its name ("Required top-level ASFF attributes", User Guide).
fn as_sent(mut event: Value) -> Value {
    if event["detail-type"] == "Security Hub Findings - Imported" {
        for finding in event["detail"]["findings"].as_array_mut().expect("a list of findings") {
            if finding.get("ProductName").is_none()
                && finding["ProductArn"].as_str().is_some_and(|arn| arn.ends_with("/aws/guardduty"))
            {
                finding["ProductName"] = "GuardDuty".into();
            }
        }
    }
    event
}

/// The rules that let this event through.
fn taken(event: &Value) -> Vec<String> {
    let patterns = patterns(event);
    patterns.into_iter().filter(|(_, pattern)| matcher::matches(pattern, event)).map(|(rule, _)| rule).collect()
}

#[test]
fn each_fixture_is_let_through_by_the_rules_that_it_is_for_and_by_no_other() {
    let named: BTreeSet<String> = TAKEN.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(named, there(), "each fixture has its row");
    let events = TAKEN.iter().filter(|(name, _)| name.ends_with(".json") && !name.starts_with("found/"));
    for (name, rules) in events {
        assert_eq!(taken(&as_sent(fixture(name))), *rules, "{name}");
    }
}

#[test]
fn each_rule_lets_something_through() {
    let rules: BTreeSet<String> = patterns(&fixture("guard-duty.json")).into_keys().collect();
    let used: BTreeSet<String> = TAKEN.iter().flat_map(|(_, rules)| *rules).map(|rule| (*rule).to_owned()).collect();
    assert_eq!(rules, used);
}

/// The fixture with these values at these paths; null takes a field away.
fn changed(name: &str, changes: &[(&str, Value)]) -> Value {
    let mut event = as_sent(fixture(name));
    for (path, value) in changes {
        let (parent, field) = path.rsplit_once('/').expect("a path has a field");
        let parent = event.pointer_mut(parent).unwrap_or_else(|| panic!("{name} has {parent}"));
        match value {
            Value::Null => drop(parent.as_object_mut().expect("an object").remove(field)),
            value => parent[field] = value.clone(),
        }
    }
    event
}

#[test]
fn guard_dutys_rule_takes_what_names_an_instance_and_attack_sequences_and_leaves_the_rest() {
    const RUNTIME: &str = "field/03-guardduty-runtime-container.json";
    const SEQUENCE: &str = "field/02-guardduty-attack-sequence.json";
    for kind in ["Instance", "Container", "EKSCluster", "ECSCluster"] {
        let kind = ("/detail/resource/resourceType", json!(kind));
        assert_eq!(taken(&changed(RUNTIME, std::slice::from_ref(&kind))), GUARD_DUTY, "{kind:?}");
        let of_no_instance = [kind.clone(), ("/detail/resource/instanceDetails", Value::Null)];
        assert_eq!(taken(&changed(RUNTIME, &of_no_instance)), NONE, "{kind:?}, as findings of the audit log are");
    }
    for kind in ["AccessKey", "S3Bucket", "RDSDBInstance", "Lambda"] {
        assert_eq!(taken(&changed(RUNTIME, &[("/detail/resource/resourceType", json!(kind))])), NONE, "{kind}");
    }
    for name in [RUNTIME, SEQUENCE, "guard-duty.json", "field/42-guardduty-tags-as-object.json"] {
        for (path, value) in [
            ("/detail/severity", json!(6.9)),
            ("/detail/service/archived", json!(true)),
            ("/detail-type", json!("GuardDuty Runtime Protection Unhealthy")),
            ("/source", json!("custom.guardduty")),
        ] {
            assert_eq!(taken(&changed(name, &[(path, value.clone())])), NONE, "{name}: {path} = {value}");
        }
    }
}

#[test]
fn the_imported_rule_takes_new_active_findings_of_its_severities_and_products_about_an_instance() {
    const LINKED: &str = "field/06-imported-linked-region.json";
    let with =
        |path: &str, value: Value| taken(&changed("imported.json", &[(&format!("/detail/findings/0/{path}"), value)]));
    assert_eq!(taken(&changed(LINKED, &[])), IMPORTED, "of another region than the event's");
    for (path, value) in [
        ("Severity/Label", json!("MEDIUM")),
        ("Workflow/Status", json!("NOTIFIED")),
        ("RecordState", json!("ARCHIVED")),
        ("ProductName", json!("Inspector")),
        ("Resources", json!([{"Type": "AwsIamRole", "Id": "arn:aws:iam::211122223344:role/i-0a1b2c3d4e5f60718"}])),
    ] {
        assert_eq!(with(path, value.clone()), NONE, "{path} = {value}");
    }
}

#[test]
fn an_imported_finding_counts_by_its_instances_arn_too_where_its_type_is_misspelt_or_other() {
    const ARN: &str = "arn:aws:ec2:eu-central-1:211122223344:instance/i-0a1b2c3d4e5f60718";
    let with = |kind: &str, id: &str| {
        let resources = json!([{"Type": "AwsIamRole", "Id": "r"}, {"Type": kind, "Id": id}]);
        taken(&changed("imported.json", &[("/detail/findings/0/Resources", resources)]))
    };
    assert_eq!(with("Other", ARN), IMPORTED);
    assert_eq!(with("AwsEc2Instnace", ARN), IMPORTED);
    assert_eq!(with("AwsEc2Instnace", "i-0a1b2c3d4e5f60718"), IMPORTED);
    assert_eq!(with("Other", "arn:aws:s3:::instance"), NONE);
}

#[test]
fn the_newer_hubs_rules_take_what_is_new_and_what_somebody_took_up_about_an_instance() {
    let with =
        |name: &str, path: &str, value: Value| taken(&changed(name, &[(&format!("/detail/findings/0/{path}"), value)]));
    let bucket = json!([{"type": "AWS::S3::Bucket", "uid": "arn:aws:s3:::b"}]);
    for (path, value) in [
        ("severity", json!("Medium")),
        ("status", json!("Resolved")),
        ("metadata/product/name", json!("Inspector")),
        ("resources", bucket.clone()),
    ] {
        assert_eq!(with("ocsf-imported-v2.json", path, value.clone()), NONE, "{path} = {value}");
    }
    assert_eq!(with("ocsf-in-progress.json", "severity", json!("Low")), IN_PROGRESS_V2, "a person chooses");
    assert_eq!(with("ocsf-in-progress.json", "status", json!("Suppressed")), NONE);
    assert_eq!(with("ocsf-in-progress.json", "resources", bucket), NONE);
}

#[test]
fn only_its_own_custom_action_fills_the_queue() {
    let other = json!(["arn:aws:securityhub:eu-central-1:211122223344:action/custom/Ticket"]);
    assert_eq!(taken(&changed("custom-action.json", &[("/resources", other)])), NONE);
}
