//! The schema of a label selector: Kubernetes' own, with bounds and rules.

use super::formats;
use kube::core::Rule;

/// A label selector, every part of it bounded. A requirement that can't be read would be one that selects too much.
pub fn bounded(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "object",
        "x-kubernetes-map-type": "atomic",
        "properties": {
            "matchLabels": {
                "type": "object", "maxProperties": 32,
                "additionalProperties": { "type": "string", "maxLength": 63 },
                "description": "Labels that the namespace must carry."
            },
            "matchExpressions": {
                "type": "array", "maxItems": 32,
                "description": "Further requirements, all of which must hold.",
                "items": {
                    "type": "object", "required": ["key", "operator"],
                    "properties": {
                        "key": {
                            "type": "string", "maxLength": 317,
                            "description": "The label's key.",
                            "x-kubernetes-validations": [formats::label_key()]
                        },
                        "operator": {
                            "type": "string", "enum": ["In", "NotIn", "Exists", "DoesNotExist"],
                            "description": "How key and values relate."
                        },
                        "values": {
                            "type": "array", "maxItems": 64,
                            "items": { "type": "string", "maxLength": 63 },
                            "description": "Values, for In and NotIn."
                        }
                    },
                    "x-kubernetes-validations": [
                        Rule::new("(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)")
                            .message("In and NotIn need values; Exists and DoesNotExist have none")
                    ]
                }
            }
        }
    })
}
