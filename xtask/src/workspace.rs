//! Where things lie: the repository, cargo's target folder, the user's cache folder, and the hash that keys a cache.
//! Nothing is created here.

use std::env;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

/// The repository's root.
pub fn root() -> &'static Path {
    let manifest_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest_dir.parent().unwrap_or(manifest_dir)
}

/// Cargo's target folder, which holds run directories and logs.
pub fn target_dir() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => root().join(folder),
        None => root().join("target"),
    }
}

/// A folder in the user's cache (`$XDG_CACHE_HOME`, else `~/.cache`) that `cargo clean` leaves alone.
pub fn cache_dir() -> Result<PathBuf> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|folder| folder.is_absolute());
    let cache = absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")));
    Ok(cache.context("no cache folder: set HOME or XDG_CACHE_HOME")?.join("quarantine-operator"))
}

/// A short key for a cache whose content depends on these parts and on nothing else.
pub fn hash_key<P: AsRef<[u8]>>(parts: impl IntoIterator<Item = P>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        let part = part.as_ref();
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().iter().take(6).fold(String::new(), |mut key, byte| {
        // Writing to a String has no error to report.
        let _ = write!(key, "{byte:02x}");
        key
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_key_changes_with_each_part_and_with_where_parts_end() {
        let key = hash_key(["go.mod", "go.sum"]);
        assert_eq!(key.len(), 12);
        assert_eq!(key, hash_key(["go.mod", "go.sum"]));
        assert_ne!(key, hash_key(["go.mod", "go.summ"]));
        assert_ne!(key, hash_key(["go.modg", "o.sum"]));
    }
}
