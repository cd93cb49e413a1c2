//! `kubectl quarantine release` and `approve`, and how waiting ends.

use super::{
    run::{command, isolate, plugin, with},
    terminal::at_a_terminal,
};
use crate::{
    e2e::scene::{CLAIM, Scene},
    meant::{is_given_back, is_held, is_isolated},
    support::{
        claims::{Desk, holds},
        client_of,
        process::fresh_ground,
        wait::until,
    },
};
use serde_json::json;
use std::{
    io::{BufRead, BufReader, Read as _},
    process::{Command, Stdio},
};

const ORIGINALS: &[&[&str]] = &[&["web"], &["app", "db"]];

async fn is_not_deleted(scene: &Scene) {
    let claim = scene.desk.claims.get(CLAIM).await.expect("it is there");
    assert_eq!(claim.metadata.deletion_timestamp, None);
    is_isolated(scene).await;
}

#[tokio::test]
async fn a_release_shows_what_it_gives_back_and_follows_it_until_it_is_gone() {
    let scene = Scene::contained(ORIGINALS).await;
    let said = plugin(&scene.desk, &["release", CLAIM, "--yes", "--wait"]).ended(0);
    let gets = format!("{}  gets back {}", scene.interfaces[0], scene.groups["web"]);
    said.says(&[&gets, "is asked for", "is gone"]);
    assert!(scene.desk.claims.get_opt(CLAIM).await.expect("a read").is_none());
    is_given_back(&scene, ORIGINALS).await;
}

#[tokio::test]
async fn an_instance_names_its_quarantine_and_several_are_told_apart() {
    let scene = Scene::contained(&[&["web"]]).await;
    scene.desk.claim("web-8", scene.spec(json!({}))).await;
    let said = plugin(&scene.desk, &["release", &scene.instance, "--yes"]).ended(1);
    said.says(&["several Quarantines", CLAIM, "web-8"]);
    scene.desk.contained("web-8").await;
    let other = format!("{}/web-8 wants the instance cut off, too", scene.desk.namespace);
    plugin(&scene.desk, &["release", CLAIM]).ended(1).says(&[&other]);
    plugin(&scene.desk, &["release", "web-8", "--yes", "--wait"]).ended(0);
    is_not_deleted(&scene).await;
    plugin(&scene.desk, &["release", &scene.instance, "--yes", "--wait"]).ended(0);
    is_given_back(&scene, &[&["web"]]).await;
}

#[tokio::test]
async fn without_a_terminal_nothing_is_released_unless_it_is_said_to_be_meant() {
    let scene = Scene::contained(&[&["web"]]).await;
    plugin(&scene.desk, &["release", CLAIM]).ended(1).says(&["gets back", "no terminal to ask at", "--yes"]);
    is_not_deleted(&scene).await;
}

#[tokio::test]
async fn at_a_terminal_the_answer_counts_and_is_shown_in_colour_unless_unwanted() {
    let scene = Scene::contained(&[&["web"]]).await;
    for no in ["n\n", "\n", "perhaps\n"] {
        let (code, shown) = at_a_terminal(command(&scene.desk, &["release", CLAIM]), no);
        assert_eq!(code, 1, "{shown}");
        assert!(shown.contains("? [y/N]") && shown.contains("nothing was changed"), "{shown}");
        is_not_deleted(&scene).await;
    }
    let (_, shown) = at_a_terminal(command(&scene.desk, &["status", CLAIM]), "");
    assert!(shown.contains("\u{1b}[32mContained\u{1b}[0m"), "{shown}");
    let mut plain = command(&scene.desk, &["status", CLAIM]);
    plain.env("NO_COLOR", "1");
    let (_, shown) = at_a_terminal(plain, "");
    assert!(shown.contains("Contained") && !shown.contains('\u{1b}'), "{shown}");

    let (code, shown) = at_a_terminal(command(&scene.desk, &["release", CLAIM, "--wait"]), "y\n");
    assert_eq!(code, 0, "{shown}");
    is_given_back(&scene, &[&["web"]]).await;
}

#[tokio::test]
async fn a_held_release_names_the_command_that_lets_it_go_on() {
    let scene = Scene::with(ORIGINALS).await;
    scene.class(json!({"releaseApproval": "Always"})).await;
    scene.claim(json!({})).await;
    scene.desk.contained(CLAIM).await;
    plugin(&scene.desk, &["approve", CLAIM]).ended(1).says(&["nothing is held", "isn't being released"]);
    let approve = format!("kubectl quarantine approve {CLAIM} -n {}", scene.desk.namespace);
    let said = plugin(&scene.desk, &["release", CLAIM, "--yes", "--wait"]).ended(1);
    said.says(&["wants each release approved", "ReleaseHeld", &approve]);
    is_held(&scene, "releaseApproval: Always").await;
    plugin(&scene.desk, &["status", CLAIM]).ended(0).says(&["ReleaseHeld", &format!("next: {approve}")]);
    plugin(&scene.desk, &["release", CLAIM, "--wait"]).ended(1).says(&["being released already", &approve]);

    let said = plugin(&scene.desk, &["approve", CLAIM, "--wait"]).ended(0);
    said.says(&["ReleaseHeld", "gets back", "is approved", "is gone"]);
    is_given_back(&scene, ORIGINALS).await;
}

#[tokio::test]
async fn a_release_that_is_stuck_otherwise_can_not_be_approved() {
    let scene = Scene::contained(&[&["web"]]).await;
    scene.desk.edit(CLAIM, json!({"spec": {"suspend": true}})).await;
    let said = plugin(&scene.desk, &["release", CLAIM, "--yes", "--wait"]).ended(1);
    said.says(&["it is suspended", "Suspended", "suspend: false"]);
    plugin(&scene.desk, &["approve", CLAIM]).ended(1).says(&["nothing is held", "doesn't wait for an approval"]);
    scene.desk.edit(CLAIM, json!({"spec": {"suspend": false}})).await;
    scene.desk.gone(CLAIM).await;
}

/// A class that lets nobody in: a Quarantine of it waits, and the operator goes on by itself.
async fn full() -> Scene {
    let scene = Scene::with(&[&["web"]]).await;
    scene.class(json!({"maxActive": 0})).await;
    scene
}

#[tokio::test]
async fn waiting_ends_with_124_when_its_time_has_passed_and_the_quarantine_stays() {
    let scene = full().await;
    let said = isolate(&scene, &["--wait", "--timeout", "3s"]).ended(124);
    said.says(&["LimitReached", "The Quarantine stays", "kubectl quarantine status"]);
    let claim = scene.desk.says(&scene.instance, "Ready", "False", "LimitReached").await;
    assert!(holds(&claim, "Reconciling") && !claim.is_deleting());
}

#[tokio::test]
async fn an_api_server_that_is_away_is_waited_for() {
    let mut stack = fresh_ground().await;
    let desk = Desk::open(client_of(&stack).await).await;
    let target = json!({"instance": {"id": "i-0123456789abcdef0", "region": "eu-central-1"}});
    desk.claim(CLAIM, json!({"target": target})).await;
    let mut waits = with(&stack.kubeconfig(), &["enforce", CLAIM, "--wait", "-n", &desk.namespace]);
    let mut waits = waits.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it runs");
    let mut said = BufReader::new(waits.stderr.take().expect("it is piped"));
    hear(&mut said, "the operator hasn't looked at it yet");
    stack.stop_apiserver();
    hear(&mut said, "the API server is away");
    stack.start_apiserver().expect("it starts again");
    desk.delete(CLAIM).await;
    hear(&mut said, "somebody deleted");
    let ended = until("it ends", async || waits.try_wait().expect("it is our child")).await;
    assert_eq!(ended.code(), Some(1));
}

/// Reads until a line has these words.
fn hear(said: &mut impl BufRead, words: &str) {
    let mut line = String::new();
    while !line.contains(words) {
        line.clear();
        assert_ne!(said.read_line(&mut line).expect("it says text"), 0, "it goes on until it says: {words}");
    }
}

#[tokio::test]
async fn ctrl_c_ends_the_waiting_with_130_and_the_quarantine_stays() {
    let scene = full().await;
    isolate(&scene, &[]).ended(0);
    let mut waits = command(&scene.desk, &["enforce", &scene.instance, "--wait"]);
    let mut waits = waits.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it runs");
    let mut said = BufReader::new(waits.stderr.take().expect("it is piped"));
    hear(&mut said, "LimitReached");
    let told = Command::new("kill").args(["-INT", &waits.id().to_string()]).status();
    assert!(told.expect("kill runs").success());
    let ended = until("it ends", async || waits.try_wait().expect("it is our child")).await;
    let mut rest = String::new();
    said.read_to_string(&mut rest).expect("it says text");
    assert_eq!(ended.code(), Some(130), "{rest}");
    assert!(rest.contains("Ctrl-C") && rest.contains("The Quarantine stays"), "{rest}");
    scene.desk.says(&scene.instance, "Ready", "False", "LimitReached").await;
}
