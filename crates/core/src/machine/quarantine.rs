//! The Quarantine loop: joins the Containment of its instance, and leaves it.
//!
//! Each pass reads, plans one write, and reads again. A plan from caches only tells that nothing is to be done.

use super::{Answer, Request};
use crate::{
    holders::{self, Presence, Standing},
    interface::Requeue,
    object::{Containment, Holder, Quarantine},
};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// More writes than any Quarantine needs at once.
const PASSES: u8 = 8;

/// One reconcile of a Quarantine, by namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct QuarantineLoop {
    /// The entry with which it joins, of the Quarantine with this uid.
    entry: Holder,
    live: bool,
    /// Its entry was removed by this reconcile, beside a holder that stays.
    left: bool,
    pass: u8,
    state: Stage,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Stage {
    Begins,
    ReadsQuarantine,
    ReadsContainment(Option<Quarantine>),
    ReadsHolders(Option<Quarantine>, Box<Containment>),
    Writes { leaves: bool },
    Done,
}

/// What a Quarantine does next.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Plan {
    Rest,
    PutFinalizer,
    Join,
    /// Take the entry of this uid out of the Containment.
    RemoveEntry(String),
    DropFinalizer,
}

impl QuarantineLoop {
    /// `entry`: what was admitted of this Quarantine, or stands in its status from then.
    pub fn new(entry: Holder) -> Self {
        Self { entry, live: false, left: false, pass: 0, state: Stage::Begins }
    }

    /// Takes the answer to the last request, and says what is wanted next.
    pub fn step(mut self, now: Timestamp, answer: Answer) -> (Self, Request) {
        match (std::mem::replace(&mut self.state, Stage::Done), answer) {
            (Stage::Begins, Answer::Begin) => self.observe(),
            (Stage::ReadsQuarantine, Answer::Quarantine(quarantine)) => {
                // Under its name another one may have been made, of another instance or class: that has a reconcile of its own.
                let quarantine = quarantine.filter(|quarantine| quarantine.uid == self.entry.uid);
                let live = self.live;
                self.goes_to(Stage::ReadsContainment(quarantine), Request::ReadContainment { live })
            }
            (Stage::ReadsContainment(quarantine), Answer::Containment(Some(containment))) => {
                let request = Request::ReadHolders { holders: containment.holders.clone(), live: self.live };
                self.goes_to(Stage::ReadsHolders(quarantine, Box::new(containment)), request)
            }
            (Stage::ReadsContainment(quarantine), Answer::Containment(None)) => {
                self.carry_out(now, quarantine, None, &BTreeMap::new())
            }
            (Stage::ReadsHolders(quarantine, containment), Answer::Holders(answers)) => {
                let uids = containment.holders.iter().map(|holder| holder.uid.clone());
                let others = uids.zip(answers).collect();
                self.carry_out(now, quarantine, Some(*containment), &others)
            }
            (Stage::Writes { leaves }, Answer::Written(Ok(_))) if self.pass < PASSES => {
                self.left = leaves;
                self.observe()
            }
            // A conflict, no answer, or an answer to another question: a new reconcile finds out.
            _ => self.goes_to(Stage::Done, Request::Done(Requeue::Backoff)),
        }
    }

    fn goes_to(self, state: Stage, request: Request) -> (Self, Request) {
        (Self { state, ..self }, request)
    }

    fn observe(self) -> (Self, Request) {
        let live = self.live;
        self.goes_to(Stage::ReadsQuarantine, Request::ReadQuarantine { live })
    }

    fn carry_out(
        mut self,
        now: Timestamp,
        quarantine: Option<Quarantine>,
        containment: Option<Containment>,
        others: &BTreeMap<String, Presence>,
    ) -> (Self, Request) {
        let plan = plan(&self.entry, quarantine.as_ref(), containment.as_ref(), others, self.left);
        if plan == Plan::Rest {
            return self.goes_to(Stage::Done, Request::Done(Requeue::Never));
        }
        if !self.live {
            self.live = true;
            return self.observe();
        }
        self.pass += 1;
        let leaves = matches!(plan, Plan::RemoveEntry(_));
        match request(plan, &self.entry, now, quarantine, containment) {
            Some(request) => self.goes_to(Stage::Writes { leaves }, request),
            None => self.goes_to(Stage::Done, Request::Done(Requeue::Backoff)),
        }
    }
}

/// What the Quarantine of this name does next. `left`: this reconcile has just taken its entry out.
fn plan(
    entry: &Holder,
    quarantine: Option<&Quarantine>,
    containment: Option<&Containment>,
    others: &BTreeMap<String, Presence>,
    left: bool,
) -> Plan {
    let Some(quarantine) = quarantine else {
        // Its object is gone: an entry of that name goes if it was released.
        let named = |holder: &&Holder| holder.namespace == entry.namespace && holder.name == entry.name;
        let released = containment.and_then(|containment| {
            containment.holders.iter().filter(named).find(|holder| containment.status.released.contains(&holder.uid))
        });
        return released.map_or(Plan::Rest, |holder| Plan::RemoveEntry(holder.uid.clone()));
    };
    let listed = containment.and_then(|containment| Some((containment, containment.holder(&quarantine.uid)?)));
    match listed {
        Some((containment, holder)) if quarantine.deleting && quarantine.finalized => {
            leave(containment, holder, others)
        }
        Some(_) if !quarantine.deleting && !quarantine.finalized => Plan::PutFinalizer,
        Some(_) => Plan::Rest,
        None if quarantine.deleting && quarantine.finalized && (left || !quarantine.resolved) => Plan::DropFinalizer,
        // Whether it has ever acted is not known: an older etcd was put back, or a join was cut off. It joins, and is released
        // like any other.
        None if quarantine.deleting && quarantine.finalized => Plan::Join,
        None if quarantine.deleting || quarantine.suspended || quarantine.dry_run || !quarantine.resolved => Plan::Rest,
        None if quarantine.finalized => Plan::Join,
        None => Plan::PutFinalizer,
    }
}

/// It is being deleted and holds.
fn leave(containment: &Containment, holder: &Holder, others: &BTreeMap<String, Presence>) -> Plan {
    if containment.status.released.contains(&holder.uid) {
        return Plan::DropFinalizer;
    }
    let standings = holders::standings(containment, others);
    let consents =
        standings.iter().any(|(of, standing)| of.uid == holder.uid && matches!(standing, Standing::Leaves { .. }));
    if consents && holders::stays_beside(&standings, Some(&holder.uid)) {
        Plan::RemoveEntry(holder.uid.clone())
    } else {
        Plan::Rest
    }
}

/// The write that carries a plan out. None: what it would write to isn't there.
fn request(
    plan: Plan,
    entry: &Holder,
    now: Timestamp,
    quarantine: Option<Quarantine>,
    containment: Option<Containment>,
) -> Option<Request> {
    match plan {
        Plan::Rest => None,
        Plan::PutFinalizer | Plan::DropFinalizer => {
            let Quarantine { uid, version, .. } = quarantine?;
            Some(Request::WriteFinalizer { uid, finalized: plan == Plan::PutFinalizer, version })
        }
        Plan::Join => {
            let joins = Holder { uid: quarantine?.uid, joined_at: now, ..entry.clone() };
            let Some(containment) = containment else {
                return Some(Request::CreateContainment { holders: vec![joins] });
            };
            // An object that was made anew under the same name takes the entry of the one that it replaces.
            let stays = |holder: &Holder| holder.namespace != entry.namespace || holder.name != entry.name;
            let mut holders: Vec<Holder> = containment.holders.into_iter().filter(stays).collect();
            holders.push(joins);
            Some(Request::WriteHolders { holders, finalized: true, version: containment.version })
        }
        Plan::RemoveEntry(uid) => {
            let Containment { mut holders, finalized, version, .. } = containment?;
            holders.retain(|holder| holder.uid != uid);
            Some(Request::WriteHolders { holders, finalized, version })
        }
    }
}
