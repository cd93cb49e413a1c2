//! `check`: what the operator needs and doesn't have, in the cluster and in AWS, in plain words. It changes nothing: EC2 is
//! asked about changes with DryRun, and what can't be asked in such a way is said to be so.
//!
//! | room | what happens there |
//! |---|---|
//! | [`answer`] | questions with their answers, and how they are shown (pure) |
//! | [`cluster`] | version, clock, custom resources (pure) |
//! | [`rights`] | the list of rights in the cluster (pure) |
//! | [`policy`] | classes and sources: what they name, where they lead (pure) |
//! | `ask_cluster` | the questions to the API server |
//! | `ask_aws` | the questions to AWS |

pub mod answer;
mod ask_aws;
mod ask_cluster;
pub mod cluster;
pub mod policy;
pub mod rights;

pub use ask_cluster::published;

use crate::aws::Sessions;
use answer::{Needs, Section};
use futures::{StreamExt, stream};
use jiff::Timestamp;
use kube::{Client, ResourceExt};

/// Questions that are asked at once.
const AT_ONCE: usize = 8;

/// What is to be asked beside what every operator needs.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The leader lease, where several replicas are to run.
    pub lease: Option<Lease>,
    /// What counts as now.
    pub clock: fn() -> Timestamp,
}

/// Where the leader lease is.
#[derive(Clone, Debug)]
pub struct Lease {
    /// That of the client, if absent.
    pub namespace: Option<String>,
    pub name: String,
}

/// Asks everything, as whoever `client` and `sessions` are.
pub async fn needs(client: &Client, sessions: &Sessions, wanted: &Wanted) -> Needs {
    let (mut kubernetes, objects) = ask_cluster::ask(client, wanted).await;
    let (aws, own) = ask_aws::identity(sessions).await;
    let Some(objects) = objects else { return Needs { sections: vec![kubernetes, aws] } };
    kubernetes.add(policy::default_class(&objects.classes));
    let mut sections = vec![kubernetes, aws];
    for class in &objects.classes {
        let mut section = Section::new(format!("QuarantineClass {}", class.name_any()));
        section.add(policy::used_from(class, &objects.namespaces));
        if let Some(own) = &own {
            section.answers.extend(ask_aws::class(sessions, own, class).await);
        }
        sections.push(section);
    }
    for source in &objects.sources {
        let mut section = Section::new(format!("FindingSource {}", source.name_any()));
        section.add(policy::template(source, &objects.classes, &objects.namespaces));
        if let Some(own) = &own {
            section.answers.extend(ask_aws::source(sessions, own, source).await);
        }
        sections.push(section);
    }
    Needs { sections }
}

/// Asks the same of each, some at once, and keeps their order.
async fn of_each<T, A>(all: impl IntoIterator<Item = T>, ask: impl AsyncFn(T) -> A) -> Vec<A> {
    let ask = &ask;
    stream::iter(all).map(|one| ask(one)).buffered(AT_ONCE).collect().await
}
