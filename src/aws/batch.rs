//! One call for many who ask: what is asked while as many calls are under way as may be, or while none may be made, goes
//! into the next one together. What is called, and when it may be, is the implementor's business.
//!
//! The calls are made by tasks of their own, so an asker that is dropped takes nothing from the others. If a task dies
//! (a panic, its runtime shut down), those whose call it was are told to try again, and the next asker starts another.

use crate::api::Reason;
use crate::model::problem::{Disposition, Problem};
use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;
use tracing::{Instrument as _, Span};

/// A call that answers for several keys at once.
pub trait Batched: Send + Sync + 'static {
    type Key: Clone + Eq + Hash + Send;
    /// What AWS has for one key; its default where it has nothing.
    type Answer: Clone + Default + Send;

    /// As IAM names it.
    const OPERATION: &'static str;
    /// How many different keys one call takes.
    const KEYS: usize;
    /// How many calls may be under way at once.
    const AT_ONCE: usize = 1;
    /// How many may wait at once. Who comes then is told so at once.
    const WAITING: usize = 500;

    /// Waits until a call may be made. Who asks meanwhile is part of it.
    fn admit(&self) -> impl Future<Output = Result<(), Problem>> + Send;

    /// Makes the call. Keys for which there is nothing are left out of the answer.
    fn call(
        &self,
        keys: Vec<Self::Key>,
    ) -> impl Future<Output = Result<HashMap<Self::Key, Self::Answer>, Problem>> + Send;

    /// Whether the call failed for what one of its keys is. Then the keys are asked for apart from each other, so that
    /// one bad key fails nobody else.
    fn blames_a_key(problem: &Problem) -> bool;
}

/// The shared end of a call. Cheap to clone.
pub struct Batches<B: Batched>(Arc<Shared<B>>);

impl<B: Batched> Clone for Batches<B> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

struct Shared<B: Batched> {
    batched: B,
    desk: Mutex<Desk<B>>,
}

struct Desk<B: Batched> {
    queue: VecDeque<Asker<B>>,
    /// How many tasks serve the queue.
    serving: usize,
}

struct Asker<B: Batched> {
    key: B::Key,
    answer: oneshot::Sender<Result<B::Answer, Problem>>,
    /// What it asks for. A call that several share is traced in that of the first.
    span: Span,
}

impl<B: Batched> Batches<B> {
    pub fn new(batched: B) -> Self {
        Self(Arc::new(Shared { batched, desk: Mutex::new(Desk { queue: VecDeque::new(), serving: 0 }) }))
    }

    /// What AWS has for `key`, asked for after this call began.
    ///
    /// Errors: that of the call that it was part of; Retry/Throttled at once where too many wait already;
    /// Retry/AwsUnavailable if the call was given up.
    pub async fn ask(&self, key: B::Key) -> Result<B::Answer, Problem> {
        let (answer, answered) = oneshot::channel();
        {
            let mut desk = self.0.desk();
            if desk.queue.len() >= B::WAITING {
                desk.queue.retain(Asker::is_there);
            }
            if desk.queue.len() >= B::WAITING {
                return Err(too_many::<B>());
            }
            desk.queue.push_back(Asker { key, answer, span: Span::current() });
            if desk.serving < B::AT_ONCE {
                desk.serving += 1;
                let serving = Serving { shared: self.0.clone(), parts: Vec::new(), over: false };
                tokio::spawn(serving.serve());
            }
        }
        answered.await.unwrap_or_else(|_| Err(Problem::no_answer(B::OPERATION, "it was given up")))
    }
}

impl<B: Batched> Shared<B> {
    /// A poisoned lock is as good as any: the queue is never half written.
    fn desk(&self) -> MutexGuard<'_, Desk<B>> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<B: Batched> Asker<B> {
    fn is_there(&self) -> bool {
        !self.answer.is_closed()
    }
}

/// A task that serves the queue. If the last one dies, the queue is left to the next one, and nobody waits in it
/// meanwhile.
struct Serving<B: Batched> {
    shared: Arc<Shared<B>>,
    /// Parts of a batch that one of its keys failed: asked for before the queue is.
    parts: Vec<Vec<Asker<B>>>,
    over: bool,
}

impl<B: Batched> Drop for Serving<B> {
    fn drop(&mut self) {
        if !self.over {
            let mut desk = self.shared.desk();
            desk.serving -= 1;
            if desk.serving == 0 {
                desk.queue.clear();
            }
        }
    }
}

impl<B: Batched> Serving<B> {
    async fn serve(mut self) {
        // Another task may have taken what this one was begun for.
        self.look_for_more();
        while !self.over {
            let admitted = self.shared.batched.admit().await;
            let askers = self.parts.pop().unwrap_or_else(|| next_askers(&mut self.shared.desk()));
            match admitted {
                _ if askers.is_empty() => {}
                Ok(()) => self.answer(askers).await,
                Err(problem) => tell(askers, &problem),
            }
            self.look_for_more();
        }
    }

    async fn answer(&mut self, mut askers: Vec<Asker<B>>) {
        let keys = keys_of(&askers);
        let span = askers.first().map_or_else(Span::none, |first| first.span.clone());
        match self.shared.batched.call(keys.iter().cloned().collect()).instrument(span).await {
            Ok(answers) => {
                for Asker { key, answer, .. } in askers {
                    // Who is gone needs no answer.
                    let _ = answer.send(Ok(answers.get(&key).cloned().unwrap_or_default()));
                }
            }
            Err(problem) if keys.len() > 1 && B::blames_a_key(&problem) => {
                let half: HashSet<B::Key> = keys.iter().take(keys.len() / 2).cloned().collect();
                let (first, second) = askers.drain(..).partition(|asker| half.contains(&asker.key));
                self.parts.extend([second, first]);
            }
            Err(problem) => tell(askers, &problem),
        }
    }

    /// Under one lock with the end of the service: who asks after that starts another task.
    fn look_for_more(&mut self) {
        let mut desk = self.shared.desk();
        self.over = self.parts.is_empty() && desk.queue.is_empty();
        desk.serving -= usize::from(self.over);
    }
}

/// Those of the queue's front whose keys fit into one call, without those who are gone.
fn next_askers<B: Batched>(desk: &mut Desk<B>) -> Vec<Asker<B>> {
    let (mut askers, mut keys) = (Vec::new(), HashSet::new());
    while let Some(asker) = desk.queue.pop_front() {
        if !asker.is_there() {
            continue;
        }
        if keys.len() == B::KEYS && !keys.contains(&asker.key) {
            desk.queue.push_front(asker);
            break;
        }
        keys.insert(asker.key.clone());
        askers.push(asker);
    }
    askers
}

fn keys_of<B: Batched>(askers: &[Asker<B>]) -> HashSet<B::Key> {
    askers.iter().map(|asker| asker.key.clone()).collect()
}

fn tell<B: Batched>(askers: Vec<Asker<B>>, problem: &Problem) {
    for asker in askers {
        // Who is gone needs no answer.
        let _ = asker.answer.send(Err(problem.clone()));
    }
}

fn too_many<B: Batched>() -> Problem {
    let message =
        format!("{} was not sent: {} wait for it already. It is tried again more slowly.", B::OPERATION, B::WAITING);
    Problem::new(Disposition::Retry, Reason::Throttled, message)
}

#[cfg(test)]
mod tests;
