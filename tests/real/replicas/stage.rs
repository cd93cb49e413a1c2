//! Where replicas live: an API server of a test's own, an account with instances, the class for them; and what may be known
//! of a replica: whether it leads, and what it asked of AWS.

use crate::{
    e2e::scene::close,
    support::{
        claims::Desk,
        client_of,
        own_stack::OwnStack,
        process::{Process, fresh_ground},
        wait::until,
    },
    wire::{
        account::{Account, REGION},
        emulator::{all_calls, calls},
    },
};
use futures::future::join_all;
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use kube::Api;
use quarantine_operator::model::ec2::Interface;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    env, fs,
    ops::{Deref, DerefMut},
    time::{SystemTime, UNIX_EPOCH},
};

pub const LEASE: &str = "quarantine-operator";

/// The seconds of the lease.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    pub duration: u64,
    pub renew_deadline: u64,
    pub retry_period: u64,
}

impl Times {
    /// Those of `REPLICAS_LEASE`, such as `9,4,1`. Of shorter ones a leader on a busy machine, whose API server answers
    /// seconds late, would lose the lease by itself.
    pub fn of_tests() -> Self {
        let given = env::var("REPLICAS_LEASE").unwrap_or_else(|_| "15,10,1".to_owned());
        let seconds: Vec<u64> = given.split(',').map(|number| number.parse().expect("seconds")).collect();
        let [duration, renew_deadline, retry_period] = seconds[..] else { panic!("{given} isn't three numbers") };
        Self { duration, renew_deadline, retry_period }
    }

    /// Not before then may another replica lead, if the lease was last written at `renewed`.
    pub fn over(&self, renewed: f64) -> f64 {
        renewed + self.duration as f64
    }
}

/// A replica as its own process.
pub struct Replica {
    pub name: String,
    process: Process,
}

impl Deref for Replica {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

impl DerefMut for Replica {
    fn deref_mut(&mut self) -> &mut Process {
        &mut self.process
    }
}

impl Replica {
    /// When it looked, before each change that it then sent, whether it leads: in seconds of the epoch, by its own log.
    pub fn looks(&self) -> Vec<f64> {
        let log = fs::read_to_string(self.log()).expect("it has a log");
        let looked = log.lines().filter(|line| line.contains("a change is sent")).map(|line| {
            let line: Value = serde_json::from_str(line).expect("the log is JSON");
            let looked: Timestamp = line["fields"]["looked"].as_str().expect("a time").parse().expect("a time");
            looked.as_microsecond() as f64 / 1e6
        });
        looked.collect()
    }

    /// Waits until it has seen another replica lead.
    pub async fn stands_by(&self) {
        until(&format!("{} stands by", self.name), async || {
            fs::read_to_string(self.log()).ok()?.contains("standing by: another replica leads").then_some(())
        })
        .await;
    }
}

/// The API server, the account, and its instances with one interface each.
pub struct Stage {
    pub stack: OwnStack,
    pub desk: Desk,
    pub account: Account,
    pub times: Times,
    pub instances: Vec<String>,
    /// The groups that each interface carries when nobody isolates it.
    pub originals: BTreeMap<String, Vec<String>>,
    isolation: String,
}

impl Stage {
    pub async fn with(instances: usize) -> Self {
        let stack = fresh_ground().await;
        let (account, desk) = (Account::fresh().await, Desk::open(client_of(&stack).await).await);
        let subnet = account.subnet().await;
        let (web, isolation) = (account.group(&subnet, "web").await, account.group(&subnet, "isolation").await);
        close(&account, &isolation).await;
        desk.class(json!({"securityGroup": {"id": isolation}})).await;
        let launching = (0..instances).map(async |_| account.instance(&subnet, &[&web]).await);
        let instances = join_all(launching).await;
        let mut stage =
            Self { stack, desk, account, times: Times::of_tests(), instances, originals: BTreeMap::new(), isolation };
        stage.originals = carried(&stage.interfaces().await);
        stage
    }

    /// Starts a replica of that name, which no other one has here.
    pub fn replica(&self, name: &str) -> Replica {
        self.replica_with(name, &[])
    }

    pub fn replica_with(&self, name: &str, settings: &[(&str, &str)]) -> Replica {
        let Times { duration, renew_deadline, retry_period } = self.times;
        let [duration, renew_deadline, retry_period] = [duration, renew_deadline, retry_period].map(|s| s.to_string());
        let mut all = vec![
            ("QUARANTINE_LEADER_ELECT", "true"),
            ("POD_NAMESPACE", &self.desk.namespace),
            ("POD_NAME", name),
            ("AWS_SDK_UA_APP_ID", name),
            ("QUARANTINE_LEASE_DURATION_SECONDS", &duration),
            ("QUARANTINE_RENEW_DEADLINE_SECONDS", &renew_deadline),
            ("QUARANTINE_RETRY_PERIOD_SECONDS", &retry_period),
        ];
        all.extend(settings);
        let process = Process::start_named(&format!("replica-{name}"), &self.stack, &self.account.id, &all);
        Replica { name: name.to_owned(), process }
    }

    pub async fn lease(&self) -> Option<LeaseSpec> {
        let leases: Api<Lease> = Api::namespaced(self.desk.client.clone(), &self.desk.namespace);
        leases.get_opt(LEASE).await.expect("a read").and_then(|lease| lease.spec)
    }

    /// Waits until this replica holds the lease, and answers since when, in seconds of the epoch.
    pub async fn led_by(&self, replica: &str) -> f64 {
        let of_replica = format!("{replica}_");
        until(&format!("{replica} leads"), async || {
            let lease = self.lease().await?;
            let acquired =
                lease.acquire_time.filter(|_| lease.holder_identity.unwrap_or_default().starts_with(&of_replica))?;
            Some(acquired.0.as_microsecond() as f64 / 1e6)
        })
        .await
    }

    /// When the lease was last written, in seconds of the epoch.
    pub async fn renewed(&self) -> f64 {
        let renewed = self.lease().await.and_then(|lease| lease.renew_time).expect("the lease was written");
        renewed.0.as_microsecond() as f64 / 1e6
    }

    /// Claims the instances, under these names.
    pub async fn cut_off(&self, names: &[String]) {
        join_all(self.instances.iter().zip(names).map(|(id, name)| self.claim(id, name))).await;
    }

    pub async fn claim(&self, instance: &str, name: &str) {
        self.desk.claim(name, json!({"target": {"instance": {"id": instance, "region": REGION}}})).await;
    }

    /// Waits until all are contained, as they say and as EC2 says.
    pub async fn contained(&self, names: &[String]) {
        for name in names {
            self.desk.contained(name).await;
        }
        let now = carried(&self.interfaces().await);
        let isolated = now.values().all(|groups| *groups == [self.isolation.clone()]);
        assert!(isolated && now.len() == self.instances.len(), "{now:?}");
    }

    /// Waits until all are gone, and looks whether each interface is as it was.
    pub async fn released(&self, names: &[String]) {
        for name in names {
            self.desk.gone(name).await;
        }
        let now = self.interfaces().await;
        assert_eq!(carried(&now), self.originals);
        let tagged: Vec<&Interface> = now.iter().filter(|seen| !seen.tags.is_empty()).collect();
        assert_eq!(tagged, Vec::<&Interface>::new(), "the second copies are gone");
    }

    pub async fn delete(&self, names: &[String]) {
        join_all(names.iter().map(|name| self.desk.delete(name))).await;
    }

    async fn interfaces(&self) -> Vec<Interface> {
        let read = join_all(self.instances.iter().map(|id| self.account.ec2.interfaces_attached_to(id))).await;
        read.into_iter().flat_map(|read| read.expect("a read")).collect()
    }

    /// How often it asked for that. Read often: not with all that it did beside it.
    pub fn count_of(&self, replica: &str, action: &str) -> usize {
        calls(&self.account.id, action).iter().filter(|call| is_of(call, replica)).count()
    }

    /// What this replica asked of AWS.
    pub fn calls_of(&self, replica: &str) -> Vec<Value> {
        calls_of(&self.account.id, replica)
    }

    /// When its changing calls reached AWS, in seconds of the epoch.
    pub fn changes_of(&self, replica: &str) -> Vec<f64> {
        let calls = self.calls_of(replica).into_iter().filter(|call| call["changing"] == true);
        calls.map(|call| call["time"].as_f64().expect("a time")).collect()
    }
}

/// What this replica asked of AWS in that account.
pub fn calls_of(account: &str, replica: &str) -> Vec<Value> {
    all_calls(account).into_iter().filter(|call| is_of(call, replica)).collect()
}

fn is_of(call: &Value, replica: &str) -> bool {
    let app = format!("app/{replica}");
    call["userAgent"].as_str().unwrap_or_default().split(' ').any(|word| word == app)
}

pub fn names(count: usize, prefix: &str) -> Vec<String> {
    (0..count).map(|number| format!("{prefix}-{number}")).collect()
}

/// In seconds of the epoch, as the emulator's log and a lease's times are, on this one machine.
pub fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64()
}

fn carried(interfaces: &[Interface]) -> BTreeMap<String, Vec<String>> {
    interfaces.iter().map(|seen| (seen.id.clone(), seen.groups.clone())).collect()
}
