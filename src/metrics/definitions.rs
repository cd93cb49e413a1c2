//! Every metric that the operator has: name, type, labels, unit, meaning. Nothing else names one; docs/metrics.md is this
//! table as text.
//!
//! No label holds what grows without bounds: no instance, no finding, no name of a claim. Classes and sources are made by
//! administrators; a class that a claim names and that isn't there is the empty label.

use std::fmt::Write as _;

/// What a metric is to Prometheus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

impl Kind {
    /// As the exposition format's TYPE line has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// One metric.
#[derive(Debug)]
pub struct Definition {
    pub name: &'static str,
    pub kind: Kind,
    pub labels: &'static [&'static str],
    pub unit: &'static str,
    /// Without a full stop at its end, which the exposition adds.
    pub help: &'static str,
}

macro_rules! define {
    ($($constant:ident: $kind:ident $name:literal [$($label:literal),*] $unit:literal, $help:literal;)*) => {
        $(pub const $constant: Definition = Definition {
            name: $name, kind: Kind::$kind, labels: &[$($label),*], unit: $unit, help: $help,
        };)*

        /// All of them, in the order of the documentation.
        pub const ALL: &[Definition] = &[$($constant),*];
    };
}

define! {
    OBJECTS: Gauge "quarantine_objects" ["class", "condition", "status", "reason"] "Quarantines",
        "Quarantines by what each of their conditions says";
    INTERFACES: Gauge "quarantine_interfaces" ["class", "state"] "network interfaces",
        "Recorded network interfaces by where they stand";
    OLDEST_UNCONTAINED: Gauge "quarantine_oldest_uncontained_seconds" ["class"] "seconds",
        "Age of the oldest Quarantine with mode Enforce, neither suspended nor deleted, that is not Contained=True; 0 if there is none";
    OLDEST_UNRELEASED: Gauge "quarantine_oldest_unreleased_seconds" ["class"] "seconds",
        "Time since the deletion of the Quarantine that has waited longest for its release, those aside that wait for a person's approval; 0 if there is none";
    OLDEST_HELD_RELEASE: Gauge "quarantine_oldest_held_release_seconds" ["class"] "seconds",
        "Time since the deletion of the Quarantine that was deleted first of those whose release waits for a person's approval (ReleaseHeld); 0 if there is none";
    HELD_INSTANCES: Gauge "quarantine_held_instances" ["class"] "instances",
        "Instances that the class holds, those being given back included";
    LIMIT_INSTANCES: Gauge "quarantine_limit_instances" ["class"] "instances",
        "How many instances the class may hold at once: its maxActive";
    CONTAINMENT: Histogram "quarantine_containment_seconds" [] "seconds",
        "From a Quarantine's creationTimestamp, which has whole seconds, to its first Contained=True; time in which it was suspended or a dry run counts too";
    RELEASE: Histogram "quarantine_release_seconds" [] "seconds",
        "From a Quarantine's deletionTimestamp, which has whole seconds, to the removal of its finalizer; time in which it waited for a person counts too";
    DRIFT_CORRECTIONS: Counter "quarantine_drift_corrections_total" ["class"] "corrections",
        "Interfaces that somebody else had changed while they were held, and that were put back";
    REFUSED: Counter "quarantine_refused_total" ["class", "reason"] "refusals",
        "Quarantines that policy refused; one that is refused for another reason counts again, one that stays refused does not";
    AWS_CALLS: Counter "quarantine_aws_calls_total" ["service", "operation", "code"] "calls",
        "Calls to AWS by their outcome: OK, the error code of AWS, or NoAnswer; all attempts and pages of a read are one call";
    AWS_CALL: Histogram "quarantine_aws_call_seconds" ["service", "operation"] "seconds",
        "How long calls to AWS took, whatever their outcome";
    AWS_THROTTLES: Counter "quarantine_aws_throttles_total" ["service", "operation"] "calls",
        "Calls that AWS refused because too many were made";
    AWS_BUDGET_WAIT: Histogram "quarantine_aws_budget_wait_seconds" ["service", "operation"] "seconds",
        "How long calls were held back so that AWS need not refuse them, also those that were told to come back later";
    SOURCE_MESSAGES: Counter "quarantine_source_messages_total" ["source", "outcome"] "messages",
        "Messages of a FindingSource by what became of them: received, and then, for each instance that one names, created, joined, ignored (not accepted), echo (older than the last release) or without_instance; unreadable; later (it waits for something)";
    SOURCE_IGNORED: Counter "quarantine_source_ignored_total" ["source", "cause"] "findings",
        "Findings that a FindingSource did not accept, by cause, as in status.counters.unwantedBy";
    SOURCE_MESSAGE_AGE: Histogram "quarantine_source_message_age_seconds" ["source"] "seconds",
        "From a message's SentTimestamp to its deletion from the queue";
    SOURCE_READY: Gauge "quarantine_source_ready" ["source", "reason"] "1 or 0",
        "Whether the FindingSource is Ready, that is, its queue is read; the reason says why or why not";
    SOURCE_QUEUE: Gauge "quarantine_source_queue_messages" ["source", "state"] "messages",
        "Messages in the queue of a FindingSource, about, looked at once a minute: visible ones, and those in flight";
    SOURCE_DEAD_LETTERS: Gauge "quarantine_source_dead_letters" ["source"] "messages",
        "Messages in the dead-letter queue of a FindingSource's queue, about, looked at once a minute; absent where there is none or it may not be looked at";
    RECONCILES: Counter "controller_runtime_reconcile_total" ["controller", "result"] "reconciles",
        "Reconciles by result: success (until the next change), requeue_after (a look at a known time), requeue (with growing pauses, also after a conflict), error";
    RECONCILE_ERRORS: Counter "controller_runtime_reconcile_errors_total" ["controller"] "reconciles",
        "Reconciles that ended in an error";
    RECONCILE: Histogram "controller_runtime_reconcile_time_seconds" ["controller"] "seconds",
        "How long reconciles took";
    ACTIVE_WORKERS: Gauge "controller_runtime_active_workers" ["controller"] "reconciles",
        "Reconciles under way";
    MAX_CONCURRENT: Gauge "controller_runtime_max_concurrent_reconciles" ["controller"] "reconciles",
        "How many reconciles may be under way at once; 0 is any number";
    DROPPED_FIELDS: Gauge "quarantine_dropped_fields" [] "fields",
        "Fields of the custom resources that this version has and the API server drops, because its CRDs are older; nothing is done while there are any";
    LEADER: Gauge "leader_election_master_status" ["name"] "1 or 0",
        "Whether this process leads; 1 where it runs without leader election";
    BUILD_INFO: Gauge "quarantine_build_info" ["version"] "1",
        "Which version runs; the value is always 1";
}

/// docs/metrics.md from its table on.
pub fn as_markdown() -> String {
    let mut table = "| metric | type | labels | unit | meaning |\n|---|---|---|---|---|\n".to_owned();
    for Definition { name, kind, labels, unit, help } in ALL {
        let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
        let (kind, labels) = (kind.as_str(), labels.join(", "));
        // Writing to a String can't fail.
        let _ = writeln!(table, "| `{name}` | {kind} | {labels} | {unit} | {help} |");
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_counters_are_called_totals_and_times_seconds() {
        let mut names: Vec<&str> = ALL.iter().map(|definition| definition.name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
        for Definition { name, kind, unit, .. } in ALL {
            assert_eq!(*kind == Kind::Counter, name.ends_with("_total"), "{name}");
            assert_eq!(*unit == "seconds", name.ends_with("_seconds"), "{name}");
        }
    }

    #[test]
    fn the_documentation_has_this_table() {
        let document = include_str!("../../docs/metrics.md");
        let (_, table) = document.split_once("<!-- the table -->\n").expect("docs/metrics.md marks its table");
        let table = table.split("\n\n").next().unwrap_or_default();
        assert_eq!(
            table.trim_end(),
            as_markdown().trim_end(),
            "put this table into docs/metrics.md:\n{}",
            as_markdown()
        );
    }
}
