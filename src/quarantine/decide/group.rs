//! Which isolation group an interface gets, by its VPC, and whether the groups in force isolate at all. Pure.

use super::{
    admission,
    conditions::{self, Aspect, Progress},
    draft::Draft,
};
use crate::{
    api::{
        AdmittedGroup, ConditionType, InterfaceState, InterfaceStatus, ManagedGroup, ManagedSecurityGroup,
        QuarantineStatus, Reason,
    },
    model::problem::{Disposition, Problem},
    quarantine::{
        rules::{self, Leaks},
        tags,
        world::{Action, ActionKind, View},
    },
};
use std::collections::BTreeSet;

/// The isolation group for interfaces in this VPC.
///
/// What is in force on a recorded interface of the same VPC stays in force. A managed group that isn't there yet, or
/// that lets out, becomes an action, and the interface waits for it.
pub fn for_vpc(draft: &mut Draft<'_>, view: &View, vpc_id: &str) -> Result<String, Problem> {
    let in_force = in_force_in(&draft.status, vpc_id).filter(|id| is_declared(draft, view, id));
    if let Some(in_force) = in_force.filter(|id| !opens_and_can_be_mended(draft, view, id)) {
        return Ok(in_force);
    }
    own_in(draft, view, vpc_id)
}

/// The group that the claim was admitted with, whatever is in force.
fn own_in(draft: &mut Draft<'_>, view: &View, vpc_id: &str) -> Result<String, Problem> {
    let admitted = match draft.status.admitted_group.clone() {
        Some(admitted) => admitted,
        None => admission::declared_group(draft.facts)?,
    };
    match admitted {
        AdmittedGroup { id: Some(id), .. } => by_id(view, &id, vpc_id),
        AdmittedGroup { name: Some(name), .. } => by_name(view, &name, vpc_id),
        AdmittedGroup { id: None, name: None, .. } => managed(draft, view, vpc_id),
    }
}

/// A managed group with egress is mended before another interface gets it. Where that fails, a group that lets out
/// isolates better than none.
fn opens_and_can_be_mended(draft: &Draft<'_>, view: &View, id: &str) -> bool {
    let known = managed_groups_here(draft).iter().any(|group| group.group_id == id);
    let lets_out = view.group(id).is_some_and(|group| !group.egress.is_empty());
    let refused = draft.outcomes.problem(ActionKind::MendGroup, id).is_some();
    known && lets_out && !refused && managed_declaration(draft).is_some()
}

/// Whether this group is one that the claim was admitted with. What can't be told apart counts as such.
pub fn is_declared(draft: &Draft<'_>, view: &View, id: &str) -> bool {
    let seen = view.group(id);
    match &draft.status.admitted_group {
        Some(AdmittedGroup { id: Some(declared), .. }) => declared == id,
        Some(AdmittedGroup { name: Some(name), .. }) => seen.is_none_or(|seen| seen.name == *name),
        Some(_) => {
            let class = draft.facts.class.found().filter(|class| class.spec.security_group.managed.is_some());
            let class_uid = class.and_then(|class| class.metadata.uid.as_deref());
            let tagged = |uid| {
                let ours = tags::of_managed_group(uid, &draft.facts.operator.cluster_uid);
                seen.is_none_or(|seen| tags::hold(&seen.tags, &ours))
            };
            class_uid.is_none_or(tagged) || managed_groups_here(draft).iter().any(|group| group.group_id == id)
        }
        None => true,
    }
}

/// Records that were taken over from a claim of another class get the group that this claim declares. What stands in the
/// way of that, where something does: until then the other one stays in force.
pub fn declare(draft: &mut Draft<'_>, view: &View) -> Option<(Progress, Aspect)> {
    if draft.facts.claim.is_deleting() {
        return None;
    }
    let foreign = |draft: &Draft<'_>, record: &InterfaceStatus| {
        !record.state.is_final()
            && view.interface(&record.id).is_some()
            && in_force(record).is_some_and(|id| !is_declared(draft, view, id))
    };
    let records = draft.status.interfaces.iter().filter(|record| foreign(draft, record));
    let vpcs: BTreeSet<String> = records.map(|record| record.vpc_id.clone()).collect();
    let mut problem = None;
    for vpc_id in vpcs {
        match for_vpc(draft, view, &vpc_id) {
            Ok(own) => {
                let mut records = std::mem::take(&mut draft.status.interfaces);
                let there = records.iter_mut().filter(|record| record.vpc_id == vpc_id);
                there.filter(|record| foreign(draft, record)).for_each(|record| put_in_force(record, own.clone()));
                draft.status.interfaces = records;
            }
            Err(why) => {
                draft.look_after(&why);
                let message =
                    format!("The group of the Quarantine before this one stays in force in {vpc_id}: {}", why.message);
                problem = Some((why.disposition.into(), Aspect::new(false, why.reason, message)));
            }
        }
    }
    problem
}

/// From now on this group isolates the interface. That it carries another one of ours is no drift.
pub fn put_in_force(record: &mut InterfaceStatus, group: String) {
    if in_force(record) != Some(group.as_str()) {
        record.isolation_groups.push(group);
        record.state = InterfaceState::Isolating;
        record.message = None;
    }
}

/// Puts the claim's own group in force where the one that is can't be put on any more. None where nothing is to be
/// replaced.
///
/// A managed one that somebody deleted: EC2 deletes no group that an interface carries, so whoever deleted it took it off
/// first. And one of another class that the interface carried when its lost record was made again, and that lets out: a
/// new group carries allow-all egress, and only its own class may mend it.
pub fn renew(draft: &mut Draft<'_>, view: &View, record: &mut InterfaceStatus) -> Option<Result<String, Problem>> {
    let old = in_force(record)?.to_owned();
    let (reason, why) = match view.group(&old) {
        None if draft.status.admitted_group.as_ref().is_some_and(|admitted| admitted.managed) => {
            (Reason::GroupNotFound, format!("The managed security group {old} of {} was deleted", record.vpc_id))
        }
        Some(seen)
            if record.changed_at.is_none()
                && rules::leaks(seen, &view.prefix_lists).egress_to_everywhere
                && !is_declared(draft, view, &old) =>
        {
            (Reason::IsolationGroupOpen, format!("The security group {old} is another class's and lets everything out"))
        }
        None | Some(_) => return None,
    };
    let new = match own_in(draft, view, &record.vpc_id) {
        Ok(new) => new,
        Err(problem) => return Some(Err(problem)),
    };
    draft.warn(reason, format!("{why}; {new} takes its place on {}.", record.id));
    put_in_force(record, new.clone());
    Some(Ok(new))
}

/// Those that are in force on interfaces that aren't accounted for.
pub fn ids_in_force(status: &QuarantineStatus) -> impl Iterator<Item = &str> {
    status.interfaces.iter().filter(|record| !record.state.is_final()).filter_map(in_force)
}

/// What the class declares of this group, where it is a managed one of the class.
pub fn declaration_of(draft: &Draft<'_>, id: &str) -> Option<ManagedSecurityGroup> {
    managed_declaration(draft).filter(|_| managed_groups_here(draft).iter().any(|group| group.group_id == id))
}

/// The group that is in force on a record.
pub fn in_force(record: &InterfaceStatus) -> Option<&str> {
    record.isolation_groups.last().map(String::as_str)
}

/// Brings the rules of managed groups in force in line with the class: only those follow it. What stands in the way of
/// that, where something does.
pub fn keep_managed_rules(draft: &mut Draft<'_>, view: &View) -> Option<(Progress, Aspect)> {
    let held: BTreeSet<String> = draft.status.interfaces.iter().filter_map(in_force).map(str::to_owned).collect();
    let declared = managed_declaration(draft)?;
    let mut unmended = None;
    for ManagedGroup { group_id, .. } in managed_groups_here(draft) {
        let Some(group) = view.group(&group_id).filter(|_| held.contains(&group_id)) else { continue };
        let mend = rules::mend(group, &declared);
        if mend.is_empty() {
            continue;
        }
        match draft.outcomes.problem(ActionKind::MendGroup, &group_id).cloned() {
            Some(problem) => {
                draft.look_after(&problem);
                let message = format!(
                    "The rules of the managed security group {group_id} can't be brought in line: {}",
                    problem.message
                );
                unmended = Some((problem.disposition.into(), Aspect::new(false, Reason::GroupNotReady, message)));
            }
            None => {
                draft.act(Action::MendGroup { group_id, mend });
                unmended = unmended.or_else(|| unmended_before(draft));
            }
        }
    }
    unmended
}

/// What stood in the way last time stays told while it is tried again.
fn unmended_before(draft: &Draft<'_>) -> Option<(Progress, Aspect)> {
    let before = conditions::before(draft, ConditionType::Ready)
        .filter(|before| before.reason == Reason::GroupNotReady.as_str())?;
    let stalled = conditions::before(draft, ConditionType::Stalled).is_some();
    let progress = if stalled { Progress::Stalled } else { Progress::Working };
    Some((progress, Aspect::new(before.status, Reason::GroupNotReady, before.message.clone())))
}

/// What is wrong with the groups in force, each group once, in words.
pub fn leaks_in_force(status: &QuarantineStatus, view: &View) -> Vec<(String, Leaks)> {
    let in_force: BTreeSet<&str> = ids_in_force(status).collect();
    in_force
        .into_iter()
        .filter_map(|id| view.group(id))
        .map(|group| (group.id.clone(), rules::leaks(group, &view.prefix_lists)))
        .filter(|(_, leaks)| *leaks != Leaks::default())
        .collect()
}

fn in_force_in(status: &QuarantineStatus, vpc_id: &str) -> Option<String> {
    status.interfaces.iter().filter(|record| record.vpc_id == vpc_id).find_map(in_force).map(str::to_owned)
}

fn by_id(view: &View, id: &str, vpc_id: &str) -> Result<String, Problem> {
    let Some(group) = view.group(id) else {
        return Err(Problem::new(
            Disposition::Wait,
            Reason::GroupNotFound,
            format!("There is no security group {id} in this account and region: create it, or name another one."),
        ));
    };
    let serves = group.vpc_id == vpc_id || view.associations.contains(&(id.to_owned(), vpc_id.to_owned()));
    if serves {
        return Ok(id.to_owned());
    }
    Err(Problem::new(
        Disposition::Wait,
        Reason::GroupInOtherVpc,
        format!(
            "Security group {id} lies in {} and is not associated with {vpc_id}: associate it, or use a class that names its group by name or has it managed.",
            group.vpc_id
        ),
    ))
}

fn by_name(view: &View, name: &str, vpc_id: &str) -> Result<String, Problem> {
    let candidates: Vec<&str> = view
        .groups
        .iter()
        .filter(|group| group.name == name)
        .filter(|group| group.vpc_id == vpc_id || view.associations.contains(&(group.id.clone(), vpc_id.to_owned())))
        .map(|group| group.id.as_str())
        .collect();
    match candidates[..] {
        [only] => Ok(only.to_owned()),
        [] => Err(Problem::new(
            Disposition::Wait,
            Reason::GroupNotFound,
            format!(
                "There is no security group named {name} in {vpc_id}: create one there, or use a class whose group is managed."
            ),
        )),
        _ => Err(Problem::new(
            Disposition::Wait,
            Reason::GroupNameAmbiguous,
            format!("Several security groups named {name} serve {vpc_id} ({}): leave one.", candidates.join(", ")),
        )),
    }
}

fn managed(draft: &mut Draft<'_>, view: &View, vpc_id: &str) -> Result<String, Problem> {
    admission::class(draft.facts)?;
    let Some(declared) = managed_declaration(draft) else {
        return Err(Problem::new(
            Disposition::Stop,
            Reason::PolicyChanged,
            format!(
                "The class no longer has a managed security group, and {vpc_id} has none yet: give the class its securityGroup.managed back."
            ),
        ));
    };
    let known = managed_groups_here(draft).into_iter().find(|group| group.vpc_id == vpc_id);
    let Some(group) = known.as_ref().and_then(|known| view.group(&known.group_id)) else {
        return Err(make(draft, vpc_id, &declared.name));
    };
    let id = group.id.clone();
    let mend = rules::mend(group, &declared);
    // A rule too many keeps nobody waiting: it is taken out once the group is in force. A new group
    // lets everything out.
    if mend.revoke_egress.is_empty() && mend.authorize_ingress.is_empty() {
        return Ok(id);
    }
    if let Some(problem) = draft.outcomes.problem(ActionKind::MendGroup, &id) {
        return Err(problem.clone());
    }
    draft.act(Action::MendGroup { group_id: id.clone(), mend });
    Err(not_ready(format!("The rules of the managed security group {id} are being set.")))
}

/// Has the group made: the first one, or one in place of the one that a read doesn't show.
fn make(draft: &mut Draft<'_>, vpc_id: &str, name: &str) -> Problem {
    match draft.outcomes.of(ActionKind::MakeGroup, vpc_id) {
        Some(Err(problem)) => return problem.clone(),
        // Reads don't show it yet.
        Some(Ok(())) => {}
        None => draft.act(Action::MakeGroup { vpc_id: vpc_id.to_owned() }),
    }
    not_ready(format!("The security group {name} is being made in {vpc_id}."))
}

fn managed_declaration(draft: &Draft<'_>) -> Option<ManagedSecurityGroup> {
    draft.facts.class.found()?.spec.security_group.managed.clone()
}

fn managed_groups_here(draft: &Draft<'_>) -> Vec<ManagedGroup> {
    let (Some(class), Some(target)) = (draft.facts.class.found(), &draft.status.target) else { return Vec::new() };
    class
        .managed_groups()
        .iter()
        .filter(|group| group.account_id == target.account_id && group.region == target.region)
        .cloned()
        .collect()
}

fn not_ready(message: String) -> Problem {
    Problem::new(Disposition::Retry, Reason::GroupNotReady, message)
}
