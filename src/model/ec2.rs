//! What the operator knows of EC2, in plain types: no SDK, no client. `aws::ec2` fills them, the loop reads them.

use super::Tags;

/// Set on each branch interface by the VPC resource controller of EKS ("Security groups for Pods", Amazon EKS User
/// Guide), its value the trunk's id. Whoever may tag interfaces can write it.
pub const TRUNK_TAG: &str = "vpcresources.k8s.aws/trunk-eni-id";

/// An EC2 instance.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Instance {
    pub id: String,
    pub state: InstanceState,
    pub tags: Tags,
    /// Volumes that AWS deletes when the instance is terminated.
    pub volumes_deleted_on_termination: Vec<String>,
    pub spot: bool,
    /// Its source/destination check is off: it forwards what is addressed to others.
    pub routes: bool,
}

/// An instance's state, as far as it matters here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InstanceState {
    /// Pending, running, stopping or stopped: its interfaces can be changed.
    #[default]
    Present,
    /// Shutting down or terminated: it never comes back.
    Terminated,
}

/// A network interface.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Interface {
    pub id: String,
    pub vpc_id: String,
    /// The instance that it is attached to.
    pub instance_id: Option<String>,
    /// Its security groups, in the order in which AWS names them.
    pub groups: Vec<String>,
    pub tags: Tags,
    /// The AWS service or account that manages it, where one does: then AWS lets nobody else change its groups
    /// ("Modify network interface attributes", Amazon EC2 User Guide).
    pub managed_by: Option<String>,
    pub kind: InterfaceKind,
    /// It is the primary interface of the instance that it is attached to.
    pub primary: bool,
    /// Its source/destination check is off: it forwards what is addressed to others.
    pub routes: bool,
}

/// What kind of interface it is, as far as it matters here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InterfaceKind {
    #[default]
    Other,
    /// It carries branch interfaces (of pods with security groups of their own).
    Trunk,
    /// It hangs on a trunk, and is attached to no instance.
    Branch,
}

/// A security group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SecurityGroup {
    pub id: String,
    pub name: String,
    /// The VPC that it lies in.
    pub vpc_id: String,
    pub tags: Tags,
    pub ingress: Vec<GroupRule>,
    pub egress: Vec<GroupRule>,
    /// What whoever wrote a rule wrote beside it.
    pub descriptions: std::collections::BTreeMap<GroupRule, String>,
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
