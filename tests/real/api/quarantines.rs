//! Quarantines that the API server refuses, and with which words.

use super::sample::{INSTANCE, PRODUCT};

// The target.
refused! { quarantine;
    a_target_is_needed: {"target": null} => "spec.target", "Required value";
    a_target_without_instance_and_finding_names_both: {"target": {"instance": null}}
        => "spec.target", "exactly one of instance and finding must be given";
    two_targets_are_one_too_many: {"target": {"finding": {"id": "finding-1", "region": "eu-central-1"}}}
        => "spec.target", "exactly one of instance and finding must be given";
    an_instance_needs_its_id: {"target": {"instance": {"id": null}}} => "spec.target.instance.id", "Required value";
    an_instance_needs_its_region: {"target": {"instance": {"region": null}}}
        => "spec.target.instance.region", "Required value";
    an_instance_id_that_is_too_short: {"target": {"instance": {"id": "i-0123"}}}
        => "spec.target.instance.id", "i- and 17 (or, for old instances, 8) lower-case hexadecimal digits";
    an_instance_id_of_16_digits: {"target": {"instance": {"id": "i-0123456789abcdef"}}}
        => "spec.target.instance.id", "such as i-0123456789abcdef0";
    an_instance_id_in_upper_case: {"target": {"instance": {"id": "i-0123456789ABCDEF0"}}}
        => "spec.target.instance.id", "lower-case hexadecimal digits";
    an_arn_for_an_instance_id: {"target": {"instance": {"id": "arn:aws:ec2:eu-central-1:111122223333:instance/i-0123456789abcdef0"}}}
        => "spec.target.instance.id", "must be an EC2 instance id";
    an_availability_zone_for_a_region: {"target": {"instance": {"region": "eu-central-1a"}}}
        => "spec.target.instance.region", "such as eu-central-1 (not an Availability Zone";
    a_local_zone_for_a_region: {"target": {"instance": {"region": "us-west-2-lax-1"}}}
        => "spec.target.instance.region", "must be an AWS region";
    a_region_longer_than_the_status_can_hold: {"target": {"instance": {"region": "eu-centralcentralcentralcentral-1"}}}
        => "spec.target.instance.region", "must be an AWS region";
    an_account_id_of_11_digits: {"target": {"instance": {"accountId": "11112222333"}}}
        => "spec.target.instance.accountId", "12 digits, in quotes, such as \"111122223333\"";
    an_account_id_without_quotes: {"target": {"instance": {"accountId": 111122223333_u64}}}
        => "spec.target.instance.accountId", "must be of type string";
}

refused! { by_finding;
    a_finding_needs_its_region: {"target": {"finding": {"region": null}}} => "spec.target.finding.region", "Required value";
    an_empty_finding_id: {"target": {"finding": {"id": ""}}} => "spec.target.finding.id", "at least 1 chars long";
    a_finding_of_a_malformed_product: {"target": {"finding": {"productArn": "aws/guardduty"}}}
        => "spec.target.finding.productArn", "such as arn:aws:securityhub:eu-central-1::product/aws/guardduty";
    a_malformed_instance_id_beside_a_finding: {"target": {"finding": {"instanceId": "web-1"}}}
        => "spec.target.finding.instanceId", "such as i-0123456789abcdef0";
}

// All the rest.
refused! { quarantine;
    a_class_name_that_no_object_can_have: {"className": "Incident_Response"}
        => "spec.className", "lower-case letters, digits, - and .";
    an_empty_class_name: {"className": ""} => "spec.className", "must be the name of a QuarantineClass";
    a_malformed_security_group_id: {"securityGroupId": "isolation"}
        => "spec.securityGroupId", "such as sg-0123456789abcdef0";
    a_reason_longer_than_an_event_can_hold: {"reason": "x".repeat(1_025)} => "spec.reason", "may not be more than 1024";
    an_unknown_mode: {"mode": "Audit"} => "spec.mode", "supported values: \"Enforce\", \"DryRun\"";
    a_suspend_in_quotes: {"suspend": "true"} => "spec.suspend", "must be of type boolean";
    twenty_one_findings: {"findings": findings(21)} => "spec.findings", "must have at most 20 items";
    a_finding_to_inform_needs_its_product: {"findings": [{"id": "a", "region": "eu-central-1"}]}
        => "spec.findings[0].productArn", "Required value";
    a_finding_to_inform_of_a_malformed_product:
        {"findings": [{"id": "a", "region": "eu-central-1", "productArn": "arn:aws:iam::111122223333:role/x"}]}
        => "spec.findings[0].productArn", "must be the ARN of a Security Hub product";
    a_finding_to_inform_in_an_availability_zone:
        {"findings": [{"id": "a", "region": "eu-central-1a", "productArn": PRODUCT}]}
        => "spec.findings[0].region", "not an Availability Zone";
    the_same_finding_twice: {"findings": [finding("a"), finding("b"), finding("a")]}
        => "spec.findings[2]", "Duplicate value";
    a_null_among_the_findings: {"findings": [null]} => "spec.findings[0]", "must be of type object";
    an_unknown_release_policy: {"release": {"policy": "Delete"}}
        => "spec.release.policy", "supported values: \"Restore\", \"Retain\"";
    an_unknown_way_with_missing_groups: {"release": {"missingGroups": "Ignore"}}
        => "spec.release.missingGroups", "supported values: \"Hold\", \"Drop\"";
}

fn finding(id: &str) -> serde_json::Value {
    serde_json::json!({"id": id, "region": "eu-central-1", "productArn": PRODUCT})
}

fn findings(number: usize) -> Vec<serde_json::Value> {
    (0..number).map(|n| finding(&format!("{INSTANCE}/{n}"))).collect()
}
