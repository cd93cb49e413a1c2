//! The operator's loop as `quarantine::reconcile` runs it, with a fault possible at each outgoing call.

use super::{
    Broken, Simulation,
    api_server::{ACCOUNT, Conflict, REGION},
    broken,
    history::{Fault, Plan},
};
use crate::{
    api::{FINALIZER, ManagedGroup, Quarantine},
    model::problem::Problem,
    quarantine::{
        decide::decide,
        tags,
        world::{Action, ActionKind, Again, Decision, FinalizerStep, Outcomes, World},
    },
};

const ROUNDS: usize = 8;

/// How a reconcile ended.
#[derive(Debug)]
pub struct Ended {
    pub again: Again,
    /// Writes to Kubernetes, writes to EC2, events.
    pub writes: usize,
    pub changes: usize,
    pub notes: usize,
}

/// A call that nobody heard an answer of, and that AWS does later.
pub struct Late {
    at: i64,
    pub claim_uid: String,
    interface_id: String,
    groups: Vec<String>,
    /// A restore gives an interface its own groups, though one of them may isolate elsewhere.
    isolates: bool,
}

/// How late: beyond the time-out of the call.
const LATEST: i64 = 8;

/// A reconcile that was cut off: by a crash, a conflict, or an answer of the API server that was lost.
struct Cut;

struct Calls {
    faults: std::vec::IntoIter<Fault>,
    last_call: &'static str,
}

impl Calls {
    fn next(&mut self) -> Fault {
        self.faults.next().unwrap_or(Fault::None)
    }
}

impl Simulation {
    /// One reconcile. None: it was cut off.
    pub fn reconcile(&mut self, name: &str, plan: &Plan) -> Result<Option<Ended>, Broken> {
        self.land()?;
        let mut calls = Calls { faults: plan.faults.clone().into_iter(), last_call: "nothing" };
        let mut ended = Ended { again: Again::NEVER, writes: 0, changes: 0, notes: 0 };
        let Some(mut claim) = self.api.read(name, plan.stale_store) else { return Ok(Some(ended)) };
        let mut outcomes = Outcomes::default();
        for round in 0..ROUNDS {
            let lag = plan.lags.get(round).copied().unwrap_or(0);
            let world = self.world(claim, outcomes, lag, plan.blind && round == 0, plan.stale_store);
            let mut decision = decide(&world);
            if let Some(planted) = self.planted {
                planted.corrupt(&world, &mut decision);
            }
            self.check_decision(&world, &decision)?;
            ended.notes += decision.notes.len();
            if self.planted.is_some_and(|planted| planted.acts_before_it_records())
                && self.act(&world, &world.facts.claim, &decision, &mut calls, &mut ended)?.is_err()
            {
                return Ok(None);
            }
            let recorded = match self.record(&world, &decision, &mut calls, &mut ended)? {
                Err(Cut) => {
                    self.tally.count("reconciles cut off");
                    return Ok(None);
                }
                Ok(recorded) => recorded,
            };
            self.check_repeated(&world, &decision)?;
            ended.again = decision.again;
            let Some(recorded) = recorded.filter(|_| decision.finalizer != FinalizerStep::Remove) else {
                ended.again = Again::NEVER;
                return Ok(Some(ended));
            };
            let acted = match self.act(&world, &recorded, &decision, &mut calls, &mut ended)? {
                Err(Cut) => {
                    self.tally.count("reconciles cut off");
                    self.tally.count(if calls.last_call == "status" {
                        "crashes between record and act"
                    } else {
                        "crashes while acting"
                    });
                    return Ok(None);
                }
                Ok(acted) => acted,
            };
            let Some(acted) = acted else {
                self.check_told(&recorded, &decision, &world)?;
                return Ok(Some(ended));
            };
            (claim, outcomes) = (recorded, acted);
        }
        ended.again = Again::BACKOFF;
        Ok(Some(ended))
    }

    /// The finalizer first, then the status, each fenced; a status that doesn't differ isn't written. None: it is gone.
    fn record(
        &mut self,
        world: &World,
        decision: &Decision,
        calls: &mut Calls,
        ended: &mut Ended,
    ) -> Result<Result<Option<Quarantine>, Cut>, Broken> {
        let mut claim = world.facts.claim.clone();
        if decision.finalizer == FinalizerStep::Remove {
            self.check_letting_go(world, decision)?;
            ended.writes += 1;
            let gone = self.write(&claim, calls, "finalizer", |claim| claim.metadata.finalizers = None);
            if gone.is_ok() {
                self.tally.count("claims let go");
            }
            return Ok(gone.map(|_| None));
        }
        if decision.finalizer == FinalizerStep::Add {
            ended.writes += 1;
            match self
                .write(&claim, calls, "finalizer", |claim| claim.metadata.finalizers = Some(vec![FINALIZER.to_owned()]))
            {
                Ok(Some(written)) => claim = written,
                Ok(None) | Err(Cut) => return Ok(Err(Cut)),
            }
        }
        if claim.status.as_ref() != Some(&decision.status) {
            ended.writes += 1;
            if self.api.is_as_read(&claim) {
                self.check_status_write(&claim, decision)?;
            }
            let status = decision.status.clone();
            match self.write(&claim, calls, "status", |claim| claim.status = Some(status)) {
                Ok(Some(written)) => claim = written,
                Ok(None) | Err(Cut) => return Ok(Err(Cut)),
            }
        } else if !decision.actions.is_empty() && !self.api.is_as_read(&claim) {
            return Ok(Err(Cut));
        }
        Ok(Ok(Some(claim)))
    }

    fn write(
        &mut self,
        read: &Quarantine,
        calls: &mut Calls,
        what: &'static str,
        edit: impl FnOnce(&mut Quarantine),
    ) -> Result<Option<Quarantine>, Cut> {
        calls.last_call = what;
        let fault = calls.next();
        if matches!(fault, Fault::CrashBefore | Fault::Throttled) {
            return Err(Cut);
        }
        let written = self.api.write(read, edit).map_err(|Conflict| Cut)?;
        if let Some(written) = &written {
            self.note_admission(written);
        }
        match fault {
            Fault::AnswerLost | Fault::CrashAfter | Fault::Late => Err(Cut),
            Fault::None | Fault::Throttled | Fault::Wait | Fault::Denied | Fault::CrashBefore => Ok(written),
        }
    }

    /// Each action, and what became of it. None: nothing is left that another round would have to look at.
    fn act(
        &mut self,
        world: &World,
        recorded: &Quarantine,
        decision: &Decision,
        calls: &mut Calls,
        ended: &mut Ended,
    ) -> Result<Result<Option<Outcomes>, Cut>, Broken> {
        if decision.actions.is_empty() || recorded.status.as_ref().is_none_or(|status| status.target.is_none()) {
            return Ok(Ok(None));
        }
        let mut outcomes = world.outcomes.clone();
        let mut settled = true;
        for action in &decision.actions {
            ended.changes += 1;
            let fault = calls.next();
            if fault == Fault::CrashBefore {
                return Ok(Err(Cut));
            }
            self.check_action(world, action)?;
            let outcome = match fault {
                Fault::Throttled => Err(Problem::from_code("ec2", "RequestLimitExceeded", "")),
                Fault::Wait => Err(Problem::from_code("ec2", "TagLimitExceeded", "")),
                Fault::Denied => Err(Problem::from_code("ec2", "UnauthorizedOperation", "")),
                Fault::AnswerLost => {
                    // What AWS would have answered is not known to anybody.
                    let _ = self.perform(world, action);
                    Err(Problem::no_answer("ec2", "cut"))
                }
                Fault::Late => {
                    self.perform_late(world, action);
                    Err(Problem::no_answer("ec2", "cut"))
                }
                Fault::None | Fault::CrashBefore | Fault::CrashAfter => self.perform(world, action),
            };
            calls.last_call = "action";
            if fault == Fault::CrashAfter {
                return Ok(Err(Cut));
            }
            settled &= outcome.is_ok() && action.is_settled_by_success();
            outcomes.note(action, &outcome);
        }
        Ok(Ok((!settled).then_some(outcomes)))
    }

    fn perform(&mut self, world: &World, action: &Action) -> Result<(), Problem> {
        let now = self.now;
        match action {
            Action::Isolate { interface_id, groups } | Action::Restore { interface_id, groups } => {
                self.ec2.set_groups(now, interface_id, groups)
            }
            Action::Tag { interface_ids, tags } => self.ec2.tag(now, interface_ids, tags),
            Action::Untag { interface_ids, keys } => self.ec2.untag(now, interface_ids, keys),
            Action::MakeGroup { vpc_id } => {
                self.make_group(world, vpc_id);
                Ok(())
            }
            Action::MendGroup { group_id, mend } => self.ec2.mend(group_id, mend),
            Action::Probe { .. } | Action::Tell { .. } => Ok(()),
        }
    }

    fn perform_late(&mut self, world: &World, action: &Action) {
        match action {
            Action::Isolate { interface_id, groups } | Action::Restore { interface_id, groups } => {
                self.late.push(Late {
                    at: self.now + LATEST,
                    claim_uid: world.facts.claim.metadata.uid.clone().unwrap_or_default(),
                    interface_id: interface_id.clone(),
                    groups: groups.clone(),
                    isolates: action.kind() == ActionKind::Isolate,
                });
            }
            // What AWS would have answered is not known to anybody.
            other => drop(self.perform(world, other)),
        }
    }

    /// Does what was on its way. Rule 4: nothing that isolates may arrive when nobody holds the interface any more.
    pub fn land(&mut self) -> Result<(), Broken> {
        let (due, rest) = std::mem::take(&mut self.late).into_iter().partition(|late| late.at <= self.now);
        self.late = rest;
        for Late { at, claim_uid, interface_id, groups, isolates } in Vec::from_iter::<Vec<_>>(due) {
            let applied = self.ec2.set_groups(at, &interface_id, &groups).is_ok();
            let holds = |claim: &Quarantine| claim.record(&interface_id).is_some_and(|record| !record.state.is_final());
            let wanted = self.api.claims.values().any(|claim| holds(claim) || self.lost_record(claim, &interface_id))
                // Given up as it is, whoever sent it: nobody would give it back any more.
                || self.retained.contains(&claim_uid)
                || self.given_up.contains(&interface_id);
            if applied && isolates && !wanted {
                return broken(4, format!("{interface_id} is isolated by a swap that arrives after it was let go"));
            }
        }
        Ok(())
    }

    fn make_group(&mut self, world: &World, vpc_id: &str) {
        let class = self.api.class_of(&world.facts.claim);
        let declared = class.spec.security_group.managed.clone().expect("only a managed group is made");
        let id = super::isolation(vpc_id, &declared.name);
        let tags = tags::of_managed_group(class.metadata.uid.as_deref().unwrap_or_default(), super::CLUSTER);
        let groups = &mut class.status.get_or_insert_default().managed_groups;
        if groups.iter().all(|known| known.vpc_id != vpc_id) {
            let made = ManagedGroup {
                account_id: ACCOUNT.to_owned(),
                region: REGION.to_owned(),
                vpc_id: vpc_id.to_owned(),
                group_id: id.clone(),
            };
            groups.push(made);
        }
        if !self.ec2.groups.contains_key(&id) {
            self.ec2.create_group(&id, &declared.name, vpc_id, tags);
        }
    }
}
