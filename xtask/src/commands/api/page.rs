//! The page: a chapter for each kind, with its columns, and a section for each part of the object. Pure.

use std::fmt::Write as _;

use anyhow::{Context, Result};
use serde_json::Value;

use super::part::{parts, table_cell};

const HEAD: &str = "# API reference

Generated from the custom resources' schemas by `cargo xtask api`; `kubectl explain quarantine.spec` shows the same. What the
fields do together is told in [operations.md](operations.md), and so is [every reason of a condition](operations.md#reasons).

Defaults are written in by the API server. *Bounds* are checked by it, and so are the rules below a table: the sentence is
what it answers. A field that isn't given is left out, never null.
";

pub fn page(kinds: &[Value]) -> Result<String> {
    let mut page = HEAD.to_owned();
    for kind in kinds {
        chapter(&mut page, kind)?;
    }
    Ok(page)
}

fn chapter(page: &mut String, crd: &Value) -> Result<()> {
    let spec = &crd["spec"];
    let kind = spec["names"]["kind"].as_str().context("a CRD names its kind")?;
    let version = &spec["versions"][0];
    let schema = &version["schema"]["openAPIV3Schema"];
    let short: Vec<&str> =
        spec["names"]["shortNames"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let scope = if spec["scope"] == "Namespaced" { "in a namespace" } else { "of the whole cluster" };
    write!(page, "\n## {kind}\n\n{}\n\n", schema["description"].as_str().unwrap_or_default())?;
    writeln!(
        page,
        "`{}/{}`, {scope}; short name `{}`.",
        spec["group"].as_str().unwrap_or_default(),
        version["name"].as_str().unwrap_or_default(),
        short.join("`, `")
    )?;
    for field in version["selectableFields"].as_array().into_iter().flatten() {
        let path = field["jsonPath"].as_str().unwrap_or_default().trim_start_matches('.');
        writeln!(page, "It can be selected by field: `--field-selector {path}=…`.")?;
    }
    columns(page, &version["additionalPrinterColumns"])?;
    for part in parts(kind, schema) {
        page.push_str(&part);
    }
    Ok(())
}

fn columns(page: &mut String, columns: &Value) -> Result<()> {
    page.push_str("\n| column | shows | from |\n|---|---|---|\n");
    for column in columns.as_array().into_iter().flatten() {
        let text = |field: &str| column[field].as_str().unwrap_or_default();
        let wide = if column["priority"].as_i64().unwrap_or_default() > 0 { " (`-o wide`)" } else { "" };
        writeln!(page, "| {}{wide} | {} | `{}` |", text("name"), table_cell(text("description")), text("jsonPath"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_kind_has_a_chapter_with_its_columns_and_a_section_for_each_part() {
        let schema = json!({"description": "A thing.", "properties": {"spec": {"type": "object", "properties": {}}}});
        let version = json!({"name": "v1", "schema": {"openAPIV3Schema": schema},
            "selectableFields": [{"jsonPath": ".status.id"}],
            "additionalPrinterColumns": [{"name": "Id", "description": "Which.", "jsonPath": ".status.id", "priority": 1}]});
        let crd = json!({"spec": {"group": "example.org", "scope": "Namespaced", "versions": [version],
            "names": {"kind": "Thing", "shortNames": ["th"]}}});
        let page = page(&[crd]).unwrap();
        for line in [
            "## Thing",
            "A thing.",
            "`example.org/v1`, in a namespace; short name `th`.",
            "It can be selected by field: `--field-selector status.id=…`.",
            "| Id (`-o wide`) | Which. | `.status.id` |",
            "### Thing: spec",
        ] {
            assert!(page.lines().any(|there| there == line), "{line}: {page}");
        }
    }
}
