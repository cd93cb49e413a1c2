//! What Flux (kstatus) and Argo CD (a script in Lua) say of an object: tools/health, on what kubectl gets.

use serde_json::Value;
use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use xtask::tools::{self, Tool};

/// What both say.
#[derive(Debug)]
pub struct Health {
    pub flux: String,
    pub argo: String,
    pub message: String,
}

impl Health {
    #[track_caller]
    pub fn is(&self, flux: &str, argo: &str, message: &str) {
        assert_eq!((self.flux.as_str(), self.argo.as_str()), (flux, argo), "{self:?}");
        assert!(self.message.contains(message), "{self:?} says {message}");
    }
}

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The script of deploy/argocd for this kind.
pub fn script(kind: &str) -> PathBuf {
    root().join("deploy/argocd/health").join(format!("{kind}.lua"))
}

/// Judges the object of this kind and name, with the script of its kind.
pub fn health(kubectl: Command, kind: &str, name: &str, namespace: &str) -> Health {
    judge(&get(kubectl, &[kind, name, "-n", namespace]), &script(kind))
}

/// What `kubectl get` answers, as JSON.
pub fn get(mut kubectl: Command, what: &[&str]) -> String {
    let got = kubectl.arg("get").args(what).args(["-o", "json"]).output().expect("kubectl runs");
    assert!(got.status.success(), "{}", String::from_utf8_lossy(&got.stderr));
    String::from_utf8(got.stdout).expect("JSON is text")
}

pub fn judge(object: &str, script: &Path) -> Health {
    let found = tools::find(Tool::Health).expect("the cache folder can be read");
    let mut judge = Command::new(found.expect("it is built: `cargo xtask tools health` does that"));
    let mut judge =
        judge.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the judge can be started");
    judge.stdin.take().expect("it has one").write_all(object.as_bytes()).expect("it reads");
    let said = judge.wait_with_output().expect("it ends");
    assert!(said.status.success(), "{object} can't be judged");
    let said: Value = serde_json::from_slice(&said.stdout).expect("it answers JSON");
    let word = |who: &str, field: &str| said[who][field].as_str().unwrap_or_default().to_owned();
    Health { flux: word("kstatus", "status"), argo: word("argo", "status"), message: word("argo", "message") }
}
