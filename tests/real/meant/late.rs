//! The operator's stores are caches: a namespace may be going before its watch has said so.

use super::{approve, is_given_back, is_held};
use crate::{
    e2e::scene::{CLAIM, Scene},
    support::{claims::Desk, client_of, operator::OPERATOR_ACCOUNT, process::ground},
    wire::{
        account::{config, credentials},
        emulator::endpoint,
    },
};
use futures::future::{Either, Pending, pending};
use http::Request;
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client, Config,
    api::DeleteParams,
    client::ClientBuilder,
    config::{KubeConfigOptions, Kubeconfig},
};
use quarantine_operator::{
    aws::Sessions,
    operate::{Operator, Settings},
};
use serde_json::json;
use std::{
    path::Path,
    task::{Context, Poll},
    time::Duration,
};
use tokio::runtime::{Builder, Runtime};
use tower::{Layer, Service};

#[tokio::test]
async fn rule_13_a_namespace_whose_deletion_was_not_heard_of_yet_holds_the_release() {
    let stack = ground().await;
    let scene = Scene::on(Desk::open(client_of(&stack).await).await, &[&["web"], &["app"]]).await;
    let _operator = Deaf::start(&stack.kubeconfig());
    scene.class(json!({})).await;
    scene.claim(json!({})).await;
    scene.desk.contained(CLAIM).await;

    let namespaces: Api<Namespace> = Api::all(scene.desk.client.clone());
    namespaces.delete(&scene.desk.namespace, &DeleteParams::default()).await.expect("the deletion is accepted");
    // As the namespace controller does next.
    scene.desk.delete(CLAIM).await;
    is_held(&scene, "its namespace is being deleted").await;
    approve(&scene).await;
    scene.desk.gone(CLAIM).await;
    is_given_back(&scene, &[&["web"], &["app"]]).await;
}

/// An operator that knows the namespaces there are when it starts, and hears of no change.
struct Deaf(Option<Runtime>);

impl Deaf {
    fn start(kubeconfig: &Path) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime starts");
        let kubeconfig = Kubeconfig::read_from(kubeconfig).expect("the stack wrote a kubeconfig");
        let endpoint = endpoint();
        runtime.spawn(async move {
            let cluster = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
            let builder =
                ClientBuilder::try_from(cluster.expect("it can be read")).expect("a client can be made of it");
            let client: Client = builder.with_layer(&Hushed).build();
            let sessions = Sessions::new(config(&endpoint, credentials(OPERATOR_ACCOUNT)).await);
            let settings = Settings { resync: Duration::from_secs(1), concurrency: 8, ..Settings::default() };
            let operator = Operator::new(client, sessions, settings).await.expect("the API server answers");
            operator.run(std::future::pending()).await;
        });
        Self(Some(runtime))
    }
}

impl Drop for Deaf {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Leaves the watch of namespaces without an answer.
struct Hushed;

impl<S> Layer<S> for Hushed {
    type Service = Hush<S>;

    fn layer(&self, inner: S) -> Hush<S> {
        Hush(inner)
    }
}

struct Hush<S>(S);

impl<S, A> Service<Request<A>> for Hush<S>
where
    S: Service<Request<A>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Either<S::Future, Pending<Result<S::Response, S::Error>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let uri = request.uri();
        if uri.path() == "/api/v1/namespaces" && uri.query().is_some_and(|query| query.contains("watch=true")) {
            return Either::Right(pending());
        }
        Either::Left(self.0.call(request))
    }
}
