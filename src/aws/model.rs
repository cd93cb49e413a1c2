//! What the operator knows of EC2, in plain types: no SDK, no client. `aws::ec2` fills them, the loop reads them.

pub use crate::model::Tags;

/// An EC2 instance.
#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    pub id: String,
    pub state: InstanceState,
    pub tags: Tags,
    /// Volumes that AWS deletes when the instance is terminated.
    pub volumes_deleted_on_termination: Vec<String>,
    /// Its source/destination check is off: it forwards what is addressed to others.
    pub routes: bool,
}

/// An instance's state, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstanceState {
    /// Pending, running, stopping or stopped: its interfaces can be changed.
    Present,
    /// Shutting down or terminated: it never comes back.
    Terminated,
}

/// A network interface.
#[derive(Clone, Debug, PartialEq)]
pub struct Interface {
    pub id: String,
    pub vpc_id: String,
    /// The instance that it is attached to.
    pub instance_id: Option<String>,
    /// Its security groups, in the order in which AWS names them.
    pub groups: Vec<String>,
    pub tags: Tags,
    /// The AWS service that manages it, where one does.
    pub managed_by: Option<String>,
    /// Whether it carries branch interfaces (of pods with security groups of their own).
    pub trunk: bool,
    /// Its source/destination check is off: it forwards what is addressed to others.
    pub routes: bool,
}

/// A security group.
#[derive(Clone, Debug, PartialEq)]
pub struct SecurityGroup {
    pub id: String,
    pub name: String,
    /// The VPC that it lies in.
    pub vpc_id: String,
    /// Further VPCs that it is associated with.
    pub associated_vpc_ids: Vec<String>,
    pub tags: Tags,
    pub ingress: Vec<GroupRule>,
    pub egress: Vec<GroupRule>,
}

/// One rule of a security group: one protocol, one range of ports, one peer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupRule {
    /// `tcp`, `udp`, `icmp`, a protocol's number, or `-1` for all.
    pub protocol: String,
    /// First and last port; absent for all.
    pub ports: Option<(i32, i32)>,
    pub peer: Peer,
}

/// The other side of a security group's rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Peer {
    /// A network in CIDR notation, IPv4 or IPv6.
    Cidr(String),
    PrefixList(String),
    Group(String),
}
