//! The policy of releases: whoever may do anything with Quarantines, but doesn't hold the verb `release`, gives nothing back.
//!
//! No operator runs here, so nothing is released; what is allowed is tried with a dry run, which admission sees as well.

use super::{NAMESPACE, RELEASE, render};
use crate::{
    e2e::scene::CLAIM,
    support::{claims::Desk, client_from, client_of, own_stack::OwnStack, process::fresh_ground_with, wait::until},
};
use k8s_openapi::{
    api::core::v1::Namespace, apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use quarantine_operator::api::Quarantine;
use serde_json::{Value, json};
use std::{fs, future::Future, pin::Pin};
use xtask::{StackOptions, kubeconfig};

/// May do everything with Quarantines and CRDs by the rights, but doesn't hold the verb.
const CARELESS: &str = "careless";
/// Has quarantine-releaser in the namespace.
const RELEASER: &str = "releaser";
/// Has quarantine-releaser in the cluster.
const EVERYWHERE: &str = "everywhere";
/// May do everything, as it is installed by default.
const FLUX: &str = "system:serviceaccount:flux-system:kustomize-controller";
/// Has quarantine-responder in the namespace.
const RESPONDER: &str = "responder";

struct Court {
    stack: OwnStack,
    desk: Desk,
}

impl Court {
    /// The chart's objects, people, and a Quarantine with the finalizer.
    async fn open(controller_manager: bool) -> Self {
        let mut users = [CARELESS, RELEASER, EVERYWHERE, RESPONDER].map(|user| (user.to_owned(), Vec::new())).to_vec();
        users.push((FLUX.to_owned(), vec!["system:masters".to_owned()]));
        let stack = fresh_ground_with(StackOptions { controller_manager, users, ..StackOptions::default() }).await;
        let desk = Desk::open(client_of(&stack).await).await;
        let court = Self { stack, desk };
        court.kubectl(&["create", "namespace", NAMESPACE]);
        court.apply(&render(NAMESPACE, &["--no-hooks"]).expect("it is rendered"));
        let all = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": {"name": CARELESS}, "rules": [
            {"apiGroups": ["quarantine-operator.dev"], "resources": ["quarantines"],
             "verbs": ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"]},
            {"apiGroups": ["apiextensions.k8s.io"], "resources": ["customresourcedefinitions"], "verbs": ["delete"]},
        ]});
        court.apply(&all.to_string());
        for (user, role) in [(CARELESS, CARELESS), (EVERYWHERE, CARELESS), (EVERYWHERE, "quarantine-releaser")] {
            let [role_flag, user_flag] = [format!("--clusterrole={role}"), format!("--user={user}")];
            court.kubectl(&["create", "clusterrolebinding", &format!("{user}-{role}"), &role_flag, &user_flag]);
        }
        for (user, role) in [(RELEASER, "quarantine-releaser"), (RESPONDER, "quarantine-responder")] {
            let [role, user_flag] = [format!("--clusterrole={role}"), format!("--user={user}")];
            court.kubectl(&["-n", &court.desk.namespace, "create", "rolebinding", user, &role, &user_flag]);
        }
        court.desk.claim(CLAIM, target()).await;
        court.desk.edit(CLAIM, json!({"metadata": {"finalizers": ["quarantine-operator.dev/restore"]}})).await;
        let careless = court.claims(CARELESS).await;
        until("the policy is in force", async || delete(careless.clone()).await.is_err().then_some(())).await;
        court
    }

    fn kubectl(&self, arguments: &[&str]) -> String {
        let mut kubectl = self.stack.kubectl();
        kubectl.args(arguments);
        super::output(kubectl).unwrap_or_else(|refusal| panic!("kubectl {arguments:?}: {refusal}"))
    }

    fn apply(&self, manifests: &str) {
        let file = self.stack.run_dir().join("manifests.yaml");
        fs::write(&file, manifests).expect("it is written");
        self.kubectl(&["apply", "-f", &file.to_string_lossy()]);
    }

    async fn client(&self, user: &str) -> Client {
        client_from(&kubeconfig::path(self.stack.run_dir(), user)).await
    }

    async fn claims(&self, user: &str) -> Api<Quarantine> {
        Api::namespaced(self.client(user).await, &self.desk.namespace)
    }

    async fn operator(&self) -> Api<Quarantine> {
        let token = self.kubectl(&["-n", NAMESPACE, "create", "token", RELEASE]);
        let user = format!("system:serviceaccount:{NAMESPACE}:{RELEASE}");
        let kubeconfig = self.stack.kubeconfig_for(&user, token.trim()).expect("it is written");
        Api::namespaced(client_from(&kubeconfig).await, &self.desk.namespace)
    }
}

fn target() -> Value {
    json!({"target": {"instance": {"id": "i-0123456789abcdef0", "region": "eu-central-1"}}})
}

type Try = fn(Api<Quarantine>) -> Tried;
type Tried = Pin<Box<dyn Future<Output = kube::Result<()>> + Send>>;

fn delete(claims: Api<Quarantine>) -> Tried {
    Box::pin(async move { claims.delete(CLAIM, &DeleteParams::default().dry_run()).await.map(drop) })
}

fn delete_all(claims: Api<Quarantine>) -> Tried {
    let dry = DeleteParams::default().dry_run();
    Box::pin(async move { claims.delete_collection(&dry, &ListParams::default()).await.map(drop) })
}

async fn edit(claims: Api<Quarantine>, patch: Value) -> kube::Result<()> {
    let params = PatchParams { dry_run: true, ..PatchParams::default() };
    claims.patch(CLAIM, &params, &Patch::Merge(patch)).await.map(drop)
}

fn let_go(claims: Api<Quarantine>) -> Tried {
    Box::pin(edit(claims, json!({"metadata": {"finalizers": []}})))
}

fn retain(claims: Api<Quarantine>) -> Tried {
    Box::pin(edit(claims, json!({"spec": {"release": {"policy": "Retain"}}})))
}

fn drop_groups(claims: Api<Quarantine>) -> Tried {
    Box::pin(edit(claims, json!({"spec": {"release": {"missingGroups": "Drop"}}})))
}

fn approve(claims: Api<Quarantine>) -> Tried {
    Box::pin(edit(claims, json!({"metadata": {"annotations": {"quarantine-operator.dev/release": "approved"}}})))
}

fn own(claims: Api<Quarantine>) -> Tried {
    let owner = json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "mine",
        "uid": "00000000-0000-0000-0000-000000000001"}]);
    Box::pin(edit(claims, json!({"metadata": {"ownerReferences": owner}})))
}

fn label(claims: Api<Quarantine>) -> Tried {
    Box::pin(edit(claims, json!({"metadata": {"labels": {"quarantine-operator.dev/source": "security-hub"}}})))
}

fn create_labelled(claims: Api<Quarantine>) -> Tried {
    Box::pin(async move {
        let claim = json!({"metadata": {"name": "labelled",
            "labels": {"quarantine-operator.dev/source": "security-hub"}}, "spec": target()});
        let claim = serde_json::from_value(claim).expect("a Quarantine");
        let dry = PostParams { dry_run: true, ..PostParams::default() };
        claims.create(&dry, &claim).await.map(drop)
    })
}

fn create_approved(claims: Api<Quarantine>) -> Tried {
    Box::pin(async move {
        let claim = json!({"metadata": {"name": "approved",
            "annotations": {"quarantine-operator.dev/release": "approved"}}, "spec": target()});
        let claim = serde_json::from_value(claim).expect("a Quarantine");
        let dry = PostParams { dry_run: true, ..PostParams::default() };
        claims.create(&dry, &claim).await.map(drop)
    })
}

/// What is guarded, and words of the refusal.
const GUARDED: [(&str, Try, &str); 10] = [
    ("a deletion", delete, "Deleting a Quarantine gives its instance back"),
    ("a deletion of all", delete_all, "Deleting a Quarantine gives its instance back"),
    ("taking the finalizer off", let_go, "keeps the way back"),
    ("Retain", retain, "spec.release says how the instance is given back"),
    ("Drop", drop_groups, "spec.release says how the instance is given back"),
    ("an approval", approve, "approves a release"),
    ("an owner", own, "An owner takes a Quarantine with it"),
    ("a creation that is approved from the start", create_approved, "approves a release"),
    ("the label of a source", label, "says which FindingSource made a Quarantine"),
    ("a creation with the label of a source", create_labelled, "says which FindingSource made a Quarantine"),
];

fn refusal(outcome: kube::Result<()>) -> Option<String> {
    match outcome {
        Ok(()) => None,
        Err(kube::Error::Api(status)) if status.code == 403 => Some(status.message),
        Err(other) => panic!("another error: {other}"),
    }
}

#[tokio::test]
async fn who_may_do_everything_but_hold_the_verb_gives_nothing_back_and_reads_what_to_do() {
    let court = Court::open(false).await;
    let claims = court.claims(CARELESS).await;
    for (what, try_it, words) in GUARDED {
        let said = refusal(try_it(claims.clone()).await).unwrap_or_else(|| panic!("{what} goes through"));
        assert!(said.contains("ValidatingAdmissionPolicy 'quarantine-operator-release'"), "{what}: {said}");
        assert!(said.contains(words) && said.contains("ClusterRole quarantine-releaser"), "{what}: {said}");
    }
}

#[tokio::test]
async fn who_holds_the_verb_may_do_each_of_it() {
    let court = Court::open(false).await;
    // May delete all, which the role for people doesn't grant, and approve while creating.
    let everywhere = court.claims(EVERYWHERE).await;
    for (what, try_it, _) in GUARDED {
        assert_eq!(refusal(try_it(everywhere.clone()).await), None, "{what}");
    }
    let claims = court.claims(RELEASER).await;
    for (what, try_it) in
        [("delete", delete as Try), ("let go", let_go), ("retain", retain), ("own", own), ("approve", approve)]
    {
        assert_eq!(refusal(try_it(claims.clone()).await), None, "{what}");
    }
}

#[tokio::test]
async fn a_responder_creates_and_changes_what_is_no_release() {
    let court = Court::open(false).await;
    let claims = court.claims(RESPONDER).await;
    let claim = json!({"metadata": {"name": "another"}, "spec": target()});
    let claim = serde_json::from_value(claim).expect("a Quarantine");
    claims.create(&PostParams::default(), &claim).await.expect("may create");
    for patch in [
        json!({"spec": {"suspend": true}}),
        json!({"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": "now"}}}),
    ] {
        assert_eq!(refusal(edit(claims.clone(), patch.clone()).await), None, "{patch}");
    }
    approve(court.claims(RELEASER).await).await.expect("a releaser approves");
    court.desk.edit(CLAIM, json!({"metadata": {"annotations": {"quarantine-operator.dev/release": "approved"}}})).await;
    let withdrawn = json!({"metadata": {"annotations": {"quarantine-operator.dev/release": null}}});
    assert_eq!(refusal(edit(claims.clone(), withdrawn).await), None, "an approval may be withdrawn");
    let said = refusal(delete(claims).await).expect("it is refused");
    assert!(said.contains("cannot delete resource"), "by the rights already: {said}");
}

#[tokio::test]
async fn the_operator_takes_its_finalizer_off_and_labels_what_its_sources_make_and_does_nothing_else_of_it() {
    let court = Court::open(false).await;
    let claims = court.operator().await;
    for (what, try_it, _) in GUARDED {
        let may = ["taking the finalizer off", "the label of a source", "a creation with the label of a source"];
        assert_eq!(refusal(try_it(claims.clone()).await).is_none(), may.contains(&what), "{what}");
    }
}

#[tokio::test]
async fn a_label_that_a_source_set_is_taken_off_by_nobody_who_lacks_the_verb() {
    let court = Court::open(false).await;
    court.desk.edit(CLAIM, json!({"metadata": {"labels": {"quarantine-operator.dev/source": "security-hub"}}})).await;
    for labels in [json!(null), json!({"quarantine-operator.dev/source": "another"})] {
        let patch = json!({"metadata": {"labels": labels}});
        let said = refusal(edit(court.claims(CARELESS).await, patch.clone()).await).expect("it is refused");
        assert!(said.contains("says which FindingSource made a Quarantine"), "{said}");
        assert_eq!(refusal(edit(court.claims(RELEASER).await, patch).await), None);
    }
    let reason = json!({"spec": {"reason": "a note"}});
    assert_eq!(refusal(edit(court.claims(RESPONDER).await, reason).await), None, "it is left as it is");
}

#[tokio::test]
async fn our_crds_are_deleted_by_nobody_without_the_verb_in_every_namespace_and_others_are_free() {
    let court = Court::open(false).await;
    let delete = async |user: &str, name: &str| {
        let crds: Api<CustomResourceDefinition> = Api::all(court.client(user).await);
        refusal(crds.delete(name, &DeleteParams::default().dry_run()).await.map(drop))
    };
    for crd in quarantine_operator::api::crds() {
        let name = crd.metadata.name.expect("a CRD has a name");
        let said = delete(CARELESS, &name).await.unwrap_or_else(|| panic!("{name} goes"));
        assert!(said.contains("Deleting this CustomResourceDefinition deletes every object of its kind"), "{said}");
        assert_eq!(delete(EVERYWHERE, &name).await, None, "{name}");
    }
    let names = json!({"kind": "Other", "plural": "others", "singular": "other"});
    let schema = json!({"openAPIV3Schema": {"type": "object"}});
    let other = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "others.example.com"}, "spec": {"group": "example.com", "scope": "Namespaced",
            "names": names, "versions": [{"name": "v1", "served": true, "storage": true, "schema": schema}]}});
    court.apply(&other.to_string());
    assert_eq!(delete(CARELESS, "others.example.com").await, None);
}

#[tokio::test]
async fn a_gitops_controller_that_may_do_everything_edits_what_git_says_and_deletes_nothing() {
    let court = Court::open(false).await;
    let claims = court.claims(FLUX).await;
    for (what, try_it, _) in GUARDED {
        let said = refusal(try_it(claims.clone()).await);
        match what.starts_with("a deletion") {
            true => assert!(said.expect(what).contains("take it out of Git, and then delete it yourself"), "{what}"),
            false => assert_eq!(said, None, "{what}"),
        }
    }
    let crds: Api<CustomResourceDefinition> = Api::all(court.client(FLUX).await);
    let dry = DeleteParams::default().dry_run();
    let said = refusal(crds.delete("quarantines.quarantine-operator.dev", &dry).await.map(drop));
    assert!(said.expect("the CRD goes").contains("delete it yourself"));
}

#[tokio::test]
async fn the_namespace_controller_and_the_garbage_collector_pass() {
    let court = Court::open(true).await;
    let client = court.desk.client.clone();
    // One that holds nothing, so that nothing but the policy could keep it.
    let other = Desk::open(client.clone()).await;
    other.claim("in-a-namespace-that-goes", target()).await;
    let namespaces: Api<Namespace> = Api::all(client);
    namespaces.delete(&other.namespace, &DeleteParams::default()).await.expect("the deletion is accepted");
    other.gone("in-a-namespace-that-goes").await;

    let owner = json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "owner", "namespace": court.desk.namespace}});
    court.apply(&owner.to_string());
    let uid =
        court.kubectl(&["-n", &court.desk.namespace, "get", "configmap", "owner", "-o", "jsonpath={.metadata.uid}"]);
    court.desk.claim("owned", target()).await;
    let reference = json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid}]);
    court.desk.edit("owned", json!({"metadata": {"ownerReferences": reference}})).await;
    court.kubectl(&["-n", &court.desk.namespace, "delete", "configmap", "owner"]);
    court.desk.gone("owned").await;
}
