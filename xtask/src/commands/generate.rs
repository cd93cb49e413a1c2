//! Files that are generated and committed: writes them anew, or says which are stale.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use xtask::workspace;

use super::cargo::run_operator;

const CRDS: &str = "crds";

type Files = BTreeMap<String, Vec<u8>>;

/// `cargo xtask crds`
pub fn write_crds() -> Result<()> {
    let folder = workspace::root().join(CRDS);
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {CRDS}/"))?;
    let (wanted, present) = (generate_crds()?, read(&folder)?);
    for name in present.keys().filter(|name| !wanted.contains_key(*name)) {
        fs::remove_file(folder.join(name))?;
        println!("{CRDS}/{name} removed");
    }
    for (name, content) in &wanted {
        let change = if present.get(name) == Some(content) { "unchanged" } else { "written" };
        fs::write(folder.join(name), content)?;
        println!("{CRDS}/{name} {change}");
    }
    Ok(())
}

/// Fails with the names of the files that differ from what would be generated.
pub fn check_crds() -> Result<()> {
    let stale = differences(&generate_crds()?, &read(&workspace::root().join(CRDS))?);
    if !stale.is_empty() {
        bail!(
            "generated files are stale, run `cargo xtask crds` and commit:\n  {CRDS}/{}",
            stale.join(&format!("\n  {CRDS}/"))
        );
    }
    Ok(())
}

fn generate_crds() -> Result<Files> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().to_str().context("the folder for temporary files has a name that isn't UTF-8")?;
    run_operator(&["crds", "--dir", path])?;
    let files = read(folder.path())?;
    if files.is_empty() {
        bail!("quarantine-operator crds wrote no files");
    }
    Ok(files)
}

/// The folder's files; none if there is no folder.
fn read(folder: &Path) -> Result<Files> {
    if !folder.exists() {
        return Ok(Files::new());
    }
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    entries
        .map(|entry| {
            let entry = entry?;
            Ok((entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path())?))
        })
        .collect()
}

fn differences(wanted: &Files, present: &Files) -> Vec<String> {
    let mut stale: Vec<_> = wanted
        .iter()
        .filter_map(|(name, content)| match present.get(name) {
            None => Some(format!("{name} (missing)")),
            Some(committed) if committed != content => Some(format!("{name} (differs)")),
            Some(_) => None,
        })
        .collect();
    stale.extend(
        present.keys().filter(|name| !wanted.contains_key(*name)).map(|name| format!("{name} (no longer generated)")),
    );
    stale
}
