//! What a source's status says: what became of its messages, and what stands in the way. Nothing here is asked or done.

use crate::{
    api::{Condition, ConditionStatus, ConditionType, Counters, FindingSource, FindingSourceStatus, Reason, Time},
    model::{
        problem::{Disposition, Problem},
        queue::QueueSight,
    },
};
use kube::ResourceExt;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What stands in a source's way.
#[derive(Clone, Debug, PartialEq)]
pub enum Trouble {
    CustomAction(Problem),
    Queue(Problem),
    Template(Problem),
    Backlog(Problem),
}

impl Trouble {
    pub fn passes(&self) -> bool {
        self.problem().disposition == Disposition::Retry
    }

    fn problem(&self) -> &Problem {
        match self {
            Self::CustomAction(problem) | Self::Queue(problem) | Self::Template(problem) | Self::Backlog(problem) => {
                problem
            }
        }
    }
}

/// What the receivers of a source have to say, until it is written.
#[derive(Default)]
pub struct Report(Mutex<Said>);

#[derive(Default)]
struct Said {
    counted: Counters,
    trouble: Option<Trouble>,
}

impl Report {
    pub fn count(&self, counters: Counters) {
        let mut said = self.said();
        said.counted = sum(said.counted, counters);
    }

    pub fn trouble(&self, trouble: Trouble) {
        self.said().trouble = Some(trouble);
    }

    /// Something may be received. Whether SQS lets us is known once it has answered: until then what it said last stands.
    pub fn may_receive(&self) {
        self.said().trouble.take_if(|trouble| !matches!(trouble, Trouble::Queue(_)));
    }

    /// Something was received, or nothing was there.
    pub fn received(&self) {
        self.said().trouble = None;
    }

    /// What was counted since it was last asked, and what stands in the way now.
    pub fn take(&self) -> (Counters, Option<Trouble>) {
        let mut said = self.said();
        (std::mem::take(&mut said.counted), said.trouble.clone())
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Both together.
pub fn sum(one: Counters, other: Counters) -> Counters {
    let Counters { received, created, joined, unwanted, unwanted_by, without_instance, echoes, unreadable } = other;
    Counters {
        received: one.received + received,
        created: one.created + created,
        joined: one.joined + joined,
        unwanted: one.unwanted + unwanted,
        unwanted_by: one.unwanted_by.plus(unwanted_by),
        without_instance: one.without_instance + without_instance,
        echoes: one.echoes + echoes,
        unreadable: one.unreadable + unreadable,
    }
}

/// The next status. `queue` is what was seen of the queue, where it was.
pub fn status(
    source: &FindingSource,
    counted: Counters,
    trouble: Option<&Trouble>,
    queue: Option<&QueueSight>,
    action_arn: Option<String>,
    now: Time,
) -> FindingSourceStatus {
    let mut status = source.status.clone().unwrap_or_default();
    status.observed_generation = source.metadata.generation.unwrap_or_default();
    status.counters = sum(status.counters, counted);
    status.custom_action_arn = action_arn.or(status.custom_action_arn);
    let (ready, reason, message) = match trouble {
        None => (true, Reason::Receiving, receiving(source, queue)),
        Some(trouble) => (false, trouble.problem().reason, trouble.problem().message.clone()),
    };
    let stalled = trouble.is_some_and(|trouble| trouble.problem().disposition == Disposition::Stop);
    let mut put = |type_: ConditionType, holds: bool| {
        let condition = Condition {
            type_: type_.to_string(),
            status: ConditionStatus::from(holds),
            reason: reason.as_str(),
            message: message.clone(),
            last_transition_time: now.clone(),
            observed_generation: status.observed_generation,
        };
        condition.put(&mut status.conditions);
    };
    put(ConditionType::Ready, ready);
    put(ConditionType::Reconciling, true);
    put(ConditionType::Stalled, true);
    status.conditions.retain(|condition| {
        (stalled || !condition.is(ConditionType::Stalled))
            && ((!ready && !stalled) || !condition.is(ConditionType::Reconciling))
    });
    status
}

fn receiving(source: &FindingSource, queue: Option<&QueueSight>) -> String {
    let namespace = &source.spec.template.namespace;
    let name = source.spec.queue_url.rsplit('/').next().unwrap_or_default();
    let undeliverable = match queue {
        Some(QueueSight { dead_letters: None, .. }) => {
            " The queue has no dead-letter queue: what can't be read comes again until it expires. Give it a redrive policy."
        }
        _ => "",
    };
    format!("What {} accepts of the queue {name} becomes Quarantines in {namespace}.{undeliverable}", source.name_any())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{Cause, UnwantedBy};
    use jiff::Timestamp;
    use serde_json::json;

    fn source() -> FindingSource {
        serde_json::from_value(json!({
            "apiVersion": "quarantine-operator.dev/v1alpha1", "kind": "FindingSource",
            "metadata": {"name": "hub", "generation": 3},
            "spec": {"queueUrl": "https://sqs.eu-central-1.amazonaws.com/111122223333/findings", "region": "eu-central-1",
                "template": {"namespace": "ir"}},
        }))
        .unwrap()
    }

    fn after(source: &FindingSource, trouble: Option<Trouble>) -> FindingSourceStatus {
        status(source, Counters::default(), trouble.as_ref(), None, None, Time(Timestamp::UNIX_EPOCH))
    }

    fn said(status: &FindingSourceStatus) -> Vec<(String, ConditionStatus, String)> {
        let conditions = status.conditions.iter();
        conditions.map(|condition| (condition.type_.clone(), condition.status, condition.reason.clone())).collect()
    }

    fn of(type_: &str, status: ConditionStatus, reason: &str) -> (String, ConditionStatus, String) {
        (type_.to_owned(), status, reason.to_owned())
    }

    #[test]
    fn a_source_that_receives_is_ready_and_one_that_waits_or_stalls_says_which() {
        use ConditionStatus::{False, True};
        let mut source = source();
        let well = after(&source, None);
        assert_eq!(said(&well), [of("Ready", True, "Receiving")]);
        assert_eq!(well.observed_generation, 3);
        source.status = Some(well);
        let away = Trouble::Template(Problem::new(Disposition::Retry, Reason::TemplateRefused, "away"));
        let waiting = after(&source, Some(away));
        assert_eq!(said(&waiting), [of("Ready", False, "TemplateRefused"), of("Reconciling", True, "TemplateRefused")]);
        source.status = Some(waiting);
        let gone = Trouble::Queue(Problem::new(Disposition::Stop, Reason::QueueNotFound, "gone"));
        let stalled = after(&source, Some(gone));
        assert_eq!(said(&stalled), [of("Ready", False, "QueueNotFound"), of("Stalled", True, "QueueNotFound")]);
        source.status = Some(stalled);
        assert_eq!(said(&after(&source, None)), [of("Ready", True, "Receiving")]);
    }

    #[test]
    fn a_source_whose_receives_are_refused_is_not_ready_while_the_next_one_is_asked() {
        let report = Report::default();
        let refused = Trouble::Queue(Problem::new(Disposition::Stop, Reason::AccessDenied, "refused"));
        report.trouble(refused.clone());
        report.may_receive();
        assert_eq!(report.take().1, Some(refused));
        report.received();
        assert_eq!(report.take().1, None);
        report.trouble(Trouble::Template(Problem::new(Disposition::Retry, Reason::TemplateRefused, "away")));
        report.may_receive();
        assert_eq!(report.take().1, None, "a long poll need not be over to know that the API server is back");
    }

    #[test]
    fn what_is_counted_is_taken_once_and_added_to_the_status() {
        let report = Report::default();
        report.count(Counters { received: 1, created: 1, ..Counters::default() });
        report.count(Counters { received: 1, unreadable: 1, ..Counters::default() });
        for cause in [Cause::Severity, Cause::Product, Cause::Severity] {
            let mut refused = Counters::default();
            refused.refuse(cause);
            report.count(refused);
        }
        let (counted, _) = report.take();
        assert_eq!(report.take().0, Counters::default());
        let mut source = source();
        source.status = Some(FindingSourceStatus {
            counters: Counters {
                received: 5,
                unwanted: 3,
                unwanted_by: UnwantedBy { product: 2, tags: 1, ..UnwantedBy::default() },
                ..Counters::default()
            },
            ..FindingSourceStatus::default()
        });
        let counters = status(&source, counted, None, None, None, Time(Timestamp::UNIX_EPOCH)).counters;
        assert_eq!((counters.received, counters.created, counters.unreadable), (7, 1, 1));
        let by = UnwantedBy { severity: 2, product: 3, tags: 1, ..UnwantedBy::default() };
        assert_eq!((counters.unwanted, counters.unwanted_by), (6, by));
    }
}
