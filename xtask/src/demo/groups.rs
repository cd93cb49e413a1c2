//! The security groups of an instance's interfaces at one moment: compared, and shown as a table.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};
use serde::Deserialize;

/// Groups by interface. Two are equal when every interface has exactly the same groups, in whatever order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Groups(BTreeMap<String, BTreeSet<Group>>);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct Group {
    pub id: String,
    pub name: String,
}

#[derive(Deserialize)]
pub struct Interface {
    id: String,
    groups: BTreeSet<Group>,
}

impl FromIterator<Interface> for Groups {
    fn from_iter<I: IntoIterator<Item = Interface>>(interfaces: I) -> Self {
        Self(interfaces.into_iter().map(|interface| (interface.id, interface.groups)).collect())
    }
}

impl Groups {
    /// The first interface, with the ids of its groups separated by commas.
    pub fn first(&self) -> Option<(&str, String)> {
        let (interface, groups) = self.0.first_key_value()?;
        let ids: Vec<_> = groups.iter().map(|group| group.id.as_str()).collect();
        Some((interface, ids.join(",")))
    }

    /// Any of the groups.
    pub fn any(&self) -> Option<&str> {
        self.0.values().flatten().next().map(|group| group.id.as_str())
    }

    /// Fails unless there are the same interfaces, each with exactly one group, which none of them had.
    pub fn ensure_isolated_from(&self, before: &Self) -> Result<()> {
        ensure!(self.0.keys().eq(before.0.keys()), "the instance doesn't have the same interfaces any more");
        let originals: BTreeSet<_> = before.0.values().flatten().collect();
        for (interface, groups) in &self.0 {
            let isolated = groups.len() == 1 && !groups.iter().any(|group| originals.contains(group));
            ensure!(isolated, "{interface} is not isolated: it carries {}", describe(groups).join(", "));
        }
        Ok(())
    }
}

/// A row for each interface, a column for each moment, the groups of a cell below each other.
pub fn table(moments: &[(&str, &Groups)]) -> String {
    let moment_names = moments.iter().map(|(name, _)| vec![(*name).to_owned()]);
    let mut rows: Vec<Vec<Vec<String>>> =
        vec![[vec!["interface".to_owned()]].into_iter().chain(moment_names).collect()];
    let interfaces: BTreeSet<_> = moments.iter().flat_map(|(_, groups)| groups.0.keys()).collect();
    for interface in interfaces {
        let cells = moments.iter().map(|(_, groups)| groups.0.get(interface).map_or(Vec::new(), describe));
        rows.push([vec![interface.clone()]].into_iter().chain(cells).collect());
    }
    let width = |column: usize| rows.iter().flat_map(|row| &row[column]).map(|line| line.chars().count()).max();
    let widths: Vec<_> = (0..=moments.len()).map(|column| width(column).unwrap_or_default()).collect();
    rows.iter().map(|row| lines(row, &widths)).collect()
}

fn lines(row: &[Vec<String>], widths: &[usize]) -> String {
    let height = row.iter().map(Vec::len).max().unwrap_or_default();
    let line = |index: usize| {
        let cell = |cell: &Vec<String>| cell.get(index).cloned().unwrap_or_default();
        let cells: Vec<_> = row.iter().zip(widths).map(|(lines, width)| format!("{:width$}", cell(lines))).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    (0..height).map(line).collect()
}

fn describe(groups: &BTreeSet<Group>) -> Vec<String> {
    match groups.is_empty() {
        true => vec!["none".to_owned()],
        false => groups.iter().map(|group| format!("{} ({})", group.name, group.id)).collect(),
    }
}
