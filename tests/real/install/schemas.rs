//! JSON schemas for kubeconform, made of the OpenAPI that the running API server serves: what it would store, and no
//! field beside that.

use crate::support::stack;
use serde_json::{Map, Value, json};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Writes a schema for each kind that the API server knows, and answers kubeconform's `-schema-location` for them.
pub fn write(folder: &Path) -> PathBuf {
    let mut kubectl = stack().kubectl();
    kubectl.args(["get", "--raw", "/openapi/v2"]);
    let document = super::output(kubectl).expect("the API server describes itself");
    let document: Value = serde_json::from_str(&document).expect("JSON");
    let mut definitions = document["definitions"].as_object().expect("definitions").clone();
    definitions.iter_mut().for_each(|(name, definition)| close(name, definition));
    for (name, definition) in &definitions {
        for kind in definition["x-kubernetes-group-version-kind"].as_array().into_iter().flatten() {
            let text = |field: &str| kind[field].as_str().expect("text").to_lowercase();
            // kubeconform takes what stands before the slash of apiVersion for the group: in the core group, the version.
            let group = if text("group").is_empty() { text("version") } else { text("group") };
            let mut reached = BTreeSet::new();
            reach(name, &definitions, &mut reached);
            let reached: Map<String, Value> =
                reached.into_iter().map(|name| (name.clone(), definitions[&name].clone())).collect();
            let schema = json!({
                "$schema": "http://json-schema.org/draft-07/schema#",
                "allOf": [{"$ref": format!("#/definitions/{name}")}],
                "definitions": reached,
            });
            let file = folder.join(format!("{group}-{}-{}.json", text("version"), text("kind")));
            fs::write(file, schema.to_string()).expect("a schema is written");
        }
    }
    folder.join("{{.Group}}-{{.ResourceAPIVersion}}-{{.ResourceKind}}.json")
}

/// No other fields than those it names; and the two types that are numbers or text.
fn close(name: &str, definition: &mut Value) {
    if name.ends_with(".IntOrString") || name.ends_with(".Quantity") {
        *definition = json!({"type": ["string", "number"]});
        return;
    }
    if let Some(fields) = definition.as_object_mut() {
        let open = fields.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(true));
        if fields.contains_key("properties") && !fields.contains_key("additionalProperties") && !open {
            fields.insert("additionalProperties".to_owned(), Value::Bool(false));
        }
        for (key, below) in fields.iter_mut() {
            match key.as_str() {
                "properties" => {
                    below.as_object_mut().into_iter().flatten().for_each(|(_, property)| close("", property));
                }
                "items" | "additionalProperties" => close("", below),
                _ => {}
            }
        }
    }
}

/// The definitions that one refers to, itself first.
fn reach(name: &str, definitions: &Map<String, Value>, reached: &mut BTreeSet<String>) {
    if !reached.insert(name.to_owned()) {
        return;
    }
    let text = definitions[name].to_string();
    for (_, rest) in text.match_indices("#/definitions/").map(|(at, found)| text.split_at(at + found.len())) {
        reach(rest.split('"').next().unwrap_or_default(), definitions, reached);
    }
}
