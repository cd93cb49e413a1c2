//! Which interfaces are the branches of an instance's trunks: those of pods with security groups of their own. Pure.
//!
//! A branch is attached to no instance. What tells its trunk is a tag, and whoever may tag interfaces can write it on any:
//! it counts only where everything else fits.

use crate::{
    api::MOST_INTERFACES,
    model::{
        ec2::{InstanceState, Interface, InterfaceKind, TRUNK_TAG},
        text::count,
    },
    quarantine::world::{Facts, View},
};
use std::collections::BTreeSet;

/// Set by the VPC resource controller of EKS on the trunks that it makes (amazon-vpc-resource-controller-k8s).
const OWNER_TAG: (&str, &str) = ("eks:eni:owner", "eks-vpc-resource-controller");

/// The branch interfaces of the trunks that a view shows, and why they aren't all, where they aren't.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Branches {
    pub interfaces: Vec<Interface>,
    pub unknown: Option<String>,
}

/// Sorts out what was found by the tag. `view` shows what is attached to the instance.
pub fn of_trunks(facts: &Facts, view: &View, found: Vec<Interface>) -> Branches {
    let (mut known, mut fresh): (Vec<Interface>, Vec<Interface>) =
        found.into_iter().filter(|seen| trunk_of(view, seen).is_some()).partition(|seen| is_recorded(facts, &seen.id));
    fresh.sort_by(|one, other| one.id.cmp(&other.id));
    let without_tags: Vec<&str> = trunks(view)
        .filter(|trunk| {
            let has_branches = known.iter().chain(&fresh).any(|seen| trunk_of(view, seen) == Some(&trunk.id));
            let of_eks = trunk.tags.get(OWNER_TAG.0).is_some_and(|owner| owner == OWNER_TAG.1);
            trunk.managed_by.is_some() || !(of_eks || has_branches)
        })
        .map(|trunk| trunk.id.as_str())
        .collect();
    let mut unknown = Vec::new();
    if !without_tags.is_empty() && view.instance.as_ref().is_none_or(|seen| seen.state == InstanceState::Present) {
        unknown.push(format!(
            "{} wasn't made by the VPC resource controller of EKS, and nothing on the branches of other trunks (Amazon ECS makes some) tells whose they are: isolate them through the service that made them.",
            without_tags.join(", ")
        ));
    }
    let room = room(facts, view);
    if fresh.len() > room {
        unknown.push(format!(
            "{} more than a Quarantine has room for ({MOST_INTERFACES} interfaces): {} not isolated. Delete the pods, or isolate them by a SecurityGroupPolicy.",
            count(fresh.len() - room, "branch interface"),
            if fresh.len() - room == 1 { "it is" } else { "they are" }
        ));
        fresh.truncate(room);
    }
    known.append(&mut fresh);
    Branches { interfaces: known, unknown: (!unknown.is_empty()).then(|| unknown.join(" ")) }
}

fn trunks(view: &View) -> impl Iterator<Item = &Interface> {
    view.interfaces.iter().filter(|seen| seen.kind == InterfaceKind::Trunk)
}

/// The trunk on which this one hangs: it is a branch, no other instance's, and lies in the trunk's VPC, as its tag says.
fn trunk_of<'a>(view: &'a View, seen: &Interface) -> Option<&'a String> {
    let named = seen.tags.get(TRUNK_TAG)?;
    let trunk = trunks(view).find(|trunk| trunk.id == *named)?;
    let elsewhere = seen.instance_id.is_some() && seen.instance_id != trunk.instance_id;
    (seen.kind == InterfaceKind::Branch && !elsewhere && seen.vpc_id == trunk.vpc_id).then_some(&trunk.id)
}

fn is_recorded(facts: &Facts, id: &str) -> bool {
    facts.claim.records().iter().any(|record| record.id == id)
}

/// How many records may still be made, once what is attached has its own.
fn room(facts: &Facts, view: &View) -> usize {
    let recorded = facts.claim.records().iter().map(|record| record.id.as_str());
    let taken: BTreeSet<&str> = recorded.chain(view.interfaces.iter().map(|seen| seen.id.as_str())).collect();
    MOST_INTERFACES.saturating_sub(taken.len())
}
