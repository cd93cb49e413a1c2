//! One operator for all tests of this process, in a thread and a runtime of its own, as it runs in a pod.

use super::{stack, stack::client};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use quarantine_operator::{
    api::{FindingSource, Quarantine},
    aws::Sessions,
    operate::{Operator, Settings},
};
use serde_json::json;
use std::{sync::OnceLock, thread, time::Duration};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

/// The account that the operator's own credentials belong to.
pub const OPERATOR_ACCOUNT: &str = "123456789012";

/// Where the namespaces of tests go that are over, once there is an operator.
static OVER: OnceLock<UnboundedSender<String>> = OnceLock::new();

/// Starts the operator, unless another test has. It looks for drift every two seconds.
pub fn operator() {
    OVER.get_or_init(|| {
        let endpoint = stack().emulator_endpoint();
        let (over, namespaces) = mpsc::unbounded_channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
            runtime.block_on(async {
                let credentials = crate::wire::account::credentials(OPERATOR_ACCOUNT);
                let sessions = Sessions::new(crate::wire::account::config(&endpoint, credentials).await);
                let settings = Settings { resync: Duration::from_secs(2), concurrency: 64, ..Settings::default() };
                let client = client().await;
                tokio::spawn(clear(client.clone(), namespaces));
                let operator = Operator::new(client, sessions, settings).await.expect("the API server answers");
                operator.run(std::future::pending()).await;
            });
        });
        over
    });
}

/// What a test leaves would be looked at for as long as the others run: the load would grow with each test.
pub fn is_over(namespace: String) {
    if let Some(over) = OVER.get() {
        // The thread goes only when the process does.
        let _ = over.send(namespace);
    }
}

/// Nobody waits for this.
async fn clear(client: Client, mut namespaces: UnboundedReceiver<String>) {
    let sources: Api<FindingSource> = Api::all(client.clone());
    while let Some(namespace) = namespaces.recv().await {
        let here = sources.list(&ListParams::default()).await.into_iter().flatten();
        for source in here.filter(|source| source.spec.template.namespace == namespace) {
            let _ = sources.delete(&source.name_any(), &DeleteParams::default()).await;
        }
        let claims: Api<Quarantine> = Api::namespaced(client.clone(), &namespace);
        let _ = claims.delete_collection(&DeleteParams::default(), &ListParams::default()).await;
        // Held releases wait for people, and some finalizers are a test's own.
        let let_go = Patch::Merge(json!({"metadata": {"finalizers": null}}));
        for claim in claims.list(&ListParams::default()).await.into_iter().flatten() {
            let _ = claims.patch(&claim.name_any(), &PatchParams::default(), &let_go).await;
        }
    }
}
