//! What is made of an event, and whether its message may be deleted then. Pure: no clock, no client.
//!
//! Who carries a plan out takes its steps first; the message is deleted only when each has succeeded. A message that
//! comes twice, or whose steps succeeded in part, gets a plan from what exists by then.

use super::{
    accept::{By, Verdict, accept, accept_instance},
    make::{MOST_FINDINGS, is_same, quarantine, quarantine_name, reference, source_label},
    parse::{Event, Trigger, Unreadable},
    text::plain,
};
use crate::{
    api::{
        Counters, FindingReference, FindingSourceSpec, FindingTarget, InstanceTarget, Mode, Quarantine, SOURCE_LABEL,
    },
    aws::finding::{Finding, NamedInstance},
};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// For so long after its release an instance isn't cut off again without a person.
pub const LATELY: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Whose messages these are.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    pub name: &'a str,
    pub spec: &'a FindingSourceSpec,
    /// The ARN of the custom action that the source keeps itself.
    pub own_action: Option<&'a str>,
}

/// What is known of an instance when the message is looked at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InstanceFacts {
    /// When it was last given back.
    pub released_at: Option<Timestamp>,
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
        let resolved =
            quarantine.status.as_ref().and_then(|status| status.target.as_ref()).map(|target| InstanceTarget {
                id: target.instance_id.clone(),
                region: target.region.clone(),
                account_id: Some(target.account_id.clone()),
            });
        Self {
            is_ours: labels.and_then(|labels| labels.get(SOURCE_LABEL)) == Some(&source_label(source)),
            deleting: quarantine.metadata.deletion_timestamp.is_some(),
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
            target.id == finding.id && target.product_arn.as_ref().is_none_or(|arn| *arn == finding.product_arn)
        });
        targeted || self.findings.iter().any(|listed| is_same(listed, finding))
    }
}

/// What is to be done, and what becomes of the message.
#[derive(Debug, PartialEq)]
pub struct Plan {
    pub steps: Vec<Step>,
    pub fate: Fate,
}

/// What becomes of the message.
#[derive(Debug, PartialEq)]
pub enum Fate {
    /// It is deleted once every step has succeeded. If one hasn't, it stays.
    Delete(Understood),
    /// It stays, and comes again. The steps that can be taken are taken all the same.
    Keep,
}

/// The proof that a message was understood: nobody else can make one, and none comes of an [`Unreadable`].
#[derive(Debug, PartialEq)]
pub struct Understood(());

/// One thing to do, or to say.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Create this. If something of its name exists by now, nothing is overwritten and the message stays.
    Create(Box<Quarantine>),
    /// The instance has its Quarantine.
    Join {
        namespace: String,
        name: String,
        /// To be added to its findings. Empty: nothing is to be written.
        add: Vec<FindingReference>,
        /// What is to be said in an event.
        said: Option<String>,
    },
    /// The event is not newer than the instance's last release.
    Echo { why: String },
    /// The source doesn't ask for it. It is not worth an event.
    Unwanted { why: String },
    /// A person asked for it, and it can't be done: an event, and a note on the finding.
    Refused { why: String, note_on: Option<FindingReference> },
    /// Accepted, but it names no instance: an event, and where a person asked for it a note on the finding.
    WithoutInstance { why: String, note_on: Option<FindingReference> },
    /// Nothing can be done yet: the message stays.
    Wait { why: String },
}

impl Step {
    /// Adds what became of it, once it has succeeded.
    pub fn count(&self, counters: &mut Counters) {
        match self {
            Self::Create(_) => counters.created += 1,
            Self::Join { .. } => counters.joined += 1,
            Self::Echo { .. } => counters.echoes += 1,
            Self::Unwanted { .. } | Self::Refused { .. } => counters.unwanted += 1,
            Self::WithoutInstance { .. } => counters.without_instance += 1,
            Self::Wait { .. } => {}
        }
    }
}

impl Unreadable {
    pub fn count(&self, counters: &mut Counters) {
        counters.unreadable += 1;
    }
}

/// The instances that an event is about, as far as the source wants them: of these the facts are needed.
pub fn wanted<'a>(source: &Source<'_>, event: &'a Event) -> Vec<&'a NamedInstance> {
    sort(source, event).wanted.into_iter().map(|wanted| wanted.instance).collect()
}

/// Plans what is made of an event. `facts` are those of the instances that [`wanted`] names, by id.
pub fn plan(source: &Source<'_>, event: &Event, facts: &BTreeMap<String, InstanceFacts>, now: Timestamp) -> Plan {
    let Sorted { wanted, places: _, said: mut steps } = sort(source, event);
    steps.extend(wanted.iter().map(|wanted| match facts.get(&wanted.instance.id) {
        Some(facts) => step(source, event, wanted, facts, now),
        None => Step::Wait { why: format!("Nothing is known of {} yet.", wanted.instance.id) },
    }));
    let settled = !steps.is_empty() && !steps.iter().any(|step| matches!(step, Step::Wait { .. }));
    let fate = if settled { Fate::Delete(Understood(())) } else { Fate::Keep };
    Plan { steps, fate }
}

/// What the source says to each finding and each instance.
struct Sorted<'a> {
    wanted: Vec<Wanted<'a>>,
    /// Which of them it is, by id, region and account.
    places: BTreeMap<[&'a str; 3], usize>,
    said: Vec<Step>,
}

/// An instance that is to be cut off, and the findings for which it is.
struct Wanted<'a> {
    instance: &'a NamedInstance,
    by: By,
    findings: Vec<(&'a Finding, Option<String>)>,
}

fn sort<'a>(source: &Source<'_>, event: &'a Event) -> Sorted<'a> {
    let mut sorted = Sorted { wanted: Vec::new(), places: BTreeMap::new(), said: Vec::new() };
    for finding in &event.findings {
        match accept(source.spec, source.own_action, event, finding) {
            Verdict::Accepted { by, doubts: _ } => sort_instances(source, event, finding, by, &mut sorted),
            Verdict::Unwanted { why } => sorted.said.push(Step::Unwanted { why }),
            Verdict::Refused { why } => sorted.said.push(Step::Refused { why, note_on: note_on(source, finding) }),
        }
    }
    sorted
}

fn sort_instances<'a>(source: &Source<'_>, event: &'a Event, finding: &'a Finding, by: By, sorted: &mut Sorted<'a>) {
    let (mut unwanted, mut refused) = (Vec::new(), Vec::new());
    for instance in &finding.instances {
        match accept_instance(source.spec, source.own_action, event, finding, instance) {
            Verdict::Accepted { by, doubts } => {
                let place = [instance.id.as_str(), &instance.region, &instance.account_id];
                let index = *sorted.places.entry(place).or_insert(sorted.wanted.len());
                match sorted.wanted.get_mut(index) {
                    Some(wanted) => wanted.findings.push((finding, doubts)),
                    None => sorted.wanted.push(Wanted { instance, by, findings: vec![(finding, doubts)] }),
                }
            }
            Verdict::Unwanted { why } => unwanted.push(why),
            Verdict::Refused { why } => refused.push(why),
        }
    }
    if !unwanted.is_empty() {
        sorted.said.push(Step::Unwanted { why: plain(&unwanted.join(" "), 512) });
    }
    if !refused.is_empty() {
        sorted.said.push(Step::Refused { why: plain(&refused.join(" "), 512), note_on: note_on(source, finding) });
    }
    let names_none = finding.instances.is_empty() || !finding.unreadable_instances.is_empty();
    if names_none {
        let why = if finding.unreadable_instances.is_empty() {
            "It names no EC2 instance: none of its resources is of type AwsEc2Instance.".to_owned()
        } else {
            let ids = finding.unreadable_instances.join(", ");
            format!("It names instances whose ids can't be read, or that lie in two places: {ids}.")
        };
        let note_on = if by == By::Person { note_on(source, finding) } else { None };
        sorted.said.push(Step::WithoutInstance { why: plain(&why, 512), note_on });
    }
}

fn note_on(source: &Source<'_>, finding: &Finding) -> Option<FindingReference> {
    reference(finding, &source.spec.region)
}

fn step(source: &Source<'_>, event: &Event, wanted: &Wanted<'_>, facts: &InstanceFacts, now: Timestamp) -> Step {
    if let Some(existing) = &facts.existing {
        return join(source, wanted, existing);
    }
    let Wanted { instance, by, findings } = wanted;
    let fresh: Vec<_> = findings
        .iter()
        .filter(|(finding, _)| facts.released_at.is_none_or(|released_at| happened_at(event, finding) > released_at))
        .collect();
    if fresh.is_empty() {
        return Step::Echo { why: format!("It is not newer than the last release of {}.", instance.id) };
    }
    // One finding that speaks clearly is enough.
    let mut doubts = Vec::new();
    for (finding, doubt) in &fresh {
        let age = now.duration_since(happened_at(event, finding));
        doubts.push(why_suspended(source, *by, doubt.as_deref(), age, facts.released_at, now));
    }
    let suspended = if doubts.iter().all(Option::is_some) { doubts.into_iter().flatten().next() } else { None };
    let findings: Vec<&Finding> = fresh.iter().map(|(finding, _)| *finding).collect();
    Step::Create(Box::new(quarantine(source, instance, &findings, suspended.as_deref())))
}

/// When what the event tells happened. A person's press is news whenever it comes. The event of an imported finding is
/// sent anew for every note on it, ours too, and doesn't move UpdatedAt ("BatchUpdateFindings", AWS Security Hub API
/// Reference).
fn happened_at(event: &Event, finding: &Finding) -> Timestamp {
    match event.trigger {
        Trigger::CustomAction { .. } => event.time,
        Trigger::Imported | Trigger::GuardDuty => finding.updated_at.map_or(event.time, |at| at.min(event.time)),
    }
}

/// Why a person must say yes first. None: nobody must.
fn why_suspended(
    source: &Source<'_>,
    by: By,
    doubt: Option<&str>,
    age: SignedDuration,
    released_at: Option<Timestamp>,
    now: Timestamp,
) -> Option<String> {
    let mut reasons = Vec::new();
    let most = source.spec.max_event_age_seconds;
    if age > SignedDuration::from_secs(i64::from(most)) {
        reasons.push(format!("the event is older than {most} seconds (maxEventAgeSeconds)"));
    }
    if by == By::Automatic && released_at.is_some_and(|released_at| now.duration_since(released_at) < LATELY) {
        reasons.push("the instance was given back less than 7 days ago".to_owned());
    }
    reasons.extend(doubt.map(str::to_owned));
    (!reasons.is_empty()).then(|| reasons.join("; "))
}

fn join(source: &Source<'_>, wanted: &Wanted<'_>, existing: &Existing) -> Step {
    let namespace = source.spec.template.namespace.clone();
    let name = quarantine_name(source.name, &wanted.instance.id);
    if existing.deleting {
        return Step::Wait {
            why: format!(
                "Quarantine {namespace}/{name} is being deleted: the message is looked at again when it is gone."
            ),
        };
    }
    if !existing.is_of(wanted.instance) {
        return Step::Wait {
            why: format!(
                "Quarantine {namespace}/{name} has the name that this source gives to {}, and is of another instance, or of one that isn't known yet: delete it, or contain the instance by hand.",
                wanted.instance.arn()
            ),
        };
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
    // A press doesn't set it itself: it may have been suspended on purpose.
    if wanted.by == By::Person
        && let Some(approval) = existing.approval
    {
        let (state, field) = match approval {
            Approval::Resume => ("suspended", "suspend: false"),
            Approval::Enforce => ("a dry run", "mode: Enforce"),
        };
        said.push(format!(
            "A custom action asks for {} to be cut off, and its Quarantine is {state}: set {field}.",
            wanted.instance.id
        ));
    }
    if left_out > 0 {
        said.push(format!(
            "It lists {MOST_FINDINGS} findings, which is all it can: {left_out} more of {} won't be told the outcome.",
            wanted.instance.id
        ));
    }
    Step::Join { namespace, name, add, said: (!said.is_empty()).then(|| said.join(" ")) }
}
