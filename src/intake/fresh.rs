//! An instance that has no Quarantine of its source: whether one is made of the event, and whether a person must say yes to
//! it first. Pure.

use super::{
    accept::By,
    echo::LATELY,
    existing::InstanceFacts,
    make::quarantine,
    parse::Event,
    plan::{Source, Step, Wanted},
};
use crate::{api::FindingSourceSpec, model::finding::Finding};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// How many instances of each finding of an event are active already, or become so.
pub struct Crowd<'a> {
    most: usize,
    active: BTreeMap<&'a str, usize>,
    /// Those that begin suspended for that reason, by finding.
    beyond: BTreeMap<&'a str, Vec<&'a str>>,
}

impl<'a> Crowd<'a> {
    /// With what was made of the findings before: a message may come twice, and a finding may grow.
    pub(super) fn of(spec: &FindingSourceSpec, wanted: &[Wanted<'a>], facts: &BTreeMap<String, InstanceFacts>) -> Self {
        let most = usize::try_from(spec.max_active_per_finding).unwrap_or_default();
        let mut crowd = Self { most, active: BTreeMap::new(), beyond: BTreeMap::new() };
        for wanted in wanted {
            let existing = facts.get(&wanted.instance.id).and_then(|facts| facts.existing.as_ref());
            if existing.is_some_and(|existing| existing.approval.is_none() && !existing.deleting) {
                crowd.count(wanted);
            }
        }
        crowd
    }

    /// Whether one more of these findings may become active; it counts from then on. One finding with room is enough.
    fn admits(&mut self, wanted: &Wanted<'a>) -> bool {
        let ids: Vec<&str> = wanted.findings.iter().map(|(finding, _)| finding.id.as_str()).collect();
        if ids.iter().any(|id| self.active.get(id).copied().unwrap_or_default() < self.most) {
            self.count(wanted);
            return true;
        }
        for id in ids {
            self.beyond.entry(id).or_default().push(&wanted.instance.id);
        }
        false
    }

    fn count(&mut self, wanted: &Wanted<'a>) {
        for (finding, _) in &wanted.findings {
            *self.active.entry(&finding.id).or_default() += 1;
        }
    }

    /// What is to be said of those that begin suspended for that reason.
    pub(super) fn said(self) -> Option<String> {
        let all: Vec<String> = self
            .beyond
            .iter()
            .map(|(finding, instances)| {
                let begin = if instances.len() == 1 { "begins" } else { "begin" };
                format!(
                    "Of one finding at most {} instances become active (maxActivePerFinding), and {finding} names more: {} {begin} suspended. Set suspend: false on those that are to be contained.",
                    self.most,
                    instances.join(", ")
                )
            })
            .collect();
        (!all.is_empty()).then(|| all.join(" "))
    }
}

/// What is made of an instance that has no Quarantine.
pub(super) fn make<'a>(
    source: &Source<'_>,
    event: &Event,
    wanted: &Wanted<'a>,
    facts: &InstanceFacts,
    crowd: &mut Crowd<'a>,
    now: Timestamp,
) -> Step {
    let Wanted { instance, by, findings } = wanted;
    let fresh: Vec<_> = findings
        .iter()
        .filter(|(finding, _)| facts.released_at.is_none_or(|at| happened_at(event, *by, finding) > at))
        .collect();
    if let Some(released_at) = facts.released_at.filter(|_| fresh.is_empty()) {
        return echo(source, event, wanted, released_at);
    }
    // One finding that speaks clearly is enough.
    let mut doubts = Vec::new();
    for (finding, doubt) in &fresh {
        doubts.push(why_suspended(source, *by, doubt.as_deref(), happened_at(event, *by, finding), facts, now));
    }
    let mut suspended = if doubts.iter().all(Option::is_some) { doubts.into_iter().flatten().next() } else { None };
    let template = &source.spec.template;
    let acts = suspended.is_none() && template.acts();
    if acts && !crowd.admits(wanted) {
        let most = crowd.most;
        suspended =
            Some(format!("its finding names more instances than the {most} that become active (maxActivePerFinding)"));
    }
    let findings: Vec<&Finding> = fresh.iter().map(|(finding, _)| *finding).collect();
    Step::Create(Box::new(quarantine(source, instance, &findings, *by, suspended.as_deref())))
}

fn echo(source: &Source<'_>, event: &Event, wanted: &Wanted<'_>, released_at: Timestamp) -> Step {
    let id = &wanted.instance.id;
    let why = match wanted.by {
        By::Automatic => format!("It is not newer than the last release of {id}."),
        By::Person => format!(
            "The custom action was pressed at {}, and {id} was given back by a deletion at {released_at}, which is not older: press it again to have the instance cut off.",
            event.time
        ),
        By::Status => format!(
            "The finding was In Progress at {}, and {id} was given back by a deletion at {released_at}, which is not older: write a comment on the finding to have it looked at again.",
            event.time
        ),
    };
    Step::Echo { why, note_on: wanted.told(source) }
}

/// When what the event tells happened. A person's press is news whenever it comes. The event of an imported finding is
/// sent anew for every note on it, ours too, and doesn't move UpdatedAt ("BatchUpdateFindings", AWS Security Hub API
/// Reference).
fn happened_at(event: &Event, by: By, finding: &Finding) -> Timestamp {
    match by {
        By::Person | By::Status => event.time,
        By::Automatic => finding.updated_at.map_or(event.time, |at| at.min(event.time)),
    }
}

/// Why a person must say yes first. None: nobody must.
fn why_suspended(
    source: &Source<'_>,
    by: By,
    doubt: Option<&str>,
    happened_at: Timestamp,
    facts: &InstanceFacts,
    now: Timestamp,
) -> Option<String> {
    let mut reasons = Vec::new();
    let most = source.spec.max_event_age_seconds;
    if now.duration_since(happened_at) > SignedDuration::from_secs(i64::from(most)) {
        reasons.push(format!("the event is older than {most} seconds (maxEventAgeSeconds)"));
    }
    if by == By::Automatic && facts.released_at.is_some_and(|released_at| now.duration_since(released_at) < LATELY) {
        reasons.push("the instance was given back less than 7 days ago".to_owned());
    }
    if by == By::Status && facts.released_at.is_some() {
        reasons.push(
            "the instance was given back before, and the event doesn't tell whether the status was set since"
                .to_owned(),
        );
    }
    if facts.released_at.is_none() && facts.forgotten_before.is_some_and(|before| happened_at <= before) {
        reasons
            .push("more instances were given back lately than the source remembers, perhaps this one too".to_owned());
    }
    reasons.extend(doubt.map(str::to_owned));
    (!reasons.is_empty()).then(|| reasons.join("; "))
}
