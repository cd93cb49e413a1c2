//! What a FindingSource counts: what became of its messages, and why findings were not accepted.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// What became of the messages. Counted by what was received: a message that comes twice counts twice.
#[derive(KubeSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counters {
    /// Received.
    #[serde(default)]
    pub received: i64,
    /// A Quarantine was made of it.
    #[serde(default)]
    pub created: i64,
    /// It spoke of an instance that has its Quarantine already, and was added to that one's findings where it is new.
    #[serde(default)]
    pub joined: i64,
    /// Understood, and not accepted.
    #[serde(default)]
    pub unwanted: i64,
    /// Why they weren't accepted. Where a finding is refused for several causes, the first one counts.
    #[serde(default, skip_serializing_if = "UnwantedBy::is_empty")]
    pub unwanted_by: UnwantedBy,
    /// Accepted, but it names no instance.
    #[serde(default)]
    pub without_instance: i64,
    /// Older than the last release of its instance.
    #[serde(default)]
    pub echoes: i64,
    /// Not understood: it stays in the queue.
    #[serde(default)]
    pub unreadable: i64,
}

impl Counters {
    /// One finding that is not accepted.
    pub fn refuse(&mut self, cause: Cause) {
        self.unwanted += 1;
        *self.unwanted_by.of(cause) += 1;
    }
}

/// One list for the causes, their counters and their names, so that none lacks a counter.
macro_rules! causes {
    ($($(#[doc = $doc:literal])+ $cause:ident $counter:ident,)+) => {
        /// Why a source doesn't accept a finding.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Cause {
            $($(#[doc = $doc])+ $cause,)+
        }

        /// How many findings were not accepted, by cause. One that never was a cause isn't there.
        #[derive(KubeSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
        #[serde(rename_all = "camelCase")]
        pub struct UnwantedBy {
            $(
                $(#[doc = $doc])+
                #[serde(default, skip_serializing_if = "is_zero")]
                pub $counter: i64,
            )+
        }

        impl Cause {
            pub const ALL: &[Self] = &[$(Self::$cause),+];

            /// As the metric's label has it.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$cause => stringify!($counter),)+
                }
            }
        }

        impl UnwantedBy {
            pub fn of(&mut self, cause: Cause) -> &mut i64 {
                match cause {
                    $(Cause::$cause => &mut self.$counter,)+
                }
            }

            /// Both together.
            #[must_use]
            pub fn plus(self, other: Self) -> Self {
                Self { $($counter: self.$counter + other.$counter),+ }
            }
        }
    };
}

causes! {
    /// The custom action that was pressed is none of the source's.
    CustomAction custom_action,
    /// The source has no filter for findings that come in this way: accept.imported, accept.guardDuty.
    NoFilter no_filter,
    /// It is a sample finding, which names no real instance.
    Sample sample,
    /// Its record state is none of the filter's, or it is archived.
    RecordState record_state,
    /// Its workflow status: somebody has taken it up already, or has suppressed it.
    WorkflowStatus workflow_status,
    /// Its product is none of the filter's.
    Product product,
    /// Its severity is none of the filter's.
    Severity severity,
    /// Its types are none of the filter's.
    Type finding_type,
    /// Its account is none of the filter's.
    Account account,
    /// It names an instance in another account than its own.
    OtherAccount other_account,
    /// The instance lies in a region that is none of the filter's.
    Region region,
    /// The instance lies in a VPC that is none of the filter's.
    Vpc vpc,
    /// The instance carries none of the filter's tags.
    Tags tags,
}

impl UnwantedBy {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(many: &i64) -> bool {
    *many == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_cause_has_a_counter_of_its_own_and_only_those_that_are_not_zero_are_written() {
        let mut all = UnwantedBy::default();
        for (one, many) in Cause::ALL.iter().zip(1..) {
            *all.of(*one) += many;
        }
        let written = serde_json::to_value(all).unwrap();
        let mut many: Vec<i64> = written.as_object().unwrap().values().filter_map(|many| many.as_i64()).collect();
        many.sort_unstable();
        assert_eq!(many, (1..=Cause::ALL.len() as i64).collect::<Vec<_>>(), "{written}");
        let mut counters = Counters::default();
        assert_eq!(serde_json::to_value(counters).unwrap().get("unwantedBy"), None);
        counters.refuse(Cause::Vpc);
        counters.unwanted_by = counters.unwanted_by.plus(counters.unwanted_by);
        assert_eq!(serde_json::to_value(counters).unwrap()["unwantedBy"], json!({"vpc": 2}));
    }
}
