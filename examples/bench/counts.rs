//! What was called: AWS' side from the emulator's log, Kubernetes' side from the API server's audit log.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::PathBuf,
    time::Duration,
};

/// How long nothing may be called before everything counts as done.
const QUIET: Duration = Duration::from_millis(400);

/// How often each was called.
pub type Counts = BTreeMap<String, usize>;

/// A call to AWS.
pub struct Call {
    /// When the emulator got it, in seconds since 1970.
    pub time: f64,
    pub action: String,
}

/// Both logs.
pub struct Logs {
    endpoint: String,
    audit: PathBuf,
    /// Whose writes count.
    user: String,
}

/// A place in both logs.
#[derive(Clone, Copy)]
pub struct Mark {
    call: u64,
    audit: usize,
}

impl Logs {
    pub fn new(endpoint: String, audit: PathBuf, user: String) -> Self {
        Self { endpoint, audit, user }
    }

    /// Now.
    pub fn mark(&self) -> Result<Mark> {
        let call = self.ask(u64::MAX >> 1)?["next"].as_u64().context("the log tells its next number")?;
        Ok(Mark { call, audit: fs::read_to_string(&self.audit)?.len() })
    }

    /// Waits until nothing is called any more.
    pub async fn quiet(&self) -> Result<()> {
        loop {
            let before = self.mark()?;
            tokio::time::sleep(QUIET).await;
            if self.mark()?.call == before.call && self.writes(before)?.is_empty() {
                return Ok(());
            }
        }
    }

    /// The calls to AWS since then, in order.
    pub fn calls(&self, since: Mark) -> Result<Vec<Call>> {
        let log = self.ask(since.call)?;
        let calls = log["calls"].as_array().context("the log is a list")?.iter();
        let call =
            |call: &Value| Some(Call { time: call["time"].as_f64()?, action: call["action"].as_str()?.to_owned() });
        calls.map(|logged| call(logged).context("a call has a time and an action")).collect()
    }

    /// What the operator wrote since then.
    pub fn writes(&self, since: Mark) -> Result<Counts> {
        let mut counts = Counts::new();
        let log = fs::read_to_string(&self.audit)?;
        let whole = log.rfind('\n').map_or(0, |end| end + 1);
        for line in log[since.audit.min(whole)..whole].lines() {
            let entry: Value = serde_json::from_str(line).context("the audit log is JSON")?;
            let verb = entry["verb"].as_str().unwrap_or_default();
            let writes = matches!(verb, "create" | "update" | "patch" | "delete");
            if writes && entry["stage"] == "ResponseComplete" && entry["user"]["username"] == self.user.as_str() {
                let object = &entry["objectRef"];
                let of = [&object["resource"], &object["subresource"]].map(|part| part.as_str().unwrap_or_default());
                *counts.entry(format!("{verb} {}", of.join("/").trim_end_matches('/'))).or_default() += 1;
            }
        }
        Ok(counts)
    }

    fn ask(&self, since: u64) -> Result<Value> {
        let address = self.endpoint.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).context("the emulator listens")?;
        let path = format!("/_emulator/calls?since={since}");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        ensure!(answer.starts_with("HTTP/1.1 200"), "the emulator answered {answer}");
        let (_, body) = answer.split_once("\r\n\r\n").context("an HTTP answer has a head")?;
        Ok(serde_json::from_str(body)?)
    }
}

/// Calls by operation.
pub fn by_action(calls: &[Call]) -> Counts {
    let mut counts = Counts::new();
    for call in calls {
        *counts.entry(call.action.clone()).or_default() += 1;
    }
    counts
}
