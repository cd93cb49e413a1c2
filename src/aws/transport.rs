//! The connections of changing calls. Once a call was given up, nothing of it may arrive any more.
//!
//! A connection that is merely closed doesn't give that: the kernel goes on sending what the network has lost, for minutes
//! (tcp(7), tcp_orphan_retries and tcp_retries2). So these connections are reset whenever they end, which throws away what
//! was not acknowledged, also when the process is killed. And the kernel itself gives up what nobody acknowledges in time,
//! also while the process stands still. What lies in the network already, or in a proxy, is beyond that.
//!
//! Certificates and proxies are as in the SDK's own client, which has no way to set a socket's options: the system's roots
//! or SSL_CERT_FILE, and HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY. HTTP/1.1 alone, for there the end of a call is the
//! end of its connection.

use super::settings;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use futures::{FutureExt as _, TryFutureExt as _};
use hyper::Uri;
use hyper::header::PROXY_AUTHORIZATION;
use hyper::http::uri::Scheme;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector as TcpConnector};
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::{ClientConfig, RootCertStore};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower::util::BoxCloneSyncService;
use tower::{ServiceExt as _, service_fn};

/// What makes connections of one kind.
type Connecting<S> = BoxCloneSyncService<Uri, S, BoxError>;

type Tcp = TokioIo<TcpStream>;

/// An HTTP client for changing calls. Certificates are read at the first call.
pub fn of_changes() -> SharedHttpClient {
    let connector = OnceLock::new();
    http_client_fn(move |_, _| {
        connector.get_or_init(|| SharedHttpConnector::new(Transport::new(Matcher::from_env()))).clone()
    })
}

/// Sends requests over connections that are reset when they end.
#[derive(Debug)]
struct Transport {
    client: Client<Connecting<HttpsStream>, SdkBody>,
    proxies: Arc<Matcher>,
}

type HttpsStream = MaybeHttpsStream<Stretch>;

impl Transport {
    fn new(proxies: Matcher) -> Self {
        let (proxies, trust) = (Arc::new(proxies), trust());
        let https = https(by_way_of(proxies.clone(), trust.clone()), trust);
        let connecting = service_fn(move |to| {
            let connecting = timeout(settings::CONNECT, https.clone().oneshot(to).boxed());
            async move { connecting.await.unwrap_or_else(|late| Err(late.into())) }
        });
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .build(BoxCloneSyncService::new(connecting));
        Self { client, proxies }
    }
}

impl HttpConnector for Transport {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into()))),
        };
        // In a tunnel the proxy has been told already, and what is sent is for AWS alone.
        if request.uri().scheme() == Some(&Scheme::HTTP)
            && let Some(proxy) = self.proxies.intercept(request.uri())
            && let Some(authorization) = proxy.basic_auth()
        {
            request.headers_mut().entry(PROXY_AUTHORIZATION).or_insert_with(|| authorization.clone());
        }
        let answer = self.client.request(request);
        HttpConnectorFuture::new(async move {
            let answer = answer.await.map_err(|error| ConnectorError::io(error.into()))?;
            HttpResponse::try_from(answer.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// As the SDK's own client does, it trusts nobody where no certificate can be read: each call says so then.
fn trust() -> ClientConfig {
    let trust = ClientConfig::builder().with_native_roots();
    trust
        .unwrap_or_else(|error| {
            tracing::warn!(%error, "no certificates of authorities can be read");
            ClientConfig::builder().with_root_certificates(RootCertStore::empty())
        })
        .with_no_client_auth()
}

/// Connections that are reset when they end.
fn tcp() -> Connecting<Tcp> {
    let mut connector = TcpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    #[cfg(target_os = "linux")]
    connector.set_tcp_user_timeout(Some(settings::UNACKNOWLEDGED));
    BoxCloneSyncService::new(service_fn(move |to| {
        let connecting = connector.clone().oneshot(to);
        async move {
            let stream = connecting.await?;
            stream.inner().set_zero_linger()?;
            Ok(stream)
        }
    }))
}

/// With TLS where the address says https.
fn https<S>(below: Connecting<S>, trust: ClientConfig) -> HttpsConnector<Connecting<S>> {
    HttpsConnectorBuilder::new().with_tls_config(trust).https_or_http().enable_http1().wrap_connector(below)
}

/// Straight there, or through the proxy that the environment names: by a tunnel, or for http by asking the proxy.
fn by_way_of(proxies: Arc<Matcher>, trust: ClientConfig) -> Connecting<Stretch> {
    let tcp = tcp();
    let to_proxy = https(tcp.clone(), trust);
    BoxCloneSyncService::new(service_fn(move |to: Uri| {
        let Some(proxy) = proxies.intercept(&to) else {
            let straight = tcp.clone().oneshot(to);
            return straight.map_ok(|tcp| Stretch::new(MaybeHttpsStream::Http(tcp), false)).boxed();
        };
        if to.scheme() != Some(&Scheme::HTTPS) {
            let asking = to_proxy.clone().oneshot(proxy.uri().clone());
            return asking.map_ok(|stream| Stretch::new(stream, true)).boxed();
        }
        let tunnel = Tunnel::new(proxy.uri().clone(), to_proxy.clone());
        let tunnel = match proxy.basic_auth() {
            Some(authorization) => tunnel.with_auth(authorization.clone()),
            None => tunnel,
        };
        tunnel.oneshot(to).map_ok(|stream| Stretch::new(stream, false)).map_err(BoxError::from).boxed()
    }))
}

/// A connection to AWS, or to the proxy on the way there.
struct Stretch {
    stream: MaybeHttpsStream<Tcp>,
    /// Whether requests name the whole address, because a proxy reads them.
    asks_proxy: bool,
}

impl Stretch {
    fn new(stream: MaybeHttpsStream<Tcp>, asks_proxy: bool) -> Self {
        Self { stream, asks_proxy }
    }
}

impl Connection for Stretch {
    fn connected(&self) -> Connected {
        self.stream.connected().proxy(self.asks_proxy)
    }
}

impl Read for Stretch {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl Write for Stretch {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, from)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        from: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::TcpListener;
    use std::thread;

    /// What a proxy hears first of a call to `to`: the lines up to the first empty one.
    async fn heard(to: &str) -> Vec<String> {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let proxy = format!("http://who:secret@{}", listener.local_addr().expect("an address"));
        let hearing = thread::spawn(move || {
            let (stream, _) = listener.accept().expect("a connection");
            let lines = BufReader::new(&stream).lines().map(|line| line.expect("text"));
            let lines: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            (&stream).write_all(b"HTTP/1.1 418 No\r\nContent-Length: 0\r\n\r\n").expect("it is taken");
            lines
        });
        let transport = Transport::new(Matcher::builder().all(proxy).no("127.0.0.1").build());
        // What becomes of the call is the proxy's business.
        let _ = transport.call(HttpRequest::get(to).expect("a request")).await;
        hearing.join().expect("no panic").iter().map(|line| line.to_ascii_lowercase()).collect()
    }

    #[tokio::test]
    async fn a_proxy_is_asked_for_a_tunnel_to_https_and_for_the_whole_address_of_http_and_told_who_asks() {
        const WHO: &str = "proxy-authorization: basic d2hvOnNlY3JldA==";
        let told = |lines: &[String]| lines.iter().any(|line| *line == WHO.to_ascii_lowercase());
        let tunnel = heard("https://ec2.eu-central-1.amazonaws.com/").await;
        assert!(tunnel[0].starts_with("connect ec2.eu-central-1.amazonaws.com:443 ") && told(&tunnel), "{tunnel:?}");
        let whole = heard("http://ec2.eu-central-1.amazonaws.com/").await;
        assert!(whole[0].starts_with("get http://ec2.eu-central-1.amazonaws.com/ ") && told(&whole), "{whole:?}");
    }

    #[tokio::test]
    async fn whom_no_proxy_names_is_asked_straight() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let to = format!("http://{}/", listener.local_addr().expect("an address"));
        let answering = thread::spawn(move || {
            let (stream, _) = listener.accept().expect("a connection");
            let first = BufReader::new(&stream).lines().next().expect("a line").expect("text");
            (&stream).write_all(b"HTTP/1.1 204 Done\r\n\r\n").expect("it is taken");
            first
        });
        let transport = Transport::new(Matcher::builder().all("http://192.0.2.1:9").no("127.0.0.1").build());
        let answer = transport.call(HttpRequest::get(to).expect("a request")).await.expect("an answer");
        assert_eq!(answer.status().as_u16(), 204);
        assert_eq!(answering.join().expect("no panic"), "GET / HTTP/1.1");
    }
}
