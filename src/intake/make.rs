//! The Quarantine that a source makes of a finding: its name, its label, its reason, the findings that it informs. Pure.
//!
//! What the API server would refuse is not put in: a message must not go round and round because of a long title.

use super::{accept::By, plan::Source};
use crate::{
    api::{
        AUTOMATIC_ANNOTATION, FindingReference, InstanceTarget, Quarantine, QuarantineSpec, QuarantineTemplate,
        SOURCE_LABEL, Target,
    },
    model::{
        arn::{is_product, is_region, is_same_product},
        finding::Finding,
        instance::NamedInstance,
        text::plain,
    },
};

/// How many findings a Quarantine lists.
pub const MOST_FINDINGS: usize = 20;

/// How many characters its reason has.
pub const MOST_REASON: usize = 1024;

/// A label's value has 63 characters at most ("Labels and Selectors", Kubernetes documentation).
const MOST_LABEL: usize = 63;

/// The value of the label by which a source's Quarantines are known: its name. A name that is too long for a label is
/// cut, with a hash of all of it, so that two long names stay two.
pub fn source_label(source: &str) -> String {
    if source.len() <= MOST_LABEL {
        return source.to_owned();
    }
    // FNV-1a: the same in every version of the operator, which the standard library's hashes don't promise.
    let hash = source
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    let begins: String = source.chars().take(MOST_LABEL - 17).collect();
    let begins = begins.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
    format!("{begins}-{hash:016x}")
}

/// One name per source and instance: a message that comes twice makes one object.
pub fn quarantine_name(source: &str, instance_id: &str) -> String {
    format!("{}-{instance_id}", source_label(source))
}

/// How a Quarantine names the finding, where it can: it must be Security Hub's, and fit into the object.
pub fn reference(finding: &Finding, source_region: &str) -> Option<FindingReference> {
    let product_arn = finding.product_arn.clone().filter(|arn| is_product(arn))?;
    let region = finding.region.as_deref().unwrap_or(source_region);
    let fits = (1..=512).contains(&finding.id.chars().count()) && is_region(region);
    fits.then(|| FindingReference { id: finding.id.clone(), region: region.to_owned(), product_arn })
}

/// The object, whole. `suspended` says why it begins suspended; the template may want that, too. One that acts without a
/// person having chosen the instance is marked.
pub fn quarantine(
    source: &Source<'_>,
    instance: &NamedInstance,
    findings: &[&Finding],
    by: By,
    suspended: Option<&str>,
) -> Quarantine {
    let QuarantineTemplate { namespace, class_name, mode, suspend, labels, reason } = &source.spec.template;
    let suspended = suspended.or(suspend.then_some("its source wants a person to say yes"));
    let spec = QuarantineSpec {
        target: Target {
            instance: Some(InstanceTarget {
                id: instance.id.clone(),
                region: instance.region.clone(),
                account_id: Some(instance.account_id.clone()),
            }),
            finding: None,
        },
        class_name: class_name.clone(),
        security_group_id: None,
        reason: Some(why(reason.as_deref(), instance, findings, suspended)),
        mode: *mode,
        suspend: suspended.is_some(),
        findings: distinct(findings.iter().filter_map(|finding| reference(finding, &source.spec.region))),
        release: Default::default(),
    };
    let acts_alone = by != By::Person && spec.acts();
    let mut quarantine = Quarantine::new(&quarantine_name(source.name, &instance.id), spec);
    quarantine.metadata.namespace = Some(namespace.clone());
    let mut labels = labels.clone();
    labels.insert(SOURCE_LABEL.to_owned(), source_label(source.name));
    quarantine.metadata.labels = Some(labels);
    if acts_alone {
        quarantine.metadata.annotations = Some([(AUTOMATIC_ANNOTATION.to_owned(), "true".to_owned())].into());
    }
    quarantine
}

/// How the reason of a Quarantine begins that waits for a person.
pub fn begins_suspended(why: &str) -> String {
    format!("Suspended: {}. To cut the instance off, set suspend: false.", plain(why, 320))
}

/// What must not be cut comes first.
fn why(template: Option<&str>, instance: &NamedInstance, findings: &[&Finding], suspended: Option<&str>) -> String {
    let mut parts = Vec::new();
    parts.extend(suspended.map(begins_suspended));
    if instance.account_assumed {
        parts.push(format!(
            "Account {} is assumed: the finding names the instance by its bare id, and this is the finding's account.",
            instance.account_id
        ));
    }
    parts.extend(template.map(|template| plain(template, 512)));
    if let Some((first, others)) = findings.split_first() {
        let more = if others.is_empty() { String::new() } else { format!(", and {} more", others.len()) };
        let title = if first.title.is_empty() { "Finding" } else { &first.title };
        parts.push(format!("{} ({}){more}", plain(title, 256), plain(&first.id, 512)));
    }
    plain(&parts.join(" "), MOST_REASON)
}

/// Each finding once, as many as there is room for.
fn distinct(references: impl Iterator<Item = FindingReference>) -> Vec<FindingReference> {
    let mut distinct: Vec<FindingReference> = Vec::new();
    for reference in references {
        if distinct.len() < MOST_FINDINGS && !distinct.iter().any(|other| is_same(other, &reference)) {
            distinct.push(reference);
        }
    }
    distinct
}

/// Id and product identify a finding, wherever it is read.
pub fn is_same(one: &FindingReference, other: &FindingReference) -> bool {
    one.id == other.id && is_same_product(&one.product_arn, &other.product_arn)
}
