//! The second copy of the records, as tags on the interfaces: written beside a record, compared at a release, removed
//! with it. Pure. What the tags are is told by `tags`; what a lost record takes from them, by `containment`.

use super::{draft::Draft, holders, interface, release};
use crate::{
    api::{InterfaceState, InterfaceStatus},
    model::{Tags, ec2::Interface},
    quarantine::{
        tags,
        world::{Action, ActionKind, Again, Holder, View},
    },
};
use std::collections::{BTreeMap, BTreeSet};

/// Writes the second copy: one call per distinct record, after the swap. What else stands there under our prefix goes:
/// a part too many would read as a group too many.
pub fn write(draft: &mut Draft<'_>, view: &View, records: &[InterfaceStatus]) {
    let mut by_tags: BTreeMap<Tags, Vec<String>> = BTreeMap::new();
    let mut by_surplus: BTreeMap<Vec<String>, Vec<String>> = BTreeMap::new();
    // Two that drive the same interface would each write over what the other one wrote.
    let drives = |record: &&InterfaceStatus| !holders::is_driven_elsewhere(draft.facts, view, &record.id);
    for record in records.iter().filter(|record| record.state == InterfaceState::Isolated).filter(drives) {
        let Some(seen) = view.interface(&record.id) else { continue };
        let wanted = tags::of_record(
            record,
            draft.facts.claim.metadata.uid.as_deref().unwrap_or_default(),
            &draft.facts.operator.cluster_uid,
        );
        for kind in [ActionKind::Tag, ActionKind::Untag] {
            if let Some(problem) = draft.outcomes.problem(kind, &record.id) {
                draft.again = draft.again.sooner(problem.again());
            }
        }
        let surplus: Vec<String> = tags::ours(&seen.tags).filter(|key| !wanted.contains_key(*key)).cloned().collect();
        if !surplus.is_empty() && draft.outcomes.of(ActionKind::Untag, &record.id).is_none() {
            by_surplus.entry(surplus).or_default().push(record.id.clone());
        }
        if !tags::hold(&seen.tags, &wanted) && draft.outcomes.of(ActionKind::Tag, &record.id).is_none() {
            by_tags.entry(wanted).or_default().push(record.id.clone());
        }
    }
    for (keys, interface_ids) in by_surplus {
        draft.act(Action::Untag { interface_ids, keys });
    }
    for (tags, interface_ids) in by_tags {
        draft.act(Action::Tag { interface_ids, tags });
    }
}

/// An interface whose tags name other original groups than its record.
pub fn differs(draft: &Draft<'_>, view: &View) -> Option<String> {
    let uid = draft.facts.claim.metadata.uid.as_deref().unwrap_or_default();
    draft
        .status
        .interfaces
        .iter()
        .filter(|record| !record.state.is_final())
        .find(|record| {
            let told = view.interface(&record.id).and_then(|seen| tags::read(&seen.tags));
            let named = told.filter(|told| told.quarantine_uid == uid).and_then(|told| told.original_groups);
            named.is_some_and(|named| !same(&named, record.original_security_groups.as_deref().unwrap_or_default()))
        })
        .map(|record| record.id.clone())
}

fn same(some: &[String], others: &[String]) -> bool {
    some.iter().collect::<BTreeSet<_>>() == others.iter().collect()
}

/// Removes our tags from interfaces that are accounted for. True when none is left.
pub fn remove(draft: &mut Draft<'_>, view: &View, records: &[InterfaceStatus]) -> bool {
    let mut by_keys: BTreeMap<Vec<String>, Vec<String>> = BTreeMap::new();
    let mut clean = true;
    for record in
        records.iter().filter(|record| matches!(record.state, InterfaceState::Restored | InterfaceState::NotOurs))
    {
        let Some(seen) = view.interface(&record.id) else { continue };
        let present = tags::ours(&seen.tags).next().is_some();
        if !present || are_keepers(draft, seen) || draft.outcomes.succeeded(ActionKind::Untag, &record.id) {
            continue;
        }
        if tell_lost_record(draft, seen) {
            // Unless the read is older than the restore.
            if let Some(rest) = release::unsettled_for(draft, record) {
                draft.look_again(Again::after(rest));
                clean = false;
            }
            continue;
        }
        clean = false;
        match draft.outcomes.problem(ActionKind::Untag, &record.id).cloned() {
            Some(problem) => draft.look_after(&problem),
            None => by_keys.entry(keys(draft, record, seen)).or_default().push(record.id.clone()),
        }
    }
    for (keys, interface_ids) in by_keys {
        draft.act(Action::Untag { interface_ids, keys });
    }
    clean
}

/// The keys that are there, and those that this claim wrote: the read may be older than that.
fn keys(draft: &Draft<'_>, record: &InterfaceStatus, seen: &Interface) -> Vec<String> {
    let uid = draft.facts.claim.metadata.uid.as_deref().unwrap_or_default();
    let written = tags::of_record(record, uid, &draft.facts.operator.cluster_uid);
    let keys: BTreeSet<String> = tags::ours(&seen.tags).chain(written.keys()).cloned().collect();
    keys.into_iter().collect()
}

/// Whether the tags are those of another claim that has a record of the interface.
fn are_keepers(draft: &Draft<'_>, seen: &Interface) -> bool {
    let Some(told) = tags::read(&seen.tags) else { return false };
    let has_record = |holder: &Holder| holder.record(&seen.id).is_some_and(|record| !record.state.is_final());
    draft.facts.holders.iter().filter(|holder| holder.uid == told.quarantine_uid).any(has_record)
}

/// Whether the tags name another claim, and the interface is isolated as they say. That claim's record may be lost: then
/// they are all that tells the originals.
fn tell_lost_record(draft: &Draft<'_>, seen: &Interface) -> bool {
    let Some(told) = tags::read(&seen.tags) else { return false };
    let own = draft.facts.claim.metadata.uid.as_ref() == Some(&told.quarantine_uid);
    !own && interface::carries_any(seen, &told.isolation_groups)
}
