//! Waiting for a condition, with a deadline: never for a time.

use std::time::{Duration, Instant};

/// How long anything here may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(180);

/// Waits until `look` answers, and fails with what was awaited.
pub async fn until<T>(awaited: &str, look: impl AsyncFnMut() -> Option<T>) -> T {
    until_within(PATIENCE, awaited, look).await
}

/// The same, for what takes longer than anything else here.
pub async fn until_within<T>(patience: Duration, awaited: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(start.elapsed() < patience, "waited {patience:?} in vain for this: {awaited}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
