//! One file per command, and what several of them share: cargo and the table of times.

pub mod api;
pub mod bench;
pub mod cargo;
pub mod check;
pub mod deny;
pub mod generate;
pub mod image;
pub mod lint;
pub mod planted;
pub mod report;
pub mod stack;
pub mod test;
pub mod tools;
