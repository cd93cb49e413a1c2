//! What holds an isolated EC2 instance and gives it back, as functions and machines without I/O.
//!
//! | module | what is there |
//! |---|---|
//! | [`object`] | the two objects as the loops read and write them: `Containment` (holders, records) and `Quarantine` |
//! | [`holders`] | who holds an instance: who stays, who leaves with consent, who is lost, who is in charge |
//! | [`interface`] | one network interface: recorded, isolated, given back |
//! | [`primary`] | what an interface gets back that never had groups of its own |
//! | [`decide`] | the Containment loop's decision: the next status, the calls, when to look again |
//! | [`machine`] | both loops as machines: `step(self, now, answer) -> (self, request)` |
//!
//! A *call* changes something in AWS. No call leaves a machine before the API server has acknowledged the status in which
//! it stands: a machine asks for [`machine::Request::Act`] only as the step after the acknowledged write or the confirmed
//! version.
//!
//! The operator, the simulation and the model drive the same code. `tests/model` walks every state that two Quarantines, their
//! Containment and one interface can reach within stated bounds of faults and of what people do.
#![forbid(unsafe_code)]

pub mod call;
pub mod decide;
pub mod holders;
pub mod interface;
pub mod look;
pub mod machine;
pub mod object;
pub mod primary;
