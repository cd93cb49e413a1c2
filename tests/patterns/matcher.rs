//! Whether EventBridge lets an event through a pattern. An operator that isn't here ends the test: no pattern counts as
//! tested by chance.
//!
//! Source: "Amazon EventBridge event patterns", "Comparison operators for use in event patterns" (EventBridge User Guide);
//! the README of aws/event-ruler, "Array consistency".

use serde_json::Value;

pub fn matches(pattern: &Value, event: &Value) -> bool {
    reaches(pattern, Some(event))
}

fn reaches(pattern: &Value, node: Option<&Value>) -> bool {
    match (pattern, node) {
        // All fields of a pattern have to match in one and the same object of a list.
        (Value::Object(_), Some(Value::Array(items))) => items.iter().any(|item| reaches(pattern, Some(item))),
        (Value::Object(fields), _) => fields.iter().all(|(name, wanted)| match name.as_str() {
            "$or" => alternatives(wanted).any(|choice| reaches(choice, node)),
            name => reaches(wanted, node.and_then(|node| node.get(name))),
        }),
        (Value::Array(wanted), _) => wanted.iter().any(|wanted| value_matches(wanted, node)),
        _ => panic!("{pattern} is neither fields nor a list of values: EventBridge refuses such a pattern"),
    }
}

fn alternatives(choices: &Value) -> impl Iterator<Item = &Value> {
    choices.as_array().unwrap_or_else(|| panic!("$or has a list: {choices}")).iter()
}

/// One of a list's values is enough.
fn value_matches(wanted: &Value, node: Option<&Value>) -> bool {
    match node {
        Some(Value::Array(values)) => values.iter().any(|value| value_matches(wanted, Some(value))),
        node => match wanted {
            Value::Object(operator) => {
                let mut operators = operator.iter();
                let (Some((name, argument)), None) = (operators.next(), operators.next()) else {
                    panic!("one operator at a time: {wanted}")
                };
                operator_holds(name, argument, node)
            }
            Value::Array(_) => panic!("{wanted} is no value"),
            // A value of a pattern is compared as it is written, so that 7 isn't "7".
            wanted => node == Some(wanted),
        },
    }
}

fn operator_holds(name: &str, argument: &Value, node: Option<&Value>) -> bool {
    match name {
        // Of values alone: what holds fields doesn't exist in this sense.
        "exists" => {
            let wanted = argument.as_bool().expect("exists is true or false");
            node.is_some_and(|node| !node.is_object()) == wanted
        }
        "prefix" => {
            let prefix = argument.as_str().expect("a prefix is a text");
            node.and_then(Value::as_str).is_some_and(|text| text.starts_with(prefix))
        }
        "numeric" => {
            let bounds = argument.as_array().expect("numeric has a list").chunks(2);
            let Some(number) = node.and_then(Value::as_f64) else { return false };
            bounds.into_iter().all(|bound| {
                let limit = bound[1].as_f64().expect("a number comes after its comparison");
                match bound[0].as_str() {
                    Some(">=") => number >= limit,
                    Some(">") => number > limit,
                    Some("<=") => number <= limit,
                    Some("<") => number < limit,
                    Some("=") => number == limit,
                    other => panic!("numeric knows no {other:?}"),
                }
            })
        }
        other => panic!("this matcher has no operator {other}: add it, from the User Guide"),
    }
}

#[cfg(test)]
mod tests {
    use super::matches;
    use serde_json::{Value, json};

    fn assert_each(pattern: Value, taken: &[Value], left: &[Value]) {
        for event in taken {
            assert!(matches(&pattern, event), "{pattern} takes {event}");
        }
        for event in left {
            assert!(!matches(&pattern, event), "{pattern} leaves {event}");
        }
    }

    #[test]
    fn every_field_has_to_match_and_of_its_values_one() {
        let pattern = json!({"a": ["x", "y"], "b": {"c": [1]}});
        let taken = [json!({"a": "y", "b": {"c": 1}, "d": 0}), json!({"a": ["z", "x"], "b": {"c": [2, 1]}})];
        let left =
            [json!({"a": "y"}), json!({"a": "z", "b": {"c": 1}}), json!({"a": "y", "b": {"c": "1"}}), json!(null)];
        assert_each(pattern, &taken, &left);
    }

    #[test]
    fn fields_of_a_list_match_in_one_and_the_same_object() {
        let pattern = json!({"r": {"t": ["a"], "i": ["1"]}});
        let taken = [json!({"r": [{"t": "b"}, {"t": "a", "i": "1"}]}), json!({"r": {"t": "a", "i": "1"}})];
        let left = [json!({"r": [{"t": "a", "i": "2"}, {"t": "b", "i": "1"}]}), json!({"r": []})];
        assert_each(pattern, &taken, &left);
    }

    #[test]
    fn one_choice_is_enough_beside_the_other_fields() {
        let pattern = json!({"a": [1], "$or": [{"b": ["x"]}, {"c": {"d": [{"exists": true}]}}]});
        let taken = [json!({"a": 1, "b": "x"}), json!({"a": 1, "c": {"d": null}})];
        let left =
            [json!({"a": 1}), json!({"b": "x"}), json!({"a": 1, "c": {"d": {"e": 1}}}), json!({"a": 1, "c": {}})];
        assert_each(pattern, &taken, &left);
    }

    #[test]
    fn operators_compare_numbers_beginnings_and_absence() {
        let within = json!({"a": [{"numeric": [">=", 7, "<", 9]}]});
        assert_each(within, &[json!({"a": 7}), json!({"a": 8.9})], &[json!({"a": 9}), json!({"a": "8"}), json!({})]);
        assert_each(
            json!({"a": [{"prefix": "i-"}]}),
            &[json!({"a": "i-1"})],
            &[json!({"a": "eni-1"}), json!({"a": 1})],
        );
        assert_each(json!({"a": [{"exists": false}]}), &[json!({})], &[json!({"a": 1})]);
    }

    #[test]
    #[should_panic(expected = "no operator wildcard")]
    fn an_unknown_operator_is_no_answer() {
        matches(&json!({"a": [{"wildcard": "*"}]}), &json!({"a": "b"}));
    }
}
