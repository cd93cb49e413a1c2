//! From messages in a queue to Quarantines.
//!
//! | room | what happens there |
//! |---|---|
//! | [`parse`] | a message's text into an [`Event`], or why it can't be read (pure) |
//! | `guard_duty`, `attack_sequence` | GuardDuty's own format, into what the operator knows of a finding (pure); that of Security Hub is in `model::asff` |
//! | [`accept`] | does the source want this finding, and this instance of it? (pure) |
//! | [`plan`] | what is made of it, and whether the message may be deleted then (pure) |
//! | [`existing`] | the instance has its Quarantine: the finding joins it (pure) |
//! | [`fresh`] | it has none: whether one is made, and whether a person must say yes first (pure) |
//! | [`echo`] | which releases a source remembers, and for how long (pure) |
//! | [`make`] | the Quarantine: its name, its label, its reason, the findings that it informs (pure) |
//! | `handle` | one message: its plan, carried out on the API server |
//! | `receive` | one receiver of a queue: nothing is received while nothing could be made of it |
//! | [`delivery`] | can EventBridge put an event into the queue? (pure) |
//! | `custom_action` | the custom action that a source declares, made and kept |
//! | `source` | one FindingSource: its custom action, its queue, its receivers, its status |
//! | `report` | what a source's status says (pure) |
//!
//! A message that can't be read has no plan, and only a plan can hold an [`Understood`], without which no message is
//! deleted.

pub mod accept;
mod attack_sequence;
mod custom_action;
pub mod delivery;
pub mod echo;
mod existing;
mod fresh;
mod guard_duty;
mod handle;
pub mod make;
pub mod parse;
pub mod plan;
mod receive;
mod report;
mod source;
#[cfg(test)]
mod tests;

pub use custom_action::arn as custom_action_arn;
pub use existing::{Approval, Existing, InstanceFacts};
pub use parse::{Event, Trigger, Unreadable, parse};
pub use plan::{Fate, Plan, Source, Step, Understood, plan};
pub use source::{Intake, place, place_of, reconcile};
