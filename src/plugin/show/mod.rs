//! Objects as text: an object in, text out. Pure, but for the look at the terminal in [`Paint::for_stdout`].
//!
//! | room | what happens there |
//! |---|---|
//! | [`tree`] | one Quarantine: what was, what is, why |
//! | [`table`] | many, a line each |
//! | [`back`] | what a release gives back |
//! | [`paint`], [`words`] | colour; times, names, lines of bounded width |

mod back;
mod paint;
mod table;
mod tree;
mod words;

pub use back::given_back;
pub use paint::Paint;
pub use table::{Columns, table};
pub use tree::{next_command, tree};
pub use words::{full_name, target};
