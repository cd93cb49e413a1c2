//! A terminal, with somebody at it.

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::{
    fs::{File, OpenOptions},
    io::{Read as _, Write as _},
    os::unix::ffi::OsStrExt as _,
    process::Command,
};

/// Runs the command at a terminal, where somebody types `answer`. Its exit code, and what the terminal shows.
pub fn at_a_terminal(mut command: Command, answer: &str) -> (i32, String) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&master).expect("a terminal");
    unlockpt(&master).expect("a terminal");
    let name = ptsname(&master, Vec::new()).expect("a terminal has a name");
    let open = || OpenOptions::new().read(true).write(true).open(std::ffi::OsStr::from_bytes(name.to_bytes()));
    let side = || open().expect("the other side of it");
    let mut child = command.stdin(side()).stdout(side()).stderr(side()).spawn().expect("it runs");
    // Ours would keep the terminal open when the child has ended.
    drop(command);
    let mut screen = File::from(master);
    screen.write_all(answer.as_bytes()).expect("it is typed");
    let mut shown = Vec::new();
    // The read fails when nobody is left on the other side: that is the end.
    let _ = screen.read_to_end(&mut shown);
    let code = child.wait().expect("it is our child").code().expect("it ends by itself");
    (code, String::from_utf8(shown).expect("it shows text"))
}
