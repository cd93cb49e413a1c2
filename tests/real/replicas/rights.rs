//! The rights of deploy/base are enough for a replica to lead.

use super::stage::{LEASE, Stage, names};
use crate::support::wait::until;
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use std::process::Command;
use xtask::workspace;

const NAMESPACE: &str = "quarantine-system";
const ACCOUNT: &str = "quarantine-operator";

fn output(mut command: Command) -> String {
    let output = command.output().expect("kubectl runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

#[tokio::test]
async fn with_the_rights_of_deploy_base_and_no_others_a_replica_leads_works_and_gives_the_lease_back() {
    let stage = Stage::with(1).await;
    let mut apply = stage.stack.kubectl();
    apply.args(["apply", "-k"]).arg(workspace::root().join("deploy/base"));
    output(apply);
    let mut token = stage.stack.kubectl();
    token.args(["-n", NAMESPACE, "create", "token", ACCOUNT]);
    let user = format!("system:serviceaccount:{NAMESPACE}:{ACCOUNT}");
    let kubeconfig = stage.stack.kubeconfig_for(&user, output(token).trim()).expect("it is written");

    let kubeconfig = kubeconfig.to_string_lossy();
    let mut one = stage.replica_with("one", &[("KUBECONFIG", &kubeconfig), ("POD_NAMESPACE", NAMESPACE)]);
    let claims = names(1, "web");
    stage.cut_off(&claims).await;
    stage.contained(&claims).await;
    stage.delete(&claims).await;
    stage.released(&claims).await;
    one.terminate();
    assert!(one.ended().await.success());
    let leases: Api<Lease> = Api::namespaced(stage.desk.client.clone(), NAMESPACE);
    until("the lease is nobody's", async || {
        let lease = leases.get(LEASE).await.expect("the lease is there").spec?;
        (lease.holder_identity.as_deref() == Some("")).then_some(())
    })
    .await;
}
