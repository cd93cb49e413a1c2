//! The scissors in the AWS clients: around the SDK's HTTP connector, so that the SDK's own attempts are counted too.
//! What changes an interface is shown to the witness right before it is sent.

use super::{Scissors, Way};
use crate::recovery::witness::Witness;
use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
    },
    orchestrator::HttpRequest,
    runtime_components::RuntimeComponents,
};
use futures::future::pending;
use std::{collections::BTreeMap, fmt, sync::Arc};

/// An HTTP client whose calls go through the scissors.
pub fn client(scissors: Arc<Scissors>, witness: Arc<Witness>) -> SharedHttpClient {
    SharedHttpClient::new(Cutting { inner: plain(), scissors, witness })
}

/// Without TLS, which the emulator doesn't speak: reading this machine's certificates takes longer than a whole life.
pub fn plain() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new().build_http()
}

struct Cutting<I> {
    inner: I,
    scissors: Arc<Scissors>,
    witness: Arc<Witness>,
}

impl<I> fmt::Debug for Cutting<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cutting")
    }
}

impl HttpClient for Cutting<SharedHttpClient> {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Cutting {
            inner: self.inner.http_connector(settings, components),
            scissors: self.scissors.clone(),
            witness: self.witness.clone(),
        })
    }
}

impl HttpConnector for Cutting<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let asked = Asked::of(&request);
        let Way::Out(sent) = self.scissors.leave(asked.name(&self.witness)) else {
            return HttpConnectorFuture::new(pending());
        };
        let (inner, witness) = (self.inner.clone(), self.witness.clone());
        HttpConnectorFuture::new(async move {
            if let Some((interface, groups)) = asked.swap() {
                witness.sees_swap(interface, groups).await;
            }
            let answer = inner.call(request).await;
            if sent.heard() { answer } else { pending().await }
        })
    }
}

/// The parameters of a call of the query protocol.
struct Asked(BTreeMap<String, String>);

impl Asked {
    fn of(request: &HttpRequest) -> Self {
        let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
        let pairs = body.split('&').filter_map(|pair| pair.split_once('='));
        Self(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    fn all<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a String> {
        self.0.iter().filter(move |(name, _)| name.starts_with(prefix)).map(|(_, value)| value)
    }

    /// What is asked of what, in words that are the same in each run.
    fn name(&self, witness: &Witness) -> String {
        let action = self.0.get("Action").map_or("?", String::as_str);
        let mut subjects: Vec<String> = ["Filter.", "NetworkInterfaceId", "ResourceId", "GroupId", "VpcId"]
            .iter()
            .flat_map(|prefix| self.all(prefix))
            .map(|subject| witness.alias(subject))
            .collect();
        subjects.sort();
        format!("{action} {}", subjects.join(" ")).trim_end().to_owned()
    }

    /// The interface and the groups that it is to carry, where that is what is asked.
    fn swap(&self) -> Option<(&str, Vec<String>)> {
        let swaps = self.0.get("Action")? == "ModifyNetworkInterfaceAttribute";
        let asks_only = self.0.get("DryRun").is_some_and(|dry| dry == "true");
        let interface = self.0.get("NetworkInterfaceId").filter(|_| swaps && !asks_only)?;
        Some((interface, self.all("SecurityGroupId.").cloned().collect()))
    }
}
