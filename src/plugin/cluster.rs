//! The way to the API server, as kubectl goes it, and the calls that the commands make. Each ends in time, and fails in
//! words.

use super::{
    cli::Connection,
    failure::{self, Failure},
    proxy,
};
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client, Config, Resource,
    api::{DeleteParams, DynamicObject, ListParams, ObjectList, Patch, PatchParams, PostParams, Preconditions},
    config::{KubeConfigOptions, Kubeconfig, KubeconfigError},
    core::ApiResource,
};
use quarantine_operator::api::{Quarantine, QuarantineClass};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::{fmt::Debug, path::Path, time::Duration};

/// Objects that one request asks for.
const PAGE: u32 = 500;

/// Who writes, in managedFields.
const MANAGER: &str = "kubectl-quarantine";

pub struct Cluster {
    client: Client,
    pub namespace: String,
    patience: Duration,
    /// The options that the next command needs, too, to be about the same cluster.
    options: String,
}

/// An object as the API server sent it, and as this plugin understands it.
pub struct Object {
    pub raw: DynamicObject,
    pub claim: Quarantine,
}

/// Where to look.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    Namespace,
    All,
}

impl Cluster {
    pub async fn connect(wanted: &Connection) -> Result<Self, Failure> {
        let mut config = config(wanted).await.map_err(|why| Failure::Refused(no_cluster(wanted, &why)))?;
        if is_direct(&config) {
            config.proxy_url = None;
        }
        // Beyond what one request may take, nothing is waited for.
        config.connect_timeout = Some(wanted.request_timeout);
        if let Some(user) = &wanted.impersonate {
            config.auth_info.impersonate = Some(user.clone());
        }
        if !wanted.impersonate_groups.is_empty() {
            config.auth_info.impersonate_groups = Some(wanted.impersonate_groups.clone());
        }
        // A create that is sent again after a 504 meets its own object, and reads as if somebody else had made it.
        config.default_retry = false;
        let namespace = wanted.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        let client = Client::try_from(config).map_err(|error| failure::of("use the kubeconfig", &error))?;
        Ok(Self { client, namespace, patience: wanted.request_timeout, options: options(wanted) })
    }

    /// A command that goes on with this object, to be typed as it is.
    pub fn next(&self, command: &str, claim: &Quarantine) -> String {
        let namespace = claim.metadata.namespace.as_deref().unwrap_or(&self.namespace);
        let name = claim.metadata.name.as_deref().unwrap_or_default();
        format!("kubectl quarantine {command} {name} -n {namespace}{}", self.options)
    }

    pub fn claims(&self) -> Api<Quarantine> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    pub async fn get(&self, name: &str) -> Result<Option<Object>, Failure> {
        let doing = format!("read Quarantine {}/{name}", self.namespace);
        match self.ask(&doing, self.raw(Scope::Namespace).get(name)).await? {
            Err(error) if failure::is_no_object(&error) => Ok(None),
            Err(error) => Err(failure::of(&doing, &error)),
            Ok(raw) => Object::of(raw).map(Some),
        }
    }

    pub async fn list(&self, scope: Scope) -> Result<Vec<DynamicObject>, Failure> {
        let doing = match scope {
            Scope::Namespace => format!("list the Quarantines of namespace {}", self.namespace),
            Scope::All => "list the Quarantines of all namespaces".to_owned(),
        };
        self.pages(&doing, &self.raw(scope)).await
    }

    pub async fn classes(&self) -> Result<Vec<QuarantineClass>, Failure> {
        self.pages("list QuarantineClasses", &Api::all(self.client.clone())).await
    }

    pub async fn namespaces(&self) -> Result<Vec<Namespace>, Failure> {
        self.pages("list namespaces", &Api::all(self.client.clone())).await
    }

    /// None: there is one of that name already.
    pub async fn create(&self, claim: &Quarantine) -> Result<Option<Object>, Failure> {
        let doing = format!("create the Quarantine in namespace {}", self.namespace);
        let claim = unstated(claim).map_err(|error| Failure::Refused(format!("can't {doing}: {error}")))?;
        let params = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
        match self.ask(&doing, self.raw(Scope::Namespace).create(&params, &claim)).await? {
            Err(error) if failure::is(&error, 409) => Ok(None),
            Err(error) => Err(failure::of(&doing, &error)),
            Ok(raw) => Object::of(raw).map(Some),
        }
    }

    /// Asks for the deletion of this very object, not of one that came to its name since.
    pub async fn delete(&self, claim: &Quarantine) -> Result<(), Failure> {
        let name = claim.metadata.name.as_deref().unwrap_or_default();
        let doing = format!("release {}/{name}", self.namespace);
        let same = Preconditions { uid: claim.metadata.uid.clone(), ..Preconditions::default() };
        let params = DeleteParams { preconditions: Some(same), ..DeleteParams::default() };
        match self.ask(&doing, self.claims().delete(name, &params)).await? {
            Err(error) if failure::is_no_object(&error) => Ok(()),
            Err(error) => Err(failure::of(&doing, &error)),
            Ok(_) => Ok(()),
        }
    }

    /// Changes the object as it was read. None: it has changed since, or is gone.
    pub async fn edit(&self, claim: &Quarantine, mut change: Value) -> Result<Option<Object>, Failure> {
        let name = claim.metadata.name.as_deref().unwrap_or_default();
        let doing = format!("change Quarantine {}/{name}", self.namespace);
        change["metadata"]["resourceVersion"] = json!(claim.metadata.resource_version);
        let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        match self.ask(&doing, self.raw(Scope::Namespace).patch(name, &params, &Patch::Merge(change))).await? {
            Err(error) if failure::is(&error, 409) || failure::is_no_object(&error) => Ok(None),
            Err(error) => Err(failure::of(&doing, &error)),
            Ok(raw) => Object::of(raw).map(Some),
        }
    }

    fn raw(&self, scope: Scope) -> Api<DynamicObject> {
        let kind = ApiResource::erase::<Quarantine>(&());
        match scope {
            Scope::Namespace => Api::namespaced_with(self.client.clone(), &self.namespace, &kind),
            Scope::All => Api::all_with(self.client.clone(), &kind),
        }
    }

    async fn pages<K>(&self, doing: &str, api: &Api<K>) -> Result<Vec<K>, Failure>
    where
        K: Resource + Clone + DeserializeOwned + Debug,
    {
        let mut params = ListParams::default().limit(PAGE);
        let mut all = Vec::new();
        loop {
            let page: ObjectList<K> =
                self.ask(doing, api.list(&params)).await?.map_err(|error| failure::of(doing, &error))?;
            all.extend(page.items);
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params = params.continue_token(&token),
                None => return Ok(all),
            }
        }
    }

    async fn ask<T>(
        &self,
        doing: &str,
        call: impl Future<Output = kube::Result<T>>,
    ) -> Result<kube::Result<T>, Failure> {
        let answered = tokio::time::timeout(self.patience, call).await;
        answered.map_err(|_| {
            let patience = self.patience;
            Failure::Refused(format!(
                "can't {doing}: the API server hasn't answered within {patience:?}, --request-timeout"
            ))
        })
    }
}

impl Object {
    pub fn of(mut raw: DynamicObject) -> Result<Self, Failure> {
        // kubectl doesn't show them either.
        raw.metadata.managed_fields = None;
        let claim = raw.clone().try_parse().map_err(|error| Failure::Refused(format!(
            "Quarantine {} can't be read: {error}. Is this plugin older than the operator's custom resources? -o json shows it as it is.",
            raw.metadata.name.as_deref().unwrap_or_default()
        )))?;
        Ok(Self { raw, claim })
    }
}

/// What is created has no status: the API server fills in the one that says that nobody has looked yet.
fn unstated(claim: &Quarantine) -> serde_json::Result<DynamicObject> {
    let mut value = serde_json::to_value(claim)?;
    if let Some(object) = value.as_object_mut() {
        object.remove("status");
    }
    serde_json::from_value(value)
}

async fn config(wanted: &Connection) -> Result<Config, String> {
    let Connection { context, cluster, user, kubeconfig, .. } = wanted;
    let options = KubeConfigOptions { context: context.clone(), cluster: cluster.clone(), user: user.clone() };
    let read = match kubeconfig {
        Some(path) => Kubeconfig::read_from(path),
        None => Kubeconfig::read(),
    };
    let told = kubeconfig.is_some() || context.is_some() || cluster.is_some() || user.is_some();
    match read {
        Ok(read) => Config::from_custom_kubeconfig(read, &options).await.map_err(|error| failure::chain(&error)),
        // As kubectl does: in a pod there is no kubeconfig, and none is needed.
        Err(KubeconfigError::ReadConfig(..) | KubeconfigError::FindPath) if !told && is_in_cluster() => {
            Config::incluster().map_err(|error| failure::chain(&error))
        }
        Err(error) => Err(failure::chain(&error)),
    }
}

/// Whether NO_PROXY takes the proxy away that the environment names. One that the kubeconfig names stays.
fn is_direct(config: &Config) -> bool {
    let variable =
        |names: [&str; 2]| names.iter().find_map(|name| std::env::var(name).ok().filter(|set| !set.is_empty()));
    let named = variable(["HTTPS_PROXY", "https_proxy"]).and_then(|proxy| proxy.parse().ok());
    let no_proxy = variable(["NO_PROXY", "no_proxy"]).unwrap_or_default();
    let port = config.cluster_url.port_u16().unwrap_or(443);
    let host = config.cluster_url.host().unwrap_or_default();
    named.is_some() && named == config.proxy_url && proxy::is_direct(host, port, &no_proxy)
}

fn is_in_cluster() -> bool {
    std::env::var_os("KUBERNETES_SERVICE_HOST").is_some()
}

fn no_cluster(wanted: &Connection, why: &str) -> String {
    let named = wanted.kubeconfig.as_deref().map(Path::display);
    let hint = named.map_or_else(
        || "set KUBECONFIG or --kubeconfig, and see kubectl config get-contexts".to_owned(),
        |path| format!("see kubectl --kubeconfig {path} config get-contexts"),
    );
    format!("no cluster: {why}; {hint}")
}

/// What the next command has to repeat.
fn options(wanted: &Connection) -> String {
    let kubeconfig = wanted.kubeconfig.as_ref().map(|path| path.display().to_string());
    let named = [
        ("--kubeconfig", kubeconfig.as_ref()),
        ("--context", wanted.context.as_ref()),
        ("--cluster", wanted.cluster.as_ref()),
        ("--user", wanted.user.as_ref()),
        ("--as", wanted.impersonate.as_ref()),
    ];
    let groups = wanted.impersonate_groups.iter().map(|group| ("--as-group", group));
    let given = named.into_iter().filter_map(|(name, value)| Some((name, value?))).chain(groups);
    given.map(|(name, value)| format!(" {name} {value}")).collect()
}

/// Prints as the API server sent it.
pub fn serialize(value: &impl Serialize, yaml: bool) -> Result<String, Failure> {
    let text = if yaml {
        serde_saphyr::to_string(value).map_err(|error| error.to_string())
    } else {
        serde_json::to_string_pretty(value).map_err(|error| error.to_string())
    };
    text.map(|text| text.trim_end().to_owned())
        .map_err(|error| Failure::Refused(format!("the object can't be printed: {error}")))
}
