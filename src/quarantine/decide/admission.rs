//! Whether policy lets a claim act, and where it then acts. Pure.
//!
//! Policy is asked until the first record, and never again: what is held is kept, corrected and released under what it
//! was admitted with, whatever happens to the class.

use super::target::{self, Named};
use crate::{
    api::{AdmittedGroup, QuarantineClass, Reason, ResolvedTarget},
    model::{
        ec2::Instance,
        problem::{Disposition, Problem},
    },
    quarantine::world::{ClassSight, Facts, Room, View},
};
use kube::core::{Selector, SelectorExt};

/// The instance that the claim names and how it is reached, or why policy refuses to look for it.
///
/// Called before AWS is asked anything: a claim that policy refuses doesn't get to use the operator's AWS rights, not
/// even for reading.
pub fn route(facts: &Facts) -> Result<ResolvedTarget, Problem> {
    if let Some(held) = held_target(facts) {
        return Ok(held);
    }
    let class = class(facts)?;
    allow_namespace(facts, class)?;
    allow_group(facts, class)?;
    let Named { instance_id, region, account_id } = target::named(facts)?;
    allow_account(facts, class, &account_id)?;
    allow_region(class, &region)?;
    allow_instance(facts, class, &instance_id)?;
    Ok(through_role(class, &facts.operator.partition, instance_id, region, account_id))
}

/// How a claim that holds records was reached last, where that is another way than [`route`] names.
pub fn recorded_route(facts: &Facts) -> Option<ResolvedTarget> {
    let recorded = recorded_target(facts)?;
    (held_target(facts).as_ref() != Some(recorded)).then(|| recorded.clone())
}

/// Everything for which the class would refuse what is held, were it to be admitted now.
pub fn refusals(facts: &Facts, class: &QuarantineClass, target: Option<&ResolvedTarget>, view: &View) -> Vec<Problem> {
    let mut asked = vec![allow_namespace(facts, class), allow_group(facts, class), allow_seen(facts, view)];
    if let Some(target) = target {
        asked.push(allow_account(facts, class, &target.account_id));
        asked.push(allow_region(class, &target.region));
        asked.push(allow_instance(facts, class, &target.instance_id));
    }
    asked.into_iter().filter_map(Result::err).collect()
}

/// What only a look at the instance can tell: its tags.
pub fn allow_seen(facts: &Facts, view: &View) -> Result<(), Problem> {
    let class = class(facts)?;
    let Some(instance) = &view.instance else { return Ok(()) };
    allow_router(class, instance, view)?;
    let protecting = class.spec.protected.tags.iter().find(|tag| {
        instance.tags.get(&tag.key).is_some_and(|value| tag.value.as_ref().is_none_or(|wanted| wanted == value))
    });
    match protecting {
        None => Ok(()),
        Some(tag) => Err(stop(
            Reason::ProtectedByTag,
            format!(
                "QuarantineClass {} protects instances with the tag {}, and {} carries it. An intruder can write tags: look who wrote this one. \
                 To contain the instance, remove the tag, or use a class that doesn't protect it.",
                name(class),
                tag.value.as_ref().map_or_else(|| tag.key.clone(), |value| format!("{}={value}", tag.key)),
                instance.id
            ),
        )),
    }
}

/// A router carries the traffic of others: whoever isn't meant is cut off with it.
fn allow_router(class: &QuarantineClass, instance: &Instance, view: &View) -> Result<(), Problem> {
    let id = &instance.id;
    let routing = view.interfaces.iter().find(|seen| seen.routes && seen.instance_id.as_ref() == Some(id));
    let what = match routing {
        Some(interface) => format!("its interface {}", interface.id),
        None if instance.routes => "the instance".to_owned(),
        None => return Ok(()),
    };
    if class.spec.allow_routers {
        return Ok(());
    }
    Err(stop(
        Reason::ProtectedRouter,
        format!(
            "{id} routes for others: the source/destination check of {what} is off. Isolated, it would cut off whatever goes through it (NAT, a firewall, a VPN; some network plugins turn the check off on every node). To contain it all the same, set allowRouters on QuarantineClass {}, or use a class that has it.",
            name(class)
        ),
    ))
}

/// The limits on instances held at once: the class's, and that of the source that made the claim.
pub fn allow_one_more(facts: &Facts) -> Result<(), Problem> {
    let class = class(facts)?;
    match &facts.room {
        Room::Free => Ok(()),
        Room::ClassFull => Err(Problem::new(
            Disposition::Wait,
            Reason::LimitReached,
            format!(
                "QuarantineClass {} lets {} instances be held at once, and as many are. It goes on when one is released, or when maxActive is raised.",
                name(class),
                class.spec.max_active
            ),
        )),
        Room::SourceFull { source, max_active } => Err(Problem::new(
            Disposition::Wait,
            Reason::SourceLimitReached,
            format!(
                "FindingSource {source} lets {max_active} instances be held through it at once, and as many are. It goes on when one is released, or when the source's maxActive is raised. To contain this one now, create a Quarantine of your own."
            ),
        )),
    }
}

/// The isolation group as the claim and its class declare it now.
pub fn declared_group(facts: &Facts) -> Result<AdmittedGroup, Problem> {
    if let Some(id) = &facts.claim.spec.security_group_id {
        return Ok(AdmittedGroup { id: Some(id.clone()), ..AdmittedGroup::default() });
    }
    let group = &class(facts)?.spec.security_group;
    Ok(AdmittedGroup { id: group.id.clone(), name: group.name.clone(), managed: group.managed.is_some() })
}

/// What a claim that holds records was admitted with, reached through the class's present role, else the recorded one.
fn held_target(facts: &Facts) -> Option<ResolvedTarget> {
    let recorded = recorded_target(facts)?;
    let ResolvedTarget { instance_id, account_id, region, .. } = recorded.clone();
    Some(match facts.class.found().filter(|class| class.spec.assume_role.is_some()) {
        Some(class) => through_role(class, &facts.operator.partition, instance_id, region, account_id),
        None => recorded.clone(),
    })
}

fn recorded_target(facts: &Facts) -> Option<&ResolvedTarget> {
    facts.claim.resolved().filter(|_| facts.claim.has_records())
}

/// How a class reaches an instance: through its role, or with the operator's own credentials.
pub fn through_role(
    class: &QuarantineClass,
    partition: &str,
    instance_id: String,
    region: String,
    account_id: String,
) -> ResolvedTarget {
    let role = class.spec.assume_role.as_ref();
    ResolvedTarget {
        role_arn: role.map(|role| format!("arn:{partition}:iam::{account_id}:role/{}", role.role_name)),
        external_id: role.and_then(|role| role.external_id.clone()),
        session_name: role.and_then(|role| role.session_name.clone()),
        instance_id,
        account_id,
        region,
    }
}

/// The class that was found, or what to do about there being none.
pub fn class(facts: &Facts) -> Result<&QuarantineClass, Problem> {
    let problem = match &facts.class {
        ClassSight::Found(class) => return Ok(class),
        ClassSight::NotFound(name) => Problem::new(
            Disposition::Stop,
            Reason::ClassNotFound,
            format!(
                "There is no QuarantineClass {name}: create it, or create a Quarantine of another class (kubectl get quarantineclasses)."
            ),
        ),
        ClassSight::NoDefault => Problem::new(
            Disposition::Wait,
            Reason::NoDefaultClass,
            "No className is given and no QuarantineClass is the default: annotate one with quarantine-operator.dev/is-default-class: \"true\", \
             or create a Quarantine with spec.className.",
        ),
        ClassSight::SeveralDefaults(names) => Problem::new(
            Disposition::Wait,
            Reason::SeveralDefaultClasses,
            format!(
                "No className is given and several QuarantineClasses are the default ({}): leave the annotation quarantine-operator.dev/is-default-class on one.",
                names.join(", ")
            ),
        ),
    };
    Err(problem)
}

/// Whether the class may be used from the claim's namespace.
pub fn allow_namespace(facts: &Facts, class: &QuarantineClass) -> Result<(), Problem> {
    let refused = |why: String| stop(Reason::NamespaceNotAllowed, why);
    let Some(selector) = class.spec.namespace_selector.clone() else {
        return Err(refused(format!(
            "QuarantineClass {} has no namespaceSelector, so no namespace may use it: set one ({{}} selects all).",
            name(class)
        )));
    };
    let selector = Selector::try_from(selector).map_err(|error| {
        refused(format!("The namespaceSelector of QuarantineClass {} can't be read: {error}.", name(class)))
    })?;
    if selector.matches(&facts.namespace.labels) {
        return Ok(());
    }
    Err(refused(format!(
        "The namespaceSelector of QuarantineClass {} doesn't select this namespace: label the namespace, or use a namespace or a class that fits.",
        name(class)
    )))
}

/// Whether the class may be used in this account, and how it is reached is said.
pub fn allow_account(facts: &Facts, class: &QuarantineClass, account_id: &str) -> Result<(), Problem> {
    let own = &facts.operator.account_id;
    let allowed = if class.spec.accounts.is_empty() {
        account_id == own
    } else {
        class.spec.accounts.iter().any(|a| a == account_id)
    };
    if !allowed {
        return Err(stop(
            Reason::AccountNotAllowed,
            format!(
                "QuarantineClass {} may not be used in account {account_id}: its accounts are {}.",
                name(class),
                list_or(&class.spec.accounts, own)
            ),
        ));
    }
    if account_id != own && class.spec.assume_role.is_none() {
        return Err(stop(
            Reason::AccountNotAllowed,
            format!(
                "Account {account_id} is not the operator's own ({own}), and QuarantineClass {} has no assumeRole to reach it: set assumeRole.roleName.",
                name(class)
            ),
        ));
    }
    Ok(())
}

fn allow_region(class: &QuarantineClass, region: &str) -> Result<(), Problem> {
    if class.spec.regions.is_empty() || class.spec.regions.iter().any(|allowed| allowed == region) {
        return Ok(());
    }
    Err(stop(
        Reason::RegionNotAllowed,
        format!(
            "QuarantineClass {} may not be used in region {region}: its regions are {}.",
            name(class),
            class.spec.regions.join(", ")
        ),
    ))
}

fn allow_instance(facts: &Facts, class: &QuarantineClass, instance_id: &str) -> Result<(), Problem> {
    if class.spec.protected.instance_ids.iter().any(|protected| protected == instance_id) {
        return Err(stop(
            Reason::ProtectedInstance,
            format!("QuarantineClass {} protects {instance_id}: use a class that doesn't.", name(class)),
        ));
    }
    if facts.operator.instance_ids.contains(instance_id) && !class.spec.allow_self {
        return Err(stop(
            Reason::OperatorsOwnInstance,
            format!(
                "A replica of the operator runs on {instance_id}: isolated, it couldn't give anything back. Move it to another node, or set allowSelf on QuarantineClass {}.",
                name(class)
            ),
        ));
    }
    Ok(())
}

fn allow_group(facts: &Facts, class: &QuarantineClass) -> Result<(), Problem> {
    let Some(group) = &facts.claim.spec.security_group_id else { return Ok(()) };
    if class.spec.allowed_security_group_ids.contains(group) || class.spec.security_group.id.as_ref() == Some(group) {
        return Ok(());
    }
    Err(stop(
        Reason::GroupNotAllowed,
        format!("securityGroupId {group} is not among the allowedSecurityGroupIds of QuarantineClass {}.", name(class)),
    ))
}

/// The class's name.
pub fn name(class: &QuarantineClass) -> &str {
    class.metadata.name.as_deref().unwrap_or_default()
}

fn list_or(list: &[String], otherwise: &str) -> String {
    if list.is_empty() { format!("the operator's own, {otherwise}") } else { list.join(", ") }
}

fn stop(reason: Reason, message: impl Into<String>) -> Problem {
    Problem::new(Disposition::Stop, reason, message)
}
