//! What a budget lets through, in which order, and whom it sends away.

use super::*;
use futures::poll;
use proptest::prelude::*;
use std::pin::pin;

const GET_FINDINGS: Allowance = Allowance::of_reads(6.0, 3.0);
const QUICK: Allowance = Allowance::of_reads(1.0, 100.0);
const HOUR: Duration = Duration::from_secs(3600);

fn full(now: Instant) -> Level {
    Level { tokens: 6.0, at: now, promised: now, promised_spare: now }
}

#[test]
fn after_the_burst_a_call_comes_every_third_of_a_second() {
    let start = Instant::now();
    let mut level = full(start);
    let mut taken = Vec::new();
    let mut now = start;
    while taken.len() < 9 {
        match level.take(GET_FINDINGS, now) {
            Duration::ZERO => taken.push((now - start).as_millis()),
            wait => now += wait,
        }
    }
    assert_eq!(taken[..6], [0; 6]);
    assert!(taken[6..].iter().zip([333, 667, 1000]).all(|(taken, due)| taken.abs_diff(due) <= 2), "{taken:?}");
}

#[test]
fn a_full_bucket_grows_no_fuller() {
    let now = Instant::now();
    let mut level = full(now);
    assert_eq!((0..9).filter(|_| level.take(GET_FINDINGS, now + HOUR).is_zero()).count(), 6);
}

#[tokio::test]
async fn an_asker_that_is_dropped_while_it_waits_takes_no_token_and_holds_nobody_up() {
    let bucket = Bucket::new(QUICK, Instant::now());
    bucket.take().await.unwrap();
    let mut second = Box::pin(bucket.take());
    let mut third = Box::pin(bucket.take());
    assert!(poll!(second.as_mut()).is_pending() && poll!(third.as_mut()).is_pending());
    drop(second);
    third.await.unwrap();
    assert_eq!(bucket.line.waiting.load(Ordering::Relaxed), 0);
    assert!(bucket.level().tokens < 1.0);
}

#[tokio::test]
async fn who_waits_goes_on_when_its_turn_comes_and_in_the_order_of_asking() {
    let bucket = Bucket::new(QUICK, Instant::now());
    let began = Instant::now();
    let order = Mutex::new(Vec::new());
    let ask = async |number: usize| {
        bucket.take().await.unwrap();
        order.lock().unwrap().push(number);
    };
    futures::future::join_all((0..6).map(ask)).await;
    assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3, 4, 5]);
    assert!(began.elapsed() >= Duration::from_millis(49), "{:?}", began.elapsed());
}

#[tokio::test]
async fn clients_of_one_account_and_region_share_a_budget_and_others_have_their_own() {
    let budgets = Budgets::default();
    let spent = budgets.of("1", "eu-central-1");
    for _ in 0..6 {
        spent.take("securityhub:GetFindings").await.unwrap();
    }
    let is_free = async |account: &str, region: &str, operation| {
        poll!(pin!(budgets.of(account, region).take(operation))).is_ready()
    };
    assert!(!is_free("1", "eu-central-1", "securityhub:GetFindings").await);
    assert!(is_free("1", "eu-central-1", "securityhub:BatchUpdateFindings").await);
    assert!(is_free("1", "us-west-2", "securityhub:GetFindings").await);
    assert!(is_free("2", "eu-central-1", "securityhub:GetFindings").await);
    assert!(is_free("1", "eu-central-1", "sqs:ReceiveMessage").await);
}

#[tokio::test]
async fn who_would_wait_too_long_is_throttled_at_once_and_told_where() {
    let budget = Budgets::default().of("111122223333", "eu-central-1");
    // Six at once, and three in each of five seconds wait.
    let mut turns: Vec<_> = (0..21).map(|_| Box::pin(budget.take("securityhub:GetFindings"))).collect();
    for turn in &mut turns {
        let _ = poll!(turn.as_mut());
    }
    let problem = budget.take("securityhub:GetFindings").await.unwrap_err();
    assert_eq!((problem.disposition, problem.reason), (Disposition::Retry, Reason::Throttled));
    assert!(problem.message.contains("account 111122223333 in eu-central-1"), "{problem}");
    assert!(problem.is_refusal(), "nothing was sent");
}

#[test]
fn who_is_sent_away_comes_back_in_turn_at_the_pace_of_the_operation() {
    let now = Instant::now();
    let mut level = full(now);
    let back: Vec<u128> = (0..4).map(|_| level.promise(GET_FINDINGS, now).as_millis()).collect();
    assert!(back.iter().zip([5_333, 5_667, 6_000, 6_333]).all(|(back, due)| back.abs_diff(due) <= 2), "{back:?}");
    let later = level.promise(GET_FINDINGS, now + HOUR);
    assert!(later.as_millis().abs_diff(5_333) <= 2, "those have come: {later:?}");
}

#[test]
fn a_swap_ends_before_it_counts_as_never_sent() {
    let swap = allowance("ec2:ModifyNetworkInterfaceAttribute").expect("it is held back");
    assert!(swap.longest_wait + crate::aws::settings::LONGEST_CHANGE < Duration::from_secs(10));
}

proptest! {
    #[test]
    fn no_history_makes_more_calls_in_any_span_than_aws_takes(
        pauses in prop::collection::vec(0_u64..700, 1..80)
    ) {
        let start = Instant::now();
        let mut level = full(start);
        let mut now = start;
        let mut calls = Vec::new();
        for pause in pauses {
            now += Duration::from_millis(pause);
            if level.take(GET_FINDINGS, now).is_zero() {
                calls.push(now);
            }
        }
        for (first, &from) in calls.iter().enumerate() {
            for (last, &to) in calls.iter().enumerate().skip(first) {
                let allowed = 6.0 + 3.0 * to.duration_since(from).as_secs_f64();
                prop_assert!((last - first + 1) as f64 <= allowed + 0.001);
            }
        }
    }
}

#[test]
fn what_comes_last_takes_no_more_than_half_of_the_burst_and_comes_back_when_it_is_there_again() {
    let now = Instant::now();
    let mut level = full(now);
    let taken = (0..6).map_while(|_| level.take_spare(GET_FINDINGS, false, now).ok()).count();
    assert_eq!(taken, 3);
    assert!((0..3).all(|_| level.take(GET_FINDINGS, now).is_zero()), "the others find their half");
    let back = |level: &mut Level| level.take_spare(GET_FINDINGS, false, now).unwrap_err().come_back_in.as_millis();
    let back: Vec<u128> = (0..3).map(|_| back(&mut level)).collect();
    assert!(back.iter().zip([1_667, 2_000, 2_333]).all(|(back, due)| back.abs_diff(due) <= 2), "{back:?}");
    let later = now + Duration::from_millis(1_400);
    assert!(level.take_spare(GET_FINDINGS, true, later).is_err(), "somebody waits");
    assert!(level.take_spare(GET_FINDINGS, false, later).is_ok());
}
