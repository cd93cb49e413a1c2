//! Security Hub's types to `model::asff`, which reads them, and back. What a finding means for a claim is decided elsewhere.

use super::required;
use crate::model::asff::{
    Asff, AsffNote, AsffResource, AsffSeverity, AsffWorkflow, Details, InstanceDetails, ProductFields,
};
use crate::model::finding::{
    CustomActionSight, Finding, FindingChange, FindingKey, NOTE_AUTHOR, SampleMark, Unprocessed, Workflow,
};
use crate::model::json::{AtMost, Object};
use crate::model::problem::Problem;
use aws_sdk_securityhub::types as sdk;
use std::collections::BTreeMap;

/// From GetFindings. Errors: why the finding can't be understood, in a sentence.
pub fn finding(given: &sdk::AwsSecurityFinding) -> Result<Finding, String> {
    let own = |text: Option<&str>| text.map(str::to_owned);
    let asff = Asff {
        id: own(given.id()),
        product_arn: own(given.product_arn()),
        aws_account_id: own(given.aws_account_id()),
        region: own(given.region()),
        title: own(given.title()),
        types: Some(given.types().iter().cloned().map(Some).collect()),
        severity: given.severity().map(|severity| {
            Object(AsffSeverity {
                label: severity.label().map(|label| label.as_str().to_owned()),
                normalized: severity.normalized().map(f64::from),
            })
        }),
        record_state: given.record_state().map(|state| state.as_str().to_owned()),
        workflow: given.workflow().map(|workflow| {
            Object(AsffWorkflow { status: workflow.status().map(|status| status.as_str().to_owned()) })
        }),
        sample: given.sample(),
        product_fields: given.product_fields().map(|fields| {
            let mark = |path: &str| fields.get(path).map_or(SampleMark::Absent, |text| SampleMark::Text(text.clone()));
            Object(ProductFields { sample: mark(ProductFields::SAMPLE), value: mark(ProductFields::VALUE) })
        }),
        updated_at: own(given.updated_at()),
        note: given.note().map(|note| Object(AsffNote { text: own(note.text()), updated_by: own(note.updated_by()) })),
        user_defined_fields: map(given.user_defined_fields()),
        resources: AtMost(given.resources().iter().map(|one| Some(Object(resource(one)))).collect()),
    };
    asff.understand()
}

fn resource(given: &sdk::Resource) -> AsffResource {
    let own = |text: Option<&str>| text.map(str::to_owned);
    let vpc_id = given.details().and_then(|details| details.aws_ec2_instance()).and_then(|instance| instance.vpc_id());
    let instance = InstanceDetails { vpc_id: own(vpc_id) };
    AsffResource {
        kind: own(given.r#type()),
        id: own(given.id()),
        partition: given.partition().map(|partition| partition.as_str().to_owned()),
        region: own(given.region()),
        tags: map(given.tags()),
        details: Some(Object(Details { aws_ec2_instance: Some(Object(instance)) })),
    }
}

fn map<'a>(given: Option<impl IntoIterator<Item = (&'a String, &'a String)>>) -> BTreeMap<String, String> {
    given.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// For GetFindings: findings of these ids, of whatever product. Values of one filter are alternatives
/// ("AwsSecurityFindingFilters", AWS Security Hub API Reference).
pub fn filters_by_id(ids: &[String]) -> sdk::AwsSecurityFindingFilters {
    let equals = |id| sdk::StringFilter::builder().comparison(sdk::StringFilterComparison::Equals).value(id).build();
    sdk::AwsSecurityFindingFilters::builder().set_id(Some(ids.iter().map(equals).collect())).build()
}

/// For BatchUpdateFindings, which wants both halves of the key.
pub fn identifier(id: &str, product_arn: &str) -> sdk::AwsSecurityFindingIdentifier {
    sdk::AwsSecurityFindingIdentifier::builder().id(id).product_arn(product_arn).build()
}

pub fn note(change: &FindingChange) -> Option<sdk::NoteUpdate> {
    let text = change.note.as_deref()?;
    Some(sdk::NoteUpdate::builder().text(text).updated_by(NOTE_AUTHOR).build())
}

pub fn workflow_update(workflow: Workflow) -> sdk::WorkflowUpdate {
    let status = match workflow {
        Workflow::New => sdk::WorkflowStatus::New,
        Workflow::Notified => sdk::WorkflowStatus::Notified,
        Workflow::Resolved => sdk::WorkflowStatus::Resolved,
        Workflow::Suppressed => sdk::WorkflowStatus::Suppressed,
    };
    sdk::WorkflowUpdate::builder().status(status).build()
}

/// From BatchUpdateFindings.
pub fn unprocessed(
    operation: &'static str,
    given: &sdk::BatchUpdateFindingsUnprocessedFinding,
) -> Result<Unprocessed, Problem> {
    let named = given.finding_identifier();
    Ok(Unprocessed {
        key: FindingKey {
            id: required("the id of an unprocessed finding", named.and_then(|named| named.id()))?,
            product_arn: named.and_then(|named| named.product_arn()).map(str::to_owned),
            account_id: None,
        },
        operation,
        code: given.error_code().unwrap_or_default().to_owned(),
        message: given.error_message().unwrap_or_default().to_owned(),
    })
}

/// From DescribeActionTargets.
pub fn custom_action(given: &sdk::ActionTarget) -> Result<CustomActionSight, Problem> {
    Ok(CustomActionSight {
        arn: required("a custom action's ARN", given.action_target_arn())?,
        name: given.name().unwrap_or_default().to_owned(),
        description: given.description().unwrap_or_default().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:ec2:eu-central-1:111122223333:instance/i-0123456789abcdef0";

    fn given() -> sdk::builders::AwsSecurityFindingBuilder {
        let product = "arn:aws:securityhub:eu-central-1::product/aws/guardduty";
        sdk::AwsSecurityFinding::builder().id("finding-1").product_arn(product).aws_account_id("111122223333")
    }

    /// The same finding, as an event brings it.
    fn in_an_event(json: serde_json::Value) -> Result<Finding, String> {
        let Object(asff) = serde_json::from_value::<Object<Asff>>(json).expect("ASFF");
        asff.understand()
    }

    #[test]
    fn a_finding_is_the_same_whether_an_event_brings_it_or_getfindings() {
        let details = sdk::AwsEc2InstanceDetails::builder().vpc_id("vpc-1").build();
        let resource = |kind: &str, id: &str| sdk::Resource::builder().r#type(kind).id(id);
        let there = "arn:aws:ec2:eu-west-1:111122223333:instance/i-0123abcd";
        let built = given()
            .region("eu-central-1")
            .title("Something")
            .types("TTPs/Something")
            .severity(sdk::Severity::builder().normalized(70).build())
            .workflow(sdk::Workflow::builder().status(sdk::WorkflowStatus::Notified).build())
            .record_state(sdk::RecordState::Archived)
            .product_fields("aws/guardduty/service/additionalInfo/value", "{\"sample\":true}")
            .updated_at("2026-03-02T09:10:00Z")
            .note(sdk::Note::builder().text("Mine").updated_by("jane").updated_at("2026-03-02T09:10:00Z").build())
            .user_defined_fields("ticket", "IR-1")
            .resources(resource("AwsEc2Instance", ARN).tags("team", "first").build())
            .resources(
                resource("AwsEc2Instance", ARN)
                    .tags("team", "second")
                    .details(sdk::ResourceDetails::builder().aws_ec2_instance(details).build())
                    .build(),
            )
            .resources(resource("AwsEc2Instance", there).build())
            .resources(resource("AwsEc2Instance", &there.replace("eu-west-1", "us-east-1")).build())
            .resources(resource("Other", "arn:aws:s3:::shop").build())
            .resources(resource("AwsEc2Instance", "i-0fedcba9876543210").partition(sdk::Partition::Aws).build());
        let json = serde_json::json!({
            "Id": "finding-1", "ProductArn": "arn:aws:securityhub:eu-central-1::product/aws/guardduty",
            "AwsAccountId": "111122223333", "Region": "eu-central-1", "Title": "Something", "Types": ["TTPs/Something"],
            "Severity": {"Normalized": 70}, "Workflow": {"Status": "NOTIFIED"}, "RecordState": "ARCHIVED",
            "ProductFields": {"aws/guardduty/service/additionalInfo/value": "{\"sample\":true}"},
            "UpdatedAt": "2026-03-02T09:10:00Z", "Note": {"Text": "Mine", "UpdatedBy": "jane"},
            "UserDefinedFields": {"ticket": "IR-1"},
            "Resources": [
                {"Type": "AwsEc2Instance", "Id": ARN, "Tags": {"team": "first"}},
                {"Type": "AwsEc2Instance", "Id": ARN, "Tags": {"team": "second"},
                 "Details": {"AwsEc2Instance": {"VpcId": "vpc-1"}}},
                {"Type": "AwsEc2Instance", "Id": there},
                {"Type": "AwsEc2Instance", "Id": there.replace("eu-west-1", "us-east-1")},
                {"Type": "Other", "Id": "arn:aws:s3:::shop"},
                {"Type": "AwsEc2Instance", "Id": "i-0fedcba9876543210", "Partition": "aws"},
            ],
        });
        let read = finding(&built.build()).expect("it is understood");
        assert_eq!(Ok(&read), in_an_event(json).as_ref());
        assert!(read.sample);
        let ids: Vec<&str> = read.instances.iter().map(|instance| instance.id.as_str()).collect();
        assert_eq!(ids, ["i-0123456789abcdef0", "i-0fedcba9876543210"]);
        assert_eq!(read.instances[0].tags["team"], "first");
        assert_eq!(read.unreadable_instances.len(), 2, "one id in two regions names nothing");
        assert_eq!(read.other_resources, ["Other arn:aws:s3:::shop"]);
    }

    #[test]
    fn a_finding_that_cannot_be_understood_says_why() {
        let workflow = sdk::Workflow::builder().status(sdk::WorkflowStatus::from("TRIAGED")).build();
        let why = finding(&given().workflow(workflow).build()).expect_err("nobody knows it");
        assert!(why.contains("finding-1") && why.contains("Workflow.Status"), "{why}");
        let why = finding(&sdk::AwsSecurityFinding::builder().id("finding-1").build()).expect_err("it has no product");
        assert!(why.contains("no ProductArn"), "{why}");
    }
}
