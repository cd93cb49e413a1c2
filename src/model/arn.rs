//! ARNs, and the forms of what stands in them ("Identify AWS resources with Amazon Resource Names (ARNs)", IAM User Guide). Pure.

/// `arn:partition:service:region:account:resource`. Region and account are empty where the resource has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arn<'a> {
    /// `aws`, `aws-cn`, `aws-us-gov`, …
    pub partition: &'a str,
    pub service: &'a str,
    pub region: &'a str,
    pub account_id: &'a str,
    /// All of the rest, colons included.
    pub resource: &'a str,
}

impl<'a> Arn<'a> {
    /// None: it is no ARN.
    pub fn of(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        let scheme = parts.next()?;
        let arn = Self {
            partition: parts.next()?,
            service: parts.next()?,
            region: parts.next()?,
            account_id: parts.next()?,
            resource: parts.next()?,
        };
        let whole =
            scheme == "arn" && is_partition(arn.partition) && !arn.service.is_empty() && !arn.resource.is_empty();
        whole.then_some(arn)
    }
}

/// Whether two ARNs name one product of Security Hub, whichever regions they name: a finding that was aggregated from a
/// linked region carries that region's ARN ("Understanding cross-Region aggregation", AWS Security Hub User Guide).
pub fn is_same_product(one: &str, other: &str) -> bool {
    let anywhere = |text| Arn::of(text).map(|arn| Arn { region: "", ..arn });
    one == other || anywhere(one).is_some_and(|one| anywhere(other) == Some(one))
}

/// The ARN that a product has in Security Hub CSPM, whichever of the two Security Hubs this one is of.
pub fn in_cspm(product_arn: &str) -> String {
    product_arn.replacen(":productv2/", ":product/", 1)
}

/// The form of a product's ARN, as the API server holds it, too.
pub fn is_product(text: &str) -> bool {
    Arn::of(text).is_some_and(|arn| {
        arn.service == "securityhub"
            && arn.region.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            && arn.account_id.chars().all(|c| c.is_ascii_digit())
            && arn
                .resource
                .split_once('/')
                .is_some_and(|(hub, name)| matches!(hub, "product" | "productv2") && !name.is_empty())
            && text.chars().count() <= 2048
            && !text.chars().any(char::is_control)
    })
}

fn is_partition(partition: &str) -> bool {
    partition.starts_with("aws")
        && partition.len() <= 32
        && partition.chars().all(|c| c.is_ascii_lowercase() || c == '-')
}

/// The partition that a region lies in: every one but `aws` has region names of its own ("AWS Regions and Availability
/// Zones", AWS documentation; the partitions.json of the AWS SDKs).
pub fn partition_of(region: &str) -> &'static str {
    const OWN: [(&str, &str); 8] = [
        ("cn-", "aws-cn"),
        ("us-gov-", "aws-us-gov"),
        ("us-iso-", "aws-iso"),
        ("us-isob-", "aws-iso-b"),
        ("eu-isoe-", "aws-iso-e"),
        ("us-isof-", "aws-iso-f"),
        ("eu-isof-", "aws-iso-f"),
        ("eusc-", "aws-eusc"),
    ];
    OWN.into_iter().find(|(begins, _)| region.starts_with(begins)).map_or("aws", |(_, partition)| partition)
}

/// The form of a region, as the API server holds it, too: eu-central-1, us-gov-west-1, cn-north-1.
pub fn is_region(region: &str) -> bool {
    let word = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase());
    let mut parts = region.split('-');
    let first = parts.next().is_some_and(|first| (2..=4).contains(&first.len()) && word(first));
    let last =
        parts.next_back().is_some_and(|last| matches!(last.len(), 1 | 2) && last.chars().all(|c| c.is_ascii_digit()));
    let between: Vec<&str> = parts.collect();
    region.len() <= 32 && first && last && !between.is_empty() && between.into_iter().all(word)
}

pub fn is_account_id(id: &str) -> bool {
    id.len() == 12 && id.chars().all(|c| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_is_read_whole_and_its_resource_keeps_its_colons() {
        let text = "arn:aws-cn:sns:cn-north-1:111122223333:topic:with:colons";
        let arn = Arn::of(text).expect("an ARN");
        assert_eq!((arn.partition, arn.service, arn.region), ("aws-cn", "sns", "cn-north-1"));
        assert_eq!((arn.account_id, arn.resource), ("111122223333", "topic:with:colons"));
        assert_eq!(Arn::of("arn:aws:s3:::shop").map(|arn| (arn.region, arn.account_id)), Some(("", "")));
        for none in
            ["", "i-0123", "arn:aws:s3", "arn:evil:s3:::shop", "arn:aws::::shop", "arn:aws:s3:::", "AWS::::Account:1"]
        {
            assert_eq!(Arn::of(none), None, "{none}");
        }
    }

    #[test]
    fn a_product_is_the_same_in_every_region_and_another_one_in_another_account_or_partition() {
        let product = "arn:aws:securityhub:eu-central-1::product/aws/guardduty";
        assert!(is_same_product(product, product));
        assert!(is_same_product(product, "arn:aws:securityhub:eu-west-1::product/aws/guardduty"));
        for other in [
            "arn:aws-cn:securityhub:eu-central-1::product/aws/guardduty",
            "arn:aws:securityhub:eu-central-1:111122223333:product/aws/guardduty",
            "arn:aws:securityhub:eu-central-1::product/aws/guardduty2",
            "product/aws/guardduty",
        ] {
            assert!(!is_same_product(product, other), "{other}");
        }
        assert!(!is_same_product("no ARN", "no other ARN"));
    }

    #[test]
    fn a_region_tells_its_partition() {
        for (region, partition) in [
            ("eu-central-1", "aws"),
            ("us-east-1", "aws"),
            ("cn-northwest-1", "aws-cn"),
            ("us-gov-east-1", "aws-us-gov"),
            ("us-iso-east-1", "aws-iso"),
            ("us-isob-east-1", "aws-iso-b"),
            ("eu-isoe-west-1", "aws-iso-e"),
            ("us-isof-south-1", "aws-iso-f"),
            ("eusc-de-east-1", "aws-eusc"),
        ] {
            assert_eq!(partition_of(region), partition, "{region}");
        }
    }

    #[test]
    fn a_region_has_the_form_that_the_api_server_takes() {
        for region in
            ["eu-central-1", "us-gov-west-1", "cn-northwest-1", "us-isob-east-1", "eusc-de-east-1", "ap-south-12"]
        {
            assert!(is_region(region), "{region}");
        }
        for region in [
            "",
            "eu",
            "eu-1",
            "eu-central",
            "eu-central-1a",
            "eu-central-123",
            "e-central-1",
            "EU-central-1",
            "eu--1",
            "-eu-central-1",
        ] {
            assert!(!is_region(region), "{region}");
        }
    }
}
