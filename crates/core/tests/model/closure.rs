//! What every state must come to once faults stop: given a fair turn, and time.

use crate::{
    act::Act,
    drive::{Fate, Which},
    state::{Running, Setting, Snapshot, State, forged, isolated},
};
use quarantine_core::{
    interface::{MINDED_FOR, UNSETTLED},
    look::Backup,
    object::Quarantine,
};
use std::sync::Arc;

/// More than any way to rest takes.
const PASSES: usize = 64;

impl State {
    /// The same, with nothing under way and no fault and no act to come.
    fn calm(&self) -> Self {
        let mut calm = self.clone();
        calm.end_reconcile();
        calm.late_writes.clear();
        calm.hidden = false;
        calm.faults = 0;
        calm.acts = 0;
        calm
    }

    /// What it comes to if a Quarantine stays, and if everybody is released. An error breaks a rule.
    pub fn ends_well(&self, setting: Setting) -> Result<(), String> {
        let calm = self.calm();
        let wants = |q: &Quarantine| !q.deleting && !q.suspended;
        if calm.quarantines.iter().flatten().any(wants) {
            calm.clone().comes_to_rest(setting)?.check_held()?;
        }
        let mut released = calm;
        released.everything_is_released();
        released.comes_to_rest(setting)?.check_released(setting)
    }

    /// Both Quarantines hold, the instance is contained, and everything is at rest.
    pub fn held(mut self, setting: Setting) -> Result<Self, String> {
        let Self { faults, acts, .. } = self;
        for act in [Act::Create(0), Act::Create(1)] {
            self = self.after(act).ok_or("it can't be created")?;
        }
        let held = self.calm().comes_to_rest(setting)?;
        held.clone().check_held()?;
        let snapshot = Snapshot(Arc::new((held.quarantines.clone(), held.containment.clone())));
        Ok(Self { faults, acts, snapshot, ..held })
    }

    fn comes_to_rest(mut self, setting: Setting) -> Result<Self, String> {
        let mut at_rest = 0;
        for _ in 0..PASSES {
            let mut acted = false;
            for which in Which::ALL {
                let (next, changed) = self.runs(setting, which)?;
                self = next;
                acted |= changed;
            }
            at_rest = if acted { 0 } else { at_rest + 1 };
            match at_rest {
                0 => {}
                1 => self.age(UNSETTLED),
                2 => self.age(MINDED_FOR),
                _ => return Ok(self),
            }
        }
        Err(format!("rule 10: it doesn't come to rest: {:?}", self.containment))
    }

    /// Runs one reconcile to its end. True: it wrote or sent something.
    fn runs(&self, setting: Setting, which: Which) -> Result<(Self, bool), String> {
        let mut state = self.begin(setting, which);
        let mut changed = false;
        while let Some(Running { asked, .. }) = &state.running {
            changed |= state.changes(asked);
            state = state.answer(Fate::Well).ok_or("a request that nobody can answer")??;
        }
        Ok((state, changed))
    }

    fn check_held(self) -> Result<(), String> {
        let Some(interface) = &self.interface else { return Ok(()) };
        let contained = self.containment.as_ref().is_some_and(|containment| containment.status.is_contained());
        if interface.groups != isolated() || !contained {
            return Err(format!("a Quarantine stays, and its instance is not contained: {:?}", self.containment));
        }
        Ok(())
    }

    fn check_released(mut self, setting: Setting) -> Result<(), String> {
        if self.ghost.excused && self.quarantines.iter().any(Option::is_some) {
            // The way back is lost: a person lets it go as it is.
            for slot in 0..self.quarantines.len() {
                let next = self.quarantines[slot].clone().map(|q| Quarantine { retains: true, ..q });
                self.set_quarantine(slot, next);
            }
            self = self.comes_to_rest(setting)?;
        }
        if let Some(left) = self.quarantines.iter().flatten().next() {
            return Err(format!("{} was released by everybody, and stays: {:?}", left.uid, self.containment));
        }
        if let Some(containment) = &self.containment {
            // A holder that nobody can ask stays until a person lets it go.
            return if containment.holders.is_empty() {
                Err(format!("nobody holds, and it stays: {containment:?}"))
            } else {
                Ok(())
            };
        }
        let Some(interface) = &self.interface else { return Ok(()) };
        if self.ghost.excused {
            return Ok(());
        }
        if self.ghost.isolated_by_us {
            return Err("rule 4: nobody holds, and the interface is isolated".to_owned());
        }
        if matches!(&interface.backup, Backup::Ours { originals, .. } if *originals != forged()) {
            return Err("nobody holds, and our tags stay".to_owned());
        }
        Ok(())
    }
}
