//! A watch's events as objects, for a controller whose store they have filled before.
//!
//! A list that is read again is in the store only at its end, after all its pages; a controller that is told of an object
//! before doesn't find it, and drops it for good. Claims made while a watch was away would never be seen.

use futures::{Stream, StreamExt, stream};
use kube::runtime::watcher::{self, Event};

/// The objects that are there, each once the store has it.
pub fn stored<K>(events: impl Stream<Item = watcher::Result<Event<K>>>) -> impl Stream<Item = watcher::Result<K>> {
    objects(events, |_| None)
}

/// Also those that go.
pub fn stored_or_deleted<K>(
    events: impl Stream<Item = watcher::Result<Event<K>>>,
) -> impl Stream<Item = watcher::Result<K>> {
    objects(events, Some)
}

fn objects<K>(
    events: impl Stream<Item = watcher::Result<Event<K>>>,
    deleted: impl Fn(K) -> Option<K>,
) -> impl Stream<Item = watcher::Result<K>> {
    let mut listed = Vec::new();
    events.flat_map(move |event| {
        let objects = match event {
            Ok(Event::Init) => {
                listed.clear();
                Vec::new()
            }
            Ok(Event::InitApply(object)) => {
                listed.push(object);
                Vec::new()
            }
            Ok(Event::InitDone) => std::mem::take(&mut listed).into_iter().map(Ok).collect(),
            Ok(Event::Apply(object)) => vec![Ok(object)],
            Ok(Event::Delete(object)) => deleted(object).map(Ok).into_iter().collect(),
            Err(error) => vec![Err(error)],
        };
        stream::iter(objects)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::Namespace;
    use kube::runtime::{
        WatchStreamExt,
        reflector::{ObjectRef, Store, store},
    };
    use std::pin::pin;

    fn namespace(name: &str) -> Namespace {
        let mut namespace = Namespace::default();
        namespace.metadata.name = Some(name.to_owned());
        namespace
    }

    fn list(names: &[&str]) -> Vec<watcher::Result<Event<Namespace>>> {
        let objects = names.iter().map(|name| Event::InitApply(namespace(name)));
        [Event::Init].into_iter().chain(objects).chain([Event::InitDone]).map(Ok).collect()
    }

    /// The names that come, each of which the store must have by then.
    async fn names(objects: impl Stream<Item = watcher::Result<Namespace>>, store: &Store<Namespace>) -> Vec<String> {
        let mut objects = pin!(objects);
        let mut names = Vec::new();
        while let Some(object) = objects.next().await {
            let Ok(object) = object else { continue };
            assert!(store.get(&ObjectRef::from_obj(&object)).is_some(), "{:?} is not stored yet", object.metadata.name);
            names.extend(object.metadata.name);
        }
        names
    }

    #[tokio::test]
    async fn what_was_made_while_a_watch_was_away_is_told_once_the_store_has_it() {
        let (reader, writer) = store();
        let mut events = list(&["old"]);
        // A list that is cut off between two pages, and the one after it.
        events.extend(list(&["old", "cut off"]).into_iter().take(2));
        events.push(Err(watcher::Error::NoResourceVersion));
        events.extend(list(&["old", "new"]));
        events.push(Ok(Event::Apply(namespace("later"))));
        let told = names(stored(stream::iter(events).reflect(writer)), &reader).await;
        assert_eq!(told, ["old", "old", "new", "later"]);
    }

    #[tokio::test]
    async fn what_goes_is_told_where_it_is_asked_for() {
        let gone = || stream::iter([Ok(Event::Delete(namespace("gone")))]);
        assert_eq!(stored(gone()).count().await, 0);
        assert_eq!(stored_or_deleted(gone()).count().await, 1);
    }
}
