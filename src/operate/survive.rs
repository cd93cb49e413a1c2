//! A panic is an error of one object, not the end of what works for all of them.

use crate::quarantine::Error;
use futures::FutureExt as _;
use std::{any::Any, panic::AssertUnwindSafe};

/// The outcome of a reconcile, its panic included.
pub async fn survived<T>(reconciling: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let outcome = AssertUnwindSafe(reconciling).catch_unwind().await;
    outcome.unwrap_or_else(|panic| Err(Error::Panicked(words(panic.as_ref()))))
}

fn words(panic: &(dyn Any + Send)) -> String {
    let words = panic.downcast_ref::<&str>().map(|words| (*words).to_owned());
    let words = words.or_else(|| panic.downcast_ref::<String>().cloned());
    words.unwrap_or_else(|| "it left no message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error_of_one_object() {
        let survived = survived::<()>(async { panic!("out of range") }).await;
        assert!(matches!(survived, Err(Error::Panicked(words)) if words == "out of range"));
    }
}
