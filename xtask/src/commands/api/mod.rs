//! `cargo xtask api`: docs/api.md, made of the custom resources' schemas as the operator prints them. How it is laid out is
//! in `page` and `part`.

mod page;
mod part;

use std::fs;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use xtask::workspace;

use super::cargo::read_from_operator;

const PAGE: &str = "docs/api.md";

/// Writes the page anew.
pub fn write_api() -> Result<()> {
    let (wanted, path) = (generate()?, workspace::root().join(PAGE));
    let change = if fs::read_to_string(&path).is_ok_and(|present| present == wanted) { "unchanged" } else { "written" };
    fs::write(&path, wanted).with_context(|| format!("cannot write {PAGE}"))?;
    println!("{PAGE} {change}");
    Ok(())
}

/// Fails if the page isn't what would be generated.
pub fn check_api() -> Result<()> {
    let present = fs::read_to_string(workspace::root().join(PAGE)).unwrap_or_default();
    if present != generate()? {
        bail!("{PAGE} is stale: run `cargo xtask api` and commit");
    }
    Ok(())
}

fn generate() -> Result<String> {
    let printed = read_from_operator(&["crds", "--output", "json"])?;
    let list: Value = serde_json::from_str(&printed).context("the operator printed no JSON")?;
    page::page(list["items"].as_array().context("the operator printed no list")?)
}
