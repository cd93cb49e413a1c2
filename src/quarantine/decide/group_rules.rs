//! What somebody writes into an isolation group that is in force: told once, rule by rule. Pure.
//!
//! Load balancer controllers do so: they take the only group of a node's interface for the node's own. The rules that a
//! group was last seen with stand in the status; of a managed group, what its class declares is known beforehand.

use super::{draft::Draft, group};
use crate::{
    api::{GroupStatus, MOST_RULES, ManagedSecurityGroup, Reason},
    model::{
        ec2::{GroupRule, Peer, SecurityGroup},
        text::bounded,
    },
    quarantine::{rules, world::View},
};
use std::collections::BTreeSet;

/// What the status holds of a rule, in bytes.
const LONGEST: usize = 96;

/// Compares the rules of the groups in force with those of the last look, tells what was added, and remembers them.
pub fn tell_added(draft: &mut Draft<'_>, view: &View) {
    let in_force: BTreeSet<String> = group::ids_in_force(&draft.status).map(str::to_owned).collect();
    let mut remembered = Vec::new();
    for id in in_force {
        let before = draft.status.groups.iter().find(|group| group.id == id).cloned();
        let Some(seen) = view.group(&id) else {
            remembered.extend(before);
            continue;
        };
        let declared = group::declaration_of(draft, &id);
        let known = known(before.as_ref(), declared.as_ref());
        if let Some(known) = known {
            let added: Vec<String> =
                of_group(seen).filter(|rule| !known.contains(&key(rule))).map(|rule| described(seen, rule)).collect();
            if !added.is_empty() {
                let what = if declared.is_some() {
                    "The class doesn't declare that, so it is taken out again"
                } else {
                    "The operator leaves it: take it out if it isn't meant"
                };
                draft.warn(
                    Reason::GroupRuleAdded,
                    format!(
                        "Somebody wrote into the isolation group {id}, which is in force: {}. {what}. Load balancer controllers write such rules; CloudTrail names who did (AuthorizeSecurityGroupIngress).",
                        added.join("; ")
                    ),
                );
            }
        }
        let mut rules: Vec<String> = of_group(seen).map(|rule| key(&rule)).collect();
        rules.sort();
        rules.truncate(MOST_RULES);
        remembered.push(GroupStatus { id, rules });
    }
    draft.status.groups = remembered;
}

/// None: what there is now is how it is found, and no news.
fn known(before: Option<&GroupStatus>, declared: Option<&ManagedSecurityGroup>) -> Option<BTreeSet<String>> {
    // What there was no room for can't be compared.
    let comparable = before.is_none_or(|before| before.rules.len() < MOST_RULES);
    let declared = declared.map(|declared| {
        let ingress = rules::declared_ingress(declared);
        ingress.iter().map(|rule| key(&Directed { rule, inward: true })).collect::<BTreeSet<String>>()
    });
    let before = before.map(|before| before.rules.iter().cloned().collect::<BTreeSet<String>>());
    let all: Vec<BTreeSet<String>> = before.into_iter().chain(declared).collect();
    (comparable && !all.is_empty()).then(|| all.into_iter().flatten().collect())
}

/// The rules that let another group in, or out to it, but for those that the class declares.
pub fn letting_groups(draft: &Draft<'_>, view: &View) -> Vec<String> {
    let ids: BTreeSet<&str> = group::ids_in_force(&draft.status).collect();
    let groups = ids.into_iter().filter_map(|id| view.group(id));
    let told = groups.flat_map(|seen| {
        let declared = group::declaration_of(draft, &seen.id).map(|declared| rules::declared_ingress(&declared));
        let declares = move |rule: &Directed<'_>| {
            rule.inward && declared.as_ref().is_some_and(|declared| declared.contains(rule.rule))
        };
        let to_others = |rule: &Directed<'_>| matches!(&rule.rule.peer, Peer::Group(other) if *other != seen.id);
        let letting: Vec<String> = of_group(seen)
            .filter(|rule| to_others(rule) && !declares(rule))
            .map(|rule| format!("{}: {}", seen.id, described(seen, rule)))
            .collect();
        letting
    });
    told.collect()
}

/// A rule, and which way it lets.
struct Directed<'a> {
    rule: &'a GroupRule,
    inward: bool,
}

fn of_group(group: &SecurityGroup) -> impl Iterator<Item = Directed<'_>> {
    let inward = group.ingress.iter().map(|rule| Directed { rule, inward: true });
    inward.chain(group.egress.iter().map(|rule| Directed { rule, inward: false }))
}

/// `ingress tcp 22 from 10.0.0.0/8`.
fn key(directed: &Directed<'_>) -> String {
    let Directed { rule: GroupRule { protocol, ports, peer }, inward } = directed;
    let (way, side) = if *inward { ("ingress", "from") } else { ("egress", "to") };
    let protocol = if protocol == "-1" { "all" } else { protocol };
    let ports = match ports {
        None => String::new(),
        Some((first, last)) if first == last => format!(" {first}"),
        Some((first, last)) => format!(" {first}-{last}"),
    };
    let (Peer::Cidr(peer) | Peer::PrefixList(peer) | Peer::Group(peer)) = peer;
    bounded(&format!("{way} {protocol}{ports} {side} {peer}"), LONGEST)
}

fn described(group: &SecurityGroup, directed: Directed<'_>) -> String {
    match group.descriptions.get(directed.rule).filter(|said| !said.is_empty()) {
        Some(said) => format!("{} (\"{}\")", key(&directed), said.trim_end_matches('.')),
        None => key(&directed),
    }
}
