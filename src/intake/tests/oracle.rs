//! What a message names, found by walking its JSON: another way than the code under test goes.

use super::fits::{is_hex_id, is_region};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Instances as (id, account, region).
pub type Places = BTreeSet<(String, String, String)>;

/// Why this message isn't one that may be taken for understood. None: it is.
pub fn objection(event: &Value) -> Option<String> {
    let word = |field: &str| event[field].as_str().unwrap_or_default();
    let kind = (word("source"), word("detail-type"));
    match kind {
        ("aws.securityhub", "Security Hub Findings - Custom Action" | "Security Hub Findings - Imported") => {
            let findings = event["detail"]["findings"].as_array().map(Vec::as_slice).unwrap_or_default();
            if findings.is_empty() {
                return Some("no findings".to_owned());
            }
            let lacking = |finding: &Value| {
                ["Id", "ProductArn", "AwsAccountId"]
                    .into_iter()
                    .find(|field| finding[field].as_str().is_none_or(str::is_empty))
            };
            findings.iter().find_map(lacking).map(|field| format!("a finding without {field}"))
        }
        ("aws.guardduty", "GuardDuty Finding") => ["id", "accountId", "type", "region"]
            .into_iter()
            .find(|field| event["detail"][field].as_str().is_none())
            .map(|field| format!("a finding without {field}")),
        other => Some(format!("{other:?}")),
    }
}

/// The instances of each finding, in order.
pub fn places(event: &Value) -> Vec<Places> {
    if event["source"] == "aws.guardduty" {
        return vec![of_guard_duty(&event["detail"])];
    }
    let findings = event["detail"]["findings"].as_array().map(Vec::as_slice).unwrap_or_default();
    findings.iter().map(of_security_hub).collect()
}

fn of_security_hub(finding: &Value) -> Places {
    let mut found = BTreeMap::<String, BTreeSet<[String; 3]>>::new();
    let resources = finding["Resources"].as_array().map(Vec::as_slice).unwrap_or_default();
    for resource in resources.iter().filter(|resource| resource["Type"] == "AwsEc2Instance") {
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let id = word(&resource["Id"]);
        let parts: Vec<&str> = id.split(':').collect();
        let (id, partition, region, account_id) = match parts[..] {
            ["arn", partition, "ec2", region, account_id, path] => {
                let Some(id) = path.strip_prefix("instance/") else { continue };
                (id.to_owned(), partition.to_owned(), region.to_owned(), account_id.to_owned())
            }
            [id] => {
                (id.to_owned(), word(&resource["Partition"]), word(&resource["Region"]), word(&finding["AwsAccountId"]))
            }
            _ => continue,
        };
        if is_sound(&id, &partition, &region, &account_id) {
            found.entry(id).or_default().insert([partition, region, account_id]);
        }
    }
    let one_place = found.into_iter().filter(|(_, places)| places.len() == 1);
    one_place
        .flat_map(|(id, places)| {
            places.into_iter().map(move |[_, region, account_id]| (id.clone(), account_id, region))
        })
        .collect()
}

fn of_guard_duty(finding: &Value) -> Places {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let id = word(&finding["resource"]["instanceDetails"]["instanceId"]);
    let (region, account_id) = (word(&finding["region"]), word(&finding["accountId"]));
    if is_sound(&id, &word(&finding["partition"]), &region, &account_id) {
        [(id, account_id, region)].into()
    } else {
        Places::new()
    }
}

fn is_sound(id: &str, partition: &str, region: &str, account_id: &str) -> bool {
    let of_partition = |byte: u8| byte.is_ascii_lowercase() || byte == b'-';
    is_hex_id(id, "i-")
        && is_region(region)
        && account_id.len() == 12
        && account_id.bytes().all(|byte| byte.is_ascii_digit())
        && partition.starts_with("aws")
        && partition.len() <= 32
        && partition.bytes().all(of_partition)
}
