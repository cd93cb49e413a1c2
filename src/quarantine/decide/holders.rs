//! Which of several claims of one instance drives it, and how its records pass from one to the next. Pure.
//!
//! Whoever holds the records drives until it goes. With no records, the oldest eligible drives, by creation and then by
//! uid, so that every reader comes to the same answer. A driver that is deleted waits until its heir has its finalizer
//! and every record, and only then lets go: at every moment somebody holds the way back.

use super::{
    conditions::{Aspect, Progress, Verdict},
    draft::Draft,
    group, interface,
};
use crate::{
    api::{
        ConditionStatus, ConditionType, HeldBy, InterfaceState, InterfaceStatus, Quarantine, QuarantineClass, Reason,
    },
    model::{
        ec2::Interface,
        problem::{Disposition, Problem},
    },
    quarantine::world::{Facts, Holder, View},
};
use jiff::Timestamp;
use std::collections::BTreeSet;

impl Holder {
    /// What others need to know of a claim. None: it has never been stored.
    pub fn of(claim: &Quarantine) -> Option<Self> {
        let records = claim.records().to_vec();
        let waits = claim.status.as_ref().is_some_and(|status| status.held_by.is_some());
        let said = |type_| claim.condition(type_).map(|condition| condition.status);
        Some(Self {
            namespace: claim.metadata.namespace.clone()?,
            name: claim.metadata.name.clone()?,
            uid: claim.metadata.uid.clone()?,
            created: claim.metadata.creation_timestamp.as_ref()?.0,
            instance_id: claim.instance_id().map(str::to_owned),
            deleting: claim.is_deleting(),
            finalized: claim.has_finalizer(),
            eligible: claim.is_wanted() && (waits || !records.is_empty()),
            records,
            ready: said(ConditionType::Ready),
            contained: said(ConditionType::Contained),
        })
    }

    /// Whether it holds the way back of anything.
    pub fn holds(&self) -> bool {
        !self.records.is_empty()
    }

    pub fn record(&self, id: &str) -> Option<&InterfaceStatus> {
        self.records.iter().find(|record| record.id == id)
    }

    /// Whether the way back of this interface is safe with it: it stays, and knows as much, also of swaps that may
    /// still arrive. Of one that it doesn't know it couldn't wait before it gives the interface back.
    fn covers(&self, record: &InterfaceStatus, now: Timestamp) -> bool {
        let held = self.record(&record.id).filter(|held| !held.state.is_final());
        let knows_as_much = |held: &InterfaceStatus| {
            (record.original_security_groups.is_none()
                || held.original_security_groups == record.original_security_groups)
                && interface::on_their_way(record, now).all(|sent| held.unanswered_at.contains(sent))
        };
        !self.deleting && self.finalized && held.is_some_and(knows_as_much)
    }

    fn age(&self) -> (Timestamp, &str) {
        (self.created, &self.uid)
    }

    fn reference(&self) -> HeldBy {
        HeldBy { namespace: self.namespace.clone(), name: self.name.clone(), uid: self.uid.clone() }
    }
}

/// The ids of groups of which these classes and records say that they isolate: none of them is ever an original.
pub fn isolation_groups<'a>(
    classes: impl IntoIterator<Item = &'a QuarantineClass>,
    claims: impl IntoIterator<Item = &'a Quarantine>,
) -> BTreeSet<String> {
    let of_class = |class: &'a QuarantineClass| {
        let managed = class.managed_groups().iter().map(|group| &group.group_id);
        class.spec.security_group.id.iter().chain(&class.spec.allowed_security_group_ids).chain(managed)
    };
    let of_records = claims.into_iter().flat_map(Quarantine::records).flat_map(|record| &record.isolation_groups);
    classes.into_iter().flat_map(of_class).chain(of_records).cloned().collect()
}

/// The other claims of the same instance.
fn of_same_instance(facts: &Facts) -> impl Iterator<Item = &Holder> {
    let own = facts.claim.instance_id();
    facts.holders.iter().filter(move |holder| own.is_some() && holder.instance_id.as_deref() == own)
}

/// The claim that drives the instance, when it is another one.
pub fn driver(facts: &Facts) -> Option<&Holder> {
    if facts.claim.has_records() {
        return None;
    }
    let holding = of_same_instance(facts).filter(|holder| holder.holds());
    // While records pass on, two hold them: the one that stays drives.
    let driving = holding.min_by_key(|holder| (holder.deleting, holder.age()));
    let older = of_same_instance(facts).filter(|holder| holder.eligible && holder.age() < own_age(facts));
    driving.or(older.min_by_key(|holder| holder.age()))
}

/// Whether this claim takes the driver's records over: the driver goes, and no eligible claim is older.
pub fn inherits(facts: &Facts, driver: &Holder) -> bool {
    let older = |holder: &Holder| holder.eligible && !holder.holds() && holder.age() < own_age(facts);
    let wanted = facts.claim.spec.acts();
    wanted && driver.deleting && driver.holds() && !of_same_instance(facts).any(older)
}

/// Takes over the records of claims of the same instance that go: every one that this claim doesn't have.
pub fn take_over(draft: &mut Draft<'_>) {
    let facts = draft.facts;
    for going in of_same_instance(facts).filter(|holder| holder.deleting && holder.finalized) {
        let mut taken: Vec<InterfaceStatus> = going
            .records
            .iter()
            .filter(|record| !record.state.is_final())
            .filter(|record| draft.status.interfaces.iter().all(|own| own.id != record.id))
            .map(taken)
            .collect();
        taken.iter_mut().for_each(|record| interface::suppose_sent(draft, record));
        if !taken.is_empty() {
            draft.status.interfaces.extend(taken);
            let from = format!("{}/{}", going.namespace, going.name);
            draft.tell(
                Reason::TakenOver,
                format!("Took over the records of Quarantine {from}, which is being deleted."),
            );
        }
    }
}

/// The same record, in other hands. What it carried before anybody touched it stays what it was.
pub fn taken(record: &InterfaceStatus) -> InterfaceStatus {
    let state = match record.state {
        InterfaceState::Isolated => InterfaceState::Isolated,
        _ => InterfaceState::Isolating,
    };
    InterfaceStatus { state, message: None, missing_since: None, ..record.clone() }
}

/// For whom a claim that is being deleted waits: the claim that is to take its records over, or the one that gives the
/// instance back first. None: nobody wants the instance held, and it is given back.
pub fn awaited(facts: &Facts) -> Option<&Holder> {
    let heir = of_same_instance(facts).filter(|holder| holder.eligible).min_by_key(|holder| holder.age());
    // Of several that go, the oldest gives back: the others find it done.
    let older =
        |holder: &&Holder| holder.deleting && holder.finalized && holder.holds() && holder.age() < own_age(facts);
    heir.or_else(|| of_same_instance(facts).filter(older).min_by_key(|holder| holder.age()))
}

/// Marks the records of a claim that goes which others hold by now. Whoever has the record holds the way back.
pub fn hand_over(draft: &mut Draft<'_>) {
    let facts = draft.facts;
    for record in draft.status.interfaces.iter_mut().filter(|record| !record.state.is_final()) {
        if let Some(keeper) = facts.holders.iter().find(|holder| holder.covers(record, facts.now)) {
            record.state = InterfaceState::TakenOver;
            record.message = Some(kept_by(keeper).message);
        }
    }
}

/// What a claim says that is being deleted and waits for another one.
pub fn waits_for_succession(other: &Holder) -> Verdict {
    let (namespace, name) = (&other.namespace, &other.name);
    let message = if other.deleting {
        format!(
            "Quarantine {namespace}/{name} holds this instance too and is being deleted; this one goes when that one has given the instance back."
        )
    } else {
        format!(
            "Quarantine {namespace}/{name} wants this instance held too and takes the records over; this one goes then, and the instance stays contained. To have it released, delete or suspend that one."
        )
    };
    Verdict::of(Progress::Working, Aspect::new(false, Reason::HandingOver, message))
}

/// What a claim says that waits for another one. It is contained only where what is in force is what its own class
/// would give, and this read shows it.
pub fn waits(draft: &Draft<'_>, view: &View, other: &Holder) -> Verdict {
    let (namespace, name) = (&other.namespace, &other.name);
    let held =
        format!("Quarantine {namespace}/{name} holds this instance; this one takes over when that one is deleted.");
    let isolated = !view.own.is_empty()
        && view.own_interfaces().all(|seen| match &seen.groups[..] {
            [only] => {
                let in_force = other.record(&seen.id).and_then(group::in_force);
                in_force == Some(only) && view.group(only).is_some() && group::is_declared(draft, view, only)
            }
            _ => false,
        });
    let contained = if other.contained == Some(ConditionStatus::True) && isolated {
        Aspect::new(
            true,
            Reason::Contained,
            format!("{held} Every interface carries only an isolation group of this class."),
        )
    } else {
        let why =
            if isolated { "That one doesn't say contained." } else { "What is in force is not what this class gives." };
        Aspect::new(false, Reason::HeldByAnother, format!("{held} {why}"))
    };
    let ready = other.ready == Some(ConditionStatus::True);
    let progress = if ready { Progress::Done } else { Progress::Working };
    Verdict { contained: Some(contained), ..Verdict::of(progress, Aspect::new(ready, Reason::HeldByAnother, held)) }
}

/// What stands in the status of a claim that waits.
pub fn held_by(other: &Holder) -> HeldBy {
    other.reference()
}

/// A record of this interface that another claim holds, or has just given back.
pub fn known_record<'a>(facts: &'a Facts, id: &str) -> Option<&'a InterfaceStatus> {
    let known = facts.holders.iter().filter_map(|holder| holder.record(id));
    known.min_by_key(|record| record.state.is_final())
}

/// An interface that came back is held here again, before it is said which group it gets.
pub fn take_back_returned(draft: &mut Draft<'_>, view: &View) {
    let returned = |record: &&mut InterfaceStatus| match record.state {
        InterfaceState::TakenOver => view.own.contains(&record.id),
        InterfaceState::Gone => view.interface(&record.id).is_some(),
        _ => false,
    };
    if !draft.facts.claim.is_deleting() {
        for record in draft.status.interfaces.iter_mut().filter(returned) {
            record.state = InterfaceState::Isolating;
            record.message = None;
        }
    }
}

/// Whether another claim gives the interface back: it has a record, and stays; or it goes, and knows the isolation group
/// that the interface carries. Else it would leave it for somebody else's.
pub fn is_given_back_by_another(facts: &Facts, seen: &Interface) -> bool {
    let gives_back = |holder: &Holder| {
        let record = holder.record(&seen.id).filter(|record| !record.state.is_final());
        record.is_some_and(|record| !holder.deleting || interface::carries_any(seen, &record.isolation_groups))
    };
    facts.holders.iter().filter(|holder| holder.finalized).any(gives_back)
}

/// The claim that stays and has a record of the interface.
pub fn keeper<'a>(facts: &'a Facts, id: &str) -> Option<&'a Holder> {
    let live = |holder: &&Holder| holder.record(id).is_some_and(|record| !record.state.is_final());
    facts.holders.iter().filter(|holder| !holder.deleting && holder.finalized).find(live)
}

/// Whether a claim of another instance comes before this one for an interface that isn't attached to this one's
/// instance: it is attached to that one's, or hangs on nobody's and that claim is the older.
fn precedes(facts: &Facts, seen: &Interface, other: &Holder) -> bool {
    let at = seen.instance_id.as_deref();
    let attached = |holder: &Holder| at.is_some() && holder.instance_id.as_deref() == at;
    let nobodys = !facts.holders.iter().any(attached);
    // Claims of this instance come from a store that may be behind, and one of them drives.
    let elsewhere = other.instance_id.as_deref() != facts.claim.instance_id();
    elsewhere && (attached(other) || (nobodys && other.age() < own_age(facts)))
}

/// Whether a claim of another instance that comes before this one has a record of the interface, be it on its way out
/// too: two that isolate it with different groups would never come to rest.
pub fn is_driven_elsewhere(facts: &Facts, view: &View, id: &str) -> bool {
    let Some(seen) = view.interface(id).filter(|seen| !view.own.contains(&seen.id)) else { return false };
    let there = facts.holders.iter().filter(|holder| holder.finalized && precedes(facts, seen, holder));
    there.filter_map(|holder| holder.record(id)).any(|record| !record.state.is_final())
}

/// What a claim that goes says of an interface that another one keeps.
pub fn kept_by(keeper: &Holder) -> Problem {
    let message = format!("Quarantine {}/{} holds it.", keeper.namespace, keeper.name);
    Problem::new(Disposition::Wait, Reason::HeldByAnother, message)
}

/// An interface that is attached to another instance now is held by that one's claim, once that has its record. What
/// hangs on nobody's instance stays with the older claim.
pub fn give_over_moved(draft: &mut Draft<'_>, view: &View) {
    let facts = draft.facts;
    for record in draft.status.interfaces.iter_mut().filter(|record| !record.state.is_final()) {
        let Some(seen) = view.interface(&record.id).filter(|seen| !view.own.contains(&seen.id)) else { continue };
        let mut there = facts.holders.iter().filter(|holder| precedes(facts, seen, holder));
        if let Some(keeper) = there.find(|holder| holder.covers(record, facts.now)) {
            record.state = InterfaceState::TakenOver;
            record.message = Some(kept_by(keeper).message);
        }
    }
}

fn own_age(facts: &Facts) -> (Timestamp, &str) {
    let created = facts.claim.metadata.creation_timestamp.as_ref().map_or(Timestamp::MAX, |time| time.0);
    (created, facts.claim.metadata.uid.as_deref().unwrap_or_default())
}
