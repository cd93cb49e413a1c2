//! The end-to-end path on what the templates of deploy/aws make, with IAM in force: the stacks, the operator with the
//! template's role and nothing else, its custom action, a person who presses it, EventBridge, the queue, containment,
//! the finding, release. What the role and the queue refuse is in `refused`, the way of the session's tags into members in
//! `chained`, other parameters in `parameters`.
//!
//! What the emulator can't enforce, and what is therefore not shown here (tools/aws-emulator/README.md, "IAM"): that
//! EKS gives the role away by IRSA (the path uses Pod Identity, the default; `chained` also `Trust=Role`; `parameters`
//! reads the third), aws:SecureTransport (loopback counts as TLS), and that the queues are encrypted. An interface of another account has
//! no ARN that a call could name, here as in AWS: the ARN is always the caller's, so that what is refused is a role's own
//! account or the way into another one.

mod chained;
mod parameters;
mod refused;
mod site;

use crate::{
    support::{
        claims::{Desk, status},
        client_of,
        process::fresh_ground,
        wait::until,
    },
    wire::{
        account::{Account, fresh_id, tags},
        emulator::{make_administrator, press, read_finding, refused_by_iam},
        hub::{Hub, product},
    },
};
use aws_sdk_ec2::types::AddPrefixListEntry;
use aws_sdk_securityhub::types::{AwsSecurityFindingIdentifier, NoteUpdate};
use kube::Api;
use quarantine_operator::{
    api::QuarantineClass,
    model::ec2::{GroupRule, Peer},
};
use serde_json::json;
use site::{ACTION, EXTERNAL_ID, FOR_MEMBERS, MEMBER_ROLE, Member, SOURCE, Site, delete_source, finding, make_action};

const GUARD_DUTY: &str = "aws/guardduty";
const FIELD: &str = "quarantine-operator.dev/outcome";

fn id(finding: &serde_json::Value) -> &str {
    finding["Id"].as_str().expect("a finding has an id")
}

#[tokio::test]
async fn a_press_in_the_administrators_account_isolates_a_members_instance_with_the_templates_rights_alone() {
    let stack = fresh_ground().await;
    let desk = Desk::open(client_of(&stack).await).await;
    let site = Site::install(&fresh_id(), &FOR_MEMBERS).await;
    let member = Member::of(&site).await;
    let Member { account, instance, interface, web, outputs, .. } = &member;
    make_administrator(&site.id, &[&account.id]);
    let hub = Hub::of(&account.id).await;
    let (one, two) = (finding(&hub, "one", instance), finding(&hub, "two", instance));
    hub.import([one.clone(), two.clone()]);
    annotate(&site, id(&two)).await;

    let _operator = site.operator(&stack);
    desk.class(json!({
        "accounts": [account.id], "assumeRole": {"roleName": MEMBER_ROLE, "externalId": EXTERNAL_ID},
        "securityGroup": {"id": outputs["IsolationGroupId"]}, "securityHub": {"accountId": site.id},
    }))
    .await;
    site.source(&desk, "Retain").await;
    let said = site.check(&stack);
    assert_eq!(said.code, 0, "what the templates make is all that is needed: {}", said.text);
    said.line(&[
        "ok",
        &account.id,
        "changes of eni-",
        "ec2:ModifyNetworkInterfaceAttribute, ec2:CreateTags, ec2:DeleteTags",
    ]);
    press(&site.id, &site.outputs["CustomActionArn"], &product(GUARD_DUTY), &[id(&one), id(&two)]);

    let claim = format!("{SOURCE}-{instance}");
    let held = desk.contained(&claim).await;
    assert_eq!(status(&held).interfaces.len(), 1);
    assert_eq!(account.read(interface).await.groups, std::slice::from_ref(&outputs["IsolationGroupId"]));
    site.noted(id(&one), "contained").await;
    assert_eq!(read_finding(&site.id, id(&one))["Workflow"]["Status"], "NOTIFIED");
    until("the outcome stands beside the analyst's note", async || {
        let read = read_finding(&site.id, id(&two));
        assert_eq!(read["Note"]["Text"], "ours to solve");
        assert_eq!(read["UserDefinedFields"]["ticket"], "42");
        read["UserDefinedFields"][FIELD].as_str()?.contains("contained").then_some(())
    })
    .await;
    desk.says(&claim, "FindingUpdated", "True", "FindingUpdated").await;
    let tagged = account.read(interface).await.tags;
    assert!(tagged.keys().any(|key| key.starts_with("quarantine-operator.dev/")), "{tagged:?}");

    desk.delete(&claim).await;
    desk.gone(&claim).await;
    let released = account.read(interface).await;
    assert_eq!(&released.groups, std::slice::from_ref(web));
    assert!(!released.tags.keys().any(|key| key.starts_with("quarantine-operator.dev/")), "{:?}", released.tags);
    site.noted(id(&one), "released").await;
    until("the queue is empty", async || (site.left("QueueUrl").await == none()).then_some(())).await;
    assert_eq!(site.left("DeadLetterQueueUrl").await, none());
    assert_eq!(site.left("RuleDeadLetterQueueUrl").await, none());
    assert_eq!(refused_by_iam(&site.id), Vec::<String>::new(), "the operator asks for nothing that it may not do");
    assert_eq!(refused_by_iam(&account.id), Vec::<String>::new());
}

fn none() -> (String, String) {
    ("0".to_owned(), "0".to_owned())
}

/// An analyst's own note and field.
async fn annotate(site: &Site, finding: &str) {
    let named = AwsSecurityFindingIdentifier::builder().id(finding).product_arn(product(GUARD_DUTY)).build();
    let note = NoteUpdate::builder().text("ours to solve").updated_by("analyst").build();
    let call = site.hub.owner.batch_update_findings().finding_identifiers(named).note(note);
    call.user_defined_fields("ticket", "42").send().await.expect("an analyst may do that");
}

async fn prefix_list(account: &Account, cidr: &str) -> String {
    let entry = AddPrefixListEntry::builder().cidr(cidr).build();
    let call = account.owner.create_managed_prefix_list().prefix_list_name("offices").max_entries(5);
    let made = call.address_family("IPv4").entries(entry).send().await.expect("the owner may do that");
    let made = made.prefix_list().and_then(|list| list.prefix_list_id());
    made.expect("a prefix list has an id").to_owned()
}

/// One account, a group that the operator makes and keeps, a limit on the groups that it may use, and an action that
/// is there already and goes with its source: all that the member's path doesn't need.
#[tokio::test]
async fn in_one_account_the_role_makes_keeps_and_uses_its_own_group_and_takes_its_action_away() {
    let stack = fresh_ground().await;
    let desk = Desk::open(client_of(&stack).await).await;
    let account = Account::fresh().await;
    let parameters = [("ManagedGroups", "true"), ("GroupsByTag", "true"), ("RemoveCustomAction", "true")];
    let site = Site::install(&account.id, &parameters).await;
    let subnet = account.subnet().await;
    let web = account.group(&subnet, "web").await;
    let allowed = tags([("quarantine-operator-group", "allowed")]);
    account.ec2.tag(std::slice::from_ref(&web), &allowed).await.expect("the owner may do that");
    let instance = account.instance(&subnet, &[&web]).await;
    let interface = account.ec2.interfaces_attached_to(&instance).await.expect("a read").remove(0).id;
    let one = finding(&site.hub, "one", &instance);
    site.hub.import([one.clone()]);

    let _operator = site.operator(&stack);
    make_action(&site, ACTION).await;
    let offices = prefix_list(&account, "192.0.2.0/24").await;
    let ingress = json!([{"port": 22, "cidrs": ["10.0.0.0/8"], "prefixListIds": [offices]}]);
    desk.class(
        json!({"securityGroup": {"managed": {"name": "IncidentResponseSG", "ingress": ingress}}, "securityHub": {}}),
    )
    .await;
    site.source(&desk, "Delete").await;
    let action = async || site.hub.hub.custom_action(&site.outputs["CustomActionArn"]).await.expect("a read");
    assert_eq!(action().await.map(|action| action.name).as_deref(), Some("Cut it off"), "it is brought in line");
    press(&site.id, &site.outputs["CustomActionArn"], &product(GUARD_DUTY), &[id(&one)]);

    let claim = format!("{SOURCE}-{instance}");
    desk.contained(&claim).await;
    let classes: Api<QuarantineClass> = Api::all(desk.client.clone());
    let class = classes.get(&desk.namespace).await.expect("a read").status.expect("the class has a status");
    let managed = &class.managed_groups[0].group_id;
    assert_eq!(account.read(&interface).await.groups, std::slice::from_ref(managed));
    site.noted(id(&one), "contained").await;
    let said = site.check(&stack);
    assert_eq!(said.code, 0, "the template lets it make and keep its group: {}", said.text);
    let keeps = "ec2:CreateSecurityGroup, ec2:AuthorizeSecurityGroupIngress, ec2:RevokeSecurityGroupIngress, ec2:RevokeSecurityGroupEgress";
    said.line(&["ok", "changes of eni-", keeps]);
    said.line(&["ok", "reads", "ec2:GetManagedPrefixListEntries"]);

    let rule = |port, peer| GroupRule { protocol: "tcp".to_owned(), ports: Some((port, port)), peer };
    let declared = [rule(22, Peer::Cidr("10.0.0.0/8".to_owned())), rule(22, Peer::PrefixList(offices))];
    let open = rule(443, Peer::Cidr("0.0.0.0/0".to_owned()));
    account.ec2.authorize_ingress(managed, &[open]).await.expect("the owner may do that");
    account.ec2.revoke_ingress(managed, &declared).await.expect("the owner may do that");
    until("the group has its declared rules again", async || {
        let group = account.ec2.groups(std::slice::from_ref(managed)).await.expect("a read").remove(0);
        (group.ingress.len() == 2
            && declared.iter().all(|rule| group.ingress.contains(rule))
            && group.egress.is_empty())
        .then_some(())
    })
    .await;

    desk.delete(&claim).await;
    desk.gone(&claim).await;
    assert_eq!(account.read(&interface).await.groups, [web]);
    site.noted(id(&one), "released").await;
    delete_source(&desk).await;
    assert_eq!(action().await, None);
    assert_eq!(refused_by_iam(&site.id), Vec::<String>::new(), "the operator asks for nothing that it may not do");
}
