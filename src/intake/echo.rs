//! Which releases a source remembers, and for how long: those after which an event that happened before them could make
//! it cut the instance off again. Pure.
//!
//! The memory is written whole with each release, so it holds what it is for and no more (docs/decisions.md).

use crate::{
    api::{FindingFilter, FindingSource, FindingSourceSpec, Quarantine},
    quarantine::origin::is_made_by,
};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// For so long after its release an instance isn't cut off again without a person.
pub const LATELY: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Clocks of EventBridge, the API server and the operator differ by less.
const CLOCKS: SignedDuration = SignedDuration::from_mins(1);

/// How many releases a source remembers: some 25 kB of its status, which is written with each one.
pub const MOST: usize = 500;

/// Whether the source could make a Quarantine of this one's instance once it is gone: it made this one, or it takes what
/// people press, which no filter bounds, or a filter lets the instance's place pass.
pub fn concerns(source: &FindingSource, released: &Quarantine) -> bool {
    let FindingSourceSpec { custom_action, accept, .. } = &source.spec;
    let pressed =
        custom_action.is_some() || accept.as_ref().is_some_and(|accept| !accept.custom_action_arns.is_empty());
    let mut filters = filters(&source.spec);
    is_made_by(released, source) || pressed || filters.any(|filter| lets_pass(filter, released))
}

/// For how long: an event that happened before the release is older than that later, and begins suspended for that. What is
/// automatic is asked for longer whether the release was lately.
pub fn remembered_for(spec: &FindingSourceSpec) -> SignedDuration {
    let acts_alone = SignedDuration::from_secs(i64::from(spec.max_event_age_seconds)) + CLOCKS;
    if filters(spec).next().is_some() { acts_alone.max(LATELY) } else { acts_alone }
}

/// The time up to which releases may be forgotten, for there were more than are remembered.
pub fn forgotten_before(released: impl IntoIterator<Item = Timestamp>) -> Option<Timestamp> {
    let times: Vec<Timestamp> = released.into_iter().collect();
    if times.len() < MOST { None } else { times.into_iter().min() }
}

/// Those of the remembered ones that are forgotten now: what is too old to matter, and what is too much, the oldest first.
pub fn forgotten(spec: &FindingSourceSpec, released: &BTreeMap<String, Timestamp>, now: Timestamp) -> Vec<String> {
    let mut known: Vec<(&String, &Timestamp)> = released.iter().collect();
    known.sort_by_key(|(_, at)| **at);
    let surplus = known.len().saturating_sub(MOST);
    let keeps = remembered_for(spec);
    let goes = known.iter().enumerate().filter(|(n, (_, at))| *n < surplus || now.duration_since(**at) > keeps);
    goes.map(|(_, (instance, _))| (*instance).clone()).collect()
}

fn filters(spec: &FindingSourceSpec) -> impl Iterator<Item = &FindingFilter> {
    spec.accept.iter().flat_map(|accept| accept.imported.iter().chain(&accept.guard_duty))
}

/// Whether the filter may let the instance pass, as far as is known where it lies.
fn lets_pass(filter: &FindingFilter, released: &Quarantine) -> bool {
    let resolved = released.resolved();
    let named = released.spec.target.instance.as_ref();
    let account = resolved.map(|target| &target.account_id).or(named.and_then(|named| named.account_id.as_ref()));
    let region = resolved.map(|target| &target.region).or(named.map(|named| &named.region));
    let fits = |of: &[String], one: Option<&String>| of.is_empty() || one.is_none_or(|one| of.contains(one));
    fits(&filter.accounts, account) && fits(&filter.regions, region)
}
