//! EC2: calls that set groups, tags, and reads that may be older than a change.

use crate::state::{INTERFACE, State, VPC, isolated};
use quarantine_core::{
    call::{Call, Outcome},
    look::{Backup, Group, Look, Seen},
    object::{ApprovalReason, AttemptKind, Groups, Holder},
};

pub fn kind(call: &Call) -> Option<AttemptKind> {
    match call {
        Call::SetGroups { attempt, .. } => Some(attempt.kind),
        Call::Tag { .. } | Call::Untag { .. } | Call::PrepareGroup { .. } => None,
    }
}

/// What a holder gives in the one VPC.
fn given(holder: &Holder) -> ((String, String), Group) {
    ((holder.uid.clone(), VPC.to_owned()), Group { id: Some("iso".to_owned()), prepare: false })
}

impl State {
    /// What a read shows; `stale`: as it was before the last change. None: it couldn't be stale.
    pub fn look(&self, stale: bool) -> Option<Look> {
        let shown = self.interface.as_ref().filter(|_| !self.hidden);
        let groups = match (shown, stale) {
            (Some(interface), true) => Some(interface.before.clone()?),
            (Some(interface), false) => Some(interface.groups.clone()),
            (None, true) => return None,
            (None, false) => None,
        };
        let seen = shown.zip(groups).map(|(interface, groups)| {
            (
                INTERFACE.to_owned(),
                Seen {
                    vpc_id: VPC.to_owned(),
                    groups,
                    attached: true,
                    primary: true,
                    managed: false,
                    backup: interface.backup.clone(),
                },
            )
        });
        Some(Look {
            interfaces: seen.into_iter().collect(),
            groups: self.containment.iter().flat_map(|containment| &containment.holders).map(given).collect(),
            ..Look::default()
        })
    }

    pub fn set_groups(&mut self, groups: Groups) {
        if let Some(interface) = &mut self.interface
            && interface.groups != groups
        {
            interface.before = Some(std::mem::replace(&mut interface.groups, groups));
        }
    }

    /// A call reaches EC2.
    pub fn apply(&mut self, call: &Call) -> Result<Outcome, String> {
        let Some(interface) = &mut self.interface else { return Ok(Outcome::NotFound) };
        match call {
            Call::SetGroups { attempt, groups, .. } => {
                let isolates = *groups == isolated();
                if attempt.kind == AttemptKind::Restore
                    && !self.ghost.excused
                    && self.containment.as_ref().is_some_and(|containment| containment.status.is_contained())
                {
                    return Err("rule 7: a restore arrives while Contained is True".to_owned());
                }
                self.set_groups(groups.clone());
                self.ghost.isolated_by_us = isolates;
            }
            Call::Tag { originals, .. } => {
                interface.backup = Backup::Ours { originals: originals.clone(), whole: true };
            }
            Call::PrepareGroup { .. } => {}
            Call::Untag { .. } => interface.backup = Backup::None,
        }
        Ok(Outcome::Applied)
    }

    /// A call is sent: what it changes must stand in the Containment, and a restore must be meant.
    pub fn may_send(&self, call: &Call) -> Result<(), String> {
        let Call::SetGroups { attempt, interface, .. } = call else { return Ok(()) };
        let containment = self.containment.as_ref().filter(|_| !self.ghost.excused);
        let Some(containment) = containment else {
            return if self.ghost.excused { Ok(()) } else { Err("rule 1: a call without a Containment".to_owned()) };
        };
        let record = containment.status.records.iter().find(|record| record.id == *interface);
        if !record.is_some_and(|record| record.unanswered.contains(attempt)) {
            return Err("rule 1: a call that stands in no acknowledged record".to_owned());
        }
        if attempt.kind == AttemptKind::Restore
            && let Some(holder) = self.ghost.recorded_for.iter().find(|holder| {
                !self.ghost.consented.contains(&holder.uid) && !containment.status.released.contains(&holder.uid)
            })
        {
            return Err(format!("rule 13: a restore is sent though {} has not consented", holder.uid));
        }
        Ok(())
    }

    pub fn consents(&self, holder: &Holder) -> bool {
        let slot = crate::state::NAMES.iter().position(|name| *name == holder.name);
        let quarantine = slot.and_then(|slot| self.quarantines[slot].as_ref()).filter(|q| q.uid == holder.uid);
        let released = self.containment.as_ref().is_some_and(|c| c.status.released.contains(&holder.uid));
        match quarantine {
            Some(quarantine) => {
                let always = !holder.approval_always || quarantine.approved.contains(&ApprovalReason::Always);
                let namespace =
                    !quarantine.namespace_deleting || quarantine.approved.contains(&ApprovalReason::NamespaceDeleting);
                quarantine.deleting && always && namespace
            }
            // Who can't be asked: another one answers.
            None => {
                let answers = |q: &quarantine_core::object::Quarantine| {
                    q.deleting && q.approved.contains(&ApprovalReason::HolderLost)
                };
                released || self.quarantines.iter().flatten().any(answers)
            }
        }
    }
}
