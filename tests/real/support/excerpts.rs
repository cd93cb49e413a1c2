//! For docs/reasons.md: what `kubectl describe` says of each reason, the first time that a test meets it. Only where
//! QUARANTINE_EXCERPTS names a folder (`cargo xtask excerpts`).

use futures::{StreamExt, stream::select};
use k8s_openapi::api::events::v1::Event;
use kube::{
    Api, Client, ResourceExt,
    runtime::{WatchStreamExt, watcher},
};
use quarantine_operator::api::Quarantine;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
};
use xtask::Stack;

/// Collects from this stack for as long as the process lives.
pub fn collect(stack: &Stack) {
    let Some(folder) = std::env::var_os("QUARANTINE_EXCERPTS").map(PathBuf::from) else { return };
    fs::create_dir_all(&folder).expect("a folder for excerpts");
    let kubectl = Kubectl { kubeconfig: stack.kubeconfig(), cache: stack.kubectl_cache() };
    // In the thread's own runtime: a client lives and dies with the runtime in which it was made.
    let kubeconfig = stack.kubeconfig();
    thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
        runtime.block_on(async {
            let client = super::client_from(&kubeconfig).await;
            watch(client, &kubectl, &folder).await;
        });
    });
}

enum Seen {
    Claim(Box<Quarantine>),
    Event(Box<Event>),
}

async fn watch(client: Client, kubectl: &Kubectl, folder: &Path) {
    let claims = watcher(Api::<Quarantine>::all(client.clone()), watcher::Config::default()).default_backoff();
    let events = watcher(Api::<Event>::all(client), watcher::Config::default()).default_backoff();
    let claims = claims.applied_objects().filter_map(async |claim| Some(Seen::Claim(Box::new(claim.ok()?))));
    let events = events.applied_objects().filter_map(async |event| Some(Seen::Event(Box::new(event.ok()?))));
    let mut seen = Box::pin(select(Box::pin(claims), Box::pin(events)));
    while let Some(seen) = seen.next().await {
        match seen {
            Seen::Claim(claim) => keep_conditions(&claim, kubectl, folder),
            Seen::Event(event) => keep_event(&event, folder),
        }
    }
}

/// One file per reason: the conditions that have it.
fn keep_conditions(claim: &Quarantine, kubectl: &Kubectl, folder: &Path) {
    let conditions = claim.status.iter().flat_map(|status| &status.conditions);
    let new: Vec<&String> = conditions
        .map(|condition| &condition.reason)
        .filter(|reason| !folder.join(format!("{reason}.condition")).exists())
        .collect();
    if new.is_empty() {
        return;
    }
    let described = kubectl.describe(&claim.namespace().unwrap_or_default(), &claim.name_any());
    for reason in new {
        let blocks: Vec<String> = blocks(&described).filter(|block| block.contains(&format!(" {reason}\n"))).collect();
        if !blocks.is_empty() {
            let _ = fs::write(folder.join(format!("{reason}.condition")), anonymous(&blocks.concat()));
        }
    }
}

fn keep_event(event: &Event, folder: &Path) {
    let (Some(reason), Some(note)) = (&event.reason, &event.note) else { return };
    let file = folder.join(format!("{reason}.event"));
    if event.regarding.as_ref().and_then(|regarding| regarding.kind.as_deref()) == Some("Quarantine") && !file.exists()
    {
        let line = format!("  {}  {reason}  quarantine-operator  {note}\n", event.type_.as_deref().unwrap_or_default());
        let _ = fs::write(file, anonymous(&line));
    }
}

struct Kubectl {
    kubeconfig: PathBuf,
    cache: PathBuf,
}

impl Kubectl {
    fn describe(&self, namespace: &str, name: &str) -> String {
        let mut command = Command::new("kubectl");
        command.args(["describe", "qtn", "--namespace", namespace, name]);
        command.env("KUBECONFIG", &self.kubeconfig).env("KUBECACHEDIR", &self.cache);
        command.output().map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
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
        Some(("ir", id)) if id.split('-').all(number) => "incident-response".to_owned(),
        Some(_) if word.len() == 36 && word.split('-').all(|part| part.chars().all(|c| c.is_ascii_hexdigit())) => {
            "11111111-2222-3333-4444-555555555555".to_owned()
        }
        None if word.len() == 12 && number(word) => "111122223333".to_owned(),
        _ => word.to_owned(),
    }
}

#[test]
fn ids_that_differ_from_run_to_run_become_those_of_documentation() {
    let said = "eni-308e8658549382610 of ir-4711-3/web-7 (account 502898500001) is held: see 0.5 s.";
    let plain = "eni-0123456789abcdef0 of incident-response/web-7 (account 111122223333) is held: see 0.5 s.";
    assert_eq!(anonymous(said), plain);
}
