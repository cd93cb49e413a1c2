//! `kubectl quarantine approve` and `enforce`: a person's yes to a held release, and to a dry run or what is suspended.

use super::{
    cli::One,
    cluster::{Cluster, Object},
    create,
    failure::Failure,
    find, release,
    say::{out, outln},
    show,
    show::Paint,
    stand,
};
use quarantine_operator::api::{ConditionType, Quarantine, RELEASE_ANNOTATION};
use serde_json::{Value, json};

/// How often an object that changes under the hand is read again.
const ATTEMPTS: usize = 3;

pub async fn release(cluster: &Cluster, wanted: &One) -> Result<(), Failure> {
    let mut object = find::one(cluster, &wanted.name).await?;
    for _ in 0..ATTEMPTS {
        let name = show::full_name(&object.claim);
        if stand::is_approved(&object.claim) {
            outln!("{name} is approved already.");
            return followed(cluster, &object.claim, wanted).await;
        }
        if !stand::is_held(&object.claim) {
            return Err(Failure::Refused(nothing_held(cluster, &object.claim)));
        }
        let approval = json!({"metadata": {"annotations": {RELEASE_ANNOTATION: "approved"}}});
        if let Some(approved) = edited(cluster, &mut object, approval).await? {
            if let Some(held) = object.claim.condition(ConditionType::Ready) {
                outln!("{}", stand::sentence(held));
            }
            let others = find::other_holders(cluster, &object.claim).await;
            out!("{}", show::given_back(&object.claim, &others, Paint::for_stdout()));
            outln!("{name} is approved: it goes on.");
            return followed(cluster, &approved, wanted).await;
        }
    }
    Err(changing(&object.claim))
}

async fn followed(cluster: &Cluster, claim: &Quarantine, wanted: &One) -> Result<(), Failure> {
    if wanted.waiting.wait {
        return release::until_gone(cluster, claim, &wanted.waiting).await;
    }
    outln!("Follow it: {}", cluster.next("status", claim));
    Ok(())
}

fn nothing_held(cluster: &Cluster, claim: &Quarantine) -> String {
    let name = show::full_name(claim);
    let stands = claim.condition(ConditionType::Ready).map(stand::sentence);
    let stands = stands.unwrap_or_else(|| "the operator hasn't looked at it yet".to_owned());
    if claim.is_deleting() {
        return format!("nothing is held: the release of {name} doesn't wait for an approval. {stands}");
    }
    format!("nothing is held: {name} isn't being released. {stands}\nnext: {}", cluster.next("release", claim))
}

pub async fn enforcement(cluster: &Cluster, wanted: &One) -> Result<(), Failure> {
    let mut object = find::one(cluster, &wanted.name).await?;
    for _ in 0..ATTEMPTS {
        let name = show::full_name(&object.claim);
        if object.claim.is_deleting() {
            return Err(Failure::Refused(format!("{name} is being released: nothing is enforced any more")));
        }
        if object.claim.spec.acts() {
            outln!("{name} is enforced already.");
            return contained(cluster, &object.claim, wanted).await;
        }
        let acts = json!({"spec": {"mode": "Enforce", "suspend": false}});
        if let Some(enforced) = edited(cluster, &mut object, acts).await? {
            outln!("{name} is enforced: {}.", show::target(&enforced));
            return contained(cluster, &enforced, wanted).await;
        }
    }
    Err(changing(&object.claim))
}

async fn contained(cluster: &Cluster, claim: &Quarantine, wanted: &One) -> Result<(), Failure> {
    if !wanted.waiting.wait {
        outln!("Follow it: {}", cluster.next("status", claim));
        return Ok(());
    }
    create::until_contained(cluster, claim, &wanted.waiting, None).await
}

/// The object as changed. None: it had changed since it was read, and `object` is now as it is.
async fn edited(cluster: &Cluster, object: &mut Object, change: Value) -> Result<Option<Quarantine>, Failure> {
    let edited = cluster.edit(&object.claim, change).await?.map(|edited| edited.claim);
    if edited.is_none() {
        *object = find::again(cluster, &object.claim).await?;
    }
    Ok(edited)
}

fn changing(claim: &Quarantine) -> Failure {
    Failure::Refused(format!("{} changes all the time: nothing was changed; run this again", show::full_name(claim)))
}
