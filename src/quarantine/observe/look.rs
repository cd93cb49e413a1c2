//! The look at AWS: where the claim is directed, what Security Hub says of its finding, and what EC2 shows.

use crate::{
    api::{AdmittedGroup, Reason, ResolvedTarget},
    aws::Ec2,
    model::{
        ec2::{InterfaceKind, Peer, SecurityGroup},
        finding::{Finding, FindingKey},
        place::{Place, Role, SESSION_NAME},
        problem::Problem,
    },
    quarantine::{
        context::Context,
        decide::{
            admission,
            branches::{self, Branches},
            target::{self, Ask},
        },
        origin::Origins,
        world::{Facts, Sight, View},
    },
};
use std::collections::{BTreeMap, BTreeSet};

/// Looks where policy lets the claim look.
pub async fn look(context: &Context, facts: &mut Facts) -> Sight {
    match target::to_ask(facts) {
        Err(problem) => return Sight::Refused(problem),
        Ok(None) => {}
        Ok(Some(ask)) => match ask_security_hub(context, &ask).await {
            Ok(found) => facts.finding = Some(Ok(found)),
            Err(problem) => return Sight::Failed(None, problem),
        },
    }
    let target = match admission::route(facts) {
        Ok(target) => target,
        Err(problem) => return Sight::Refused(problem),
    };
    if let Ok((finding, _)) = target::identified(facts) {
        return Sight::Resolved(target, finding);
    }
    if let Some(class) = facts.class.found()
        && !facts.claim.has_records()
        && facts.claim.is_wanted()
    {
        let origins = Origins::of(&context.stores.sources.state());
        let known = context.stores.quarantines.state();
        facts.room = context.limits.grant(class, &origins, &facts.claim, &known);
        if let Err(problem) = admission::allow_one_more(facts) {
            // AWS' budget of reads is for those that may act.
            return Sight::Refused(problem);
        }
    }
    let (target, seen) = see_by_either_role(context, facts, target).await;
    match seen {
        Ok(view) => Sight::Seen(target, Box::new(view)),
        Err(problem) => Sight::Failed(Some(target), problem),
    }
}

async fn ask_security_hub(context: &Context, ask: &Ask) -> Result<Vec<Finding>, Problem> {
    let Ask { place, id, product_arn } = ask.clone();
    context.sessions.security_hub(&place).await?.findings(FindingKey { id, product_arn, account_id: None }).await
}

/// A look through the class's present role; where that can't be assumed and something is held, through the recorded one.
/// The target that is answered says which it was, and what is done goes the same way.
async fn see_by_either_role(
    context: &Context,
    facts: &Facts,
    present: ResolvedTarget,
) -> (ResolvedTarget, Result<View, Problem>) {
    let refused = |problem: &Problem| problem.reason == Reason::AssumeRoleFailed;
    let problem = match see_through(context, facts, &present).await {
        Err(problem) if refused(&problem) => problem,
        outcome => return (present, outcome),
    };
    let Some(recorded) = admission::recorded_route(facts) else { return (present, Err(problem)) };
    match see_through(context, facts, &recorded).await {
        Ok(view) => {
            let told = format!("{} Until it can, what it was reached through before is used.", problem.message);
            (recorded, Ok(View { present_role_refused: Some(told), ..view }))
        }
        Err(also) if refused(&also) => {
            let message = format!("{} The one that was recorded fails, too: {}", problem.message, also.message);
            (present, Err(Problem { message, ..problem }))
        }
        Err(other) => (recorded, Err(other)),
    }
}

async fn see_through(context: &Context, facts: &Facts, target: &ResolvedTarget) -> Result<View, Problem> {
    let ec2 = context.sessions.ec2(&place(target)).await?;
    see(&ec2, facts, target).await
}

/// One look at the instance: the reads go side by side, those that depend on others follow.
async fn see(ec2: &Ec2, facts: &Facts, target: &ResolvedTarget) -> Result<View, Problem> {
    let (instance, attached, groups) = tokio::try_join!(
        ec2.instance(&target.instance_id),
        ec2.interfaces_attached_to(&target.instance_id),
        isolation_groups(ec2, facts, target),
    )?;
    let mut view = View { instance, interfaces: attached, groups, ..View::default() };
    add_branches(ec2, facts, &mut view).await;
    view.own = view.interfaces.iter().map(|interface| interface.id.clone()).collect();
    add_recorded(ec2, facts, &mut view).await?;
    add_associations(ec2, facts, &mut view).await?;
    add_prefix_lists(ec2, &mut view).await?;
    if facts.claim.is_deleting() {
        view.originals_present = Some(originals_present(ec2, facts).await?);
    }
    Ok(view)
}

async fn isolation_groups(ec2: &Ec2, facts: &Facts, target: &ResolvedTarget) -> Result<Vec<SecurityGroup>, Problem> {
    let mut ids: BTreeSet<String> = facts
        .claim
        .records()
        .iter()
        .chain(facts.holders.iter().flat_map(|holder| &holder.records))
        .flat_map(|record| record.isolation_groups.clone())
        .collect();
    let declared = admitted_or_declared(facts)?;
    ids.extend(declared.id);
    if let Some(class) = facts.class.found().filter(|_| declared.managed) {
        let made = class.managed_groups().iter();
        ids.extend(
            made.filter(|group| group.account_id == target.account_id && group.region == target.region)
                .map(|group| group.group_id.clone()),
        );
    }
    let ids: Vec<String> = ids.into_iter().collect();
    let by_id = async { if ids.is_empty() { Ok(Vec::new()) } else { ec2.groups(&ids).await } };
    let by_name = async {
        match &declared.name {
            Some(name) => ec2.groups_named(name).await,
            None => Ok(Vec::new()),
        }
    };
    let (mut groups, named) = tokio::try_join!(by_id, by_name)?;
    for group in named {
        if groups.iter().all(|known| known.id != group.id) {
            groups.push(group);
        }
    }
    Ok(groups)
}

fn admitted_or_declared(facts: &Facts) -> Result<AdmittedGroup, Problem> {
    let status = facts.claim.status.as_ref().filter(|status| !status.interfaces.is_empty());
    match status.and_then(|status| status.admitted_group.clone()) {
        Some(admitted) => Ok(admitted),
        None => admission::declared_group(facts),
    }
}

async fn add_branches(ec2: &Ec2, facts: &Facts, view: &mut View) {
    let trunks: Vec<String> =
        view.interfaces.iter().filter(|seen| seen.kind == InterfaceKind::Trunk).map(|trunk| trunk.id.clone()).collect();
    if trunks.is_empty() {
        return;
    }
    match ec2.branch_interfaces(&trunks).await {
        Ok(found) => {
            let Branches { interfaces, unknown } = branches::of_trunks(facts, view, found);
            view.interfaces.extend(interfaces);
            view.branches_unknown = unknown;
        }
        Err(problem) => view.branches_unknown = Some(problem.message),
    }
}

async fn add_recorded(ec2: &Ec2, facts: &Facts, view: &mut View) -> Result<(), Problem> {
    let elsewhere: Vec<String> = facts
        .claim
        .status
        .iter()
        .flat_map(|status| &status.interfaces)
        .filter(|record| view.interface(&record.id).is_none())
        .map(|record| record.id.clone())
        .collect();
    if !elsewhere.is_empty() {
        view.interfaces.extend(ec2.interfaces(&elsewhere).await?);
    }
    Ok(())
}

/// Asks of groups that lie in another VPC than an interface whether they serve that VPC all the same: of each where the
/// VPC has none of its own, else of those that bear the declared name, too.
async fn add_associations(ec2: &Ec2, facts: &Facts, view: &mut View) -> Result<(), Problem> {
    let recorded: BTreeSet<&str> = facts.claim.records().iter().map(|record| record.id.as_str()).collect();
    let vpcs: BTreeSet<&str> = view
        .own_interfaces()
        .filter(|seen| !recorded.contains(seen.id.as_str()))
        .map(|seen| seen.vpc_id.as_str())
        .collect();
    let name = admitted_or_declared(facts)?.name;
    let mut associations = BTreeSet::new();
    for vpc_id in vpcs {
        let has_own = view.groups.iter().any(|group| group.vpc_id == vpc_id);
        let elsewhere = view.groups.iter().filter(|group| group.vpc_id != vpc_id);
        let asked = elsewhere.filter(|group| !has_own || name.as_ref() == Some(&group.name));
        let asked: Vec<String> = asked.map(|group| group.id.clone()).collect();
        let serving = ec2.groups_serving_vpc(&asked, vpc_id).await?;
        associations.extend(serving.into_iter().map(|id| (id, vpc_id.to_owned())));
    }
    view.associations = associations;
    Ok(())
}

async fn add_prefix_lists(ec2: &Ec2, view: &mut View) -> Result<(), Problem> {
    let named: BTreeSet<String> = view
        .groups
        .iter()
        .flat_map(|group| group.ingress.iter().chain(&group.egress))
        .filter_map(|rule| match &rule.peer {
            Peer::PrefixList(id) => Some(id.clone()),
            Peer::Cidr(_) | Peer::Group(_) => None,
        })
        .collect();
    let mut lists = BTreeMap::new();
    for id in named {
        let networks = ec2.prefix_list(&id).await?;
        lists.insert(id, networks);
    }
    view.prefix_lists = lists;
    Ok(())
}

async fn originals_present(ec2: &Ec2, facts: &Facts) -> Result<BTreeSet<String>, Problem> {
    let recorded: BTreeSet<String> = facts
        .claim
        .status
        .iter()
        .flat_map(|status| &status.interfaces)
        .filter(|record| !record.state.is_final())
        .flat_map(|record| record.original_security_groups.clone().unwrap_or_default())
        .collect();
    if recorded.is_empty() {
        return Ok(recorded);
    }
    let recorded: Vec<String> = recorded.into_iter().collect();
    Ok(ec2.groups(&recorded).await?.into_iter().map(|group| group.id).collect())
}

/// Where and as whom the target is reached.
pub fn place(target: &ResolvedTarget) -> Place {
    let ResolvedTarget { instance_id: _, account_id, region, role_arn, external_id, session_name } = target.clone();
    let session_name = session_name.unwrap_or_else(|| SESSION_NAME.to_owned());
    Place { account_id, region, role: role_arn.map(|arn| Role { arn, external_id, session_name }) }
}
