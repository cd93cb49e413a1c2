//! Writing the outcome on findings: read first, because a note that is somebody else's stays, then written, those that
//! need the same change in one call.

use super::{
    context::Context,
    decide::{
        about::is_about,
        finding_change::{change, why_unsaid},
    },
    world::{Addressee, Saying},
};
use crate::{
    api::Reason,
    aws::SecurityHub,
    model::{
        finding::{Finding, FindingChange, FindingKey},
        place::Place,
        problem::{Disposition, Problem},
    },
};
use futures::future::join_all;
use std::{collections::BTreeMap, time::Duration};

/// Nobody waits longer for Security Hub: other work on the instance waits meanwhile.
const WITHIN: Duration = Duration::from_secs(5);

/// Tells each finding, and answers what became of it, by its key.
pub async fn tell(
    context: &Context,
    place: &Place,
    findings: &[Addressee],
    saying: &Saying,
) -> Vec<(String, Result<(), Problem>)> {
    let told = tokio::time::timeout(WITHIN, async {
        let hub = context.sessions.security_hub(place).await?;
        Ok(tell_through(&hub, findings, saying).await)
    });
    let all = |problem: Problem| findings.iter().map(|told| (told.key.clone(), Err(problem.clone()))).collect();
    match told.await {
        Ok(Ok(outcomes)) => outcomes,
        Ok(Err(problem)) => all(problem),
        Err(_) => {
            all(Problem::no_answer("securityhub:BatchUpdateFindings", format!("not within {} s", WITHIN.as_secs())))
        }
    }
}

async fn tell_through(
    hub: &SecurityHub,
    findings: &[Addressee],
    saying: &Saying,
) -> Vec<(String, Result<(), Problem>)> {
    let read = join_all(findings.iter().map(|told| hub.findings(key_of(told)))).await;
    let mut outcomes = Vec::with_capacity(findings.len());
    let mut unsaid: BTreeMap<&str, Problem> = BTreeMap::new();
    let mut changes: BTreeMap<FindingChange, Vec<(&Addressee, FindingKey)>> = BTreeMap::new();
    for (told, read) in findings.iter().zip(read) {
        let read = read.and_then(|found| only(told, found));
        match read.and_then(|finding| is_about(&finding, saying).map(|()| finding)) {
            // Under its own product's ARN: the one that the Quarantine names may be another region's.
            Ok(finding) => {
                let key = FindingKey {
                    id: finding.id.clone(),
                    product_arn: finding.product_arn.clone(),
                    account_id: Some(finding.account_id.clone()),
                };
                unsaid.extend(why_unsaid(&finding, saying).map(|why| (told.key.as_str(), why)));
                changes.entry(change(&finding, saying)).or_default().push((told, key));
            }
            Err(problem) => outcomes.push((told.key.clone(), Err(problem))),
        }
    }
    let writing = changes.iter().map(async |(change, told)| {
        let keys: Vec<FindingKey> = told.iter().map(|(_, key)| key.clone()).collect();
        (told, hub.update(&keys, change).await)
    });
    for (told, written) in join_all(writing).await {
        for (told, key) in told {
            let outcome = match &written {
                Err(problem) => Err(problem.clone()),
                Ok(unprocessed) => match unprocessed.iter().find(|not| not.is_of(key)) {
                    Some(not) => Err(Problem::from_code(not.operation, &not.code, &not.message)),
                    None => unsaid.remove(told.key.as_str()).map_or(Ok(()), Err),
                },
            };
            outcomes.push((told.key.clone(), outcome));
        }
    }
    outcomes
}

fn key_of(told: &Addressee) -> FindingKey {
    FindingKey { id: told.finding.id.clone(), product_arn: Some(told.finding.product_arn.clone()), account_id: None }
}

fn only(told: &Addressee, found: Vec<Finding>) -> Result<Finding, Problem> {
    found.into_iter().next().ok_or_else(|| {
        let message = format!(
            "Security Hub shows no finding {} of {}: check where it is asked for, and whether it was deleted.",
            told.finding.id, told.finding.product_arn
        );
        Problem::new(Disposition::Wait, Reason::FindingNotFound, message)
    })
}
