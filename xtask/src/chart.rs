//! What is made of other files for installing: the chart's copies of the CRDs and its README's table, and the base of
//! deploy/ from the chart's defaults. Writes it, or says what is stale.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::tools::{self, Tool};
use crate::{values, workspace};
use anyhow::{Context, Result, bail, ensure};

const CHART: &str = "charts/quarantine-operator";
const CRDS: &str = "crds";
/// What stands below this line of the chart's README is generated.
const TABLE: &str = "<!-- made of values.yaml by `cargo xtask chart` -->";
const NAME: &str = "quarantine-operator";
const NAMESPACE: &str = "quarantine-system";
/// Labels that are true of a release of Helm only.
const OF_HELM: [&str; 2] = ["helm.sh/chart:", "app.kubernetes.io/managed-by:"];

/// Path from the root, and what belongs there.
type Files = BTreeMap<String, String>;

/// `cargo xtask chart`
pub fn write_chart() -> Result<()> {
    for name in surplus_crds()? {
        fs::remove_file(workspace::root().join(&name))?;
        println!("{name} removed");
    }
    for (path, content) in wanted()? {
        let whole = workspace::root().join(&path);
        let change = if fs::read_to_string(&whole).is_ok_and(|now| now == content) { "unchanged" } else { "written" };
        fs::create_dir_all(whole.parent().context("a file has a folder")?)?;
        fs::write(&whole, content).with_context(|| format!("cannot write {path}"))?;
        println!("{path} {change}");
    }
    Ok(())
}

/// Fails with the names of the files that differ from what would be generated.
pub fn check_chart() -> Result<()> {
    let stale = |(path, content): (String, String)| {
        let now = fs::read_to_string(workspace::root().join(&path)).ok();
        (now.as_ref() != Some(&content)).then_some(path)
    };
    let mut stale: Vec<String> = wanted()?.into_iter().filter_map(stale).collect();
    stale.extend(surplus_crds()?);
    if !stale.is_empty() {
        bail!("generated files are stale, run `cargo xtask chart` and commit:\n  {}", stale.join("\n  "));
    }
    Ok(())
}

fn wanted() -> Result<Files> {
    let mut files = Files::new();
    let mut all = String::from("# Made of crds/ by `cargo xtask chart`.\n");
    for name in crds(CRDS)? {
        let crd = read(&format!("{CRDS}/{name}"))?;
        all += &format!("---\n{crd}");
        files.insert(format!("{CHART}/crds/{name}"), crd);
    }
    files.insert("deploy/base/crds.yaml".to_owned(), all);
    files.insert("deploy/base/operator.yaml".to_owned(), base(&helm_template()?));
    files.insert(format!("{CHART}/README.md"), readme()?);
    Ok(files)
}

fn surplus_crds() -> Result<Vec<String>> {
    let (there, wanted) = (crds(&format!("{CHART}/crds"))?, crds(CRDS)?);
    Ok(there.into_iter().filter(|name| !wanted.contains(name)).map(|name| format!("{CHART}/crds/{name}")).collect())
}

/// The names of the files in a folder; none where there is no folder.
fn crds(folder: &str) -> Result<Vec<String>> {
    let whole = workspace::root().join(folder);
    if !whole.exists() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(whole).with_context(|| format!("cannot read {folder}"))?;
    let mut names =
        entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect::<Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}

fn readme() -> Result<String> {
    let (path, values) = (format!("{CHART}/README.md"), values::read(&read(&format!("{CHART}/values.yaml"))?)?);
    let readme = read(&path)?;
    let (prose, _) = readme.split_once(TABLE).with_context(|| format!("{path} has lost the line {TABLE}"))?;
    Ok(format!("{prose}{TABLE}\n\n{}", values::table(&values)))
}

/// The chart's defaults, without its hooks: only Helm runs those.
fn helm_template() -> Result<String> {
    let helm = tools::find(Tool::Helm)?.context("helm isn't there: run `cargo xtask tools` once")?;
    let mut template = Command::new(helm);
    template.current_dir(workspace::root()).args(["template", NAME, CHART, "--namespace", NAMESPACE, "--no-hooks"]);
    let output = template.output().context("helm can't be run")?;
    ensure!(output.status.success(), "helm template failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

fn base(rendered: &str) -> String {
    let of_helm = |line: &&str| OF_HELM.iter().any(|label| line.trim_start().starts_with(label));
    let kept = rendered.lines().map(str::trim_end).filter(|line| !of_helm(line) && !line.starts_with("# Source:"));
    let mut text =
        String::from("# The chart's defaults, by `cargo xtask chart`: change the chart, or make an overlay.\n");
    let mut blank = false;
    for line in kept {
        if !(blank && line.is_empty()) {
            text += line;
            text.push('\n');
        }
        blank = line.is_empty();
    }
    text
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(Path::new(workspace::root()).join(path)).with_context(|| format!("cannot read {path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_has_no_label_that_only_a_release_of_helm_has() {
        let rendered = "---\n# Source: a/b.yaml\nkind: A\nlabels:\n  helm.sh/chart: a-1\n  app: a\n  \
                        app.kubernetes.io/managed-by: Helm\n\n\n---\nkind: B\n";
        let (_, made) = base(rendered).split_once('\n').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        assert_eq!(made, "---\nkind: A\nlabels:\n  app: a\n\n---\nkind: B\n");
    }

    #[test]
    fn the_chart_has_the_version_of_the_operator() {
        let chart = read(&format!("{CHART}/Chart.yaml")).unwrap();
        let version = env!("CARGO_PKG_VERSION");
        for line in [format!("version: {version}"), format!("appVersion: {version}")] {
            assert!(chart.lines().any(|told| told == line), "{line}");
        }
    }

    #[test]
    fn values_yaml_and_its_schema_have_the_same_keys() {
        let schema: serde_json::Value =
            serde_json::from_str(&read(&format!("{CHART}/values.schema.json")).unwrap()).unwrap();
        let documented = values::read(&read(&format!("{CHART}/values.yaml")).unwrap()).unwrap();
        let mut of_schema = Vec::new();
        keys(&schema, "", &mut of_schema);
        // Helm sets it in a chart's dependencies.
        of_schema.retain(|path| path != "global");
        of_schema.sort();
        let mut of_values: Vec<String> = documented.into_iter().map(|value| value.path).collect();
        of_values.sort();
        assert_eq!(of_schema, of_values);
    }

    fn keys(schema: &serde_json::Value, below: &str, found: &mut Vec<String>) {
        for (name, of) in schema["properties"].as_object().into_iter().flatten() {
            let path = if below.is_empty() { name.clone() } else { format!("{below}.{name}") };
            keys(of, &path, found);
            found.push(path);
        }
    }
}
