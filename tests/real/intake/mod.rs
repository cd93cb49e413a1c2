//! Bursts of findings, and what is left of them when the operator dies or the API server is away: the right Quarantines,
//! the garbage among the dead letters, nothing else. Each with an operator process; a burst has an API server of its own.
//!
//! | room | what is there |
//! |---|---|
//! | `stage` | an account with many instances, the queue that tells of them, the operator |
//! | `messages` | what a burst consists of |
//! | `witness` | who saw which Quarantine made and contained, and when |
//! | `figures` | what a burst took. Printed, never asserted |
//! | `burst`, `killed`, `away` | nothing disturbs it; the operator dies ten times; the API server is away for two minutes |
//! | `events` | what a source says in events |
//! | `ocsf` | a finding of the newer Security Hub |
//! | `field` | what becomes of the inputs of src/intake/fixtures/field |

mod away;
mod burst;
mod events;
mod field;
mod figures;
mod killed;
mod messages;
mod ocsf;
mod stage;
mod witness;
