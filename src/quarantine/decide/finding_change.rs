//! What is written on a finding that reads so, in the form of the hub that has it. Pure.

use crate::{
    api::Reason,
    model::{
        finding::{Finding, FindingChange, Hub, InProgress, NOTE_AUTHOR, Workflow},
        ocsf::{Left, comment},
        problem::{Disposition, Problem},
    },
    quarantine::world::Saying,
};

/// Where the outcome goes when the note is somebody else's. A field's value has at most 1,024 characters.
const FIELD: &str = "quarantine-operator.dev/outcome";

/// Somebody else's note stays, and only what is NEW moves on.
pub fn change(finding: &Finding, saying: &Saying) -> FindingChange {
    let workflow = saying.workflow.filter(|_| finding.workflow == Workflow::New);
    match finding.hub() {
        Hub::Cspm => in_asff(finding, saying, workflow),
        Hub::V2 => in_ocsf(finding, saying, workflow),
    }
}

/// Why a finding can't be told in words, where that won't change by trying again.
pub fn why_unsaid(finding: &Finding, saying: &Saying) -> Option<Problem> {
    let unsaid = finding.hub() == Hub::V2 && saying.note.is_some() && finding.holds_others_note();
    unsaid.then(|| {
        let message = "Its comment is somebody else's, and stays: a finding of the newer Security Hub has room for one, and no fields beside it.";
        Problem::new(Disposition::Stop, Reason::FindingHasComment, message)
    })
}

fn in_asff(finding: &Finding, saying: &Saying, workflow: Option<Workflow>) -> FindingChange {
    let mut change = FindingChange { workflow, ..FindingChange::default() };
    let Some(note) = &saying.note else { return change };
    if finding.holds_others_note() {
        if finding.fields.get(FIELD) != Some(note) {
            change.fields = finding.fields.clone();
            change.fields.insert(FIELD.to_owned(), note.clone());
        }
    } else if finding.note.as_ref().is_none_or(|ours| ours.updated_by != NOTE_AUTHOR || ours.text != *note) {
        change.note = Some(note.clone());
    }
    change
}

/// In Progress is never set without a comment of ours that says so: the event that comes of it would read as a
/// person's.
fn in_ocsf(finding: &Finding, saying: &Saying, workflow: Option<Workflow>) -> FindingChange {
    let is_in_progress = finding.in_progress != InProgress::No;
    let left = match workflow {
        Some(Workflow::Notified) => Left::InProgress,
        None if is_in_progress => Left::InProgress,
        _ => Left::Otherwise,
    };
    let said = saying.note.as_ref().filter(|_| !finding.holds_others_note()).map(|note| comment(note, left));
    let known = |said: &String| finding.note.as_ref().is_some_and(|note| note.text == *said);
    let note = said.filter(|said| !known(said));
    let workflow = workflow.filter(|workflow| *workflow != Workflow::Notified || note.is_some());
    FindingChange { note, workflow, ..FindingChange::default() }
}
