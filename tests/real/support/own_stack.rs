//! The one gate through which every stack of a test's own goes: as many run at once as there are cores. An API server
//! with its etcd takes a core for seconds to start; with ten of them nobody answers anybody in time.
//!
//! A test that has one must not wait for another one, or for a lock whose holder waits for one: all could wait for ever.

use std::{
    ops::{Deref, DerefMut},
    sync::{Arc, OnceLock},
    thread,
};
use tokio::sync::{Semaphore, SemaphorePermit};
use xtask::{Stack, StackOptions};

/// A stack that ends with the test which it was started for; the next one starts after that.
pub struct OwnStack {
    // Dropped in this order.
    stack: Stack,
    _turn: Arc<SemaphorePermit<'static>>,
}

impl OwnStack {
    async fn of(options: StackOptions, turn: Arc<SemaphorePermit<'static>>) -> Self {
        Self { stack: started(options).await, _turn: turn }
    }

    /// Nothing is applied yet.
    pub async fn with_emulator() -> Self {
        Self::of(StackOptions::default(), turn().await).await
    }

    /// Two in one turn: with a turn for each, the test would keep all others out for minutes where there are two cores.
    pub async fn two_with_emulators() -> (Self, Self) {
        let turn = turn().await;
        let one = Self::of(StackOptions::default(), turn.clone()).await;
        (one, Self::of(StackOptions::default(), turn).await)
    }

    /// Without an emulator: that of the shared stack is there. Nothing is applied yet.
    pub async fn bare(options: StackOptions) -> Self {
        Self::of(StackOptions { emulator: false, ..options }, turn().await).await
    }
}

async fn turn() -> Arc<SemaphorePermit<'static>> {
    static TURNS: OnceLock<Semaphore> = OnceLock::new();
    let turns = TURNS.get_or_init(|| Semaphore::new(thread::available_parallelism().map_or(1, Into::into)));
    Arc::new(turns.acquire().await.expect("the gate is never closed"))
}

/// For a stack that many tests share, and that doesn't go through the gate: it would never give its turn back.
pub async fn started(options: StackOptions) -> Stack {
    let stack = tokio::task::spawn_blocking(|| Stack::start(options)).await.expect("no panic");
    stack.unwrap_or_else(|error| panic!("{error:#}"))
}

impl Deref for OwnStack {
    type Target = Stack;

    fn deref(&self) -> &Stack {
        &self.stack
    }
}

impl DerefMut for OwnStack {
    fn deref_mut(&mut self) -> &mut Stack {
        &mut self.stack
    }
}
