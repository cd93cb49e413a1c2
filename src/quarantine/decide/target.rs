//! Which instance a claim names: itself, or through a finding. Pure: where Security Hub is to be asked, and what its
//! answer means.
//!
//! The answer is stored before anything else is done with it, so that neither a later look nor the release asks again.

use super::admission::{self, allow_account, allow_namespace};
use crate::{
    api::{FindingReference, FindingTarget, QuarantineClass, Reason, RecordState},
    model::{
        arn::{Arn, is_account_id},
        finding::{Finding, Workflow, of_product},
        instance::NamedInstance,
        place::{Place, Role},
        problem::{Disposition, Problem},
    },
    quarantine::world::Facts,
};
use jiff::SignedDuration;

/// How long a finding may be on its way into Security Hub before the claim says that there is none.
const ON_ITS_WAY: SignedDuration = SignedDuration::from_mins(5);

/// The instance that a claim names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub instance_id: String,
    pub region: String,
    pub account_id: String,
}

/// The finding to ask Security Hub for, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    pub place: Place,
    pub id: String,
    pub product_arn: Option<String>,
}

/// What Security Hub has to be asked before it is known which instance the claim names. None: nothing.
///
/// Errors: policy refuses the claim already, and so doesn't let it use the operator's AWS rights.
pub fn to_ask(facts: &Facts) -> Result<Option<Ask>, Problem> {
    let Some(target) = facts.claim.spec.target.finding.as_ref().filter(|_| resolved(facts).is_none()) else {
        return Ok(None);
    };
    let class = admission::class(facts)?;
    allow_namespace(facts, class)?;
    let FindingTarget { id, region, product_arn, instance_id: _ } = target.clone();
    Ok(Some(Ask { place: hub(facts, class, &id, &region)?, id, product_arn }))
}

/// The instance that the claim names: by itself, as it was resolved before, or as the finding says that was asked for.
pub fn named(facts: &Facts) -> Result<Named, Problem> {
    let target = &facts.claim.spec.target;
    if let Some(instance) = &target.instance {
        return Ok(Named {
            instance_id: instance.id.clone(),
            region: instance.region.clone(),
            account_id: instance.account_id.clone().unwrap_or_else(|| facts.operator.account_id.clone()),
        });
    }
    if let Some(resolved) = resolved(facts) {
        return Ok(resolved);
    }
    let (_, finding) = identified(facts)?;
    usable(finding)?;
    let instance = instance_of(facts, finding)?;
    let NamedInstance { id, account_id, region, .. } = instance.clone();
    Ok(Named { instance_id: id, region, account_id })
}

/// The finding that the claim names, where it was asked for in this look and found.
pub fn identified(facts: &Facts) -> Result<(FindingReference, &Finding), Problem> {
    let looked_up = facts.finding.as_ref();
    let Some((target, found)) = facts.claim.spec.target.finding.as_ref().zip(looked_up) else {
        return Err(wait(Reason::Resolving, "The finding is being looked up."));
    };
    let found = found.as_ref().map_err(Clone::clone)?;
    let of_id: Vec<&Finding> = found.iter().filter(|finding| finding.id == target.id).collect();
    let fitting = match &target.product_arn {
        None => of_id,
        Some(wanted) => of_product(of_id, wanted, |finding| finding.product_arn.as_deref()),
    };
    let mut fitting = fitting.into_iter();
    let (first, others) = (fitting.next(), fitting.count());
    match first {
        None => Err(not_found(facts, target)),
        Some(_) if others > 0 => Err(ambiguous(target, found)),
        Some(finding) => {
            let product_arn = finding.product_arn.clone().unwrap_or_default();
            Ok((FindingReference { id: target.id.clone(), region: target.region.clone(), product_arn }, finding))
        }
    }
}

/// Where a finding is read and written: the administrator's account and region where the class names them, else the
/// finding's own.
pub fn hub(facts: &Facts, class: &QuarantineClass, finding_id: &str, region: &str) -> Result<Place, Problem> {
    let hub = class.spec.security_hub.as_ref();
    let own = &facts.operator.account_id;
    let administrator = hub.and_then(|hub| hub.account_id.clone());
    let account_id = match administrator {
        Some(administrator) => administrator,
        None => match account_of(finding_id) {
            Some(of_finding) => {
                allow_account(facts, class, of_finding)?;
                of_finding.to_owned()
            }
            None => {
                allow_account(facts, class, own).map_err(|refused| Problem {
                    message: format!(
                        "Finding {finding_id} doesn't tell its account, so Security Hub is to be asked in the operator's own. {} To have it asked elsewhere, set securityHub.accountId on the class.",
                        refused.message
                    ),
                    ..refused
                })?;
                own.clone()
            }
        },
    };
    let role = hub_role(class, &facts.operator.partition, own, &account_id);
    if role.is_none() && account_id != *own {
        return Err(stop(
            Reason::AccountNotAllowed,
            format!(
                "Security Hub is to be asked in account {account_id}, which is not the operator's own ({own}), and QuarantineClass {} names no role to go there with: set securityHub.roleName.",
                admission::name(class)
            ),
        ));
    }
    let region = hub.and_then(|hub| hub.region.clone()).unwrap_or_else(|| region.to_owned());
    Ok(Place { account_id, region, role })
}

/// The role with which Security Hub is asked in that account: the one that the class names for it, else in another account
/// than the operator's the class's own.
pub fn hub_role(class: &QuarantineClass, partition: &str, own: &str, account_id: &str) -> Option<Role> {
    let through_hub_role = || {
        let hub = class.spec.security_hub.as_ref()?;
        let name = hub.role_name.as_ref()?;
        Some(Role::named(partition, account_id, name, hub.external_id.as_ref()))
    };
    let through_class_role = || {
        let role = class.spec.assume_role.as_ref().filter(|_| account_id != own)?;
        let named = Role::named(partition, account_id, &role.role_name, role.external_id.as_ref());
        Some(named.with_session_name(role.session_name.as_ref()))
    };
    through_hub_role().or_else(through_class_role)
}

/// What was resolved before. Only the operator writes it, once, from what Security Hub said.
fn resolved(facts: &Facts) -> Option<Named> {
    let target = facts.claim.resolved()?;
    Some(Named {
        instance_id: target.instance_id.clone(),
        region: target.region.clone(),
        account_id: target.account_id.clone(),
    })
}

/// The account in a finding's id, where that is an ARN.
fn account_of(finding_id: &str) -> Option<&str> {
    Arn::of(finding_id).map(|arn| arn.account_id).filter(|account| is_account_id(account))
}

fn usable(finding: &Finding) -> Result<(), Problem> {
    let id = &finding.id;
    if finding.sample {
        let message = format!("Finding {id} is a sample: nothing happened, and no instance of that name is meant.");
        return Err(stop(Reason::FindingIsSample, message));
    }
    if finding.record_state == RecordState::Archived {
        let message = format!(
            "Finding {id} is archived: its product says that it is over. To contain the instance all the same, name it in target.instance."
        );
        return Err(stop(Reason::FindingArchived, message));
    }
    if finding.workflow == Workflow::Suppressed {
        let message = format!(
            "Finding {id} is suppressed: somebody decided that it doesn't matter. Set its workflow status to NEW, or name the instance in target.instance."
        );
        return Err(stop(Reason::FindingSuppressed, message));
    }
    Ok(())
}

/// Whichever place it has among the finding's resources.
fn instance_of<'a>(facts: &Facts, finding: &'a Finding) -> Result<&'a NamedInstance, Problem> {
    let id = &finding.id;
    let wanted = facts.claim.spec.target.finding.as_ref().and_then(|target| target.instance_id.as_ref());
    let all = || finding.instances.iter().map(|named| named.id.as_str()).collect::<Vec<_>>().join(", ");
    let instance = match (wanted, &finding.instances[..]) {
        (_, []) => {
            return Err(stop(
                Reason::FindingNamesNoInstance,
                format!(
                    "Finding {id} names no EC2 instance: {}. Name the instance in target.instance.",
                    finding.named_instead()
                ),
            ));
        }
        (Some(wanted), several) => several.iter().find(|named| named.id == *wanted).ok_or_else(|| {
            stop(
                Reason::InstanceNotInFinding,
                format!("Finding {id} doesn't name {wanted}, but {}: correct target.finding.instanceId.", all()),
            )
        })?,
        (None, [only]) => only,
        (None, _) => {
            return Err(stop(
                Reason::FindingNamesSeveralInstances,
                format!(
                    "Finding {id} names several instances ({}): create one Quarantine for each, with target.finding.instanceId.",
                    all()
                ),
            ));
        }
    };
    let own = &facts.operator.partition;
    if instance.partition != *own {
        return Err(stop(
            Reason::PartitionNotAllowed,
            format!(
                "{} lies in the partition {}, and the operator's credentials are of {own}: run an operator there.",
                instance.id, instance.partition
            ),
        ));
    }
    if instance.account_id != finding.account_id {
        return Err(stop(
            Reason::FindingAccountMismatch,
            format!(
                "Finding {id} is about account {}, but its instance {} lies in {}: whoever wrote it may not speak for that account. If it is right, name the instance in target.instance.",
                finding.account_id, instance.id, instance.account_id
            ),
        ));
    }
    Ok(instance)
}

/// A finding reaches the administrator's account and the aggregation region some time after it was made.
fn not_found(facts: &Facts, target: &FindingTarget) -> Problem {
    let created = facts.claim.metadata.creation_timestamp.as_ref().map_or(facts.now, |time| time.0);
    let product = target.product_arn.as_ref().map(|arn| format!(" of {arn}")).unwrap_or_default();
    let (id, region) = (&target.id, &target.region);
    if facts.now.duration_since(created) < ON_ITS_WAY {
        let message = format!("Security Hub doesn't show finding {id}{product} ({region}) yet: it is asked again.");
        return Problem::new(Disposition::Retry, Reason::Resolving, message);
    }
    wait(
        Reason::FindingNotFound,
        format!(
            "Security Hub shows no finding {id}{product} ({region}): check target.finding, and the account and region that the class's securityHub names; or name the instance in target.instance."
        ),
    )
}

fn ambiguous(target: &FindingTarget, found: &[Finding]) -> Problem {
    let products: Vec<&str> = found.iter().filter_map(|finding| finding.product_arn.as_deref()).collect();
    stop(
        Reason::FindingAmbiguous,
        format!(
            "Several products have a finding {} ({}): create a Quarantine with target.finding.productArn.",
            target.id,
            products.join(", ")
        ),
    )
}

fn stop(reason: Reason, message: impl Into<String>) -> Problem {
    Problem::new(Disposition::Stop, reason, message)
}

fn wait(reason: Reason, message: impl Into<String>) -> Problem {
    Problem::new(Disposition::Wait, reason, message)
}
