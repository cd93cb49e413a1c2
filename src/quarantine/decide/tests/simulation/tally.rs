//! What histories went through: a property that never met its case proves nothing.

use super::{Simulation, checks::contained};
use crate::{
    api::{InterfaceState, InterfaceStatus, Reason},
    quarantine::world::{Decision, FinalizerStep, World},
};
use std::collections::BTreeMap;

/// How often each case was met.
#[derive(Clone, Debug, Default)]
pub struct Tally(pub BTreeMap<&'static str, u64>);

impl Tally {
    pub fn count(&mut self, what: &'static str) {
        *self.0.entry(what).or_default() += 1;
    }

    pub fn add(&mut self, other: &Tally) {
        for (what, times) in &other.0 {
            *self.0.entry(what).or_default() += times;
        }
    }
}

impl Simulation {
    pub fn count(&mut self, world: &World, decision: &Decision) {
        self.tally.count("decisions");
        let claim = &world.facts.claim;
        let before = claim.status.as_ref();
        if contained(&decision.status) && !before.is_some_and(contained) {
            self.tally.count("contained");
        }
        for note in &decision.notes {
            match note.reason {
                Reason::DriftCorrected => self.tally.count("drift put right"),
                Reason::ReleaseHeld => self.tally.count("releases held"),
                Reason::InterfaceNotOurs => self.tally.count("interfaces left to somebody else"),
                Reason::OriginalsUnknown => self.tally.count("originals unknown"),
                Reason::RecordsLost => self.tally.count("records lost"),
                Reason::IsolationGroupOpen => self.tally.count("open groups seen"),
                Reason::OriginalGroupMissing => self.tally.count("original groups missing"),
                Reason::HeldByAnother => self.tally.count("claims that wait for another"),
                _ => {}
            }
        }
        let records = &decision.status.interfaces;
        if records.iter().any(|record| record.state == InterfaceState::Refused) {
            self.tally.count("decisions with a refused interface");
        }
        let learnt = |record: &&InterfaceStatus| {
            let before = before.and_then(|status| status.record(&record.id));
            before.is_some_and(|before| before.original_security_groups.is_none())
                && record.original_security_groups.is_some()
        };
        if records.iter().any(|record| learnt(&record)) {
            self.tally.count("first reads that were stale");
        }
        if decision.finalizer == FinalizerStep::Remove
            && records.iter().any(|record| record.state == InterfaceState::TakenOver)
        {
            self.tally.count("claims handed over");
        }
        if !claim.is_deleting() && records.iter().any(|record| record.state == InterfaceState::TakenOver) {
            self.tally.count("decisions with an interface that another claim took over");
        }
        if records.iter().any(|record| record.state == InterfaceState::Gone) {
            self.tally.count("decisions with an interface gone");
        }
    }
}
