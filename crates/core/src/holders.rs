//! Who holds an instance. Pure: from the holders and their Quarantines to what is to become of the instance.

pub use crate::object::ApprovalReason;
use crate::object::{Containment, Holder, Quarantine, Source};
use std::collections::{BTreeMap, BTreeSet};

/// The Quarantine of a holder, as it was read by namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Presence {
    Found(Quarantine),
    /// Nothing of that name is there, or an object with another uid.
    NotFound,
}

/// Where one holder stands, judged by itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    /// It wants the instance contained.
    Wants,
    /// It stays, and wants nothing done.
    Suspended,
    /// It is deleted, and waits for a person: the approvals that it lacks, or that it isn't suspended any more (none).
    Asks(BTreeSet<ApprovalReason>),
    /// It is deleted, and consents to its own release.
    Leaves { retains: bool },
    /// Its Quarantine is gone without having left.
    Lost,
    /// It was released: its Quarantine is about to go, and then its entry.
    Gone,
}

/// Judges one holder by itself: what the others do is no part of it.
pub fn standing(containment: &Containment, holder: &Holder, presence: &Presence) -> Standing {
    if containment.status.released.contains(&holder.uid) {
        return Standing::Gone;
    }
    let quarantine = match presence {
        Presence::Found(quarantine)
            if quarantine.uid == holder.uid && (quarantine.finalized || !quarantine.deleting) =>
        {
            quarantine
        }
        _ => return Standing::Lost,
    };
    if !quarantine.deleting {
        return if quarantine.suspended { Standing::Suspended } else { Standing::Wants };
    }
    let lacking: BTreeSet<ApprovalReason> =
        own_reasons(holder, quarantine).difference(&quarantine.approved).copied().collect();
    if !lacking.is_empty() || (quarantine.suspended && !quarantine.retains) {
        return Standing::Asks(lacking);
    }
    Standing::Leaves { retains: quarantine.retains }
}

/// What a holder that leaves answers for itself.
pub fn own_reasons(holder: &Holder, quarantine: &Quarantine) -> BTreeSet<ApprovalReason> {
    [
        (holder.approval_always, ApprovalReason::Always),
        (quarantine.namespace_deleting, ApprovalReason::NamespaceDeleting),
        (quarantine.crd_deleting, ApprovalReason::CrdDeleting),
    ]
    .into_iter()
    .filter_map(|(holds, reason)| holds.then_some(reason))
    .collect()
}

/// What is to become of the instance.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Situation {
    /// A holder stays and is in charge: the instance is kept contained.
    Held { in_charge: Holder },
    /// Every holder that stays is suspended: nothing is done.
    Paused,
    /// Every holder leaves and has consented: each interface gets its own groups back.
    Released { leaving: BTreeSet<String> },
    /// Every holder leaves, and each of them leaves the interfaces as they are.
    Retained { leaving: BTreeSet<String> },
    /// No holder is left: what is on its way out is finished.
    WindingUp,
}

/// Every holder with where it stands, by uid.
pub fn standings<'a>(
    containment: &'a Containment,
    quarantines: &BTreeMap<String, Presence>,
) -> Vec<(&'a Holder, Standing)> {
    let missing = Presence::NotFound;
    let of = |holder: &Holder| standing(containment, holder, quarantines.get(&holder.uid).unwrap_or(&missing));
    containment.holders.iter().map(|holder| (holder, of(holder))).collect()
}

/// What is to become of the instance, from where each holder stands. `shared`: what whoever leaves last answers for.
pub fn situation(
    standings: &[(&Holder, Standing)],
    quarantines: &BTreeMap<String, Presence>,
    shared: &BTreeSet<ApprovalReason>,
    priority: impl Fn(&str) -> i32,
) -> Situation {
    let with = |wanted: fn(&Standing) -> bool| standings.iter().filter(move |(_, standing)| wanted(standing));
    let leaving: BTreeSet<String> =
        with(|s| matches!(s, Standing::Leaves { .. })).map(|(holder, _)| holder.uid.clone()).collect();
    let lost: BTreeSet<String> = with(|s| *s == Standing::Lost).map(|(holder, _)| holder.uid.clone()).collect();

    if !stays_beside(standings, None) && !leaving.is_empty() {
        let consents = |uid: &String| match quarantines.get(uid) {
            Some(Presence::Found(quarantine)) => shared.is_subset(&quarantine.approved),
            Some(Presence::NotFound) | None => false,
        };
        if leaving.iter().all(consents) {
            // Who can't be asked is released with those who answer for it.
            let leaving = leaving.union(&lost).cloned().collect();
            let retained = with(|s| matches!(s, Standing::Leaves { .. }))
                .all(|(_, standing)| *standing == Standing::Leaves { retains: true });
            return if retained { Situation::Retained { leaving } } else { Situation::Released { leaving } };
        }
    }

    // Who leaves without the consent that is needed stays until then, and so does who can't be asked.
    let acting = with(|s| !matches!(s, Standing::Suspended | Standing::Gone)).map(|(holder, _)| *holder);
    let order =
        |holder: &&Holder| (std::cmp::Reverse(priority(&holder.class_name)), holder.joined_at, holder.uid.clone());
    match acting.min_by_key(order) {
        Some(holder) => Situation::Held { in_charge: holder.clone() },
        None if with(|s| *s == Standing::Suspended).next().is_some() => Situation::Paused,
        None => Situation::WindingUp,
    }
}

/// Whether a holder other than this one stays. One that is lost stays too, but lets nobody else leave: nobody could release
/// the instance then.
pub fn stays_beside(standings: &[(&Holder, Standing)], uid: Option<&str>) -> bool {
    standings.iter().any(|(holder, standing)| {
        Some(holder.uid.as_str()) != uid
            && matches!(standing, Standing::Wants | Standing::Suspended | Standing::Asks(_))
    })
}

/// What whoever leaves last answers for. `tags_differ`: an interface's tags name other originals than its record.
pub fn shared_reasons(
    containment: &Containment,
    standings: &[(&Holder, Standing)],
    tags_differ: bool,
) -> BTreeSet<ApprovalReason> {
    let from_tags = containment.live_records().any(|record| record.source == Source::Tags);
    let lost = standings.iter().any(|(_, standing)| *standing == Standing::Lost);
    [
        (from_tags, ApprovalReason::RecordsFromTags),
        (tags_differ, ApprovalReason::TagsDiffer),
        (lost, ApprovalReason::HolderLost),
    ]
    .into_iter()
    .filter_map(|(holds, reason)| holds.then_some(reason))
    .collect()
}
