//! The table of the chart's README, from values.yaml: each key, its default, and the comment above it. Pure.
//!
//! values.yaml keeps to a form that needs no YAML parser: two spaces a level, and each default on its key's line.

use anyhow::{Result, bail, ensure};

/// One key of values.yaml.
#[derive(Debug, PartialEq, Eq)]
pub struct Value {
    /// From the root, such as `image.repository`.
    pub path: String,
    /// As it is written; none for a key that has keys below it.
    pub default: Option<String>,
    pub meaning: String,
}

/// Every key in its order.
///
/// Errors: a line that isn't in that form, or a key without a comment.
pub fn read(yaml: &str) -> Result<Vec<Value>> {
    let (mut values, mut above, mut comment) = (Vec::new(), Vec::<&str>::new(), Vec::new());
    for line in yaml.lines() {
        let text = line.trim();
        if text.is_empty() {
            comment.clear();
            continue;
        }
        if let Some(said) = text.strip_prefix('#') {
            comment.push(said.trim());
            continue;
        }
        let Some((key, default)) = text.split_once(':') else { bail!("values.yaml: `{text}` is no key") };
        ensure!(key.chars().all(char::is_alphanumeric), "values.yaml: `{text}`: a default stands on its key's line");
        let level = (line.len() - line.trim_start().len()) / 2;
        ensure!(level <= above.len(), "values.yaml: {key} is indented too far");
        above.truncate(level);
        above.push(key);
        let path = above.join(".");
        ensure!(!comment.is_empty(), "values.yaml: {path} has no comment above it");
        let default = Some(default.trim()).filter(|default| !default.is_empty()).map(str::to_owned);
        values.push(Value { path, default, meaning: comment.join(" ") });
        comment.clear();
    }
    Ok(values)
}

/// As a table in Markdown.
pub fn table(values: &[Value]) -> String {
    let cell = |text: &str| text.replace('|', "\\|");
    let row = |value: &Value| {
        let default = value.default.as_ref().map_or_else(String::new, |default| format!("`{}`", cell(default)));
        format!("| `{}` | {default} | {} |\n", value.path, cell(&value.meaning))
    };
    let rows: String = values.iter().map(row).collect();
    format!("| value | default | meaning |\n|---|---|---|\n{rows}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_its_path_its_default_and_the_comment_right_above_it() {
        let yaml = "# Of the file.\n\n# Where it\n# is.\nimage:\n  # Its | name.\n  name: a:b\n# How many.\ncount: 2\n";
        let values = read(yaml).unwrap();
        let told: Vec<_> = values.iter().map(|value| (value.path.as_str(), value.default.as_deref())).collect();
        assert_eq!(told, [("image", None), ("image.name", Some("a:b")), ("count", Some("2"))]);
        assert_eq!(values[0].meaning, "Where it is.");
        assert!(table(&values).contains("| `image.name` | `a:b` | Its \\| name. |\n"), "{}", table(&values));
    }

    #[test]
    fn a_key_without_a_comment_and_a_default_over_several_lines_are_refused() {
        for yaml in ["# A.\na: 1\nb: 2\n", "# A.\na:\n  - b: 1\n", "# A.\n\na: 1\n"] {
            assert!(read(yaml).is_err(), "{yaml}");
        }
    }
}
