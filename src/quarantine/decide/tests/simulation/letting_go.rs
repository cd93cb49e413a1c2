//! When nothing may be let go: rules 4 and 13.

use super::{
    Broken, Simulation,
    api_server::{deleting, finalized},
    broken,
    checks::set,
    ec2::{Eni, LONGEST_LAG},
    writes::record,
};
use crate::{
    api::{InterfaceState, InterfaceStatus, Quarantine, RELEASE_ANNOTATION, RecordSource, ReleasePolicy},
    aws::model::Interface,
    quarantine::{
        decide::holders::named_instance,
        tags,
        world::{Decision, Sight, World},
    },
};

fn approved(claim: &Quarantine) -> bool {
    claim.metadata.annotations.iter().flatten().any(|(key, value)| key == RELEASE_ANNOTATION && value == "approved")
}

impl Simulation {
    /// Rule 4: before the finalizer goes.
    pub fn check_letting_go(&mut self, world: &World, decision: &Decision) -> Result<(), Broken> {
        let claim = &world.facts.claim;
        let retain = claim.spec.release.policy == ReleasePolicy::Retain;
        if retain {
            self.tally.count("claims retained");
            self.retained.extend(claim.metadata.uid.clone());
            self.given_up
                .extend(claim.status.iter().flat_map(|status| &status.interfaces).map(|given| given.id.clone()));
            return Ok(());
        }
        for record in &decision.status.interfaces {
            if !record.state.is_final() {
                return broken(4, format!("let go although {record:?}"));
            }
            let Some(eni) = self.ec2.interfaces.get(&record.id).filter(|eni| eni.present().is_some()) else { continue };
            let ours = matches!(record.state, InterfaceState::Restored | InterfaceState::NotOurs);
            // What was written after the read that is decided from isn't seen by it.
            let readable = eni.readable(self.now);
            let left = eni.present().into_iter().flat_map(|seen| tags::ours(&seen.tags));
            let in_every_read =
                |key: &&String| readable.iter().all(|seen| seen.is_none_or(|seen| seen.tags.contains_key(*key)));
            let told = eni.present().and_then(|seen| tags::read(&seen.tags));
            let theirs = told.is_some_and(|told| {
                told.quarantine_uid != claim.metadata.uid.clone().unwrap_or_default()
                    && self.api.claims.values().any(|other| other.metadata.uid.as_ref() == Some(&told.quarantine_uid))
            });
            if ours && !theirs && !self.taken_over(claim, &record.id) && left.into_iter().any(|key| in_every_read(&key))
            {
                return broken(4, format!("let go while {} still carries our tags", record.id));
            }
            let groups = eni.present().map(|seen| seen.groups.clone()).unwrap_or_default();
            let own = record.original_security_groups.as_deref().unwrap_or_default();
            if ours
                && groups.iter().any(|group| record.isolation_groups.contains(group) && !own.contains(group))
                && !self.taken_over(claim, &record.id)
                && !self.given_up.contains(&record.id)
            {
                return broken(4, format!("let go while {} carries {groups:?}: {record:?}", record.id));
            }
        }
        self.check_nothing_left_isolated(world, decision)
    }

    /// Rule 4: an interface is accounted for by what a read can have shown.
    pub fn check_accounted(&self, world: &World, decision: &Decision) -> Result<(), Broken> {
        for new in decision.status.interfaces.iter().filter(|new| new.state.is_final()) {
            if record(&world.facts.claim, &new.id).is_some_and(|old| old.state == new.state) {
                continue;
            }
            let readable = self.ec2.interfaces.get(&new.id).map(|eni| eni.readable(self.now)).unwrap_or_default();
            let originals = new.original_security_groups.clone().unwrap_or_default();
            if new.state == InterfaceState::Restored {
                let gone = |id: &str| {
                    decision.status.interfaces.iter().any(|new| {
                        new.id == id && matches!(new.state, InterfaceState::Gone | InterfaceState::TakenOver)
                    })
                };
                let mut still_held = world.facts.claim.clone();
                if let Some(status) = &mut still_held.status {
                    status.interfaces.retain(|record| !gone(&record.id));
                }
                self.check_meant(&still_held)?;
            }
            let restored = |seen: &Interface| {
                set(&seen.groups) == set(&originals)
                    || (new.message.is_some() && seen.groups.iter().all(|group| originals.contains(group)))
            };
            let left = |seen: &Interface| !seen.groups.iter().any(|group| new.isolation_groups.contains(group));
            let ok = match new.state {
                InterfaceState::Restored => readable.iter().flatten().any(|seen| restored(seen)),
                InterfaceState::Gone => readable.last().is_none_or(Option::is_none),
                InterfaceState::NotOurs => readable.iter().flatten().any(|seen| left(seen)),
                InterfaceState::TakenOver => self.taken_over(&world.facts.claim, &new.id),
                _ => world.facts.claim.spec.release.policy == ReleasePolicy::Retain,
            };
            if !ok {
                return broken(4, format!("{new:?} while {readable:?}"));
            }
        }
        Ok(())
    }

    /// Whether another claim, which stays, has a record of the interface.
    fn taken_over(&self, claim: &Quarantine, id: &str) -> bool {
        let others = self.api.claims.values().filter(|other| other.metadata.uid != claim.metadata.uid);
        others
            .filter(|other| finalized(other))
            .any(|other| record(other, id).is_some_and(|record| !record.state.is_final()))
    }

    fn check_nothing_left_isolated(&mut self, world: &World, decision: &Decision) -> Result<(), Broken> {
        if !decision.status.interfaces.is_empty() || world.facts.holders.iter().any(|holder| holder.holds()) {
            self.tally.count("claims released");
            return Ok(());
        }
        self.tally.count("claims let go without records");
        let claim = &world.facts.claim;
        let own = self
            .ec2
            .interfaces
            .values()
            .filter(|eni| eni.present().is_some_and(|seen| seen.instance_id.as_deref() == named_instance(claim)));
        for eni in own {
            let readable = eni.readable(self.now);
            let isolated = |seen: &Option<&Interface>| {
                seen.is_some_and(|seen| seen.groups.iter().any(|group| self.isolates_for(claim, group)))
            };
            if readable.iter().all(isolated) || (isolated(&eni.present()) && self.swapped_by(claim, eni)) {
                return broken(4, format!("let go without records while {readable:?} is isolated"));
            }
        }
        Ok(())
    }

    fn swapped_by(&self, claim: &Quarantine, eni: &Eni) -> bool {
        let uid = claim.metadata.uid.clone().unwrap_or_default();
        eni.present().is_some_and(|seen| self.swapped.contains(&(uid, seen.id.clone())))
    }

    /// Rule 13: what is unusual waits for a person.
    pub fn check_meant(&self, stored: &Quarantine) -> Result<(), Broken> {
        if approved(stored) || stored.spec.release.policy == ReleasePolicy::Retain {
            return Ok(());
        }
        let records =
            || stored.status.iter().flat_map(|status| &status.interfaces).filter(|record| !record.state.is_final());
        if self.api.namespace_deleting && records().next().is_some() {
            return broken(13, "released because the namespace goes, and nobody approved it");
        }
        if records().any(|record| record.recorded_from == RecordSource::Tags) {
            return broken(13, "released from tags, and nobody approved it");
        }
        let uid = stored.metadata.uid.clone().unwrap_or_default();
        if self.approval_asked.get(&uid) == Some(&true) && records().next().is_some() {
            return broken(
                13,
                "released though its class asked for approval when it was admitted, and nobody approved it",
            );
        }
        let there = |id: &str| {
            let read =
                self.ec2.interfaces.get(id).is_some_and(|eni| eni.readable(self.now).iter().all(Option::is_some));
            read && record(stored, id).is_some_and(|record| !record.state.is_final())
        };
        // A read that is older than the forgery can't tell, nor one that misses the interface; what is given back is over.
        let seen =
            |((of, id), since): (&(String, String), &i64)| *of == uid && there(id) && self.now - since > LONGEST_LAG;
        if self.forged.iter().any(seen) {
            return broken(13, "released though the tags name other groups than the record, and nobody approved it");
        }
        Ok(())
    }

    pub fn note_forgery(&mut self, world: &World) {
        let claim = &world.facts.claim;
        if !matches!(world.sight, Sight::Seen(..)) {
            return;
        }
        let uid = claim.metadata.uid.clone().unwrap_or_default();
        let records =
            claim.status.iter().flat_map(|status| &status.interfaces).filter(|record| !record.state.is_final());
        let forged = records.into_iter().filter(|record| {
            let present = self.ec2.interfaces.get(&record.id).and_then(|eni| eni.present());
            let told = present.and_then(|seen| tags::read(&seen.tags)).filter(|told| told.quarantine_uid == uid);
            let told = told.and_then(|told| told.original_groups);
            told.is_some_and(|told| set(&told) != set(record.original_security_groups.as_deref().unwrap_or_default()))
        });
        let forged: Vec<&InterfaceStatus> = forged.filter(|_| deleting(claim)).collect();
        for record in forged {
            self.tally.count("releases with forged tags");
            self.forged.entry((uid.clone(), record.id.clone())).or_insert(self.now);
        }
    }
}
