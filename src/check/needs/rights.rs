//! The rights that the operator needs in the cluster, in one list. A test holds it equal to the operator's roles in deploy/base. Pure.

use super::answer::Answer;

/// What may be done with a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Right {
    pub group: &'static str,
    /// With its subresource, if it is one, as RBAC writes it.
    pub resource: &'static str,
    /// The one object that it is for; all where none is named.
    pub name: Option<&'static str>,
    pub verbs: &'static [&'static str],
}

const fn right(group: &'static str, resource: &'static str, verbs: &'static [&'static str]) -> Right {
    Right { group, resource, name: None, verbs }
}

const OURS: &str = crate::api::GROUP;

/// In the whole cluster.
pub const CLUSTER: [Right; 10] = [
    right(OURS, "quarantines", &["get", "list", "watch", "create", "patch"]),
    right(OURS, "quarantines/status", &["update"]),
    right(OURS, "quarantineclasses", &["get", "list", "watch"]),
    right(OURS, "quarantineclasses/status", &["update"]),
    right(OURS, "findingsources", &["get", "list", "watch", "patch"]),
    right(OURS, "findingsources/status", &["patch"]),
    right("", "namespaces", &["get", "list", "watch"]),
    right("", "nodes", &["get", "list"]),
    Right {
        name: Some("quarantines.quarantine-operator.dev"),
        ..right("apiextensions.k8s.io", "customresourcedefinitions", &["get"])
    },
    right("events.k8s.io", "events", &["create"]),
];

/// Where there are several replicas, in their own namespace: the pods, of whose nodes none is cut off, and the lease. A
/// name can't be given for what isn't there yet; the others are for the lease of the operator's name, by default this one.
pub const LEASE: [Right; 3] = [
    right("", "pods", &["list"]),
    right("coordination.k8s.io", "leases", &["create"]),
    Right { name: Some(LEASE_NAME), ..right("coordination.k8s.io", "leases", &["get", "update"]) },
];

/// The lease's name where none is given.
pub const LEASE_NAME: &str = "quarantine-operator";

/// What the API server said of a right, verb by verb: None where it didn't.
pub fn judged(right: &Right, namespace: Option<&str>, allowed: &[(&str, Option<bool>)]) -> Answer {
    let of = |wanted: Option<bool>| -> Vec<&str> {
        allowed.iter().filter(|(_, said)| *said == wanted).map(|(verb, _)| *verb).collect()
    };
    let (denied, unknown) = (of(Some(false)), of(None));
    let group = if right.group.is_empty() { String::new() } else { format!(".{}", right.group) };
    let (plural, subresource) = right.resource.split_once('/').map_or((right.resource, ""), |(one, sub)| (one, sub));
    let slash = if subresource.is_empty() { "" } else { "/" };
    let within = namespace.map_or_else(String::new, |namespace| format!(" in namespace {namespace}"));
    let what = format!("rights on {plural}{group}{slash}{subresource}{within}");
    if !denied.is_empty() {
        let message = format!(
            "RBAC doesn't let this identity {} them. Apply the roles of this version (deploy/base, or the chart), and bind them to the operator's service account.",
            denied.join(", ")
        );
        return Answer::missing(what, message);
    }
    if !unknown.is_empty() {
        return Answer::no_answer(what, format!("The API server doesn't say for {}.", unknown.join(", ")));
    }
    Answer::ok(what, format!("{}.", right.verbs.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::needs::answer::State;
    use serde_json::Value;
    use std::collections::BTreeSet;

    /// Kind of the role, group, resource, name, verb.
    type Grant = (String, String, String, Option<String>, String);

    fn grants(kind: &str, rights: &[Right]) -> BTreeSet<Grant> {
        let each = rights.iter().flat_map(|right| {
            let Right { group, resource, name, verbs } = *right;
            verbs.iter().map(move |verb| {
                let owned = str::to_owned;
                (owned(kind), owned(group), owned(resource), name.map(owned), owned(verb))
            })
        });
        each.collect()
    }

    fn texts(rule: &Value, field: &str) -> Vec<String> {
        let list = rule[field].as_array().cloned().unwrap_or_default();
        list.iter().map(|text| text.as_str().expect("a list of texts").to_owned()).collect()
    }

    fn granted(manifests: &[Value]) -> BTreeSet<Grant> {
        let roles = manifests.iter().filter(|one| one["kind"] == "ClusterRole" || one["kind"] == "Role");
        let mut all = BTreeSet::new();
        for role in roles {
            let kind = role["kind"].as_str().expect("a kind");
            for rule in role["rules"].as_array().expect("a role has rules") {
                let names: Vec<Option<String>> = match texts(rule, "resourceNames") {
                    names if names.is_empty() => vec![None],
                    names => names.into_iter().map(Some).collect(),
                };
                for group in texts(rule, "apiGroups") {
                    for resource in texts(rule, "resources") {
                        for name in &names {
                            for verb in texts(rule, "verbs") {
                                all.insert((kind.to_owned(), group.clone(), resource.clone(), name.clone(), verb));
                            }
                        }
                    }
                }
            }
        }
        all
    }

    #[test]
    fn the_list_is_what_deploy_base_grants_the_operator_none_missing_and_none_too_many() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/base/operator.yaml");
        let text = std::fs::read_to_string(path).expect("the manifest is part of the repository");
        let mut manifests: Vec<Value> = serde_saphyr::from_multiple(&text).expect("manifests are YAML");
        // The other roles are for people.
        manifests.retain(|manifest| manifest["metadata"]["name"] == "quarantine-operator");
        let mut asked = grants("ClusterRole", &CLUSTER);
        asked.extend(grants("Role", &LEASE));
        let granted = granted(&manifests);
        assert_eq!(asked.difference(&granted).collect::<Vec<_>>(), Vec::<&Grant>::new(), "asked for, not granted");
        assert_eq!(granted.difference(&asked).collect::<Vec<_>>(), Vec::<&Grant>::new(), "granted, not asked for");
    }

    #[test]
    fn one_verb_that_is_denied_is_named_alone() {
        let said = judged(&CLUSTER[0], None, &[("get", Some(true)), ("patch", Some(false)), ("watch", None)]);
        assert_eq!(said.state, State::Missing);
        assert_eq!(said.what, "rights on quarantines.quarantine-operator.dev");
        assert!(said.message.contains("identity patch them."), "{}", said.message);
        let status = judged(&CLUSTER[1], None, &[("update", Some(true))]);
        assert_eq!(status, Answer::ok("rights on quarantines.quarantine-operator.dev/status", "update."));
        let silent = judged(&LEASE[1], Some("here"), &[("create", None)]);
        assert_eq!(silent.state, State::NoAnswer);
    }
}
