//! Security Hub's types to `aws::finding`, and back. What a finding means for a claim is decided elsewhere.

use super::required;
use crate::api::{RecordState, Severity};
use crate::aws::finding::{
    CustomActionSight, Finding, FindingChange, FindingKey, FindingNote, NOTE_AUTHOR, NamedInstance, Unprocessed,
    Workflow, is_sample,
};
use crate::aws::problem::Problem;
use aws_sdk_securityhub::types as sdk;
use std::collections::BTreeMap;

/// The Type of a resource that is an EC2 instance ("AwsEc2", AWS Security Hub User Guide).
const INSTANCE: &str = "AwsEc2Instance";

/// Where GuardDuty says that a finding is a sample ("Sample findings", Amazon GuardDuty User Guide).
const SAMPLE_FIELD: &str = "aws/guardduty/service/additionalInfo/sample";

/// From GetFindings.
pub fn finding(given: &sdk::AwsSecurityFinding) -> Result<Finding, Problem> {
    let account_id = required("a finding's account", given.aws_account_id())?;
    let (instances, unreadable_instances) = instances(given.resources(), &account_id);
    Ok(Finding {
        id: required("a finding's id", given.id())?,
        product_arn: Some(required("a finding's product", given.product_arn())?),
        region: given.region().map(str::to_owned),
        title: given.title().unwrap_or_default().to_owned(),
        types: given.types().to_vec(),
        severity: given.severity().and_then(|severity| severity.label()).and_then(severity),
        record_state: record_state(given.record_state()),
        workflow: workflow(given.workflow().and_then(|workflow| workflow.status())),
        sample: is_sample(is_marked(given), given.title().unwrap_or_default()),
        updated_at: given.updated_at().and_then(|time| time.parse().ok()),
        note: given.note().map(|note| FindingNote {
            text: note.text().unwrap_or_default().to_owned(),
            updated_by: note.updated_by().unwrap_or_default().to_owned(),
        }),
        fields: map(given.user_defined_fields()),
        instances,
        unreadable_instances,
        account_id,
    })
}

/// The instances among the resources, each once, and the ids that say none.
fn instances(resources: &[sdk::Resource], account_id: &str) -> (Vec<NamedInstance>, Vec<String>) {
    let (mut named, mut unreadable) = (Vec::<NamedInstance>::new(), Vec::new());
    for resource in resources.iter().filter(|resource| resource.r#type() == Some(INSTANCE)) {
        let id = resource.id().unwrap_or_default();
        let partition = resource.partition().map(|partition| partition.as_str());
        let Some(instance) = NamedInstance::of_resource(id, partition, resource.region(), account_id) else {
            unreadable.push(id.to_owned());
            continue;
        };
        let details = resource.details().and_then(|details| details.aws_ec2_instance());
        let vpc_id = details.and_then(|details| details.vpc_id()).map(str::to_owned);
        let instance = NamedInstance { vpc_id, tags: map(resource.tags()), ..instance };
        let is_same = |other: &NamedInstance| {
            (&other.id, &other.account_id, &other.region) == (&instance.id, &instance.account_id, &instance.region)
        };
        match named.iter_mut().find(|other| is_same(other)) {
            None => named.push(instance),
            Some(known) => {
                known.vpc_id = known.vpc_id.take().or(instance.vpc_id);
                known.tags.extend(instance.tags);
            }
        }
    }
    (named, unreadable)
}

fn severity(label: &sdk::SeverityLabel) -> Option<Severity> {
    match label {
        sdk::SeverityLabel::Informational => Some(Severity::Informational),
        sdk::SeverityLabel::Low => Some(Severity::Low),
        sdk::SeverityLabel::Medium => Some(Severity::Medium),
        sdk::SeverityLabel::High => Some(Severity::High),
        sdk::SeverityLabel::Critical => Some(Severity::Critical),
        _ => None,
    }
}

fn record_state(given: Option<&sdk::RecordState>) -> RecordState {
    match given {
        Some(sdk::RecordState::Archived) => RecordState::Archived,
        _ => RecordState::Active,
    }
}

/// A status that we don't know counts as one that somebody set: it is then left alone.
fn workflow(given: Option<&sdk::WorkflowStatus>) -> Workflow {
    match given {
        None | Some(sdk::WorkflowStatus::New) => Workflow::New,
        Some(sdk::WorkflowStatus::Resolved) => Workflow::Resolved,
        Some(sdk::WorkflowStatus::Suppressed) => Workflow::Suppressed,
        Some(_) => Workflow::Notified,
    }
}

fn is_marked(given: &sdk::AwsSecurityFinding) -> bool {
    let field = given.product_fields().and_then(|fields| fields.get(SAMPLE_FIELD));
    given.sample() == Some(true) || field.is_some_and(|value| value == "true")
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
pub fn unprocessed(given: &sdk::BatchUpdateFindingsUnprocessedFinding) -> Result<Unprocessed, Problem> {
    let named = given.finding_identifier();
    Ok(Unprocessed {
        key: FindingKey {
            id: required("the id of an unprocessed finding", named.and_then(|named| named.id()))?,
            product_arn: named.and_then(|named| named.product_arn()).map(str::to_owned),
        },
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
        sdk::AwsSecurityFinding::builder().id("finding-1").product_arn("product-1").aws_account_id("111122223333")
    }

    fn resource(r#type: &str, id: &str) -> sdk::builders::ResourceBuilder {
        sdk::Resource::builder().r#type(r#type).id(id)
    }

    #[test]
    fn an_instance_is_found_behind_other_resources() {
        let details = sdk::AwsEc2InstanceDetails::builder().vpc_id("vpc-1").build();
        let instance = resource(INSTANCE, ARN)
            .details(sdk::ResourceDetails::builder().aws_ec2_instance(details).build())
            .tags("team", "web");
        let finding = finding(
            &given()
                .resources(resource("AwsAccount", "AWS::::Account:111122223333").build())
                .resources(
                    resource("AwsEc2SecurityGroup", "arn:aws:ec2:eu-central-1:111122223333:security-group/sg-1")
                        .build(),
                )
                .resources(instance.build())
                .build(),
        )
        .unwrap();
        let [instance] = &finding.instances[..] else { panic!("{:?}", finding.instances) };
        assert_eq!((instance.id.as_str(), instance.vpc_id.as_deref()), ("i-0123456789abcdef0", Some("vpc-1")));
        assert_eq!(instance.tags, BTreeMap::from([("team".to_owned(), "web".to_owned())]));
        assert_eq!(finding.unreadable_instances, [""; 0]);
    }

    #[test]
    fn a_bare_id_is_taken_with_the_resources_region_and_an_id_of_nothing_is_told() {
        let bare = resource(INSTANCE, "i-0123456789abcdef0").partition(sdk::Partition::AwsCn).region("cn-north-1");
        let finding = finding(&given().resources(bare.build()).resources(resource(INSTANCE, "web-7").build()).build());
        let finding = finding.unwrap();
        let [instance] = &finding.instances[..] else { panic!("{:?}", finding.instances) };
        assert_eq!((instance.partition.as_str(), instance.region.as_str()), ("aws-cn", "cn-north-1"));
        assert_eq!(instance.account_id, "111122223333");
        assert_eq!(finding.unreadable_instances, ["web-7"]);
    }

    #[test]
    fn an_instance_that_is_named_twice_is_one() {
        let twice = given().resources(resource(INSTANCE, ARN).build()).resources(resource(INSTANCE, ARN).build());
        assert_eq!(finding(&twice.build()).unwrap().instances.len(), 1);
    }

    #[test]
    fn a_sample_is_known_by_any_of_its_three_marks() {
        let sample = |given: sdk::builders::AwsSecurityFindingBuilder| finding(&given.build()).unwrap().sample;
        assert!(sample(given().sample(true)));
        assert!(sample(given().product_fields(SAMPLE_FIELD, "true")));
        assert!(sample(given().title("[SAMPLE] UnauthorizedAccess:EC2/SSHBruteForce")));
        assert!(!sample(given().sample(false).title("a [SAMPLE]").product_fields(SAMPLE_FIELD, "false")));
    }

    #[test]
    fn a_workflow_status_that_is_not_known_yet_is_not_new() {
        assert_eq!(workflow(Some(&sdk::WorkflowStatus::from("TRIAGED"))), Workflow::Notified);
        assert_eq!(workflow(None), Workflow::New);
    }

    #[test]
    fn a_finding_without_its_product_is_a_problem_and_not_a_smaller_answer() {
        let problem = finding(&sdk::AwsSecurityFinding::builder().id("1").aws_account_id("2").build()).unwrap_err();
        assert!(problem.message.contains("a finding's product"), "{problem}");
    }
}
