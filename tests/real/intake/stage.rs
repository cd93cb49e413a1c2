//! An API server of a test's own, an account with many instances, a queue that tells of them, and the operator.

use super::{
    messages::{Messages, Recipe},
    witness::Witness,
};
use crate::{
    e2e::scene::Scene,
    findings::stage::{Queue, informed},
    support::{
        claims::{Desk, holds},
        client_of,
        operator::OPERATOR_ACCOUNT,
        own_stack::OwnStack,
        process::{Process, fresh_ground},
        wait::until_within,
    },
    wire::{
        account::{REGION, config, credentials},
        emulator::endpoint,
    },
};
use aws_sdk_ec2::types::Filter;
use aws_sdk_sqs::{
    Client,
    types::{QueueAttributeName, SendMessageBatchRequestEntry},
};
use futures::future::join_all;
use kube::{Api, ResourceExt, api::ListParams};
use quarantine_operator::api::Quarantine;
use serde_json::json;
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// A burst may take that long on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(480);

/// In seconds.
const VISIBILITY: u64 = 3;

/// Where a burst happens. The scene's own instance isn't part of it.
pub struct Ground {
    stack: Mutex<OwnStack>,
    pub scene: Scene,
    instances: Vec<String>,
}

impl Ground {
    /// With a class that may hold them all.
    pub async fn with(instances: usize) -> Self {
        let stack = fresh_ground().await;
        let scene = Scene::on(Desk::open(client_of(&stack).await).await, &[&["web"]]).await;
        scene.class(json!({"maxActive": instances})).await;
        let instances = launch(&scene, instances).await;
        Self { stack: Mutex::new(stack), scene, instances }
    }

    pub fn instances(&self) -> &[String] {
        &self.instances
    }

    /// It looks for drift seldom: that isn't what is measured here.
    pub fn operator(&self) -> Process {
        Process::start_with(&self.stack(), OPERATOR_ACCOUNT, &[("QUARANTINE_RESYNC_SECONDS", "300")])
    }

    pub fn kill_apiserver(&self) {
        self.stack().kill_apiserver();
    }

    pub fn start_apiserver(&self) {
        self.stack().start_apiserver().unwrap_or_else(|error| panic!("{error:#}"));
    }

    fn stack(&self) -> MutexGuard<'_, OwnStack> {
        self.stack.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn launch(scene: &Scene, count: usize) -> Vec<String> {
    let number = i32::try_from(count).expect("fits");
    let call = scene.account.owner.run_instances().image_id("ami-12c6146b").min_count(number).max_count(number);
    let call = call.subnet_id(&scene.subnet.id).security_group_ids(&scene.groups["web"]);
    let launched = call.send().await.expect("they are launched");
    let ids: Vec<String> =
        launched.instances().iter().filter_map(|launched| launched.instance_id().map(str::to_owned)).collect();
    assert_eq!(ids.len(), count);
    ids
}

async fn client(account: &str) -> Client {
    Client::new(&config(&endpoint(), credentials(account)).await)
}

/// A message that was received so often is a dead letter, and one that isn't deleted is shown again after
/// [`VISIBILITY`].
pub async fn gives_up_after(queue: &Queue<'_>, receives: u32) {
    let account = &queue.scene.account.id;
    let dead_letters = queue.dead_letters.rsplit('/').next().expect("a URL ends in the queue's name");
    let arn = format!("arn:aws:sqs:{REGION}:{account}:{dead_letters}");
    let redrive = json!({"deadLetterTargetArn": arn, "maxReceiveCount": receives.to_string()}).to_string();
    let attributes = HashMap::from([
        (QueueAttributeName::VisibilityTimeout, VISIBILITY.to_string()),
        (QueueAttributeName::RedrivePolicy, redrive),
    ]);
    let call = client(account).await.set_queue_attributes().queue_url(&queue.url).set_attributes(Some(attributes));
    call.send().await.expect("the queue takes its attributes");
}

/// A queue, what is sent to it, and what came of that.
pub struct Burst<'a> {
    pub ground: &'a Ground,
    pub queue: Queue<'a>,
    pub messages: Messages,
    pub witness: Witness,
    sqs: Client,
}

impl<'a> Burst<'a> {
    /// With a source that reads the queue. A message that was received `max_receives` times is a dead letter.
    pub async fn on(ground: &'a Ground, recipe: Recipe, max_receives: u32) -> Self {
        let queue = Queue::of(&ground.scene).await;
        let sqs = client(&ground.scene.account.id).await;
        gives_up_after(&queue, max_receives).await;
        queue.read_by_source(json!({"maxActive": ground.instances.len()})).await;
        let messages = Messages::of(&queue, recipe, &ground.instances);
        Self { witness: Witness::of(&ground.scene.desk), ground, queue, messages, sqs }
    }

    /// Sends all at once, and answers when each body was taken by the queue for the first time.
    pub async fn send(&self) -> HashMap<String, Instant> {
        self.send_some(&self.messages.bodies).await
    }

    pub async fn send_some(&self, bodies: &[String]) -> HashMap<String, Instant> {
        let sending = bodies.chunks(10).map(async |bodies| {
            let entry = |(place, body): (usize, &String)| {
                SendMessageBatchRequestEntry::builder().id(place.to_string()).message_body(body).build().expect("whole")
            };
            let entries = bodies.iter().enumerate().map(entry).collect();
            let sent = self.sqs.send_message_batch().queue_url(&self.queue.url).set_entries(Some(entries)).send().await;
            assert_eq!(sent.expect("the queue takes them").failed(), []);
            (bodies, Instant::now())
        });
        let mut taken = HashMap::new();
        for (bodies, at) in join_all(sending).await {
            for body in bodies {
                taken.entry(body.clone()).or_insert(at);
            }
        }
        taken
    }

    /// Waits until so many Quarantines were seen.
    pub async fn made(&self, count: usize) {
        let awaited = format!("{count} Quarantines are made");
        until_within(PATIENCE, &awaited, async || (self.witness.made() >= count).then_some(())).await;
    }

    /// Waits for the end, and looks whether it is the right one: each instance has its one Quarantine and is contained,
    /// the dead letters are the garbage and nothing else, and the queue is empty.
    pub async fn ends_well(&self) {
        let instances = &self.ground.instances;
        let awaited = format!("{} are contained", instances.len());
        until_within(PATIENCE, &awaited, async || (self.witness.contained() >= instances.len()).then_some(())).await;
        let garbage = self.messages.garbage.len();
        until_within(PATIENCE, "the queue is empty, and the garbage is among the dead letters", async || {
            if self.queue.left(&self.queue.url).await != (0, 0) {
                return None;
            }
            let dead = self.queue.left(&self.queue.dead_letters).await.0;
            usize::try_from(dead).is_ok_and(|dead| dead >= garbage).then_some(())
        })
        .await;
        let dead_letters = self.dead_letters().await;
        let good: Vec<&String> = dead_letters.iter().filter(|body| !self.messages.garbage.contains(body)).collect();
        assert_eq!(good, Vec::<&String>::new(), "good messages are among the dead letters");
        assert_eq!(dead_letters.len(), garbage);
        assert_eq!(dead_letters, self.messages.garbage);
        self.the_right_quarantines_are_there().await;
        assert_eq!(self.isolated().await, instances.len(), "as EC2 has it");
    }

    async fn the_right_quarantines_are_there(&self) {
        let everywhere: Api<Quarantine> = Api::all(self.ground.scene.desk.client.clone());
        let claims = everywhere.list(&ListParams::default()).await.expect("a list").items;
        let mut names: Vec<String> = claims.iter().map(ResourceExt::name_any).collect();
        let mut wanted: Vec<String> = self.ground.instances.iter().map(|id| self.queue.claim_of(id)).collect();
        names.sort();
        wanted.sort();
        assert_eq!(names, wanted, "one of each instance, and no other");
        for claim in &claims {
            let instance = &claim.spec.target.instance.as_ref().expect("it names an instance").id;
            assert_eq!(claim.name_any(), self.queue.claim_of(instance));
            assert_eq!(informed(claim), [instance.as_str()], "the finding is about its instance");
            assert!(holds(claim, "Contained"), "{:?}", claim.status);
        }
    }

    /// How many interfaces carry the isolation group, as EC2 has it.
    async fn isolated(&self) -> usize {
        let carrying = Filter::builder().name("group-id").values(&self.ground.scene.isolation).build();
        let account = &self.ground.scene.account;
        let mut pages = account.owner.describe_network_interfaces().filters(carrying).into_paginator().send();
        let mut count = 0;
        while let Some(page) = pages.next().await {
            count += page.expect("a read").network_interfaces().len();
        }
        count
    }

    /// What lies in the dead-letter queue, sorted. It is received, so it can be asked once.
    async fn dead_letters(&self) -> Vec<String> {
        let mut bodies = Vec::new();
        loop {
            let call = self.sqs.receive_message().queue_url(&self.queue.dead_letters).max_number_of_messages(10);
            let received = call.visibility_timeout(600).send().await.expect("dead letters are received");
            if received.messages().is_empty() {
                bodies.sort();
                return bodies;
            }
            bodies.extend(received.messages().iter().filter_map(|message| message.body().map(str::to_owned)));
        }
    }
}
