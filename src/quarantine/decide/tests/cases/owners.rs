//! Who else has a hand in the instance: named where tags or the instance show it, and what was looked for where they don't.

use super::super::fixtures::{Scene, groups, scene};
use crate::api::{
    ConditionStatus::{False, True},
    ConditionType::EvidenceAtRisk,
    Mode, Reason,
};

fn tagged(scene: Scene, key: &str, value: &str) -> Scene {
    scene.seen(|view| drop(view.instance.as_mut().expect("is there").tags.insert(key.to_owned(), value.to_owned())))
}

#[test]
fn no_known_risk_says_what_was_looked_for() {
    let words = ["Looked for", "Auto Scaling", "Karpenter", "Terraform", "Spot Instance", "isn't seen"];
    scene().look().says(EvidenceAtRisk, False, Reason::NoRiskKnown, &words);
}

#[test]
fn each_owner_that_a_tag_shows_is_named() {
    for (key, value, words) in [
        ("aws:autoscaling:groupName", "web-asg", ["the Auto Scaling group web-asg", "may terminate"]),
        ("eks:nodegroup-name", "blue", ["the EKS node group blue", "may terminate"]),
        ("aws:ec2:fleet-id", "fleet-1", ["the EC2 Fleet fleet-1", "may terminate"]),
        ("aws:ec2spot:fleet-request-id", "sfr-1", ["the Spot Fleet sfr-1", "may terminate"]),
        ("aws:cloudformation:stack-name", "net", ["the CloudFormation stack net", "may put the groups"]),
        ("ManagedBy", "Terraform", ["Terraform", "may put the groups"]),
        ("terraform", "true", ["Terraform", "may put the groups"]),
    ] {
        tagged(scene(), key, value).look().says(EvidenceAtRisk, True, Reason::ManagedInstance, &words);
    }
    tagged(scene(), "terraform", "false").look().says(EvidenceAtRisk, False, Reason::NoRiskKnown, &[]);
}

#[test]
fn a_spot_instance_is_named_as_one() {
    let mut spot = scene().seen(|view| view.instance.as_mut().expect("is there").spot = true);
    spot.look().says(EvidenceAtRisk, True, Reason::ManagedInstance, &["Spot Instance", "take it back"]);
}

#[test]
fn to_karpenter_the_swap_itself_is_drift_and_a_dry_run_says_so_before() {
    let words = ["the Karpenter node pool blue", "the swap of security groups itself is drift", "do-not-disrupt"];
    let node = tagged(scene(), "karpenter.sh/nodepool", "blue");
    node.clone().look().says(EvidenceAtRisk, True, Reason::ManagedInstance, &words);
    let mut dry = node.spec(|spec| spec.mode = Mode::DryRun);
    dry.look().says(EvidenceAtRisk, True, Reason::ManagedInstance, &words);
}

#[test]
fn the_volumes_that_go_with_it_are_counted_and_named() {
    let with = |volumes: &[&str]| {
        let scene = tagged(scene(), "aws:autoscaling:groupName", "web-asg");
        scene.seen(|view| view.instance.as_mut().expect("is there").volumes_deleted_on_termination = groups(volumes))
    };
    for (volumes, words) in [
        (&[][..], "Its volumes stay"),
        (&["vol-1"], "1 volume goes with it when it is terminated (vol-1): take snapshots now."),
        (&["vol-1", "vol-2"], "2 volumes go with it when it is terminated (vol-1, vol-2)"),
    ] {
        with(volumes).look().says(EvidenceAtRisk, True, Reason::ManagedInstance, &[words]);
    }
}
