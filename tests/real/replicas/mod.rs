//! Several replicas of the operator as processes of their own, on one API server: which one leads, how long it takes until
//! the next one does, and that nobody changes anything who doesn't lead.
//!
//! Each replica calls AWS under a name of its own (AWS_SDK_UA_APP_ID), so that the emulator's log tells whose a call is.

mod away;
mod election;
mod fenced;
mod figures;
mod rights;
mod rounds;
mod stage;
mod takeover;
