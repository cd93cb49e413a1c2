//! The fourth step: do what was recorded, side by side, and keep what became of each.

use super::{
    context::{Context, Error},
    managed_group,
    observe::place,
    record::Recorded,
    tell::tell,
    world::{Action, ActionKind, Outcomes, Sight, World},
};
use crate::{api::ResolvedTarget, aws::Ec2, model::problem::Problem};
use futures::future::join_all;

/// Does the recorded actions. None: nothing is left that another round would have to look at.
///
/// Errors: the API server's only (a managed group is written into its class's status); AWS' are outcomes.
#[tracing::instrument(level = "debug", skip_all)]
pub async fn act(context: &Context, world: &World, recorded: &Recorded) -> Result<Option<Outcomes>, Error> {
    if recorded.actions().is_empty() {
        return Ok(None);
    }
    let reached = match &world.sight {
        Sight::Seen(target, _) => context.sessions.ec2(&place(target)).await.map(|ec2| (target, ec2)),
        // Only what was seen is changed: `decide` asks for nothing else then, but for findings to be told.
        Sight::Refused(problem) | Sight::Failed(_, problem) => Err(problem.clone()),
        Sight::Resolved(..) => return Ok(None),
    };
    let acting: Vec<_> = recorded.actions().iter().map(|action| perform(context, world, &reached, action)).collect();
    let mut outcomes = world.outcomes.clone();
    let mut settled = true;
    for (action, done) in recorded.actions().iter().zip(join_all(acting).await) {
        match done? {
            Done::Whole(outcome) => {
                settled &= outcome.is_ok() && action.is_settled_by_success();
                outcomes.note(action, &outcome);
            }
            Done::EachFinding(told) => {
                settled = false;
                for (key, outcome) in told {
                    outcomes.note_one(ActionKind::Tell, &key, outcome);
                }
            }
        }
    }
    Ok((!settled).then_some(outcomes))
}

/// What became of an action.
enum Done {
    Whole(Result<(), Problem>),
    EachFinding(Vec<(String, Result<(), Problem>)>),
}

async fn perform(
    context: &Context,
    world: &World,
    reached: &Result<(&ResolvedTarget, Ec2), Problem>,
    action: &Action,
) -> Result<Done, Error> {
    let (target, ec2) = match (action, reached) {
        (Action::Tell { place, findings, saying }, _) => {
            return Ok(Done::EachFinding(tell(context, place, findings, saying).await));
        }
        (_, Ok((target, ec2))) => (*target, ec2),
        (_, Err(problem)) => return Ok(Done::Whole(Err(problem.clone()))),
    };
    Ok(Done::Whole(match action {
        Action::Isolate { interface_id, groups } | Action::Restore { interface_id, groups } => {
            ec2.set_groups(interface_id, groups).await
        }
        Action::Tag { interface_ids, tags } => ec2.tag(interface_ids, tags).await,
        Action::Untag { interface_ids, keys } => ec2.untag(interface_ids, keys).await,
        Action::Probe { interface_id, groups } => ec2.may_set_groups(interface_id, groups).await,
        Action::MakeGroup { vpc_id } => managed_group::make(context, &world.facts, target, ec2, vpc_id).await?,
        Action::MendGroup { group_id, mend } => managed_group::mend(ec2, group_id, mend).await,
        // Told above.
        Action::Tell { .. } => Ok(()),
    }))
}
