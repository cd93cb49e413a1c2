//! Kubeconfig files. They are written as JSON, which every reader of YAML takes, and nothing needs escaping by hand.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};

/// How to reach one API server.
#[derive(Debug)]
pub struct Cluster<'a> {
    pub server: &'a str,
    pub certificate_authority: &'a Path,
}

/// Writes a kubeconfig in which `user` is known by `token`, as `<user>.kubeconfig` in `folder`.
pub fn write(folder: &Path, cluster: &Cluster<'_>, user: &str, token: &str) -> Result<PathBuf> {
    let Cluster { server, certificate_authority } = cluster;
    let cluster = json!({ "server": server, "certificate-authority": certificate_authority });
    write_for(folder, &cluster, user, token)
}

/// The same, for a cluster as a kubeconfig describes it.
pub fn write_for(folder: &Path, cluster: &Value, user: &str, token: &str) -> Result<PathBuf> {
    let path = path(folder, user);
    fs::write(&path, format!("{:#}\n", content(cluster, user, token)))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// Where [`write`] puts a user's kubeconfig.
pub fn path(folder: &Path, user: &str) -> PathBuf {
    folder.join(file_name(user))
}

fn content(cluster: &Value, user: &str, token: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": "stack", "cluster": cluster }],
        "users": [{ "name": user, "user": { "token": token } }],
        "contexts": [{ "name": "stack", "context": { "cluster": "stack", "user": user } }],
        "current-context": "stack",
    })
}

fn file_name(user: &str) -> String {
    let safe = |letter: char| if letter.is_ascii_alphanumeric() || "-.".contains(letter) { letter } else { '_' };
    format!("{}.kubeconfig", user.chars().map(safe).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kubeconfig_points_its_only_context_at_the_server_as_the_user() {
        let cluster = json!({ "server": "https://127.0.0.1:6443", "certificate-authority": "/run/ca.crt" });
        let config = content(&cluster, "system:serviceaccount:a:b", "to\"ken");
        assert_eq!(config["clusters"][0]["cluster"]["server"], "https://127.0.0.1:6443");
        assert_eq!(config["clusters"][0]["cluster"]["certificate-authority"], "/run/ca.crt");
        assert_eq!(config["users"][0]["user"]["token"], "to\"ken");
        assert_eq!(config["contexts"][0]["context"]["user"], config["users"][0]["name"]);
        assert_eq!(config["contexts"][0]["name"], config["current-context"]);
    }

    #[test]
    fn a_user_name_becomes_a_harmless_file_name() {
        assert_eq!(file_name("system:serviceaccount:ns:name"), "system_serviceaccount_ns_name.kubeconfig");
        assert_eq!(file_name("../etc/passwd"), ".._etc_passwd.kubeconfig");
    }
}
