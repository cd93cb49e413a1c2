//! The questions to the API server: reads, and reviews of the own rights, which are kept nowhere. How the answers are
//! judged is not known here.

use super::{
    Lease, Wanted,
    answer::{Answer, Section, State},
    cluster, of_each,
    policy::Namespaces,
    rights::{self, Right},
};
use crate::{
    api::{self, FindingSource, GROUP, QuarantineClass},
    check::all,
    quarantine::{Error, in_time},
};
use hyper::{Request, header};
use jiff::{Timestamp, fmt::rfc2822::DateTimeParser};
use k8s_openapi::api::{
    authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec},
    core::v1::Namespace,
};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{ListParams, PostParams},
    client::Body,
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::{fmt::Debug, time::Duration};
use tokio::time::sleep;

/// How often custom resources are looked at that aren't as they should be, and how long to wait in between.
const LOOKS: usize = 4;
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// What people wrote, as far as it can be read.
pub struct Objects {
    pub classes: Vec<QuarantineClass>,
    pub sources: Vec<FindingSource>,
    pub namespaces: Namespaces,
}

/// Asks about the cluster. None: it doesn't answer, or classes can't be read.
pub async fn ask(client: &Client, wanted: &Wanted) -> (Section, Option<Objects>) {
    let mut section = Section::new("Kubernetes");
    match in_time(client.apiserver_version()).await {
        Ok(info) => section.add(cluster::version(&info)),
        Err(error) => {
            section.add(refused(
                "API server",
                &error,
                "Check its address, and who the kubeconfig or the service account is.",
            ));
            return (section, None);
        }
    }
    section.add(clock(client, wanted.clock).await);
    section.answers.extend(kinds(client).await);
    let each = rights::CLUSTER.iter().map(|right| (*right, None));
    section.answers.extend(of_each(each, async |(right, lease)| is_allowed(client, right, lease).await).await);
    if let Some(lease) = &wanted.lease {
        let each = rights::LEASE.iter().map(|right| (*right, Some(lease)));
        section.answers.extend(of_each(each, async |(right, lease)| is_allowed(client, right, lease).await).await);
    }
    let objects = objects(client, &mut section).await;
    (section, objects)
}

/// The API server's clock, from the date on an answer.
async fn clock(client: &Client, now: fn() -> Timestamp) -> Answer {
    // A path and an empty body always make a request.
    let request = Request::get("/version").body(Body::empty()).expect("a request");
    let asked = now();
    let answer = match in_time(client.send(request)).await {
        Ok(answer) => answer,
        Err(error) => return refused("clock", &error, ""),
    };
    let answered = now();
    let date = answer.headers().get(header::DATE).and_then(|date| date.to_str().ok());
    match date.and_then(|date| DateTimeParser::new().parse_timestamp(date).ok()) {
        Some(date) => cluster::clock(date, asked, answered),
        None => Answer::not_asked("clock", "The API server puts no date on its answers."),
    }
}

/// The custom resources as they are served. The API server publishes a schema a moment after it has taken it, so what isn't
/// right is looked at again.
async fn kinds(client: &Client) -> Vec<Answer> {
    let mut looks = 1;
    loop {
        let answers = kinds_now(client).await;
        if looks == LOOKS || answers.iter().all(|answer| answer.state != State::Missing) {
            return answers;
        }
        looks += 1;
        sleep(BETWEEN_LOOKS).await;
    }
}

async fn kinds_now(client: &Client) -> Vec<Answer> {
    match published(client).await {
        Ok(document) => api::crds().iter().map(|crd| cluster::kind(crd, document.as_ref())).collect(),
        Err(error) => vec![refused("CustomResourceDefinitions", &error, "")],
    }
}

/// What the API server says in OpenAPI v3 of our custom resources; none: it serves none of them.
pub async fn published(client: &Client) -> Result<Option<Value>, Error> {
    // As above.
    let request = Request::get(format!("/openapi/v3/apis/{GROUP}/v1alpha1")).body(Vec::new()).expect("a request");
    match in_time(client.request::<Value>(request)).await {
        Ok(document) => Ok(Some(document)),
        Err(Error::Kubernetes(kube::Error::Api(status))) if status.code == 404 => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether this identity has the right, verb by verb.
async fn is_allowed(client: &Client, right: Right, lease: Option<&Lease>) -> Answer {
    let namespace = lease.map(|lease| lease.namespace.as_deref().unwrap_or(client.default_namespace()));
    let reviews: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let mut said = Vec::new();
    for verb in right.verbs {
        let (resource, subresource) =
            right.resource.split_once('/').map_or((right.resource, None), |(one, sub)| (one, Some(sub)));
        let name = lease.map(|lease| lease.name.as_str()).filter(|_| right.name.is_some()).or(right.name);
        let asked = ResourceAttributes {
            group: Some(right.group.to_owned()),
            resource: Some(resource.to_owned()),
            subresource: subresource.map(str::to_owned),
            name: name.map(str::to_owned),
            namespace: namespace.map(str::to_owned),
            verb: Some((*verb).to_owned()),
            ..ResourceAttributes::default()
        };
        let spec = SelfSubjectAccessReviewSpec { resource_attributes: Some(asked), ..Default::default() };
        let review = SelfSubjectAccessReview { spec, ..Default::default() };
        let answer = in_time(reviews.create(&PostParams::default(), &review)).await;
        said.push((*verb, answer.ok().and_then(|review| review.status).map(|status| status.allowed)));
    }
    rights::judged(&right, namespace, &said)
}

async fn objects(client: &Client, section: &mut Section) -> Option<Objects> {
    let classes = read::<QuarantineClass>(client, section).await;
    let sources = read::<FindingSource>(client, section).await.unwrap_or_default();
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let namespaces = match in_time(namespaces.list_metadata(&ListParams::default())).await {
        Ok(listed) => listed.items.into_iter().map(|one| (one.name_any(), one.labels().clone())).collect(),
        Err(error) => {
            section.add(unread("namespaces", &error));
            return None;
        }
    };
    Some(Objects { classes: classes?, sources, namespaces })
}

/// Every object of a kind. None: they can't be read, and the section says so.
async fn read<K>(client: &Client, section: &mut Section) -> Option<Vec<K>>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    match in_time(all::<K>(client)).await {
        Ok((objects, unread)) => {
            for message in unread {
                section.add(Answer::missing(K::kind(&()), format!("{message}. Correct it, or delete it.")));
            }
            Some(objects)
        }
        Err(error) => {
            section.add(unread(&K::plural(&()), &error));
            None
        }
    }
}

/// What lies behind it is asked about by itself: the right, the custom resource.
fn unread(what: &str, error: &Error) -> Answer {
    if error.is_refusal() {
        return Answer::not_asked(what, format!("They can't be read, so nothing is asked about them ({error})."));
    }
    refused(what, error, "")
}

fn refused(what: &str, error: &Error, advice: &str) -> Answer {
    let message = format!("{error}. {advice}");
    if error.is_refusal() {
        return Answer::missing(what, message.trim_end());
    }
    Answer::no_answer(what, message.trim_end())
}
