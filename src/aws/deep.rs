//! Room for calls whose answers need more stack than a runtime's thread has. What is called is the caller's business.
//!
//! The SDK's types of a finding hold the details of each kind of resource there is, side by side. Reading one took more
//! than 8 MB of stack in a build without optimisation, and more than 0.5 MB with it; a thread has 2 MB, and where that is
//! not enough the process ends.

use crate::model::problem::Problem;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// Address space, of which memory is used only as far as the stack gets.
const STACK: usize = 64 << 20;

/// Runs `work` of `operation` in a thread of its own, on the present runtime. Both end together: if the asker is
/// dropped, so is the work.
///
/// Errors: that of the work; Retry/AwsUnavailable if it panics or there is no thread to be had.
pub async fn with_deep_stack<T: Send + 'static>(
    operation: &str,
    work: impl Future<Output = Result<T, Problem>> + Send + 'static,
) -> Result<T, Problem> {
    let (mut answer, answered) = oneshot::channel();
    let runtime = Handle::current();
    let run = move || {
        runtime.block_on(async move {
            tokio::select! {
                outcome = work => drop(answer.send(outcome)),
                () = answer.closed() => {}
            }
        });
    };
    let thread = std::thread::Builder::new().name(operation.to_owned()).stack_size(STACK).spawn(run);
    thread.map_err(|error| Problem::no_answer(operation, error))?;
    answered.await.unwrap_or_else(|_| Err(Problem::no_answer(operation, "it was given up")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::problem::Disposition;
    use std::hint::black_box;
    use std::time::Duration;

    /// Uses some more than 16 MB.
    fn dig(levels: usize) -> usize {
        let room = black_box([1_u8; 1 << 20]);
        if levels == 0 { usize::from(room[0]) } else { dig(levels - 1) + usize::from(room[levels]) }
    }

    #[tokio::test]
    async fn work_has_more_room_than_the_thread_that_asks_for_it() {
        assert_eq!(with_deep_stack("test:Dig", async { Ok(dig(15)) }).await, Ok(16));
    }

    #[tokio::test]
    async fn work_can_wait_for_the_runtime_of_its_asker() {
        let work = async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            Ok(7)
        };
        assert_eq!(with_deep_stack("test:Wait", work).await, Ok(7));
    }

    #[tokio::test]
    async fn a_panic_is_told_and_ends_nothing_else() {
        let work = async { if black_box(true) { panic!("asked for by a test") } else { Ok(()) } };
        assert_eq!(with_deep_stack("test:Panic", work).await.unwrap_err().disposition, Disposition::Retry);
    }

    #[tokio::test]
    async fn work_ends_when_its_asker_is_dropped() {
        let (held, ended) = oneshot::channel::<()>();
        let work = async move {
            std::future::pending::<()>().await;
            drop(held);
            Ok(())
        };
        let mut asked = Box::pin(with_deep_stack("test:Drop", work));
        assert!(futures::poll!(asked.as_mut()).is_pending());
        drop(asked);
        let ended = tokio::time::timeout(Duration::from_secs(60), ended).await;
        assert!(ended.expect("it ends").is_err());
    }
}
