//! Interfaces that are attached after the isolation and carry exactly the isolation group: they never had groups of their
//! own, and get back what the primary interface gets back. Pure.
//!
//! The VPC CNI gives each interface that it attaches the groups that the primary interface carries at that moment
//! (amazon-vpc-cni-k8s). One that was given back elsewhere a moment ago may read so, too, for some seconds: therefore it is
//! watched for a minute first.

use crate::{
    interface::{UNSETTLED, until},
    look::{Backup, Seen},
    object::{Groups, Record, Source},
};
use jiff::Timestamp;
use std::{collections::BTreeMap, time::Duration};

/// The records, with the primary interface's originals in those that never had any and were watched for a minute.
pub fn with_originals(now: Timestamp, records: &[Record], seen: &BTreeMap<String, Seen>) -> Vec<Record> {
    let of = |record: &Record| match due(now, record, records, seen) {
        Some((originals, None)) => {
            Record { originals: Some(originals.clone()), source: Source::Primary, ..record.clone() }
        }
        Some((_, Some(_))) | None => record.clone(),
    };
    records.iter().map(of).collect()
}

/// How long this one is still watched before it gets the primary interface's originals. None: it isn't one of those.
pub fn watched(now: Timestamp, record: &Record, records: &[Record], seen: &BTreeMap<String, Seen>) -> Option<Duration> {
    due(now, record, records, seen)?.1
}

fn due<'a>(
    now: Timestamp,
    record: &Record,
    records: &'a [Record],
    seen: &BTreeMap<String, Seen>,
) -> Option<(&'a Groups, Option<Duration>)> {
    let shown = seen.get(&record.id)?;
    let is_primary = |record: &&Record| seen.get(&record.id).is_some_and(|seen| seen.primary && seen.attached);
    let primary = records.iter().find(is_primary)?;
    let originals = primary.originals.as_ref()?;
    let fits = !record.state.is_final() && never_had_any(record, shown) && isolated_before(primary, record);
    fits.then(|| (originals, until(record.recorded_at, UNSETTLED, now)))
}

/// As far as a read and its tags tell.
fn never_had_any(record: &Record, seen: &Seen) -> bool {
    let told = match &seen.backup {
        Backup::Ours { originals, .. } | Backup::Elsewhere { originals, .. } => originals.is_some(),
        Backup::None => false,
    };
    let untouched = record.swapped_at.is_none() && matches!(record.source, Source::Interface | Source::Unknown);
    record.originals.is_none() && untouched && !told && seen.groups == Groups::from([record.in_force.clone()])
}

/// Whether the primary interface was given the same group, in the same VPC, before this one was first seen. One whose
/// groups were put right since counts no more: then a person decides.
fn isolated_before(primary: &Record, record: &Record) -> bool {
    primary.vpc_id == record.vpc_id
        && primary.isolation_groups.contains(&record.in_force)
        && primary.swapped_at.is_some_and(|swapped| swapped < record.recorded_at)
}
