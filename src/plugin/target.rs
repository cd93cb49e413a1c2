//! What the command line names: instances and findings, by id or by ARN, and the names of their Quarantines. Pure.

use kube::api::DynamicObject;
use quarantine_operator::model::{arn::Arn, instance::is_instance_id};
use std::str::FromStr;

/// An instance, and where it lies if its ARN was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    pub id: String,
    pub region: Option<String>,
    pub account: Option<String>,
}

/// A finding, and the region that its ARN names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub id: String,
    pub region: Option<String>,
}

impl FromStr for Instance {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if is_instance_id(text) {
            return Ok(Self { id: text.to_owned(), region: None, account: None });
        }
        let arn = Arn::of(text).filter(|arn| arn.service == "ec2");
        let id = arn.as_ref().and_then(|arn| arn.resource.strip_prefix("instance/")).filter(|id| is_instance_id(id));
        match (id, arn) {
            (Some(id), Some(arn)) => Ok(Self { id: id.to_owned(), region: told(arn.region), account: told(arn.account_id) }),
            _ => Err("it is no EC2 instance id (i- and 17 or, for old instances, 8 lower-case hexadecimal digits, such as i-0123456789abcdef0), no ARN of one, and none of the commands finding, list, status, release, approve, enforce, completion".to_owned()),
        }
    }
}

impl FromStr for Finding {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("a finding's Id isn't empty".to_owned());
        }
        Ok(Self { id: text.to_owned(), region: Arn::of(text).and_then(|arn| told(arn.region)) })
    }
}

impl Finding {
    /// A name that tells which finding, the same each time. None where nothing in the id can stand in a name.
    pub fn quarantine_name(&self) -> Option<String> {
        let last = self.id.rsplit(['/', ':']).find(|part| !part.is_empty())?;
        let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
        let word: String = last.chars().map(plain).take(53).collect();
        let word = word.trim_matches('-');
        (!word.is_empty()).then(|| format!("finding-{word}"))
    }
}

/// Whether it is about this instance. Read from what the server sent, so that an object that this plugin doesn't
/// understand counts too.
pub fn is_about(raw: &DynamicObject, instance: &str) -> bool {
    ["/spec/target/instance/id", "/spec/target/finding/instanceId", "/status/target/instanceId"]
        .iter()
        .any(|path| raw.data.pointer(path).is_some_and(|id| id == instance))
}

fn told(part: &str) -> Option<String> {
    (!part.is_empty()).then(|| part.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_is_named_by_its_id_or_its_arn_of_any_partition() {
        for id in ["i-0123456789abcdef0", "i-0123abcd"] {
            assert_eq!(id.parse(), Ok(Instance { id: id.to_owned(), region: None, account: None }));
        }
        let arn = "arn:aws-cn:ec2:cn-north-1:111122223333:instance/i-0123456789abcdef0";
        let (region, account) = (Some("cn-north-1".to_owned()), Some("111122223333".to_owned()));
        assert_eq!(arn.parse(), Ok(Instance { id: "i-0123456789abcdef0".to_owned(), region, account }));
    }

    #[test]
    fn what_is_no_instance_is_refused_with_the_right_form() {
        for wrong in [
            "",
            "i-",
            "i-0ABC",
            "i-0123456789ABCDEF0",
            "i-0123456789abcdef",
            "i-0123456789abcdef00",
            "eni-0123456789abcdef0",
            "arn:aws:ec2:eu-central-1:111122223333:volume/vol-0123456789abcdef0",
            "arn:aws:rds:eu-central-1:111122223333:instance/i-0123456789abcdef0",
            "arn:aws:ec2:eu-central-1",
        ] {
            let said = wrong.parse::<Instance>().expect_err(wrong);
            assert!(said.contains("i-0123456789abcdef0"), "{said}");
        }
    }

    #[test]
    fn a_findings_arn_tells_its_region_and_its_quarantines_name() {
        let arn = "arn:aws:guardduty:eu-central-1:111122223333:detector/12abc/finding/5CB0A";
        let finding: Finding = arn.parse().expect("a finding");
        assert_eq!((finding.id.as_str(), finding.region.as_deref()), (arn, Some("eu-central-1")));
        assert_eq!(finding.quarantine_name().as_deref(), Some("finding-5cb0a"));
    }

    #[test]
    fn a_products_own_form_of_id_names_a_quarantine_too_if_it_can() {
        let name = |id: &str| id.parse::<Finding>().expect("a finding").quarantine_name();
        assert_eq!(name("Acme/Alert #7!").as_deref(), Some("finding-alert--7"));
        assert_eq!(name("***"), None);
        assert!(name(&"x".repeat(500)).is_some_and(|name| name.len() <= 63));
    }
}
