//! The API server: writes with their preconditions, and the rules that a write must not break.

use crate::state::{Ghost, NAMES, State, foreign, isolated, own};
use quarantine_core::{
    machine::{Request, WriteFailure},
    object::{AttemptKind, Containment, Holder, Quarantine, Source, State as RecordState, Status, Version},
};
use std::hash::{BuildHasher, Hash};

/// An object's version is a hash of what it holds: it is compared for equality only.
fn stamp(value: &impl Hash) -> Version {
    Version(format!("{:x}", foldhash::fast::FixedState::default().hash_one(value)))
}

pub fn stamp_containment(containment: &mut Containment) {
    containment.version = Version(String::new());
    containment.version = stamp(containment);
}

pub fn stamp_quarantine(quarantine: &mut Quarantine) {
    quarantine.version = Version(String::new());
    quarantine.version = stamp(quarantine);
}

impl State {
    pub fn set_quarantine(&mut self, slot: usize, next: Option<Quarantine>) {
        let mut next = next;
        next.iter_mut().for_each(stamp_quarantine);
        if next != self.quarantines[slot] {
            self.before.quarantines[slot] = Some(std::mem::replace(&mut self.quarantines[slot], next));
        }
    }

    pub fn set_containment(&mut self, next: Option<Containment>) {
        let mut next = next;
        next.iter_mut().for_each(stamp_containment);
        if next != self.containment {
            self.before.containment = Some(std::mem::replace(&mut self.containment, next));
        }
    }

    /// Carries a write out, if its preconditions hold. An error breaks a rule.
    pub fn write(&mut self, request: &Request) -> Result<Result<Version, WriteFailure>, String> {
        match request {
            Request::Record { decision, version } => {
                let status = &decision.status;
                let Some(containment) = self.at(version) else { return Ok(Err(WriteFailure::Conflict)) };
                self.may_record(&containment, status)?;
                self.ghost.recorded_for = containment.holders.clone();
                // A person gave it up as it is.
                self.ghost.excused |= status.records.iter().any(|record| record.state == RecordState::Retained);
                self.set_containment(Some(Containment { status: status.clone(), ..containment }));
            }
            Request::WriteHolders { holders, finalized, version } => {
                let Some(containment) = self.at(version) else { return Ok(Err(WriteFailure::Conflict)) };
                let mut uids: Vec<&String> = holders.iter().map(|holder| &holder.uid).collect();
                uids.sort();
                if uids.windows(2).any(|pair| pair[0] == pair[1]) {
                    return Err("one uid stands twice in a Containment".to_owned());
                }
                let next = Containment { holders: holders.clone(), finalized: *finalized, ..containment };
                self.keep_or_end(next)?;
            }
            Request::CreateContainment { holders } => {
                if self.containment.is_some() {
                    return Ok(Err(WriteFailure::Conflict));
                }
                self.containments_created = (self.containments_created + 1) % 4;
                self.set_containment(Some(Containment {
                    uid: format!("c{}", self.containments_created),
                    version: Version(String::new()),
                    finalized: true,
                    deleting: false,
                    holders: holders.clone(),
                    status: Status::default(),
                }));
            }
            Request::DeleteContainment { uid, version } => {
                let Some(containment) = self.at(version).filter(|containment| containment.uid == *uid) else {
                    return Ok(Err(WriteFailure::Conflict));
                };
                self.keep_or_end(Containment { deleting: true, ..containment })?;
            }
            Request::WriteFinalizer { uid, finalized, version } => {
                let slot = (0..NAMES.len()).find(|&slot| {
                    self.quarantines[slot].as_ref().is_some_and(|q| q.uid == *uid && q.version == *version)
                });
                let Some(slot) = slot else { return Ok(Err(WriteFailure::Conflict)) };
                let next = self.quarantines[slot].clone().map(|q| Quarantine { finalized: *finalized, ..q });
                self.set_quarantine(slot, next.filter(|q| q.finalized || !q.deleting));
                return Ok(Ok(self.quarantines[slot].as_ref().map_or(Version(String::new()), |q| q.version.clone())));
            }
            other => return Err(format!("{other:?} is no write")),
        }
        Ok(Ok(self.containment.as_ref().map_or(Version(String::new()), |c| c.version.clone())))
    }

    /// A write of an earlier reconcile arrives.
    pub fn land_write(&mut self, index: usize) -> Result<(), String> {
        let (write, saw_founder) = self.late_writes.remove(index);
        let ghost = self.ghost.clone();
        self.ghost.saw_founder = saw_founder;
        self.write(&write)?.ok();
        self.ghost = Ghost { excused: self.ghost.excused, ..ghost };
        Ok(())
    }

    fn at(&self, version: &Version) -> Option<Containment> {
        self.containment.clone().filter(|containment| containment.version == *version)
    }

    /// An object that is being deleted goes when its finalizer does.
    fn keep_or_end(&mut self, next: Containment) -> Result<(), String> {
        if !next.deleting || next.finalized {
            self.set_containment(Some(next));
            return Ok(());
        }
        let live = next.has_live_records() && !self.ghost.excused;
        let arriving = self.interface.is_some()
            && self.late_calls.iter().any(|(call, _)| super::ec2::kind(call) == Some(AttemptKind::Swap));
        if live || !next.holders.is_empty() || (arriving && !self.ghost.excused) {
            return Err(
                "rule 4: a Containment ends while something is held, or while a swap may still arrive".to_owned()
            );
        }
        self.set_containment(None);
        Ok(())
    }

    /// A write is sent. An entry goes only when its holder was released, or beside one that is there; a finalizer goes after that.
    pub fn may_write(&mut self, request: &Request) -> Result<(), String> {
        let containment = self.containment.as_ref();
        let released = |uid: &String| containment.is_some_and(|containment| containment.status.released.contains(uid));
        match request {
            Request::WriteHolders { holders, version, .. } => {
                let listed = containment.filter(|containment| containment.version == *version);
                let listed = listed.map_or(&[][..], |containment| &containment.holders);
                let stays =
                    |gone: &Holder| holders.iter().any(|other| other.uid == gone.uid || other.name == gone.name);
                let beside = holders.iter().any(|other| self.ghost.present.contains(&other.uid));
                let leave: Vec<&Holder> = listed.iter().filter(|holder| !stays(holder)).collect();
                if let Some(gone) = leave.iter().find(|holder| !released(&holder.uid) && !beside) {
                    return Err(format!(
                        "rule 4: {} leaves without a release, and nobody is there beside it",
                        gone.uid
                    ));
                }
                self.ghost.left = leave.into_iter().map(|holder| holder.uid.clone()).collect();
                Ok(())
            }
            Request::WriteFinalizer { uid, finalized: false, .. }
                if !released(uid) && !self.ghost.left.contains(uid) && !self.ghost.excused =>
            {
                Err(format!("rule 4: the finalizer of {uid} goes without a release"))
            }
            _ => Ok(()),
        }
    }

    fn may_record(&self, before: &Containment, next: &Status) -> Result<(), String> {
        for record in &next.records {
            let known = before.status.records.iter().find(|known| known.id == record.id && !known.state.is_final());
            let originals = record.originals.as_ref();
            if originals.is_some_and(|groups| *groups == isolated()) {
                return Err("rule 2: the isolation group was recorded as an original".to_owned());
            }
            if let Some(known) = known
                && known.originals.is_some()
                && known.originals != record.originals
            {
                return Err("rule 2: originals were overwritten".to_owned());
            }
            let invented = originals.is_some_and(|groups| *groups != own() && *groups != foreign());
            if invented && record.source == Source::Interface {
                return Err("rule 2: originals that the interface never carried".to_owned());
            }
        }
        if before.has_live_records() {
            let gone = before.live_records().find(|known| next.records.iter().all(|record| record.id != known.id));
            if gone.is_some() {
                return Err("rule 2: a record that has not ended was dropped".to_owned());
            }
        }
        let first = !before.has_live_records() && next.records.iter().any(|record| !record.state.is_final());
        let lost = before.status.records.is_empty() && next.records.iter().all(|record| record.swapped_at.is_none());
        if first && !lost && !self.ghost.saw_founder {
            return Err("the first record was made without a live Quarantine that wants it".to_owned());
        }
        let arriving = self.late_calls.iter().any(|(call, _)| super::ec2::kind(call) == Some(AttemptKind::Restore));
        if next.is_contained() && arriving && !self.ghost.excused {
            return Err("rule 7: Contained is True while a restore may still arrive".to_owned());
        }
        Ok(())
    }
}
