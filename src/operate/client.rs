//! The client of the API server. What the API server doesn't take now is an error at once: who asks has pauses of its own.

use crate::quarantine::Error;
use kube::{Client, Config};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// For how long a start waits for an API server that answers and can't serve.
const START: Duration = Duration::from_secs(60);
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// kube's own retries are off: after 429, 503 and 504 it would wait for up to 80 seconds inside of one call, and sends a
/// write again after a 504, which may have been made: the second one is then a conflict with the first.
pub fn client(mut config: Config) -> kube::Result<Client> {
    config.default_retry = false;
    Client::try_from(config)
}

/// Asks until the API server serves it or says no, a minute at most.
pub async fn patiently<T, F>(ask: impl Fn() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    let (began, mut pause) = (Instant::now(), FIRST_PAUSE);
    loop {
        match ask().await {
            Err(Error::Kubernetes(kube::Error::Api(status)))
                if (status.code == 429 || status.code >= 500) && began.elapsed() < START =>
            {
                tracing::warn!(status.code, status.message, "the API server can't serve now; it is asked again");
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            outcome => return outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quarantine::in_time;
    use k8s_openapi::api::core::v1::Namespace;
    use kube::{
        Api,
        api::{ObjectMeta, PostParams},
    };
    use std::{
        io::{BufRead as _, BufReader, Read as _, Write as _},
        net::TcpListener,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        thread,
    };

    /// An API server that gives the first requests this answer, and the others a namespace; and how many it was asked.
    fn serve(first: &'static [u16]) -> (Client, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.expect("a connection");
                let (mut length, mut lines) = (0, BufReader::new(&stream));
                let mut line = String::new();
                while lines.read_line(&mut line).expect("a request") > 2 {
                    let header = line.to_ascii_lowercase();
                    length =
                        header.strip_prefix("content-length:").map_or(length, |all| all.trim().parse().expect("one"));
                    line.clear();
                }
                lines.read_exact(&mut vec![0; length]).expect("the body");
                let status = first.get(count.fetch_add(1, Ordering::SeqCst)).copied().unwrap_or(200);
                let body = match status {
                    200 => r#"{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"ir"}}"#.to_owned(),
                    code => format!(r#"{{"kind":"Status","status":"Failure","message":"not now","code":{code}}}"#),
                };
                let length = body.len();
                let head = "Retry-After: 0\r\nConnection: close\r\nContent-Type: application/json";
                write!(&stream, "HTTP/1.1 {status} any\r\n{head}\r\nContent-Length: {length}\r\n\r\n{body}")
                    .expect("taken");
            }
        });
        let config = Config::new(format!("http://{address}").parse().expect("a URL"));
        (client(config).expect("a client"), asked)
    }

    #[tokio::test]
    async fn a_write_that_the_api_server_doesnt_take_now_is_sent_once() {
        for code in [429, 503, 504] {
            let answers: &'static [u16] = Box::leak(Box::new([code; 8]));
            let (client, asked) = serve(answers);
            let namespaces: Api<Namespace> = Api::all(client);
            let metadata = ObjectMeta { name: Some("ir".to_owned()), ..ObjectMeta::default() };
            let made = namespaces.create(&PostParams::default(), &Namespace { metadata, ..Namespace::default() }).await;
            assert!(matches!(made, Err(kube::Error::Api(status)) if status.code == code), "{code}");
            assert_eq!(asked.load(Ordering::SeqCst), 1, "{code}");
        }
    }

    #[tokio::test]
    async fn a_start_waits_for_an_api_server_that_cant_serve_and_not_for_one_that_says_no() {
        let (busy, asked) = serve(&[503, 429]);
        let namespaces: Api<Namespace> = Api::all(busy);
        patiently(|| in_time(namespaces.get("ir"))).await.expect("it is served at last");
        assert_eq!(asked.load(Ordering::SeqCst), 3);
        let (refusing, asked) = serve(&[403]);
        let namespaces: Api<Namespace> = Api::all(refusing);
        patiently(|| in_time(namespaces.get("ir"))).await.expect_err("it isn't allowed");
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }
}
