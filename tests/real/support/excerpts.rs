//! For docs/reasons.md: what `kubectl describe` says of each reason, the first time that a test meets it on a Quarantine,
//! and on a FindingSource. Only where QUARANTINE_EXCERPTS names a folder (`cargo xtask excerpts`).

mod copies;

use copies::{Copies, Object};
use futures::{StreamExt, stream::select_all};
use k8s_openapi::api::events::v1::Event;
use kube::{
    Api, Client,
    runtime::{WatchStreamExt, watcher},
};
use quarantine_operator::api::{FindingSource, Quarantine};
use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
};
use tokio::{runtime::Runtime, sync::mpsc as queue};
use xtask::Stack;

/// Collects from this stack for as long as the process lives. Returns when everything from now on is seen.
pub fn collect(stack: &Stack) {
    let Some(folder) = std::env::var_os("QUARANTINE_EXCERPTS").map(PathBuf::from) else { return };
    fs::create_dir_all(&folder).expect("a folder for excerpts");
    let (ready, is_ready) = mpsc::channel();
    let kubeconfig = stack.kubeconfig();
    thread::spawn(move || {
        let runtime = Runtime::new().expect("a runtime starts");
        runtime.block_on(async {
            let copies = Copies::open().await;
            let client = super::client_from(&kubeconfig).await;
            let (take, taken) = queue::unbounded_channel();
            tokio::spawn(describe(copies, taken, folder.clone()));
            ready.send(()).expect("somebody waits for it");
            watch(client, &take, &folder).await;
        });
    });
    is_ready.recv().expect("the API server for copies starts");
}

/// An object, and which of its reasons nobody has taken yet.
type Taken = (Object, Vec<String>);

enum Seen {
    Object(Box<Object>),
    Event(Box<Event>),
}

async fn watch(client: Client, take: &queue::UnboundedSender<Taken>, folder: &Path) {
    let claims = watcher(Api::<Quarantine>::all(client.clone()), watcher::Config::default()).default_backoff();
    let claims = claims.applied_objects().filter_map(async |claim| {
        let claim = claim.ok()?;
        Some(Seen::Object(Box::new(Object::of(&claim, &claim.status.as_ref()?.conditions))))
    });
    let sources = watcher(Api::<FindingSource>::all(client.clone()), watcher::Config::default()).default_backoff();
    let sources = sources.applied_objects().filter_map(async |source| {
        let source = source.ok()?;
        Some(Seen::Object(Box::new(Object::of(&source, &source.status.as_ref()?.conditions))))
    });
    let events = watcher(Api::<Event>::all(client), watcher::Config::default()).default_backoff();
    let events = events.applied_objects().filter_map(async |event| Some(Seen::Event(Box::new(event.ok()?))));
    let mut seen = select_all([claims.boxed(), sources.boxed(), events.boxed()]);
    let mut known = HashSet::new();
    while let Some(seen) = seen.next().await {
        match seen {
            Seen::Object(object) => {
                let new = object.reasons.iter().filter(|reason| known.insert(format!("{reason}.{}", object.kind)));
                let new: Vec<String> = new.cloned().collect();
                if !new.is_empty() {
                    let _ = take.send((*object, new));
                }
            }
            Seen::Event(event) => keep_event(&event, folder),
        }
    }
}

/// One file per reason and kind: the conditions that have it.
async fn describe(copies: Copies, mut taken: queue::UnboundedReceiver<Taken>, folder: PathBuf) {
    while let Some((object, reasons)) = taken.recv().await {
        let file = |reason: &str| folder.join(format!("{reason}.{}.condition", object.kind));
        // Another stack's tests may have met it first.
        let reasons: Vec<String> = reasons.into_iter().filter(|reason| !file(reason).exists()).collect();
        if reasons.is_empty() {
            continue;
        }
        let described = match copies.describe(&object).await {
            Ok(described) => described,
            Err(error) => {
                eprintln!("no excerpt of {reasons:?}: {error}");
                continue;
            }
        };
        for reason in reasons {
            let of_reason = blocks(&described).filter(|block| block.contains(&format!(" {reason}\n")));
            let text = of_reason.collect::<Vec<_>>().concat();
            fs::write(file(&reason), anonymous(&text)).expect("an excerpt is written");
        }
    }
}

fn keep_event(event: &Event, folder: &Path) {
    let (Some(reason), Some(note)) = (&event.reason, &event.note) else { return };
    let kind = event.regarding.as_ref().and_then(|regarding| regarding.kind.as_deref()).unwrap_or_default();
    let file = folder.join(format!("{reason}.{kind}.event"));
    if matches!(kind, "Quarantine" | "FindingSource") && !file.exists() {
        let line = format!("  {}  {reason}  quarantine-operator  {note}\n", event.type_.as_deref().unwrap_or_default());
        let _ = fs::write(file, anonymous(&line));
    }
}

/// The conditions in what kubectl describes, without the times.
fn blocks(described: &str) -> impl Iterator<Item = String> {
    let conditions = described.split("  Conditions:\n").nth(1).unwrap_or_default();
    conditions.split("    Last Transition Time:").skip(1).map(|block| {
        let lines = block.lines().skip(1).take_while(|line| line.starts_with("    "));
        let told = lines.filter(|line| !line.trim_start().starts_with("Observed Generation"));
        told.map(|line| format!("{}\n", line.trim_end())).collect()
    })
}

/// Ids that differ from run to run become the ones that documentation uses.
fn anonymous(text: &str) -> String {
    let word = |character: char| character.is_ascii_alphanumeric() || character == '-';
    let mut plain = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(word) {
        let end = rest[start..].find(|character| !word(character)).map_or(rest.len(), |length| start + length);
        plain.push_str(&rest[..start]);
        plain.push_str(&anonymous_word(&rest[start..end]));
        rest = &rest[end..];
    }
    plain + rest
}

fn anonymous_word(word: &str) -> String {
    let hex = |text: &str| text.len() >= 8 && text.chars().all(|character| character.is_ascii_hexdigit());
    let number = |text: &str| !text.is_empty() && text.chars().all(|character| character.is_ascii_digit());
    match word.split_once('-') {
        Some((kind, id)) if hex(id) && !number(kind) => format!("{kind}-0123456789abcdef0"),
        Some(("ir", id)) if id.split('-').take(2).all(number) => format!("incident-response{}", rest_of_name(id)),
        Some(("hub", id)) if id.split('-').take(2).all(number) => format!("security-hub{}", rest_of_name(id)),
        Some(_) if word.len() == 36 && word.split('-').all(|part| part.chars().all(|c| c.is_ascii_hexdigit())) => {
            "11111111-2222-3333-4444-555555555555".to_owned()
        }
        None if word.len() == 12 && number(word) => "111122223333".to_owned(),
        _ => word.to_owned(),
    }
}

/// What follows the process and the number in the name of a namespace or a source, and in names made of it.
fn rest_of_name(id: &str) -> String {
    let rest = id.splitn(3, '-').nth(2).map(anonymous_word);
    rest.map(|rest| format!("-{rest}")).unwrap_or_default()
}

#[test]
fn ids_that_differ_from_run_to_run_become_those_of_documentation() {
    let said = "eni-308e8658549382610 of ir-4711-3/web-7 (account 502898500001) is held: see 0.5 s.";
    let plain = "eni-0123456789abcdef0 of incident-response/web-7 (account 111122223333) is held: see 0.5 s.";
    assert_eq!(anonymous(said), plain);
    let said = "Made Quarantine ir-4711-3/hub-4711-0-i-308e8658549382610 of hub-4711-0 for ir-4711-3-later.";
    let plain = "Made Quarantine incident-response/security-hub-i-0123456789abcdef0 of security-hub for incident-response-later.";
    assert_eq!(anonymous(said), plain);
}
