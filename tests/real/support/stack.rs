//! The stack that all tests of this process share, with the CRDs applied.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, Client, Config,
    api::{Patch, PatchParams},
    config::{KubeConfigOptions, Kubeconfig},
    runtime::{conditions, wait::await_condition},
};
use quarantine_operator::api::crds;
use std::{
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::sync::OnceCell;
use xtask::Stack;

/// A stack that answers.
pub struct RunningStack(&'static Stack);

/// The shared stack, without which no test here means anything.
pub fn stack() -> RunningStack {
    RunningStack(Stack::shared().unwrap_or_else(|error| panic!("{error:#}")))
}

impl RunningStack {
    pub fn emulator_endpoint(&self) -> String {
        self.0.aws_endpoint().expect("the shared stack has an emulator")
    }

    pub fn kubectl(&self) -> std::process::Command {
        self.0.kubectl()
    }

    pub fn kubeconfig(&self) -> PathBuf {
        self.0.kubeconfig()
    }

    pub fn kubeconfig_for(&self, user: &str, token: &str) -> PathBuf {
        self.0.kubeconfig_for(user, token).expect("a kubeconfig is written")
    }

    pub fn run_dir(&self) -> &Path {
        self.0.run_dir()
    }
}

/// A client of the shared stack's API server, as its administrator, with the CRDs in place.
pub async fn client() -> Client {
    static READY: OnceCell<()> = OnceCell::const_new();
    let client = client_of(stack().0).await;
    READY.get_or_init(async || apply_crds(&client).await).await;
    client
}

/// A client of any stack's API server, as its administrator.
pub async fn client_of(stack: &Stack) -> Client {
    client_from(&stack.kubeconfig()).await
}

pub async fn client_from(kubeconfig: &Path) -> Client {
    let kubeconfig = Kubeconfig::read_from(kubeconfig).expect("the stack wrote a kubeconfig");
    let config =
        Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.expect("it can be read");
    Client::try_from(config).expect("a client can be made of it")
}

/// Applies the CRDs and waits until the API server serves them.
pub async fn apply_crds(client: &Client) {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    for crd in crds() {
        let name = crd.metadata.name.clone().expect("a CRD has a name");
        api.patch(&name, &PatchParams::apply("tests").force(), &Patch::Apply(&crd)).await.expect("the CRD is accepted");
        let established = await_condition(api.clone(), &name, conditions::is_crd_established());
        tokio::time::timeout(Duration::from_secs(30), established)
            .await
            .expect("in time")
            .expect("the CRD is established");
    }
}
