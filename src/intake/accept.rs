//! Whether a source wants a finding, and an instance of it. Pure: what is made of it stands in `plan`.
//!
//! A person's custom action counts whatever the finding's severity is; on one that is suppressed or archived it is refused,
//! and says so, as `target.finding` does. What nobody chose counts only by the source's filter. Neither makes anything of a sample finding, or of an instance that isn't in the finding's
//! account. The newer Security Hub has no custom actions: there, a person asks by setting the status In Progress, if the
//! source takes that. Who set it, and when, the event doesn't tell.

use super::parse::{Event, Trigger};
use crate::{
    api::{Cause, FindingFilter, FindingSourceSpec, RecordState, TagSelector},
    model::{
        arn::{Arn, in_cspm, is_same_product},
        finding::{Finding, InProgress, Workflow},
        instance::NamedInstance,
        text::plain,
    },
};

/// What a source says to a finding, or to one instance of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Accepted {
        by: By,
        /// What the filter asks for and the finding doesn't tell: a person must decide.
        doubts: Option<String>,
    },
    /// The source doesn't ask for it.
    Unwanted { cause: Cause, why: String },
    /// A person asked for it with an accepted custom action, and it can't be done: they must be told.
    Refused { cause: Cause, why: String },
}

/// Who chose the finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Somebody pressed a custom action.
    Person,
    /// Somebody set the finding's status to In Progress, and the source takes that for a press.
    Status,
    /// A filter let it pass.
    Automatic,
}

/// Whether the source wants the finding, as far as that doesn't depend on the instance. `own_action` is the ARN of the
/// custom action that the source keeps itself.
pub fn accept(source: &FindingSourceSpec, own_action: Option<&str>, event: &Event, finding: &Finding) -> Verdict {
    if let Trigger::CustomAction { action_arn } = &event.trigger {
        let listed = source.accept.as_ref().is_some_and(|accept| accept.custom_action_arns.contains(action_arn));
        return if !listed && own_action != Some(action_arn) {
            unwanted(Cause::CustomAction, format!("The custom action {action_arn} is none of the source's."))
        } else if finding.sample {
            Verdict::Refused {
                    cause: Cause::Sample,
                    why: "It is a sample finding, which names no real instance: press the action on a finding of an instance of yours.".to_owned(),
                }
        } else if let Some((cause, why)) = closed(finding) {
            Verdict::Refused { cause, why }
        } else {
            Verdict::Accepted { by: By::Person, doubts: None }
        };
    }
    let Some((filter, by)) = filter_of(source, event, finding) else {
        return unwanted(
            Cause::NoFilter,
            match event.trigger {
                Trigger::GuardDuty => "The source has no accept.guardDuty.",
                Trigger::Imported | Trigger::CustomAction { .. } => "The source has no accept.imported.",
            },
        );
    };
    match outside(filter, by, source, &event.trigger, finding) {
        Some((cause, why)) => unwanted(cause, why),
        None => Verdict::Accepted { by, doubts: None },
    }
}

/// The filter that a finding has to pass which comes without a custom action, and who chose it then.
fn filter_of<'a>(source: &'a FindingSourceSpec, event: &Event, finding: &Finding) -> Option<(&'a FindingFilter, By)> {
    let accept = source.accept.as_ref()?;
    let by_status = accept.in_progress.as_ref().filter(|_| finding.in_progress == InProgress::SetByOthers);
    match (&event.trigger, by_status) {
        (Trigger::CustomAction { .. }, _) => None,
        (Trigger::Imported, Some(filter)) => Some((filter, By::Status)),
        (Trigger::Imported, None) => Some((accept.imported.as_ref()?, By::Automatic)),
        (Trigger::GuardDuty, _) => Some((accept.guard_duty.as_ref()?, By::Automatic)),
    }
}

/// Whether the source wants this instance cut off because of this finding.
pub fn accept_instance(
    source: &FindingSourceSpec,
    own_action: Option<&str>,
    event: &Event,
    finding: &Finding,
    instance: &NamedInstance,
) -> Verdict {
    let by = match accept(source, own_action, event, finding) {
        Verdict::Accepted { by, doubts: _ } => by,
        otherwise => return otherwise,
    };
    if instance.account_id != finding.account_id {
        let why = format!(
            "The finding is of account {}, and {} lies in account {}: a finding speaks for its own account only.",
            finding.account_id, instance.id, instance.account_id
        );
        return match by {
            By::Person | By::Status => Verdict::Refused { cause: Cause::OtherAccount, why: plain(&why, 512) },
            By::Automatic => unwanted(Cause::OtherAccount, why),
        };
    }
    match filter_of(source, event, finding) {
        None => Verdict::Accepted { by, doubts: None },
        Some((filter, by)) => judge_place(filter, by, instance),
    }
}

/// Why nobody may be cut off for a finding that somebody, or its product, has closed.
fn closed(finding: &Finding) -> Option<(Cause, String)> {
    if finding.record_state == RecordState::Archived {
        let archived = "Its finding is archived: its product says that it is over. To contain the instance all the same, create a Quarantine with target.instance.";
        return Some((Cause::RecordState, archived.to_owned()));
    }
    let suppressed = "Its finding is suppressed: somebody decided that it doesn't matter. Set its workflow status to NEW and press the action again, or create a Quarantine with target.instance.";
    (finding.workflow == Workflow::Suppressed).then(|| (Cause::WorkflowStatus, suppressed.to_owned()))
}

/// Whether a listed product is the finding's. One in the queue's own region, or in none, counts for all regions: findings
/// that were aggregated from linked regions carry theirs. Whoever lists another region means that one. A product of one
/// Security Hub is meant in both.
fn names(listed: &str, product_arn: &str, own_region: &str) -> bool {
    let (listed, product_arn) = (&*in_cspm(listed), &*in_cspm(product_arn));
    let everywhere = Arn::of(listed).is_some_and(|arn| arn.region.is_empty() || arn.region == own_region);
    listed == product_arn || (everywhere && is_same_product(listed, product_arn))
}

/// Why a finding doesn't pass the filter. None: it does.
fn outside(
    filter: &FindingFilter,
    by: By,
    source: &FindingSourceSpec,
    trigger: &Trigger,
    finding: &Finding,
) -> Option<(Cause, String)> {
    let FindingFilter {
        product_arns,
        severities,
        type_prefixes,
        record_states,
        accounts,
        // Asked of each instance.
        regions: _,
        vpc_ids: _,
        resource_tags: _,
    } = filter;
    if finding.sample {
        return Some((Cause::Sample, "It is a sample finding.".to_owned()));
    }
    let default_states = [RecordState::Active];
    let states = if record_states.is_empty() { &default_states[..] } else { record_states };
    if !states.contains(&finding.record_state) {
        let why = "Its record state is none of the filter's (ACTIVE, where the filter names none).";
        return Some((Cause::RecordState, why.to_owned()));
    }
    if by == By::Automatic && finding.workflow != Workflow::New {
        return Some((Cause::WorkflowStatus, "Its workflow status isn't NEW.".to_owned()));
    }
    // GuardDuty's own findings have no product.
    let of_product = finding
        .product_arn
        .as_ref()
        .is_some_and(|arn| product_arns.iter().any(|listed| names(listed, arn, &source.region)));
    if !of_product && *trigger != Trigger::GuardDuty {
        let product = finding.product_arn.as_deref().unwrap_or("(none)");
        return Some((Cause::Product, format!("Its product {product} is none of the filter's productArns.")));
    }
    if !severities.is_empty() && !finding.severity.is_some_and(|severity| severities.contains(&severity)) {
        return Some((Cause::Severity, "Its severity is none of the filter's.".to_owned()));
    }
    let of_type = |prefix: &String| finding.types.iter().any(|kind| kind.starts_with(prefix));
    if !type_prefixes.is_empty() && !type_prefixes.iter().any(of_type) {
        return Some((Cause::Type, "Its types begin with none of the filter's typePrefixes.".to_owned()));
    }
    // An instance in another account than the finding's is refused in any case.
    if !accounts.is_empty() && !accounts.contains(&finding.account_id) {
        return Some((Cause::Account, format!("Its account {} is none of the filter's.", finding.account_id)));
    }
    None
}

/// What the filter says to the place of an instance. What the finding doesn't tell is no reason to let an intruder be,
/// and none to cut off whatever it may be.
fn judge_place(filter: &FindingFilter, by: By, instance: &NamedInstance) -> Verdict {
    let NamedInstance { id, account_id: _, account_assumed: _, region, partition: _, vpc_id, tags } = instance;
    if !filter.regions.is_empty() && !filter.regions.contains(region) {
        return unwanted(
            Cause::Region,
            format!("Instance {id} lies in region {region}, which is none of the filter's."),
        );
    }
    let mut untold = Vec::new();
    if !filter.vpc_ids.is_empty() {
        match vpc_id {
            None => untold.push("VPC"),
            Some(vpc_id) if !filter.vpc_ids.contains(vpc_id) => {
                return unwanted(
                    Cause::Vpc,
                    format!("Instance {id} lies in {vpc_id}, which is none of the filter's vpcIds."),
                );
            }
            Some(_) => {}
        }
    }
    if !filter.resource_tags.is_empty() {
        let carries = |wanted: &TagSelector| {
            tags.get(&wanted.key).is_some_and(|value| wanted.value.as_ref().is_none_or(|wanted| wanted == value))
        };
        if tags.is_empty() {
            untold.push("tags");
        } else if !filter.resource_tags.iter().any(carries) {
            return unwanted(Cause::Tags, format!("Instance {id} carries none of the filter's resourceTags."));
        }
    }
    let doubts = (!untold.is_empty()).then(|| {
        format!("the finding doesn't tell the instance's {}, by which the source filters", untold.join(" and "))
    });
    Verdict::Accepted { by, doubts }
}

fn unwanted(cause: Cause, why: impl AsRef<str>) -> Verdict {
    Verdict::Unwanted { cause, why: plain(why.as_ref(), 512) }
}
