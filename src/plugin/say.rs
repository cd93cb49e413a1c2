//! Standard output. Whoever closes it early, as `head` does, still gets the command done, and its exit code.

use std::{
    fmt::Arguments,
    io::{Write as _, stdout},
};

pub fn write(said: Arguments<'_>) {
    let _ = stdout().lock().write_fmt(said);
}

/// As `print!`.
macro_rules! out {
    ($($said:tt)*) => { $crate::say::write(format_args!($($said)*)) };
}

/// As `println!`.
macro_rules! outln {
    ($($said:tt)*) => { $crate::say::write(format_args!("{}\n", format_args!($($said)*))) };
}

pub(crate) use {out, outln};
