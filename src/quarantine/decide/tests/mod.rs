//! The proof of the pure core. No client, no clock, no sleep.
//!
//! | room | what is proved there |
//! |---|---|
//! | `cases` | one decision at a time: what is done, what is said |
//! | `simulation` | EC2 and the API server as they behave, the loop as it runs, and what may never happen in either |
//! | `rules` | the rules of docs/architecture.md, over histories of faults, crashes and other writers |
//! | `planted` | that the rules have teeth: deliberate bugs are found, and shrunk to a short history |
//! | `speech` | that whatever any of these says is a sentence |
//! | `fixtures`, `looked` | scenes in words, and what a look at them did, for `cases` |

mod cases;
mod fixtures;
mod looked;
mod planted;
mod rules;
mod simulation;
mod speech;
