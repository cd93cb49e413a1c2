//! Making and mending the security groups that the operator keeps for a class, one per VPC.
//!
//! Only ids that stand in the class's status are ever changed: the id is written there before the group's rules are
//! touched, and the group isn't used until a read shows the declared ingress and no egress.

use super::{
    context::{Context, Error, in_time},
    rules::Mend,
    tags,
    world::Facts,
};
use crate::{
    api::{ManagedGroup, ManagedSecurityGroup, QuarantineClass, QuarantineClassStatus, Reason, ResolvedTarget},
    aws::Ec2,
    model::{
        Tags,
        problem::{Disposition, Problem},
        text::count,
    },
};
use kube::{Api, ResourceExt, api::PostParams};

/// Makes the group in this VPC, or takes in the one that a crash left behind, and writes its id into the class's status,
/// in place of one that no longer exists.
pub async fn make(
    context: &Context,
    facts: &Facts,
    target: &ResolvedTarget,
    ec2: &Ec2,
    vpc_id: &str,
) -> Result<Result<(), Problem>, Error> {
    let Some(class) = facts.class.found() else { return Ok(Ok(())) };
    let classes: Api<QuarantineClass> = Api::all(context.client.clone());
    let class = in_time(classes.get(&class.name_any())).await?;
    let Some(declared) = &class.spec.security_group.managed else { return Ok(Ok(())) };
    let (account_id, region) = (target.account_id.clone(), target.region.clone());
    let made = ManagedGroup { account_id, region, vpc_id: vpc_id.to_owned(), group_id: String::new() };
    let known = class.managed_groups().iter().find(|known| same_place(known, &made));
    let exists = match known {
        Some(known) => exists(ec2, &known.group_id).await,
        None => Ok(false),
    };
    let ours = tags::of_managed_group(&class.uid().unwrap_or_default(), &context.cluster_uid);
    let group_id = match exists {
        Ok(true) => return Ok(Ok(())),
        Ok(false) => find_or_create(ec2, declared, vpc_id, &ours).await,
        Err(problem) => Err(problem),
    };
    match group_id {
        Ok(group_id) => store(&classes, class, ManagedGroup { group_id, ..made }).await.map(Ok),
        Err(problem) => Ok(Err(problem)),
    }
}

fn same_place(one: &ManagedGroup, other: &ManagedGroup) -> bool {
    (&one.account_id, &one.region, &one.vpc_id) == (&other.account_id, &other.region, &other.vpc_id)
}

/// Whether a read shows it, or an interface that carries it: EC2 deletes no group that is in use.
async fn exists(ec2: &Ec2, group_id: &str) -> Result<bool, Problem> {
    let shown = !ec2.groups(&[group_id.to_owned()]).await?.is_empty();
    Ok(shown || ec2.interfaces_with_group(group_id).await? > 0)
}

async fn find_or_create(
    ec2: &Ec2,
    declared: &ManagedSecurityGroup,
    vpc_id: &str,
    ours: &Tags,
) -> Result<String, Problem> {
    let named = ec2.groups_named(&declared.name).await?;
    let Some(present) = named.iter().find(|group| group.vpc_id == vpc_id) else {
        let made = ec2.create_group(vpc_id, &declared.name, &declared.description, ours).await;
        return made.map_err(|problem| not_shown_yet(problem, vpc_id, &declared.name));
    };
    if !tags::agree(&present.tags, ours) {
        return Err(Problem::new(
            Disposition::Stop,
            Reason::GroupNameTaken,
            format!(
                "{vpc_id} has a security group named {} ({}) that this class didn't make: give managed another name, or remove that group.",
                declared.name, present.id
            ),
        ));
    }
    let users = ec2.interfaces_with_group(&present.id).await?;
    if users > 0 {
        return Err(Problem::new(
            Disposition::Stop,
            Reason::GroupNameTaken,
            format!(
                "{} in {vpc_id} carries this class's tags but isn't in its status, and it is in use ({}): if it is the class's own, write it into status.managedGroups.",
                present.id,
                count(users, "interface")
            ),
        ));
    }
    Ok(present.id.clone())
}

/// EC2 says that there is one of that name, and reads don't show it yet: the next look tells whose it is.
fn not_shown_yet(problem: Problem, vpc_id: &str, name: &str) -> Problem {
    if problem.reason != Reason::GroupNameTaken {
        return problem;
    }
    let message =
        format!("{vpc_id} has a security group named {name} that reads don't show yet; it is looked for again.");
    Problem { disposition: Disposition::Retry, reason: Reason::GroupNotReady, message, ..problem }
}

async fn store(classes: &Api<QuarantineClass>, mut class: QuarantineClass, made: ManagedGroup) -> Result<(), Error> {
    let name = class.name_any();
    let groups = &mut class.status.get_or_insert_with(QuarantineClassStatus::default).managed_groups;
    groups.retain(|known| !same_place(known, &made));
    groups.push(made);
    in_time(classes.replace_status(&name, &PostParams::default(), &class)).await?;
    Ok(())
}

/// Brings a group's rules in line: what opens it goes first.
pub async fn mend(ec2: &Ec2, group_id: &str, mend: &Mend) -> Result<(), Problem> {
    let Mend { authorize_ingress, revoke_ingress, revoke_egress } = mend;
    ec2.revoke_egress(group_id, revoke_egress).await?;
    ec2.revoke_ingress(group_id, revoke_ingress).await?;
    ec2.authorize_ingress(group_id, authorize_ingress).await
}
