//! `cargo xtask stack`: a stack in the foreground, with the exports that point kubectl and aws at it, until Ctrl-C.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use xtask::emulator::client_settings;
use xtask::{Stack, StackOptions};

const LOOK_EVERY: Duration = Duration::from_millis(200);
const REGION: &str = "eu-central-1";

pub fn stack(controller_manager: bool, emulator: bool) -> Result<()> {
    let options = StackOptions { build_missing: true, controller_manager, emulator, ..StackOptions::default() };
    let mut stack = Stack::start(options)?;
    offer(&mut stack, "The stack is up.", REGION)
}

/// Prints how to reach the stack, and keeps it until a person or the system asks for its end, or until a part of it
/// ends by itself.
pub fn offer(stack: &mut Stack, news: &str, region: &str) -> Result<()> {
    // Before anything is printed: whoever reads the exports may send the signal at once.
    let asked = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&asked))?;
    }
    eprintln!("{news} In another terminal:\n");
    print_exports(stack, region);
    eprintln!("\nLogs: {}\nCtrl-C stops it.", stack.run_dir().display());
    while !asked.load(Ordering::Relaxed) {
        stack.check()?;
        thread::sleep(LOOK_EVERY);
    }
    eprintln!("\nStopping.");
    Ok(())
}

/// Prints, for a shell to read, the settings that point kubectl and aws at the stack.
fn print_exports(stack: &Stack, region: &str) {
    println!("export KUBECONFIG='{}'", stack.kubeconfig().display());
    println!("export KUBECACHEDIR='{}'", stack.kubectl_cache().display());
    if let Some(emulator) = stack.emulator() {
        println!("unset AWS_PROFILE AWS_SESSION_TOKEN");
        for (name, value) in client_settings(&emulator.endpoint(), region) {
            println!("export {name}='{value}'");
        }
    }
}
