//! When nothing may be let go: rules 4 and 13.

use super::{Broken, Simulation, broken, checks::set, ec2::Eni};
use crate::{
    api::{InterfaceState, InterfaceStatus, Quarantine, RELEASE_ANNOTATION, RecordSource, ReleasePolicy},
    model::ec2::Interface,
    quarantine::{
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
            // Those of records that were lost, too.
            let uid = claim.metadata.uid.clone().unwrap_or_default();
            self.given_up.extend(self.recorded_by.iter().filter(|(by, _)| *by == uid).map(|(_, id)| id.clone()));
            self.given_up.extend(claim.records().iter().map(|given| given.id.clone()));
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
            let groups = eni.present().map(|seen| seen.groups.clone()).unwrap_or_default();
            let own_uid = claim.metadata.uid.clone().unwrap_or_default();
            // Under another uid, and the interface is isolated as they say: they may be all that is left of that record.
            let theirs = told.filter(|told| told.quarantine_uid != own_uid).is_some_and(|told| {
                self.are_needed(&told.quarantine_uid, &record.id)
                    || groups.iter().any(|group| told.isolation_groups.contains(group))
            });
            if ours && !theirs && !self.taken_over(claim, &record.id) && left.into_iter().any(|key| in_every_read(&key))
            {
                return broken(4, format!("let go while {} still carries our tags", record.id));
            }
            let own = record.original_security_groups.as_deref().unwrap_or_default();
            if ours
                && groups.iter().any(|group| record.isolation_groups.contains(group) && !own.contains(group))
                && !self.taken_over(claim, &record.id)
                && !self.isolated_by_another(claim, &record.id)
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
            if world.facts.claim.record(&new.id).is_some_and(|old| old.state == new.state) {
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
        others.filter(|other| other.has_finalizer()).any(|other| is_live(other, id))
    }

    /// Whether tags under this claim's uid still tell something: it has a record, or lost it, or left everything as it
    /// was.
    fn are_needed(&self, uid: &str, id: &str) -> bool {
        let knows = |other: &Quarantine| is_live(other, id) || self.lost_record(other, id);
        let mut named = self.api.claims.values().filter(|other| other.metadata.uid.as_deref() == Some(uid));
        self.retained.contains(uid) || named.any(knows)
    }

    /// Whether the claim had a record of the interface that was lost: its finalizer stays until it is found again.
    pub fn lost_record(&self, claim: &Quarantine, id: &str) -> bool {
        let uid = claim.metadata.uid.clone().unwrap_or_default();
        claim.has_finalizer() && claim.record(id).is_none() && self.recorded_by.contains(&(uid, id.to_owned()))
    }

    fn lost_by_another(&self, claim: &Quarantine, id: &str) -> bool {
        let mut others = self.api.claims.values().filter(|other| other.metadata.uid != claim.metadata.uid);
        others.any(|other| self.lost_record(other, id))
    }

    /// Whether another claim has isolated the interface, maybe since it was given back, and lost its record of that.
    fn isolated_by_another(&self, claim: &Quarantine, id: &str) -> bool {
        let swapped = |other: &Quarantine| {
            self.swapped.contains(&(other.metadata.uid.clone().unwrap_or_default(), id.to_owned()))
        };
        let mut others = self.api.claims.values().filter(|other| other.metadata.uid != claim.metadata.uid);
        others.any(|other| self.lost_record(other, id) && swapped(other))
    }

    fn check_nothing_left_isolated(&mut self, world: &World, decision: &Decision) -> Result<(), Broken> {
        if !decision.status.interfaces.is_empty() {
            self.tally.count("claims released");
            return Ok(());
        }
        self.tally.count("claims let go without records");
        let claim = &world.facts.claim;
        let own = self
            .ec2
            .interfaces
            .values()
            // What was attached after the read that is decided from isn't seen by it.
            .filter(|eni| {
                let attached = |seen: &Interface| seen.instance_id.as_deref() == claim.instance_id();
                eni.present().is_some() && eni.readable(self.now).into_iter().flatten().all(attached)
            })
            // Another one that lost its record finds it again.
            .filter(|eni| {
                eni.present()
                    .is_some_and(|seen| !self.taken_over(claim, &seen.id) && !self.lost_by_another(claim, &seen.id))
            });
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
        let records = || stored.records().iter().filter(|record| !record.state.is_final());
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
        // Some reads may be older than the forgery, or miss the interface: then nobody can tell.
        let forged = |record: &InterfaceStatus| {
            let readable = self.ec2.interfaces.get(&record.id).map(|eni| eni.readable(self.now)).unwrap_or_default();
            !readable.is_empty() && readable.iter().all(|seen| seen.is_some_and(|seen| is_forged(seen, record, &uid)))
        };
        if records().any(forged) {
            return broken(13, "released though the tags name other groups than the record, and nobody approved it");
        }
        Ok(())
    }

    pub fn count_forgeries(&mut self, world: &World) {
        let claim = &world.facts.claim;
        let Sight::Seen(_, view) = &world.sight else { return };
        let uid = claim.metadata.uid.as_deref().unwrap_or_default();
        let records = claim.records().iter().filter(|record| !record.state.is_final());
        let forged =
            records.filter(|record| view.interface(&record.id).is_some_and(|seen| is_forged(seen, record, uid)));
        if claim.is_deleting() && forged.count() > 0 {
            self.tally.count("releases with forged tags");
        }
    }
}

fn is_live(claim: &Quarantine, id: &str) -> bool {
    claim.record(id).is_some_and(|record| !record.state.is_final())
}

/// Whether the tags under the claim's uid name other original groups than its record.
fn is_forged(seen: &Interface, record: &InterfaceStatus, uid: &str) -> bool {
    let told = tags::read(&seen.tags).filter(|told| told.quarantine_uid == uid).and_then(|told| told.original_groups);
    told.is_some_and(|told| set(&told) != set(record.original_security_groups.as_deref().unwrap_or_default()))
}
