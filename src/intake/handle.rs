//! One message: read, planned, and its plan carried out on the API server. Whether it may be deleted then is the plan's
//! word; this file can only keep more than that.

use super::{
    Event, Existing, Fate, InstanceFacts, Plan, Source, Step, Understood, Unreadable, echo,
    make::{quarantine_name, source_label},
    parse,
    plan::{plan, pressed, wanted},
    source::place,
};
use crate::{
    api::{AUTOMATIC_ANNOTATION, Counters, FindingReference, FindingSource, Quarantine, Reason, Time},
    model::{
        problem::{Disposition, Problem},
        queue::QueueMessage,
        text::plain,
    },
    quarantine::{
        Context, Error, in_time, tell,
        world::{Addressee, Saying},
    },
};
use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Api, Resource, ResourceExt,
    api::{Patch, PatchParams, PostParams},
    runtime::events::{Event as KubernetesEvent, EventType},
};
use serde_json::json;
use std::collections::BTreeMap;

/// How often a message is planned anew because somebody else wrote in between.
const TRIES: usize = 4;

/// A note's Text has at most 512 characters ("NoteUpdate", AWS Security Hub API Reference).
const NOTE_ROOM: usize = 512;

/// What becomes of a message.
#[derive(Debug)]
pub enum Handled {
    /// It was understood, and what it asks for is there.
    Delete(Understood),
    /// The queue shows it again later, and in the end gives it to its dead-letter queue.
    Leave,
    /// Nothing is wrong with it, but it must wait for something: it is hidden for longer each time that it comes.
    Later,
    /// The API server is away or refuses: the message is held until it doesn't.
    Blocked(Error),
}

/// What a source is, as long as one message is handled.
pub struct Desk<'a> {
    pub context: &'a Context,
    pub source: &'a FindingSource,
    pub own_action: Option<&'a str>,
}

impl Desk<'_> {
    /// Handles one message and counts what became of it.
    #[tracing::instrument(level = "debug", name = "handle a message", skip_all, fields(messaging.message.id = message.id))]
    pub async fn handle(&self, message: &QueueMessage, counters: &mut Counters) -> Handled {
        let event = match parse(&message.body) {
            Ok(event) => event,
            Err(unreadable) => {
                unreadable.count(counters);
                self.say_unreadable(message, &unreadable).await;
                return Handled::Leave;
            }
        };
        for _ in 0..TRIES {
            match self.carry_out(message, &event, counters).await {
                Ok(handled) => return handled,
                Err(error) if error.is_conflict() => {}
                Err(error) if error.is_refusal() && self.may_create().await.is_ok() => {
                    return self.put_off(message, &event, &error).await;
                }
                Err(error) => return Handled::Blocked(error),
            }
        }
        Handled::Later
    }

    /// The API server takes Quarantines of this source, but not the one of this message: it must hold up no other.
    async fn put_off(&self, message: &QueueMessage, event: &Event, error: &Error) -> Handled {
        let said = format!("Nothing can be made of message {}, which waits: {error}", message.id);
        self.say(EventType::Warning, Reason::TemplateRefused, named("Message", &message.id), &said).await;
        if message.receives <= 1 {
            let name = self.source.name_any();
            self.note_on(&pressed(&self.as_planned(&name), event), &said).await;
        }
        Handled::Later
    }

    async fn carry_out(
        &self,
        message: &QueueMessage,
        event: &Event,
        counters: &mut Counters,
    ) -> Result<Handled, Error> {
        let name = self.source.name_any();
        let source = self.as_planned(&name);
        let (facts, seen) = self.look(&source, event).await?;
        let Plan { steps, fate } = plan(&source, event, &facts, self.context.now());
        let mut settled = true;
        for step in &steps {
            settled &= self.take(message, step, &seen).await?;
            step.count(counters);
        }
        Ok(match fate {
            Fate::Delete(understood) if settled => Handled::Delete(understood),
            Fate::Delete(_) | Fate::Keep => Handled::Later,
        })
    }

    fn as_planned<'s>(&'s self, name: &'s str) -> Source<'s> {
        Source { name, spec: &self.source.spec, own_action: self.own_action }
    }

    /// What is known of each instance, from the API server itself: a store may be older than the last release.
    async fn look(
        &self,
        source: &Source<'_>,
        event: &Event,
    ) -> Result<(BTreeMap<String, InstanceFacts>, Vec<Quarantine>), Error> {
        let (mut facts, mut seen, mut released) = (BTreeMap::new(), Vec::new(), None);
        for instance in wanted(source, event) {
            let found = in_time(self.claims().get_opt(&quarantine_name(source.name, &instance.id))).await?;
            let existing = found.as_ref().map(|found| Existing::of(found, source.name));
            if existing.is_none() && released.is_none() {
                released = Some(self.released().await?);
            }
            let released = released.as_ref().filter(|_| existing.is_none());
            let known = InstanceFacts {
                released_at: released.and_then(|released| released.get(&instance.id)).map(|at| at.0),
                forgotten_before: released
                    .and_then(|released| echo::forgotten_before(released.values().map(|at| at.0))),
                existing,
            };
            facts.insert(instance.id.clone(), known);
            seen.extend(found);
        }
        Ok((facts, seen))
    }

    /// The releases that the source remembers. Asked after a Quarantine wasn't found: its release was remembered before it
    /// went.
    async fn released(&self) -> Result<BTreeMap<String, Time>, Error> {
        let sources: Api<FindingSource> = Api::all(self.context.client.clone());
        Ok(in_time(sources.get(&self.source.name_any())).await?.status.unwrap_or_default().released)
    }

    /// Takes one step. False: the message must stay.
    async fn take(&self, message: &QueueMessage, step: &Step, seen: &[Quarantine]) -> Result<bool, Error> {
        self.context.may_write()?;
        match step {
            Step::Create(quarantine) => self.create(quarantine).await?,
            Step::Join { name, add, chosen, said, note_on, .. } => {
                let known = seen.iter().find(|known| known.name_any() == *name);
                if let Some(known) = known {
                    self.join(known, add, *chosen).await?;
                }
                if let Some(said) = said {
                    let said = format!("Quarantine {name}: {said}");
                    let about = known.map(|known| known.object_ref(&())).unwrap_or_default();
                    self.say(EventType::Warning, Reason::FindingJoined, about, &said).await;
                    return Ok(self.note_on(note_on, &said).await);
                }
            }
            Step::Unwanted { cause, why } => {
                tracing::info!(source = self.source.name_any(), cause = cause.as_str(), why, "a finding makes nothing");
            }
            Step::Crowded { why } => {
                self.say(EventType::Warning, Reason::FindingNamesManyInstances, named("Message", &message.id), why)
                    .await;
            }
            Step::Refused { why, note_on, .. } | Step::WithoutInstance { why, note_on } => {
                let note = format!("No instance was cut off for this finding: {why}");
                return Ok(self.answer(message, why, note_on.as_slice(), &note).await);
            }
            Step::Echo { why, note_on } if note_on.is_empty() => {
                tracing::info!(source = self.source.name_any(), why, "a finding makes nothing");
            }
            Step::Echo { why, note_on } => return Ok(self.answer(message, why, note_on, why).await),
            Step::Wait { why, note_on } => {
                tracing::info!(source = self.source.name_any(), why, "a message waits");
                if message.receives <= 1 && !note_on.is_empty() {
                    self.answer(message, why, note_on, why).await;
                }
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Another one of that name is a conflict: somebody, or a message of the same instance, was faster.
    async fn create(&self, quarantine: &Quarantine) -> Result<(), Error> {
        let made = in_time(self.claims().create(&PostParams::default(), quarantine)).await?;
        let (namespace, name) = (made.namespace().unwrap_or_default(), made.name_any());
        let said = format!("Made Quarantine {namespace}/{name}.");
        self.say(EventType::Normal, Reason::QuarantineCreated, made.object_ref(&()), &said).await;
        Ok(())
    }

    /// Nothing is written where nothing is new.
    async fn join(&self, known: &Quarantine, add: &[FindingReference], chosen: bool) -> Result<(), Error> {
        let marked = known.annotations().contains_key(AUTOMATIC_ANNOTATION);
        if add.is_empty() && !(chosen && marked) {
            return Ok(());
        }
        let findings: Vec<&FindingReference> = known.spec.findings.iter().chain(add).collect();
        let mut patch = json!({
            "metadata": { "resourceVersion": known.resource_version() },
            "spec": { "findings": findings },
        });
        if chosen && marked {
            patch["metadata"]["annotations"] = json!({ AUTOMATIC_ANNOTATION: null });
        }
        in_time(self.claims().patch(&known.name_any(), &PatchParams::default(), &Patch::Merge(patch))).await?;
        Ok(())
    }

    /// An event, and the note where a person waits for an answer. False: the note may go through later.
    async fn answer(&self, message: &QueueMessage, why: &str, note_on: &[FindingReference], note: &str) -> bool {
        let about = || match note_on {
            [finding, ..] => named("Finding", &finding.id),
            [] => named("Message", &message.id),
        };
        let on = note_on.first().map(|finding| format!(" Finding {}.", finding.id)).unwrap_or_default();
        self.say(EventType::Warning, Reason::FindingIgnored, about(), &format!("{why}{on}")).await;
        self.note_on(note_on, note).await
    }

    /// A note on each of these findings. False: one may go through later.
    async fn note_on(&self, findings: &[FindingReference], note: &str) -> bool {
        let mut settled = true;
        for finding in findings {
            if let Err(problem) = self.note(finding, note).await {
                let said = format!("Finding {} can't be told: {}", finding.id, problem.message);
                self.say(EventType::Warning, Reason::FindingNotUpdated, named("Finding", &finding.id), &said).await;
                settled &= problem.disposition != Disposition::Retry;
            }
        }
        settled
    }

    async fn note(&self, finding: &FindingReference, note: &str) -> Result<(), Problem> {
        let place = place(self.context, &self.source.spec).await?;
        let saying = Saying { word: String::new(), note: Some(plain(note, NOTE_ROOM)), workflow: None, about: None };
        let told = tell(self.context, &place, &[Addressee::new(finding, &saying.word)], &saying).await;
        told.into_iter().try_for_each(|(_, outcome)| outcome)
    }

    /// Once a message: what can't be read comes as often as the queue lets it.
    async fn say_unreadable(&self, message: &QueueMessage, unreadable: &Unreadable) {
        if message.receives > 1 {
            return;
        }
        let Unreadable { why, begins } = unreadable;
        let said = format!("Message {} can't be read and stays in the queue. {why} It begins: {begins}", message.id);
        self.say(EventType::Warning, Reason::MessageUnreadable, named("Message", &message.id), &said).await;
    }

    /// A failing event never holds up a message.
    async fn say(&self, type_: EventType, reason: Reason, about: ObjectReference, message: &str) {
        let source = self.source.name_any();
        tracing::info!(source, %reason, "{message}");
        let event = KubernetesEvent {
            type_,
            reason: reason.as_str(),
            note: Some(message.to_owned()),
            action: "Receive".to_owned(),
            secondary: Some(about),
        };
        if let Err(error) = self.context.publish(event, &self.source.object_ref(&())).await {
            tracing::warn!(source, %reason, %error, "the event could not be published");
        }
    }

    fn claims(&self) -> Api<Quarantine> {
        Api::namespaced(self.context.client.clone(), &self.source.spec.template.namespace)
    }

    /// Whether the API server would take a Quarantine of this source now: asked with a dry run, which goes through
    /// admission and stores nothing.
    pub async fn may_create(&self) -> Result<(), Error> {
        let template = &self.source.spec.template;
        let name = quarantine_name(&self.source.name_any(), "i-00000000000000000");
        let trial = json!({
            "apiVersion": Quarantine::api_version(&()), "kind": Quarantine::kind(&()),
            "metadata": {
                "name": name, "namespace": template.namespace,
                "labels": template.labels.iter().map(|(key, value)| (key.clone(), value.clone()))
                    .chain([(crate::api::SOURCE_LABEL.to_owned(), source_label(&self.source.name_any()))])
                    .collect::<BTreeMap<_, _>>(),
            },
            "spec": {
                "target": { "instance": { "id": "i-00000000000000000", "region": self.source.spec.region } },
                "className": template.class_name, "mode": template.mode, "suspend": template.suspend,
            },
        });
        let trial: Quarantine = serde_json::from_value(trial).map_err(kube::Error::SerdeError)?;
        let dry_run = PostParams { dry_run: true, ..PostParams::default() };
        match in_time(self.claims().create(&dry_run, &trial)).await {
            Err(error) if error.is_conflict() => Ok(()),
            outcome => outcome.map(drop),
        }
    }
}

/// Something that an event is about and that isn't an object of the API server.
fn named(kind: &str, name: &str) -> ObjectReference {
    ObjectReference { kind: Some(kind.to_owned()), name: Some(name.to_owned()), ..ObjectReference::default() }
}
