//! Waiting for an end by a watch: the way there on standard error, bounded by a time, and ended by Ctrl-C without a harm
//! to the object.

use super::{
    cli::Waiting,
    cluster::Cluster,
    failure::{self, Failure},
    stand::Stand,
};
use futures::{StreamExt, pin_mut};
use kube::runtime::{WatchStreamExt, watcher, watcher::watch_object};
use quarantine_operator::api::Quarantine;
use std::{io::Write as _, time::Duration};

/// How the waiting ended, other than by time or by Ctrl-C.
pub enum End {
    /// As was asked for.
    Reached(Box<Quarantine>),
    /// A person must act; why.
    Stuck(Box<Quarantine>, String),
    /// The object is gone.
    Gone,
}

/// Waits until `judge` sees an end. An API server that is away for a while is waited for, too.
pub async fn until(
    cluster: &Cluster,
    claim: &Quarantine,
    waiting: &Waiting,
    judge: impl Fn(&Quarantine) -> Stand,
) -> Result<End, Failure> {
    let name = claim.metadata.name.as_deref().unwrap_or_default();
    let seen = watch_object(cluster.claims(), name).default_backoff();
    pin_mut!(seen);
    let over = tokio::time::sleep(waiting.timeout);
    pin_mut!(over);
    let mut at = Progress::default();
    loop {
        let look = tokio::select! {
            look = seen.next() => look,
            () = &mut over => return Err(Failure::TimedOut(too_long(cluster, claim, waiting.timeout, &at.last))),
            interrupt = tokio::signal::ctrl_c() => {
                let why = interrupt.map_or_else(|error| error.to_string(), |()| "Ctrl-C".to_owned());
                return Err(Failure::Interrupted(stays(cluster, claim, &why)));
            }
        };
        match look {
            None | Some(Ok(None)) => return Ok(End::Gone),
            Some(Ok(Some(now))) if now.metadata.uid != claim.metadata.uid => return Ok(End::Gone),
            Some(Ok(Some(now))) => match judge(&now) {
                Stand::Reached => return Ok(End::Reached(Box::new(now))),
                Stand::Stuck(why) => return Ok(End::Stuck(Box::new(now), why)),
                Stand::OnTheWay(said) => at.say(said),
            },
            Some(Err(error)) => match refusal(&error) {
                Some(error) => return Err(failure::of(&format!("watch Quarantine {name}"), error)),
                None => at.say(format!("the API server is away: {}", failure::chain(&error))),
            },
        }
    }
}

/// What was last said, so that nothing is said twice in a row.
#[derive(Default)]
struct Progress {
    last: String,
}

impl Progress {
    fn say(&mut self, said: String) {
        if self.last != said {
            // Whoever closed standard error still waits for the end.
            let _ = writeln!(std::io::stderr(), "... {said}");
            self.last = said;
        }
    }
}

/// An answer that doesn't change by waiting: no right to watch, no such kind, an object of newer custom resources.
fn refusal(error: &watcher::Error) -> Option<&kube::Error> {
    let (watcher::Error::InitialListFailed(error)
    | watcher::Error::WatchStartFailed(error)
    | watcher::Error::WatchFailed(error)) = error
    else {
        return None;
    };
    let stays = [401, 403, 404].iter().any(|code| failure::is(error, *code));
    (stays || matches!(error, kube::Error::SerdeError(_))).then_some(error)
}

fn too_long(cluster: &Cluster, claim: &Quarantine, waited: Duration, last: &str) -> String {
    let last = if last.is_empty() { "the API server hasn't shown it" } else { last };
    format!(
        "not yet after {waited:?}: {last}\nThe Quarantine stays, and the operator goes on. Look again: {}",
        cluster.next("status", claim)
    )
}

fn stays(cluster: &Cluster, claim: &Quarantine, why: &str) -> String {
    format!(
        "{why}: no longer waiting. The Quarantine stays, and the operator goes on. Look again: {}",
        cluster.next("status", claim)
    )
}
