//! That calls are shared as `batch` says, whoever is dropped and whatever fails. Without any network.

use super::*;
use futures::future::join_all;
use futures::poll;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};

/// Answers each key with its length. What it is called with is told; it waits for a permit before each call, and
/// for one before each answer.
struct Lengths<const AT_ONCE: usize> {
    called: mpsc::UnboundedSender<Vec<String>>,
    admits: Arc<Semaphore>,
    answers: Arc<Semaphore>,
}

struct Office<const AT_ONCE: usize = 1> {
    batches: Batches<Lengths<AT_ONCE>>,
    called: mpsc::UnboundedReceiver<Vec<String>>,
    admits: Arc<Semaphore>,
    answers: Arc<Semaphore>,
}

impl<const AT_ONCE: usize> Office<AT_ONCE> {
    fn open() -> Self {
        let (admits, answers) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let (tell, called) = mpsc::unbounded_channel();
        let batches = Batches::new(Lengths { called: tell, admits: admits.clone(), answers: answers.clone() });
        Self { batches, called, admits, answers }
    }

    fn open_wide() -> Self {
        let office = Self::open();
        office.admits.add_permits(1_000);
        office.answers.add_permits(1_000);
        office
    }

    /// The keys of the next call, sorted.
    async fn next_call(&mut self) -> Vec<String> {
        let mut keys = within_a_minute(self.called.recv()).await.expect("it is never closed");
        keys.sort();
        keys
    }

    fn ask(&self, key: &str) -> impl Future<Output = Result<usize, Problem>> + use<AT_ONCE> {
        let (batches, key) = (self.batches.clone(), key.to_owned());
        async move { batches.ask(key).await }
    }
}

impl<const AT_ONCE: usize> Batched for Lengths<AT_ONCE> {
    type Key = String;
    type Answer = usize;
    const OPERATION: &'static str = "test:Lengths";
    const KEYS: usize = 4;
    const AT_ONCE: usize = AT_ONCE;
    const WAITING: usize = 500;

    async fn admit(&self) -> Result<(), Problem> {
        self.admits.acquire().await.expect("it is never closed").forget();
        Ok(())
    }

    async fn call(&self, keys: Vec<String>) -> Result<HashMap<String, usize>, Problem> {
        self.called.send(keys.clone()).expect("somebody listens");
        self.answers.acquire().await.expect("it is never closed").forget();
        assert!(!keys.contains(&"panic".to_owned()), "asked for by a test");
        for code in ["Bad", "Down"] {
            if keys.contains(&code.to_owned()) {
                return Err(Problem::from_code("test:Lengths", code, ""));
            }
        }
        Ok(keys.into_iter().filter(|key| key != "unknown").map(|key| (key.clone(), key.len())).collect())
    }

    fn blames_a_key(problem: &Problem) -> bool {
        problem.code.as_deref() == Some("Bad")
    }
}

async fn within_a_minute<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("it ends")
}

#[tokio::test]
async fn who_asks_alone_is_answered_and_a_key_without_anything_gets_the_default() {
    let office = Office::<1>::open_wide();
    assert_eq!(office.ask("one").await, Ok(3));
    assert_eq!(office.ask("unknown").await, Ok(0));
}

#[tokio::test]
async fn who_asks_while_no_call_may_be_made_is_part_of_the_next_one() {
    let mut office = Office::<1>::open();
    let mut asked = Box::pin(join_all(["a", "bb", "a"].map(|key| office.ask(key))));
    assert!(poll!(asked.as_mut()).is_pending());
    office.admits.add_permits(1);
    office.answers.add_permits(1);
    assert_eq!(within_a_minute(asked).await, [Ok(1), Ok(2), Ok(1)]);
    assert_eq!(office.next_call().await, ["a", "bb"]);
}

#[tokio::test]
async fn who_asks_while_a_call_is_under_way_waits_for_the_next_even_for_the_same_key() {
    let mut office = Office::<1>::open();
    office.admits.add_permits(2);
    let first = tokio::spawn(office.ask("a"));
    assert_eq!(office.next_call().await, ["a"]);
    let mut later = Box::pin(join_all(["a", "bb"].map(|key| office.ask(key))));
    assert!(poll!(later.as_mut()).is_pending());
    office.answers.add_permits(2);
    assert_eq!(within_a_minute(later).await, [Ok(1), Ok(2)]);
    assert_eq!(office.next_call().await, ["a", "bb"]);
    assert_eq!(first.await.unwrap(), Ok(1));
}

#[tokio::test]
async fn more_keys_than_a_call_takes_are_several_calls() {
    let mut office = Office::<1>::open();
    let keys = ["1", "2", "3", "4", "1", "5", "6"];
    let mut asked = Box::pin(join_all(keys.map(|key| office.ask(key))));
    assert!(poll!(asked.as_mut()).is_pending());
    office.admits.add_permits(2);
    office.answers.add_permits(2);
    assert!(within_a_minute(asked).await.iter().all(|answer| *answer == Ok(1)));
    assert_eq!(office.next_call().await, ["1", "2", "3", "4"]);
    assert_eq!(office.next_call().await, ["5", "6"]);
}

#[tokio::test]
async fn who_is_dropped_takes_nothing_from_the_others_not_even_who_asked_first() {
    let mut office = Office::<1>::open();
    let mut first = Box::pin(office.ask("first"));
    let mut second = Box::pin(office.ask("second"));
    assert!(poll!(first.as_mut()).is_pending() && poll!(second.as_mut()).is_pending());
    drop(first);
    office.admits.add_permits(1);
    office.answers.add_permits(1);
    assert_eq!(within_a_minute(second).await, Ok(6));
    assert_eq!(office.next_call().await, ["second"]);
}

#[tokio::test]
async fn who_is_dropped_while_its_call_is_under_way_takes_nothing_from_the_others() {
    let mut office = Office::<1>::open();
    office.admits.add_permits(1);
    let mut both = [Box::pin(office.ask("first")), Box::pin(office.ask("second"))];
    for asked in &mut both {
        assert!(poll!(asked.as_mut()).is_pending());
    }
    let [first, second] = both;
    assert_eq!(office.next_call().await, ["first", "second"]);
    drop(first);
    office.answers.add_permits(1);
    assert_eq!(within_a_minute(second).await, Ok(6));
}

#[tokio::test]
async fn a_failing_call_is_told_to_those_in_it_only() {
    let mut office = Office::<1>::open();
    office.admits.add_permits(2);
    let mut failing = Box::pin(join_all(["Down", "a"].map(|key| office.ask(key))));
    assert!(poll!(failing.as_mut()).is_pending());
    office.next_call().await;
    let mut later = Box::pin(office.ask("later"));
    assert!(poll!(later.as_mut()).is_pending());
    office.answers.add_permits(2);
    assert!(within_a_minute(failing).await.iter().all(Result::is_err));
    assert_eq!(within_a_minute(later).await, Ok(5));
}

#[tokio::test]
async fn a_bad_key_fails_nobody_else() {
    let office = Office::<1>::open();
    let mut asked = Box::pin(join_all(["a", "bb", "Bad", "dddd"].map(|key| office.ask(key))));
    assert!(poll!(asked.as_mut()).is_pending());
    office.admits.add_permits(10);
    office.answers.add_permits(10);
    let answers = within_a_minute(asked).await;
    assert_eq!((&answers[0], &answers[1], &answers[3]), (&Ok(1), &Ok(2), &Ok(4)));
    assert_eq!(answers[2].as_ref().unwrap_err().code.as_deref(), Some("Bad"));
}

#[tokio::test]
async fn a_panic_in_the_call_leaves_nobody_waiting_and_the_next_asker_is_served() {
    let office = Office::<1>::open();
    office.admits.add_permits(2);
    let panics = tokio::spawn(office.ask("panic"));
    let mut office = office;
    office.next_call().await;
    let mut waits = Box::pin(office.ask("waits"));
    assert!(poll!(waits.as_mut()).is_pending());
    office.answers.add_permits(2);
    for given_up in [within_a_minute(panics).await.unwrap(), within_a_minute(waits).await] {
        let problem = given_up.unwrap_err();
        assert_eq!((problem.disposition, problem.reason), (Disposition::Retry, Reason::AwsUnavailable));
    }
    assert_eq!(within_a_minute(office.ask("next")).await, Ok(4));
}

#[tokio::test]
async fn who_comes_when_too_many_wait_is_told_at_once_and_who_is_gone_does_not_count() {
    let office = Office::<1>::open();
    let mut waiting: Vec<_> = (0..500).map(|number| Box::pin(office.ask(&number.to_string()))).collect();
    for asked in &mut waiting {
        assert!(poll!(asked.as_mut()).is_pending());
    }
    let problem = office.ask("late").await.unwrap_err();
    assert_eq!((problem.disposition, problem.reason), (Disposition::Retry, Reason::Throttled));
    waiting.pop();
    assert!(poll!(std::pin::pin!(office.ask("late"))).is_pending());
}

#[tokio::test]
async fn where_two_calls_may_be_under_way_nobody_waits_for_the_first_and_the_third_asker_shares_the_next() {
    let mut office = Office::<2>::open();
    office.admits.add_permits(3);
    let mut asked = Vec::new();
    for key in ["a", "bb"] {
        asked.push(tokio::spawn(office.ask(key)));
        assert_eq!(office.next_call().await, [key], "it is sent though none is answered");
    }
    let mut later = Box::pin(join_all(["ccc", "dddd"].map(|key| office.ask(key))));
    assert!(poll!(later.as_mut()).is_pending());
    office.answers.add_permits(3);
    assert_eq!(within_a_minute(later).await, [Ok(3), Ok(4)]);
    assert_eq!(office.next_call().await, ["ccc", "dddd"]);
    for (asked, length) in asked.into_iter().zip(1..) {
        assert_eq!(asked.await.unwrap(), Ok(length));
    }
}

#[tokio::test]
async fn where_two_calls_may_be_under_way_a_panic_in_one_takes_nothing_from_those_who_wait() {
    let mut office = Office::<2>::open();
    office.admits.add_permits(3);
    let panics = tokio::spawn(office.ask("panic"));
    assert_eq!(office.next_call().await, ["panic"]);
    let other = tokio::spawn(office.ask("other"));
    assert_eq!(office.next_call().await, ["other"]);
    let mut waits = Box::pin(office.ask("waits"));
    assert!(poll!(waits.as_mut()).is_pending());
    office.answers.add_permits(3);
    assert!(within_a_minute(panics).await.unwrap().is_err());
    assert_eq!(within_a_minute(waits).await, Ok(5));
    assert_eq!(other.await.unwrap(), Ok(5));
}
