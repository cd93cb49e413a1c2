//! `cargo xtask stack`: a stack in the foreground, with the exports that point kubectl and aws at it, until Ctrl-C.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use xtask::emulator::{Emulator, client_settings};
use xtask::{Stack, StackOptions};

const LOOK_EVERY: Duration = Duration::from_millis(200);
const REGION: &str = "eu-central-1";

pub fn stack(controller_manager: bool, emulator: bool) -> Result<()> {
    let options = StackOptions { build_missing: true, controller_manager, emulator, ..StackOptions::default() };
    let mut stack = Stack::start(options)?;
    let exports = exports(&stack, REGION);
    let logs = stack.run_dir().to_owned();
    offer("The stack is up.", &exports, &logs, || stack.check())
}

/// Prints how to reach what is up, and keeps it until a person or the system asks for its end, or until `check` says that a part
/// of it has ended by itself.
pub fn offer(news: &str, exports: &str, logs: &Path, mut check: impl FnMut() -> Result<()>) -> Result<()> {
    // Before anything is printed: whoever reads the exports may send the signal at once.
    let asked = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&asked))?;
    }
    eprintln!("{news} In another terminal:\n");
    print!("{exports}");
    eprintln!("\nLogs: {}\nCtrl-C stops it.", logs.display());
    while !asked.load(Ordering::Relaxed) {
        check()?;
        thread::sleep(LOOK_EVERY);
    }
    eprintln!("\nStopping.");
    Ok(())
}

/// The settings that point kubectl and aws at the stack, for a shell to read.
pub fn exports(stack: &Stack, region: &str) -> String {
    let kubectl = [("KUBECONFIG", stack.kubeconfig()), ("KUBECACHEDIR", stack.kubectl_cache())];
    let kubectl: String = kubectl.iter().map(|(name, path)| format!("export {name}='{}'\n", path.display())).collect();
    kubectl + &stack.emulator().map(|emulator| aws_exports(emulator, region)).unwrap_or_default()
}

/// Those that point aws at an emulator.
pub fn aws_exports(emulator: &Emulator, region: &str) -> String {
    let settings = client_settings(&emulator.endpoint(), region);
    let export = |(name, value): &(&str, String)| format!("export {name}='{value}'\n");
    "unset AWS_PROFILE AWS_SESSION_TOKEN\n".to_owned() + &settings.iter().map(export).collect::<String>()
}
