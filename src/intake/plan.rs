//! What is made of an event, and whether its message may be deleted then. Pure: no clock, no client.
//!
//! Who carries a plan out takes its steps first; the message is deleted only when each has succeeded. A message that
//! comes twice, or whose steps succeeded in part, gets a plan from what exists by then.

use super::{
    accept::{By, Verdict, accept, accept_instance},
    existing::{InstanceFacts, join},
    fresh::{Crowd, make},
    make::reference,
    parse::{Event, Trigger, Unreadable},
};
use crate::{
    api::{Cause, Counters, FindingReference, FindingSourceSpec, Quarantine},
    model::{finding::Finding, instance::NamedInstance, text::plain},
};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Whose messages these are.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    pub name: &'a str,
    pub spec: &'a FindingSourceSpec,
    /// The ARN of the custom action that the source keeps itself.
    pub own_action: Option<&'a str>,
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
        /// A person asked for it.
        chosen: bool,
        /// What is to be said in an event.
        said: Option<String>,
        /// The findings on which it is said, too: a person asked for what doesn't happen.
        note_on: Vec<FindingReference>,
    },
    /// The event is not newer than the instance's last release. Where a person asked for it: an event, and a note on each
    /// of these findings.
    Echo { why: String, note_on: Vec<FindingReference> },
    /// The source doesn't ask for it. It is not worth an event.
    Unwanted { cause: Cause, why: String },
    /// A person asked for it, and it can't be done: an event, and a note on the finding.
    Refused { cause: Cause, why: String, note_on: Option<FindingReference> },
    /// Accepted, but it names no instance: an event, and where a person asked for it a note on the finding.
    WithoutInstance { why: String, note_on: Option<FindingReference> },
    /// A finding names more instances than may become active through it: an event.
    Crowded { why: String },
    /// Nothing can be done yet: the message stays. Where a person asked for it: an event, and a note on each of these
    /// findings, when the message comes for the first time.
    Wait { why: String, note_on: Vec<FindingReference> },
}

impl Step {
    /// Adds what became of it, once it has succeeded.
    pub fn count(&self, counters: &mut Counters) {
        match self {
            Self::Create(_) => counters.created += 1,
            Self::Join { .. } => counters.joined += 1,
            Self::Echo { .. } => counters.echoes += 1,
            Self::Unwanted { cause, why: _ } | Self::Refused { cause, why: _, note_on: _ } => counters.refuse(*cause),
            Self::WithoutInstance { .. } => counters.without_instance += 1,
            Self::Crowded { .. } | Self::Wait { .. } => {}
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

/// The findings of which a person asked that their instances be cut off.
pub fn pressed(source: &Source<'_>, event: &Event) -> Vec<FindingReference> {
    sort(source, event).wanted.iter().flat_map(|wanted| wanted.told(source)).collect()
}

/// Plans what is made of an event. `facts` are those of the instances that [`wanted`] names, by id.
pub fn plan(source: &Source<'_>, event: &Event, facts: &BTreeMap<String, InstanceFacts>, now: Timestamp) -> Plan {
    let Sorted { wanted, places: _, said: mut steps } = sort(source, event);
    let mut crowd = Crowd::of(source.spec, &wanted, facts);
    steps.extend(wanted.iter().map(|wanted| match facts.get(&wanted.instance.id) {
        Some(InstanceFacts { existing: Some(existing), .. }) => join(source, wanted, existing),
        Some(facts) => make(source, event, wanted, facts, &mut crowd, now),
        None => Step::Wait { why: format!("Nothing is known of {} yet.", wanted.instance.id), note_on: Vec::new() },
    }));
    steps.extend(crowd.said().map(|why| Step::Crowded { why }));
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
pub(super) struct Wanted<'a> {
    pub instance: &'a NamedInstance,
    pub by: By,
    pub findings: Vec<(&'a Finding, Option<String>)>,
}

impl Wanted<'_> {
    /// The findings on which the person who chose them is told. None where nobody did.
    pub fn told(&self, source: &Source<'_>) -> Vec<FindingReference> {
        let findings = self.findings.iter().filter(|_| self.by != By::Automatic);
        findings.filter_map(|(finding, _)| note_on(source, finding)).collect()
    }
}

fn sort<'a>(source: &Source<'_>, event: &'a Event) -> Sorted<'a> {
    let mut sorted = Sorted { wanted: Vec::new(), places: BTreeMap::new(), said: Vec::new() };
    for finding in &event.findings {
        match accept(source.spec, source.own_action, event, finding) {
            Verdict::Accepted { by, doubts: _ } => sort_instances(source, event, finding, by, &mut sorted),
            Verdict::Unwanted { cause, why } => sorted.said.push(match event.trigger {
                // Somebody pressed it and waits; the finding isn't ours to write on.
                Trigger::CustomAction { .. } => Step::Refused { cause, why, note_on: None },
                Trigger::Imported | Trigger::GuardDuty => Step::Unwanted { cause, why },
            }),
            Verdict::Refused { cause, why } => {
                sorted.said.push(Step::Refused { cause, why, note_on: note_on(source, finding) });
            }
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
            Verdict::Unwanted { cause, why } => unwanted.push((cause, why)),
            Verdict::Refused { cause, why } => refused.push((cause, why)),
        }
    }
    sorted.said.extend(together(unwanted).map(|(cause, why)| Step::Unwanted { cause, why }));
    let refused = together(refused);
    sorted.said.extend(refused.map(|(cause, why)| Step::Refused { cause, why, note_on: note_on(source, finding) }));
    let names_none = finding.instances.is_empty() || !finding.unreadable_instances.is_empty();
    if names_none {
        let instead = finding.named_instead();
        let why = if finding.instances.is_empty() {
            format!("It names no EC2 instance: {instead}.")
        } else {
            format!("Beside those that it names {instead}.")
        };
        let note_on = if by != By::Automatic { note_on(source, finding) } else { None };
        sorted.said.push(Step::WithoutInstance { why: plain(&why, 512), note_on });
    }
}

/// What is said of a finding's instances, as one: the first cause stands for all. None: nothing is said.
fn together(said: Vec<(Cause, String)>) -> Option<(Cause, String)> {
    let (cause, _) = said.first()?;
    let words: Vec<&str> = said.iter().map(|(_, why)| why.as_str()).collect();
    Some((*cause, plain(&words.join(" "), 512)))
}

fn note_on(source: &Source<'_>, finding: &Finding) -> Option<FindingReference> {
    reference(finding, &source.spec.region)
}
