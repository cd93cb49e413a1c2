//! The first step: look. Fills the picture that `decide` decides from; changes nothing.

mod cluster_nodes;
mod look;
mod own_nodes;

pub use cluster_nodes::ClusterNodes;
pub use look::place;
pub use own_nodes::{OwnNodes, OwnPod};

use super::{
    context::{Context, Error, in_time},
    decide::holders::isolation_groups as isolation_groups_of,
    record::Recorded,
    world::{ActionKind, ClassSight, Facts, Holder, NamespaceSight, OperatorFacts, Outcomes, Room, Sight, View, World},
};
use crate::api::{AUTOMATIC_ANNOTATION, Quarantine, QuarantineClass};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, CustomResourceExt, ResourceExt, api::ListParams, core::PartialObjectMeta, runtime::reflector::ObjectRef,
};
use std::collections::{BTreeSet, HashSet};

/// What Kubernetes says about the claim; none if it no longer exists.
///
/// The claim is read afresh before its first record and before its release: the store is a cache.
#[tracing::instrument(level = "debug", name = "observe", skip_all)]
pub async fn facts(context: &Context, cached: &Quarantine) -> Result<Option<Facts>, Error> {
    let deleting = cached.is_deleting();
    let claim = if cached.has_records() && !deleting {
        Some(cached.clone())
    } else {
        in_time(claims(context, cached).get_opt(&cached.name_any())).await?.filter(|fresh| fresh.uid() == cached.uid())
    };
    let Some(claim) = claim else { return Ok(None) };
    let deleting = claim.is_deleting();
    let mut namespace = namespace_sight(context, &claim);
    // Whether the release is meant isn't read from a cache.
    namespace.deleting |= deleting && namespace_is_deleting(context, &claim).await?;
    Ok(Some(Facts {
        now: context.now(),
        class: class_sight(context, &claim),
        namespace,
        crd_deleting: deleting && crd_is_deleting(context).await?,
        operator: OperatorFacts {
            account_id: String::new(),
            partition: String::new(),
            cluster_uid: context.cluster_uid.clone(),
            instance_ids: context.own_nodes.instances().await?,
        },
        holders: holders(context, &claim).await?,
        isolation_groups: isolation_groups_known(context),
        finding: None,
        room: Room::Free,
        node: None,
        claim,
    }))
}

/// The facts of the next round: the claim as it was recorded, the class afresh where its status was written.
#[tracing::instrument(level = "debug", name = "observe", skip_all)]
pub async fn facts_after(
    context: &Context,
    facts: Facts,
    recorded: Recorded,
    acted: &Outcomes,
) -> Result<Facts, Error> {
    let class = match &facts.class {
        ClassSight::Found(class) if acted.any(ActionKind::MakeGroup) => {
            let classes: Api<QuarantineClass> = Api::all(context.client.clone());
            ClassSight::Found(Box::new(in_time(classes.get(&class.name_any())).await?))
        }
        _ => facts.class,
    };
    Ok(Facts { now: context.now(), claim: recorded.into_claim(), class, ..facts })
}

/// The whole picture: the facts, and a look at AWS where policy lets the claim have one.
#[tracing::instrument(level = "debug", name = "observe", skip_all)]
pub async fn world(context: &Context, mut facts: Facts, outcomes: Outcomes) -> Result<World, Error> {
    let sight = match context.sessions.own_identity().await {
        Ok(own) => {
            facts.operator.account_id = own.account_id;
            facts.operator.partition = own.partition;
            look::look(context, &mut facts).await
        }
        Err(problem) => Sight::Failed(None, problem),
    };
    if let Sight::Seen(_, view) = &sight {
        add_movers(context, &mut facts, view).await?;
        let unchosen = facts.claim.annotations().contains_key(AUTOMATIC_ANNOTATION) && !facts.claim.has_records();
        if let Some(instance) = facts.claim.instance_id().filter(|_| unchosen) {
            facts.node = Some(context.nodes.sight(&context.client, instance).await?);
        }
    }
    Ok(World { facts, sight, outcomes })
}

/// Whether two claims name the same instance.
pub fn names_instance(claim: &Quarantine, other: &Quarantine) -> bool {
    claim.instance_id().is_some() && claim.instance_id() == other.instance_id()
}

/// The claim's own collection.
pub fn claims(context: &Context, claim: &Quarantine) -> Api<Quarantine> {
    Api::namespaced(context.client.clone(), &claim.namespace().unwrap_or_default())
}

fn class_sight(context: &Context, claim: &Quarantine) -> ClassSight {
    if let Some(name) = claim.class_name() {
        return match context.stores.classes.get(&ObjectRef::new(name)) {
            Some(class) => ClassSight::Found(Box::new(class.as_ref().clone())),
            None => ClassSight::NotFound(name.clone()),
        };
    }
    let mut defaults = context.stores.classes.state_filter(|class| class.is_default());
    match (defaults.pop(), defaults.is_empty()) {
        (None, _) => ClassSight::NoDefault,
        (Some(only), true) => ClassSight::Found(Box::new(only.as_ref().clone())),
        (Some(last), false) => {
            let mut names: Vec<String> = defaults.iter().chain([&last]).map(|class| class.name_any()).collect();
            names.sort();
            ClassSight::SeveralDefaults(names)
        }
    }
}

fn namespace_sight(context: &Context, claim: &Quarantine) -> NamespaceSight {
    let name = claim.namespace().unwrap_or_default();
    let Some(namespace) = context.stores.namespaces.get(&ObjectRef::new(&name)) else {
        return NamespaceSight::default();
    };
    NamespaceSight { labels: namespace.labels().clone(), deleting: namespace.metadata.deletion_timestamp.is_some() }
}

/// The other claims of the instance. Where records pass from one to the next, as the API server has them: the store is
/// a cache, and what it hasn't seen yet would be let go.
async fn holders(context: &Context, claim: &Quarantine) -> Result<Vec<Holder>, Error> {
    let others =
        context.stores.quarantines.state_filter(|other| other.uid() != claim.uid() && names_instance(claim, other));
    let passes_on = match claim.has_records() {
        true => claim.is_deleting(),
        false => others.iter().any(|other| other.has_records() && other.is_deleting()),
    };
    if !passes_on {
        return Ok(others.iter().filter_map(|other| Holder::of(other)).collect());
    }
    let instance = claim.instance_id().unwrap_or_default();
    let all: Api<Quarantine> = Api::all(context.client.clone());
    let named = ListParams::default().fields(&format!("status.target.instanceId={instance}"));
    let live = in_time(all.list(&named)).await?;
    Ok(live.iter().filter(|other| other.uid() != claim.uid()).filter_map(Holder::of).collect())
}

fn isolation_groups_known(context: &Context) -> BTreeSet<String> {
    let (classes, claims) = (context.stores.classes.state(), context.stores.quarantines.state());
    isolation_groups_of(classes.iter().map(AsRef::as_ref), claims.iter().map(AsRef::as_ref))
}

/// Claims of other instances that have a record of an interface that this look showed, or that this claim recorded: as
/// the API server has them, because what they hold may be let go here.
async fn add_movers(context: &Context, facts: &mut Facts, view: &View) -> Result<(), Error> {
    let recorded = facts.claim.records().iter().map(|record| record.id.as_str());
    let seen: HashSet<&str> = view.interfaces.iter().map(|seen| seen.id.as_str()).chain(recorded).collect();
    let movers = context.stores.quarantines.state_filter(|other| {
        let mut records = other.records().iter();
        other.uid() != facts.claim.uid()
            && !names_instance(&facts.claim, other)
            && records.any(|record| seen.contains(record.id.as_str()))
    });
    let mut live = Vec::new();
    for mover in movers {
        live.extend(in_time(claims(context, &mover).get_opt(&mover.name_any())).await?.as_ref().and_then(Holder::of));
    }
    facts.holders.retain(|holder| live.iter().all(|mover| mover.uid != holder.uid));
    facts.holders.extend(live);
    Ok(())
}

async fn namespace_is_deleting(context: &Context, claim: &Quarantine) -> Result<bool, Error> {
    let namespaces: Api<PartialObjectMeta<Namespace>> = Api::all(context.client.clone());
    let namespace = in_time(namespaces.get_opt(&claim.namespace().unwrap_or_default())).await?;
    Ok(namespace.is_none_or(|namespace| namespace.metadata.deletion_timestamp.is_some()))
}

async fn crd_is_deleting(context: &Context) -> Result<bool, Error> {
    let crds: Api<PartialObjectMeta<CustomResourceDefinition>> = Api::all(context.client.clone());
    let crd = in_time(crds.get_opt(Quarantine::crd_name())).await?;
    Ok(crd.is_none_or(|crd| crd.metadata.deletion_timestamp.is_some()))
}
