//! One burst, and nothing that disturbs it.

use super::{
    figures::{self, Begin},
    messages::Recipe,
    stage::{Burst, Ground},
};
use crate::support::wait::until;

const RECIPE: Recipe = Recipe::of(1_000);

/// Each costs the garbage one wait for being shown again.
const MAX_RECEIVES: u32 = 5;

#[tokio::test]
async fn a_burst_of_1000_messages_makes_one_quarantine_an_instance_and_leaves_the_garbage_among_the_dead_letters() {
    let ground = Ground::with(RECIPE.instances()).await;
    let burst = Burst::on(&ground, RECIPE, MAX_RECEIVES).await;
    let _operator = ground.operator();
    burst.queue.says("True", "Receiving").await;
    let begin = Begin::now();
    let taken = burst.send().await;
    burst.ends_well().await;
    figures::print("burst", &burst, begin, &taken);
    let created = i64::try_from(RECIPE.instances()).expect("fits");
    until("the source has counted", async || (burst.queue.status().await.counters.created == created).then_some(()))
        .await;
    let counters = burst.queue.status().await.counters;
    let duplicates = i64::try_from(RECIPE.duplicates).expect("fits");
    assert!(counters.joined >= duplicates, "a duplicate finds its Quarantine: {counters:?}");
}
