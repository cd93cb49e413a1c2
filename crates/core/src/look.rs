//! What one look at AWS showed: the interfaces, and the groups that isolate there.

use crate::object::{Groups, Record};
use std::collections::BTreeMap;

/// What AWS shows of the instance, and which groups isolate there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Look {
    /// The instance's interfaces, and recorded ones wherever they are.
    pub interfaces: BTreeMap<String, Seen>,
    /// What each holder gives in each VPC, by the holder's uid.
    pub groups: BTreeMap<(String, String), Group>,
    /// Every other group of which a class or a record says that it isolates.
    pub isolating: Groups,
    /// By class.
    pub priorities: BTreeMap<String, i32>,
    /// The recorded originals that still exist. None: that wasn't asked.
    pub existing: Option<Groups>,
    /// Interfaces that hang on another instance which is held: the group that is given there, where it is known.
    pub held_there: BTreeMap<String, Option<String>>,
    /// Interfaces of which another Containment has a record that has not ended; true: an older one than ours.
    pub recorded_by_others: BTreeMap<String, bool>,
}

impl Look {
    /// Every group that is known to isolate here.
    pub fn known_to_isolate(&self, records: &[Record]) -> Groups {
        let recorded = records.iter().flat_map(|record| &record.isolation_groups);
        let given = self.groups.values().filter_map(|group| group.id.as_ref());
        recorded.chain(given).chain(&self.isolating).cloned().collect()
    }

    /// Whether the tags on the interface name other originals than its record. Tags that name none are older than what the
    /// record has learnt: they speak against nothing.
    pub fn tags_differ(&self, record: &Record) -> bool {
        match self.interfaces.get(&record.id).map(|seen| &seen.backup) {
            Some(Backup::Ours { originals: Some(told), .. }) => Some(told) != record.originals.as_ref(),
            Some(Backup::Ours { originals: None, .. } | Backup::None | Backup::Elsewhere { .. }) | None => false,
        }
    }
}

/// The isolation group that a holder gives in one VPC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Group {
    /// None: there is none, or it isn't known to isolate.
    pub id: Option<String>,
    /// A call makes it, or brings its rules in line.
    pub prepare: bool,
}

/// What a read showed of one interface.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Seen {
    pub vpc_id: String,
    pub groups: Groups,
    /// It belongs to the instance now.
    pub attached: bool,
    /// It is the instance's primary interface.
    pub primary: bool,
    /// A service or another account manages it: AWS refuses every change.
    pub managed: bool,
    pub backup: Backup,
}

/// What the tags on an interface say: the second copy of its record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Backup {
    None,
    /// They name this Containment and this cluster. `whole`: they are what belongs beside the record, and nothing else.
    Ours {
        originals: Option<Groups>,
        whole: bool,
    },
    /// They name another cluster. `older`: it recorded the interface before we did, or we have no record.
    Elsewhere {
        originals: Option<Groups>,
        older: bool,
    },
}
