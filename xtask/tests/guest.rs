//! The demo as a guest in a cluster that is there: what it brings goes away again, whatever state it is in, and where something of
//! the operator's is already, it doesn't come in.

#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::process::{Command, Output};

use xtask::guest::{Guest, NAMESPACE};
use xtask::{Stack, StackOptions, workspace};

/// All that the demo could leave in a cluster.
const KINDS: &str = "namespaces,customresourcedefinitions,clusterroles,clusterrolebindings,validatingadmissionpolicies,\
                     validatingadmissionpolicybindings";

struct House {
    stack: Stack,
    guest: Guest,
}

impl House {
    fn open() -> Self {
        let options = StackOptions { emulator: false, controller_manager: true, ..StackOptions::default() };
        let stack = Stack::start(options).unwrap_or_else(|error| panic!("{error:#}"));
        let guest = Guest::new("stack", Some(stack.kubeconfig()), stack.run_dir());
        Self { stack, guest }
    }

    fn kubectl(&self, arguments: &[&str]) -> String {
        let mut kubectl: Command = self.stack.kubectl();
        let Output { status, stdout, stderr } =
            kubectl.current_dir(workspace::root()).args(arguments).output().expect("kubectl runs");
        assert!(status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&stderr));
        String::from_utf8_lossy(&stdout).into_owned()
    }

    fn all(&self) -> BTreeSet<String> {
        self.kubectl(&["get", KINDS, "--output=name"]).lines().map(str::to_owned).collect()
    }

    /// As the demo does, but without an operator: like one that was killed.
    fn bring(&self) {
        let base = self.guest.write_base().unwrap_or_else(|error| panic!("{error:#}"));
        self.kubectl(&["apply", "-k", &base.to_string_lossy()]);
        self.kubectl(&["wait", "--for=condition=Established", "--timeout=60s", "-f", "crds/"]);
    }

    fn refusal(&self) -> String {
        format!("{:#}", self.guest.ensure_free().expect_err("it is refused"))
    }
}

/// What `--without controller-manager` leaves out, for it deletes namespaces.
mod in_a_cluster {
    use super::*;

    #[test]
    fn what_a_demo_that_was_killed_has_left_is_refused_by_the_next_one_and_removed_by_the_clean_up() {
        let house = House::open();
        house.guest.ensure_free().unwrap_or_else(|error| panic!("{error:#}"));
        let before = house.all();
        house.bring();
        let pods = house.kubectl(&["get", "deployments", "-n", NAMESPACE, "-o", "jsonpath={.items[*].spec.replicas}"]);
        assert_eq!(pods, "0");
        // Held by a finalizer that nobody takes off any more.
        let held = house.stack.run_dir().join("held.yaml");
        let sample =
            std::fs::read_to_string(workspace::root().join("deploy/samples/quarantine.yaml")).expect("a sample");
        let finalizer = "metadata:\n  finalizers: [quarantine-operator.dev/restore]\n";
        std::fs::write(&held, sample.replace("incident-response", NAMESPACE).replace("metadata:\n", finalizer))
            .expect("written");
        house.kubectl(&["apply", "-f", &held.to_string_lossy()]);

        let refusal = house.refusal();
        assert!(refusal.contains("cargo xtask demo --context stack --clean-up"), "{refusal}");

        house.guest.clean_up().unwrap_or_else(|error| panic!("{error:#}"));
        assert_eq!(house.all(), before);
        house.guest.ensure_free().unwrap_or_else(|error| panic!("{error:#}"));
        // Nothing to do is no error.
        house.guest.clean_up().unwrap_or_else(|error| panic!("{error:#}"));
    }

    #[test]
    fn a_cluster_that_has_the_operator_or_its_custom_resources_is_refused_and_nothing_of_them_is_removed() {
        let house = House::open();
        house.kubectl(&["apply", "-f", "crds/quarantines.quarantine-operator.dev.yaml"]);
        let refusal = house.refusal();
        assert!(refusal.contains("quarantines.quarantine-operator.dev"), "{refusal}");
        assert!(refusal.contains("choose a cluster without"), "{refusal}");
        let before = house.all();
        house.guest.clean_up().unwrap_or_else(|error| panic!("{error:#}"));
        assert_eq!(house.all(), before);

        house.kubectl(&["delete", "--ignore-not-found", "-f", "crds/"]);
        house.kubectl(&["create", "namespace", "elsewhere"]);
        house.kubectl(&["create", "deployment", "qo", "--image=none", "-n", "elsewhere"]);
        house.kubectl(&["label", "deployment", "qo", "-n", "elsewhere", "app.kubernetes.io/name=quarantine-operator"]);
        let refusal = house.refusal();
        assert!(refusal.contains("deployment.apps/qo"), "{refusal}");
    }

    #[test]
    fn whoever_has_a_token_reaches_the_cluster_as_the_context_describes_it() {
        let house = House::open();
        let token = house.stack.token("admin").expect("the administrator has a token");
        let kubeconfig = house.guest.kubeconfig_for("somebody", token).unwrap_or_else(|error| panic!("{error:#}"));
        let mut kubectl = Command::new("kubectl");
        let answer =
            kubectl.env("KUBECONFIG", kubeconfig).args(["get", "--raw=/readyz"]).output().expect("kubectl runs");
        assert_eq!(String::from_utf8_lossy(&answer.stdout), "ok", "{}", String::from_utf8_lossy(&answer.stderr));
    }
}
