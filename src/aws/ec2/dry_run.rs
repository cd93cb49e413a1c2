//! Whether EC2 would permit a change: the call with DryRun, which changes nothing. AWS checks permissions only, not whether
//! what is named exists or fits ("DryRun" in "Common query parameters", Amazon EC2 API Reference).

use super::{Ec2, RuleChange};
use crate::api::Reason;
use crate::aws::call::Paced;
use crate::aws::convert::ec2 as convert;
use crate::aws::reads::INTERFACES;
use crate::model::problem::{Disposition, Problem};
use crate::model::{
    Tags,
    ec2::{GroupRule, Interface, Peer},
};
use aws_sdk_ec2::operation::modify_network_interface_attribute::builders::ModifyNetworkInterfaceAttributeFluentBuilder;
use aws_sdk_ec2::types::{ResourceType, Tag, TagSpecification};

const SET_GROUPS: &str = "ec2:ModifyNetworkInterfaceAttribute";

/// How many interfaces are looked at for one that can be asked about.
const FEW: i32 = 50;

/// A change to ask about.
#[derive(Clone, Debug)]
pub enum Change {
    SetGroups { interface_id: String, groups: Vec<String> },
    Tag { resource_id: String, tags: Tags },
    Untag { resource_id: String, keys: Vec<String> },
    CreateGroup { vpc_id: String, name: String, description: String, tags: Tags },
    AuthorizeIngress { group_id: String },
    RevokeIngress { group_id: String },
    RevokeEgress { group_id: String },
}

impl Change {
    /// As IAM policies name it.
    pub fn operation(&self) -> &'static str {
        match self {
            Self::SetGroups { .. } => SET_GROUPS,
            Self::Tag { .. } => "ec2:CreateTags",
            Self::Untag { .. } => "ec2:DeleteTags",
            Self::CreateGroup { .. } => "ec2:CreateSecurityGroup",
            Self::AuthorizeIngress { .. } => RuleChange::AuthorizeIngress.operation(),
            Self::RevokeIngress { .. } => RuleChange::RevokeIngress.operation(),
            Self::RevokeEgress { .. } => RuleChange::RevokeEgress.operation(),
        }
    }
}

impl Ec2 {
    /// Whether the change would be permitted.
    ///
    /// Errors: as AWS refused it.
    pub async fn may(&self, change: &Change) -> Result<(), Problem> {
        let operation = change.operation();
        match change {
            Change::SetGroups { interface_id, groups } => {
                let call = self.trial_of_groups(interface_id, groups).send();
                permitted(operation, self.session.call(operation, call).await)
            }
            Change::Tag { resource_id, tags } => {
                let call = self.changes.create_tags().resources(resource_id);
                let call = call.set_tags(Some(convert::sdk_tags(tags))).dry_run(true).send();
                permitted(operation, self.session.call(operation, call).await)
            }
            Change::Untag { resource_id, keys } => {
                let keys = keys.iter().map(|key| Tag::builder().key(key).build()).collect();
                let call = self.changes.delete_tags().resources(resource_id).set_tags(Some(keys)).dry_run(true).send();
                permitted(operation, self.session.call(operation, call).await)
            }
            Change::CreateGroup { vpc_id, name, description, tags } => {
                let tags = TagSpecification::builder().set_tags(Some(convert::sdk_tags(tags)));
                let call = self.changes.create_security_group().vpc_id(vpc_id).group_name(name);
                let call = call.description(description).dry_run(true);
                let call = call.tag_specifications(tags.resource_type(ResourceType::SecurityGroup).build()).send();
                permitted(operation, self.session.call(operation, call).await)
            }
            Change::AuthorizeIngress { group_id } => {
                let call = self.changes.authorize_security_group_ingress().group_id(group_id);
                let call = call.ip_permissions(convert::permission(&some_rule())).dry_run(true).send();
                permitted(operation, self.session.call(operation, call).await)
            }
            Change::RevokeIngress { group_id } => {
                let call = self.changes.revoke_security_group_ingress().group_id(group_id);
                let call = call.ip_permissions(convert::permission(&some_rule())).dry_run(true).send();
                permitted(operation, self.session.call(operation, call).await)
            }
            Change::RevokeEgress { group_id } => {
                let call = self.changes.revoke_security_group_egress().group_id(group_id);
                let call = call.ip_permissions(convert::permission(&some_rule())).dry_run(true).send();
                permitted(operation, self.session.call(operation, call).await)
            }
        }
    }

    /// Whether [`Ec2::set_groups`] would be permitted. Asked only while swaps leave AWS' rate to spare.
    ///
    /// Errors: as AWS refused it; Retry/Throttled at once while swaps need what there is.
    pub async fn may_set_groups(&self, interface_id: &str, groups: &[String]) -> Result<(), Problem> {
        let Paced { session, budget } = &self.session;
        budget.take_spare(SET_GROUPS).await?;
        let call = self.trial_of_groups(interface_id, groups).send();
        permitted(SET_GROUPS, session.call(SET_GROUPS, call).await)
    }

    fn trial_of_groups(&self, interface_id: &str, groups: &[String]) -> ModifyNetworkInterfaceAttributeFluentBuilder {
        let call = self.changes.modify_network_interface_attribute().network_interface_id(interface_id);
        call.set_groups(Some(groups.to_vec())).dry_run(true)
    }

    /// Some interface that no AWS service manages, to ask about: in that VPC, or in any. None: the first few show none.
    pub async fn an_interface(&self, vpc_id: Option<&str>) -> Result<Option<Interface>, Problem> {
        let call = self.reads.describe_network_interfaces().max_results(FEW);
        let call = call.set_filters(vpc_id.map(|vpc_id| vec![convert::filter("vpc-id", [vpc_id])]));
        let page = self.session.call(INTERFACES, call.send()).await?;
        let found: Vec<Interface> =
            page.network_interfaces().iter().map(convert::interface).collect::<Result<_, _>>()?;
        Ok(found.into_iter().find(|interface| interface.managed_by.is_none() && !interface.groups.is_empty()))
    }
}

/// From a network for documentation (RFC 5737), should an endpoint that isn't EC2 make the change after all.
fn some_rule() -> GroupRule {
    GroupRule { protocol: "tcp".to_owned(), ports: Some((22, 22)), peer: Peer::Cidr("192.0.2.0/24".to_owned()) }
}

fn permitted<T>(operation: &str, outcome: Result<T, Problem>) -> Result<(), Problem> {
    match outcome {
        Err(problem) if problem.code.as_deref() == Some("DryRunOperation") => Ok(()),
        Err(problem) => Err(problem),
        Ok(_) => Err(Problem::new(
            Disposition::Stop,
            Reason::AwsRefused,
            format!("{operation} with DryRun was answered as if it had been made. Check the endpoint: it isn't EC2."),
        )),
    }
}
