//! What the API server takes of a Quarantine, asked by other means than the code under test uses: the bounds and rules of
//! `crds/quarantines.yaml`, and Kubernetes' own for names and labels.

use crate::api::{FindingReference, Quarantine, SOURCE_LABEL};

/// Panics with what doesn't fit.
pub fn assert_fits(quarantine: &Quarantine) {
    let name = quarantine.metadata.name.as_deref().expect("a name");
    assert!(is_subdomain(name), "the name {name}");
    let labels = quarantine.metadata.labels.as_ref().expect("labels");
    assert!(is_label_value(&labels[SOURCE_LABEL]), "the label {}", labels[SOURCE_LABEL]);
    let spec = &quarantine.spec;
    let target = spec.target.instance.as_ref().expect("an instance");
    assert!(spec.target.finding.is_none());
    assert!(is_hex_id(&target.id, "i-"), "the instance {}", target.id);
    assert!(is_region(&target.region), "the region {}", target.region);
    let account_id = target.account_id.as_deref().expect("an account");
    assert!(account_id.len() == 12 && account_id.bytes().all(|byte| byte.is_ascii_digit()), "{account_id}");
    let reason = spec.reason.as_deref().expect("a reason");
    assert!(reason.chars().count() <= 1024 && !reason.contains(char::is_control), "the reason {reason:?}");
    assert_references_fit(&spec.findings);
}

pub fn assert_references_fit(findings: &[FindingReference]) {
    assert!(findings.len() <= 20, "{} findings", findings.len());
    for (index, finding) in findings.iter().enumerate() {
        let FindingReference { id, region, product_arn } = finding;
        assert!((1..=512).contains(&id.chars().count()), "the finding {id}");
        assert!(is_region(region), "the finding's region {region}");
        assert!(product_arn.chars().count() <= 2048, "a long product");
        let parts: Vec<&str> = product_arn.split(':').collect();
        let form = parts.len() >= 6
            && parts[0] == "arn"
            && parts[1].starts_with("aws")
            && parts[1].bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
            && parts[2] == "securityhub"
            && parts[3].bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && parts[4].bytes().all(|byte| byte.is_ascii_digit())
            && ["product/", "productv2/"].into_iter().any(|begins| {
                let product = parts[5..].join(":");
                product.strip_prefix(begins).is_some_and(|rest| !rest.is_empty() && !rest.contains('\n'))
            });
        assert!(form, "the product {product_arn}");
        let twice = findings[..index].iter().any(|other| other.id == *id && other.product_arn == *product_arn);
        assert!(!twice, "{id} is listed twice");
    }
}

/// RFC 1123, as Kubernetes takes it for names.
fn is_subdomain(name: &str) -> bool {
    let edge = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    name.len() <= 253
        && name.split('.').all(|part| {
            let bytes = part.as_bytes();
            edge(bytes.first())
                && edge(bytes.last())
                && bytes.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-')
        })
}

fn is_label_value(value: &str) -> bool {
    let bytes = value.as_bytes();
    bytes.len() <= 63
        && bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

pub fn is_hex_id(id: &str, prefix: &str) -> bool {
    let digits = id.strip_prefix(prefix).unwrap_or_default().as_bytes();
    [8, 17].contains(&digits.len()) && digits.iter().all(|byte| b"0123456789abcdef".contains(byte))
}

/// `^[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}$`, of 32 characters at most.
pub fn is_region(region: &str) -> bool {
    let Some((words, number)) = region.rsplit_once('-') else { return false };
    let words: Vec<&str> = words.split('-').collect();
    region.len() <= 32
        && [1, 2].contains(&number.len())
        && number.bytes().all(|byte| byte.is_ascii_digit())
        && words.len() >= 2
        && (2..=4).contains(&words[0].len())
        && words.iter().all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase()))
}
