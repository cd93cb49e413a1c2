//! The two objects as the loops read and write them. Plain data.
//!
//! A `Quarantine` asks that an instance be contained. A `Containment` holds one contained instance: who asked (`holders`,
//! written by the Quarantine loop alone) and how each interface is given back (`status`, written by the Containment loop alone).

use jiff::Timestamp;
use std::{collections::BTreeSet, time::Duration};

/// A set of security group ids: EC2 keeps no order among an interface's groups.
pub type Groups = BTreeSet<String>;

/// What the API server gives an object at each write. Compared for equality only.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Version(pub String);

/// One contained instance.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Containment {
    pub uid: String,
    pub version: Version,
    /// It carries our finalizer.
    pub finalized: bool,
    /// Somebody has deleted it. It ends all the same only when nothing is held any more.
    pub deleting: bool,
    pub holders: Vec<Holder>,
    pub status: Status,
}

/// A Quarantine that holds the instance, with what was admitted and is fixed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Holder {
    pub namespace: String,
    pub name: String,
    pub uid: String,
    pub joined_at: Timestamp,
    pub class_name: String,
    /// Its releases wait for a person, always.
    pub approval_always: bool,
}

/// What the Containment loop remembers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Status {
    /// One record for each interface: the way back.
    pub records: Vec<Record>,
    /// Why a release waits for a person, beside what each holder asks for itself.
    pub asks: BTreeSet<ApprovalReason>,
    /// The holders, by uid, that were released: each may go. Stands until each of them is gone.
    pub released: BTreeSet<String>,
    /// Since when looks have shown nothing of ours while nothing was recorded and no holder wants anything recorded.
    pub empty_since: Option<Timestamp>,
}

/// The record of one interface.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Record {
    /// The interface's id.
    pub id: String,
    /// The VPC that it lies in. An interface never leaves it.
    pub vpc_id: String,
    /// The groups that it carried before it was touched, and gets back. None: not known, because it was already isolated
    /// when it was first seen.
    pub originals: Option<Groups>,
    pub source: Source,
    /// Every isolation group that it was given. Only grows.
    pub isolation_groups: Groups,
    /// The isolation group that it is to carry now.
    pub in_force: String,
    pub recorded_at: Timestamp,
    /// When a swap was last sent: stored before it is.
    pub swapped_at: Option<Timestamp>,
    /// The calls whose answer nobody has heard: each may still arrive until its signature expires.
    pub unanswered: Vec<Attempt>,
    /// Since when reads haven't shown it.
    pub missing_since: Option<Timestamp>,
    /// How many acknowledged swaps in a row no read has shown.
    pub unshown: u8,
    pub drift: Drift,
    /// Its holders have let it go: it hangs on another instance that is held, and is given back when that one is released.
    pub due_back: bool,
    pub state: State,
}

/// How often an isolated interface was read with other groups, and put right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Drift {
    /// Those that somebody else must have set: no change of ours was so young that a read could be older.
    pub corrections: u32,
    /// How often in a row, each within [`STREAK`] of the one before.
    pub in_a_row: u8,
    pub last: Option<Timestamp>,
}

/// A correction so soon after the one before is a fight over the interface.
pub const STREAK: Duration = Duration::from_secs(300);

/// So many in a row, and the interface is fought over.
pub const FIGHT: u8 = 3;

impl Drift {
    /// One more time. `counted`: somebody else must have done it.
    #[must_use]
    pub fn turned(self, now: Timestamp, counted: bool) -> Self {
        let in_a_row = if self.is_recent(now) { self.in_a_row.saturating_add(1).min(FIGHT) } else { 1 };
        let corrections = self.corrections.saturating_add(u32::from(counted));
        Self { corrections, in_a_row, last: Some(now) }
    }

    /// Somebody else puts other groups on again and again.
    pub fn is_fought_over(self, now: Timestamp) -> bool {
        self.in_a_row >= FIGHT && self.is_recent(now)
    }

    fn is_recent(self, now: Timestamp) -> bool {
        self.last.is_some_and(|last| now.duration_since(last).unsigned_abs() < STREAK)
    }
}

/// Where the originals come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// From the interface, before it was touched.
    Interface,
    /// From the tags on it, after the record was lost: others can write them, so a release waits for a person.
    Tags,
    /// From the record of the primary interface: this one was attached after the isolation with the isolation group, and
    /// never had groups of its own.
    Primary,
    /// Nobody knows: it was isolated when its record was made, and a minute later still.
    Unknown,
}

/// A call to one interface, by the time that its record gives it. Times of one record are distinct.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Attempt {
    pub at: Timestamp,
    pub kind: AttemptKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AttemptKind {
    Swap,
    Restore,
}

/// Where one interface stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Recorded; the isolation group is being put on.
    Isolating,
    /// A read shows exactly the isolation group.
    Isolated,
    /// AWS refuses the isolation group.
    Refused,
    /// Reads don't show it.
    Missing,
    /// Its own groups are being put back.
    Restoring,
    /// Its own groups can't be put back, or are not known.
    RestoreHeld,
    /// Given back, as read; but a call that nobody answered may still arrive, so it is watched.
    Lingering,
    /// Given back, and nothing can arrive any more.
    Restored,
    /// Somebody else had changed it: left as it is.
    NotOurs,
    /// EC2 answers that it doesn't exist.
    Gone,
    /// Left isolated because whoever released it said so.
    Retained,
    /// An older record of another Containment or another cluster gives it back.
    Withdrawn,
}

impl State {
    /// Nothing is left to be done with it.
    pub fn is_final(self) -> bool {
        match self {
            Self::Restored | Self::NotOurs | Self::Gone | Self::Retained | Self::Withdrawn => true,
            Self::Isolating
            | Self::Isolated
            | Self::Refused
            | Self::Missing
            | Self::Restoring
            | Self::RestoreHeld
            | Self::Lingering => false,
        }
    }

    /// Whoever left need not wait for it any longer.
    pub fn is_given_back(self) -> bool {
        self.is_final() || self == Self::Lingering
    }
}

/// What the loops read of a Quarantine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Quarantine {
    pub uid: String,
    pub version: Version,
    pub deleting: bool,
    /// It carries our finalizer.
    pub finalized: bool,
    pub suspended: bool,
    /// A dry run never joins.
    pub dry_run: bool,
    /// Its deletion leaves every interface as it is.
    pub retains: bool,
    /// An original group that no longer exists is left out of what is given back.
    pub drops_missing: bool,
    /// What carries another cluster's tags is taken over.
    pub adopts: bool,
    /// What a person has approved of its release.
    pub approved: BTreeSet<ApprovalReason>,
    pub namespace_deleting: bool,
    pub crd_deleting: bool,
    /// Its instance is known: `status.target` was written.
    pub resolved: bool,
}

impl Quarantine {
    /// One that was just created, names its instance itself, and asks for nothing else.
    pub fn created(uid: String, version: Version) -> Self {
        Self {
            uid,
            version,
            deleting: false,
            finalized: false,
            suspended: false,
            dry_run: false,
            retains: false,
            drops_missing: false,
            adopts: false,
            approved: BTreeSet::new(),
            namespace_deleting: false,
            crd_deleting: false,
            resolved: true,
        }
    }
}

/// Why a release waits for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ApprovalReason {
    /// It was admitted under `releaseApproval: Always`.
    Always,
    NamespaceDeleting,
    CrdDeleting,
    /// The record of an interface was lost and comes from its tags.
    RecordsFromTags,
    /// The tags on an interface name other original groups than its record.
    TagsDiffer,
    /// Another holder can't be found, and nobody can ask it.
    HolderLost,
}

impl Containment {
    pub fn holder(&self, uid: &str) -> Option<&Holder> {
        self.holders.iter().find(|holder| holder.uid == uid)
    }

    /// Records of interfaces with which something is left to be done.
    pub fn live_records(&self) -> impl Iterator<Item = &Record> {
        self.status.records.iter().filter(|record| !record.state.is_final())
    }

    /// Records whose interfaces are looked for, wherever they are: also of those that were given back, for our tags may be left
    /// on them.
    pub fn sought_records(&self) -> impl Iterator<Item = &Record> {
        let sought = |record: &&Record| !matches!(record.state, State::Gone | State::Retained | State::Withdrawn);
        self.status.records.iter().filter(sought)
    }

    pub fn has_live_records(&self) -> bool {
        self.live_records().next().is_some()
    }
}

impl Status {
    /// Every interface was read with exactly its isolation group, and nothing that was sent may still undo it.
    pub fn is_contained(&self) -> bool {
        let mut live = self.records.iter().filter(|record| !record.state.is_final()).peekable();
        live.peek().is_some() && live.all(Record::is_isolated)
    }
}

impl Record {
    /// It was read with exactly its isolation group, and nothing that was sent may still undo it.
    pub fn is_isolated(&self) -> bool {
        self.state == State::Isolated && self.unanswered.iter().all(|attempt| attempt.kind != AttemptKind::Restore)
    }
}
