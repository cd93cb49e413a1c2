//! What Kubernetes' own roles view, edit and admin get of Quarantines, with the controller that aggregates roles.

use super::{NAMESPACE, output, render};
use crate::support::{claims::Desk, client_of, own_stack::OwnStack, process::fresh_ground_with, wait::until};
use std::fs;
use xtask::StackOptions;

const ROLES: [&str; 3] = ["view", "edit", "admin"];

struct Office {
    stack: OwnStack,
    desk: Desk,
}

impl Office {
    /// Somebody with each of the roles in the desk's namespace, named after it.
    async fn open() -> Self {
        let stack = fresh_ground_with(StackOptions { controller_manager: true, ..StackOptions::default() }).await;
        let desk = Desk::open(client_of(&stack).await).await;
        let office = Self { stack, desk };
        office.kubectl(&["create", "namespace", NAMESPACE]).expect("it is made");
        for role in ROLES {
            let [of, to] = [format!("--clusterrole={role}"), format!("--user={role}")];
            let bind = ["-n", &office.desk.namespace, "create", "rolebinding", role, &of, &to];
            office.kubectl(&bind).expect("it is bound");
        }
        office
    }

    fn kubectl(&self, arguments: &[&str]) -> Result<String, String> {
        let mut kubectl = self.stack.kubectl();
        kubectl.args(arguments);
        output(kubectl)
    }

    fn apply(&self, values: &[&str]) {
        let values: Vec<&str> = values.iter().flat_map(|value| ["--set", value]).collect();
        let rendered = render(NAMESPACE, &[&["--no-hooks"], &values[..]].concat()).expect("it is rendered");
        let file = self.stack.run_dir().join("manifests.yaml");
        fs::write(&file, rendered).expect("it is written");
        self.kubectl(&["apply", "-f", &file.to_string_lossy()]).unwrap_or_else(|refusal| panic!("{refusal}"));
    }

    fn may(&self, user: &str, verb: &str, resource: &str) -> bool {
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        let of_group = format!("{resource}.quarantine-operator.dev");
        let [subresource, user] = [format!("--subresource={subresource}"), format!("--as={user}")];
        self.kubectl(&["auth", "can-i", verb, &of_group, &subresource, &user, "-n", &self.desk.namespace]).is_ok()
    }

    /// Those with any of the verbs.
    fn who_may(&self, verb: &str, resource: &str) -> Vec<&'static str> {
        ROLES.into_iter().filter(|role| self.may(role, verb, resource)).collect()
    }
}

#[tokio::test]
async fn who_views_a_namespace_sees_its_quarantines_and_nobody_cuts_off_or_releases_unless_that_was_asked_for() {
    let office = Office::open().await;
    office.apply(&[]);
    until("the roles are aggregated", async || (office.who_may("watch", "quarantines") == ROLES).then_some(())).await;
    for verb in ["create", "update", "patch", "delete", "deletecollection", "release"] {
        assert_eq!(office.who_may(verb, "quarantines"), Vec::<&str>::new(), "{verb}");
    }

    office.apply(&["rbac.aggregateToEdit=true", "rbac.aggregateToAdmin=true"]);
    until("admin may release", async || office.may("admin", "release", "quarantines").then_some(())).await;
    until("edit may create", async || office.may("edit", "create", "quarantines").then_some(())).await;
    assert_eq!(office.who_may("create", "quarantines"), ["edit", "admin"]);
    assert_eq!(office.who_may("delete", "quarantines"), ["admin"]);
    for verb in ["update", "patch"] {
        assert_eq!(office.who_may(verb, "quarantines/status"), Vec::<&str>::new(), "{verb}");
    }
}
