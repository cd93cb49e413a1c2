//! A stack of this test's own, since an operator watches every namespace of its API server, and the lives of operators
//! on it, one after the other.

use super::scissors::{Cut, Scissors, aws, kubernetes};
use super::world::World;
use crate::support::{apply_crds, claims::Desk, client_of, own_stack::OwnStack};
use crate::wire::account::{config, credentials};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use kube::{
    Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use quarantine_operator::{
    aws::Sessions,
    operate::{Operator, Settings},
};
use serde_json::Value;
use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::Arc,
    time::Duration,
};
use tokio::runtime::{Builder, Runtime};

/// Nothing here waits for a resync: a job that only the next look finished would count as lost.
const RESYNC: Duration = Duration::from_secs(300);

/// An API server and an emulated EC2, with the CRDs and a namespace.
pub struct Stage {
    pub endpoint: String,
    pub desk: Desk,
    /// For the tests' own calls to AWS.
    pub http: SharedHttpClient,
    kubernetes: Config,
    /// Stops when it is dropped.
    _stack: OwnStack,
}

impl Stage {
    /// One for each of two series that run side by side.
    pub async fn two() -> (Self, Self) {
        let (one, two) = OwnStack::two_with_emulators().await;
        (Self::on(one).await, Self::on(two).await)
    }

    async fn on(stack: OwnStack) -> Self {
        let kubeconfig = Kubeconfig::read_from(stack.kubeconfig()).expect("the stack wrote a kubeconfig");
        let kubernetes = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
        let kubernetes = kubernetes.expect("it can be read");
        let endpoint = stack.aws_endpoint().expect("the stack has an emulator");
        let client = client_of(&stack).await;
        apply_crds(&client).await;
        Self { endpoint, desk: Desk::open(client).await, http: aws::plain(), kubernetes, _stack: stack }
    }

    /// The number of the emulator's next call.
    pub async fn next_call(&self) -> u64 {
        self.calls(u64::MAX >> 1).await["next"].as_u64().expect("the log tells the next number")
    }

    /// The interfaces whose groups were changed in this account from that call on, one mention per change, as the
    /// emulator saw it.
    pub async fn swapped(&self, account: &str, since: u64) -> Vec<String> {
        let log = self.calls(since).await;
        let calls = log["calls"].as_array().expect("a list of calls").iter();
        calls
            .filter(|call| call["account"] == account && call["action"] == "ModifyNetworkInterfaceAttribute")
            .map(|call| call["params"]["NetworkInterfaceId"].as_str().unwrap_or("?").to_owned())
            .collect()
    }

    async fn calls(&self, since: u64) -> Value {
        let endpoint = self.endpoint.clone();
        tokio::task::spawn_blocking(move || read_calls(&endpoint, since)).await.expect("the log is read")
    }
}

fn read_calls(endpoint: &str, since: u64) -> Value {
    let address = endpoint.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).expect("the emulator listens");
    let path = format!("/_emulator/calls?since={since}");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    let (_, body) = answer.split_once("\r\n\r\n").expect("an HTTP answer has a head");
    serde_json::from_str(body).expect("the log of calls is JSON")
}

/// One operator, from its start to its end, in a runtime of its own as in a process of its own.
pub struct Life {
    runtime: Option<Runtime>,
    pub scissors: Arc<Scissors>,
}

impl Life {
    /// Starts an operator that dies at the cut, or lives on.
    pub fn begin(stage: &Stage, world: &World<'_>, cut: Option<Cut>) -> Self {
        let scissors = Scissors::new(cut);
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime starts");
        let (cluster, endpoint) = (stage.kubernetes.clone(), stage.endpoint.clone());
        let credentials = credentials(&world.account.id);
        let (to_kubernetes, to_aws) = (scissors.clone(), aws::client(scissors.clone(), world.witness.clone()));
        runtime.spawn(async move {
            let client = kubernetes::client(cluster, to_kubernetes);
            let config = config(&endpoint, credentials).await.into_builder().http_client(to_aws).build();
            let settings = Settings { resync: RESYNC, concurrency: 8, ..Settings::default() };
            let operator =
                Operator::new(client, Sessions::new(config), settings).await.expect("the API server answers");
            operator.run(std::future::pending()).await;
        });
        Self { runtime: Some(runtime), scissors }
    }

    /// Ends it, if the cut hasn't: at once, with whatever it was doing.
    pub async fn end(self) {
        self.scissors.close();
        self.scissors.dead().await;
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.scissors.close();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
