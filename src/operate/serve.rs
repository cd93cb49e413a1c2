//! Connections to the endpoints: one GET each, within a few seconds, so many at once and no more. Who is slow, or comes
//! in masses, keeps memory and files from nobody.

use super::endpoints::{Answer, Answering};
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{ALLOW, CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{convert::Infallible, net::TcpListener, sync::Arc, time::Duration};
use tokio::{
    net::TcpStream,
    sync::{Semaphore, oneshot},
    time::timeout,
};

/// For one listener. Who comes then waits until one of them goes.
const CONNECTIONS: usize = 64;

/// For a request's first line and headers.
const HEADERS: Duration = Duration::from_secs(2);

/// For a connection from its first to its last byte: a long answer to a slow reader.
const CONNECTION: Duration = Duration::from_secs(10);

/// The most of a request that is kept in memory; hyper takes no less.
const BUFFER: usize = 8 * 1024;

/// After an accept that failed, as for want of file handles.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves all of them until it is stopped, by word or because nobody is left who could.
pub async fn all(listening: Vec<(TcpListener, Answering)>, stopped: oneshot::Receiver<()>) {
    for (listener, answering) in listening {
        tokio::spawn(one(listener, answering));
    }
    let _ = stopped.await;
}

async fn one(listener: TcpListener, answering: Answering) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "an endpoint can't be served"),
    };
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        // It is never closed.
        let Ok(place) = places.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let answering = answering.clone();
                tokio::spawn(async move {
                    let _ = timeout(CONNECTION, answer(stream, answering)).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::debug!(%error, "a connection to an endpoint could not be taken");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn answer(stream: TcpStream, answering: Answering) {
    let service = service_fn(|request| {
        let response = respond(&request, &answering);
        async { Ok::<_, Infallible>(response) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADERS).max_buf_size(BUFFER).keep_alive(false);
    if let Err(error) = http.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "a connection to an endpoint ended badly");
    }
}

fn respond(request: &Request<Incoming>, answering: &Answering) -> Response<Full<Bytes>> {
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        let mut refused = whole(Answer::plain(405, "only GET and HEAD\n"));
        refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    whole(answering(request.uri().path()).unwrap_or_else(|| Answer::plain(404, "nothing of that name\n")))
}

fn whole(Answer { code, content_type, body }: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
