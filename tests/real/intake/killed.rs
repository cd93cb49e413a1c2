//! The operator killed in the middle of a burst, again and again: what it had in hand comes again.

use super::{
    figures::{self, Begin},
    messages::Recipe,
    stage::{Burst, Ground},
};

/// BURST_MESSAGES=1000 makes it as large as the burst that nothing disturbs.
const MESSAGES: usize = 300;
const KILLS: usize = 10;

/// As deploy/aws sets it. A message is in the hand of one process at a time, so ten deaths cost it ten receives at most.
const MAX_RECEIVES: u32 = 10;

#[tokio::test]
async fn an_operator_killed_ten_times_in_a_burst_ends_as_if_it_had_not_been() {
    let recipe = Recipe::asked_for(MESSAGES);
    let ground = Ground::with(recipe.instances()).await;
    let burst = Burst::on(&ground, recipe, MAX_RECEIVES).await;
    let mut operator = ground.operator();
    burst.queue.says("True", "Receiving").await;
    let begin = Begin::now();
    let killing = async {
        for kill in 1..=KILLS {
            // The last one still has work in front of it.
            burst.made(kill * recipe.instances() / (KILLS + 2)).await;
            drop(operator);
            operator = ground.operator();
        }
        operator
    };
    let (taken, _operator) = tokio::join!(burst.send(), killing);
    burst.ends_well().await;
    figures::print("burst with ten kills", &burst, begin, &taken);
}
