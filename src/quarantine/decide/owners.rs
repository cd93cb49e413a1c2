//! Who else has a hand in an instance, as far as its tags and EC2 show: who may write its groups, who may replace it. Pure.

use super::conditions::Aspect;
use crate::{
    api::Reason,
    model::{Tags, ec2::Instance, text::count},
    quarantine::world::View,
};

/// Somebody who has a hand in an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Owner {
    name: String,
    hand: Hand,
}

/// What they may do once it is isolated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Hand {
    /// The swap of groups is drift to it, which it answers by replacing the node (SecurityGroupDrift).
    TakesTheSwapForDrift,
    /// It replaces what no longer answers.
    Replaces,
    /// It takes the instance back when it likes.
    Reclaims,
    /// It puts groups back, or replaces the instance, when it is next applied.
    Rewrites,
}

/// Tags that AWS or a controller sets, what they name, and what that does.
const BY_TAG: [(&str, &str, Hand); 9] = [
    ("karpenter.sh/nodepool", "the Karpenter node pool", Hand::TakesTheSwapForDrift),
    ("aws:autoscaling:groupName", "the Auto Scaling group", Hand::Replaces),
    ("eks:nodegroup-name", "the EKS node group", Hand::Replaces),
    ("aws:ec2:fleet-id", "the EC2 Fleet", Hand::Replaces),
    ("aws:ec2spot:fleet-request-id", "the Spot Fleet", Hand::Replaces),
    ("aws:cloudformation:stack-name", "the CloudFormation stack", Hand::Rewrites),
    ("services.k8s.aws/namespace", "the ACK resource in the namespace", Hand::Rewrites),
    ("crossplane-name", "the Crossplane resource", Hand::Rewrites),
    ("elasticbeanstalk:environment-name", "the Elastic Beanstalk environment", Hand::Replaces),
];

/// What was looked for, in words.
const LOOKED_FOR: &str = "tags of Auto Scaling, EC2 Fleet, Spot Fleet, EKS node groups, Karpenter, CloudFormation, Terraform, Elastic Beanstalk, ACK and Crossplane, and whether it is a Spot Instance";

fn owners(instance: &Instance) -> Vec<Owner> {
    let tagged = |(key, what, hand): &(&str, &str, Hand)| {
        instance.tags.get(*key).map(|name| Owner { name: format!("{what} {name}"), hand: *hand })
    };
    let spot = instance.spot.then(|| Owner { name: "EC2 Spot".to_owned(), hand: Hand::Reclaims });
    let terraform =
        names_terraform(&instance.tags).then(|| Owner { name: "Terraform".to_owned(), hand: Hand::Rewrites });
    let mut owners: Vec<Owner> = BY_TAG.iter().filter_map(tagged).chain(spot).chain(terraform).collect();
    owners.sort_by_key(|owner| owner.hand);
    owners
}

/// It sets no tag by itself; people do.
fn names_terraform(tags: &Tags) -> bool {
    let is_it = |text: &String| ["terraform", "opentofu"].iter().any(|tool| text.eq_ignore_ascii_case(tool));
    tags.iter().any(|(key, value)| is_it(value) || (is_it(key) && !value.eq_ignore_ascii_case("false")))
}

/// Who may destroy the instance, and its evidence, because it is isolated.
pub fn evidence(instance: &Instance) -> Aspect {
    let id = &instance.id;
    let owners = owners(instance);
    if owners.is_empty() {
        return Aspect::new(
            false,
            Reason::NoRiskKnown,
            format!(
                "Nothing on {id} shows that something replaces it. Looked for: {LOOKED_FOR}. What leaves no such trace isn't seen (people, scripts, node repair)."
            ),
        );
    }
    let hands = [Hand::TakesTheSwapForDrift, Hand::Replaces, Hand::Reclaims, Hand::Rewrites];
    let told: Vec<String> = hands.into_iter().filter_map(|hand| told(id, &owners, hand)).collect();
    let volumes = &instance.volumes_deleted_on_termination;
    let volumes = if volumes.is_empty() {
        "Its volumes stay when it is terminated.".to_owned()
    } else {
        format!(
            "{} with it when it is terminated ({}): take snapshots now.",
            if volumes.len() == 1 {
                "1 volume goes".to_owned()
            } else {
                format!("{} go", count(volumes.len(), "volume"))
            },
            volumes.join(", ")
        )
    };
    Aspect::new(true, Reason::ManagedInstance, format!("{} {volumes}", told.join(" ")))
}

/// What those who have this hand in it may do, and what helps.
fn told(id: &str, owners: &[Owner], hand: Hand) -> Option<String> {
    let names: Vec<&str> = owners.iter().filter(|owner| owner.hand == hand).map(|owner| owner.name.as_str()).collect();
    if names.is_empty() {
        return None;
    }
    let names = names.join(" and ");
    Some(match hand {
        Hand::TakesTheSwapForDrift => format!(
            "To {names} the swap of security groups itself is drift: it replaces {id}, unless the annotation karpenter.sh/do-not-disrupt: \"true\" is on its Node first."
        ),
        Hand::Replaces => format!(
            "Once {id} no longer answers, {names} may terminate it: take it out of its group, or protect it from scale-in."
        ),
        Hand::Reclaims => format!("{id} is a Spot Instance: EC2 may take it back at any time."),
        Hand::Rewrites => format!("When it is next applied, {names} may put the groups of {id} back, or replace it."),
    })
}

/// A sentence that names whom to ask about drift.
pub fn suspects(view: &View) -> String {
    let owners = view.instance.as_ref().map(owners).unwrap_or_default();
    let names: Vec<&str> =
        owners.iter().filter(|owner| owner.hand != Hand::Reclaims).map(|owner| owner.name.as_str()).collect();
    if names.is_empty() {
        "CloudTrail names who changed it (ModifyNetworkInterfaceAttribute).".to_owned()
    } else {
        format!(
            "The instance belongs to {}; CloudTrail names who changed it (ModifyNetworkInterfaceAttribute).",
            names.join(" and ")
        )
    }
}
