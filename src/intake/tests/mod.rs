//! The proof of the intake's pure core. No client, no clock, no sleep.
//!
//! | room | what is proved there |
//! |---|---|
//! | `parsing` | AWS' events are read as they are documented, and what isn't one is named |
//! | `field` | the forms in which the field sends findings |
//! | `accepting` | what a source wants, and what it refuses |
//! | `crowding` | who is told of what makes nothing, and how many instances of one finding become active |
//! | `planning`, `making` | what is made of an event, and what becomes of its message |
//! | `newer_hub` | what is made of events of the newer Security Hub, beside those of the older one |
//! | `remembering` | which releases a source remembers, and for how long |
//! | `properties` | whatever stands around, the instances are found, and what is made fits the API server's rules |
//! | `mutation` | messages that were changed at random: nothing panics, and nothing is deleted that wasn't understood |
//! | `fixtures` | the events, and how a test changes one |
//! | `fits`, `oracle` | the same questions answered by other means: what the API server takes, what a message names |
//! | `mutate` | the changes |

mod accepting;
mod crowding;
mod field;
mod fits;
mod fixtures;
mod making;
mod mutate;
mod mutation;
mod newer_hub;
mod oracle;
mod parsing;
mod planning;
mod properties;
mod remembering;
