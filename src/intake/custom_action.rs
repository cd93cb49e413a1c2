//! The custom action that a source declares: made where it isn't there, brought in line where it says otherwise, deleted
//! with the source only where that is asked for.

use crate::{
    api::CustomAction,
    aws::SecurityHub,
    model::{place::Place, problem::Problem},
};

/// `arn:<partition>:securityhub:<region>:<account>:action/custom/<id>`, as AWS makes it of the id.
pub fn arn(partition: &str, place: &Place, action: &CustomAction) -> String {
    let Place { account_id, region, .. } = place;
    format!("arn:{partition}:securityhub:{region}:{account_id}:action/custom/{}", action.id)
}

/// Makes the action, or brings it in line. One that is as declared is only read.
pub async fn keep(hub: &SecurityHub, arn: &str, action: &CustomAction) -> Result<(), Problem> {
    let CustomAction { id, name, description, deletion_policy: _ } = action;
    match hub.custom_action(arn).await? {
        None => hub.create_custom_action(id, name, description).await.map(drop),
        Some(seen) if seen.name == *name && seen.description == *description => Ok(()),
        Some(_) => hub.update_custom_action(arn, name, description).await,
    }
}
