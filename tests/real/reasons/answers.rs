//! What AWS may answer to any call: that it passes by itself is said, and then it does.

use super::{is_untouched, needs_a_person, said};
use crate::{
    e2e::scene::{CLAIM, Scene},
    support::{claims::condition, wait::until},
    wire::emulator::{fail, mend},
};
use quarantine_operator::api::Quarantine;
use serde_json::json;

/// Answers each look at the instance with this error until it is said; then no more.
async fn answered(code: &str, status: u16, reason: &str, stalled: bool, advice: &str) {
    let scene = Scene::with(&[&["web"]]).await;
    let how = json!({"code": code, "status": status, "message": "As AWS says.", "times": -1});
    let fault = fail(&scene.account.id, "DescribeInstances", how);
    let before = scene.changes();
    scene.class(json!({})).await;
    scene.claim(json!({})).await;
    let mut claim = told(&scene, code, reason, advice).await;
    // A first look may come before the operator sees the class, or time out: what Contained says of that stays while AWS is
    // away. The next first look is this one.
    if condition(&claim, "Contained").is_some_and(|contained| !contained.message.contains(advice)) {
        scene.delete_and_wait().await;
        scene.claim(json!({})).await;
        claim = told(&scene, code, reason, advice).await;
    }
    said(&claim, "Ready", &["ec2:DescribeInstances", "As AWS says"]);
    assert_eq!(format!("{:?}", said(&claim, "Contained", &[advice]).status), "Unknown");
    needs_a_person(&claim, stalled);
    is_untouched(&scene, &claim, before).await;
    mend(&fault);
    super::look_now(&scene).await;
    scene.desk.contained(CLAIM).await;
}

/// Waits until it is said with this code: that of an emulator which answers too late on a busy machine isn't meant.
async fn told(scene: &Scene, code: &str, reason: &str, advice: &str) -> Quarantine {
    until(&format!("{CLAIM} says {reason}, {code}: {advice}"), async || {
        let claim = scene.desk.claims.get(CLAIM).await.expect("a read");
        let ready = condition(&claim, "Ready").filter(|ready| ready.reason == reason)?;
        [code, advice].iter().all(|words| ready.message.contains(words)).then_some(claim)
    })
    .await
}

#[tokio::test]
async fn a_throttled_look_is_told_and_tried_again_more_slowly() {
    answered("RequestLimitExceeded", 503, "Throttled", false, "tried again more slowly").await;
}

#[tokio::test]
async fn an_aws_that_is_away_is_told_and_tried_again() {
    answered("Unavailable", 503, "AwsUnavailable", false, "It is tried again").await;
}

#[tokio::test]
async fn a_code_that_nobody_knows_is_shown_as_aws_said_it_and_tried_again() {
    answered("BrandNewCode", 400, "AwsRefused", false, "It is tried again").await;
}

#[tokio::test]
async fn credentials_that_stay_expired_are_told_once_fresh_ones_are_refused_too() {
    answered("ExpiredToken", 400, "CredentialsUnavailable", true, "Fresh credentials are refused, too").await;
}

#[tokio::test]
async fn a_clock_that_is_off_is_told_and_a_person_must_set_it() {
    let advice = "Check the clock of the operator's node";
    answered("RequestExpired", 400, "CredentialsUnavailable", true, advice).await;
}
