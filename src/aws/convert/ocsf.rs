//! The newer Security Hub's types to `model::finding`, and back. What is read of a finding stands in `model::ocsf`.

use super::required;
use crate::model::finding::{Finding, FindingKey, Unprocessed};
pub use crate::model::ocsf::status_id;
use crate::model::problem::Problem;
use aws_sdk_securityhub::types as sdk;
use aws_smithy_types::{Document, Number};
use serde_json::Value;

/// From GetFindingsV2. Errors: why the finding can't be understood, in a sentence.
pub fn finding(given: &Value) -> Result<Finding, String> {
    crate::model::ocsf::read(given)
}

/// A finding comes as a document, which no model describes.
pub fn json(given: &Document) -> Value {
    match given {
        Document::Null => Value::Null,
        Document::Bool(value) => Value::Bool(*value),
        Document::Number(Number::PosInt(value)) => Value::from(*value),
        Document::Number(Number::NegInt(value)) => Value::from(*value),
        Document::Number(Number::Float(value)) => Value::from(*value),
        Document::String(value) => Value::String(value.clone()),
        Document::Array(values) => values.iter().map(json).collect(),
        Document::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), json(value))).collect(),
    }
}

/// For GetFindingsV2: findings of these ids, of whatever product.
pub fn filters_by_id(ids: &[String]) -> sdk::OcsfFindingFilters {
    let by_id = ids.iter().map(|id| {
        let equals = sdk::StringFilter::builder().comparison(sdk::StringFilterComparison::Equals).value(id).build();
        sdk::OcsfStringFilter::builder().field_name(sdk::OcsfStringField::FindingInfoUid).filter(equals).build()
    });
    let any = sdk::CompositeFilter::builder().set_string_filters(Some(by_id.collect()));
    let any = any.operator(sdk::AllowedOperators::Or).build();
    sdk::OcsfFindingFilters::builder().composite_filters(any).build()
}

/// For BatchUpdateFindingsV2.
pub fn identifier(account_id: &str, id: &str, product_arn: &str) -> sdk::OcsfFindingIdentifier {
    sdk::OcsfFindingIdentifier::builder()
        .cloud_account_uid(account_id)
        .finding_info_uid(id)
        .metadata_product_uid(product_arn)
        .build()
}

/// From BatchUpdateFindingsV2.
pub fn unprocessed(
    operation: &'static str,
    given: &sdk::BatchUpdateFindingsV2UnprocessedFinding,
) -> Result<Unprocessed, Problem> {
    let named = given.finding_identifier();
    Ok(Unprocessed {
        key: FindingKey {
            id: required("the id of an unprocessed finding", named.and_then(|named| named.finding_info_uid()))?,
            product_arn: named.and_then(|named| named.metadata_product_uid()).map(str::to_owned),
            account_id: named.and_then(|named| named.cloud_account_uid()).map(str::to_owned),
        },
        operation,
        code: given.error_code().map(|code| code.as_str().to_owned()).unwrap_or_default(),
        message: given.error_message().unwrap_or_default().to_owned(),
    })
}
