//! Which Quarantines an argument means: a name, or the id of the instance that they are about.

use super::{
    cluster::{Cluster, Object, Scope},
    failure::Failure,
    show, stand,
    target::is_about,
};
use kube::{ResourceExt, api::DynamicObject};
use quarantine_operator::{api::Quarantine, model::instance::is_instance_id};

/// Every one that is meant, and at least one.
pub async fn all(cluster: &Cluster, wanted: &str, scope: Scope) -> Result<Vec<Object>, Failure> {
    let found = if scope == Scope::All || is_instance_id(wanted) {
        let listed = cluster.list(scope).await?;
        let meant = listed.into_iter().filter(|raw| is_named(raw, wanted) || is_about(raw, wanted));
        meant.map(Object::of).collect::<Result<Vec<_>, _>>()?
    } else {
        cluster.get(wanted).await?.into_iter().collect()
    };
    if found.is_empty() {
        return Err(Failure::Refused(not_found(cluster, wanted, scope)));
    }
    Ok(found)
}

/// The one that is meant. Several of one instance are told apart by their names.
pub async fn one(cluster: &Cluster, wanted: &str) -> Result<Object, Failure> {
    let mut found = all(cluster, wanted, Scope::Namespace).await?;
    if found.len() > 1 {
        let names: Vec<String> = found.iter().map(|object| object.claim.name_any()).collect();
        return Err(Failure::Refused(format!(
            "{wanted} has several Quarantines in namespace {}: name one of {}",
            cluster.namespace,
            names.join(", ")
        )));
    }
    Ok(found.remove(0))
}

/// Who else wants the instance cut off, as far as the caller may see: then a release gives nothing back.
pub async fn other_holders(cluster: &Cluster, claim: &Quarantine) -> Vec<String> {
    let Some(target) = claim.resolved() else { return Vec::new() };
    let listed = match cluster.list(Scope::All).await {
        Ok(listed) => listed,
        Err(_) => cluster.list(Scope::Namespace).await.unwrap_or_default(),
    };
    let others = listed.into_iter().filter(|raw| raw.metadata.uid != claim.metadata.uid);
    let others = others.filter(|raw| is_about(raw, &target.instance_id)).filter_map(|raw| Object::of(raw).ok());
    let holding = others.filter(|other| stand::wants_it_held(&other.claim));
    holding.map(|other| show::full_name(&other.claim)).collect()
}

/// The object as it is now, if it still is.
pub async fn again(cluster: &Cluster, claim: &Quarantine) -> Result<Object, Failure> {
    let name = claim.name_any();
    let now = cluster.get(&name).await?.filter(|now| now.claim.metadata.uid == claim.metadata.uid);
    now.ok_or_else(|| Failure::Refused(not_found(cluster, &name, Scope::Namespace)))
}

fn is_named(raw: &DynamicObject, name: &str) -> bool {
    raw.metadata.name.as_deref() == Some(name)
}

fn not_found(cluster: &Cluster, wanted: &str, scope: Scope) -> String {
    let what = if is_instance_id(wanted) { "no Quarantine of" } else { "no Quarantine named" };
    match scope {
        Scope::All => format!("{what} {wanted} in any namespace"),
        Scope::Namespace => format!(
            "{what} {wanted} in namespace {}: kubectl quarantine list -A shows those of all namespaces, -n names another",
            cluster.namespace
        ),
    }
}
