//! What the templates refuse, asked directly with the roles' own sessions, each beside something that they allow.

use super::{
    GUARD_DUTY, finding, id, none,
    site::{ACTION, EXTERNAL_ID, FOR_MEMBERS, MEMBER_ROLE, Member, Site, assume, made, make_action},
};
use crate::{
    support::wait::until,
    wire::{
        account::{Account, config, credentials, fresh_id},
        emulator::{create_role, endpoint, press, refused_by_iam},
        hub::product,
    },
};
use aws_config::Region;
use aws_sdk_ec2::{error::ProvideErrorMetadata, types::Tag};
use aws_sdk_securityhub::types::{
    AwsSecurityFindingFilters, AwsSecurityFindingIdentifier, SeverityLabel, SeverityUpdate, WorkflowStatus,
    WorkflowUpdate,
};
use aws_sdk_sqs::types::{ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry};
use serde_json::json;

/// The code with which AWS refused; "done" where it did not.
pub fn code<T, E: ProvideErrorMetadata>(answer: Result<T, E>) -> String {
    match answer {
        Ok(_) => "done".to_owned(),
        Err(error) => error.code().unwrap_or("no code").to_owned(),
    }
}

#[tokio::test]
async fn nobody_but_the_templates_rule_puts_a_message_into_the_queue() {
    let site = Site::install(&fresh_id(), &FOR_MEMBERS).await;
    let stranger = config(&endpoint(), credentials(&fresh_id())).await;
    for sender in [site.as_owner().await, site.as_role().await, stranger] {
        let sqs = aws_sdk_sqs::Client::new(&sender);
        let sent = sqs.send_message().queue_url(&site.outputs["QueueUrl"]).message_body("forged").send().await;
        assert_eq!(code(sent), "AccessDenied");
    }

    // A rule that somebody else in the account points at the queue: what it can't deliver goes where it says.
    let rule = json!({
        "Resources": {
            "Refused": {"Type": "AWS::SQS::Queue"},
            "Policy": {"Type": "AWS::SQS::QueuePolicy", "Properties": {"Queues": [{"Ref": "Refused"}],
                "PolicyDocument": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage",
                    "Principal": {"Service": "events.amazonaws.com"}, "Resource": {"Fn::GetAtt": ["Refused", "Arn"]}}]}}},
            "Rule": {"Type": "AWS::Events::Rule", "Properties": {
                "EventPattern": {"source": ["aws.securityhub"]},
                "Targets": [{"Id": "queue", "Arn": site.outputs["QueueArn"],
                    "DeadLetterConfig": {"Arn": {"Fn::GetAtt": ["Refused", "Arn"]}}}]}},
        },
        "Outputs": {"Refused": {"Value": {"Ref": "Refused"}}},
    });
    let outputs = made(&site.id, "somebody-elses", &rule.to_string(), &[]).await;
    let other = make_action(&site, "Other").await;
    let one = finding(&site.hub, "one", "i-0123456789abcdef0");
    site.hub.import([one.clone()]);
    press(&site.id, &other, &product(GUARD_DUTY), &[id(&one)]);
    let sqs = aws_sdk_sqs::Client::new(&site.as_owner().await);
    until("the queue has refused the other rule's event", async || {
        let read = sqs.receive_message().queue_url(&outputs["Refused"]).send().await.expect("the owner may do that");
        read.messages().iter().any(|message| message.body().is_some_and(|body| body.contains("/Other"))).then_some(())
    })
    .await;
    assert_eq!(site.left("QueueUrl").await, none());

    assert_eq!(make_action(&site, ACTION).await, site.outputs["CustomActionArn"]);
    press(&site.id, &site.outputs["CustomActionArn"], &product(GUARD_DUTY), &[id(&one)]);
    until("the template's rule sends", async || (site.left("QueueUrl").await.0 == "1").then_some(())).await;
}

#[tokio::test]
async fn the_operators_role_reads_its_queue_and_does_nothing_else_with_it() {
    let site = Site::install(&fresh_id(), &FOR_MEMBERS).await;
    let (sqs, url) = (aws_sdk_sqs::Client::new(&site.as_role().await), &site.outputs["QueueUrl"]);
    let one = finding(&site.hub, "one", "i-0123456789abcdef0");
    site.hub.import([one.clone()]);
    make_action(&site, ACTION).await;
    press(&site.id, &site.outputs["CustomActionArn"], &product(GUARD_DUTY), &[id(&one)]);
    let receipt = until("the event is received", async || {
        let received = sqs.receive_message().queue_url(url).send().await.expect("the role may do that");
        received.messages().first()?.receipt_handle().map(str::to_owned)
    })
    .await;
    let keep = ChangeMessageVisibilityBatchRequestEntry::builder().id("0").receipt_handle(&receipt);
    let keep = keep.visibility_timeout(60).build().expect("an entry");
    assert_eq!(code(sqs.change_message_visibility_batch().queue_url(url).entries(keep).send().await), "done");
    let delete = DeleteMessageBatchRequestEntry::builder().id("0").receipt_handle(&receipt).build().expect("an entry");
    assert_eq!(code(sqs.delete_message_batch().queue_url(url).entries(delete).send().await), "done");
    assert_eq!(site.left("QueueUrl").await, none());

    assert_eq!(code(sqs.purge_queue().queue_url(url).send().await), "AccessDenied");
    assert_eq!(code(sqs.delete_queue().queue_url(url).send().await), "AccessDenied");
    let dead = &site.outputs["DeadLetterQueueUrl"];
    assert_eq!(code(sqs.receive_message().queue_url(dead).send().await), "AccessDenied");
    assert_eq!(refused_by_iam(&site.id), ["PurgeQueue", "DeleteQueue", "ReceiveMessage"]);
}

#[tokio::test]
async fn the_operators_role_cannot_suppress_a_finding_nor_write_what_the_operator_never_writes() {
    let site = Site::install(&fresh_id(), &FOR_MEMBERS).await;
    let one = finding(&site.hub, "one", "i-0123456789abcdef0");
    site.hub.import([one.clone()]);
    let hub = aws_sdk_securityhub::Client::new(&site.as_role().await);
    let update = || {
        let named = AwsSecurityFindingIdentifier::builder().id(id(&one)).product_arn(product(GUARD_DUTY)).build();
        hub.batch_update_findings().finding_identifiers(named)
    };
    let workflow = |status| update().workflow(WorkflowUpdate::builder().status(status).build()).send();
    const DENIED: &str = "AccessDeniedException";
    assert_eq!(code(workflow(WorkflowStatus::Suppressed).await), DENIED);
    assert_eq!(site.hub.read(id(&one))["Workflow"]["Status"], "NEW");
    assert_eq!(code(workflow(WorkflowStatus::Notified).await), "done");
    assert_eq!(site.hub.read(id(&one))["Workflow"]["Status"], "NOTIFIED");
    let low = SeverityUpdate::builder().label(SeverityLabel::Low).build();
    assert_eq!(code(update().severity(low).send().await), DENIED);
    assert_eq!(code(update().confidence(1).send().await), DENIED);
    assert_eq!(code(update().types("TTPs/Harmless").send().await), DENIED);
    assert_eq!(code(update().user_defined_fields("ticket", "42").send().await), "done");
    assert_eq!(
        code(hub.delete_action_target().action_target_arn(&site.outputs["CustomActionArn"]).send().await),
        DENIED
    );
    assert_eq!(code(hub.disable_security_hub().send().await), DENIED);

    let elsewhere = site.as_role().await.into_builder().region(Region::new("us-west-2")).build();
    let elsewhere = aws_sdk_securityhub::Client::new(&elsewhere);
    let filters = AwsSecurityFindingFilters::builder().build();
    assert_eq!(code(Box::pin(elsewhere.get_findings().filters(filters).send()).await), DENIED);
}

#[tokio::test]
async fn the_operators_role_gets_into_member_accounts_by_its_role_and_external_id_only() {
    let site = Site::install(&fresh_id(), &FOR_MEMBERS).await;
    let member = Member::of(&site).await;
    let role = &member.outputs["MemberRoleArn"];
    let by_role = async |role: &str, external_id| assume(site.role.clone(), role, external_id).await.err();
    let denied = Some("AccessDenied".to_owned());
    assert_eq!(by_role(role, Some(EXTERNAL_ID)).await, None);
    assert_eq!(by_role(role, Some("another-tenants")).await, denied);
    assert_eq!(by_role(role, None).await, denied);
    let admin = create_role(&member.account.id, "admin", &site.id, EXTERNAL_ID);
    assert_eq!(by_role(&admin, Some(EXTERNAL_ID)).await, denied, "it trusts the account, but has another name");
    let stranger = create_role(&fresh_id(), MEMBER_ROLE, &fresh_id(), EXTERNAL_ID);
    assert_eq!(by_role(&stranger, Some(EXTERNAL_ID)).await, denied, "it has the name, but trusts somebody else");
    let owner = credentials(&site.id);
    assert_eq!(assume(owner, role, Some(EXTERNAL_ID)).await.err(), denied, "the role is trusted, not its account");
}

#[tokio::test]
async fn the_operators_role_changes_no_interface_and_a_members_role_only_the_groups_and_our_tags() {
    const DENIED: &str = "UnauthorizedOperation";
    let site = Site::install(&fresh_id(), &FOR_MEMBERS).await;
    let member = Member::of(&site).await;
    let Member { account, interface, instance, web, outputs, .. } = &member;

    let operator = aws_sdk_ec2::Client::new(&site.as_role().await);
    let own = Account {
        id: site.id.clone(),
        owner: aws_sdk_ec2::Client::new(&site.as_owner().await),
        ec2: account.ec2.clone(),
    };
    let subnet = own.subnet().await;
    let group = own.group(&subnet, "web").await;
    let own = own.interface(&subnet, &[&group]).await;
    let swap = |ec2: &aws_sdk_ec2::Client, interface: &str, group: &str| {
        ec2.modify_network_interface_attribute().network_interface_id(interface).groups(group).send()
    };
    assert_eq!(code(swap(&operator, &own, &group).await), DENIED, "ActInThisAccount is false");
    assert_eq!(code(swap(&operator, interface, &outputs["IsolationGroupId"]).await), DENIED, "a member's interface");
    assert_eq!(code(operator.describe_instances().send().await), DENIED);

    let session = assume(site.role.clone(), &outputs["MemberRoleArn"], Some(EXTERNAL_ID)).await.expect("it may");
    let role = aws_sdk_ec2::Client::new(&config(&endpoint(), session).await);
    assert_eq!(code(swap(&role, interface, &outputs["IsolationGroupId"]).await), "done");
    assert_eq!(code(swap(&role, interface, web).await), "done");
    assert_eq!(code(role.get_security_groups_for_vpc().vpc_id(&member.subnet.vpc_id).send().await), "done");
    assert_eq!(code(swap(&role, &own, &group).await), "InvalidNetworkInterfaceID.NotFound", "of another account");

    let tag = |resource: &str, keys: &[&str]| {
        let tags = keys.iter().map(|key| Tag::builder().key(*key).value("x").build()).collect();
        role.create_tags().resources(resource).set_tags(Some(tags)).send()
    };
    let ours = "quarantine-operator.dev/test";
    assert_eq!(code(tag(interface, &[ours]).await), "done");
    assert_eq!(code(tag(interface, &["Name"]).await), DENIED);
    assert_eq!(code(tag(interface, &[ours, "Name"]).await), DENIED);
    assert_eq!(code(tag(instance, &[ours]).await), DENIED);
    assert_eq!(code(tag(web, &["quarantine-operator.dev/class-uid"]).await), DENIED, "no group becomes ours");
    assert_eq!(code(role.delete_tags().resources(interface).send().await), DENIED, "all tags at once");
    let name = Tag::builder().key("Name").build();
    assert_eq!(code(role.delete_tags().resources(interface).tags(name).send().await), DENIED);

    assert_eq!(code(role.modify_instance_attribute().instance_id(instance).groups(web).send().await), DENIED);
    assert_eq!(code(role.terminate_instances().instance_ids(instance).send().await), DENIED);
    assert_eq!(code(role.delete_security_group().group_id(web).send().await), DENIED);
    let made = role.create_security_group().vpc_id(&member.subnet.vpc_id).group_name("x").description("x");
    assert_eq!(code(made.send().await), DENIED, "ManagedGroups is false");
    let read = account.read(interface).await;
    assert_eq!((read.groups, read.tags.into_keys().collect()), (vec![web.clone()], vec![ours.to_owned()]));
}
