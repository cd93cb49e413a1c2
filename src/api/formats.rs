//! The formats of AWS identifiers, each as a CEL rule whose message says what the right form is. The API server holds
//! them; nothing here runs in the operator.

use kube::core::Rule;
use schemars::{Schema, transform::Transform};

/// The bound of texts whose form a rule holds more tightly: what is pasted wrongly, such as an ARN, is then answered by
/// the rule's message and not with "Too long".
pub const ROOM: u32 = 128;

/// A role's path has at most 512 characters, its name 64.
pub const ROLE_ROOM: u32 = 576;

/// The same rule for each entry of a list: the refusal then names the entry.
pub fn each(rule: Rule) -> impl Transform {
    move |list: &mut Schema| {
        // It stands on `Vec`s only, whose schema has items; the CRDs are made by tests and by hand, never in a cluster.
        let items = list.get_mut("items").and_then(|items| items.as_object_mut()).expect("a list's schema has items");
        items.insert("x-kubernetes-validations".to_owned(), serde_json::json!([rule]));
    }
}

pub fn instance_id() -> Rule {
    Rule::new("self.matches('^i-([0-9a-f]{8}|[0-9a-f]{17})$')")
        .message("must be an EC2 instance id: i- and 17 (or, for old instances, 8) lower-case hexadecimal digits, such as i-0123456789abcdef0")
}

pub fn security_group_id() -> Rule {
    Rule::new("self.matches('^sg-([0-9a-f]{8}|[0-9a-f]{17})$')")
        .message("must be a security group id: sg- and 17 (or, for old groups, 8) lower-case hexadecimal digits, such as sg-0123456789abcdef0")
}

/// The characters that AWS allows in a security group's name and description.
const GROUP_TEXT: &str = "^[a-zA-Z0-9 ._:/()#,@\\\\[\\\\]+=&;{}!$*-]+$";

/// AWS cuts blanks off the end of a name, so such a name would never be found.
pub fn security_group_name() -> Rule {
    Rule::new(format!("self.matches('{GROUP_TEXT}') && self == self.trim() && !self.startsWith('sg-')"))
        .message("must be a security group name: letters, digits, inner spaces and ._-:/()#,@[]+=&;{}!$*; for a group's id (sg-...) use the field id")
}

pub fn made_group_name() -> Rule {
    Rule::new("self != 'default'").message("AWS keeps the name default for each VPC's own group: choose another")
}

pub fn security_group_description() -> Rule {
    Rule::new(format!("self.matches('{GROUP_TEXT}')"))
        .message("must be letters, digits, spaces and ._-:/()#,@[]+=&;{}!$*: AWS allows no others")
}

pub fn account_id() -> Rule {
    Rule::new("self.matches('^[0-9]{12}$')")
        .message("must be an AWS account id: 12 digits, in quotes, such as \"111122223333\"")
}

pub fn region() -> Rule {
    Rule::new("size(self) <= 32 && self.matches('^[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}$')")
        .message("must be an AWS region, such as eu-central-1 (not an Availability Zone, such as eu-central-1a)")
}

pub fn role_name() -> Rule {
    Rule::new("self.matches('^([a-zA-Z0-9+=,.@_-]+/)*[a-zA-Z0-9+=,.@_-]{1,64}$')").message(
        "must be the role's name, with its path if it has one, such as quarantine or security/quarantine; not its ARN: the account comes from the target",
    )
}

pub fn external_id() -> Rule {
    Rule::new("size(self) >= 2 && self.matches('^[a-zA-Z0-9+=,.@:/_-]+$')")
        .message("must be 2 to 1,224 letters, digits or +=,.@:/_- (no blanks)")
}

pub fn session_name() -> Rule {
    Rule::new("self.matches('^[a-zA-Z0-9+=,.@_-]{2,64}$')")
        .message("must be 2 to 64 letters, digits or +=,.@_- (no blanks)")
}

/// One spelling for each network, so that a set of them is a set, and what AWS answers compares.
pub fn network() -> Rule {
    Rule::new("isCIDR(self) && string(cidr(self).masked()) == self").message(
        "must be an IPv4 or IPv6 network in CIDR notation, without host bits, IPv6 in its short lower-case form, such as 10.0.0.0/8, 192.0.2.7/32 or 2001:db8::/32",
    )
}

pub fn prefix_list_id() -> Rule {
    Rule::new("self.matches('^pl-([0-9a-f]{8}|[0-9a-f]{17})$')")
        .message("must be a prefix list id: pl- and 17 (or, for old lists, 8) lower-case hexadecimal digits, such as pl-0123456789abcdef0")
}

pub fn product_arn() -> Rule {
    Rule::new("self.matches('^arn:aws[a-z-]*:securityhub:[a-z0-9-]*:[0-9]*:product(v2)?/.+$')").message(
        "must be the ARN of a Security Hub product, such as arn:aws:securityhub:eu-central-1::product/aws/guardduty, or in the newer Security Hub arn:aws:securityhub:eu-central-1::productv2/aws/guardduty",
    )
}

pub fn queue_url() -> Rule {
    Rule::new("self.matches('^https?://[^/ ]+/[0-9]{12}/[a-zA-Z0-9_-]{1,80}$')").message(
        "must be the URL of a standard SQS queue, such as https://sqs.eu-central-1.amazonaws.com/111122223333/quarantine-findings",
    )
}

pub fn custom_action_id() -> Rule {
    Rule::new("self.matches('^[a-zA-Z0-9]{1,20}$')")
        .message("must be 1 to 20 letters and digits, such as Quarantine; not the ARN")
}

pub fn custom_action_arn() -> Rule {
    Rule::new("self.matches('^arn:aws[a-z-]*:securityhub:[a-z0-9-]+:[0-9]{12}:action/custom/[a-zA-Z0-9]{1,20}$')").message(
        "must be the ARN of a Security Hub custom action, such as arn:aws:securityhub:eu-central-1:111122223333:action/custom/Quarantine",
    )
}

pub fn vpc_id() -> Rule {
    Rule::new("self.matches('^vpc-([0-9a-f]{8}|[0-9a-f]{17})$')")
        .message("must be a VPC id: vpc- and 17 (or, for old VPCs, 8) lower-case hexadecimal digits, such as vpc-0123456789abcdef0")
}

pub fn namespace() -> Rule {
    Rule::new("!format.dns1123Label().validate(self).hasValue()").message("must be the name of a namespace")
}

pub fn class_name() -> Rule {
    Rule::new("!format.dns1123Subdomain().validate(self).hasValue()")
        .message("must be the name of a QuarantineClass: lower-case letters, digits, - and ., with a letter or digit at both ends")
}

pub fn label_key() -> Rule {
    Rule::new("!format.qualifiedName().validate(self).hasValue()")
        .message("must be a label's key, such as kubernetes.io/metadata.name")
}

/// An optional field of `self` that can't be set, changed or removed later.
pub fn immutable(field: &str) -> Rule {
    Rule::new(format!(
        "has(self.{field}) == has(oldSelf.{field}) && (!has(self.{field}) || self.{field} == oldSelf.{field})"
    ))
    .field_path(format!(".{field}"))
}
