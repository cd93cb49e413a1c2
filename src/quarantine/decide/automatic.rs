//! What no person chose and others depend on: a router, a node of the operator's own cluster. Such an instance is held for a
//! person before anything is changed. Pure.

use super::draft::Draft;
use crate::{
    api::{AUTOMATIC_ANNOTATION, Reason},
    intake::make::{MOST_REASON, begins_suspended},
    model::text::plain,
    quarantine::world::{Again, Hold, NodeSight, View},
};
use kube::ResourceExt;

/// Suspends the claim instead of acting, where that is due. True: it is.
pub fn hold(draft: &mut Draft<'_>, view: &View) -> bool {
    let Some(why) = why(draft, view) else { return false };
    let before = draft.facts.claim.spec.reason.as_deref().unwrap_or_default();
    let reason = plain(format!("{} {before}", begins_suspended(&why)).trim_end(), MOST_REASON);
    draft.warn(
        Reason::HeldForAPerson,
        format!(
            "Nothing is changed, for no person chose the instance: {why}. Set suspend: false to have it contained."
        ),
    );
    draft.hold = Some(Hold { reason });
    draft.look_again(Again::RESYNC);
    true
}

/// None: nothing speaks against it, or a person chose it.
fn why(draft: &Draft<'_>, view: &View) -> Option<String> {
    let instance =
        view.instance.as_ref().filter(|_| draft.facts.claim.annotations().contains_key(AUTOMATIC_ANNOTATION))?;
    let id = &instance.id;
    if instance.routes || view.own_interfaces().any(|seen| seen.routes) {
        return Some(format!("{id} routes for others, its source/destination check is off"));
    }
    match draft.facts.node.as_ref()? {
        NodeSight::Other => None,
        NodeSight::Node(name) => Some(format!("{id} is the node {name} of the operator's own cluster")),
        NodeSight::Unknown(why) => {
            Some(format!("whether {id} is a node of the operator's own cluster can't be known: {why}"))
        }
    }
}
