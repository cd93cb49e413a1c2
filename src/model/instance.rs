//! EC2 instances, as findings name them: by their ARN, or by their bare id with what stands around it. Pure.

use super::{
    Tags,
    arn::{Arn, is_account_id, is_region, partition_of},
};
use std::collections::BTreeMap;

/// The types by which a resource says that it is an instance: in ASFF ("AwsEc2", AWS Security Hub User Guide), in the newer
/// Security Hub, in GuardDuty's findings and in its attack sequences.
const TYPES: [&str; 4] = ["AwsEc2Instance", "AWS::EC2::Instance", "Instance", "EC2_INSTANCE"];

/// So many resources that are no instances are told.
const MOST_OTHERS: usize = 10;

/// An EC2 instance, as a finding names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedInstance {
    pub id: String,
    pub account_id: String,
    /// The finding names the instance by its bare id, and nothing says that it lies in the finding's account.
    pub account_assumed: bool,
    pub region: String,
    /// `aws`, `aws-cn`, `aws-us-gov`, …
    pub partition: String,
    pub vpc_id: Option<String>,
    pub tags: Tags,
}

/// One resource of a finding, whichever format it was written in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resource {
    /// Its type, in the format's words.
    pub kind: String,
    /// An ARN, or what the product calls it.
    pub id: String,
    pub partition: Option<String>,
    pub region: Option<String>,
    /// The account that it lies in, where the format tells it apart from the finding's.
    pub account_id: Option<String>,
    pub vpc_id: Option<String>,
    pub tags: Tags,
}

/// What a finding says of itself, for resources that don't.
#[derive(Clone, Copy, Debug)]
pub struct Beside<'a> {
    pub partition: Option<&'a str>,
    pub region: Option<&'a str>,
    pub account_id: &'a str,
}

/// What a finding's resources come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instances {
    /// Each once, in the finding's order.
    pub named: Vec<NamedInstance>,
    /// What says that it is an instance and names none, or one in two places.
    pub unreadable: Vec<String>,
    /// The other resources, by type and id: at most [`MOST_OTHERS`].
    pub others: Vec<String>,
}

impl Instances {
    /// The one reader of instances. A resource of an instance's type counts by its ARN or its bare id; one of any other
    /// type (misspelt, or `Other`) only by an instance's ARN: a bare id beside a strange type is a guess.
    pub fn among(resources: impl IntoIterator<Item = Resource>, beside: Beside<'_>) -> Self {
        let mut found = Self::default();
        let mut named = Vec::new();
        for resource in resources {
            let is_instance = TYPES.contains(&resource.kind.as_str());
            let instance = NamedInstance::of_arn(&resource.id)
                .or_else(|| if is_instance { NamedInstance::of_bare_id(&resource, beside) } else { None });
            let Resource { kind, id, vpc_id, tags, partition: _, region: _, account_id: _ } = resource;
            match instance {
                Some(instance) => named.push(NamedInstance { vpc_id, tags, ..instance }),
                None if is_instance && id.is_empty() => found.unreadable.push(format!("{kind} without an id")),
                None if is_instance => found.unreadable.push(id),
                None if found.others.len() < MOST_OTHERS => found.others.push(format!("{kind} {id}").trim().to_owned()),
                None => {}
            }
        }
        found.named = each_once(named, &mut found.unreadable);
        found
    }
}

impl NamedInstance {
    /// From an instance's ARN, of any partition: `arn:aws:ec2:eu-central-1:111122223333:instance/i-0123456789abcdef0`.
    /// None: it is no such ARN.
    pub fn of_arn(arn: &str) -> Option<Self> {
        let Arn { partition, service, region, account_id, resource } = Arn::of(arn)?;
        let id = resource.strip_prefix("instance/")?;
        let whole = service == "ec2" && is_region(region) && is_account_id(account_id) && is_instance_id(id);
        whole.then(|| Self {
            id: id.to_owned(),
            account_id: account_id.to_owned(),
            account_assumed: false,
            region: region.to_owned(),
            partition: partition.to_owned(),
            vpc_id: None,
            tags: Tags::new(),
        })
    }

    /// What the resource doesn't tell, the finding does; the partition is at last that of the region.
    fn of_bare_id(resource: &Resource, beside: Beside<'_>) -> Option<Self> {
        let told = |own: &Option<String>| own.clone().filter(|own| !own.is_empty());
        let region = told(&resource.region).or_else(|| beside.region.map(str::to_owned))?;
        let partition = told(&resource.partition).or_else(|| beside.partition.map(str::to_owned));
        let partition = partition.unwrap_or_else(|| partition_of(&region).to_owned());
        let account_id = told(&resource.account_id);
        let account_assumed = account_id.is_none();
        let account_id = account_id.unwrap_or_else(|| beside.account_id.to_owned());
        let instance = Self::of_arn(&format!("arn:{partition}:ec2:{region}:{account_id}:instance/{}", resource.id))?;
        Some(Self { account_assumed, ..instance })
    }

    pub fn arn(&self) -> String {
        let Self { id, account_id, account_assumed: _, region, partition, vpc_id: _, tags: _ } = self;
        format!("arn:{partition}:ec2:{region}:{account_id}:instance/{id}")
    }

    fn place(&self) -> (&str, &str, &str) {
        (&self.partition, &self.region, &self.account_id)
    }

    /// What another entry tells of the same instance; what is known already stays.
    fn absorb(&mut self, other: Self) {
        self.vpc_id = self.vpc_id.take().or(other.vpc_id);
        for (key, value) in other.tags {
            self.tags.entry(key).or_insert(value);
        }
        if self.account_assumed && !other.account_assumed {
            (self.account_id, self.account_assumed) = (other.account_id, false);
            (self.region, self.partition) = (other.region, other.partition);
        }
    }

    /// Whether both may lie in one place: an ARN tells it, and a bare id's account is no more than assumed.
    fn agrees(&self, other: &Self) -> bool {
        self.place() == other.place() || self.account_assumed != other.account_assumed
    }
}

/// Each instance once, with what any of its entries tells of it. An id is unique across accounts and regions: one that is
/// named in two places names nothing, and goes to `unreadable`.
fn each_once(named: Vec<NamedInstance>, unreadable: &mut Vec<String>) -> Vec<NamedInstance> {
    let mut by_id = BTreeMap::<String, Vec<NamedInstance>>::new();
    let mut order = Vec::new();
    for instance in named {
        by_id
            .entry(instance.id.clone())
            .or_insert_with(|| {
                order.push(instance.id.clone());
                Vec::new()
            })
            .push(instance);
    }
    let mut once = Vec::new();
    for mut entries in order.iter().filter_map(|id| by_id.remove(id)) {
        // What an ARN tells first: then each bare id agrees with it, or with nothing. The sort keeps the order otherwise.
        let in_order = entries.clone();
        entries.sort_by_key(|entry| entry.account_assumed);
        let mut places = Vec::<NamedInstance>::new();
        for entry in entries {
            if !places.iter().any(|known| known.agrees(&entry)) {
                places.push(entry);
            }
        }
        match &places[..] {
            [_] => once.extend(in_order.into_iter().reduce(|mut first, other| {
                first.absorb(other);
                first
            })),
            several => unreadable.extend(several.iter().map(NamedInstance::arn)),
        }
    }
    once
}

/// i- and 17 or, for old instances, 8 lower-case hexadecimal digits.
pub fn is_instance_id(id: &str) -> bool {
    let digit = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    id.strip_prefix("i-").is_some_and(|rest| matches!(rest.len(), 8 | 17) && rest.chars().all(digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:ec2:eu-central-1:111122223333:instance/i-0123456789abcdef0";
    const ID: &str = "i-0123456789abcdef0";

    fn resource(kind: &str, id: &str) -> Resource {
        Resource { kind: kind.to_owned(), id: id.to_owned(), ..Resource::default() }
    }

    const BESIDE: Beside<'static> =
        Beside { partition: Some("aws"), region: Some("eu-west-1"), account_id: "111122223333" };

    fn among(resources: &[Resource]) -> Instances {
        Instances::among(resources.to_vec(), BESIDE)
    }

    fn arns(found: &Instances) -> Vec<String> {
        found.named.iter().map(NamedInstance::arn).collect()
    }

    #[test]
    fn an_instance_arn_of_any_partition_tells_account_and_region() {
        for (partition, region) in [("aws", "eu-central-1"), ("aws-cn", "cn-north-1"), ("aws-us-gov", "us-gov-west-1")]
        {
            let arn = format!("arn:{partition}:ec2:{region}:111122223333:instance/{ID}");
            let named = NamedInstance::of_arn(&arn).expect("an instance");
            assert_eq!((named.partition.as_str(), named.region.as_str()), (partition, region));
            assert_eq!((named.account_id.as_str(), named.id.as_str()), ("111122223333", ID));
            assert!(!named.account_assumed);
        }
    }

    #[test]
    fn what_is_no_instance_arn_names_none() {
        for arn in [
            "",
            ID,
            "arn:aws:ec2:eu-central-1:111122223333:security-group/sg-0123456789abcdef0",
            "arn:aws:ec2:eu-central-1:111122223333:instance/i-0123",
            "arn:aws:ec2:eu-central-1:111122223333:instance/i-0123456789ABCDEF0",
            "arn:aws:ec2:eu-central-1:1111:instance/i-0123456789abcdef0",
            "arn:aws:ec2::111122223333:instance/i-0123456789abcdef0",
            "arn:aws:ec2:eu central:111122223333:instance/i-0123456789abcdef0",
            "arn:aws:ec2:eu-central-1a:111122223333:instance/i-0123456789abcdef0",
            "arn:aws:ssm:eu-central-1:111122223333:instance/i-0123456789abcdef0",
            "arn:evil:ec2:eu-central-1:111122223333:instance/i-0123456789abcdef0",
            "AWS::::Account:111122223333",
        ] {
            assert_eq!(NamedInstance::of_arn(arn), None, "{arn}");
        }
    }

    #[test]
    fn a_bare_id_lies_where_its_resource_says_or_else_its_finding_and_its_account_is_assumed() {
        let here = Resource { region: Some("eu-central-1".to_owned()), ..resource("AwsEc2Instance", ID) };
        let found = among(&[here]);
        assert_eq!(arns(&found), [ARN]);
        assert!(found.named[0].account_assumed);
        let by_finding = among(&[resource("AwsEc2Instance", ID)]);
        assert_eq!(by_finding.named[0].region, "eu-west-1");
        let told = Resource { account_id: Some("444455556666".to_owned()), ..resource("EC2_INSTANCE", ID) };
        let told = among(&[told]);
        assert_eq!((told.named[0].account_id.as_str(), told.named[0].account_assumed), ("444455556666", false));
        let nowhere = Instances::among([resource("AwsEc2Instance", ID)], Beside { region: None, ..BESIDE });
        assert_eq!((nowhere.named.len(), nowhere.unreadable), (0, vec![ID.to_owned()]));
    }

    #[test]
    fn a_partition_that_nobody_tells_is_that_of_the_region() {
        let china = Resource { region: Some("cn-north-1".to_owned()), ..resource("AwsEc2Instance", ID) };
        let found = Instances::among([china], Beside { partition: None, ..BESIDE });
        assert_eq!(found.named[0].partition, "aws-cn");
    }

    #[test]
    fn a_strange_type_counts_by_an_instances_arn_and_not_by_a_bare_id() {
        for kind in ["AwsEc2Instnace", "Other", ""] {
            assert_eq!(arns(&among(&[resource(kind, ARN)])), [ARN], "{kind}");
            let bare = among(&[resource(kind, ID)]);
            assert_eq!((bare.named.len(), bare.unreadable.len()), (0, 0), "{kind}");
            assert_eq!(bare.others, [format!("{kind} {ID}").trim()]);
        }
    }

    #[test]
    fn what_else_a_finding_names_is_told_up_to_a_bound() {
        let many: Vec<Resource> = (0..40).map(|n| resource("AwsS3Bucket", &format!("arn:aws:s3:::shop-{n}"))).collect();
        let found = among(&many);
        assert_eq!(found.others.len(), MOST_OTHERS);
        assert_eq!(found.others[0], "AwsS3Bucket arn:aws:s3:::shop-0");
    }

    #[test]
    fn an_instance_that_is_named_twice_counts_once_with_what_is_told_first() {
        let tagged = |value: &str| Resource {
            tags: Tags::from([("team".to_owned(), value.to_owned())]),
            ..resource("AwsEc2Instance", ARN)
        };
        let with_vpc = Resource { vpc_id: Some("vpc-0a".to_owned()), ..tagged("second") };
        let found = among(&[tagged("first"), with_vpc]);
        let [instance] = &found.named[..] else { panic!("{found:?}") };
        assert_eq!((instance.vpc_id.as_deref(), instance.tags["team"].as_str()), (Some("vpc-0a"), "first"));
    }

    #[test]
    fn one_in_two_places_names_nothing_and_is_told() {
        let there = "arn:aws:ec2:us-east-1:111122223333:instance/i-0123456789abcdef0";
        let found = among(&[resource("AwsEc2Instance", ARN), resource("Other", there)]);
        assert_eq!((arns(&found).len(), found.unreadable), (0, vec![ARN.to_owned(), there.to_owned()]));
        let bare = |region: &str| Resource { region: Some(region.to_owned()), ..resource("AwsEc2Instance", ID) };
        assert_eq!(among(&[bare("eu-west-1"), bare("eu-west-2")]).unreadable.len(), 2);
    }

    #[test]
    fn an_arn_says_where_a_bare_id_of_the_same_instance_lies() {
        for entries in [["AwsEc2Instance"; 2], ["Other", "AwsEc2Instance"]] {
            let both = [resource(entries[0], ARN), resource(entries[1], ID)];
            for found in [among(&both), among(&[both[1].clone(), both[0].clone()])] {
                assert_eq!((arns(&found), found.unreadable.len()), (vec![ARN.to_owned()], 0));
                assert!(!found.named[0].account_assumed);
            }
        }
    }
}
