//! What may never be decided or left untold, whatever happens: rules 6, 7, 9, 10, 11, 12.

use super::super::speech::faults;
use super::{Broken, Simulation, api_server::seconds, broken};
use crate::{
    api::{ConditionStatus, ConditionType, InterfaceState, InterfaceStatus, Quarantine, QuarantineStatus, Reason},
    model::ec2::Interface,
    quarantine::{
        decide::{decide, holders::is_driven_elsewhere},
        world::{Action, ActionKind, Again, Decision, FinalizerStep, Sight, World},
    },
};
use std::collections::BTreeSet;

pub fn contained(status: &QuarantineStatus) -> bool {
    status.is_true(ConditionType::Contained)
}

pub fn set(groups: &[String]) -> BTreeSet<&String> {
    groups.iter().collect()
}

/// It is another claim's now, or on its way out: that it couldn't be isolated matters no more.
fn is_past_isolating(state: InterfaceState) -> bool {
    matches!(state, InterfaceState::TakenOver | InterfaceState::Restoring | InterfaceState::RestoreHeld)
}

impl Simulation {
    /// Before anything of it is recorded.
    pub fn check_decision(&mut self, world: &World, decision: &Decision) -> Result<(), Broken> {
        let claim = &world.facts.claim;
        self.count(world, decision);
        assert!(self.planted.is_some() || faults(decision).is_empty(), "{:?}", faults(decision));
        if let Sight::Seen(_, view) = &world.sight {
            self.proven
                .extend(view.groups.iter().filter(|group| group.egress.is_empty()).map(|group| group.id.clone()));
        }
        let held = claim.has_records();
        let refused = self.api.policy_refuses || (self.api.limit_reached && !held);
        let acts = decision.actions.iter().any(|action| action.kind() != ActionKind::Probe);
        if refused && !held && !claim.is_deleting() && (acts || decision.finalizer != FinalizerStep::Keep) {
            return broken(6, format!("policy refuses, and yet: {decision:?}"));
        }
        if self.api.limit_reached && !held && !claim.is_deleting() && !decision.status.interfaces.is_empty() {
            return broken(12, "a record was made though the limit is reached");
        }
        if matches!(world.sight, Sight::Seen(..))
            && held
            && !claim.is_deleting()
            && decision.status.policy_changed.is_none()
            && self.api.policy_refuses
        {
            return broken(9, "policy refuses what is held, and the status doesn't say so");
        }
        self.check_read_back(world, decision)?;
        self.check_accounted(world, decision)?;
        self.check_unknown_originals(world, decision)?;
        self.count_forgeries(world);
        let unfinished = decision.finalizer != FinalizerStep::Remove && (!claim.is_deleting() || claim.has_finalizer());
        if unfinished && decision.actions.is_empty() && decision.again == Again::NEVER {
            return broken(9, "something is left, and nobody looks again");
        }
        Ok(())
    }

    /// Rule 7: Contained=True is said after a read that shows it, or left as the last read had it.
    fn check_read_back(&self, world: &World, decision: &Decision) -> Result<(), Broken> {
        let before = world.facts.claim.status.as_ref().is_some_and(contained);
        if !contained(&decision.status) {
            return Ok(());
        }
        let Sight::Seen(_, view) = &world.sight else {
            return if before { Ok(()) } else { broken(7, "Contained=True without a read") };
        };
        if world.facts.claim.is_deleting()
            && before
            && (world.facts.claim.spec.suspend || decision.finalizer == FinalizerStep::Remove)
        {
            return Ok(());
        }
        let exactly = |interface: &&Interface| {
            let record = decision.status.record(&interface.id);
            let waits = world.facts.holders.iter().find_map(|holder| holder.record(&interface.id));
            record.or(waits).is_some_and(|record| {
                set(&interface.groups) == set(&record.isolation_groups[record.isolation_groups.len() - 1..])
            })
        };
        match view.own_interfaces().find(|interface| !exactly(interface)) {
            Some(other) => broken(7, format!("Contained=True while {} was read with {:?}", other.id, other.groups)),
            None if view.own.is_empty() => broken(7, "Contained=True of an instance without interfaces"),
            None => Ok(()),
        }
    }

    /// Rule 10: the same world again, after the status was stored, gives the same status, the same actions, no event.
    pub fn check_repeated(&self, world: &World, decision: &Decision) -> Result<(), Broken> {
        if decision.finalizer == FinalizerStep::Remove {
            return Ok(());
        }
        // What was taken over just now is read by its id in the next round: then the world is another one.
        let recorded = |id: &str| world.facts.claim.record(id).is_some();
        let read = |id: &str| matches!(&world.sight, Sight::Seen(_, view) if view.interface(id).is_some());
        if decision.status.interfaces.iter().any(|new| !recorded(&new.id) && !read(&new.id)) {
            return Ok(());
        }
        let mut same = world.clone();
        same.facts.claim.status = Some(decision.status.clone());
        if decision.finalizer == FinalizerStep::Add {
            same.facts.claim.metadata.finalizers = Some(vec![crate::api::FINALIZER.to_owned()]);
        }
        let mut again = decide(&same);
        if let Some(planted) = self.planted {
            planted.corrupt(&same, &mut again);
        }
        // Nobody knows whether the first attempt was sent: the second is another one.
        let timeless = |status: &QuarantineStatus| {
            let mut status = status.clone();
            for record in &mut status.interfaces {
                record.changed_at = None;
                record.unanswered_at.clear();
            }
            status
        };
        if timeless(&again.status) != timeless(&decision.status) {
            return broken(
                10,
                format!("the same world gives another status: {:#?} then {:#?}", decision.status, again.status),
            );
        }
        // A refused change counts as tried once the attempt is recorded: it waits its four minutes anew.
        let paced = |action: &&Action| {
            let refused =
                |record: &InterfaceStatus| record.state == InterfaceState::Refused && action.subjects()[0] == record.id;
            action.kind() != ActionKind::Isolate || !decision.status.interfaces.iter().any(refused)
        };
        if !again.actions.iter().filter(paced).eq(decision.actions.iter().filter(paced)) {
            return broken(
                10,
                format!("the same world gives other actions: {:?} then {:?}", decision.actions, again.actions),
            );
        }
        if again.notes.is_empty() {
            Ok(())
        } else {
            broken(10, format!("the same world gives an event again: {:?}", again.notes))
        }
    }

    /// Rule 9: what went wrong in this reconcile, and still stands in the way, is told.
    pub fn check_told(&mut self, recorded: &Quarantine, decision: &Decision, world: &World) -> Result<(), Broken> {
        let Sight::Seen(_, view) = &world.sight else { return Ok(()) };
        let ready = decision.status.condition(ConditionType::Ready);
        let released_later = ready.is_some_and(|ready| ready.reason == Reason::ReleaseHeld.as_str());
        let told =
            |message: &str| decision.status.conditions.iter().any(|condition| condition.message.contains(message));
        for record in recorded.records() {
            let Some(seen) = view.interface(&record.id) else { continue };
            if is_driven_elsewhere(&world.facts, view, &record.id) {
                continue;
            }
            let isolated = record.isolation_groups.last().map(std::slice::from_ref) == Some(&seen.groups[..]);
            for (kind, done) in [
                (ActionKind::Isolate, isolated || is_past_isolating(record.state)),
                (ActionKind::Restore, record.state.is_final()),
                (ActionKind::Tag, false),
            ] {
                let problem = world.outcomes.problem(kind, &record.id).filter(|_| !done);
                if let Some(problem) = problem
                    && !told(&problem.message)
                    && !(kind == ActionKind::Restore && released_later)
                    && !(kind == ActionKind::Tag && (recorded.is_deleting() || recorded.spec.suspend))
                {
                    return broken(
                        9,
                        format!(
                            "{kind:?} of {} failed ({problem}), and no condition says so: {:#?}",
                            record.id, decision.status.conditions
                        ),
                    );
                }
            }
        }
        Ok(())
    }

    /// Rule 11: what is already isolated and has no record is contained, is watched for a minute, and is never called
    /// restorable.
    fn check_unknown_originals(&self, world: &World, decision: &Decision) -> Result<(), Broken> {
        if !matches!(world.sight, Sight::Seen(..)) || world.facts.claim.is_deleting() {
            return Ok(());
        }
        let unknown: Vec<&InterfaceStatus> = decision
            .status
            .interfaces
            .iter()
            .filter(|record| record.original_security_groups.is_none() && !record.state.is_final())
            .collect();
        let Some(oldest) = unknown.iter().map(|record| seconds(&record.recorded_at)).min() else { return Ok(()) };
        let told = decision.status.condition(ConditionType::Restorable);
        let said = |status| told.is_some_and(|told| told.status == status);
        if said(ConditionStatus::True) || told.is_none() {
            return broken(11, format!("nothing tells what {} carried, and Restorable is {told:?}", unknown[0].id));
        }
        if self.now - oldest < 60 && said(ConditionStatus::False) {
            return broken(
                11,
                format!("the originals of {} count as unknown before the minute is over", unknown[0].id),
            );
        }
        Ok(())
    }
}
