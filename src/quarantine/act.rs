//! The fourth step: do what was recorded, side by side, and keep what became of each.

use super::{
    context::{Context, Error},
    managed_group,
    observe::place,
    record::Recorded,
    world::{Action, Outcomes, Sight, World},
};
use crate::{
    api::ResolvedTarget,
    aws::{Ec2, Problem},
};
use futures::future::join_all;

/// Does the recorded actions. None: nothing is left that another round would have to look at.
///
/// Errors: the API server's only (a managed group is written into its class's status); AWS' are outcomes.
pub async fn act(context: &Context, world: &World, recorded: &Recorded) -> Result<Option<Outcomes>, Error> {
    if recorded.actions().is_empty() {
        return Ok(None);
    }
    let mut outcomes = world.outcomes.clone();
    let Sight::Seen(target, _) = &world.sight else { return Ok(None) };
    let ec2 = match context.sessions.ec2(&place(target)).await {
        Ok(ec2) => ec2,
        Err(problem) => {
            for action in recorded.actions() {
                outcomes.note(action, &Err(problem.clone()));
            }
            return Ok(Some(outcomes));
        }
    };
    let acting: Vec<_> =
        recorded.actions().iter().map(|action| perform(context, world, target, &ec2, action)).collect();
    let mut settled = true;
    for (action, outcome) in recorded.actions().iter().zip(join_all(acting).await) {
        let outcome = outcome?;
        settled &= outcome.is_ok() && action.is_settled_by_success();
        outcomes.note(action, &outcome);
    }
    Ok((!settled).then_some(outcomes))
}

async fn perform(
    context: &Context,
    world: &World,
    target: &ResolvedTarget,
    ec2: &Ec2,
    action: &Action,
) -> Result<Result<(), Problem>, Error> {
    Ok(match action {
        Action::Isolate { interface_id, groups } | Action::Restore { interface_id, groups } => {
            ec2.set_groups(interface_id, groups).await
        }
        Action::Tag { interface_ids, tags } => ec2.tag(interface_ids, tags).await,
        Action::Untag { interface_ids, keys } => ec2.untag(interface_ids, keys).await,
        Action::Probe { interface_id, groups } => ec2.may_set_groups(interface_id, groups).await,
        Action::MakeGroup { vpc_id } => return managed_group::make(context, &world.facts, target, ec2, vpc_id).await,
        Action::MendGroup { group_id, mend } => managed_group::mend(ec2, group_id, mend).await,
    })
}
