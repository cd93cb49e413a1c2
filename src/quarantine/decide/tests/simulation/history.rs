//! What may happen to a Quarantine: people, other writers, AWS, the clock, and every way in which a reconcile can be cut
//! off. Histories are made and shrunk by proptest.

use proptest::{collection::vec, prelude::*};

/// How a world begins.
#[derive(Clone, Debug)]
pub struct Start {
    pub source: Source,
    pub interfaces: Vec<Begin>,
    /// Every release waits for a person.
    pub approval: bool,
}

/// Where the class's isolation group comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Named,
    Managed,
}

/// One interface at the beginning.
#[derive(Clone, Copy, Debug)]
pub struct Begin {
    /// How many groups it carries of its own; none: it is isolated already.
    pub groups: usize,
    /// In the second VPC.
    pub second_vpc: bool,
    /// Attached to the second instance.
    pub second_instance: bool,
    /// AWS manages it, and refuses changes.
    pub managed_by_aws: bool,
}

/// One thing that happens.
#[derive(Clone, Debug)]
pub enum Step {
    /// The operator looks at a claim.
    Look(Claim, Plan),
    /// Seconds go by.
    Pass(i64),
    Create(Claim),
    Delete(Claim),
    Suspend(Claim, bool),
    Retain(Claim),
    Drop(Claim),
    Approve(Claim),
    Ask(Claim),
    /// `kubectl replace --subresource=status`, or a restore from a backup.
    WipeStatus(Claim),
    /// Another writer puts a group of its own on, in place of what is there.
    Replace(usize, usize),
    /// Another writer adds a group.
    Add(usize, usize),
    RemoveTags(usize),
    ForgeTags(usize, usize),
    /// A tag with our prefix that we never write.
    StrayTag(usize),
    Attach(Begin),
    Detach(usize),
    DeleteInterface(usize),
    /// The interface goes to this instance, from wherever it is.
    Move(usize, usize),
    /// One of the instances.
    Terminate(usize),
    Refuse(usize, bool),
    DeleteGroup(usize),
    /// Somebody opens the isolation group.
    OpenGroup,
    PolicyRefuses(bool),
    LimitReached(bool),
    NamespaceGoes,
    /// The class asks for no approval any more.
    RelaxApproval,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Of the first instance and the first class.
    First,
    /// Of the first instance and the second class.
    Second,
    /// Of the second instance and the first class.
    Third,
}

impl Claim {
    pub const ALL: [Self; 3] = [Self::First, Self::Second, Self::Third];

    pub fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Second => "second",
            Self::Third => "third",
        }
    }

    pub fn instance(self) -> usize {
        usize::from(self == Self::Third)
    }

    pub fn class(self) -> usize {
        usize::from(self == Self::Second)
    }
}

/// What goes wrong in one reconcile. Empty: nothing.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// One for each outgoing call that changes something, in order; what is not listed goes well.
    pub faults: Vec<Fault>,
    /// How old each round's read is, in seconds; what is not listed is of now.
    pub lags: Vec<i64>,
    /// The first look at AWS fails.
    pub blind: bool,
    /// The claim comes from a store that is one write behind.
    pub stale_store: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    /// AWS says: later. The API server says: conflict.
    Throttled,
    /// Something must change elsewhere first.
    Wait,
    /// A person must act.
    Denied,
    /// It was done, but nobody heard.
    AnswerLost,
    /// Nobody heard, and it is done some seconds later.
    Late,
    CrashBefore,
    CrashAfter,
}

fn begin() -> impl Strategy<Value = Begin> {
    let groups = prop_oneof![3 => Just(1), 3 => Just(2), 2 => Just(3), 2 => Just(5), 1 => Just(0)];
    let seldom = proptest::bool::weighted;
    (groups, seldom(0.2), seldom(0.25), seldom(0.07)).prop_map(
        |(groups, second_vpc, second_instance, managed_by_aws)| Begin {
            groups,
            second_vpc,
            second_instance,
            managed_by_aws,
        },
    )
}

pub fn start() -> impl Strategy<Value = Start> {
    let source = prop_oneof![3 => Just(Source::Named), 2 => Just(Source::Managed)];
    let approval = proptest::bool::weighted(0.1);
    (source, vec(begin(), 1..4), approval).prop_map(|(source, interfaces, approval)| Start {
        source,
        interfaces,
        approval,
    })
}

fn claim() -> impl Strategy<Value = Claim> {
    prop_oneof![5 => Just(Claim::First), 3 => Just(Claim::Second), 2 => Just(Claim::Third)]
}

fn fault() -> impl Strategy<Value = Fault> {
    use Fault::{AnswerLost, CrashAfter, CrashBefore, Denied, Late, None, Throttled, Wait};
    prop_oneof![
        8 => Just(None),
        1 => Just(Late),
        1 => Just(Throttled),
        1 => Just(Wait),
        1 => Just(Denied),
        1 => Just(AnswerLost),
        1 => Just(CrashBefore),
        1 => Just(CrashAfter),
    ]
}

fn plan() -> impl Strategy<Value = Plan> {
    let smooth = Just(Plan::default());
    let lag = prop_oneof![2 => Just(0), 1 => 1..=super::ec2::LONGEST_LAG];
    let rough = (vec(fault(), 0..7), vec(lag, 0..4), proptest::bool::weighted(0.05), proptest::bool::weighted(0.1))
        .prop_map(|(faults, lags, blind, stale_store)| Plan { faults, lags, blind, stale_store });
    prop_oneof![2 => smooth, 3 => rough]
}

fn step() -> impl Strategy<Value = Step> {
    let one = 0..6_usize;
    prop_oneof![
        40 => (claim(), plan()).prop_map(|(claim, plan)| Step::Look(claim, plan)),
        12 => prop_oneof![1..10_i64, 20..70_i64, 100..400_i64].prop_map(Step::Pass),
        1 => Just(Step::Create(Claim::First)),
        3 => Just(Step::Create(Claim::Second)),
        2 => Just(Step::Create(Claim::Third)),
        4 => claim().prop_map(Step::Delete),
        2 => (claim(), any::<bool>()).prop_map(|(claim, on)| Step::Suspend(claim, on)),
        1 => claim().prop_map(Step::Retain),
        1 => claim().prop_map(Step::Drop),
        1 => claim().prop_map(Step::Approve),
        1 => claim().prop_map(Step::Ask),
        1 => claim().prop_map(Step::WipeStatus),
        3 => (one.clone(), one.clone()).prop_map(|(eni, group)| Step::Replace(eni, group)),
        2 => (one.clone(), one.clone()).prop_map(|(eni, group)| Step::Add(eni, group)),
        1 => one.clone().prop_map(Step::RemoveTags),
        1 => (one.clone(), one.clone()).prop_map(|(eni, group)| Step::ForgeTags(eni, group)),
        1 => one.clone().prop_map(Step::StrayTag),
        2 => begin().prop_map(Step::Attach),
        1 => one.clone().prop_map(Step::Detach),
        1 => one.clone().prop_map(Step::DeleteInterface),
        2 => (one.clone(), 0..2_usize).prop_map(|(eni, instance)| Step::Move(eni, instance)),
        1 => (0..2_usize).prop_map(Step::Terminate),
        2 => (one.clone(), any::<bool>()).prop_map(|(eni, on)| Step::Refuse(eni, on)),
        1 => one.prop_map(Step::DeleteGroup),
        1 => Just(Step::OpenGroup),
        1 => any::<bool>().prop_map(Step::PolicyRefuses),
        1 => any::<bool>().prop_map(Step::LimitReached),
        1 => Just(Step::RelaxApproval),
        1 => proptest::bool::weighted(0.5).prop_map(|on| if on { Step::NamespaceGoes } else { Step::Pass(61) }),
    ]
}

/// A beginning and what follows.
pub fn history(steps: std::ops::RangeInclusive<usize>) -> impl Strategy<Value = (Start, Vec<Step>)> {
    (start(), vec(step(), steps))
}
