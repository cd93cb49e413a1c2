//! Takes OTLP over HTTP on a port of its own, and keeps each span as OpenTelemetry's own types read it.

use http_body_util::{BodyExt as _, Full};
use hyper::{
    Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::CONTENT_TYPE,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
    trace::v1::Span,
};
use prost::Message as _;
use std::{
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard},
};
use tokio::net::TcpListener;

#[derive(Default)]
struct Taken {
    bodies: Vec<Bytes>,
    services: Vec<String>,
    spans: Vec<Span>,
}

pub struct Collector {
    pub endpoint: String,
    taken: Arc<Mutex<Taken>>,
}

impl Collector {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let endpoint = format!("http://{}", listener.local_addr().expect("it has an address"));
        let taken = Arc::<Mutex<Taken>>::default();
        let taking = taken.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("it listens");
                let taken = taking.clone();
                let service = service_fn(move |request| take(taken.clone(), request));
                // Who hangs up in the middle has its own error.
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { endpoint, taken }
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().expect("nobody panicked")
    }

    pub fn spans(&self) -> Vec<Span> {
        self.taken().spans.clone()
    }

    /// The names of the services whose spans came.
    pub fn services(&self) -> Vec<String> {
        self.taken().services.clone()
    }

    /// Whether these bytes came, in whatever field.
    pub fn has_seen(&self, words: &str) -> bool {
        let words = words.as_bytes();
        self.taken().bodies.iter().any(|body| body.windows(words.len()).any(|window| window == words))
    }
}

async fn take(taken: Arc<Mutex<Taken>>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let as_specified = request.method() == "POST"
        && request.uri().path() == "/v1/traces"
        && request.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "application/x-protobuf");
    let Ok(body) = request.into_body().collect().await.map(|body| body.to_bytes()) else {
        return Ok(answer(StatusCode::BAD_REQUEST));
    };
    let Some(export) = ExportTraceServiceRequest::decode(body.clone()).ok().filter(|_| as_specified) else {
        return Ok(answer(StatusCode::BAD_REQUEST));
    };
    let mut taken = taken.lock().expect("nobody panicked");
    taken.bodies.push(body);
    for resource in export.resource_spans {
        taken.services.extend(resource.resource.as_ref().and_then(|of| attribute(&of.attributes, "service.name")));
        taken.spans.extend(resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
    }
    Ok(answer(StatusCode::OK))
}

/// An empty answer is an ExportTraceServiceResponse of which nothing was refused.
fn answer(code: StatusCode) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = code;
    answer
}

/// What an attribute says, if it is text.
pub fn attribute(of: &[KeyValue], key: &str) -> Option<String> {
    let value = of.iter().find(|attribute| attribute.key == key)?.value.as_ref()?.value.as_ref()?;
    match value {
        Value::StringValue(text) => Some(text.clone()),
        _ => None,
    }
}
