//! What must hold at every moment of a run, watched from outside: the way back stands in the API server before any
//! interface is touched (rule 1), and a record that was written never changes (rule 2).

use super::world::Groups;
use futures::TryStreamExt;
use kube::{
    Api, ResourceExt,
    api::{WatchEvent, WatchParams},
};
use quarantine_operator::api::{Quarantine, QuarantineStatus};
use std::{
    collections::{BTreeMap, BTreeSet},
    pin::pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::{runtime::Handle, sync::watch};

/// Sees one claim's whole life. Made in the test's runtime, its home.
pub struct Witness {
    home: Handle,
    claims: Api<Quarantine>,
    name: String,
    originals: Groups,
    aliases: BTreeMap<String, String>,
    swaps: AtomicUsize,
    broken: Mutex<Vec<String>>,
    /// The latest version that was seen; none once the claim is gone.
    latest: watch::Sender<Option<Quarantine>>,
}

impl Witness {
    pub fn new(
        claim: &Quarantine,
        claims: Api<Quarantine>,
        originals: Groups,
        aliases: BTreeMap<String, String>,
    ) -> Arc<Self> {
        let (swaps, broken, latest) = (AtomicUsize::new(0), Mutex::default(), watch::Sender::new(Some(claim.clone())));
        Arc::new(Self {
            home: Handle::current(),
            claims,
            name: claim.name_any(),
            originals,
            aliases,
            swaps,
            broken,
            latest,
        })
    }

    /// An id in words that are the same in each run.
    pub fn alias(&self, id: &str) -> String {
        let kind = |id: &str| ["eni-", "sg-", "vpc-", "i-"].into_iter().find(|kind| id.starts_with(kind));
        self.aliases.get(id).cloned().unwrap_or_else(|| kind(id).unwrap_or(id).to_owned())
    }

    /// A swap is about to be sent: the API server itself must hold the way back by now.
    ///
    /// Asked from the home runtime: a connection that an operator's own runtime had opened would die with it.
    pub async fn sees_swap(self: &Arc<Self>, interface: &str, groups: Vec<String>) {
        self.swaps.fetch_add(1, Ordering::SeqCst);
        let (this, interface) = (self.clone(), interface.to_owned());
        let look = self.home.spawn(async move { this.look_for_way_back(&interface, groups).await });
        look.await.expect("the look ends");
    }

    async fn look_for_way_back(&self, interface: &str, groups: Vec<String>) {
        let claim = self.claims.get_opt(&self.name).await.expect("a read");
        let stored = claim.and_then(|claim| claim.status).map(|status| originals_in(&status)).unwrap_or_default();
        if !stored.contains_key(interface) || stored.get(interface) != self.originals.get(interface) {
            self.breaks(format!("rule 1: {interface} is given {groups:?} while the API server holds {stored:?}"));
        }
    }

    /// Waits until the claim, or its absence, is so.
    pub async fn sees(&self, so: impl Fn(Option<&Quarantine>) -> bool) {
        self.latest.subscribe().wait_for(|claim| so(claim.as_ref())).await.expect("the sender lives in self");
    }

    /// How many swaps were sent.
    pub fn swaps(&self) -> usize {
        self.swaps.load(Ordering::SeqCst)
    }

    pub fn breaks(&self, what: String) {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    }

    /// Every rule that was broken so far.
    pub fn broken(&self) -> Vec<String> {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Follows each version of the claim from this one until it is gone. Answers how many there were.
    pub async fn follow(self: Arc<Self>, claim: Quarantine) -> usize {
        let version = claim.resource_version().expect("a stored object has a version");
        let only = WatchParams::default().fields(&format!("metadata.name={}", self.name));
        let mut events = pin!(self.claims.watch(&only, &version).await.expect("a watch begins"));
        let (mut versions, mut recorded) = (1, Groups::new());
        while let Some(event) = events.try_next().await.expect("the watch goes on") {
            let (claim, gone) = match event {
                WatchEvent::Added(claim) | WatchEvent::Modified(claim) => (claim, false),
                WatchEvent::Deleted(claim) => (claim, true),
                WatchEvent::Bookmark(_) => continue,
                WatchEvent::Error(error) => panic!("the watch of {} ended: {error:?}", self.name),
            };
            versions += 1;
            let stored = claim.status.as_ref().map(originals_in).unwrap_or_default();
            for (interface, originals) in &recorded {
                if stored.get(interface) != Some(originals) {
                    self.breaks(format!("rule 2: the record of {interface} was {originals:?} and became {stored:?}"));
                }
            }
            recorded.extend(stored);
            self.latest.send_replace((!gone).then_some(claim));
            if gone {
                return versions;
            }
        }
        panic!("the watch of {} ended before the claim did", self.name)
    }
}

/// The records' original groups.
pub fn originals_in(status: &QuarantineStatus) -> Groups {
    let known = |groups: &Option<Vec<String>>| groups.iter().flatten().cloned().collect::<BTreeSet<String>>();
    status.interfaces.iter().map(|record| (record.id.clone(), known(&record.original_security_groups))).collect()
}
