//! `check --after-restore`: what the Quarantines record and what the interfaces in AWS show, held against each other.
//! `check --before-uninstall`: what is held, by the API server alone. Both read only.
//! `check` alone: what the operator needs and doesn't have. Reads only.
//!
//! | room | what happens there |
//! |---|---|
//! | [`needs`] | what the operator needs in the cluster and in AWS |
//! | [`places`] | where to look, and the ways in (pure) |
//! | [`report`] | what doesn't fit together, in words (pure) |
//! | [`held`] | what an uninstall would strand, in words (pure) |

pub mod held;
pub mod needs;
pub mod places;
pub mod report;

use crate::{
    api::{FindingSource, Quarantine, QuarantineClass},
    aws::Sessions,
    model::{ec2::Interface, problem::Problem},
    quarantine::tags,
};
use futures::{StreamExt, stream};
use held::Held;
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{ListParams, ObjectList},
    core::DeserializeGuard,
};
use places::{Home, Look};
use report::{Picture, Report, Seen, Unseen};
use serde::de::DeserializeOwned;
use std::fmt::Debug;

/// Objects that one request asks for.
const PAGE: u32 = 500;

/// Places that are asked at once.
const AT_ONCE: usize = 8;

/// Looks at every Quarantine, and in every place where one holds something or a class lets one hold something.
/// `regions` are looked in beside those that are named anywhere.
///
/// Errors: the API server doesn't answer, or lets one of Quarantines, QuarantineClasses and the namespace kube-system
/// not be read. What AWS doesn't answer stands in the report.
pub async fn after_restore(client: Client, sessions: &Sessions, regions: &[String]) -> kube::Result<Report> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let cluster_uid = namespaces.get_metadata("kube-system").await?.uid().unwrap_or_default();
    let (claims, mut unread) = all::<Quarantine>(&client).await?;
    let (classes, unread_classes) = all::<QuarantineClass>(&client).await?;
    unread.extend(unread_classes);

    let mut picture = Picture { cluster_uid, claims, unread, ..Picture::default() };
    let identity = match sessions.own_identity().await {
        Ok(identity) => identity,
        Err(problem) => {
            picture.unseen.push(Unseen { place: "AWS".to_owned(), why: problem.message });
            return Ok(Report::of(&picture));
        }
    };
    let region = sessions.own_region();
    if region.is_none() {
        let why = "AWS_REGION is not set, so the operator's own region isn't known.".to_owned();
        picture.unseen.push(Unseen { place: format!("account {}", identity.account_id), why });
    }
    let home = Home { account_id: identity.account_id, partition: identity.partition, region };
    let looks = places::of(&home, &classes, &picture.claims, regions);
    let mut answers = stream::iter(looks).map(async |look| (ask(sessions, &look).await, look)).buffered(AT_ONCE);
    while let Some((answer, look)) = answers.next().await {
        match answer {
            Ok(interfaces) => {
                picture.seen.push(Seen { account_id: look.account_id, region: look.region, interfaces });
            }
            Err(why) => {
                picture.unseen.push(Unseen { place: format!("account {}, {}", look.account_id, look.region), why });
            }
        }
    }
    Ok(Report::of(&picture))
}

/// What only a running operator lets go. A kind whose CustomResourceDefinition isn't there has no objects.
///
/// Errors: the API server doesn't answer, or lets Quarantines or FindingSources not be listed.
pub async fn before_uninstall(client: Client) -> kube::Result<Held> {
    let (claims, mut unread) = all_served::<Quarantine>(&client).await?;
    let (sources, unread_sources) = all_served::<FindingSource>(&client).await?;
    unread.extend(unread_sources);
    Ok(Held::of(&claims, &sources, unread))
}

async fn all_served<K>(client: &Client) -> kube::Result<(Vec<K>, Vec<String>)>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    match all(client).await {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(Default::default()),
        outcome => outcome,
    }
}

/// The tagged interfaces of a place and those that are recorded there, by the first way in that is open.
async fn ask(sessions: &Sessions, look: &Look) -> Result<Vec<Interface>, String> {
    let mut refusals: Vec<String> = Vec::new();
    for way in &look.ways {
        let ec2 = match sessions.ec2(way).await {
            Ok(ec2) => ec2,
            Err(problem) => {
                refusals.push(problem.message);
                continue;
            }
        };
        let both = async || -> Result<Vec<Interface>, Problem> {
            let (mut found, recorded) =
                futures::try_join!(ec2.interfaces_tagged(&tags::KEYS), ec2.interfaces(&look.recorded))?;
            for interface in recorded {
                if found.iter().all(|known| known.id != interface.id) {
                    found.push(interface);
                }
            }
            Ok(found)
        };
        match both().await {
            Ok(interfaces) => return Ok(interfaces),
            Err(problem) => refusals.push(problem.message),
        }
    }
    refusals.dedup();
    Err(refusals.join(" "))
}

/// Every object of a kind, and the names of those that can't be read.
async fn all<K>(client: &Client) -> kube::Result<(Vec<K>, Vec<String>)>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    let api: Api<DeserializeGuard<K>> = Api::all(client.clone());
    let (mut read, mut unread) = (Vec::new(), Vec::new());
    let mut params = ListParams::default().limit(PAGE);
    loop {
        let ObjectList { items, metadata, .. } = api.list(&params).await?;
        for DeserializeGuard(object) in items {
            match object {
                Ok(object) => read.push(object),
                Err(invalid) => {
                    let meta = invalid.metadata;
                    let name = [meta.namespace, meta.name].into_iter().flatten().collect::<Vec<_>>().join("/");
                    unread.push(format!("{} {name} can't be read: {}", K::kind(&()), invalid.error));
                }
            }
        }
        match metadata.continue_.filter(|next| !next.is_empty()) {
            Some(next) => params = params.continue_token(&next),
            None => return Ok((read, unread)),
        }
    }
}
