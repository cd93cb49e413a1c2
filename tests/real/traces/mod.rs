//! Traces of an operator process, as a collector reads them.

mod collector;

use crate::{
    support::{
        claims::Desk,
        client_of,
        process::{BINARY, Process, ground},
        wait::until,
    },
    wire::{
        account::{Account, REGION},
        emulator::fail,
    },
};
use collector::{Collector, attribute};
use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind, status::StatusCode};
use serde_json::{Value, json};
use std::{net::TcpListener, process::Command};

const CLAIM: &str = "web-7";
const SWAP: &str = "ec2:ModifyNetworkInterfaceAttribute";

/// A claim of an instance in this account.
async fn claim(desk: &Desk, account: &Account) {
    let subnet = account.subnet().await;
    let (web, isolation) = (account.group(&subnet, "web").await, account.group(&subnet, "isolation").await);
    crate::e2e::scene::close(account, &isolation).await;
    let instance = account.instance(&subnet, &[&web]).await;
    desk.class(json!({"securityGroup": {"id": isolation}})).await;
    desk.claim(CLAIM, json!({"target": {"instance": {"id": instance, "region": REGION}}})).await;
}

/// The names of a span and of those that it lies in, outermost first.
fn line<'a>(spans: &'a [Span], span: &'a Span) -> Vec<&'a str> {
    let parent = |child: &Span| spans.iter().find(|span| span.span_id == child.parent_span_id);
    let mut names: Vec<_> = std::iter::successors(Some(span), |child| parent(child)).map(|span| &*span.name).collect();
    names.reverse();
    names
}

fn is_root(span: &Span) -> bool {
    span.parent_span_id.is_empty()
}

#[tokio::test]
async fn a_reconcile_is_one_trace_of_its_steps_with_each_call_in_the_step_that_made_it() {
    let stack = ground().await;
    let (account, desk) = (Account::fresh().await, Desk::open(client_of(&stack).await).await);
    let collector = Collector::start().await;
    fail(&account.id, "ModifyNetworkInterfaceAttribute", json!({"code": "RequestLimitExceeded", "times": 1}));
    let settings = [("OTEL_EXPORTER_OTLP_ENDPOINT", &*collector.endpoint), ("OTEL_BSP_SCHEDULE_DELAY", "100")];
    let _operator = Process::start_with(&stack, &account.id, &settings);
    claim(&desk, &account).await;
    desk.contained(CLAIM).await;
    // The span of a reconcile is sent last. What an operator that ends could not send in two seconds is lost.
    let spans = until("each reconcile that swapped is traced to its end", async || {
        let spans = collector.spans();
        let ended = |swap: &Span| spans.iter().any(|span| is_root(span) && span.trace_id == swap.trace_id);
        let mut swaps = spans.iter().filter(|span| span.name == SWAP).peekable();
        (swaps.peek().is_some() && swaps.all(ended)).then_some(spans)
    })
    .await;
    let of = |name: &str| spans.iter().filter(|span| span.name == name).collect::<Vec<_>>();
    for swap in of(SWAP) {
        assert_eq!(line(&spans, swap), ["reconciling object", "act", SWAP]);
        assert_eq!(swap.kind(), SpanKind::Client);
        assert_eq!(attribute(&swap.attributes, "cloud.region").as_deref(), Some(REGION));
        assert_eq!(attribute(&swap.attributes, "cloud.account.id").as_deref(), Some(&*account.id));
    }
    let reads = of("ec2:DescribeNetworkInterfaces");
    assert!(reads.iter().any(|read| line(&spans, read).starts_with(&["reconciling object", "observe"])));
    let writes = of("replace_status");
    assert!(writes.iter().any(|write| line(&spans, write) == ["reconciling object", "record", "replace_status"]));
    assert!(collector.services().iter().all(|service| service == "quarantine-operator"), "{:?}", collector.services());
}

#[tokio::test]
async fn a_call_that_aws_refuses_is_a_span_with_the_error_and_no_span_holds_a_credential() {
    let stack = ground().await;
    let (account, desk) = (Account::fresh().await, Desk::open(client_of(&stack).await).await);
    let collector = Collector::start().await;
    fail(&account.id, "DescribeInstances", json!({"code": "UnauthorizedOperation"}));
    let settings = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &*collector.endpoint),
        ("OTEL_BSP_SCHEDULE_DELAY", "100"),
        ("QUARANTINE_TRACES", "trace"),
    ];
    let _operator = Process::start_with(&stack, &account.id, &settings);
    claim(&desk, &account).await;
    let refused = until("the refused call is traced", async || {
        collector.spans().into_iter().find(|span| span.name == "ec2:DescribeInstances")
    })
    .await;
    assert_eq!(attribute(&refused.attributes, "error.type").as_deref(), Some("UnauthorizedOperation"));
    assert_eq!(refused.status.expect("it has one").code(), StatusCode::Error);
    let config = std::fs::read_to_string(stack.kubeconfig()).expect("a kubeconfig");
    let config: Value = serde_json::from_str(&config).expect("it is JSON");
    let token = config["users"][0]["user"]["token"].as_str().expect("it has a token");
    for secret in [token, "Bearer ", "Signature="] {
        assert!(!collector.has_seen(secret), "{secret:?} was sent");
    }
}

#[tokio::test]
async fn what_is_not_sent_yet_is_sent_when_the_operator_ends_or_it_says_that_it_could_not() {
    let stack = ground().await;
    let (account, desk) = (Account::fresh().await, Desk::open(client_of(&stack).await).await);
    let collector = Collector::start().await;
    let settings = [("OTEL_EXPORTER_OTLP_ENDPOINT", &*collector.endpoint), ("OTEL_BSP_SCHEDULE_DELAY", "3600000")];
    let mut operator = Process::start_with(&stack, &account.id, &settings);
    let target = json!({"instance": {"id": "i-0123456789abcdef0", "region": REGION}});
    desk.claim(CLAIM, json!({"className": "nobody-made-it", "target": target})).await;
    desk.says(CLAIM, "Ready", "False", "ClassNotFound").await;
    assert_eq!(collector.spans(), []);
    operator.terminate();
    assert!(operator.ended().await.success());
    let said = std::fs::read_to_string(operator.log()).expect("it has a log");
    let sent = collector.spans().iter().any(|span| span.name == "reconciling object");
    assert!(sent || said.contains("the last spans were not sent"), "{said}");
}

#[tokio::test]
async fn a_collector_that_is_away_keeps_nobody_from_being_contained_nor_the_operator_from_ending() {
    let stack = ground().await;
    let (account, desk) = (Account::fresh().await, Desk::open(client_of(&stack).await).await);
    // Nobody listens there any more.
    let away = TcpListener::bind("127.0.0.1:0").expect("a port is free").local_addr().expect("it has an address");
    let mut operator =
        Process::start_with(&stack, &account.id, &[("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{away}"))]);
    claim(&desk, &account).await;
    desk.contained(CLAIM).await;
    operator.terminate();
    assert!(operator.ended().await.success());
}

#[test]
fn a_collector_that_is_no_url_is_refused_with_what_one_looks_like() {
    let output = Command::new(BINARY).args(["run", "--otlp-endpoint", "collector:4317"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("such as http://collector:4318"), "{output:?}");
}
