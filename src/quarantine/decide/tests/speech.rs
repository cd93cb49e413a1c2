//! Grammar of what people read, over every message of every decision that any test here makes.

use crate::quarantine::world::{Action, Decision};

/// Things that are counted.
const COUNTED: [&str; 7] = ["interfaces", "instances", "findings", "volumes", "records", "reads", "groups"];

/// What is wrong with a message, if anything is.
pub fn fault(message: &str) -> Option<String> {
    let plural = COUNTED.iter().find(|many| {
        let one = format!("1 {many}");
        message.match_indices(&one).any(|(at, _)| !message[..at].ends_with(|c: char| c.is_ascii_digit() || c == '/'))
    });
    let why = if message.is_empty() {
        "it is empty".to_owned()
    } else if message.trim() != message || message.contains("  ") {
        "it has a blank too many".to_owned()
    } else if message.contains("..") || message.contains(".;") || message.contains(".,") || message.contains(".:") {
        "it has a stop too many".to_owned()
    } else if message.contains("(s)") {
        "it counts in two ways".to_owned()
    } else if let Some(many) = plural {
        format!("1 {many}")
    } else if !message.ends_with(['.', '…']) {
        "it doesn't end with a stop".to_owned()
    } else {
        return None;
    };
    Some(format!("{why}: {message:?}"))
}

/// What is wrong with anything that this decision says.
pub fn faults(decision: &Decision) -> Vec<String> {
    let status = &decision.status;
    let conditions = status.conditions.iter().map(|condition| condition.message.as_str());
    let records = status.interfaces.iter().filter_map(|record| record.message.as_deref());
    let findings = status.findings.iter().filter_map(|finding| finding.message.as_deref());
    let events = decision.notes.iter().map(|note| note.message.as_str());
    let notes = decision.actions.iter().filter_map(|action| match action {
        // A person's words end as they like.
        Action::Tell { saying, .. } => saying.note.as_deref().filter(|note| !note.contains("Reason given:")),
        _ => None,
    });
    let all = conditions.chain(records).chain(findings).chain(events).chain(notes);
    all.chain(status.policy_changed.as_deref()).filter_map(fault).collect()
}

#[test]
fn faults_are_seen_and_good_sentences_have_none() {
    for bad in ["Done..", "All 1 interfaces carry it.", "2 interface(s).", "No stop", "", " a.", "x., y."] {
        assert!(fault(bad).is_some(), "{bad:?}");
    }
    for good in ["1/1 interfaces carry it.", "11 interfaces carry it.", "All 2 interfaces carry it.", "It was cut…"] {
        assert_eq!(fault(good), None);
    }
}
