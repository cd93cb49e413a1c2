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
        ("aws.securityhub", "Findings Imported V2") => {
            let lacking = |finding: &Value| {
                ["/finding_info/uid", "/metadata/product/uid", "/cloud/account/uid"]
                    .into_iter()
                    .find(|path| finding.pointer(path).and_then(Value::as_str).is_none_or(str::is_empty))
            };
            match list(&event["detail"]["findings"]) {
                [] => Some("no findings".to_owned()),
                findings => findings.iter().find_map(lacking).map(|path| format!("a finding without {path}")),
            }
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
    let of = if event["detail-type"] == "Findings Imported V2" { of_newer_hub } else { of_security_hub };
    findings.iter().map(of).collect()
}

/// Of one id: where ARNs say that it lies, and where no more than its surroundings do.
#[derive(Default)]
struct Said {
    told: BTreeSet<[String; 3]>,
    assumed: BTreeSet<[String; 3]>,
}

#[derive(Default)]
struct Collected(BTreeMap<String, Said>);

impl Collected {
    /// `beside` is where a bare id lies, if a bare id counts; and whether that is certain.
    fn add(&mut self, id: &str, beside: Option<([String; 3], bool)>) {
        let parts: Vec<&str> = id.splitn(6, ':').collect();
        let (id, place, certain) = match (&parts[..], beside) {
            (["arn", partition, "ec2", region, account_id, path], _) => {
                let Some(id) = path.strip_prefix("instance/") else { return };
                (id, [partition, region, account_id].map(|part| (*part).to_owned()), true)
            }
            ([id], Some((place, certain))) => (*id, place, certain),
            _ => return,
        };
        let [partition, region, account_id] = &place;
        if is_sound(id, partition, region, account_id) {
            let said = self.0.entry(id.to_owned()).or_default();
            if certain { &mut said.told } else { &mut said.assumed }.insert(place);
        }
    }

    fn in_one_place(self) -> Places {
        let mut places = Places::new();
        for (id, Said { told, assumed }) in self.0 {
            let one = if told.is_empty() { assumed } else { told };
            if one.len() == 1 {
                places.extend(one.into_iter().map(|[_, region, account_id]| (id.clone(), account_id, region)));
            }
        }
        places
    }
}

const GROUPS: [&str; 6] = [
    "autoscalingAutoScalingGroup",
    "cloudformationStack",
    "ec2Image",
    "ec2LaunchTemplate",
    "ec2Vpc",
    "iamInstanceProfile",
];

const TYPES: [&str; 4] = ["AwsEc2Instance", "AWS::EC2::Instance", "Instance", "EC2_INSTANCE"];

fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn first(words: [String; 2]) -> String {
    words.into_iter().find(|word| !word.is_empty()).unwrap_or_default()
}

/// The partition in an ARN of anything.
fn partition_in(arn: &str) -> String {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    match parts[..] {
        ["arn", partition, service, _, _, path]
            if is_partition(partition) && !service.is_empty() && !path.is_empty() =>
        {
            partition.to_owned()
        }
        _ => String::new(),
    }
}

fn of_newer_hub(finding: &Value) -> Places {
    let mut found = Collected::default();
    for resource in list(&finding["resources"]) {
        let region = first([word(&resource["region"]), word(&finding["cloud"]["region"])]);
        let partition = first([
            word(&resource["cloud_partition"]),
            first([partition_in(&word(&finding["metadata"]["product"]["uid"])), partition_of(&region).to_owned()]),
        ]);
        let owner = word(&resource["owner"]["account"]["uid"]);
        let certain = !owner.is_empty();
        let place = [partition, region, first([owner, word(&finding["cloud"]["account"]["uid"])])];
        let is_instance = TYPES.contains(&word(&resource["type"]).as_str());
        let ids = [word(&resource["uid_alt"]), word(&resource["uid"])];
        let whole = |id: &&String| {
            let parts: Vec<&str> = id.splitn(6, ':').collect();
            matches!(parts[..], ["arn", partition, "ec2", region, account_id, path]
                if path.strip_prefix("instance/").is_some_and(|id| is_sound(id, partition, region, account_id)))
        };
        let id = ids.iter().find(whole).or_else(|| ids.iter().find(|id| is_hex_id(id, "i-"))).unwrap_or(&ids[1]);
        found.add(id, is_instance.then(|| (place.clone(), certain)));
    }
    found.in_one_place()
}

fn of_security_hub(finding: &Value) -> Places {
    let mut found = Collected::default();
    for resource in list(&finding["Resources"]) {
        let region = first([word(&resource["Region"]), word(&finding["Region"])]);
        let partition = first([word(&resource["Partition"]), partition_in(&word(&finding["ProductArn"]))]);
        let partition = first([partition, partition_of(&region).to_owned()]);
        let counts = TYPES.contains(&word(&resource["Type"]).as_str());
        let beside = counts.then(|| ([partition, region, word(&finding["AwsAccountId"])], false));
        found.add(&word(&resource["Id"]), beside);
    }
    found.in_one_place()
}

fn of_guard_duty(finding: &Value) -> Places {
    let region = word(&finding["region"]);
    let account_id = word(&finding["accountId"]);
    let partition = first([word(&finding["partition"]), partition_in(&word(&finding["arn"]))]);
    let partition = first([partition, partition_of(&region).to_owned()]);
    let here = |account_id: &str| Some(([partition.clone(), region.clone(), account_id.to_owned()], true));
    let mut found = Collected::default();
    let resources = list(&finding["service"]["detection"]["sequence"]["resources"]);
    let of_instances = || resources.iter().filter(|one| one["resourceType"] == "EC2_INSTANCE");
    let id = |uid: &str| {
        let mut alone = Collected::default();
        alone.add(uid, None);
        alone.in_one_place().pop_first().map_or_else(|| uid.to_owned(), |(id, _, _)| id)
    };
    let known: BTreeSet<String> = of_instances().map(|one| id(&word(&one["uid"]))).collect();
    for one in resources {
        let account_id = first([word(&one["accountId"]), account_id.clone()]);
        let counts = TYPES.contains(&word(&one["resourceType"]).as_str());
        let place = [
            first([word(&one["cloudPartition"]), partition.clone()]),
            first([word(&one["region"]), region.clone()]),
            account_id.clone(),
        ];
        found.add(&word(&one["uid"]), counts.then_some((place, true)));
        for group in GROUPS {
            let uids = list(&one["data"][group]["ec2InstanceUids"]).iter().map(word);
            for uid in uids.filter(|uid| !known.contains(&id(uid))) {
                found.add(&uid, here(&account_id));
            }
        }
    }
    found.add(&word(&finding["resource"]["instanceDetails"]["instanceId"]), here(&account_id));
    found.in_one_place()
}

fn partition_of(region: &str) -> &'static str {
    match region.split('-').collect::<Vec<_>>()[..] {
        ["cn", ..] => "aws-cn",
        ["eusc", ..] => "aws-eusc",
        ["us", "gov", ..] => "aws-us-gov",
        ["us", "iso", ..] => "aws-iso",
        ["us", "isob", ..] => "aws-iso-b",
        ["eu", "isoe", ..] => "aws-iso-e",
        ["us" | "eu", "isof", ..] => "aws-iso-f",
        _ => "aws",
    }
}

fn is_partition(partition: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte == b'-';
    partition.starts_with("aws") && partition.len() <= 32 && partition.bytes().all(allowed)
}

fn is_sound(id: &str, partition: &str, region: &str, account_id: &str) -> bool {
    is_hex_id(id, "i-")
        && is_region(region)
        && account_id.len() == 12
        && account_id.bytes().all(|byte| byte.is_ascii_digit())
        && is_partition(partition)
}
