//! The kubectl plugin, as it is built, against a real API server and an operator that works.
//!
//! | room | what is proved there |
//! |---|---|
//! | `create` | instances and findings are cut off, once each; dry runs are told and enforced |
//! | `refusals` | who and what is refused, in which words, with which exit code |
//! | `release` | what is given back, what is asked, what is held, and how waiting ends |
//! | `look` | lists, trees, objects as JSON and YAML |
//! | `kubectl` | kubectl finds the plugin and its completions |

mod create;
mod kubectl;
mod look;
mod refusals;
mod release;
mod run;
mod terminal;
