//! How every history ends: no more faults, the clock goes on, and the operator looks when it said it would. What is
//! wanted is contained and quiet; then everything is deleted, and must be gone.

use super::{
    Broken, Simulation, broken,
    checks::contained,
    ec2::{Eni, INSTANCES, group},
    history::{Claim, Plan, Step},
    is_isolation, original,
};
use crate::{
    api::{Condition, ConditionType, QuarantineStatus, Reason},
    quarantine::world::{Again, Pauses},
};
use std::{collections::BTreeMap, time::Duration};

/// Long enough for two reads a minute apart, a minute's watch, and a refused change to be tried again.
const HORIZON: i64 = 900;

/// A quiet claim is looked at once a minute, a busy one more often; more than this is restless.
const LOOKS: usize = 90;

impl Simulation {
    pub fn end_well(&mut self) -> Result<(), Broken> {
        self.api.limit_reached = false;
        self.refuse_by_policy(false);
        self.settle()?;
        for instance in INSTANCES {
            self.check_contained(instance)?;
        }
        for claim in Claim::ALL {
            self.take(&Step::Delete(claim))?;
        }
        self.settle()?;
        self.check_waiting_has_a_reason()?;
        self.clear_the_way()?;
        self.settle()?;
        self.check_only_unknown_originals_wait()?;
        for claim in Claim::ALL {
            self.take(&Step::Retain(claim))?;
        }
        self.settle()?;
        match self.api.claims.values().next() {
            None => Ok(()),
            Some(left) => broken(4, format!("never let go: {:#?}", left.status)),
        }
    }

    /// Looks when it is due, until the horizon. The last looks must be quiet ones.
    fn settle(&mut self) -> Result<(), Broken> {
        let horizon = self.now + HORIZON;
        let mut due: BTreeMap<String, i64> = self.api.claims.keys().map(|name| (name.clone(), self.now)).collect();
        let mut looks = 0;
        while let Some((name, at)) = due.iter().min_by_key(|(_, at)| **at).map(|(name, at)| (name.clone(), *at)) {
            if at > horizon {
                break;
            }
            self.now = self.now.max(at);
            let before = self.conditions(&name);
            let Some(ended) = self.reconcile(&name, &Plan::default())? else {
                return broken(10, "a reconcile without faults was cut off");
            };
            looks += 1;
            if looks > LOOKS * 3 {
                return broken(
                    10,
                    format!(
                        "it doesn't come to rest: {ended:?}, {:#?}",
                        self.api.claims.get(&name).map(|claim| &claim.status)
                    ),
                );
            }
            if !self.api.claims.contains_key(&name) {
                due.remove(&name);
                due.values_mut().for_each(|at| *at = self.now);
                continue;
            }
            let late = self.now > horizon - HORIZON / 3;
            let retrying = self.has_refused_interface();
            if late && !retrying && (ended.writes > 0 || ended.changes > 0) {
                return broken(10, format!("at rest, and yet {ended:?}: {:#?}", self.api.claims.get(&name)));
            }
            if late && (ended.notes > 0 || self.conditions(&name) != before) {
                return broken(
                    10,
                    format!("nothing changed, and yet it tells: {before:#?} then {:#?}", self.conditions(&name)),
                );
            }
            due.insert(name, self.now.saturating_add(pause(ended.again)));
        }
        self.now = self.now.max(horizon);
        Ok(())
    }

    fn conditions(&self, name: &str) -> Vec<Condition> {
        self.api
            .claims
            .get(name)
            .and_then(|claim| claim.status.clone())
            .map(|status| status.conditions)
            .unwrap_or_default()
    }

    fn has_refused_interface(&self) -> bool {
        self.ec2
            .interfaces
            .values()
            .any(|eni| eni.refused || eni.present().is_some_and(|interface| interface.managed_by.is_some()))
    }

    /// Rules 7 and 8, at rest: every interface that AWS lets us change is isolated, the others are named.
    fn check_contained(&mut self, instance: &str) -> Result<(), Broken> {
        let empty = QuarantineStatus::default();
        let all: Vec<_> = self.api.claims.values().filter(|claim| claim.instance_id() == Some(instance)).collect();
        let live: Vec<_> = all.iter().filter(|claim| !claim.is_deleting() && !claim.spec.suspend).collect();
        let attached =
            |eni: &&Eni| eni.present().is_some_and(|interface| interface.instance_id.as_deref() == Some(instance));
        let Some(driver) = live.iter().find(|claim| claim.has_records()) else {
            let held_elsewhere = all.iter().any(|claim| claim.has_records());
            let own = self.ec2.interfaces.values().any(|eni| attached(&eni));
            return if live.is_empty() || held_elsewhere || !own {
                Ok(())
            } else {
                broken(8, "wanted, and nobody holds it")
            };
        };
        let status = driver.status.as_ref().unwrap_or(&empty);
        let told = status.condition(ConditionType::Contained).cloned();
        let (mut all, mut refused) = (0, 0);
        for eni in self.ec2.interfaces.values().filter(attached) {
            let Some(interface) = eni.present() else { continue };
            all += 1;
            let isolated = interface.groups.len() == 1 && self.isolates(&interface.groups[0]);
            if isolated {
                continue;
            }
            if !eni.refused && interface.managed_by.is_none() {
                return broken(8, format!("{interface:?} isn't isolated at rest: {status:#?}"));
            }
            refused += 1;
            if told.as_ref().is_none_or(|told| !told.message.contains(&interface.id)) {
                return broken(8, format!("{} is refused, and the condition doesn't name it: {told:?}", interface.id));
            }
        }
        let open = self
            .ec2
            .groups
            .values()
            .any(|group| is_isolation(&group.name) && !group.egress.is_empty() && self.ec2.used(&group.id));
        if all > 0 && refused == 0 && !open && !contained(status) && !self.elsewhere_refused(status) {
            return broken(7, format!("every interface is isolated, and Contained isn't True: {status:#?}"));
        }
        if all > 0 && refused > 0 && all > refused {
            self.tally.count("contained but for a refused interface");
        }
        Ok(())
    }

    /// A recorded interface that was detached is still held, and may be refused.
    fn elsewhere_refused(&self, status: &QuarantineStatus) -> bool {
        let refused = |id: &str| {
            self.ec2
                .interfaces
                .get(id)
                .is_some_and(|eni| eni.refused || eni.present().is_some_and(|seen| seen.managed_by.is_some()))
        };
        status.interfaces.iter().any(|record| refused(&record.id))
    }

    fn check_waiting_has_a_reason(&self) -> Result<(), Broken> {
        for claim in self.api.claims.values() {
            let status = claim.status.clone().unwrap_or_default();
            let Some(ready) = status.condition(ConditionType::Ready) else {
                return broken(9, "it waits and says nothing");
            };
            let waits = [
                Reason::Suspended,
                Reason::ReleaseHeld,
                Reason::OriginalsUnknown,
                Reason::OriginalGroupMissing,
                Reason::InterfaceRefused,
                Reason::RecordsLost,
                Reason::HandingOver,
            ];
            if !waits.iter().any(|reason| ready.reason == reason.as_str()) {
                return broken(
                    9,
                    format!("the release waits without a reason that a person can act on: {ready:?} {status:#?}"),
                );
            }
        }
        Ok(())
    }

    /// What a person does about each of those reasons, but the last one.
    fn clear_the_way(&mut self) -> Result<(), Broken> {
        for claim in Claim::ALL {
            self.take(&Step::Suspend(claim, false))?;
            self.take(&Step::Approve(claim))?;
        }
        self.ec2.interfaces.values_mut().for_each(|eni| eni.refused = false);
        for n in 0..6 {
            let id = original("vpc-1", n);
            let made = group(&id, "app", "vpc-1");
            self.ec2.groups.entry(id).or_insert(made);
        }
        Ok(())
    }

    fn check_only_unknown_originals_wait(&self) -> Result<(), Broken> {
        for claim in self.api.claims.values() {
            let status = claim.status.clone().unwrap_or_default();
            let left: Vec<_> = status.interfaces.iter().filter(|record| !record.state.is_final()).collect();
            let unknown = left.iter().all(|record| {
                let stray = record.original_security_groups.iter().flatten().any(|group| group == "sg-stray");
                let managed = self
                    .ec2
                    .interfaces
                    .get(&record.id)
                    .and_then(|eni| eni.present())
                    .is_some_and(|seen| seen.managed_by.is_some());
                record.original_security_groups.is_none() || stray || managed
            });
            let lost = status.condition(ConditionType::Ready).is_some_and(|ready| {
                [Reason::RecordsLost, Reason::HandingOver].iter().any(|reason| ready.reason == reason.as_str())
            });
            if !lost && (left.is_empty() || !unknown) {
                return broken(4, format!("nothing stands in the way, and it isn't released: {status:#?}"));
            }
        }
        Ok(())
    }
}

fn pause(again: Again) -> i64 {
    let pauses =
        Pauses { growing: Duration::from_secs(20), resync: Duration::from_secs(60), wait: Duration::from_secs(290) };
    let whole = |pause: Duration| i64::try_from(pause.as_millis().div_ceil(1_000)).unwrap_or(i64::MAX).max(1);
    again.pause(pauses).map_or(i64::MAX, whole)
}
