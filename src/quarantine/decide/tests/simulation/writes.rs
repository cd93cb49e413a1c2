//! What may never be written: to the status, and to the interfaces of EC2. Against what the API server has, not what the
//! operator believes. Rules 1, 2, 3, 5.

use super::{
    Broken, Simulation,
    api_server::{at, seconds},
    broken,
    checks::set,
    ec2::Eni,
};
use crate::{
    api::{InterfaceState, InterfaceStatus, MissingGroups, Quarantine, RecordSource, ReleaseApproval},
    model::ec2::Interface,
    quarantine::world::{Action, Decision, Sight, World},
};
use std::collections::BTreeSet;

impl Simulation {
    /// Rules 1, 2, 5: what a status write may do to records.
    pub fn check_status_write(&mut self, stored: &Quarantine, decision: &Decision) -> Result<(), Broken> {
        for old in stored.records() {
            let Some(new) = decision.status.record(&old.id) else {
                return broken(2, format!("the record of {} is dropped", old.id));
            };
            let learnt = old.original_security_groups.is_none() && old.changed_at.is_none();
            if new.original_security_groups != old.original_security_groups && !learnt {
                return broken(2, format!("the originals of {} are overwritten: {old:?} then {new:?}", old.id));
            }
            if !new.isolation_groups.starts_with(&old.isolation_groups) || new.recorded_at != old.recorded_at {
                return broken(2, format!("the record of {} is rewritten: {old:?} then {new:?}", old.id));
            }
            let came_back =
                matches!(old.state, InterfaceState::Gone | InterfaceState::TakenOver) && !stored.is_deleting();
            if old.state.is_final() && new.state != old.state && !came_back {
                return broken(2, format!("{} was accounted for and isn't any more: {old:?} then {new:?}", old.id));
            }
        }
        for new in &decision.status.interfaces {
            let old = stored.record(&new.id);
            let learnt = old.is_none_or(|old| old.original_security_groups.is_none());
            if new.original_security_groups.is_some() && learnt && !self.is_taken_over(new) {
                self.check_new_originals(stored, new)?;
            }
            let held_by_another = |other: &&Quarantine| {
                other.metadata.uid != stored.metadata.uid
                    && other.instance_id() == stored.instance_id()
                    && !other.is_deleting()
                    && other.record(&new.id).is_some_and(|record| !record.state.is_final())
            };
            if old.is_none() && self.api.claims.values().any(|other| held_by_another(&other)) {
                return broken(5, format!("{} is recorded by two claims", new.id));
            }
        }
        let known = |id: &str| stored.record(id).is_some();
        if decision.status.interfaces.iter().any(|record| !known(&record.id)) && !stored.has_finalizer() {
            return broken(1, "a record without a finalizer");
        }
        Ok(())
    }

    /// Whether every release had to wait for a person when the claim's first records were stored; and what is recorded.
    pub fn note_admission(&mut self, stored: &Quarantine) {
        let Some(uid) = stored.metadata.uid.clone().filter(|_| stored.has_records()) else { return };
        let asked = self.api.class_of(stored).spec.release_approval == ReleaseApproval::Always;
        self.approval_asked.entry(uid.clone()).or_insert(asked);
        for record in stored.records() {
            if self.recorded_by.insert((uid.clone(), record.id.clone())) {
                self.given_up.remove(&record.id);
            }
            self.recorded.entry(record.id.clone()).or_default().extend(record.original_security_groups.clone());
        }
    }

    /// Whether the originals are what another claim recorded.
    fn is_taken_over(&self, new: &InterfaceStatus) -> bool {
        let known = new.original_security_groups.as_ref().zip(self.recorded.get(&new.id));
        known.is_some_and(|(originals, known)| known.contains(originals))
    }

    fn check_new_originals(&self, stored: &Quarantine, new: &InterfaceStatus) -> Result<(), Broken> {
        let originals = new.original_security_groups.as_deref().unwrap_or_default();
        if originals.is_empty() || originals.iter().any(|group| self.isolates_for(stored, group)) {
            return broken(
                2,
                format!(
                    "an isolation group became an original of {}: {originals:?} {new:?} {:?}",
                    new.id, stored.metadata.name
                ),
            );
        }
        if new.recorded_from == RecordSource::Tags {
            return Ok(());
        }
        if new.recorded_from == RecordSource::Primary {
            return self.check_originals_of_primary(stored, new);
        }
        let carried = self.ec2.interfaces.get(&new.id).map(|eni| eni.readable(self.now)).unwrap_or_default();
        let own = |seen: &Interface| {
            let own = seen.groups.iter().filter(|group| !self.isolates_for(stored, group));
            own.cloned().collect::<BTreeSet<_>>()
        };
        let originals: BTreeSet<String> = new.original_security_groups.iter().flatten().cloned().collect();
        if carried.into_iter().flatten().any(|seen| own(seen) == originals) {
            return Ok(());
        }
        broken(2, format!("{} never carried its originals {originals:?}", new.id))
    }

    /// Rule 2: another interface's originals are given only to what never carried groups of its own while it was watched.
    fn check_originals_of_primary(&self, stored: &Quarantine, new: &InterfaceStatus) -> Result<(), Broken> {
        let mut others = stored.records().iter().filter(|other| other.id != new.id);
        let known = others.any(|other| other.original_security_groups == new.original_security_groups);
        let since = self.ec2.interfaces.get(&new.id).map(|eni| eni.since(seconds(&new.recorded_at)));
        let own = |seen: &Interface| seen.groups.iter().any(|group| !self.isolates_for(stored, group));
        if known
            && !since.unwrap_or_default().into_iter().flatten().any(own)
            && self.now - seconds(&new.recorded_at) >= 60
        {
            return Ok(());
        }
        broken(2, format!("{} gets another interface's originals: {new:?}", new.id))
    }

    /// Rules 1 and 3: before a call that changes an interface is sent.
    pub fn check_action(&mut self, world: &World, action: &Action) -> Result<(), Broken> {
        let name = world.facts.claim.metadata.name.as_deref().unwrap_or_default();
        let Some(stored) = self.api.claims.get(name).cloned() else {
            return broken(1, "it acts for a claim that is gone");
        };
        self.check_one_driver(&stored, action)?;
        match action {
            Action::Isolate { interface_id, groups } => self.check_isolate(&stored, interface_id, groups),
            Action::Restore { interface_id, groups } => self.check_restore(world, &stored, interface_id, groups),
            Action::Tag { .. }
            | Action::Untag { .. }
            | Action::MakeGroup { .. }
            | Action::MendGroup { .. }
            | Action::Probe { .. }
            | Action::Tell { .. } => Ok(()),
        }
    }

    /// Rule 5: what another claim of the same instance holds and keeps, nobody else touches.
    fn check_one_driver(&self, stored: &Quarantine, action: &Action) -> Result<(), Broken> {
        let (Action::Isolate { interface_id, .. } | Action::Restore { interface_id, .. }) = action else {
            return Ok(());
        };
        let keeps = |other: &&Quarantine| {
            other.metadata.uid != stored.metadata.uid
                && other.instance_id() == stored.instance_id()
                && !other.is_deleting()
                && other.has_finalizer()
                && !other.spec.suspend
                && other.record(interface_id).is_some_and(|record| !record.state.is_final())
        };
        match self.api.claims.values().find(keeps) {
            Some(other) => {
                broken(5, format!("{action:?} beside {:?}, which holds {interface_id}", other.metadata.name))
            }
            None => Ok(()),
        }
    }

    fn check_isolate(&mut self, stored: &Quarantine, id: &str, groups: &[String]) -> Result<(), Broken> {
        let Some(record) = stored.record(id) else { return broken(1, format!("{id} is isolated without a record")) };
        if !stored.has_finalizer() {
            return broken(1, format!("{id} is isolated without a finalizer"));
        }
        if record.changed_at.as_ref().is_none_or(|then| then.0 < at(self.now)) {
            return broken(1, format!("{id} is isolated, and the attempt isn't in the record: {record:?}"));
        }
        if record.isolation_groups.last().map(std::slice::from_ref) != Some(groups) {
            return broken(1, format!("{id} gets {groups:?}, which its record doesn't have in force: {record:?}"));
        }
        if let Some(other) = groups.iter().find(|group| !self.isolates(group)) {
            return broken(2, format!("{id} gets {other}, which doesn't isolate anywhere"));
        }
        let managed = self.api.classes[0].spec.security_group.managed.is_some();
        if let Some(new) = groups.iter().find(|group| managed && !self.proven.contains(*group)) {
            return broken(6, format!("{new} is used before a read showed it without egress"));
        }
        let uid = stored.metadata.uid.clone().unwrap_or_default();
        let first = self.swapped.insert((uid, id.to_owned()));
        let then = seconds(&record.recorded_at);
        let was_isolated =
            |eni: &Eni| eni.readable_at(then).any(|seen| seen.groups.iter().any(|group| self.isolates(group)));
        if first && record.original_security_groups.is_none() && !self.ec2.interfaces.get(id).is_some_and(was_isolated)
        {
            return broken(
                1,
                format!("{id} is isolated for the first time, and its own groups are stored nowhere: {record:?}"),
            );
        }
        Ok(())
    }

    fn check_restore(&self, world: &World, stored: &Quarantine, id: &str, groups: &[String]) -> Result<(), Broken> {
        let Some(record) = stored.record(id) else { return broken(3, format!("{id} is restored without a record")) };
        let originals = record.original_security_groups.clone().unwrap_or_default();
        let drop = stored.spec.release.missing_groups == MissingGroups::Drop;
        let left: Vec<String> =
            originals.iter().filter(|group| self.ec2.groups.contains_key(*group)).cloned().collect();
        let exact = set(groups) == set(&originals) || (drop && set(groups) == set(&left));
        if !exact || groups.is_empty() {
            return broken(3, format!("{id} gets {groups:?} back, and its own were {originals:?}"));
        }
        // Of what was isolated when it was recorded nobody knows when: the minute counts from the record.
        let isolated_before = record.recorded_from == RecordSource::Tags;
        let changed = record.changed_at.as_ref().or_else(|| isolated_before.then_some(&record.recorded_at));
        let settled = changed.is_none_or(|then| self.now - seconds(then) > 60);
        if let Sight::Seen(_, view) = &world.sight
            && let Some(seen) = view.interface(id)
            && settled
            && !seen.groups.iter().any(|group| record.isolation_groups.contains(group))
        {
            return broken(3, format!("{id} carries {:?}, which is somebody else's, and is overwritten", seen.groups));
        }
        self.check_meant(stored)
    }
}
