//! The schemas as a whole: walked field by field.

use crate::support::client;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use quarantine_operator::api::crds;
use serde_json::{Value, json};

#[test]
fn every_field_has_a_description() {
    let found =
        offenders(|field, schema| !field.ends_with("[]") && !field.ends_with("{}") && schema["description"].is_null());
    assert_eq!(found, [""; 0]);
}

#[test]
fn every_description_is_made_of_whole_sentences() {
    let found = offenders(|_, schema| {
        schema["description"].as_str().is_some_and(|text| !text.ends_with(['.', ')']) || text.contains('\n'))
    });
    assert_eq!(found, [""; 0]);
}

#[test]
fn every_text_is_bounded() {
    let bounds = ["maxLength", "enum", "format"];
    let found = offenders(|_, schema| schema["type"] == "string" && bounds.iter().all(|bound| schema[bound].is_null()));
    assert_eq!(found, [""; 0]);
}

#[test]
fn every_list_is_bounded() {
    assert_eq!(offenders(|_, schema| schema["type"] == "array" && schema["maxItems"].is_null()), [""; 0]);
}

#[test]
fn every_map_is_bounded() {
    let unbounded = |schema: &Value| schema["maxProperties"].is_null() && schema["properties"].is_null();
    assert_eq!(offenders(|_, schema| schema["type"] == "object" && unbounded(schema)), [""; 0]);
}

#[test]
fn no_field_is_nullable() {
    assert_eq!(offenders(|_, schema| schema["nullable"] == true), [""; 0]);
}

#[test]
fn every_number_has_a_format_that_kubernetes_knows() {
    let known = ["int32", "int64"];
    let unknown = |schema: &Value| !schema["format"].as_str().is_some_and(|format| known.contains(&format));
    assert_eq!(offenders(|_, schema| schema["type"] == "integer" && unknown(schema)), [""; 0]);
}

#[test]
fn every_rule_says_in_its_message_what_to_do() {
    let silent = |rule: &Value| rule["message"].is_null();
    let found = offenders(|_, schema| {
        schema["x-kubernetes-validations"].as_array().is_some_and(|rules| rules.iter().any(silent))
    });
    assert_eq!(found, [""; 0]);
}

#[test]
fn every_column_is_described() {
    let columns =
        crds().into_iter().flat_map(|crd| crd.spec.versions).filter_map(|version| version.additional_printer_columns);
    let silent = columns.flatten().filter(|column| column.description.is_none()).map(|column| column.name);
    assert_eq!(silent.collect::<Vec<_>>(), [""; 0]);
}

/// The API server refuses a rule whose estimated cost is over its budget, and the estimate grows with the bounds.
#[tokio::test]
async fn every_rule_has_room_in_the_budget_for_bounds_twice_as_wide() {
    let api: Api<CustomResourceDefinition> = Api::all(client().await);
    for crd in crds() {
        let name = crd.metadata.name.clone().expect("a CRD has a name");
        let mut wider = serde_json::to_value(crd).expect("a CRD is JSON");
        widen(&mut wider);
        let params = PatchParams { dry_run: true, ..PatchParams::apply("tests").force() };
        let answer = api.patch(&name, &params, &Patch::Apply(wider)).await;
        answer.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

fn widen(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_u64() {
                    Some(bound) if ["maxLength", "maxItems", "maxProperties"].contains(&name.as_str()) => {
                        *value = json!(2 * bound)
                    }
                    _ => widen(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(widen),
        _ => {}
    }
}

/// The paths of the fields for which `wrong` holds. The entries of a list are `[]`, those of a map `{}`.
fn offenders(wrong: impl Fn(&str, &Value) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for crd in crds() {
        for version in crd.spec.versions {
            let schema = version.schema.and_then(|schema| schema.open_api_v3_schema).expect("a version has a schema");
            let schema = serde_json::to_value(schema).expect("a schema is JSON");
            walk(&crd.spec.names.kind, &schema, &mut |path, schema| {
                if wrong(path, schema) {
                    found.push(path.to_owned());
                }
            });
        }
    }
    found
}

fn walk(path: &str, schema: &Value, look: &mut impl FnMut(&str, &Value)) {
    look(path, schema);
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        walk(&format!("{path}.{name}"), field, look);
    }
    for (keyword, mark) in [("items", "[]"), ("additionalProperties", "{}")] {
        if schema[keyword].is_object() {
            walk(&format!("{path}{mark}"), &schema[keyword], look);
        }
    }
}
