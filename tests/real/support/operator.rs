//! One operator for all tests of this process, in a thread and a runtime of its own, as it runs in a pod.

use super::{stack, stack::client};
use quarantine_operator::{
    aws::Sessions,
    operate::{Operator, Settings},
};
use std::{sync::OnceLock, thread, time::Duration};

/// The account that the operator's own credentials belong to.
pub const OPERATOR_ACCOUNT: &str = "123456789012";

/// Starts the operator, unless another test has. It looks for drift every two seconds.
pub fn operator() {
    static STARTED: OnceLock<()> = OnceLock::new();
    STARTED.get_or_init(|| {
        let endpoint = stack().emulator_endpoint();
        thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
            runtime.block_on(async {
                let credentials = crate::wire::account::credentials(OPERATOR_ACCOUNT);
                let sessions = Sessions::new(crate::wire::account::config(&endpoint, credentials).await);
                let settings = Settings { resync: Duration::from_secs(2), concurrency: 64, ..Settings::default() };
                let operator = Operator::new(client().await, sessions, settings).await.expect("the API server answers");
                operator.run(std::future::pending()).await;
            });
        });
    });
}
