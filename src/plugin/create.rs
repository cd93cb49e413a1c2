//! `kubectl quarantine i-…` and `finding`: one Quarantine for one target and namespace. One that is there already is
//! named, and no second one is made.

use super::{
    cli::{Format, Isolate, OfFinding, Waiting, Wish},
    cluster::{Cluster, Object, Scope},
    failure::Failure,
    follow::{self, End},
    look,
    say::{out, outln},
    show::{self, Paint},
    stand,
    wanted::{self, Found},
};
use jiff::Timestamp;
use kube::ResourceExt;
use quarantine_operator::api::{Mode, Quarantine};

pub async fn instance(cluster: &Cluster, isolate: Isolate) -> Result<(), Failure> {
    let region = region(cluster, &isolate.wish, isolate.instance.region.as_ref()).await?;
    create(cluster, wanted::of_instance(&isolate, region)?, &isolate.wish).await
}

pub async fn finding(cluster: &Cluster, of_finding: OfFinding) -> Result<(), Failure> {
    let region = region(cluster, &of_finding.wish, of_finding.finding.region.as_ref()).await?;
    create(cluster, wanted::of_finding(&of_finding, region)?, &of_finding.wish).await
}

async fn region(cluster: &Cluster, wish: &Wish, arn: Option<&String>) -> Result<String, Failure> {
    if let Some(region) = wanted::region(wish.region.as_ref(), arn, |name| std::env::var(name).ok())? {
        return Ok(region);
    }
    // Who may create Quarantines needn't be able to read classes: then the region has to be said.
    let classes = cluster.classes().await.unwrap_or_default();
    wanted::region_of_class(&classes, wish.class.as_ref()).ok_or_else(|| {
        Failure::Usage(
            "which region? Give --region or an ARN, or set AWS_REGION: no single region is the class's".to_owned(),
        )
    })
}

async fn create(cluster: &Cluster, wanted: Quarantine, wish: &Wish) -> Result<(), Failure> {
    let object = match already(cluster, &wanted).await? {
        Some(object) => there_is_one(cluster, &object, &wanted, wish).map(|()| object)?,
        None => make(cluster, &wanted, wish).await?,
    };
    if !wish.waiting.wait {
        return match wish.output {
            Some(format) => look::print(&object, format),
            None => {
                outln!("Follow it: {}", cluster.next("status", &object.claim));
                Ok(())
            }
        };
    }
    until_contained(cluster, &object.claim, &wish.waiting, wish.output).await
}

/// One of the same target in this namespace; one that does what is asked for, before others.
async fn already(cluster: &Cluster, wanted: &Quarantine) -> Result<Option<Object>, Failure> {
    // Without the right to list there is still the name, which is the same each time.
    let Ok(listed) = cluster.list(Scope::Namespace).await else { return Ok(None) };
    let same_target = listed.into_iter().filter(|raw| wanted::is_same_target(raw, wanted));
    let mut found = same_target.map(Object::of).collect::<Result<Vec<_>, _>>()?;
    found.sort_by_key(|object| wanted::compare(&object.claim, wanted) != Found::Same);
    Ok(found.into_iter().next())
}

async fn make(cluster: &Cluster, wanted: &Quarantine, wish: &Wish) -> Result<Object, Failure> {
    if let Some(object) = cluster.create(wanted).await? {
        if wish.output.is_none() {
            let dry = if wanted.spec.mode == Mode::DryRun { " as a dry run" } else { "" };
            outln!("Quarantine {} created{dry}: {}.", show::full_name(&object.claim), show::target(&object.claim));
        }
        return Ok(object);
    }
    let name = wanted.name_any();
    let object = cluster.get(&name).await?;
    let object = object.ok_or_else(|| Failure::Refused(format!("{name} is gone again just now: run this again")))?;
    there_is_one(cluster, &object, wanted, wish)?;
    Ok(object)
}

fn there_is_one(cluster: &Cluster, object: &Object, wanted: &Quarantine, wish: &Wish) -> Result<(), Failure> {
    let name = show::full_name(&object.claim);
    match wanted::compare(&object.claim, wanted) {
        Found::Same => {
            if wish.output.is_none() {
                outln!("Quarantine {name} is already there: {}. No second one was made.", show::target(&object.claim));
            }
            Ok(())
        }
        Found::Differs(why, next) => {
            let next =
                next.map(|command| format!("\nnext: {}", cluster.next(command, &object.claim))).unwrap_or_default();
            Err(Failure::Refused(format!("no second Quarantine was made: {name} {why}{next}")))
        }
    }
}

/// Follows a claim until it contains, or, of a dry run, until that is told.
pub async fn until_contained(
    cluster: &Cluster,
    claim: &Quarantine,
    waiting: &Waiting,
    output: Option<Format>,
) -> Result<(), Failure> {
    let show = |now: &Quarantine| out!("{}", show::tree(now, Timestamp::now(), Paint::for_stdout()));
    match (follow::until(cluster, claim, waiting, stand::containment).await?, output) {
        (End::Reached(now), Some(format)) => look::print_again(cluster, &now, format).await,
        (End::Reached(now), None) => {
            show(&now);
            Ok(())
        }
        (End::Stuck(now, why), output) => {
            if output.is_none() {
                show(&now);
            }
            Err(Failure::Refused(format!("{} isn't contained. {why}", show::full_name(&now))))
        }
        (End::Gone, _) => Err(Failure::Refused(format!("somebody deleted {} meanwhile", show::full_name(claim)))),
    }
}
