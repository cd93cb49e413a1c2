//! Edits that the API server refuses: what is fixed for an object's life, and what would lose the way back.

use super::sample::{INSTANCE, create, quarantine, refused};
use kube::{
    ResourceExt,
    api::{DeleteParams, DynamicObject, Patch, PatchParams},
};
use serde_json::{Value, json};

refused_later! { quarantine;
    the_class_is_named_later: {"className": null}, then {"className": "b"} => "spec.className", "className is immutable";
    the_class_is_changed: {"className": "a"}, then {"className": "b"}
        => "spec.className", "delete this Quarantine and create one of the other class";
    the_class_is_removed: {"className": "a"}, then {"className": null} => "spec.className", "className is immutable";
    the_security_group_is_named_later: {}, then {"securityGroupId": "sg-76543210"}
        => "spec.securityGroupId", "securityGroupId is immutable";
    the_security_group_is_changed: {"securityGroupId": "sg-01234567"}, then {"securityGroupId": "sg-76543210"}
        => "spec.securityGroupId", "delete this Quarantine and create one with the other group";
    the_security_group_is_removed: {"securityGroupId": "sg-01234567"}, then {"securityGroupId": null}
        => "spec.securityGroupId", "securityGroupId is immutable";
    the_instance_is_changed: {}, then {"target": {"instance": {"id": "i-0fedcba9876543210"}}}
        => "spec.target", "create a Quarantine of its own for the other instance";
    the_region_is_changed: {}, then {"target": {"instance": {"region": "us-east-1"}}}
        => "spec.target", "target is immutable";
    the_account_is_named_later: {}, then {"target": {"instance": {"accountId": "111122223333"}}}
        => "spec.target", "target is immutable";
    the_instance_becomes_a_finding: {}, then {"target": {"instance": null, "finding": {"id": "a", "region": "us-east-1"}}}
        => "spec.target", "target is immutable";
    the_target_is_removed: {}, then {"target": null} => "spec.target", "Required value";
    what_is_enforced_becomes_a_dry_run: {"mode": "Enforce"}, then {"mode": "DryRun"}
        => "spec.mode", "to give the instance back, delete the Quarantine";
    what_is_enforced_by_default_becomes_a_dry_run: {}, then {"mode": "DryRun"}
        => "spec.mode", "mode moves only from DryRun to Enforce";
}

refused_later! { by_finding;
    which_of_a_findings_instances_is_named_later: {}, then {"target": {"finding": {"instanceId": INSTANCE}}}
        => "spec.target", "target is immutable";
}

refused_later! { managed;
    the_made_group_is_renamed: {}, then {"securityGroup": {"managed": {"name": "other"}}}
        => "spec.securityGroup.managed.name", "make a class of its own for the other name";
}

#[tokio::test]
async fn rule_02_recorded_originals_are_not_overwritten() {
    refused_for_a_record("Isolated", json!({"originalSecurityGroups": ["sg-3"]}), "originalSecurityGroups", "Retain")
        .await;
}

#[tokio::test]
async fn rule_02_recorded_originals_are_not_shortened() {
    refused_for_a_record("Refused", json!({"originalSecurityGroups": ["sg-2"]}), "originalSecurityGroups", "Retain")
        .await;
}

#[tokio::test]
async fn rule_02_recorded_originals_are_not_removed() {
    refused_for_a_record("Restoring", json!({"originalSecurityGroups": null}), "originalSecurityGroups", "Retain")
        .await;
}

#[tokio::test]
async fn isolation_groups_are_not_forgotten() {
    refused_for_a_record("Isolated", json!({"isolationGroups": ["sg-9"]}), "isolationGroups", "only grows").await;
}

#[tokio::test]
async fn a_record_that_is_accounted_for_may_be_made_anew() {
    edit_a_record("Gone", json!({"originalSecurityGroups": ["sg-3"], "isolationGroups": ["sg-9"]}))
        .await
        .expect("the edit is accepted");
}

async fn refused_for_a_record(state: &str, change: Value, field: &str, fix: &str) {
    refused(edit_a_record(state, change).await, &format!("status.interfaces[0].{field}"), fix);
}

/// Writes a record, then the changed one. Suspended, so that an operator on the same API server only looks on.
async fn edit_a_record(state: &str, change: Value) -> kube::Result<DynamicObject> {
    let (api, claim) = create(quarantine(json!({"suspend": true}))).await;
    let write = async |record: &Value| {
        let patch = json!({"status": {"interfaces": [record]}});
        api.patch_status(&claim.name_any(), &PatchParams::default(), &Patch::Merge(patch)).await
    };
    let mut record = json!({
        "id": "eni-1", "vpcId": "vpc-1", "state": state, "recordedAt": "2026-01-01T00:00:00Z",
        "originalSecurityGroups": ["sg-1", "sg-2"], "isolationGroups": ["sg-0"],
    });
    write(&record).await.expect("a first record is accepted");
    let first = record.clone();
    for (key, value) in change.as_object().expect("a change of fields") {
        record[key] = value.clone();
    }
    let answer = write(&record).await;
    let mut let_go = first;
    let_go["state"] = json!("Retained");
    let _ = write(&let_go).await;
    let _ = api.delete(&claim.name_any(), &DeleteParams::default()).await;
    answer
}
