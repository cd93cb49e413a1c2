//! One FindingSource: its custom action, a look at its queue, its receivers, its status. The one place that writes a
//! FindingSource, but for the releases that it is told of (`quarantine::releases`).

use super::{
    custom_action, delivery,
    receive::Receiver,
    report::{Report, Trouble, status},
};
use crate::{
    api::{Counters, CustomAction, DeletionPolicy, FindingSource, FindingSourceSpec, FindingSourceStatus, Time},
    aws::{Identity, Sqs},
    metrics::QueueDepth,
    model::{
        place::{Place, Role},
        problem::Problem,
        queue::QueueSight,
    },
    quarantine::{Context, Error, in_time},
};
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::json;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{sync::watch, task::JoinSet};

/// Receivers of one queue: each takes ten messages at a time.
const RECEIVERS: usize = 4;

/// How often what the receivers counted is written, where they counted anything.
const WRITE: Duration = Duration::from_secs(5);

/// How often the custom action and the queue are looked at.
const LOOK: Duration = Duration::from_secs(60);

/// The sources that are being read.
pub struct Intake {
    pub context: Arc<Context>,
    running: Mutex<HashMap<String, Running>>,
}

/// One source that is being read.
struct Running {
    spec: FindingSourceSpec,
    report: Arc<Report>,
    looked: Option<(Instant, Result<QueueSight, Trouble>)>,
    stop: watch::Sender<bool>,
    receivers: JoinSet<()>,
}

impl Intake {
    pub fn new(context: Arc<Context>) -> Self {
        Self { context, running: Mutex::default() }
    }

    /// Ends every receiver. What they have in hand is finished first.
    pub async fn stop(&self) {
        let all: Vec<Running> = self.running().drain().map(|(_, running)| running).collect();
        for mut running in all {
            running.stop.send_replace(true);
            while running.receivers.join_next().await.is_some() {}
        }
    }

    /// Forgets sources whose receivers have ended by themselves, as those of a source that is gone do.
    fn forget_gone(&self) {
        self.running().retain(|_, running| {
            while running.receivers.try_join_next().is_some() {}
            !running.receivers.is_empty()
        });
    }

    fn running(&self) -> MutexGuard<'_, HashMap<String, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Brings one source as far as it goes now, and says when to look again. None: it is gone.
///
/// Errors: the API server's; AWS' are conditions.
pub async fn reconcile(source: Arc<FindingSource>, intake: &Intake) -> Result<Option<Duration>, Error> {
    let uid = source.uid().unwrap_or_default();
    intake.forget_gone();
    if source.is_deleting() {
        return let_go(intake, &source).await;
    }
    guard_custom_action(intake, &source).await?;
    let (trouble, queue) = looked(intake, &source, &uid).await;
    let now = || Time(intake.context.now());
    let arn = match own_action(intake, &source).await {
        Ok(arn) => arn,
        // What its own action sends would be taken for another one's, and deleted.
        Err(problem) => {
            let trouble = trouble.unwrap_or(Trouble::CustomAction(problem));
            let next = status(&source, Counters::default(), Some(&trouble), None, None, now());
            write(intake, &source, &next).await?;
            return Ok(Some(WRITE));
        }
    };
    let action_is_there = !matches!(trouble, Some(Trouble::CustomAction(_)));
    let report = receivers(intake, &source, &uid, arn.clone());
    let (counted, of_receivers) = report.take();
    // Last: what is in the queue is received all the same.
    let undelivered = || queue.as_ref().and_then(delivery::obstacle).map(Trouble::Queue);
    let trouble = trouble.or(of_receivers).or_else(undelivered);
    let arn = arn.filter(|_| action_is_there);
    let next = status(&source, counted, trouble.as_ref(), queue.as_ref(), arn, now());
    if let Err(error) = write(intake, &source, &next).await {
        report.count(counted);
        return Err(error);
    }
    Ok(Some(WRITE))
}

/// Where and as whom a source's queue is read: the account in its URL.
pub async fn place(context: &Context, spec: &FindingSourceSpec) -> Result<Place, Problem> {
    Ok(place_of(&context.sessions.own_identity().await?, spec))
}

/// The same, for an operator of this identity.
pub fn place_of(own: &Identity, spec: &FindingSourceSpec) -> Place {
    // The API server holds the URL's form: host, account, name.
    let account_id = spec.queue_url.rsplit('/').nth(1).unwrap_or_default().to_owned();
    let role = spec.assume_role.as_ref().map(|role| {
        let named = Role::named(&own.partition, &account_id, &role.role_name, role.external_id.as_ref());
        named.with_session_name(role.session_name.as_ref())
    });
    Place { account_id, region: spec.region.clone(), role }
}

/// The custom action and the queue, looked at once a minute: what stands in the way, and the queue where it was seen.
async fn looked(intake: &Intake, source: &FindingSource, uid: &str) -> (Option<Trouble>, Option<QueueSight>) {
    let known = {
        let running = intake.running();
        let same = running.get(uid).filter(|running| running.spec == source.spec);
        same.and_then(|running| running.looked.clone()).filter(|(at, outcome)| {
            let passing = outcome.as_ref().is_err_and(Trouble::passes);
            at.elapsed() < if passing { WRITE } else { LOOK }
        })
    };
    let (at, outcome) = match known {
        Some(known) => known,
        None => {
            let outcome = look(intake, source).await;
            let depth = outcome.as_ref().ok().map(|(_, depth)| *depth);
            intake.context.metrics.queue(&source.name_any(), depth);
            (Instant::now(), outcome.map(|(queue, _)| queue))
        }
    };
    if let Some(running) = intake.running().get_mut(uid) {
        running.looked = Some((at, outcome.clone()));
    }
    match outcome {
        Ok(queue) => (None, Some(queue)),
        Err(trouble) => (Some(trouble), None),
    }
}

async fn look(intake: &Intake, source: &FindingSource) -> Result<(QueueSight, QueueDepth), Trouble> {
    let context = &intake.context;
    let place = place(context, &source.spec).await.map_err(Trouble::Queue)?;
    if let Some(action) = &source.spec.custom_action {
        let kept = async {
            let own = context.sessions.own_identity().await?;
            let hub = context.sessions.security_hub(&place).await?;
            custom_action::keep(&hub, &custom_action::arn(&own.partition, &place, action), action).await
        };
        kept.await.map_err(Trouble::CustomAction)?;
    }
    let url = &source.spec.queue_url;
    let seen = async {
        let sqs = context.sessions.sqs(&place).await?;
        let queue = sqs.queue(url).await?;
        let depth = QueueDepth {
            visible: queue.waiting,
            in_flight: queue.in_flight,
            dead_letters: dead_letters(&sqs, source, &queue).await,
        };
        Ok((queue, depth))
    };
    seen.await.map_err(Trouble::Queue)
}

/// How many there are. That they can't be counted keeps nothing from being received.
async fn dead_letters(sqs: &Sqs, source: &FindingSource, queue: &QueueSight) -> Option<i64> {
    let url = queue.dead_letters_url(&source.spec.queue_url)?;
    match sqs.queue(&url).await {
        Ok(dead_letters) => Some(dead_letters.waiting),
        Err(problem) => {
            tracing::warn!(source = source.name_any(), %problem, "the dead letters can't be counted");
            None
        }
    }
}

/// The ARN of the source's own custom action, where it has one.
///
/// Errors: nobody can say yet which partition this is.
async fn own_action(intake: &Intake, source: &FindingSource) -> Result<Option<String>, Problem> {
    let Some(action) = &source.spec.custom_action else { return Ok(None) };
    let own = intake.context.sessions.own_identity().await?;
    let place = place(&intake.context, &source.spec).await?;
    Ok(Some(custom_action::arn(&own.partition, &place, action)))
}

/// Sees to it that the source is read as it says now. Receivers of an older spec finish what they have in hand.
fn receivers(intake: &Intake, source: &Arc<FindingSource>, uid: &str, own_action: Option<String>) -> Arc<Report> {
    let mut running = intake.running();
    if let Some(known) = running.get(uid).filter(|known| known.spec == source.spec) {
        return known.report.clone();
    }
    let report = running.get(uid).map(|known| known.report.clone()).unwrap_or_default();
    let (stop, stopped) = watch::channel(false);
    let mut receivers = JoinSet::new();
    for _ in 0..RECEIVERS {
        let receiver = Receiver {
            context: intake.context.clone(),
            source: source.clone(),
            own_action: own_action.clone(),
            report: report.clone(),
            stopped: stopped.clone(),
        };
        receivers.spawn(receiver.run());
    }
    let fresh = Running { spec: source.spec.clone(), report: report.clone(), looked: None, stop, receivers };
    if let Some(mut before) = running.insert(uid.to_owned(), fresh) {
        before.stop.send_replace(true);
        before.receivers.detach_all();
    }
    report
}

/// The finalizer stands for as long as the action is to go with the source.
async fn guard_custom_action(intake: &Intake, source: &FindingSource) -> Result<(), Error> {
    let wanted = source.spec.custom_action.as_ref().is_some_and(goes_too);
    if wanted == source.has_finalizer() {
        return Ok(());
    }
    let finalizers = if wanted { source.finalizers_with_ours() } else { source.finalizers_without_ours() };
    set_finalizers(intake, source, finalizers).await
}

fn goes_too(action: &CustomAction) -> bool {
    action.deletion_policy == DeletionPolicy::Delete
}

/// The source goes. What it made stays.
async fn let_go(intake: &Intake, source: &FindingSource) -> Result<Option<Duration>, Error> {
    if !source.has_finalizer() {
        return Ok(None);
    }
    let deleted = async {
        let arn = own_action(intake, source).await?;
        let goes = source.spec.custom_action.as_ref().is_some_and(goes_too);
        let Some(arn) = arn.filter(|_| goes) else { return Ok(()) };
        let place = place(&intake.context, &source.spec).await?;
        intake.context.sessions.security_hub(&place).await?.delete_custom_action(&arn).await
    };
    if let Err(problem) = deleted.await {
        let trouble = Trouble::CustomAction(problem);
        let now = Time(intake.context.now());
        let next = status(source, Counters::default(), Some(&trouble), None, None, now);
        write(intake, source, &next).await?;
        return Ok(Some(LOOK));
    }
    set_finalizers(intake, source, source.finalizers_without_ours()).await?;
    Ok(None)
}

async fn set_finalizers(intake: &Intake, source: &FindingSource, finalizers: Vec<String>) -> Result<(), Error> {
    let patch = json!({ "metadata": { "resourceVersion": source.resource_version(), "finalizers": finalizers } });
    let sources: Api<FindingSource> = Api::all(intake.context.client.clone());
    in_time(sources.patch(&source.name_any(), &PatchParams::default(), &Patch::Merge(patch))).await.map(drop)
}

/// Only what differs, and nothing of the releases, which others write.
async fn write(intake: &Intake, source: &FindingSource, next: &FindingSourceStatus) -> Result<(), Error> {
    if source.status.as_ref() == Some(next) {
        return Ok(());
    }
    let FindingSourceStatus { observed_generation, conditions, custom_action_arn, counters, released: _ } = next;
    let patch = json!({
        "metadata": { "resourceVersion": source.resource_version() },
        "status": {
            "observedGeneration": observed_generation, "conditions": conditions,
            "customActionArn": custom_action_arn, "counters": counters,
        },
    });
    let sources: Api<FindingSource> = Api::all(intake.context.client.clone());
    in_time(sources.patch_status(&source.name_any(), &PatchParams::default(), &Patch::Merge(patch))).await.map(drop)
}
