//! Getting, keeping and giving back the leader lease on the API server. What may be done about it when is `lease`'s.

use super::{
    backoff::jittered,
    lease::{Step, Times, View},
};
use crate::{aws::Fence, quarantine::Error};
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use kube::{
    Api, Client,
    api::{ObjectMeta, PostParams},
};
use std::{
    hash::{BuildHasher, RandomState},
    pin::pin,
    time::{Duration, Instant},
};
use tokio::{
    sync::watch,
    time::{sleep, sleep_until, timeout},
};

/// Where the lease is, and what for.
#[derive(Clone, Debug)]
pub struct Election {
    /// That of the client, if absent: in a pod its own, else the context's in the kubeconfig.
    pub namespace: Option<String>,
    pub name: String,
    pub times: Times,
}

/// A replica that would lead.
pub struct Candidate {
    leases: Api<Lease>,
    name: String,
    identity: String,
    times: Times,
    view: View,
    fence: Fence,
    leads: watch::Sender<bool>,
}

/// The replica that leads. Its fence is open for as long as it may be sure of that.
pub struct Leader {
    candidate: Candidate,
    /// Right before the lease was last written: nobody else counts its time from earlier on.
    renewed: Instant,
}

enum Outcome {
    /// The lease is this replica's, and was written not before then.
    Ours(Instant),
    Anothers {
        holder: String,
        left: Duration,
    },
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Refused(#[from] Error),
    #[error("the API server did not answer within {0:?}")]
    Silent(Duration),
}

impl Candidate {
    /// `fence` must be closed; it is opened while this replica leads.
    pub fn new(client: Client, election: &Election, fence: Fence) -> Self {
        let Election { namespace, name, times } = election.clone();
        let leases = match namespace {
            Some(namespace) => Api::namespaced(client, &namespace),
            None => Api::default_namespaced(client),
        };
        let identity = identity();
        let view = View::new(identity.clone(), times);
        Self { leases, name, identity, times, view, fence, leads: watch::Sender::new(false) }
    }

    /// Whether this replica leads, now and later.
    pub fn leads(&self) -> watch::Receiver<bool> {
        self.leads.subscribe()
    }

    /// Waits until the lease is this replica's.
    pub async fn lead(mut self) -> Leader {
        let (lease, identity) = (self.name.clone(), self.identity.clone());
        let mut awaited = None;
        loop {
            let pause = match self.attempt().await {
                Ok(Outcome::Ours(renewed)) => {
                    tracing::info!(lease, identity, "this replica leads");
                    self.fence.open_until(renewed + self.times.renew_deadline());
                    self.leads.send_replace(true);
                    return Leader { candidate: self, renewed };
                }
                Ok(Outcome::Anothers { holder, left }) => {
                    if awaited.as_ref() != Some(&holder) {
                        tracing::info!(lease, identity, holder, "standing by: another replica leads");
                        awaited = Some(holder);
                    }
                    left.min(self.times.retry_period())
                }
                Err(failure) => {
                    tracing::warn!(lease, identity, %failure, "the lease can't be had; it is tried again");
                    self.times.retry_period()
                }
            };
            sleep(jittered(pause)).await;
        }
    }

    /// One try to have the lease. A silent API server leaves time for another one.
    async fn attempt(&mut self) -> Result<Outcome, Failure> {
        let limit = self.times.renew_deadline() / 2;
        timeout(limit, self.read_and_write()).await.map_err(|_| Failure::Silent(limit))?.map_err(Failure::from)
    }

    async fn read_and_write(&mut self) -> Result<Outcome, Error> {
        let read = self.leases.get_opt(&self.name).await?;
        let now = Instant::now();
        let spec = match self.view.judge(read.as_ref().and_then(|lease| lease.spec.as_ref()), now, Timestamp::now()) {
            Step::Write(spec) => Some(spec),
            Step::Wait { holder, left } => return Ok(Outcome::Anothers { holder, left }),
        };
        match read {
            // Fenced by its resourceVersion.
            Some(read) => self.leases.replace(&self.name, &PostParams::default(), &Lease { spec, ..read }).await?,
            None => {
                let metadata = ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() };
                self.leases.create(&PostParams::default(), &Lease { metadata, spec }).await?
            }
        };
        Ok(Outcome::Ours(now))
    }

    fn step_down(&self) {
        self.fence.close();
        self.leads.send_replace(false);
    }
}

impl Leader {
    /// Renews the lease until `stop` ends. None: it is lost, and nothing more may be done.
    pub async fn keep(mut self, stop: impl Future<Output = ()>) -> Option<Self> {
        let (mut stop, times) = (pin!(stop), self.candidate.times);
        loop {
            let deadline = self.renewed + times.renew_deadline();
            let next = deadline.min(Instant::now() + times.retry_period());
            tokio::select! {
                () = &mut stop => return Some(self),
                () = sleep_until(next.into()) => {}
            }
            // Also of a process that stood still, and to whom the lease may still belong: its work is out of date.
            if Instant::now() >= deadline {
                tracing::error!("the lease could not be renewed within {:?}", times.renew_deadline());
                break;
            }
            let outcome = tokio::select! {
                () = &mut stop => return Some(self),
                outcome = self.candidate.attempt() => outcome,
            };
            match outcome {
                Ok(Outcome::Ours(renewed)) => {
                    self.renewed = renewed;
                    self.candidate.fence.open_until(renewed + times.renew_deadline());
                }
                Ok(Outcome::Anothers { holder, .. }) => {
                    tracing::error!(holder, "another replica holds the lease");
                    break;
                }
                Err(failure) => tracing::warn!(%failure, "the lease can't be renewed; it is tried again"),
            }
        }
        self.candidate.step_down();
        None
    }

    /// Gives the lease back, so that the next replica need not wait for it to run out. Nothing may be under way any more.
    pub async fn give_back(self) {
        let Self { candidate, .. } = self;
        candidate.step_down();
        match candidate.empty().await {
            Ok(()) => tracing::info!(lease = candidate.name, "the lease is given back"),
            Err(error) => tracing::warn!(lease = candidate.name, %error, "the lease can't be given back; it runs out"),
        }
    }
}

impl Candidate {
    async fn empty(&self) -> Result<(), Error> {
        let Some(read) = self.leases.get_opt(&self.name).await? else { return Ok(()) };
        let spec = read.spec.as_ref().and_then(|spec| self.view.given_back(spec, Timestamp::now()));
        if spec.is_some() {
            self.leases.replace(&self.name, &PostParams::default(), &Lease { spec, ..read }).await?;
        }
        Ok(())
    }
}

/// The pod's name, and something that a container which is started again in the same pod doesn't share.
fn identity() -> String {
    let named =
        ["POD_NAME", "HOSTNAME"].iter().find_map(|name| std::env::var(name).ok().filter(|name| !name.is_empty()));
    format!("{}_{:016x}", named.as_deref().unwrap_or("quarantine-operator"), RandomState::new().hash_one(()))
}
