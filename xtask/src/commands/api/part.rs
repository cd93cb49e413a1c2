//! One part of an object, such as spec.target: a table of its fields, and the rules that hold for it. Pure.

use std::fmt::Write as _;

use serde_json::{Map, Value};

/// The sections of a kind's spec and status: each object before those inside it.
pub fn parts(kind: &str, schema: &Value) -> Vec<String> {
    let mut sections = Vec::new();
    for name in ["spec", "status"] {
        if let Some(part) = schema["properties"].get(name) {
            add(&mut sections, kind, name, part);
        }
    }
    sections
}

fn add(sections: &mut Vec<String>, kind: &str, path: &str, part: &Value) {
    let none = Map::new();
    let fields = part["properties"].as_object().unwrap_or(&none);
    sections.push(section(kind, path, part, fields));
    for (name, field) in fields {
        let (below, inside) = inner(&format!("{path}.{name}"), field);
        if inside.get("properties").is_some() {
            add(sections, kind, &below, inside);
        }
    }
}

/// What a list or a map holds, else the field itself.
fn inner<'a>(path: &str, field: &'a Value) -> (String, &'a Value) {
    if let Some(items) = field.get("items") {
        return (format!("{path}[]"), items);
    }
    match field.get("additionalProperties").filter(|value| value.is_object()) {
        Some(values) => (format!("{path}{{}}"), values),
        None => (path.to_owned(), field),
    }
}

fn section(kind: &str, path: &str, part: &Value, fields: &Map<String, Value>) -> String {
    let mut text = format!("\n### {kind}: {path}\n");
    if let Some(description) = part["description"].as_str() {
        text += &format!("\n{description}\n");
    }
    if !fields.is_empty() {
        text += "\n| field | type | default | bounds | |\n|---|---|---|---|---|\n";
    }
    let required: Vec<&str> = part["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, field) in fields {
        let default = match field.get("default") {
            Some(default) => format!("`{default}`"),
            None if required.contains(&name.as_str()) => "*required*".to_owned(),
            None => String::new(),
        };
        let description = table_cell(field["description"].as_str().unwrap_or_default());
        text += &format!("| `{name}` | {} | {default} | {} | {description} |\n", type_of(field), bounds(field));
    }
    rules(&mut text, part, fields);
    text
}

/// The rules of the part and of its fields, by what the API server answers where one doesn't hold.
fn rules(text: &mut String, part: &Value, fields: &Map<String, Value>) {
    let mut lines: Vec<String> = Vec::new();
    let mut add = |name: &str, schema: &Value| {
        for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
            let at = rule["fieldPath"]
                .as_str()
                .map_or_else(|| name.to_owned(), |path| path.trim_start_matches('.').to_owned());
            let at = if at.is_empty() { String::new() } else { format!("`{at}`: ") };
            lines.push(format!("- {at}{}", rule["message"].as_str().unwrap_or_default()));
        }
    };
    add("", part);
    for (name, field) in fields {
        if field.get("properties").is_none() {
            add(name, field);
        }
        let (below, inside) = inner(name, field);
        if below != *name && inside.get("properties").is_none() {
            add(&below, inside);
        }
    }
    if !lines.is_empty() {
        let _ = write!(text, "\nRules:\n\n{}\n", lines.join("\n"));
    }
}

fn type_of(field: &Value) -> String {
    let name = field["type"].as_str().unwrap_or("any");
    if let Some(items) = field.get("items") {
        return format!("list of {}", type_of(items));
    }
    if let Some(values) = field.get("additionalProperties").filter(|value| value.is_object()) {
        return format!("map to {}", type_of(values));
    }
    match field["format"].as_str() {
        Some("date-time") => "time".to_owned(),
        _ => name.to_owned(),
    }
}

fn bounds(field: &Value) -> String {
    let mut told: Vec<String> = Vec::new();
    let values = field["enum"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let values: Vec<String> = values.map(|value| format!("`{value}`")).collect();
    if !values.is_empty() {
        told.push(values.join(", "));
    }
    for (least, most, unit) in [
        ("minimum", "maximum", ""),
        ("minLength", "maxLength", " characters"),
        ("minItems", "maxItems", " entries"),
        ("minProperties", "maxProperties", " entries"),
    ] {
        told.extend(range(field, least, most).map(|range| range + unit));
    }
    match field["x-kubernetes-list-type"].as_str() {
        Some("set") => told.push("each once".to_owned()),
        Some("map") => {
            let keys = field["x-kubernetes-list-map-keys"].as_array().into_iter().flatten().filter_map(Value::as_str);
            told.push(format!("one for each {}", keys.collect::<Vec<_>>().join(", ")));
        }
        _ => {}
    }
    for inside in ["items", "additionalProperties"].iter().filter_map(|inside| field.get(*inside)) {
        if inside.get("properties").is_none() {
            let of_each = bounds(inside);
            told.extend((!of_each.is_empty()).then(|| format!("each {of_each}")));
        }
    }
    told.join("; ")
}

fn range(field: &Value, least: &str, most: &str) -> Option<String> {
    let number = |name: &str| field[name].as_f64().map(|number| number.to_string());
    match (number(least), number(most)) {
        (None, None) => None,
        (Some(least), None) => Some(format!("at least {least}")),
        (None, Some(most)) => Some(format!("at most {most}")),
        (Some(least), Some(most)) => Some(format!("{least} to {most}")),
    }
}

/// A text in one cell of a table.
pub fn table_cell(text: &str) -> String {
    text.replace('|', "\\|").replace("\n\n", "<br>").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(part: Value) -> String {
        parts("Thing", &json!({"properties": {"spec": part}})).concat()
    }

    #[test]
    fn a_field_is_shown_with_its_type_its_default_and_its_bounds() {
        let text = told(json!({"required": ["id"], "properties": {
            "id": {"type": "string", "maxLength": 32, "description": "Which|one."},
            "mode": {"type": "string", "enum": ["On", "Off"], "default": "On"},
            "many": {"type": "integer", "minimum": 0.0, "maximum": 100_000.0, "default": 100},
            "at": {"type": "string", "format": "date-time"},
            "list": {"type": "array", "maxItems": 3, "x-kubernetes-list-type": "set",
                "items": {"type": "string", "minLength": 1}},
            "map": {"type": "object", "additionalProperties": {"type": "string", "maxLength": 63}},
        }}));
        for row in [
            "| `id` | string | *required* | at most 32 characters | Which\\|one. |",
            "| `mode` | string | `\"On\"` | `On`, `Off` |  |",
            "| `many` | integer | `100` | 0 to 100000 |  |",
            "| `at` | time |  |  |  |",
            "| `list` | list of string |  | at most 3 entries; each once; each at least 1 characters |  |",
            "| `map` | map to string |  | each at most 63 characters |  |",
        ] {
            assert!(text.lines().any(|line| line == row), "{row}: {text}");
        }
    }

    #[test]
    fn each_object_inside_has_a_section_of_its_own_also_in_lists() {
        let text = told(json!({"properties": {
            "target": {"type": "object", "description": "Whom.", "properties": {"id": {"type": "string"}}},
            "items": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["id"],
                "items": {"type": "object", "properties": {"id": {"type": "string"}}}},
        }}));
        let heads: Vec<&str> = text.lines().filter(|line| line.starts_with("###")).collect();
        assert_eq!(heads, ["### Thing: spec", "### Thing: spec.items[]", "### Thing: spec.target"]);
        assert!(text.contains("one for each id"), "{text}");
    }

    #[test]
    fn a_rule_is_told_by_its_message_at_the_field_that_it_is_about() {
        let rule = |message: &str| json!([{"rule": "false", "message": message}]);
        let text = told(json!({
            "x-kubernetes-validations": [{"rule": "x", "message": "is immutable", "fieldPath": ".mode"}],
            "properties": {
                "id": {"type": "string", "x-kubernetes-validations": rule("must be an id")},
                "ids": {"type": "array", "items": {"type": "string", "x-kubernetes-validations": rule("must be ids")}},
            },
        }));
        assert!(
            text.ends_with("\nRules:\n\n- `mode`: is immutable\n- `id`: must be an id\n- `ids[]`: must be ids\n"),
            "{text}"
        );
    }
}
