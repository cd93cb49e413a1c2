//! The questions to AWS: reads, and changes with DryRun, which make none. How the answers are judged is not known here.

use super::{
    answer::{Answer, Section},
    of_each, policy,
};
use crate::{
    api::{FindingSource, QuarantineClass},
    aws::{Change, Ec2, Identity, Sessions},
    check::places::Home,
    intake::{custom_action_arn, place_of},
    model::{
        ec2::{Interface, Peer, SecurityGroup},
        finding::FindingKey,
        place::Place,
        problem::Problem,
    },
    quarantine::{rules, tags},
};
use kube::ResourceExt;
use std::collections::{BTreeMap, BTreeSet};

/// An instance that nobody has: reading it asks for the right alone.
const NO_INSTANCE: &str = "i-00000000000000000";

/// The same among security groups.
const NO_GROUP: &str = "sg-00000000000000000";

/// Who the operator is in AWS.
pub async fn identity(sessions: &Sessions) -> (Section, Option<Identity>) {
    let mut section = Section::new("AWS");
    if sessions.own_region().is_none() {
        let message = "AWS_REGION is not set, so that the operator's own region isn't known: set it.";
        section.add(Answer::missing("region", message));
    }
    match sessions.own_identity().await {
        Ok(own) => {
            section.add(Answer::ok("identity", format!("{}, account {}.", own.arn, own.account_id)));
            (section, Some(own))
        }
        Err(problem) => {
            section.add(Answer::refused("identity", &problem));
            section.add(Answer::not_asked(
                "the rest",
                "What classes and sources need is asked once there is an identity.",
            ));
            (section, None)
        }
    }
}

/// What a class needs in each of its places.
pub async fn class(sessions: &Sessions, own: &Identity, class: &QuarantineClass) -> Vec<Answer> {
    let home =
        Home { account_id: own.account_id.clone(), partition: own.partition.clone(), region: sessions.own_region() };
    let looks = of_each(policy::places(class, &home), async |place| look(sessions, class, place).await).await;
    let mut answers = Vec::new();
    let mut found = Vec::new();
    for Look { place, said, groups } in looks {
        answers.extend(said);
        found.extend(groups.map(|groups| (place, groups)));
    }
    answers.extend(policy::group(class, &found));
    if let Some(place) = policy::hub(class, &home) {
        answers.push(hub(sessions, &home.partition, &place).await);
    }
    answers
}

/// What came of the questions in one place.
struct Look {
    place: Place,
    said: Vec<Answer>,
    /// The class's isolation groups there. None: they can't be read.
    groups: Option<Vec<SecurityGroup>>,
}

async fn look(sessions: &Sessions, class: &QuarantineClass, place: Place) -> Look {
    let what = policy::at(&place);
    let ec2 = match sessions.ec2(&place).await {
        Ok(ec2) => ec2,
        Err(problem) => return Look { said: vec![Answer::refused(what, &problem)], place, groups: None },
    };
    let how = match &place.role {
        Some(role) => format!("Reached through {}.", role.arn),
        None => "Reached with the operator's own credentials.".to_owned(),
    };
    let mut said = vec![Answer::ok(&what, how)];
    let groups = isolation_groups(&ec2, class, &place).await;
    let first = groups.as_ref().ok().and_then(|groups| groups.first());
    let interface = an_interface(&ec2, first).await;
    let mut reads = vec![
        ("ec2:DescribeInstances", ec2.instance(NO_INSTANCE).await.map(drop)),
        ("ec2:DescribeNetworkInterfaces", interface.as_ref().map(drop).map_err(Clone::clone)),
        ("ec2:DescribeSecurityGroups", groups.as_ref().map(drop).map_err(Clone::clone)),
    ];
    if let Some(group) = first {
        let serving = ec2.groups_serving_vpc(std::slice::from_ref(&group.id), &group.vpc_id).await;
        reads.push(("ec2:GetSecurityGroupsForVpc", serving.map(drop)));
    }
    let lists = prefix_lists(&ec2, groups.as_deref().unwrap_or_default()).await;
    if !matches!(&lists, Ok(lists) if lists.is_empty()) {
        reads.push(("ec2:GetManagedPrefixListEntries", lists.as_ref().map(drop).map_err(Clone::clone)));
    }
    said.extend(rights(&what, "reads", reads));
    match interface {
        Ok(Some(interface)) => {
            let changes = changes(class, &interface, groups.as_deref().unwrap_or_default());
            let asked = of_each(changes, async |change| (change.operation(), ec2.may(&change).await)).await;
            said.extend(rights(&what, &format!("changes of {}", interface.id), asked));
        }
        Ok(None) => {
            let message = "No interface is there that EC2 could be asked about with DryRun, so the rights to change are not asked for.";
            said.push(Answer::not_asked(format!("{what}, changes"), message));
        }
        // Said among the reads.
        Err(_) => {}
    }
    let lists = lists.unwrap_or_default();
    said.extend(groups.iter().flatten().filter_map(|group| policy::open(group, &rules::leaks(group, &lists))));
    Look { place, said, groups: groups.ok() }
}

/// One answer for all that are permitted, and one for each that isn't.
fn rights(place: &str, kind: &str, asked: Vec<(&str, Result<(), Problem>)>) -> Vec<Answer> {
    let mut permitted: Vec<&str> = Vec::new();
    let mut answers = Vec::new();
    for (operation, outcome) in asked {
        match outcome {
            Ok(()) if permitted.contains(&operation) => {}
            Ok(()) => permitted.push(operation),
            Err(problem) => answers.push(Answer::refused(format!("{place}, {operation}"), &problem)),
        }
    }
    if !permitted.is_empty() {
        answers.insert(0, Answer::ok(format!("{place}, {kind}"), format!("{}.", permitted.join(", "))));
    }
    answers
}

/// The groups that the class names, as far as they are there.
async fn isolation_groups(ec2: &Ec2, class: &QuarantineClass, place: &Place) -> Result<Vec<SecurityGroup>, Problem> {
    let declared = &class.spec.security_group;
    let made = class.managed_groups().iter();
    let made = made.filter(|made| made.account_id == place.account_id && made.region == place.region);
    let mut ids: BTreeSet<String> = made.map(|made| made.group_id.clone()).collect();
    ids.extend(declared.id.iter().chain(&class.spec.allowed_security_group_ids).cloned());
    if ids.is_empty() {
        ids.insert(NO_GROUP.to_owned());
    }
    let mut found = ec2.groups(&ids.into_iter().collect::<Vec<_>>()).await?;
    if let Some(name) = &declared.name {
        found.extend(ec2.groups_named(name).await?);
    }
    Ok(found)
}

/// One to ask about: best in the group's VPC, where the group could be put on it.
async fn an_interface(ec2: &Ec2, group: Option<&SecurityGroup>) -> Result<Option<Interface>, Problem> {
    if let Some(group) = group
        && let Some(interface) = ec2.an_interface(Some(&group.vpc_id)).await?
    {
        return Ok(Some(interface));
    }
    ec2.an_interface(None).await
}

async fn prefix_lists(ec2: &Ec2, groups: &[SecurityGroup]) -> Result<BTreeMap<String, Vec<String>>, Problem> {
    let rules = groups.iter().flat_map(|group| group.ingress.iter().chain(&group.egress));
    let named: BTreeSet<&String> = rules
        .filter_map(|rule| match &rule.peer {
            Peer::PrefixList(id) => Some(id),
            Peer::Cidr(_) | Peer::Group(_) => None,
        })
        .collect();
    let mut lists = BTreeMap::new();
    for id in named {
        lists.insert(id.clone(), ec2.prefix_list(id).await?);
    }
    Ok(lists)
}

/// What would be done to this interface, and to the class's managed groups.
fn changes(class: &QuarantineClass, interface: &Interface, groups: &[SecurityGroup]) -> Vec<Change> {
    let interface_id = interface.id.clone();
    let keys = tags::KEYS.map(str::to_owned);
    let mut changes = vec![
        Change::SetGroups { interface_id: interface_id.clone(), groups: interface.groups.clone() },
        Change::Tag {
            resource_id: interface_id.clone(),
            tags: keys.iter().cloned().map(|key| (key, String::new())).collect(),
        },
        Change::Untag { resource_id: interface_id.clone(), keys: keys.to_vec() },
    ];
    if let Some(group) = groups.iter().find(|group| group.vpc_id == interface.vpc_id) {
        changes.push(Change::SetGroups { interface_id, groups: vec![group.id.clone()] });
    }
    if let Some(managed) = &class.spec.security_group.managed {
        changes.push(Change::CreateGroup {
            vpc_id: interface.vpc_id.clone(),
            name: managed.name.clone(),
            description: managed.description.clone(),
            tags: tags::of_managed_group(&class.uid().unwrap_or_default(), ""),
        });
        let made = class.managed_groups().iter();
        let made = made.filter(|made| groups.iter().any(|group| group.id == made.group_id));
        changes.extend(made.flat_map(|made| {
            let group_id = made.group_id.clone();
            [
                Change::AuthorizeIngress { group_id: group_id.clone() },
                Change::RevokeIngress { group_id: group_id.clone() },
                Change::RevokeEgress { group_id },
            ]
        }));
    }
    changes
}

/// Whether Security Hub lets findings be read there, the older one or the newer. Whether it lets them be changed can't be
/// asked without changing one.
async fn hub(sessions: &Sessions, partition: &str, place: &Place) -> Answer {
    let what = format!("Security Hub, {}", policy::at(place));
    let Place { account_id, region, .. } = place;
    let id = format!("arn:{partition}:securityhub:{region}:{account_id}:quarantine-operator/check");
    let asked = async |product: &str| {
        let product_arn = Some(format!("arn:{partition}:securityhub:{region}::{product}/aws/guardduty"));
        let key = FindingKey { id: id.clone(), product_arn, account_id: None };
        sessions.security_hub(place).await?.findings(key).await
    };
    let read = |hubs: &str, not: &str| {
        Answer::ok(
            &what,
            format!(
                "securityhub:GetFindings, in {hubs}. Whether they may be changed can't be asked without changing one.{not}"
            ),
        )
    };
    let (cspm, newer) = tokio::join!(asked("product"), asked("productv2"));
    match (cspm, newer) {
        (Ok(_), Ok(_)) => read("both Security Hubs", ""),
        (Ok(_), Err(problem)) => {
            read("Security Hub CSPM", &format!(" Those of the newer Security Hub aren't: {}", problem.message))
        }
        (Err(problem), Ok(_)) => {
            read("the newer Security Hub", &format!(" Those of Security Hub CSPM aren't: {}", problem.message))
        }
        (Err(problem), Err(_)) => Answer::refused(what, &problem),
    }
}

/// What a source needs: its queue, and its custom action.
pub async fn source(sessions: &Sessions, own: &Identity, source: &FindingSource) -> Vec<Answer> {
    let place = place_of(own, &source.spec);
    let what = format!("queue in {}", policy::at(&place));
    let asked = async { sessions.sqs(&place).await?.queue(&source.spec.queue_url).await };
    let mut answers = match asked.await {
        Ok(queue) => policy::queue(&what, &queue),
        Err(problem) => vec![Answer::refused(&what, &problem)],
    };
    let Some(action) = &source.spec.custom_action else { return answers };
    let arn = custom_action_arn(&own.partition, &place, action);
    let asked = async { sessions.security_hub(&place).await?.custom_action(&arn).await };
    answers.push(match asked.await {
        Ok(Some(_)) => Answer::ok("custom action", format!("{arn}.")),
        Ok(None) => Answer::ok("custom action", format!("{arn} isn't there yet: the operator makes it.")),
        Err(problem) => Answer::refused("custom action", &problem),
    });
    answers
}
