//! Answers in several pages, and one that isn't AWS'. The emulator has pages too, but it takes seconds to fill one of
//! 1,000: a server of this file's own answers two short ones.

use super::account::{config, credentials, owned, place};
use quarantine_operator::api::Reason;
use quarantine_operator::{
    aws::{Ec2, Sessions},
    model::problem::Disposition,
};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

const ACCOUNT: &str = "500000000000";

#[tokio::test]
async fn interfaces_of_all_pages_are_found() {
    let interface = |id: &str| {
        format!(
            "<item><networkInterfaceId>{id}</networkInterfaceId><vpcId>vpc-1</vpcId>\
             <attachment><instanceId>i-1</instanceId></attachment></item>"
        )
    };
    let server = TwoPages::start("networkInterfaceSet", interface("eni-1"), interface("eni-2"));
    let found = server.ec2().await.interfaces_attached_to("i-1").await.unwrap();
    assert_eq!(found.into_iter().map(|interface| interface.id).collect::<Vec<_>>(), ["eni-1", "eni-2"]);
    server.was_asked_for_pages_of("1000");
}

#[tokio::test]
async fn tagged_interfaces_of_all_pages_are_found() {
    let interface =
        |id: &str| format!("<item><networkInterfaceId>{id}</networkInterfaceId><vpcId>vpc-1</vpcId></item>");
    let server = TwoPages::start("networkInterfaceSet", interface("eni-1"), interface("eni-2"));
    let found = server.ec2().await.interfaces_tagged(&["held-by"]).await.unwrap();
    assert_eq!(found.into_iter().map(|interface| interface.id).collect::<Vec<_>>(), ["eni-1", "eni-2"]);
    server.was_asked_for_pages_of("1000");
}

#[tokio::test]
async fn groups_of_all_pages_are_found() {
    let group =
        |id: &str| format!("<item><groupId>{id}</groupId><groupName>isolation</groupName><vpcId>vpc-1</vpcId></item>");
    let server = TwoPages::start("securityGroupInfo", group("sg-1"), group("sg-2"));
    let found = server.ec2().await.groups_named("isolation").await.unwrap();
    assert_eq!(found.into_iter().map(|group| group.id).collect::<Vec<_>>(), ["sg-1", "sg-2"]);
    server.was_asked_for_pages_of("1000");
}

#[tokio::test]
async fn an_instance_on_the_second_page_is_found() {
    let instance = "<item><instancesSet><item><instanceId>i-1</instanceId></item></instancesSet></item>";
    let server = TwoPages::start("reservationSet", String::new(), instance.to_owned());
    assert_eq!(server.ec2().await.instance("i-1").await.unwrap().map(|instance| instance.id).as_deref(), Some("i-1"));
    server.was_asked_for_pages_of("1000");
}

#[tokio::test]
async fn a_group_on_the_second_page_serves_the_vpc() {
    let group = "<item><groupId>sg-1</groupId></item>";
    let server = TwoPages::start("securityGroupForVpcSet", String::new(), group.to_owned());
    let serving = server.ec2().await.groups_serving_vpc(&owned(["sg-1"]), "vpc-1").await;
    assert_eq!(serving, Ok(BTreeSet::from(["sg-1".to_owned()])));
    server.was_asked_for_pages_of("1000");
}

#[tokio::test]
async fn a_prefix_lists_networks_of_all_pages_are_found() {
    let entry = |cidr: &str| format!("<item><cidr>{cidr}</cidr></item>");
    let server = TwoPages::start("entrySet", entry("10.0.0.0/8"), entry("172.16.0.0/12"));
    assert_eq!(server.ec2().await.prefix_list("pl-1").await.unwrap(), ["10.0.0.0/8", "172.16.0.0/12"]);
    server.was_asked_for_pages_of("100");
}

#[tokio::test]
async fn a_proxys_page_is_no_answer_of_aws() {
    let endpoint = serve(|_| "<html><body>Please sign in</body></html>".to_owned());
    let sessions = Sessions::new(config(&endpoint, credentials(ACCOUNT)).await);
    let problem = sessions.own_identity().await.unwrap_err();
    assert_eq!((problem.disposition, problem.reason), (Disposition::Retry, Reason::AwsUnavailable));
    assert!(problem.message.contains("HTTP status 200, an answer that can't be decoded"), "{problem}");
}

/// A server that knows who calls, and has two pages of one list.
struct TwoPages {
    endpoint: String,
    /// The bodies of the requests for pages.
    asked: Arc<Mutex<Vec<String>>>,
}

impl TwoPages {
    fn start(list: &'static str, first: String, second: String) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = asked.clone();
        let endpoint = serve(move |body| {
            let action = body.split('&').find_map(|one| one.strip_prefix("Action=")).expect("a call has an action");
            if action == "GetCallerIdentity" {
                return identity();
            }
            log.lock().expect("no panic while it is held").push(body.to_owned());
            let items = if body.contains("NextToken=more") {
                format!("<{list}>{second}</{list}>")
            } else {
                format!("<{list}>{first}</{list}><nextToken>more</nextToken>")
            };
            format!("<{action}Response>{items}</{action}Response>")
        });
        Self { endpoint, asked }
    }

    async fn ec2(&self) -> Ec2 {
        let sessions = Sessions::new(config(&self.endpoint, credentials(ACCOUNT)).await);
        sessions.ec2(&place(ACCOUNT)).await.expect("the server says that it is the account")
    }

    fn was_asked_for_pages_of(&self, size: &str) {
        let asked = self.asked.lock().expect("no panic while it is held");
        assert_eq!(asked.len(), 2, "{asked:?}");
        assert!(asked.iter().all(|body| body.split('&').any(|one| one == format!("MaxResults={size}"))), "{asked:?}");
    }
}

fn identity() -> String {
    format!(
        "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::{ACCOUNT}:user/one</Arn>\
         <Account>{ACCOUNT}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
    )
}

/// A server on loopback that ends with the test's process. Answers its endpoint.
fn serve(answer_to: impl Fn(&str) -> String + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("a bound socket has an address");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            answer(stream.expect("a client"), &answer_to);
        }
    });
    format!("http://{address}")
}

/// One request, one answer, and the connection is closed.
fn answer(stream: TcpStream, to: impl Fn(&str) -> String) {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("the client sends a head");
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().expect("a length is a number");
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("the client sends its body");
    let answer = to(std::str::from_utf8(&body).expect("a query is ASCII"));
    let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", answer.len());
    reader.get_mut().write_all((head + &answer).as_bytes()).expect("the client reads");
}
