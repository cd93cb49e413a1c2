//! The stack on its real parts: it answers, its parts can be stopped and started, and nothing of it is left, however
//! the process that started it ends. A process is told by its command line, which names the stack's run directory.

#![forbid(unsafe_code)]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use xtask::{Stack, StackOptions};

const GONE_WITHIN: Duration = Duration::from_secs(20);

fn start() -> Stack {
    Stack::start(StackOptions { emulator: false, ..StackOptions::default() })
        .unwrap_or_else(|error| panic!("{error:#}"))
}

/// The command lines of all processes that belong to a run directory.
fn processes_of(run_dir: &Path) -> Vec<String> {
    let run_dir = run_dir.to_string_lossy();
    let processes = fs::read_dir("/proc").expect("Linux has /proc").flatten();
    let command_lines = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    command_lines
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(&*run_dir))
        .collect()
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + GONE_WITHIN;
    while !condition() {
        assert!(Instant::now() < deadline, "still not so: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

fn listens(server: &str) -> bool {
    TcpStream::connect(server.trim_start_matches("https://")).is_ok()
}

/// What kubectl prints, or its complaint.
fn kubectl(kubeconfig: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("kubectl").env("KUBECONFIG", kubeconfig).args(arguments).output().expect("kubectl runs");
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

#[test]
fn a_stack_answers_those_it_knows_and_leaves_nothing_behind() {
    let options = StackOptions {
        emulator: false,
        audit_log: true,
        users: vec![("responder".to_owned(), vec!["responders".to_owned()])],
        ..StackOptions::default()
    };
    let stack = Stack::start(options).unwrap_or_else(|error| panic!("{error:#}"));

    assert_eq!(kubectl(&stack.kubeconfig(), &["get", "--raw=/readyz"]).unwrap(), "ok");
    let namespaces = kubectl(&stack.kubeconfig(), &["get", "namespaces", "-o", "name"]).unwrap();
    assert!(namespaces.contains("namespace/kube-system"), "{namespaces}");

    let stranger = stack.kubeconfig_for("stranger", "no-such-token").unwrap();
    let refusal = kubectl(&stranger, &["get", "--raw=/api/v1/namespaces"]).unwrap_err();
    assert!(refusal.contains("Unauthorized") || refusal.contains("must be logged in"), "{refusal}");

    let responder = stack.kubeconfig_for("responder", stack.token("responder").unwrap()).unwrap();
    let refusal = kubectl(&responder, &["get", "--raw=/api/v1/namespaces"]).unwrap_err();
    assert!(refusal.contains("Forbidden") || refusal.contains("forbidden"), "{refusal}");
    assert!(fs::read_to_string(stack.audit_log()).unwrap().contains("\"username\":\"responder\""));

    let (run_dir, server) = (stack.run_dir().to_owned(), stack.server());
    assert_eq!(processes_of(&run_dir).len(), 2);
    drop(stack);
    assert_eq!(processes_of(&run_dir), Vec::<String>::new());
    assert!(!listens(&server));
}

#[test]
fn what_was_written_is_still_there_after_etcd_and_the_api_server_were_stopped_and_started() {
    let mut stack = start();
    let server = stack.server();
    kubectl(&stack.kubeconfig(), &["create", "namespace", "kept"]).unwrap();

    stack.stop_apiserver();
    stack.stop_etcd();
    assert!(!listens(&server));
    stack.start_etcd().unwrap();
    stack.start_apiserver().unwrap();

    assert_eq!(stack.server(), server);
    kubectl(&stack.kubeconfig(), &["get", "namespace", "kept"]).unwrap();
    stack.check().unwrap();
}

#[test]
fn a_panic_leaves_nothing_behind() {
    let panicked = thread::spawn(|| {
        let stack = start();
        std::panic::panic_any(stack.run_dir().to_owned());
    });
    let run_dir = panicked.join().unwrap_err().downcast::<PathBuf>().unwrap();
    assert_eq!(processes_of(&run_dir), Vec::<String>::new());
}

/// `cargo xtask stack` as a process of its own, with what it printed as KUBECONFIG.
fn start_elsewhere() -> (Child, PathBuf) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(["stack", "--no-emulator"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().expect("it starts");
    let mut lines = BufReader::new(process.stdout.take().expect("piped")).lines().map_while(Result::ok);
    let Some(export) = lines.find(|line| line.starts_with("export KUBECONFIG=")) else {
        let mut complaint = String::new();
        process.stderr.take().expect("piped").read_to_string(&mut complaint).expect("text");
        panic!("{complaint}");
    };
    let kubeconfig = PathBuf::from(export.trim_start_matches("export KUBECONFIG=").trim_matches('\''));
    (process, kubeconfig)
}

#[test]
fn sigkill_of_the_process_that_started_it_leaves_nothing_behind() {
    let (mut process, kubeconfig) = start_elsewhere();
    let run_dir = kubeconfig.parent().unwrap();
    assert_eq!(processes_of(run_dir).len(), 2);
    process.kill().unwrap();
    process.wait().unwrap();
    wait_until("nothing is left", || processes_of(run_dir).is_empty());
}

#[test]
fn ctrl_c_ends_it_in_order() {
    let (mut process, kubeconfig) = start_elsewhere();
    let run_dir = kubeconfig.parent().unwrap();
    kill_process(Pid::from_child(&process), Signal::INT).unwrap();
    assert!(process.wait().unwrap().success());
    assert_eq!(processes_of(run_dir), Vec::<String>::new());
    assert!(!run_dir.join("etcd-data").exists());
}

/// Not a test of its own: the next one runs this test alone, in a process whose end it watches.
#[test]
#[ignore = "is run by the next test"]
fn use_the_shared_stack_and_end() {
    let stack = thread::spawn(Stack::shared).join().unwrap().unwrap_or_else(|error| panic!("{error:#}"));
    stack.kubectl().args(["get", "--raw=/readyz"]).output().unwrap();
    println!("run directory: {}", stack.run_dir().display());
}

#[test]
fn the_shared_stack_outlives_the_thread_that_started_it_and_ends_with_its_process() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "--nocapture", "use_the_shared_stack_and_end"]);
    let output = command.output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    let run_dir = printed.lines().find_map(|line| line.split("run directory: ").nth(1)).unwrap();
    wait_until("nothing is left", || processes_of(Path::new(run_dir)).is_empty());
}
