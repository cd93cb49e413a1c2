//! An AWS account of a test's own in the emulator, with what a person would have set up there, and the operator's view
//! of it.

use super::emulator::endpoint;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_ec2::Client;
use aws_sdk_ec2::config::{Credentials, ProvideCredentials};
use quarantine_operator::{
    aws::{Ec2, Sessions},
    model::{Tags, ec2::Interface, place::Place},
};
use std::sync::atomic::{AtomicU64, Ordering};

pub const REGION: &str = "eu-central-1";

/// An account, seen as the person who owns it (`owner`) and as the operator (`ec2`).
pub struct Account {
    pub id: String,
    pub owner: Client,
    pub ec2: Ec2,
}

/// A subnet and its VPC.
pub struct Subnet {
    pub id: String,
    pub vpc_id: String,
}

impl Account {
    pub async fn fresh() -> Self {
        let id = fresh_id();
        let config = config(&endpoint(), credentials(&id)).await;
        let ec2 = Sessions::new(config.clone()).ec2(&place(&id)).await.expect("its own account opens");
        Self { id, owner: Client::new(&config), ec2 }
    }

    pub async fn subnet(&self) -> Subnet {
        let vpc = self.owner.create_vpc().cidr_block("10.20.0.0/16").send().await.expect("a VPC is made");
        let vpc_id = vpc.vpc().and_then(|vpc| vpc.vpc_id()).expect("a VPC has an id").to_owned();
        let subnet = self.owner.create_subnet().vpc_id(&vpc_id).cidr_block("10.20.0.0/18").send().await;
        let subnet = subnet.expect("a subnet is made");
        let id = subnet.subnet().and_then(|subnet| subnet.subnet_id()).expect("a subnet has an id").to_owned();
        Subnet { id, vpc_id }
    }

    pub async fn group(&self, subnet: &Subnet, name: &str) -> String {
        let call = self.owner.create_security_group().vpc_id(&subnet.vpc_id).group_name(name).description(name);
        let group = call.send().await.expect("a group is made");
        group.group_id().expect("a group has an id").to_owned()
    }

    /// An interface that is attached to nothing.
    pub async fn interface(&self, subnet: &Subnet, groups: &[&str]) -> String {
        let groups = groups.iter().map(|&group| group.to_owned()).collect();
        let call = self.owner.create_network_interface().subnet_id(&subnet.id).set_groups(Some(groups));
        let made = call.send().await.expect("an interface is made");
        let made = made.network_interface().and_then(|made| made.network_interface_id());
        made.expect("an interface has an id").to_owned()
    }

    /// An instance with one interface, which carries these groups.
    pub async fn instance(&self, subnet: &Subnet, groups: &[&str]) -> String {
        let groups = groups.iter().map(|&group| group.to_owned()).collect();
        let call = self.owner.run_instances().image_id("ami-12c6146b").min_count(1).max_count(1);
        let launched = call.subnet_id(&subnet.id).set_security_group_ids(Some(groups)).send().await;
        let launched = launched.expect("an instance is launched");
        launched.instances()[0].instance_id().expect("an instance has an id").to_owned()
    }

    pub async fn attach(&self, instance: &str, interface: &str, device_index: i32) {
        let call = self.owner.attach_network_interface().instance_id(instance).network_interface_id(interface);
        call.device_index(device_index).send().await.expect("the interface is attached");
    }

    /// What the operator reads of one interface.
    pub async fn read(&self, interface: &str) -> Interface {
        let read = self.ec2.interfaces(&[interface.to_owned()]).await.expect("the interface is read");
        <[Interface; 1]>::try_from(read)
            .expect("there is one interface of that id")
            .into_iter()
            .next()
            .expect("one of one")
    }
}

/// An account id that no other test has.
pub fn fresh_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let of_this_process = u64::from(std::process::id()) % 1_000_000;
    format!("5{:06}{:05}", of_this_process, NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The emulator takes an access key that is an account's id as that account's.
pub fn credentials(account: &str) -> Credentials {
    Credentials::new(account, "any", None, None, "test")
}

pub async fn config(endpoint: &str, credentials: impl ProvideCredentials + 'static) -> SdkConfig {
    let loader = aws_config::defaults(BehaviorVersion::v2026_01_12()).region(Region::new(REGION));
    loader.endpoint_url(endpoint).credentials_provider(credentials).load().await
}

/// The account's own credentials in its one region.
pub fn place(account: &str) -> Place {
    Place { account_id: account.to_owned(), region: REGION.to_owned(), role: None }
}

pub fn tags<const N: usize>(tags: [(&str, &str); N]) -> Tags {
    tags.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

pub fn owned<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(str::to_owned).to_vec()
}
