//! What the loop may ask of AWS, in the domain's words. Nothing here decides; nothing outside sees an SDK type.
//!
//! | room | what happens there |
//! |---|---|
//! | `sessions` | where and as whom: credentials per role, the check whose account it is |
//! | `ec2` | the calls to EC2, one function each; `ec2::dry_run`: whether changes would be permitted |
//! | `reads` | the reads of EC2 that all who look at the same time share |
//! | `security_hub` | the calls to both Security Hubs; `security_hub::dialect`: the two forms that those for findings have |
//! | `sqs` | the calls to SQS |
//! | `batch` | one call for many who ask at once |
//! | `budget` | calls held back to what AWS takes, per account and region |
//! | `deep` | room for answers that need a deep stack |
//! | `convert` | the SDK's types to those of `model`, and back |
//! | `call` | one way to make a call: measured, logged, its error translated |
//! | `sdk_error` | the SDK's errors to `model::problem` |
//! | `fence` | nothing is changed by a replica that no longer leads |
//! | `settings` | time-outs and attempts, with their reasons |
//! | `transport` | the connections of changing calls: nothing of a call arrives once it was given up |
//! | `renewal` | credentials that AWS calls expired, fetched anew |
//! | `kept` | one attempt for all who ask at once, kept if it succeeds |

mod batch;
mod budget;
mod call;
mod convert;
mod deep;
mod ec2;
mod fence;
mod kept;
mod reads;
mod renewal;
mod sdk_error;
mod security_hub;
mod sessions;
mod settings;
mod sqs;
mod transport;

pub use ec2::{Change, Ec2};
pub use fence::Fence;
pub use security_hub::SecurityHub;
pub use sessions::{Identity, Sessions};
pub use settings::LONGEST_CHANGE;
pub use sqs::Sqs;
