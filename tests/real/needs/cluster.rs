//! Missing: the API server, the custom resources, the right time.

use super::{Stage, said};
use crate::{
    support::{
        client_of,
        operator::OPERATOR_ACCOUNT,
        process::{BINARY, fresh_ground},
        wait::until,
    },
    wire::{
        account::{config, credentials},
        emulator::endpoint,
    },
};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams},
};
use quarantine_operator::{
    aws::Sessions,
    check::needs::{Wanted, needs},
};
use serde_json::json;
use std::process::{Command, Stdio};
use xtask::Stack;

#[tokio::test]
async fn a_custom_resource_that_is_absent_or_of_another_version_is_named_and_the_upgrade_line_puts_it_right() {
    let stack = fresh_ground().await;
    let crds: Api<CustomResourceDefinition> = Api::all(client_of(&stack).await);
    crds.delete("findingsources.quarantine-operator.dev", &DeleteParams::default()).await.expect("deleted");
    let older = json!([{"op": "replace", "value": 77,
        "path": "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/reason/maxLength"}]);
    let patch: Patch<()> = Patch::Json(serde_json::from_value(older).expect("a patch"));
    crds.patch("quarantines.quarantine-operator.dev", &PatchParams::default(), &patch).await.expect("accepted");

    // The API server publishes a schema a moment after it has taken it.
    let said_both = until("both are named", async || {
        let said = said(&stack, |_| {});
        let both = said.text.contains("It isn't there") && said.text.contains("of another version");
        both.then_some(said)
    })
    .await;
    assert_eq!(said_both.code, 1, "{}", said_both.text);
    let upgrade = "quarantine-operator crds | kubectl apply --server-side -f -";
    said_both.line(&["MISSING", "findingsources.quarantine-operator.dev", "It isn't there", upgrade]);
    said_both.line(&["MISSING", "quarantines.quarantine-operator.dev", "differ in spec.reason.maxLength", upgrade]);
    said_both.line(&["ok", "quarantineclasses.quarantine-operator.dev", "As this version"]);

    upgraded(&stack);
    let after = said(&stack, |_| {});
    assert_eq!(after.text.matches("As this version defines it").count(), 3, "at once: {}", after.text);
}

/// The line that `check` names.
pub fn upgraded(stack: &Stack) {
    let mut crds = Command::new(BINARY).arg("crds").stdout(Stdio::piped()).spawn().expect("it runs");
    let printed = crds.stdout.take().expect("it was asked for");
    // The tests' own hand had applied them.
    let output =
        stack.kubectl().args(["apply", "--server-side", "--force-conflicts", "-f", "-"]).stdin(printed).output();
    let output = output.expect("kubectl runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(crds.wait().expect("it ends").success());
}

#[tokio::test]
async fn a_clock_that_is_an_hour_off_is_named() {
    let stage = Stage::open().await;
    stage.scene.class(json!({"regions": ["eu-central-1"]})).await;
    let sessions = Sessions::new(config(&endpoint(), credentials(OPERATOR_ACCOUNT)).await);
    let client = client_of(&stage.stack).await;
    for (clock, how) in [
        ((|| Timestamp::now() + SignedDuration::from_hours(1)) as fn() -> Timestamp, "ahead of"),
        (|| Timestamp::now() - SignedDuration::from_hours(1), "behind"),
    ] {
        let said = needs(&client, &sessions, &Wanted { lease: None, clock }).await.to_string();
        assert_eq!(said.matches("MISSING").count(), 1, "{said}");
        let line = said.lines().find(|line| line.contains("MISSING")).expect("one line");
        assert!(line.contains("clock: The clock here is 3") && line.contains(how), "{line}");
    }
}

#[tokio::test]
async fn an_api_server_that_does_not_answer_ends_it_with_2_and_aws_is_asked_all_the_same() {
    let mut stack = fresh_ground().await;
    stack.stop_apiserver();
    let said = said(&stack, |_| {});
    assert_eq!(said.code, 2, "{}", said.text);
    said.line(&["NO ANSWER", "API server", "Check its address"]);
    said.line(&["ok", "identity", OPERATOR_ACCOUNT]);
}

#[tokio::test]
async fn whoever_the_api_server_does_not_know_is_told_so() {
    let stage = Stage::open().await;
    let stranger = stage.stack.kubeconfig_for("nobody", "no-such-token").expect("it is written");
    let said = stage.said_with(|command| {
        command.env("KUBECONFIG", stranger);
    });
    said.misses_only(&["API server", "Unauthorized", "who the kubeconfig or the service account is"]);
}
