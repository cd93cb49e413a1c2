//! Which of several claims of one instance drives it. Pure.
//!
//! Whoever holds the records drives until it goes. With no records, the oldest eligible drives, by creation and then by
//! uid, so that every reader comes to the same answer.

use crate::{
    api::{HeldBy, Reason},
    aws::problem::{Disposition, Problem},
    quarantine::world::{Facts, Holder},
};

/// The claim that drives the instance, when it is another one.
pub fn driver(facts: &Facts) -> Option<HeldBy> {
    if facts.claim.status.as_ref().is_some_and(|status| !status.interfaces.is_empty()) {
        return None;
    }
    let holding = facts.holders.iter().filter(|holder| holder.holds_records).min_by_key(|holder| age(holder));
    let oldest = facts.holders.iter().filter(|holder| holder.eligible).min_by_key(|holder| age(holder));
    let created = facts.claim.metadata.creation_timestamp.as_ref().map(|time| time.0);
    let uid = facts.claim.metadata.uid.as_deref().unwrap_or_default();
    let older = oldest.filter(|holder| (Some(holder.created), holder.uid.as_str()) < (created, uid));
    holding.or(older).map(|holder| HeldBy {
        namespace: holder.namespace.clone(),
        name: holder.name.clone(),
        uid: holder.uid.clone(),
    })
}

/// What a claim says that waits for another one.
pub fn waits_for(other: &HeldBy) -> Problem {
    Problem::new(
        Disposition::Wait,
        Reason::HeldByAnother,
        format!(
            "Quarantine {}/{} holds this instance; this one contains it when that one is gone.",
            other.namespace, other.name
        ),
    )
}

fn age(holder: &Holder) -> (jiff::Timestamp, &str) {
    (holder.created, &holder.uid)
}
