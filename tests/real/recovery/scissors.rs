//! Scissors: one count of everything that an operator sends, to Kubernetes and to AWS, and one cut through it.
//!
//! A point is a call by what it asks and for the how manieth time, not by its number: an operator's watches and reads
//! run side by side, so that numbers name another call in each run. Once cut, the operator is dead: nothing that it
//! sends leaves any more, and nothing that was on its way is answered.

pub mod aws;
pub mod kubernetes;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::watch;

/// How long nothing may be sent before an operator counts as quiet.
const QUIET: Duration = Duration::from_millis(200);

/// One call of an operator's life.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    pub call: String,
    pub time: u32,
}

/// What becomes of the call at which an operator dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It never leaves.
    Before,
    /// It is sent and applied; its answer is lost.
    AnswerLost,
}

impl Kind {
    pub const BOTH: [Self; 2] = [Self::Before, Self::AnswerLost];
}

/// Where and how an operator dies.
#[derive(Clone, Debug)]
pub struct Cut {
    pub point: Point,
    pub kind: Kind,
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { point: Point { call, time }, kind } = self;
        write!(f, "{kind:?} of `{call}` (time {time})")
    }
}

/// The scissors of one operator's life.
pub struct Scissors {
    cut: Option<Cut>,
    state: Mutex<State>,
    dead: watch::Sender<bool>,
    sent: watch::Sender<usize>,
}

#[derive(Default)]
struct State {
    seen: BTreeMap<String, u32>,
    points: Vec<Point>,
    closed: bool,
    on_their_way: usize,
}

/// What becomes of a call.
enum Way {
    Out(Sent),
    /// The operator is dead.
    Blocked,
}

/// A call on its way, until it is answered or given up.
struct Sent(Arc<Scissors>);

impl Scissors {
    pub fn new(cut: Option<Cut>) -> Arc<Self> {
        let (dead, sent) = (watch::Sender::new(false), watch::Sender::new(0));
        Arc::new(Self { cut, state: Mutex::default(), dead, sent })
    }

    /// Cuts now, wherever the operator is.
    pub fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        self.die_when_alone(&state);
    }

    /// Whether the cut has been made. [`Self::dead`] may be a moment away.
    pub fn closed(&self) -> bool {
        self.state().closed
    }

    /// Waits until the operator is cut off, and nothing that it sent is on its way any more.
    pub async fn dead(&self) {
        self.dead.subscribe().wait_for(|dead| *dead).await.expect("the sender lives in self");
    }

    /// Waits until the operator sends nothing more.
    pub async fn quiet(&self) {
        let mut sent = self.sent.subscribe();
        while tokio::time::timeout(QUIET, sent.changed()).await.is_ok() {}
    }

    /// Every call up to now that left or would have left, in order.
    pub fn points(&self) -> Vec<Point> {
        self.state().points.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leave(self: &Arc<Self>, call: String) -> Way {
        let mut state = self.state();
        if state.closed {
            return Way::Blocked;
        }
        let time = state.seen.entry(call.clone()).or_default();
        *time += 1;
        let point = Point { call, time: *time };
        let kind = self.cut.as_ref().filter(|cut| cut.point == point).map(|cut| cut.kind);
        state.points.push(point);
        self.sent.send_modify(|sent| *sent += 1);
        state.closed = kind.is_some();
        if kind == Some(Kind::Before) {
            self.die_when_alone(&state);
            return Way::Blocked;
        }
        state.on_their_way += 1;
        Way::Out(Sent(self.clone()))
    }

    fn die_when_alone(&self, state: &State) {
        if state.closed && state.on_their_way == 0 {
            self.dead.send_replace(true);
        }
    }
}

impl Sent {
    /// Whether the operator still lives to hear the answer.
    fn heard(self) -> bool {
        !self.0.closed()
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.on_their_way -= 1;
        self.0.die_when_alone(&state);
    }
}
