//! The calls to both Security Hubs, one function each, in one account and region: of an organisation, those of its
//! administrator. What a finding means and what is written on it is decided elsewhere; nothing is cached here.
//!
//! Security Hub CSPM and the newer Security Hub have their findings apart, in formats of their own (`dialect`). Reads by
//! many at once share their calls (`batch`), and all calls keep to AWS' quotas (`budget`). Changing calls are sent once;
//! after `AwsUnavailable` a change may or may not have been made.

mod dialect;

use super::batch::Batches;
use super::budget::Budget;
use super::call::{Clients, Session};
use super::convert::{finding as convert, required};
use crate::api::Reason;
use crate::model::finding::{
    CustomActionSight, Finding, FindingChange, FindingKey, Hub, Unprocessed, Workflow, of_product,
};
use crate::model::problem::{Disposition, Problem};
use aws_sdk_securityhub::Client;
use dialect::{Asff, Calls, Found, Lookups, Ocsf};

const DESCRIBE_ACTION: &str = "securityhub:DescribeActionTargets";
const CREATE_ACTION: &str = "securityhub:CreateActionTarget";
const UPDATE_ACTION: &str = "securityhub:UpdateActionTarget";
const DELETE_ACTION: &str = "securityhub:DeleteActionTarget";

const NOT_FOUND: &str = "ResourceNotFoundException";

/// Both Security Hubs in one account and region. Cheap to clone; all clones share their calls.
#[derive(Clone)]
pub struct SecurityHub {
    calls: Calls,
    cspm: Batches<Lookups<Asff>>,
    v2: Batches<Lookups<Ocsf>>,
}

impl SecurityHub {
    pub(super) fn new(clients: &Clients, session: Session, budget: Budget) -> Self {
        let changes = aws_sdk_securityhub::config::Builder::from(&clients.changes);
        let changes = changes.interceptor(clients.fence.clone()).build();
        let calls = Calls { session, reads: Client::new(&clients.reads), changes: Client::from_conf(changes), budget };
        let (cspm, v2) = (Batches::new(Lookups::new(&calls)), Batches::new(Lookups::new(&calls)));
        Self { calls, cspm, v2 }
    }

    /// The findings of that id, of that product if it is named (in whichever region, if none is of its own); none if there
    /// is none (yet). Those who ask at the same time share a call.
    ///
    /// Errors: Wait/FindingUnreadable if one of them can't be understood; Retry/Throttled also when too many ask; otherwise
    /// as the call went.
    pub async fn findings(&self, wanted: FindingKey) -> Result<Vec<Finding>, Problem> {
        let asked = match wanted.hub() {
            Some(Hub::Cspm) => self.cspm.ask(wanted.id.clone()).await,
            Some(Hub::V2) => self.v2.ask(wanted.id.clone()).await,
            None => self.in_either(wanted.id.clone()).await,
        };
        let FindingKey { id, product_arn, account_id } = wanted;
        let found = match asked {
            Err(problem) if problem.is_undecodable() => return Err(unreadable(&id, &problem.message)),
            found => found?,
        };
        let found = match &product_arn {
            None => found,
            Some(wanted) => of_product(found, wanted, |found| found.product_arn.as_deref()),
        };
        let found = found.into_iter().map(|found| found.read.map_err(|why| unreadable(&id, &why)));
        let of_account = |found: &Finding| account_id.as_ref().is_none_or(|wanted| *wanted == found.account_id);
        found.filter(|found| found.as_ref().map_or(true, of_account)).collect()
    }

    /// Those of Security Hub CSPM; where it has none or may not be asked, those of the newer Security Hub. With both hubs
    /// on, each finding is in both.
    async fn in_either(&self, id: String) -> Result<Vec<Found>, Problem> {
        let in_cspm = self.cspm.ask(id.clone()).await;
        let may_be_elsewhere = match &in_cspm {
            Ok(found) => found.is_empty(),
            Err(problem) => problem.reason == Reason::AccessDenied,
        };
        if !may_be_elsewhere {
            return in_cspm;
        }
        match self.v2.ask(id).await {
            // It isn't on, or this isn't allowed: what the first one said counts.
            Err(problem) if problem.reason == Reason::AccessDenied => in_cspm,
            in_v2 => in_v2,
        }
    }

    /// Writes the same on all these findings, each of which must name its product and, in the newer Security Hub, its
    /// account, and answers those that were not changed. Nothing to change or no findings: no call.
    ///
    /// Errors: Stop/FindingNotUpdated if a finding would be suppressed. As a call went; those before it were made.
    pub async fn update(&self, findings: &[FindingKey], change: &FindingChange) -> Result<Vec<Unprocessed>, Problem> {
        if change.is_empty() {
            return Ok(Vec::new());
        }
        if change.workflow == Some(Workflow::Suppressed) {
            let message = "The operator suppresses no finding: it would hide what happened.";
            return Err(Problem::new(Disposition::Stop, Reason::FindingNotUpdated, message));
        }
        let of_v2 = |key: &&FindingKey| key.hub() == Some(Hub::V2);
        let (in_v2, in_cspm): (Vec<_>, Vec<_>) = findings.iter().partition(of_v2);
        let mut unprocessed = self.calls.update::<Asff>(in_cspm, change).await?;
        unprocessed.extend(self.calls.update::<Ocsf>(in_v2, change).await?);
        Ok(unprocessed)
    }

    /// The custom action of that ARN, if there is one.
    pub async fn custom_action(&self, arn: &str) -> Result<Option<CustomActionSight>, Problem> {
        self.calls.budget.take(DESCRIBE_ACTION).await?;
        let call = self.calls.reads.describe_action_targets().action_target_arns(arn).send();
        let found = match self.calls.session.call(DESCRIBE_ACTION, call).await {
            Err(problem) if problem.code.as_deref() == Some(NOT_FOUND) => return Ok(None),
            found => found?,
        };
        let target = found.action_targets().iter().find(|target| target.action_target_arn() == Some(arn));
        target.map(convert::custom_action).transpose()
    }

    /// Makes a custom action and answers its ARN, of which `id` (at most 20 letters and digits) is the last part.
    ///
    /// Errors: Wait/CustomActionRefused if the account has as many as it may have; Retry/CustomActionRefused if there is
    /// one of that id.
    pub async fn create_custom_action(&self, id: &str, name: &str, description: &str) -> Result<String, Problem> {
        self.calls.budget.take(CREATE_ACTION).await?;
        let call = self.calls.changes.create_action_target().id(id).name(name).description(description).send();
        let made = self.calls.session.call(CREATE_ACTION, call).await?;
        required("the new custom action's ARN", made.action_target_arn())
    }

    pub async fn update_custom_action(&self, arn: &str, name: &str, description: &str) -> Result<(), Problem> {
        self.calls.budget.take(UPDATE_ACTION).await?;
        let call = self.calls.changes.update_action_target().action_target_arn(arn).name(name).description(description);
        self.calls.session.call(UPDATE_ACTION, call.send()).await.map(drop)
    }

    /// One that isn't there is no error.
    pub async fn delete_custom_action(&self, arn: &str) -> Result<(), Problem> {
        self.calls.budget.take(DELETE_ACTION).await?;
        let call = self.calls.changes.delete_action_target().action_target_arn(arn).send();
        match self.calls.session.call(DELETE_ACTION, call).await {
            Err(problem) if problem.code.as_deref() == Some(NOT_FOUND) => Ok(()),
            outcome => outcome.map(drop),
        }
    }
}

/// One finding can't be read, and fails nobody else who asked at the same time.
fn unreadable(id: &str, why: &str) -> Problem {
    let message = format!(
        "Security Hub shows finding {id}, and it can't be understood: {why} To contain its instance, name it in target.instance."
    );
    Problem::new(Disposition::Wait, Reason::FindingUnreadable, message)
}
