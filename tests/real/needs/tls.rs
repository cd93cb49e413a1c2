//! Missing: an authority that is trusted. The emulator stands behind real TLS, with the certificate of the API server,
//! which nobody else has signed.

use super::Stage;
use crate::{
    e2e::scene::CLAIM,
    support::{
        claims::{condition, holds},
        operator::OPERATOR_ACCOUNT,
        process::Process,
        wait::until,
    },
    wire::emulator::endpoint,
};
use serde_json::json;
use std::{
    env, fs,
    io::{self, BufRead as _, BufReader, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    path::PathBuf,
    sync::{Arc, Mutex},
    thread,
};
use xtask::{
    emulator::{find_python, python_command},
    process::Running,
};

/// The emulator behind TLS.
struct Front {
    port: u16,
    _process: Running,
}

impl Front {
    async fn of(stage: &Stage) -> Self {
        let run = stage.stack.run_dir();
        let (certificate, port_file) = (stage.stack.certificate_authority(), run.join("front.port"));
        let _ = fs::remove_file(&port_file);
        let python = find_python().expect("the cache can be read").expect("the emulator is built: cargo xtask tools");
        let mut command = python_command(&python);
        command.arg(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/real/needs/front.py"));
        command.args([&certificate, &certificate.with_extension("key")]);
        command.arg(endpoint().rsplit(':').next().expect("a port")).arg(&port_file);
        let process = Running::start("the front", command, &run.join("front.log")).expect("the front starts");
        let port = until("the front listens", async || fs::read_to_string(&port_file).ok()?.parse().ok()).await;
        Self { port, _process: process }
    }

    fn endpoint(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }
}

#[tokio::test]
async fn a_certificate_that_nobody_trusts_is_told_with_what_to_do() {
    let stage = Stage::open().await;
    stage.scene.class(json!({"regions": ["eu-central-1"]})).await;
    let front = Front::of(&stage).await;
    let said = stage.said_with(|command| {
        command.env("AWS_ENDPOINT_URL", front.endpoint());
    });
    let told = ["identity", "isn't trusted: no authority that is trusted here has signed it", "SSL_CERT_FILE"];
    said.misses_only(&told);

    let _operator =
        Process::start_with(&stage.stack, OPERATOR_ACCOUNT, &[("AWS_ENDPOINT_URL", front.endpoint().as_str())]);
    stage.scene.claim(json!({})).await;
    let claim = stage.scene.desk.says(CLAIM, "Ready", "False", "CertificateNotTrusted").await;
    assert!(holds(&claim, "Stalled"), "a person must act");
    assert!(condition(&claim, "Ready").expect("it is said").message.contains("SSL_CERT_FILE"));
}

#[tokio::test]
async fn with_its_authority_in_ssl_cert_file_reads_and_changes_go_over_tls_through_a_proxy() {
    let stage = Stage::open().await;
    stage.scene.class(json!({"regions": ["eu-central-1"]})).await;
    let front = Front::of(&stage).await;
    let proxy = Proxy::start();
    let said = stage.said_with(|command| {
        command.env("AWS_ENDPOINT_URL", front.endpoint());
        command.env("SSL_CERT_FILE", stage.stack.certificate_authority());
        command.env("HTTPS_PROXY", format!("http://who:secret@127.0.0.1:{}", proxy.port));
        command.env_remove("NO_PROXY").env_remove("no_proxy");
    });
    assert_eq!(said.code, 0, "{}", said.text);
    said.line(&["ok", "changes of eni-", "ec2:ModifyNetworkInterfaceAttribute"]);
    let asked = proxy.asked.lock().expect("no panic").clone();
    let to_aws: Vec<_> = asked.iter().filter(|(to, _)| *to == format!("127.0.0.1:{}", front.port)).collect();
    assert!(to_aws.len() >= 2, "one of the reads, one of the changes: {asked:?}");
    assert!(to_aws.iter().all(|(_, authorized)| *authorized), "{asked:?}");
}

/// A proxy that opens tunnels, and notes where to, and whether it was told who asks.
struct Proxy {
    port: u16,
    asked: Arc<Mutex<Vec<(String, bool)>>>,
}

impl Proxy {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let notes = asked.clone();
        thread::spawn(move || {
            for near in listener.incoming() {
                let (near, notes) = (near.expect("a connection"), notes.clone());
                // Whoever hangs up has the end of it.
                thread::spawn(move || drop(tunnel(near, &notes)));
            }
        });
        Self { port, asked }
    }
}

fn tunnel(near: TcpStream, notes: &Mutex<Vec<(String, bool)>>) -> io::Result<()> {
    let (mut to, mut authorized, mut lines) = (String::new(), false, BufReader::new(near.try_clone()?));
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line)? <= 2 {
            break;
        }
        if let Some(rest) = line.strip_prefix("CONNECT ") {
            to = rest.split(' ').next().unwrap_or_default().to_owned();
        }
        authorized |= line.trim().eq_ignore_ascii_case("proxy-authorization: basic d2hvOnNlY3JldA==");
    }
    notes.lock().expect("no panic").push((to.clone(), authorized));
    let far = TcpStream::connect(&to)?;
    (&near).write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
    let (mut from_far, mut to_near) = (far.try_clone()?, near.try_clone()?);
    let back = thread::spawn(move || {
        let _ = io::copy(&mut from_far, &mut to_near);
        let _ = to_near.shutdown(Shutdown::Write);
    });
    io::copy(&mut lines, &mut &far)?;
    far.shutdown(Shutdown::Write)?;
    let _ = back.join();
    Ok(())
}
