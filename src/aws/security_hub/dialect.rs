//! The calls for findings, in the two forms that they have: Security Hub CSPM's, in ASFF, and the newer Security Hub's, in
//! OCSF. What is the same for both (pages, batches, quotas, what is left undone) stands here once.

use crate::aws::batch::Batched;
use crate::aws::budget::Budget;
use crate::aws::call::Session;
use crate::aws::convert::{finding as asff, ocsf};
use crate::aws::deep::with_deep_stack;
use crate::aws::settings;
use crate::model::finding::{Finding, FindingChange, FindingKey, Unprocessed};
use crate::model::problem::Problem;
use aws_sdk_securityhub::Client;
use serde_json::Value;
use std::collections::HashMap;
use std::marker::PhantomData;
use tokio::time::timeout;

/// The most that GetFindings and GetFindingsV2 give at once.
const PAGE: i32 = 100;

/// How many findings one BatchUpdateFindings or BatchUpdateFindingsV2 takes ("BatchUpdateFindings",
/// "BatchUpdateFindingsV2", AWS Security Hub API Reference).
const UPDATES: usize = 100;

/// What every call needs.
#[derive(Clone)]
pub struct Calls {
    pub session: Session,
    pub reads: Client,
    pub changes: Client,
    pub budget: Budget,
}

/// A finding as one of several that a call brought.
#[derive(Clone, Debug)]
pub struct Found {
    pub product_arn: Option<String>,
    /// Or why it can't be understood, in a sentence.
    pub read: Result<Finding, String>,
}

/// A page of findings by their ids, and how to ask for the next one.
pub struct Page {
    findings: Vec<(String, Found)>,
    next_token: Option<String>,
}

/// How one of the hubs is asked and told.
pub trait Dialect: Clone + Send + Sync + 'static {
    /// As the API names them.
    const GET: &'static str;
    const UPDATE: &'static str;
    /// What names a finding that is to be changed.
    type Identifier: Clone + Send + Sync;

    /// Err: AWS' word for it, or ours, and a sentence.
    fn identifier(key: &FindingKey) -> Result<Self::Identifier, (&'static str, &'static str)>;

    /// The findings of these ids, of whatever product, from the page on that the token tells.
    fn page(
        calls: &Calls,
        ids: &[String],
        next_token: Option<String>,
    ) -> impl Future<Output = Result<Page, Problem>> + Send;

    /// One call. Answers those that were not changed.
    fn write(
        calls: &Calls,
        identifiers: Vec<Self::Identifier>,
        change: &FindingChange,
    ) -> impl Future<Output = Result<Vec<Unprocessed>, Problem>> + Send;
}

/// Security Hub CSPM.
#[derive(Clone)]
pub struct Asff;

/// The newer Security Hub.
#[derive(Clone)]
pub struct Ocsf;

impl Dialect for Asff {
    const GET: &'static str = "securityhub:GetFindings";
    const UPDATE: &'static str = "securityhub:BatchUpdateFindings";
    type Identifier = aws_sdk_securityhub::types::AwsSecurityFindingIdentifier;

    fn identifier(key: &FindingKey) -> Result<Self::Identifier, (&'static str, &'static str)> {
        match &key.product_arn {
            Some(product_arn) => Ok(asff::identifier(&key.id, product_arn)),
            None => Err(("ProductArnMissing", "Without its product's ARN the finding can't be changed.")),
        }
    }

    async fn page(calls: &Calls, ids: &[String], next_token: Option<String>) -> Result<Page, Problem> {
        let call = calls.reads.get_findings().filters(asff::filters_by_id(ids)).max_results(PAGE);
        let page = calls.session.call(Self::GET, call.set_next_token(next_token).send()).await?;
        // Without an id nobody asked for it.
        let findings = page.findings().iter().filter_map(|given| {
            let found = Found { product_arn: given.product_arn().map(str::to_owned), read: asff::finding(given) };
            Some((given.id()?.to_owned(), found))
        });
        let findings = findings.collect();
        Ok(Page { findings, next_token: page.next_token().map(str::to_owned) })
    }

    async fn write(
        calls: &Calls,
        identifiers: Vec<Self::Identifier>,
        change: &FindingChange,
    ) -> Result<Vec<Unprocessed>, Problem> {
        let fields: HashMap<_, _> = change.fields.clone().into_iter().collect();
        let call = calls.changes.batch_update_findings().set_finding_identifiers(Some(identifiers));
        let call = call
            .set_note(asff::note(change))
            .set_workflow(change.workflow.map(asff::workflow_update))
            .set_user_defined_fields((!fields.is_empty()).then_some(fields));
        let answer = calls.session.call(Self::UPDATE, call.send()).await?;
        answer.unprocessed_findings().iter().map(|given| asff::unprocessed(Self::UPDATE, given)).collect()
    }
}

impl Dialect for Ocsf {
    const GET: &'static str = "securityhub:GetFindingsV2";
    const UPDATE: &'static str = "securityhub:BatchUpdateFindingsV2";
    type Identifier = aws_sdk_securityhub::types::OcsfFindingIdentifier;

    fn identifier(key: &FindingKey) -> Result<Self::Identifier, (&'static str, &'static str)> {
        match (&key.account_id, &key.product_arn) {
            (Some(account_id), Some(product_arn)) => Ok(ocsf::identifier(account_id, &key.id, product_arn)),
            _ => Err(("AccountMissing", "Without its account the finding can't be changed.")),
        }
    }

    async fn page(calls: &Calls, ids: &[String], next_token: Option<String>) -> Result<Page, Problem> {
        let call = calls.reads.get_findings_v2().filters(ocsf::filters_by_id(ids)).max_results(PAGE);
        let page = calls.session.call(Self::GET, call.set_next_token(next_token).send()).await?;
        let findings = page.findings().iter().filter_map(|given| {
            let given = ocsf::json(given);
            let text = |path: &str| given.pointer(path).and_then(Value::as_str).map(str::to_owned);
            let found = Found { product_arn: text("/metadata/product/uid"), read: ocsf::finding(&given) };
            Some((text("/finding_info/uid")?, found))
        });
        let findings = findings.collect();
        Ok(Page { findings, next_token: page.next_token().map(str::to_owned) })
    }

    async fn write(
        calls: &Calls,
        identifiers: Vec<Self::Identifier>,
        change: &FindingChange,
    ) -> Result<Vec<Unprocessed>, Problem> {
        let call = calls.changes.batch_update_findings_v2().set_finding_identifiers(Some(identifiers));
        let call = call.set_comment(change.note.clone()).set_status_id(change.workflow.map(ocsf::status_id));
        let answer = calls.session.call(Self::UPDATE, call.send()).await?;
        answer.unprocessed_findings().iter().map(|given| ocsf::unprocessed(Self::UPDATE, given)).collect()
    }
}

impl Calls {
    /// Writes the same on all these findings. Answers those that were not changed.
    pub async fn update<D: Dialect>(
        &self,
        findings: Vec<&FindingKey>,
        change: &FindingChange,
    ) -> Result<Vec<Unprocessed>, Problem> {
        let (mut identifiers, mut unprocessed) = (Vec::new(), Vec::new());
        for key in findings {
            match D::identifier(key) {
                Ok(identifier) => identifiers.push(identifier),
                Err((code, message)) => unprocessed.push(Unprocessed {
                    key: key.clone(),
                    operation: D::UPDATE,
                    code: code.to_owned(),
                    message: message.to_owned(),
                }),
            }
        }
        for identifiers in identifiers.chunks(UPDATES) {
            self.budget.take(D::UPDATE).await?;
            unprocessed.extend(D::write(self, identifiers.to_vec(), change).await?);
        }
        Ok(unprocessed)
    }
}

/// Findings by id.
#[derive(Clone)]
pub struct Lookups<D> {
    calls: Calls,
    dialect: PhantomData<D>,
}

impl<D: Dialect> Lookups<D> {
    pub fn new(calls: &Calls) -> Self {
        Self { calls: calls.clone(), dialect: PhantomData }
    }

    /// The findings of all pages, by id. Every page is a call of its own to AWS' count.
    async fn read(self, ids: Vec<String>) -> Result<HashMap<String, Vec<Found>>, Problem> {
        let mut found: HashMap<String, Vec<Found>> = HashMap::new();
        let mut next_token = None;
        loop {
            let page = D::page(&self.calls, &ids, next_token).await?;
            for (id, finding) in page.findings {
                found.entry(id).or_default().push(finding);
            }
            next_token = page.next_token.filter(|token| !token.is_empty());
            if next_token.is_none() {
                return Ok(found);
            }
            self.calls.budget.take(D::GET).await?;
        }
    }
}

impl<D: Dialect> Batched for Lookups<D> {
    /// The id alone: findings of several products can share it, and one call finds all of them.
    type Key = String;
    type Answer = Vec<Found>;
    const OPERATION: &'static str = D::GET;
    /// Values that one filter takes ("AwsSecurityFindingFilters"), and filters of a kind in one composite filter
    /// ("GetFindingsV2", AWS Security Hub API Reference).
    const KEYS: usize = 20;

    async fn admit(&self) -> Result<(), Problem> {
        self.calls.budget.take(D::GET).await
    }

    async fn call(&self, ids: Vec<String>) -> Result<HashMap<String, Vec<Found>>, Problem> {
        let read = with_deep_stack(D::GET, self.clone().read(ids));
        let within = format!("not within {} s", settings::ALL_PAGES.as_secs());
        timeout(settings::ALL_PAGES, read).await.unwrap_or_else(|_| Err(Problem::no_answer(D::GET, within)))
    }

    fn blames_a_key(problem: &Problem) -> bool {
        matches!(problem.code.as_deref(), Some("InvalidInputException" | "ValidationException"))
            || problem.is_undecodable()
    }
}
