//! What the process tells of itself while it runs: a log on standard error and, where a collector is named, traces by
//! OTLP over HTTP. What is a span is said where the work is done; nothing here knows of any.
//!
//! Metrics are another matter: `crate::metrics`, read by whoever scrapes them.

use crate::model::text;
use anyhow::Context as _;
use futures::future::BoxFuture;
use hyper::{
    Request, Response,
    body::Bytes,
    http::{Uri, uri::Scheme},
};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use opentelemetry::{Key, KeyValue, trace::TracerProvider as _};
use opentelemetry_http::{HttpClient, HttpError, hyper::HyperClient};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use std::{
    io::{self, Write, stderr},
    str::FromStr,
    time::Duration,
};
use tokio::runtime::Handle;
use tracing_subscriber::{
    EnvFilter, Layer as _, Registry, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

/// The form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

/// Where a collector takes OTLP over HTTP, without the path of a signal: `http://collector:4318`.
#[derive(Clone, Debug)]
pub struct Collector(Uri);

impl FromStr for Collector {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let uri: Uri = text.parse().map_err(|_| NO_COLLECTOR)?;
        let known = [&Scheme::HTTP, &Scheme::HTTPS].into_iter().any(|scheme| uri.scheme() == Some(scheme));
        if known && uri.query().is_none() { Ok(Self(uri)) } else { Err(NO_COLLECTOR) }
    }
}

const NO_COLLECTOR: &str =
    "a URL of http or https that takes OTLP over HTTP, such as http://collector:4318; /v1/traces is added";

/// How long what was not sent yet may take at the end. With the ten seconds of a reconcile under way it stays within a
/// pod's grace period.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How long a collector may take for one batch. What it misses is dropped, and the log says so.
const BATCH: Duration = Duration::from_secs(10);

/// Traces that are being sent, or none.
#[derive(Debug, Default)]
pub struct Traces(Option<SdkTracerProvider>);

impl Traces {
    /// Sends what is left. Blocks for two seconds at most.
    pub fn end(self) {
        if let Some(provider) = self.0
            && let Err(error) = provider.shutdown_with_timeout(LAST_WORDS)
        {
            tracing::warn!(%error, "the last spans were not sent");
        }
    }
}

/// From here on, what is logged is written and what is traced is sent. Once per process.
///
/// The SDK's own variables hold for all that isn't given here: OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES,
/// OTEL_TRACES_SAMPLER, OTEL_BSP_…, OTEL_EXPORTER_OTLP_HEADERS.
///
/// Errors: roots of trust that can't be read, variables that the SDK refuses.
pub fn start(
    log: EnvFilter,
    format: LogFormat,
    collector: Option<(Collector, EnvFilter)>,
    runtime: &Handle,
) -> anyhow::Result<Traces> {
    let text = fmt::layer().with_ansi(false).with_writer(|| Clean);
    let log = match format {
        LogFormat::Text => text.with_filter(log).boxed(),
        LogFormat::Json => text.json().with_filter(log).boxed(),
    };
    let Some((collector, filter)) = collector else {
        Registry::default().with(log).init();
        return Ok(Traces::default());
    };
    let provider = provider(&collector, runtime).context("traces can't be sent")?;
    let spans = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer(env!("CARGO_PKG_NAME")))
        .with_location(false)
        .with_threads(false)
        .with_filter(filter);
    Registry::default().with(log).with(spans).init();
    Ok(Traces(Some(provider)))
}

/// Standard error, and nothing on it that moves or hides what stands there: what others wrote is logged as well.
struct Clean;

impl Write for Clean {
    fn write(&mut self, written: &[u8]) -> io::Result<usize> {
        stderr().lock().write_all(text::lines(&String::from_utf8_lossy(written)).as_bytes())?;
        Ok(written.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        stderr().flush()
    }
}

fn provider(collector: &Collector, runtime: &Handle) -> anyhow::Result<SdkTracerProvider> {
    let connector = HttpsConnectorBuilder::new().with_native_roots()?.https_or_http().enable_http1().build();
    let client = OnRuntime { client: HyperClient::new(connector, BATCH, None), runtime: runtime.clone() };
    let endpoint = format!("{}/v1/traces", collector.0.to_string().trim_end_matches('/'));
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(client)
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(endpoint)
        .build()?;
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource()).build())
}

/// Who speaks: what the environment says, and else this program.
fn resource() -> Resource {
    const SERVICE_NAME: Key = Key::from_static_str("service.name");
    let detected = Resource::builder().build();
    let named = detected.get(&SERVICE_NAME).is_some_and(|name| !name.as_str().starts_with("unknown_service"));
    let name = (!named).then(|| KeyValue::new(SERVICE_NAME, env!("CARGO_PKG_NAME")));
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    Resource::builder().with_attributes(name.into_iter().chain([version])).build()
}

/// The SDK sends its batches from a thread of its own, where hyper would find no runtime.
#[derive(Debug)]
struct OnRuntime {
    client: HyperClient<HttpsConnector<HttpConnector>>,
    runtime: Handle,
}

impl HttpClient for OnRuntime {
    fn send_bytes<'this, 'call>(
        &'this self,
        request: Request<Bytes>,
    ) -> BoxFuture<'call, Result<Response<Bytes>, HttpError>>
    where
        'this: 'call,
        Self: 'call,
    {
        let client = self.client.clone();
        let sent = self.runtime.spawn(async move { client.send_bytes(request).await });
        Box::pin(async move { sent.await? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_is_a_url_of_http_or_https() {
        for good in ["http://collector:4318", "https://otel.example.org/tenant", "http://[::1]:4318/"] {
            assert!(good.parse::<Collector>().is_ok(), "{good}");
        }
        for bad in ["", "collector:4318", "grpc://collector:4317", "/v1/traces", "http://collector?key=1"] {
            assert_eq!(bad.parse::<Collector>().map(drop), Err(NO_COLLECTOR), "{bad}");
        }
    }
}
