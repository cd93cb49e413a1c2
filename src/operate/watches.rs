//! What is watched, and which claims a change wakes. An object that can't be read stops nobody: it is left out, and said.

use super::{
    backoff::jittered,
    stored::{stored, stored_or_deleted},
};
use crate::{
    api::{ConditionType, FindingSource, GROUP, Quarantine, QuarantineClass, RECONCILE_ANNOTATION},
    quarantine::{
        Listing, Stores, age, names_instance,
        origin::{Origins, is_made_by},
        waits_for_room, waits_for_room_of_source,
    },
};
use futures::{Stream, StreamExt, future::ready};
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client, Resource, ResourceExt,
    core::{DeserializeGuard, PartialObjectMeta},
    runtime::{
        Controller, WatchStreamExt,
        reflector::{ObjectRef, Store, store},
        utils::Backoff,
        watcher::{self, Config, Event, watcher},
    },
};
use serde::de::DeserializeOwned;
use std::{
    collections::{HashMap, hash_map::DefaultHasher},
    fmt::Debug,
    hash::{Hash, Hasher},
    pin::Pin,
    sync::Arc,
    time::Duration,
};
use tokio::sync::{mpsc::UnboundedSender, watch};

/// A stream of objects that changed.
pub type Changes<K> = Pin<Box<dyn Stream<Item = Result<K, watcher::Error>> + Send>>;

/// The watches, not yet polled.
pub struct Watches {
    pub quarantines: Changes<Quarantine>,
    pub classes: Changes<QuarantineClass>,
    pub namespaces: Changes<PartialObjectMeta<Namespace>>,
    pub sources: Changes<FindingSource>,
}

/// Makes the watches and the stores that they fill. What one claim's change means for others goes to `wake`; one that a
/// source made, and that went without ever having held anything, to `dismiss`.
pub fn start(
    client: &Client,
    wake: UnboundedSender<ObjectRef<Quarantine>>,
    dismiss: UnboundedSender<Quarantine>,
) -> (Watches, Stores) {
    let (quarantines, quarantine_changes, quarantines_listed) = reflected::<Quarantine>(client);
    let mut rooms = Rooms { claims: quarantines.clone(), wake: wake.clone(), known: HashMap::new() };
    let (sources, source_changes, sources_listed) = reflected::<FindingSource>(client);
    let mut neighbours = Neighbours::new(&quarantines, &sources, wake);
    let (classes, class_changes, classes_listed) = reflected::<QuarantineClass>(client);
    let (namespaces, writer) = store();
    let namespace_changes = watcher(Api::<PartialObjectMeta<Namespace>>::all(client.clone()), Config::default());
    let (namespace_changes, namespaces_listed) =
        told_when_listed(namespace_changes.backoff(Pauses::default()).reflect(writer));
    let makers = sources.clone();
    let watches = Watches {
        quarantines: stored(quarantine_changes.inspect(move |event| {
            neighbours.notice(event);
            if let Some(claim) = event.as_ref().ok().and_then(|event| dismissed(event, &makers)) {
                // The receiver goes only when the process does.
                let _ = dismiss.send(claim.clone());
            }
        }))
        .predicate_filter(what_a_person_writes, Default::default())
        .boxed(),
        classes: stored_or_deleted(class_changes).boxed(),
        namespaces: stored_or_deleted(namespace_changes).boxed(),
        sources: asked_of_sources(stored_or_deleted(source_changes).inspect(move |source| rooms.notice(source)))
            .boxed(),
    };
    let listed = vec![
        Listing { of: "quarantines", done: quarantines_listed },
        Listing { of: "quarantineclasses", done: classes_listed },
        Listing { of: "namespaces", done: namespaces_listed },
        Listing { of: "findingsources", done: sources_listed },
    ];
    (watches, Stores::new(quarantines, classes, namespaces, sources, listed))
}

/// A source is reconciled when it is another one, when its spec is, or when it goes. Its status is our own writing, with
/// each message and each release: who listened to that would write as fast as the API server answers.
fn asked_of_sources(
    sources: impl Stream<Item = watcher::Result<FindingSource>>,
) -> impl Stream<Item = watcher::Result<FindingSource>> {
    sources.predicate_filter(
        |source: &FindingSource| {
            let mut hasher = DefaultHasher::new();
            let meta = &source.metadata;
            (&meta.uid, meta.generation, source.is_deleting()).hash(&mut hasher);
            Some(hasher.finish())
        },
        Default::default(),
    )
}

/// Between two tries of a watch: kube's own pauses grow to half a minute and begin anew only once a watch has gone well for
/// two, so that claims would stay unseen for minutes after the API server is back.
#[derive(Default)]
struct Pauses {
    failures: u32,
}

impl Iterator for Pauses {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let pause = Duration::from_millis(250) * 2_u32.pow(self.failures.min(4));
        self.failures = self.failures.saturating_add(1);
        Some(jittered(pause))
    }
}

impl Backoff for Pauses {
    fn reset(&mut self) {
        self.failures = 0;
    }
}

/// A controller of objects whose watch makes its own pauses. By itself it pauses all its watches when one fails, longer each
/// time, and sees nothing meanwhile: claims made after the API server was back would wait for a minute and a half.
pub fn controller<K>(changes: Changes<K>, objects: Store<K>) -> Controller<K>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    Controller::for_stream(changes, objects).trigger_backoff(NoPause)
}

struct NoPause;

impl Iterator for NoPause {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(Duration::ZERO)
    }
}

impl Backoff for NoPause {
    fn reset(&mut self) {}
}

/// Tells when the store that these events fill holds what there was when the watch began.
fn told_when_listed<K>(
    changes: impl Stream<Item = watcher::Result<Event<K>>> + Send,
) -> (impl Stream<Item = watcher::Result<Event<K>>> + Send, watch::Receiver<bool>) {
    let (tell, listed) = watch::channel(false);
    let changes = changes.inspect(move |event| {
        if matches!(event, Ok(Event::InitDone)) {
            tell.send_replace(true);
        }
    });
    (changes, listed)
}

/// A store, the events that fill it, and whether it is listed.
type Reflected<K, S> = (Store<K>, S, watch::Receiver<bool>);

fn reflected<K>(client: &Client) -> Reflected<K, impl Stream<Item = watcher::Result<Event<K>>> + Send + use<K>>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    let (reader, writer) = store();
    let changes = watcher(Api::<DeserializeGuard<K>>::all(client.clone()), Config::default())
        .backoff(Pauses::default())
        .filter_map(|event| ready(event.map(readable).transpose()))
        .reflect(writer);
    let (changes, listed) = told_when_listed(changes);
    (reader, changes, listed)
}

/// The event without the guard; none for an object that can't be read.
fn readable<K: Resource<DynamicType = ()>>(event: Event<DeserializeGuard<K>>) -> Option<Event<K>> {
    let read = |guard: DeserializeGuard<K>| match guard.0 {
        Ok(object) => Some(object),
        Err(invalid) => {
            tracing::error!(
                kind = %K::kind(&()), namespace = invalid.metadata.namespace, name = invalid.metadata.name, error = invalid.error,
                "the object can't be read and is left alone; the others go on. Is its CRD of another version than the operator?"
            );
            None
        }
    };
    match event {
        Event::Apply(guard) => read(guard).map(Event::Apply),
        Event::Delete(guard) => read(guard).map(Event::Delete),
        Event::InitApply(guard) => read(guard).map(Event::InitApply),
        Event::Init => Some(Event::Init),
        Event::InitDone => Some(Event::InitDone),
    }
}

/// Wakes the claims that another one's change concerns.
struct Neighbours {
    claims: Store<Quarantine>,
    sources: Store<FindingSource>,
    wake: UnboundedSender<ObjectRef<Quarantine>>,
    /// What each claim last was to others, by uid.
    known: HashMap<String, u64>,
}

impl Neighbours {
    fn new(
        claims: &Store<Quarantine>,
        sources: &Store<FindingSource>,
        wake: UnboundedSender<ObjectRef<Quarantine>>,
    ) -> Self {
        Self { claims: claims.clone(), sources: sources.clone(), wake, known: HashMap::new() }
    }

    /// Who waited for the instance, for an interface or for room under a limit goes on.
    fn notice(&mut self, event: &watcher::Result<Event<Quarantine>>) {
        let Ok(event) = event else { return };
        let (claim, gone) = match event {
            Event::Apply(claim) | Event::InitApply(claim) => (claim, false),
            Event::Delete(claim) => (claim, true),
            Event::Init | Event::InitDone => return,
        };
        let uid = claim.uid().unwrap_or_default();
        let now = what_others_go_by(claim);
        let before = if gone { self.known.remove(&uid) } else { self.known.insert(uid, now) };
        if !gone && before == Some(now) {
            return;
        }
        self.wake_all(|other| {
            other.uid() != claim.uid() && (names_instance(other, claim) || shares_record(other, claim))
        });
        let class = claim.class_name();
        if gone || (before.is_some() && !waits_for_room(claim)) {
            self.wake_oldest(|other| waits_for_room(other) && other.class_name() == class);
        }
        let origins = Origins::of(&self.sources.state());
        let source = origins.made(claim);
        if source.is_some() && (gone || (before.is_some() && !waits_for_room_of_source(claim))) {
            self.wake_oldest(|other| waits_for_room_of_source(other) && origins.made(other) == source);
        }
    }

    fn wake_all(&self, concerned: impl Fn(&Quarantine) -> bool) {
        for claim in refs(self.claims.state_filter(concerned)) {
            // The receiver goes only when the process does.
            let _ = self.wake.send(claim);
        }
    }

    /// The oldest that waits for room: if it doesn't take it, its own change wakes the next one.
    fn wake_oldest(&self, waits: impl Fn(&Quarantine) -> bool) {
        if let Some(oldest) = self.claims.state_filter(waits).iter().min_by_key(|waiting| age(waiting)) {
            let _ = self.wake.send(ObjectRef::from_obj(oldest.as_ref()));
        }
    }
}

/// Wakes the claims that wait for room of a source whose limit may have changed.
struct Rooms {
    claims: Store<Quarantine>,
    wake: UnboundedSender<ObjectRef<Quarantine>>,
    /// The limit that each source last had, by name.
    known: HashMap<String, i32>,
}

impl Rooms {
    fn notice(&mut self, source: &watcher::Result<FindingSource>) {
        let Ok(source) = source else { return };
        let limit = source.spec.max_active;
        if self.known.insert(source.name_any(), limit) == Some(limit) {
            return;
        }
        let waits = |claim: &Quarantine| waits_for_room_of_source(claim) && is_made_by(claim, source);
        for claim in refs(self.claims.state_filter(waits)) {
            let _ = self.wake.send(claim);
        }
    }
}

/// A claim that a source made, and that is gone though it never held anything.
fn dismissed<'a>(event: &'a Event<Quarantine>, sources: &Store<FindingSource>) -> Option<&'a Quarantine> {
    let Event::Delete(claim) = event else { return None };
    (!claim.has_records() && Origins::of(&sources.state()).made(claim).is_some()).then_some(claim)
}

/// What other claims' decisions depend on: eligibility, records, what it says, whether it goes.
fn what_others_go_by(claim: &Quarantine) -> u64 {
    let mut hasher = DefaultHasher::new();
    let meta = &claim.metadata;
    (meta.generation, claim.is_deleting(), &meta.finalizers).hash(&mut hasher);
    if let Some(status) = &claim.status {
        status.held_by.as_ref().map(|driver| &driver.uid).hash(&mut hasher);
        status.target.hash(&mut hasher);
        for record in &status.interfaces {
            (&record.id, record.state.is_final(), &record.isolation_groups).hash(&mut hasher);
        }
        let told = [ConditionType::Ready, ConditionType::Contained];
        for condition in status.conditions.iter().filter(|condition| told.iter().any(|told| condition.is(*told))) {
            (&condition.type_, condition.is_true(), &condition.reason).hash(&mut hasher);
        }
    }
    hasher.finish()
}

/// Whether both have a record of one interface.
fn shares_record(one: &Quarantine, other: &Quarantine) -> bool {
    let records =
        |claim: &'_ Quarantine| -> Vec<String> { claim.records().iter().map(|record| record.id.clone()).collect() };
    let known = records(one);
    !known.is_empty() && records(other).iter().any(|id| known.contains(id))
}

/// Everything of a claim that a person or a tool writes; not the status and the finalizer, which are ours. Records
/// without the finalizer are nothing that we write: somebody took it off.
fn what_a_person_writes(claim: &Quarantine) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    let meta = &claim.metadata;
    let ours: Vec<_> = claim
        .annotations()
        .iter()
        .filter(|(key, _)| key.as_str() == RECONCILE_ANNOTATION || key.starts_with(GROUP))
        .collect();
    let unguarded = claim.has_records() && !claim.has_finalizer();
    (&meta.uid, meta.generation, claim.is_deleting(), unguarded, ours).hash(&mut hasher);
    Some(hasher.finish())
}

/// The claims that a changed class concerns: those of it, and those that look for the default one.
pub fn of_class(claims: &Store<Quarantine>, class: &QuarantineClass) -> Vec<ObjectRef<Quarantine>> {
    let name = class.name_any();
    refs(claims.state_filter(|claim| claim.class_name().is_none_or(|named| *named == name)))
}

/// The claims of a changed namespace.
pub fn of_namespace(
    claims: &Store<Quarantine>,
    namespace: &PartialObjectMeta<Namespace>,
) -> Vec<ObjectRef<Quarantine>> {
    let name = namespace.name_any();
    refs(claims.state_filter(|claim| claim.namespace().as_ref() == Some(&name)))
}

fn refs(claims: Vec<Arc<Quarantine>>) -> Vec<ObjectRef<Quarantine>> {
    claims.iter().map(|claim| ObjectRef::from_obj(claim.as_ref())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_written_into_a_sources_status_does_not_wake_it() {
        let source = |uid: &str, generation: i64, received: i64| -> FindingSource {
            serde_json::from_value(serde_json::json!({
                "apiVersion": "quarantine-operator.dev/v1alpha1", "kind": "FindingSource",
                "metadata": {"name": "hub", "uid": uid, "generation": generation, "resourceVersion": received.to_string()},
                "spec": {"queueUrl": "", "region": "", "template": {"namespace": "ir"}},
                "status": {"counters": {"received": received}, "released": {"i-1": "2026-01-01T00:00:00Z"}},
            }))
            .expect("a source")
        };
        let mut going = source("a", 2, 5);
        going.metadata.deletion_timestamp = Some(crate::api::Time(jiff::Timestamp::UNIX_EPOCH));
        let written =
            [source("a", 1, 1), source("a", 1, 2), source("a", 2, 3), source("a", 2, 4), going, source("b", 1, 0)];
        let woken = asked_of_sources(futures::stream::iter(written.map(Ok)));
        let woken: Vec<_> = woken.map(|source| source.expect("a source").resource_version()).collect().await;
        assert_eq!(woken, ["1", "3", "5", "0"].map(|version| Some(version.to_owned())));
    }

    #[test]
    fn a_watch_is_tried_again_within_four_seconds_however_often_it_failed() {
        let mut pauses = Pauses::default();
        let longest = pauses.by_ref().take(100).max().expect("there is one");
        assert!(longest <= Duration::from_secs(4), "{longest:?}");
        pauses.reset();
        assert!(pauses.next().expect("there is one") <= Duration::from_millis(250));
    }
}
