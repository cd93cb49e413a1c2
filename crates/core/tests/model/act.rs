//! What people do.

use crate::state::{Before, Interface, NAMES, State, foreign, forged};
use quarantine_core::{
    look::Backup,
    object::{ApprovalReason, Containment, Quarantine, Status, Version},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Create(usize),
    Delete(usize),
    /// Delete it with its namespace.
    DeleteNamespace(usize),
    Suspend(usize),
    Resume(usize),
    Retain(usize),
    /// Approve what an admission under `releaseApproval: Always` asks, and nothing else.
    ApproveAlways(usize),
    /// Approve every reason that there is.
    Approve(usize),
    /// Take our finalizer off.
    Strip(usize),
    DeleteContainment,
    WipeStatus,
    /// Give the interface other groups.
    Write,
    ForgeTags,
    RemoveTags,
    /// Delete the interface.
    Terminate,
    /// Put etcd back as it was when the search began: the replica ends, and EC2 knows nothing of it.
    PutEtcdBack,
}

impl Act {
    pub fn all() -> Vec<Self> {
        let each = |act: fn(usize) -> Self| (0..NAMES.len()).map(act);
        let of_quarantines = [
            Self::Create,
            Self::Delete,
            Self::DeleteNamespace,
            Self::Suspend,
            Self::Resume,
            Self::Retain,
            Self::ApproveAlways,
            Self::Approve,
            Self::Strip,
        ];
        let others = [
            Self::DeleteContainment,
            Self::WipeStatus,
            Self::Write,
            Self::ForgeTags,
            Self::RemoveTags,
            Self::Terminate,
            Self::PutEtcdBack,
        ];
        of_quarantines.into_iter().flat_map(each).chain(others).collect()
    }
}

const REASONS: [ApprovalReason; 6] = [
    ApprovalReason::Always,
    ApprovalReason::NamespaceDeleting,
    ApprovalReason::CrdDeleting,
    ApprovalReason::RecordsFromTags,
    ApprovalReason::TagsDiffer,
    ApprovalReason::HolderLost,
];

impl State {
    /// The state after an act. None: it can't be done now, or changes nothing.
    pub fn after(&self, act: Act) -> Option<Self> {
        if !self.can(act) {
            return None;
        }
        let mut next = self.clone();
        match act {
            Act::Create(slot) => {
                next.created[slot] += 1;
                next.set_quarantine(
                    slot,
                    Some(Quarantine::created(format!("{}{}", NAMES[slot], next.created[slot]), Version(String::new()))),
                );
            }
            Act::Delete(slot) => next.edit(slot, |q| q.deleting = true),
            Act::DeleteNamespace(slot) => next.edit(slot, |q| (q.deleting, q.namespace_deleting) = (true, true)),
            Act::Suspend(slot) => next.edit(slot, |q| q.suspended = true),
            Act::Resume(slot) => next.edit(slot, |q| q.suspended = false),
            Act::Retain(slot) => next.edit(slot, |q| q.retains = true),
            Act::ApproveAlways(slot) => next.edit(slot, |q| q.approved = [ApprovalReason::Always].into()),
            Act::Approve(slot) => next.edit(slot, |q| q.approved = REASONS.into()),
            Act::Strip(slot) => next.edit(slot, |q| q.finalized = false),
            Act::DeleteContainment => {
                let deleted = self.containment.clone().map(|containment| Containment { deleting: true, ..containment });
                next.set_containment(deleted.filter(|containment| containment.finalized));
            }
            Act::WipeStatus => {
                let wiped = self
                    .containment
                    .clone()
                    .map(|containment| Containment { status: Status::default(), ..containment });
                next.set_containment(wiped);
                next.ghost.excused = true;
            }
            Act::Write => {
                next.set_groups(foreign());
                next.ghost.isolated_by_us = false;
            }
            Act::ForgeTags => next.set_backup(Backup::Ours { originals: forged(), whole: false }),
            Act::RemoveTags => next.set_backup(Backup::None),
            Act::PutEtcdBack => {
                let (quarantines, containment) = (*self.snapshot.0).clone();
                // What an older etcd doesn't know is told by the tags alone, and of an unanswered call nothing tells.
                next.ghost.excused |= containment.is_none() || !self.late_calls.is_empty();
                (next.quarantines, next.containment, next.before) = (quarantines, containment, Before::default());
                next.late_writes.clear();
                next.end_reconcile();
            }
            Act::Terminate => {
                next.interface = None;
                next.ghost.isolated_by_us = false;
            }
        }
        Some(next)
    }

    /// Whether an act can be done now, and changes something.
    fn can(&self, act: Act) -> bool {
        let quarantine = |slot: usize, can: fn(&Quarantine) -> bool| self.quarantines[slot].as_ref().is_some_and(can);
        let interface = |can: fn(&Interface) -> bool| self.interface.as_ref().is_some_and(can);
        match act {
            Act::Create(slot) => self.quarantines[slot].is_none() && self.created[slot] < 2,
            Act::Delete(slot) => quarantine(slot, |q| !q.deleting),
            Act::DeleteNamespace(slot) => quarantine(slot, |q| !q.namespace_deleting),
            Act::Suspend(slot) => quarantine(slot, |q| !q.suspended && !q.deleting),
            Act::Resume(slot) => quarantine(slot, |q| q.suspended),
            Act::Retain(slot) => quarantine(slot, |q| !q.retains),
            Act::ApproveAlways(slot) => quarantine(slot, |q| q.approved.is_empty()),
            Act::Approve(slot) => quarantine(slot, |q| q.approved.len() < REASONS.len()),
            Act::Strip(slot) => quarantine(slot, |q| q.finalized),
            Act::DeleteContainment => self.containment.as_ref().is_some_and(|containment| !containment.deleting),
            Act::WipeStatus => {
                self.containment.as_ref().is_some_and(|containment| containment.status != Status::default())
            }
            Act::Write => interface(|interface| interface.groups != foreign()),
            Act::ForgeTags => {
                interface(|interface| interface.backup != Backup::Ours { originals: forged(), whole: false })
            }
            Act::RemoveTags => interface(|interface| interface.backup != Backup::None),
            Act::Terminate => self.interface.is_some(),
            Act::PutEtcdBack => (&self.quarantines, &self.containment) != (&self.snapshot.0.0, &self.snapshot.0.1),
        }
    }

    fn edit(&mut self, slot: usize, edit: impl Fn(&mut Quarantine)) {
        let mut next = self.quarantines[slot].clone();
        next.iter_mut().for_each(edit);
        self.set_quarantine(slot, next.filter(|q| q.finalized || !q.deleting));
    }

    fn set_backup(&mut self, backup: Backup) {
        self.interface.iter_mut().for_each(|interface| interface.backup = backup.clone());
    }

    /// Everybody who is left is deleted, and a person approves what is asked.
    pub fn everything_is_released(&mut self) {
        for slot in 0..NAMES.len() {
            let next = self.quarantines[slot].clone().map(|q| Quarantine {
                deleting: true,
                suspended: false,
                approved: REASONS.into(),
                ..q
            });
            self.set_quarantine(slot, next.filter(|q| q.finalized));
        }
    }
}
