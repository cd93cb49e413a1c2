//! What is known of an instance when a message about it is looked at, and how a finding joins the Quarantine that is there
//! already. Pure.

use super::{
    accept::By,
    make::{MOST_FINDINGS, is_same, quarantine_name, reference, source_label},
    plan::{Source, Step, Wanted},
};
use crate::{
    api::{FindingReference, FindingTarget, InstanceTarget, Mode, Quarantine, SOURCE_LABEL},
    model::{arn::is_same_product, instance::NamedInstance},
};
use jiff::Timestamp;

/// What is known of an instance when the message is looked at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InstanceFacts {
    /// When its last release was asked for.
    pub released_at: Option<Timestamp>,
    /// Of releases before this time the source may have forgotten some, this instance's among them.
    pub forgotten_before: Option<Timestamp>,
    /// The Quarantine that has the name which this source's would have.
    pub existing: Option<Existing>,
}

/// A Quarantine that is there already.
#[derive(Clone, Debug, PartialEq)]
pub struct Existing {
    /// Whether this source made it.
    pub is_ours: bool,
    pub deleting: bool,
    /// Whether it waits for a person to say yes, and how that is said.
    pub approval: Option<Approval>,
    /// The instance that it names. None: it names a finding whose instance isn't known yet.
    pub instance: Option<InstanceTarget>,
    pub findings: Vec<FindingReference>,
    pub target_finding: Option<FindingTarget>,
}

/// What a person sets to say yes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Approval {
    /// `suspend: false`.
    Resume,
    /// `mode: Enforce`.
    Enforce,
}

impl Existing {
    pub fn of(quarantine: &Quarantine, source: &str) -> Self {
        let labels = quarantine.metadata.labels.as_ref();
        let resolved = quarantine.resolved().map(|target| InstanceTarget {
            id: target.instance_id.clone(),
            region: target.region.clone(),
            account_id: Some(target.account_id.clone()),
        });
        Self {
            is_ours: labels.and_then(|labels| labels.get(SOURCE_LABEL)) == Some(&source_label(source)),
            deleting: quarantine.is_deleting(),
            approval: match (quarantine.spec.suspend, quarantine.spec.mode) {
                (true, _) => Some(Approval::Resume),
                (false, Mode::DryRun) => Some(Approval::Enforce),
                (false, Mode::Enforce) => None,
            },
            instance: quarantine.spec.target.instance.clone().or(resolved),
            findings: quarantine.spec.findings.clone(),
            target_finding: quarantine.spec.target.finding.clone(),
        }
    }

    fn is_of(&self, instance: &NamedInstance) -> bool {
        self.instance.as_ref().is_some_and(|target| {
            let InstanceTarget { id, region, account_id } = target;
            *id == instance.id
                && *region == instance.region
                && account_id.as_ref().is_none_or(|account_id| *account_id == instance.account_id)
        })
    }

    fn lists(&self, finding: &FindingReference) -> bool {
        let targeted = self.target_finding.as_ref().is_some_and(|target| {
            target.id == finding.id
                && target.product_arn.as_ref().is_none_or(|arn| is_same_product(arn, &finding.product_arn))
        });
        targeted || self.findings.iter().any(|listed| is_same(listed, finding))
    }
}

pub(super) fn join(source: &Source<'_>, wanted: &Wanted<'_>, existing: &Existing) -> Step {
    let namespace = source.spec.template.namespace.clone();
    let name = quarantine_name(source.name, &wanted.instance.id);
    if existing.deleting {
        let why = format!(
            "Quarantine {namespace}/{name} is being deleted: the message is looked at again when it is gone, and counts then if it is newer than the deletion."
        );
        return Step::Wait { why, note_on: wanted.told(source) };
    }
    if !existing.is_of(wanted.instance) {
        let why = format!(
            "Quarantine {namespace}/{name} has the name that this source gives to {}, and is of another instance, or of one that isn't known yet: delete it, or contain the instance by hand.",
            wanted.instance.arn()
        );
        return Step::Wait { why, note_on: wanted.told(source) };
    }
    let (mut add, mut left_out) = (Vec::<FindingReference>::new(), 0_usize);
    for reference in wanted.findings.iter().filter_map(|(finding, _)| reference(finding, &source.spec.region)) {
        if existing.lists(&reference) || add.iter().any(|added| is_same(added, &reference)) {
            continue;
        }
        if existing.findings.len() + add.len() < MOST_FINDINGS {
            add.push(reference);
        } else {
            left_out += 1;
        }
    }
    let mut said = Vec::new();
    if !existing.is_ours {
        said.push("It wasn't made by this source, and is joined.".to_owned());
    }
    // Whoever asks doesn't set it: it may have been suspended on purpose.
    if let Some(approval) = existing.approval {
        let (state, field) = match approval {
            Approval::Resume => ("suspended", "suspend: false"),
            Approval::Enforce => ("a dry run", "mode: Enforce"),
        };
        let who = match wanted.by {
            By::Person => "A custom action",
            By::Status => "A finding's status In Progress",
            By::Automatic => "An automatic finding",
        };
        said.push(format!(
            "{who} asks for {} to be cut off, and its Quarantine is {state}: set {field}.",
            wanted.instance.id
        ));
    }
    if left_out > 0 {
        said.push(format!(
            "It lists {MOST_FINDINGS} findings, which is all it can: {left_out} more of {} won't be told the outcome.",
            wanted.instance.id
        ));
    }
    let unheard = existing.approval.is_some() || left_out > 0;
    Step::Join {
        namespace,
        name,
        add,
        chosen: wanted.by == By::Person,
        said: (!said.is_empty()).then(|| said.join(" ")),
        note_on: if unheard { wanted.told(source) } else { Vec::new() },
    }
}
