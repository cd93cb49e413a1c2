//! One replica's life: it stands by until it leads, works, and stops within ten seconds.
//!
//! While it stands by, nothing is read. What the watches list once it leads is then at least as new as all that the replica
//! before it was acknowledged; a store that is filled ahead could lack it, and more be held than a limit allows.

use super::{
    controller::{End, Operator},
    elect::{Candidate, Leader},
};
use std::{future::pending, pin::pin, time::Duration};
use tokio::{sync::oneshot, task::JoinHandle, time::timeout};

/// What is under way may take so long once it was asked to stop, and giving the lease back the rest of ten seconds.
const DRAIN: Duration = Duration::from_secs(8);
const GIVE_BACK: Duration = Duration::from_millis(1_500);

/// Runs the operator, where there are several while it leads, until `shutdown` ends.
///
/// On [`End::LeaseLost`] whatever is still under way is cut off, and the process must end: another replica goes on.
pub async fn run(operator: Operator, candidate: Option<Candidate>, shutdown: impl Future<Output = ()>) -> End {
    let mut shutdown = pin!(shutdown);
    let mut lease = Kept(None);
    if let Some(candidate) = candidate {
        tokio::select! {
            () = &mut shutdown => return End::Asked,
            leader = candidate.lead() => lease = Kept::by(leader),
        }
    }
    let (stop, stopped) = oneshot::channel::<()>();
    let mut work = pin!(operator.run(async {
        // The sender goes when this one is to stop.
        let _ = stopped.await;
    }));
    let ended = tokio::select! {
        end = &mut work => Some(end),
        () = lease.lost() => return End::LeaseLost,
        () = &mut shutdown => {
            drop(stop);
            tokio::select! {
                end = timeout(DRAIN, work) => end.ok(),
                () = lease.lost() => return End::LeaseLost,
            }
        }
    };
    match ended {
        Some(end) => {
            lease.give_back().await;
            end
        }
        None => {
            tracing::warn!("what is under way takes longer than {DRAIN:?} and is cut off; a lease is left to run out");
            End::Asked
        }
    }
}

/// The lease, renewed in a task of its own: it must not wait while the controllers work.
struct Kept(Option<(JoinHandle<Option<Leader>>, oneshot::Sender<()>)>);

impl Kept {
    fn by(leader: Leader) -> Self {
        let (stop, stopped) = oneshot::channel();
        let keeping = leader.keep(async {
            let _ = stopped.await;
        });
        Self(Some((tokio::spawn(keeping), stop)))
    }

    /// Ends when the lease is lost; never, where there is none.
    async fn lost(&mut self) {
        match &mut self.0 {
            // A panic ends it as well.
            Some((keeping, _)) => drop(keeping.await),
            None => pending().await,
        }
    }

    async fn give_back(self) {
        let Some((keeping, stop)) = self.0 else { return };
        drop(stop);
        if let Ok(Some(leader)) = keeping.await
            && timeout(GIVE_BACK, leader.give_back()).await.is_err()
        {
            tracing::warn!("the API server doesn't answer, and the lease is left to run out");
        }
    }
}
