//! What the class of a held instance says otherwise now than when it was admitted. Pure.
//!
//! Only told: what is held is kept, corrected and released as it was admitted.

use super::{admission, draft::Draft};
use crate::{
    api::{AdmittedGroup, QuarantineClass, QuarantineStatus, Reason},
    model::text,
    quarantine::world::{Facts, View},
};

/// What the status holds of it.
const LIMIT: usize = 1024;

/// Writes what the class says otherwise into the status of a claim that holds records, and notes when that changes.
pub fn tell_changes(draft: &mut Draft<'_>, view: &View) {
    let before = draft.facts.claim.status.as_ref().filter(|status| !status.interfaces.is_empty());
    let now = before.and_then(|admitted| changes(draft.facts, admitted, view));
    let told = before.and_then(|status| status.policy_changed.as_ref());
    match &now {
        Some(changed) if told != Some(changed) => draft.warn(Reason::PolicyChanged, changed.clone()),
        None if told.is_some() => {
            draft.tell(Reason::PolicyChanged, "The class says the same again as when this instance was admitted.")
        }
        Some(_) | None => {}
    }
    draft.status.policy_changed = now;
}

/// In words; none where the class says what it said when the instance was admitted.
fn changes(facts: &Facts, admitted: &QuarantineStatus, view: &View) -> Option<String> {
    let mut changes = match admission::class(facts) {
        Ok(class) => changes_of_class(facts, class, admitted, view),
        Err(problem) => vec![problem.message],
    };
    changes.extend(view.present_role_refused.clone());
    let said = format!("It stays held as it was admitted, though policy says otherwise now: {}", changes.join(" "));
    (!changes.is_empty()).then(|| text::bounded(&said, LIMIT))
}

fn changes_of_class(facts: &Facts, class: &QuarantineClass, admitted: &QuarantineStatus, view: &View) -> Vec<String> {
    let refused = admission::refusals(facts, class, admitted.target.as_ref(), view);
    let mut changes: Vec<String> = refused.into_iter().map(|problem| problem.message).collect();
    changes.extend(other_group(facts, class, admitted.admitted_group.as_ref()));
    changes.extend(other_approval(class, admitted));
    changes
}

fn other_group(facts: &Facts, class: &QuarantineClass, admitted: Option<&AdmittedGroup>) -> Option<String> {
    let declared = admission::declared_group(facts).ok()?;
    let admitted = admitted.filter(|admitted| **admitted != declared)?;
    Some(format!(
        "QuarantineClass {} isolates with {} now; {} was admitted, and stays in force.",
        admission::name(class),
        in_words(&declared),
        in_words(admitted)
    ))
}

fn other_approval(class: &QuarantineClass, admitted: &QuarantineStatus) -> Option<String> {
    let declared = class.spec.release_approval;
    let admitted = admitted.release_approval.filter(|admitted| *admitted != declared)?;
    Some(format!(
        "QuarantineClass {} says releaseApproval: {declared:?} now; {admitted:?} was admitted, and the release goes by that.",
        admission::name(class)
    ))
}

fn in_words(group: &AdmittedGroup) -> String {
    match group {
        AdmittedGroup { id: Some(id), .. } => format!("the security group {id}"),
        AdmittedGroup { name: Some(name), .. } => format!("the security group named {name}"),
        AdmittedGroup { id: None, name: None, managed: _ } => "a managed security group".to_owned(),
    }
}
