//! Which findings a claim may write on: those that name its instance. Pure.

use super::draft::Draft;
use crate::{
    api::{InstanceTarget, Reason},
    model::{
        finding::Finding,
        instance::NamedInstance,
        problem::{Disposition, Problem},
    },
    quarantine::world::Saying,
};

/// Whether the finding may be told: it names the instance that is spoken of. Whoever creates a Quarantine could else write
/// on any finding, and close it.
pub fn is_about(finding: &Finding, saying: &Saying) -> Result<(), Problem> {
    let Some(InstanceTarget { id, region, account_id }) = &saying.about else { return Ok(()) };
    let is_it = |named: &NamedInstance| {
        named.id == *id
            && named.region == *region
            // An account that is no more than assumed speaks against nothing: an id is unique across accounts.
            && (named.account_assumed || account_id.as_ref().is_none_or(|account_id| *account_id == named.account_id))
    };
    if finding.instances.iter().any(is_it) {
        return Ok(());
    }
    let named: Vec<String> = finding.instances.iter().map(NamedInstance::arn).collect();
    let named = if named.is_empty() { "no EC2 instance".to_owned() } else { named.join(", ") };
    let account = account_id.as_deref().unwrap_or("the operator's own");
    let message = format!(
        "It doesn't name {id} in {region}, account {account}, but {named}: nothing is written on it. Take it out of spec.findings."
    );
    Err(Problem::new(Disposition::Stop, Reason::FindingNotAboutInstance, message))
}

/// The instance that the findings must name: the resolved one, else the one that the spec names. None: the claim's finding
/// hasn't told it.
pub(super) fn about(draft: &Draft<'_>) -> Option<InstanceTarget> {
    let resolved = draft.status.target.as_ref().map(|target| InstanceTarget {
        id: target.instance_id.clone(),
        region: target.region.clone(),
        account_id: Some(target.account_id.clone()),
    });
    let named = || {
        let named = draft.facts.claim.spec.target.instance.clone()?;
        let account_id = named.account_id.or_else(|| Some(draft.facts.operator.account_id.clone()));
        Some(InstanceTarget { account_id, ..named })
    };
    resolved.or_else(named)
}
