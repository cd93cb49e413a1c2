//! /livez and /readyz of an operator process, its addresses, and clients that mean it no good.

use crate::support::{
    apply_crds, client_of,
    own_stack::OwnStack,
    process::{BINARY, ENDPOINTS, Process},
    wait::until,
};
use std::{
    net::{TcpListener, TcpStream},
    process::Command,
};
use xtask::{StackOptions, http::get};

/// An API server without the CRDs.
async fn bare_ground() -> OwnStack {
    OwnStack::bare(StackOptions::default()).await
}

#[tokio::test]
async fn it_is_ready_once_it_sees_all_objects_and_alive_whatever_is_away() {
    let mut stack = bare_ground().await;
    let mut operator = Process::start(&stack, "444455556666");
    let port = operator.port_of("probes").await;
    until("it knows the cluster", async || {
        let (code, said) = get(port, "/readyz").expect("it answers");
        assert_eq!(code, 503, "without CRDs nothing can be listed: {said}");
        said.starts_with("[+]apiserver ok\n").then_some(())
    })
    .await;
    until("it sees the namespaces", async || {
        let (_, said) = get(port, "/readyz").expect("it answers");
        let missing = ["quarantines", "quarantineclasses", "findingsources"];
        let missing = missing.map(|store| format!("the store of {store} is not listed yet")).join(", ");
        (said == format!("[+]apiserver ok\n[+]crds ok\n[-]watches {missing}\nreadyz check failed\n")).then_some(())
    })
    .await;
    assert_eq!(get(port, "/livez").expect("it answers").0, 200);

    apply_crds(&client_of(&stack).await).await;
    until("it is ready", async || (get(port, "/readyz").expect("it answers").0 == 200).then_some(())).await;
    stack.stop_apiserver();
    let (code, said) = get(port, "/livez").expect("it answers");
    assert_eq!((code, said.as_str()), (200, "[+]loop ok\nlivez check passed\n"));
    assert_eq!(get(port, "/metrics").expect("it answers").0, 404, "that is another address");
    assert!(operator.runs());
}

#[tokio::test]
async fn clients_that_say_nothing_keep_the_probes_from_nobody() {
    let stack = bare_ground().await;
    let operator = Process::start(&stack, "444455557777");
    let port = operator.port_of("probes").await;
    let silent: Vec<TcpStream> =
        (0..200).map(|_| TcpStream::connect(("127.0.0.1", port)).expect("it listens")).collect();
    until("others are answered", async || get(port, "/livez").ok().filter(|(code, _)| *code == 200)).await;
    drop(silent);
}

#[test]
fn an_address_that_is_taken_ends_it_with_the_address() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = taken.local_addr().expect("it has an address").to_string();
    let mut command = Command::new(BINARY);
    command.arg("run").envs(ENDPOINTS).env("QUARANTINE_METRICS_BIND_ADDRESS", &address);
    let output = command.env("KUBECONFIG", "/nowhere/kubeconfig").output().expect("it ends");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    let wanted = format!("the address of the metrics, {address}, can't be listened at");
    assert!(said.contains(&wanted), "{said}");
}

#[test]
fn an_address_that_is_none_is_refused_with_what_one_looks_like() {
    let output = Command::new(BINARY).args(["run", "--metrics-bind-address", "8080"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("such as 127.0.0.1:8080, or 0"), "{output:?}");
}
