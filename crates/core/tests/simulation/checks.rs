//! The rules, as they are checked at each write and each call.

use crate::world::{Claimed, World, all_isolating};
use quarantine_core::{
    call::Call,
    object::{ApprovalReason, AttemptKind, Containment, Source, Status},
};

/// Rule 2: a record is never overwritten, never holds an isolation group, and goes only when it has ended.
pub fn may_record(world: &World, name: &str, before: &Containment, next: &Status) -> Result<(), String> {
    for known in before.live_records() {
        let Some(record) = next.records.iter().find(|record| record.id == known.id) else {
            return Err(format!("rule 2: the record of {} was dropped by {name}", known.id));
        };
        if known.originals.is_some() && record.originals != known.originals {
            return Err(format!("rule 2: the originals of {} were overwritten by {name}", known.id));
        }
        if !known.isolation_groups.is_subset(&record.isolation_groups) {
            return Err(format!("rule 2: {} forgot an isolation group of {}", name, known.id));
        }
    }
    for record in &next.records {
        let isolating = all_isolating();
        let originals = record.originals.iter().flatten();
        if originals.clone().next().is_some() && originals.clone().all(|group| isolating.contains(group)) {
            return Err(format!("rule 2: {name} took the isolation group for an original of {}", record.id));
        }
    }
    let undoes = world.late.iter().find(|late| {
        let Call::SetGroups { interface, attempt, .. } = &late.call else { return false };
        let held = next.records.iter().any(|record| record.id == *interface && !record.state.is_final());
        attempt.kind == AttemptKind::Restore && held
    });
    if next.is_contained() && undoes.is_some() {
        return Err(format!("rule 7: {name} says contained, while a restore may still arrive"));
    }
    let fresh = next.records.iter().filter(|record| {
        before.status.records.iter().all(|known| known.id != record.id || known.state.is_final())
            && !record.state.is_final()
    });
    for record in fresh {
        let Some(interface) = world.interfaces.get(&record.id) else { continue };
        let carried = record.originals.as_ref().is_none_or(|originals| interface.ever.contains(originals));
        if !carried && record.source == Source::Interface {
            return Err(format!("rule 2: {name} recorded originals that {} never carried", record.id));
        }
    }
    Ok(())
}

/// Rules 1, 5 and 13: what is changed stands in the record of the one Containment that may change it, and a restore is meant.
pub fn may_send(world: &World, name: &str, call: &Call) -> Result<(), String> {
    let Call::SetGroups { interface, attempt, groups } = call else { return Ok(()) };
    let Some(containment) = world.containments.get(name) else {
        return Err(format!("rule 1: {name} sends a call, and is no Containment"));
    };
    let record = containment.live_records().find(|record| record.id == *interface);
    let Some(record) = record.filter(|record| record.unanswered.contains(attempt)) else {
        return Err(format!("rule 1: {name} changes {interface} without an acknowledged record"));
    };
    if attempt.kind == AttemptKind::Restore {
        if record.originals.as_ref() != Some(groups) {
            return Err(format!("rule 3: {name} gives {interface} back what it never had"));
        }
        let asking = containment.holders.iter().find(|holder| {
            let released = containment.status.released.contains(&holder.uid);
            let quarantine = world.quarantines.values().find(|found| found.object.uid == holder.uid);
            let consented = world.consented.get(name).is_some_and(|uids| uids.contains(&holder.uid));
            !released && !consented && quarantine.is_some_and(|found| !consents(found))
        });
        if let Some(asking) = asking.filter(|_| !record.due_back) {
            return Err(format!("rule 13: {name} gives {interface} back, and {} has not consented", asking.name));
        }
    }
    Ok(())
}

/// Whether whoever wrote it lets the instance go, for the reasons that hold now.
pub fn consents(found: &Claimed) -> bool {
    let quarantine = &found.object;
    let namespace = !quarantine.namespace_deleting || quarantine.approved.contains(&ApprovalReason::NamespaceDeleting);
    quarantine.deleting && namespace
}

/// Rule 4: a Containment ends only when nothing is held, and nobody holds.
pub fn may_end(world: &World, name: &str, ending: &Containment) -> Result<(), String> {
    if ending.has_live_records() || !ending.holders.is_empty() {
        return Err(format!("rule 4: {name} ends while something is held"));
    }
    let arriving = world.late.iter().any(|late| {
        let Call::SetGroups { interface, attempt, .. } = &late.call else { return false };
        let there = world.interfaces.get(interface).is_some_and(|seen| seen.exists);
        late.containment == name && there && attempt.kind == AttemptKind::Swap
    });
    if arriving {
        return Err(format!("rule 4: {name} ends while a swap may still arrive"));
    }
    Ok(())
}

/// Rule 4: the finalizer goes after a release, or beside somebody who stays.
pub fn may_go(world: &World, name: &str, going: &Claimed) -> Result<(), String> {
    let uid = &going.object.uid;
    let listed = world.containments.get(name).and_then(|containment| containment.holder(uid).map(|_| containment));
    match listed {
        Some(containment) if !containment.status.released.contains(uid) => {
            Err(format!("rule 4: {uid} goes, and its instance was not given back"))
        }
        Some(_) | None => Ok(()),
    }
}
