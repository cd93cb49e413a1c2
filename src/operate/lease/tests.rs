//! The rules, held by replicas whose clocks differ and who see the lease late, deleted, or with their own name on it.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn times() -> Times {
    Times::new(15 * SECOND, 10 * SECOND, 2 * SECOND, 4 * SECOND).expect("the defaults fit together")
}

fn replica(name: &str) -> View {
    View::new(name.to_owned(), times())
}

/// Noon, by a clock that is so many seconds ahead.
fn date(ahead: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + ahead).expect("a date")
}

/// The lease as `name` writes it with a clock that is so far ahead.
fn held_by(name: &str, ahead: i64) -> LeaseSpec {
    match replica(name).judge(None, Instant::now(), date(ahead)) {
        Step::Write(spec) => spec,
        step => panic!("nobody holds it: {step:?}"),
    }
}

fn waits(step: &Step) -> Option<Duration> {
    match step {
        Step::Wait { left, .. } => Some(*left),
        Step::Write(_) => None,
    }
}

fn written(step: Step) -> LeaseSpec {
    match step {
        Step::Write(spec) => spec,
        step => panic!("it is to be written: {step:?}"),
    }
}

#[test]
fn settings_under_which_two_could_act_at_once_are_refused() {
    let new = |duration, deadline, retry| Times::new(duration * SECOND, deadline * SECOND, retry * SECOND, 4 * SECOND);
    assert!(new(15, 10, 2).is_ok());
    let refused = new(14, 10, 2).expect_err("a change may take 4 s");
    assert!(refused.contains("14s") && refused.contains("10s") && refused.contains("4s"), "{refused}");
    assert!(new(15, 2, 2).expect_err("one failed try").contains("1.2 retry periods"));
    assert!(new(15, 10, 0).is_err());
    assert!(new(9, 12, 2).is_err());
}

#[test]
fn where_there_is_no_lease_it_is_made() {
    let spec = written(replica("a").judge(None, Instant::now(), date(0)));
    assert_eq!(spec.holder_identity.as_deref(), Some("a"));
    assert_eq!((spec.lease_duration_seconds, spec.lease_transitions), (Some(15), Some(0)));
    assert_eq!(spec.acquire_time, spec.renew_time);
}

#[test]
fn another_ones_lease_runs_out_when_it_was_seen_unchanged_for_its_time_whatever_its_clock_says() {
    let start = Instant::now();
    for ahead in [-86_400, 0, 86_400] {
        let (mut b, lease) = (replica("b"), held_by("a", ahead));
        assert_eq!(waits(&b.judge(Some(&lease), start, date(0))), Some(15 * SECOND));
        assert_eq!(waits(&b.judge(Some(&lease), start + 14 * SECOND, date(14))), Some(SECOND), "{ahead}");
        let taken = written(b.judge(Some(&lease), start + 15 * SECOND, date(15)));
        assert_eq!((taken.holder_identity.as_deref(), taken.lease_transitions), (Some("b"), Some(1)));
    }
}

#[test]
fn each_renewal_begins_its_time_anew() {
    let (start, mut b) = (Instant::now(), replica("b"));
    for renewal in 0..100 {
        let now = start + renewal * 14 * SECOND;
        let step = b.judge(Some(&held_by("a", renewal.into())), now, date(0));
        assert_eq!(waits(&step), Some(15 * SECOND), "renewal {renewal}");
    }
}

#[test]
fn a_lease_from_other_settings_is_waited_for_as_its_holder_said() {
    let (start, mut b) = (Instant::now(), replica("b"));
    let longer = LeaseSpec { lease_duration_seconds: Some(60), ..held_by("a", 0) };
    assert_eq!(waits(&b.judge(Some(&longer), start, date(0))), Some(60 * SECOND));
    for nothing in [None, Some(0), Some(-5)] {
        let silent = LeaseSpec { lease_duration_seconds: nothing, ..held_by("a", 0) };
        assert_eq!(waits(&b.judge(Some(&silent), start, date(0))), Some(15 * SECOND));
    }
}

#[test]
fn the_holder_renews_and_keeps_since_when_it_leads() {
    let (start, mut a, lease) = (Instant::now(), replica("a"), held_by("a", 0));
    let renewed = written(a.judge(Some(&lease), start, date(2)));
    assert_eq!((&renewed.acquire_time, renewed.lease_transitions), (&lease.acquire_time, Some(0)));
    assert_ne!(renewed.renew_time, lease.renew_time);
}

/// So it is after a write that was applied and whose answer was lost.
#[test]
fn a_lease_with_the_own_name_is_the_own_one_at_once() {
    let (start, mut b) = (Instant::now(), replica("b"));
    assert!(waits(&b.judge(Some(&held_by("a", 0)), start, date(0))).is_some());
    let renewed = written(b.judge(Some(&held_by("b", 1)), start + SECOND, date(1)));
    assert_eq!(renewed.holder_identity.as_deref(), Some("b"));
}

#[test]
fn a_lease_that_was_given_back_is_taken_at_once() {
    let (start, mut b, lease) = (Instant::now(), replica("b"), held_by("a", 0));
    assert!(waits(&b.judge(Some(&lease), start, date(0))).is_some());
    let free = replica("a").given_back(&lease, date(1)).expect("it is a's");
    assert_eq!(free.holder_identity.as_deref(), Some(""));
    let taken = written(b.judge(Some(&free), start + SECOND, date(1)));
    assert_eq!((taken.holder_identity.as_deref(), taken.lease_transitions), (Some("b"), Some(1)));
}

#[test]
fn nobody_gives_back_what_is_another_ones() {
    assert_eq!(replica("b").given_back(&held_by("a", 0), date(0)), None);
}

#[test]
fn a_lease_that_is_deleted_by_hand_is_made_anew_by_its_holder_while_others_wait_for_it_to_run_out() {
    let (start, mut a, mut b) = (Instant::now(), replica("a"), replica("b"));
    let lease = held_by("a", 0);
    assert_eq!(waits(&a.judge(Some(&lease), start, date(0))), None);
    assert!(waits(&b.judge(Some(&lease), start, date(0))).is_some());
    assert_eq!(waits(&b.judge(None, start + 2 * SECOND, date(2))), Some(13 * SECOND));
    assert_eq!(written(a.judge(None, start + 2 * SECOND, date(2))).holder_identity.as_deref(), Some("a"));
    assert_eq!(waits(&b.judge(None, start + 15 * SECOND, date(15))), None);
}

#[test]
fn of_two_who_lose_a_race_each_sees_the_winners_lease_as_new() {
    let (start, mut a, mut b) = (Instant::now(), replica("a"), replica("b"));
    let abandoned = held_by("c", 0);
    for view in [&mut a, &mut b] {
        view.judge(Some(&abandoned), start, date(0));
        assert_eq!(waits(&view.judge(Some(&abandoned), start + 15 * SECOND, date(15))), None);
    }
    // a's write was first, so b's is a conflict, and b reads again.
    let of_a = held_by("a", 15);
    assert_eq!(waits(&b.judge(Some(&of_a), start + 15 * SECOND, date(15))), Some(15 * SECOND));
}

#[test]
fn what_is_written_is_what_is_read() {
    let odd = date(0).checked_add(SignedDuration::from_nanos(123_456_789)).expect("a date");
    let spec = written(replica("a").judge(None, Instant::now(), odd));
    let stored: LeaseSpec = serde_json::from_value(serde_json::to_value(&spec).expect("JSON")).expect("a spec");
    assert_eq!(stored, spec);
}
