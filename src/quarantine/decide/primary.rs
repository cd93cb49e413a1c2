//! Interfaces that are attached after the isolation and carry exactly the isolation group: they never had groups of their
//! own, and get back what the primary interface gets back. Pure.
//!
//! The VPC CNI gives each interface that it attaches the groups that the primary interface carries at that moment
//! (amazon-vpc-cni-k8s). One that was given back elsewhere a moment ago may read so, too, for some seconds: therefore it is
//! watched for a minute first.

use super::{
    containment::WATCH,
    draft::{Draft, since},
    group, interface,
};
use crate::{
    api::{InterfaceStatus, Reason, RecordSource},
    model::ec2::Interface,
    quarantine::{tags, world::View},
};
use std::{collections::BTreeMap, time::Duration};

pub const WATCHED: &str = "It was attached after the isolation with the isolation group; watched for a minute before it gets the groups of the primary interface.";

/// Puts the primary interface's originals into the records of interfaces that never had any, and tells so.
pub fn take_originals(draft: &mut Draft<'_>, view: &View, records: &mut [InterfaceStatus]) {
    let due: Vec<String> =
        to_be_taken(draft, view, records).filter(|(_, rest)| rest.is_zero()).map(|(id, _)| id).collect();
    let Some(primary) = primary(view, records).cloned() else { return };
    let groups = primary.original_security_groups.as_deref().unwrap_or_default().join(", ");
    for record in records.iter_mut().filter(|record| due.contains(&record.id)) {
        record.original_security_groups = primary.original_security_groups.clone();
        record.recorded_from = RecordSource::Primary;
        draft.tell(
            Reason::OriginalsOfPrimary,
            format!(
                "{} was attached after the isolation with the isolation group, so it never had groups of its own: at its release it gets those of the primary interface {} ({groups}).",
                record.id, primary.id
            ),
        );
    }
}

/// Those that get them later, and how long until then.
pub fn awaited(draft: &Draft<'_>, view: &View, records: &[InterfaceStatus]) -> BTreeMap<String, Duration> {
    to_be_taken(draft, view, records).collect()
}

fn to_be_taken(
    draft: &Draft<'_>,
    view: &View,
    records: &[InterfaceStatus],
) -> impl Iterator<Item = (String, Duration)> {
    let of = |record: &InterfaceStatus| {
        let seen = view.interface(&record.id)?;
        let primary = primary(view, records)?;
        let fits = never_had_any(record, seen) && isolated_before(primary, record);
        fits.then(|| (record.id.clone(), WATCH.saturating_sub(since(&record.recorded_at, draft.now()))))
    };
    records.iter().filter(|record| !record.state.is_final()).filter_map(of).collect::<Vec<_>>().into_iter()
}

/// As far as a read and its tags tell.
fn never_had_any(record: &InterfaceStatus, seen: &Interface) -> bool {
    let untouched = record.changed_at.is_none() && record.recorded_from == RecordSource::Interface;
    let isolated = group::in_force(record).is_some_and(|in_force| interface::carries_only(seen, in_force));
    let told = tags::read(&seen.tags).is_some_and(|told| told.original_groups.is_some());
    record.original_security_groups.is_none() && untouched && isolated && !told
}

/// The record of the primary interface, where its originals are known.
fn primary<'a>(view: &View, records: &'a [InterfaceStatus]) -> Option<&'a InterfaceStatus> {
    let is_primary = |record: &&InterfaceStatus| {
        view.own.contains(&record.id) && view.interface(&record.id).is_some_and(|seen| seen.primary)
    };
    records.iter().find(is_primary).filter(|record| record.original_security_groups.is_some())
}

/// Whether the primary interface was given the same group, in the same VPC, before this one was first seen. One whose
/// groups were put right since counts no more: then a person decides.
fn isolated_before(primary: &InterfaceStatus, record: &InterfaceStatus) -> bool {
    let same = primary.vpc_id == record.vpc_id
        && group::in_force(record).is_some_and(|id| primary.isolation_groups.iter().any(|group| group == id));
    same && primary.changed_at.as_ref().is_some_and(|changed| changed.0 < record.recorded_at.0)
}
