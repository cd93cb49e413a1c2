//! The calls to Security Hub CSPM, one function each, in one account and region: of an organisation, those of its
//! administrator. What a finding means and what is written on it is decided elsewhere; nothing is cached here.
//!
//! Reads by many at once share their calls (`batch`), and all calls keep to AWS' quotas (`budget`). Changing calls are sent
//! once; after `AwsUnavailable` a change may or may not have been made.

use super::batch::{Batched, Batches};
use super::budget::Budget;
use super::call::Session;
use super::convert::{finding as convert, required};
use super::deep::with_deep_stack;
use super::fence::Fence;
use super::problem::{Disposition, Problem};
use super::settings;
use crate::api::Reason;
use crate::model::finding::{CustomActionSight, Finding, FindingChange, FindingKey, Unprocessed, Workflow, of_product};
use aws_config::SdkConfig;
use aws_sdk_securityhub::Client;
use std::collections::HashMap;
use tokio::time::timeout;

/// The most that GetFindings gives at once.
const PAGE: i32 = 100;

/// How many findings one BatchUpdateFindings takes ("BatchUpdateFindings", AWS Security Hub API Reference).
const UPDATES: usize = 100;

const GET_FINDINGS: &str = "securityhub:GetFindings";
const UPDATE_FINDINGS: &str = "securityhub:BatchUpdateFindings";
const DESCRIBE_ACTION: &str = "securityhub:DescribeActionTargets";
const CREATE_ACTION: &str = "securityhub:CreateActionTarget";
const UPDATE_ACTION: &str = "securityhub:UpdateActionTarget";
const DELETE_ACTION: &str = "securityhub:DeleteActionTarget";

const NOT_FOUND: &str = "ResourceNotFoundException";

/// Security Hub in one account and region. Cheap to clone; all clones share their calls.
#[derive(Clone)]
pub struct SecurityHub {
    session: Session,
    reads: Client,
    changes: Client,
    budget: Budget,
    lookups: Batches<Lookups>,
}

impl SecurityHub {
    pub(super) fn new(config: &SdkConfig, session: Session, budget: Budget, fence: &Fence) -> Self {
        let changes = aws_sdk_securityhub::config::Builder::from(config)
            .retry_config(settings::retries_of_changes())
            .timeout_config(settings::timeouts_of_changes())
            .interceptor(fence.clone())
            .build();
        let reads = Client::new(config);
        let lookups = Batches::new(Lookups { session: session.clone(), reads: reads.clone(), budget: budget.clone() });
        Self { session, reads, changes: Client::from_conf(changes), budget, lookups }
    }

    /// The findings of that id, of that product if it is named (in whichever region, if none is of its own); none if there
    /// is none (yet). Those who ask at the same time share a call.
    ///
    /// Errors: Wait/FindingUnreadable if one of them can't be understood; Retry/Throttled also when too many ask; otherwise
    /// as the call went.
    pub async fn findings(&self, wanted: FindingKey) -> Result<Vec<Finding>, Problem> {
        let FindingKey { id, product_arn } = wanted;
        let found = match self.lookups.ask(id.clone()).await {
            Err(problem) if problem.is_undecodable() => return Err(unreadable(&id, &problem.message)),
            found => found?,
        };
        let found = match &product_arn {
            None => found,
            Some(wanted) => of_product(found, wanted, |found| found.product_arn.as_deref()),
        };
        found.into_iter().map(|found| found.read.map_err(|why| unreadable(&id, &why))).collect()
    }

    /// Writes the same on all these findings, each of which must name its product, and answers those that were not
    /// changed. Nothing to change or no findings: no call.
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
        let (mut identifiers, mut unprocessed) = (Vec::new(), Vec::new());
        for key in findings {
            match &key.product_arn {
                Some(product_arn) => identifiers.push(convert::identifier(&key.id, product_arn)),
                None => unprocessed.push(without_product(key)),
            }
        }
        for identifiers in identifiers.chunks(UPDATES) {
            self.budget.take(UPDATE_FINDINGS).await?;
            let fields =
                change.fields.iter().map(|(key, value)| (key.clone(), value.clone())).collect::<HashMap<_, _>>();
            let call = self.changes.batch_update_findings().set_finding_identifiers(Some(identifiers.to_vec()));
            let call = call
                .set_note(convert::note(change))
                .set_workflow(change.workflow.map(convert::workflow_update))
                .set_user_defined_fields((!fields.is_empty()).then_some(fields));
            let answer = self.session.call(UPDATE_FINDINGS, call.send()).await?;
            for finding in answer.unprocessed_findings() {
                unprocessed.push(convert::unprocessed(finding)?);
            }
        }
        Ok(unprocessed)
    }

    /// The custom action of that ARN, if there is one.
    pub async fn custom_action(&self, arn: &str) -> Result<Option<CustomActionSight>, Problem> {
        self.budget.take(DESCRIBE_ACTION).await?;
        let call = self.reads.describe_action_targets().action_target_arns(arn).send();
        let found = match self.session.call(DESCRIBE_ACTION, call).await {
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
        self.budget.take(CREATE_ACTION).await?;
        let call = self.changes.create_action_target().id(id).name(name).description(description).send();
        let made = self.session.call(CREATE_ACTION, call).await?;
        required("the new custom action's ARN", made.action_target_arn())
    }

    pub async fn update_custom_action(&self, arn: &str, name: &str, description: &str) -> Result<(), Problem> {
        self.budget.take(UPDATE_ACTION).await?;
        let call = self.changes.update_action_target().action_target_arn(arn).name(name).description(description);
        self.session.call(UPDATE_ACTION, call.send()).await.map(drop)
    }

    /// One that isn't there is no error.
    pub async fn delete_custom_action(&self, arn: &str) -> Result<(), Problem> {
        self.budget.take(DELETE_ACTION).await?;
        let call = self.changes.delete_action_target().action_target_arn(arn).send();
        match self.session.call(DELETE_ACTION, call).await {
            Err(problem) if problem.code.as_deref() == Some(NOT_FOUND) => Ok(()),
            outcome => outcome.map(drop),
        }
    }
}

fn without_product(key: &FindingKey) -> Unprocessed {
    Unprocessed {
        key: key.clone(),
        code: "ProductArnMissing".to_owned(),
        message: "Without its product's ARN the finding can't be changed.".to_owned(),
    }
}

/// One finding can't be read, and fails nobody else who asked at the same time.
fn unreadable(id: &str, why: &str) -> Problem {
    let message = format!(
        "Security Hub shows finding {id}, and it can't be understood: {why} To contain its instance, name it in target.instance."
    );
    Problem::new(Disposition::Wait, Reason::FindingUnreadable, message)
}

/// A finding as one of several that a call brought.
#[derive(Clone)]
struct Found {
    product_arn: Option<String>,
    /// Or why it can't be understood, in a sentence.
    read: Result<Finding, String>,
}

/// Findings by id.
#[derive(Clone)]
struct Lookups {
    session: Session,
    reads: Client,
    budget: Budget,
}

impl Lookups {
    /// The findings of all pages, by id. Every page is a call of its own to AWS' count.
    async fn read(self, ids: Vec<String>) -> Result<HashMap<String, Vec<Found>>, Problem> {
        let filters = convert::filters_by_id(&ids);
        let mut found: HashMap<String, Vec<Found>> = HashMap::new();
        let mut next_token = None;
        loop {
            let call = self.reads.get_findings().filters(filters.clone()).max_results(PAGE);
            let page = self.session.call(GET_FINDINGS, call.set_next_token(next_token).send()).await?;
            for finding in page.findings() {
                // Without an id nobody asked for it.
                let Some(id) = finding.id() else { continue };
                let product_arn = finding.product_arn().map(str::to_owned);
                found.entry(id.to_owned()).or_default().push(Found { product_arn, read: convert::finding(finding) });
            }
            next_token = page.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
            if next_token.is_none() {
                return Ok(found);
            }
            self.budget.take(GET_FINDINGS).await?;
        }
    }
}

impl Batched for Lookups {
    /// The id alone: findings of several products can share it, and one call finds all of them.
    type Key = String;
    type Answer = Vec<Found>;
    const OPERATION: &'static str = GET_FINDINGS;
    /// Values that one filter takes ("AwsSecurityFindingFilters", AWS Security Hub API Reference).
    const KEYS: usize = 20;

    async fn admit(&self) -> Result<(), Problem> {
        self.budget.take(GET_FINDINGS).await
    }

    async fn call(&self, ids: Vec<String>) -> Result<HashMap<String, Vec<Found>>, Problem> {
        let read = with_deep_stack(GET_FINDINGS, self.clone().read(ids));
        let within = format!("not within {} s", settings::ALL_PAGES.as_secs());
        timeout(settings::ALL_PAGES, read).await.unwrap_or_else(|_| Err(Problem::no_answer(GET_FINDINGS, within)))
    }

    fn blames_a_key(problem: &Problem) -> bool {
        problem.code.as_deref() == Some("InvalidInputException") || problem.is_undecodable()
    }
}
