//! The scissors in the Kubernetes client: a layer around its HTTP stack. Watches are calls too, and what they stream
//! ends with the operator's life.

use super::{Scissors, Way};
use futures::future::{BoxFuture, pending};
use http::{Request, Response};
use http_body::{Body, Frame};
use kube::{Client, Config, client::ClientBuilder};
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tower::{Layer, Service};

/// A client whose calls go through the scissors.
pub fn client(config: Config, scissors: Arc<Scissors>) -> Client {
    ClientBuilder::try_from(config).expect("the configuration makes a client").with_layer(&Through(scissors)).build()
}

struct Through(Arc<Scissors>);

impl<S> Layer<S> for Through {
    type Service = Cutting<S>;

    fn layer(&self, inner: S) -> Cutting<S> {
        Cutting { inner, scissors: self.0.clone() }
    }
}

struct Cutting<S> {
    inner: S,
    scissors: Arc<Scissors>,
}

impl<S, A, B> Service<Request<A>> for Cutting<S>
where
    S: Service<Request<A>, Response = Response<B>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
    B: Send + 'static,
{
    type Response = Response<Streamed<B>>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let Way::Out(sent) = self.scissors.leave(name(&request)) else { return Box::pin(pending()) };
        let (answer, scissors) = (self.inner.call(request), self.scissors.clone());
        Box::pin(async move {
            let answer = answer.await;
            if !sent.heard() {
                return pending().await;
            }
            Ok(answer?.map(|inner| Streamed { inner, scissors }))
        })
    }
}

/// What is asked, without what differs from run to run.
fn name<A>(request: &Request<A>) -> String {
    let (uri, method) = (request.uri(), request.method().as_str());
    let watches = uri.query().is_some_and(|query| query.contains("watch=true"));
    let path = uri.path();
    // An event's own name holds the time.
    let path = path.find("/events/").map_or(path, |end| &path[..end + "/events".len()]);
    format!("{} {path}", if watches { "WATCH" } else { method })
}

/// An answer's body, which says nothing more once the operator is dead.
struct Streamed<B> {
    inner: B,
    scissors: Arc<Scissors>,
}

impl<B: Body + Unpin> Body for Streamed<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        if self.scissors.closed() {
            return Poll::Pending;
        }
        Pin::new(&mut self.inner).poll_frame(context)
    }
}
