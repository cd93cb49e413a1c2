//! What is said only after some minutes, by an operator whose clock runs ahead.

use super::{is_untouched, look_now, needs_a_person, said};
use crate::{
    e2e::scene::{CLAIM, Scene},
    findings::stage::{finding, finding_id},
    support::{claims::Desk, client_from, client_of, operator::OPERATOR_ACCOUNT, process::ground},
    wire::{
        account::{REGION, config, credentials},
        emulator::endpoint,
        hub::Hub,
    },
};
use jiff::{SignedDuration, Timestamp};
use quarantine_operator::{
    aws::Sessions,
    operate::{Operator, Settings},
};
use serde_json::json;
use std::{path::PathBuf, time::Duration};
use tokio::runtime::{Builder, Runtime};

fn in_six_minutes() -> Timestamp {
    Timestamp::now() + SignedDuration::from_mins(6)
}

/// An operator for which each claim is six minutes old when it is made.
struct Ahead(Option<Runtime>);

impl Ahead {
    fn start(kubeconfig: PathBuf) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime starts");
        let endpoint = endpoint();
        runtime.spawn(async move {
            let sessions = Sessions::new(config(&endpoint, credentials(OPERATOR_ACCOUNT)).await);
            let settings = Settings {
                resync: Duration::from_secs(1),
                concurrency: 8,
                clock: in_six_minutes,
                ..Settings::default()
            };
            let client = client_from(&kubeconfig).await;
            let operator = Operator::new(client, sessions, settings).await.expect("the API server answers");
            operator.run(std::future::pending()).await;
        });
        Self(Some(runtime))
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

#[tokio::test]
async fn a_finding_that_security_hub_does_not_show_for_minutes_is_called_missing_and_still_looked_for() {
    let stack = ground().await;
    let scene = Scene::on(Desk::open(client_of(&stack).await).await, &[&["web"]]).await;
    let hub = Hub::of(&scene.account.id).await;
    scene.class(json!({})).await;
    let _operator = Ahead::start(stack.kubeconfig());
    let (before, id) = (scene.changes(), finding_id(&scene, "late"));
    scene.desk.claim(CLAIM, json!({"target": {"finding": {"id": id, "region": REGION}}})).await;
    let claim = scene.desk.says(CLAIM, "Ready", "False", "FindingNotFound").await;
    said(&claim, "Ready", &[&id, "check target.finding", "securityHub", "target.instance"]);
    needs_a_person(&claim, false);
    is_untouched(&scene, &claim, before).await;
    hub.import([finding(&hub, &scene, "late")]);
    look_now(&scene).await;
    scene.desk.contained(CLAIM).await;
    scene.delete_and_wait().await;
}
