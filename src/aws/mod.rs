//! What the loop may ask of AWS, in the domain's words. Nothing here decides; nothing outside sees an SDK type.
//!
//! | room | what happens there |
//! |---|---|
//! | [`model`] | instances, interfaces, groups, rules as plain types (pure) |
//! | [`finding`] | findings of Security Hub and GuardDuty as plain types (pure) |
//! | [`place`] | an account's region, and the role to go there with (pure) |
//! | [`problem`] | the one table from an AWS error code to what is to be done (pure) |
//! | `sessions` | where and as whom: credentials per role, the check whose account it is |
//! | `ec2` | the calls to EC2, one function each |
//! | `convert` | the SDK's types to `model` and back |
//! | `call` | one way to make a call: measured, logged, its error translated |
//! | `sdk_error` | the SDK's errors to `problem` |
//! | `settings` | time-outs and attempts, with their reasons |
//! | `kept` | one attempt for all who ask at once, kept if it succeeds |

mod call;
mod convert;
mod ec2;
pub mod finding;
mod kept;
pub mod model;
pub mod place;
pub mod problem;
mod sdk_error;
mod sessions;
mod settings;

pub use ec2::Ec2;
pub use problem::{Disposition, Problem};
pub use place::{Place, Role};
pub use sessions::{Identity, Sessions};
