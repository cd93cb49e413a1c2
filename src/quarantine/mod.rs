//! The loop: observe, decide, record, act; round and round until nothing is left to do.
//!
//! Because `record` always comes before `act`, what `decide` wrote into the status is the write-ahead log: an
//! interface's original groups are stored, and the API server has acknowledged them, before anything touches it. A crash
//! anywhere is followed by the same loop.

mod act;
mod context;
pub mod decide;
mod limits;
mod locks;
mod managed_group;
mod measure;
mod observe;
pub mod origin;
mod record;
pub mod releases;
pub mod rules;
pub mod tags;
mod tell;
pub mod world;

pub use context::{Context, Error, Listing, Stores, in_time};
pub use limits::{age, waits_for_a_person, waits_for_room, waits_for_room_of_source};
pub use observe::{OwnNodes, OwnPod, names_instance, place};
pub use tell::tell;

use crate::api::Quarantine;
use std::{sync::Arc, time::Duration};
use world::{Again, Outcomes};

/// More rounds than any claim needs; what is left then is done at the next look.
const ROUNDS: usize = 8;

/// When a claim comes back that met another claim of the same instance, or a store that is behind.
const BUSY: Duration = Duration::from_millis(100);

/// Brings one claim as far as it goes now, and says when to look again.
///
/// Idempotent, and safe to be cut off at any point. Of one instance's claims, one at a time is reconciled.
pub async fn reconcile(claim: Arc<Quarantine>, context: &Context) -> Result<Again, Error> {
    context.stores.ready().await;
    let Some(turn) = context.locks.take_turn(&claim, &context.stores.quarantines) else {
        return Ok(Again::after(BUSY));
    };
    let Some(mut facts) = observe::facts(context, &claim).await? else { return Ok(Again::NEVER) };
    let mut outcomes = Outcomes::default();
    for _ in 0..ROUNDS {
        let world = observe::world(context, facts, outcomes).await?;
        let decision = decide::decide(&world);
        let recorded = record::record(context, &world, decision).await?;
        turn.wrote(recorded.claim());
        let again = recorded.again();
        let Some(acted) = act::act(context, &world, &recorded).await? else { return Ok(again) };
        facts = observe::facts_after(context, world.facts, recorded, &acted).await?;
        outcomes = acted;
    }
    Ok(Again::BACKOFF)
}
