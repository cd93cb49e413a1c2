//! Which isolation group an interface gets, by its VPC, and whether the groups in force isolate at all. Pure.

use super::{
    admission,
    conditions::{self, Aspect, Progress},
    draft::Draft,
};
use crate::{
    api::{
        AdmittedGroup, ConditionType, InterfaceStatus, ManagedGroup, ManagedSecurityGroup, QuarantineStatus, Reason,
    },
    aws::problem::{Disposition, Problem},
    quarantine::{
        rules::{self, Leaks},
        world::{Action, ActionKind, View},
    },
};
use std::collections::BTreeSet;

/// The isolation group for interfaces in this VPC.
///
/// What is in force on a recorded interface of the same VPC stays in force. A managed group that isn't there yet, or
/// whose rules aren't in line, becomes an action, and the interface waits for it.
pub fn for_vpc(draft: &mut Draft<'_>, view: &View, vpc_id: &str) -> Result<String, Problem> {
    if let Some(in_force) = in_force_in(&draft.status, vpc_id) {
        return Ok(in_force);
    }
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
    let in_force: BTreeSet<&str> =
        status.interfaces.iter().filter(|record| !record.state.is_final()).filter_map(in_force).collect();
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
    let Some(known) = managed_groups_here(draft).into_iter().find(|group| group.vpc_id == vpc_id) else {
        if let Some(problem) = draft.outcomes.problem(ActionKind::MakeGroup, vpc_id) {
            return Err(problem.clone());
        }
        draft.act(Action::MakeGroup { vpc_id: vpc_id.to_owned() });
        return Err(not_ready(format!("The security group {} is being made in {vpc_id}.", declared.name)));
    };
    let id = known.group_id;
    let Some(group) = view.group(&id) else {
        return Err(Problem::new(
            Disposition::Wait,
            Reason::GroupNotFound,
            format!(
                "The managed security group {id} of {vpc_id} no longer exists. Remove its entry from status.managedGroups of the class to have a new one made."
            ),
        ));
    };
    let mend = rules::mend(group, &declared);
    if mend.is_empty() {
        return Ok(id);
    }
    if let Some(problem) = draft.outcomes.problem(ActionKind::MendGroup, &id) {
        return Err(problem.clone());
    }
    draft.act(Action::MendGroup { group_id: id.clone(), mend });
    Err(not_ready(format!("The rules of the managed security group {id} are being set.")))
}

fn managed_declaration(draft: &Draft<'_>) -> Option<ManagedSecurityGroup> {
    draft.facts.class.found()?.spec.security_group.managed.clone()
}

fn managed_groups_here(draft: &Draft<'_>) -> Vec<ManagedGroup> {
    let (Some(class), Some(target)) = (draft.facts.class.found(), &draft.status.target) else { return Vec::new() };
    let known = class.status.as_ref().map_or(&[][..], |status| &status.managed_groups);
    known
        .iter()
        .filter(|group| group.account_id == target.account_id && group.region == target.region)
        .cloned()
        .collect()
}

fn not_ready(message: String) -> Problem {
    Problem::new(Disposition::Retry, Reason::GroupNotReady, message)
}
