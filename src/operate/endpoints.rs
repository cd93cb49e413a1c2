//! /metrics, /livez and /readyz over HTTP: what is answered, by which address. The connections are `serve`'s.
//!
//! They have a thread and a runtime of their own, so that they answer, and say why, when the operator's own is stuck.

use super::{controller::Operator, objects, serve};
use crate::{
    metrics::{self, Metrics},
    quarantine::Context,
};
use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use tokio::sync::{oneshot, watch};

const BEAT: Duration = Duration::from_secs(1);

/// The operator is stuck if it hasn't come round for so long.
const STUCK: Duration = Duration::from_secs(30);

/// What is asked by GET, and answered in plain text.
pub struct Answer {
    pub code: u16,
    pub content_type: &'static str,
    pub body: String,
}

impl Answer {
    pub fn plain(code: u16, body: impl Into<String>) -> Self {
        Self { code, content_type: "text/plain; charset=utf-8", body: body.into() }
    }
}

/// Answers a path; none: there is nothing of that name.
pub type Answering = Arc<dyn Fn(&str) -> Option<Answer> + Send + Sync>;

/// The endpoints of this process. They end when this is dropped.
pub struct Endpoints {
    health: Arc<Health>,
    _stop: oneshot::Sender<()>,
}

impl Endpoints {
    /// Listens at these addresses, where there are any, and answers from now on. A port of 0 is chosen by the kernel; the
    /// log tells which.
    ///
    /// Errors: an address can't be listened at; it is named.
    ///
    /// Must be called in the operator's runtime: whether that goes on is what /livez tells.
    pub fn start(metrics: Metrics, of_metrics: Option<SocketAddr>, of_probes: Option<SocketAddr>) -> io::Result<Self> {
        let health = Arc::new(Health::new(metrics));
        let mut listening = Vec::new();
        let scrape: fn(&Health, &str) -> Option<Answer> = Health::scrape;
        for (what, address, answer) in [("metrics", of_metrics, scrape), ("probes", of_probes, Health::probe)] {
            let Some(address) = address else { continue };
            let listener = listen(address).map_err(|error| {
                io::Error::new(
                    error.kind(),
                    format!("the address of the {what}, {address}, can't be listened at: {error}"),
                )
            })?;
            tracing::info!(what, address = %listener.local_addr()?, "listening");
            let asked = health.clone();
            let answering: Answering = Arc::new(move |path| answer(&asked, path));
            listening.push((listener, answering));
        }
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        thread::Builder::new()
            .name("endpoints".to_owned())
            .spawn(move || runtime.block_on(serve::all(listening, stopped)))?;
        tokio::spawn(beat(Arc::downgrade(&health)));
        Ok(Self { health, _stop: stop })
    }

    /// From now on it is this operator whose health is told; `leads` says whether it does, where there are several.
    pub fn show(&self, operator: &Operator, leads: Option<watch::Receiver<bool>>) {
        // A second one doesn't take the first one's place.
        let _ = self.health.shown.set(Shown { context: operator.context(), leads });
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

async fn beat(health: std::sync::Weak<Health>) {
    while let Some(health) = health.upgrade() {
        health.beats();
        drop(health);
        tokio::time::sleep(BEAT).await;
    }
}

struct Shown {
    context: Arc<Context>,
    leads: Option<watch::Receiver<bool>>,
}

impl Shown {
    fn leads(&self) -> bool {
        self.leads.as_ref().is_none_or(|leads| *leads.borrow())
    }
}

struct Health {
    metrics: Metrics,
    shown: OnceLock<Shown>,
    began: Instant,
    /// Milliseconds since it began.
    last_beat: AtomicU64,
}

impl Health {
    fn new(metrics: Metrics) -> Self {
        Self { metrics, shown: OnceLock::new(), began: Instant::now(), last_beat: AtomicU64::new(0) }
    }

    fn beats(&self) {
        self.last_beat.store(self.began.elapsed().as_millis() as u64, Ordering::Relaxed);
    }

    fn scrape(&self, path: &str) -> Option<Answer> {
        if path != "/metrics" {
            return None;
        }
        let objects = self.shown.get().map(|shown| {
            self.metrics.leads(shown.leads());
            objects::shown(&shown.context.stores, &self.metrics, shown.context.now())
        });
        let body = self.metrics.text(objects.unwrap_or_default());
        Some(Answer { code: 200, content_type: metrics::CONTENT_TYPE, body })
    }

    fn probe(&self, path: &str) -> Option<Answer> {
        match path {
            "/livez" => Some(verdict("livez", &[("loop", self.is_stuck())])),
            "/readyz" => Some(verdict(
                "readyz",
                &[("apiserver", self.is_strange()), ("crds", self.is_ahead()), ("watches", self.is_blind())],
            )),
            _ => None,
        }
    }

    /// Not what a new start can't mend: neither the API server nor AWS is asked.
    fn is_stuck(&self) -> Option<String> {
        let last = Duration::from_millis(self.last_beat.load(Ordering::Relaxed));
        let ago = self.began.elapsed().saturating_sub(last);
        (ago > STUCK).then(|| format!("the operator hasn't come round for {} s", ago.as_secs()))
    }

    fn is_strange(&self) -> Option<String> {
        self.shown.get().is_none().then(|| "the API server hasn't told yet which cluster it is".to_owned())
    }

    /// Also of one that stands by: a rollout then leaves the replica before it at work.
    fn is_ahead(&self) -> Option<String> {
        self.shown.get().and_then(|shown| shown.context.served.lack())
    }

    /// Who stands by watches nothing, and is ready to.
    fn is_blind(&self) -> Option<String> {
        let unlisted = match self.shown.get() {
            Some(shown) if shown.leads() => shown.context.stores.unlisted(),
            Some(_) => return None,
            None => return Some("nothing is watched yet".to_owned()),
        };
        let each = unlisted.iter().map(|store| format!("the store of {store} is not listed yet"));
        (!unlisted.is_empty()).then(|| each.collect::<Vec<_>>().join(", "))
    }
}

/// One line a check, as kube-apiserver's probes have it, with what is wrong; none: nothing is.
fn verdict(probe: &str, checks: &[(&str, Option<String>)]) -> Answer {
    let lines = checks.iter().map(|(name, wrong)| match wrong {
        None => format!("[+]{name} ok\n"),
        Some(why) => format!("[-]{name} {why}\n"),
    });
    let well = checks.iter().all(|(_, wrong)| wrong.is_none());
    let (code, end) = if well { (200, "passed") } else { (503, "failed") };
    Answer::plain(code, format!("{}{probe} check {end}\n", lines.collect::<String>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_names_each_check_and_fails_with_any_of_them() {
        let Answer { code, body, .. } =
            verdict("readyz", &[("apiserver", None), ("watches", Some("not yet".to_owned()))]);
        assert_eq!((code, body.as_str()), (503, "[+]apiserver ok\n[-]watches not yet\nreadyz check failed\n"));
        let Answer { code, body, .. } = verdict("livez", &[("loop", None)]);
        assert_eq!((code, body.as_str()), (200, "[+]loop ok\nlivez check passed\n"));
    }

    #[test]
    fn a_runtime_that_does_not_come_round_is_stuck_and_one_that_does_again_is_not() {
        let Some(began) = Instant::now().checked_sub(STUCK * 2) else { panic!("the machine has run for a minute") };
        let health = Health { began, ..Health::new(Metrics::default()) };
        let answer = health.probe("/livez").expect("a probe");
        assert_eq!(answer.code, 503);
        assert!(answer.body.contains("[-]loop the operator hasn't come round for 60 s"), "{}", answer.body);
        health.beats();
        assert_eq!(health.probe("/livez").expect("a probe").code, 200);
    }

    #[test]
    fn an_operator_that_is_not_there_yet_is_alive_and_not_ready() {
        let health = Health::new(Metrics::default());
        assert_eq!(health.probe("/livez").expect("a probe").code, 200);
        assert_eq!(health.probe("/readyz").expect("a probe").code, 503);
        assert!(health.probe("/healthy").is_none());
    }
}
