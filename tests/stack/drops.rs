//! Wherever the caller lets go, every attempt has one outcome and one closed entry, and the oracle agrees.

use std::{
    future::Future,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use http::Response;
use http_body::Body;
use http_body_util::BodyExt;
use longhaul::{Class, End, Error, PerResolution, policy::Policy};
use longhaul_sim::{Dialect, Script};
use longhaul_testing::harness::{Harness, InProcess};
use tokio::{
    task::yield_now,
    time::{Instant, timeout},
};
use tower::Service;

use crate::{
    calls::picture,
    faults::{Row, rows},
};

/// A future that is polled so many times, and then dropped.
pub(crate) struct Polled<F> {
    inner: Option<Pin<Box<F>>>,
    left: usize,
}

pub(crate) fn polled<F: Future>(inner: F, times: usize) -> Polled<F> {
    Polled {
        inner: Some(Box::pin(inner)),
        left: times,
    }
}

/// `None` where it was dropped before it ended.
impl<F: Future> Future for Polled<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.left > 0 {
            self.left -= 1;
            let inner = self.inner.as_mut().expect("polled after it was dropped");
            if let Poll::Ready(output) = inner.as_mut().poll(cx) {
                return Poll::Ready(Some(output));
            }
            if self.left > 0 {
                return Poll::Pending;
            }
        }
        self.inner = None;
        Poll::Ready(None)
    }
}

/// The call, then its body frame by frame. Each step is a poll of its own, where it can be dropped.
pub(crate) async fn read<B>(
    call: impl Future<Output = Result<Response<B>, Error>>,
) -> Result<(), Error>
where
    B: Body<Error = Error>,
{
    let mut body = pin!(call.await?.into_body());
    yield_now().await;
    while let Some(frame) = body.frame().await {
        frame?;
        yield_now().await;
    }
    Ok(())
}

/// How much of an answer is held before it is handed on.
#[derive(Clone, Copy, Debug)]
enum Answers {
    /// All of it: judged before the caller has the head.
    Held,
    /// Nearly nothing: judged while the caller reads.
    EndOfStream,
}

fn policy(answers: Answers) -> Policy {
    let mut policy = Policy::nano_banana_pro();
    // The third attempt is as the second.
    policy.retry.paid_attempts = 2;
    policy.retry.unsent_attempts = 2;
    policy.retry.free_until = Some(Duration::from_secs(20));
    if let Answers::EndOfStream = answers {
        policy.classify.hold = false;
        policy.classify.peek_limit = 16;
    }
    policy
}

/// The call without its first poll.
fn call(harness: &Harness<InProcess>) -> impl Future<Output = Result<(), Error>> + use<> {
    read(harness.client().call(picture(Dialect::OpenAi)))
}

async fn assert_agreed(harness: &Harness<InProcess>, row: &Row, answers: Answers, when: &str) {
    let wrong = harness.disagreements().await;
    assert!(
        wrong.is_empty(),
        "`{}` with answers {answers:?}, dropped {when}: {wrong:#?}",
        row.name
    );
}

async fn dropped_after_every_poll(answers: Answers) {
    for row in rows() {
        let mut policy = policy(answers);
        if row.name == "trickle@1" {
            // Until the usual deadline it has 2,000 polls that each bring a byte, and each is a call of its own here.
            policy.retry.deadline = Some(PerResolution::from_secs(300, 300, 300, 300));
        }
        for polls in 0.. {
            let harness = Harness::in_process(policy.clone(), row.script());
            let ended = polled(call(&harness), polls).await.is_some();
            assert_agreed(&harness, &row, answers, &format!("after {polls} polls")).await;
            if ended {
                break;
            }
        }
    }
}

async fn dropped_at_every_instant(answers: Answers) {
    const INSTANTS: u32 = 24;
    for row in rows() {
        let harness = || Harness::in_process(policy(answers), row.script());
        let began = Instant::now();
        let _ = call(&harness()).await;
        let whole = began.elapsed();
        for part in 1..INSTANTS {
            let harness = harness();
            let after = whole * part / INSTANTS + Duration::from_millis(1);
            let _ = timeout(after, call(&harness)).await;
            assert_agreed(&harness, &row, answers, &format!("after {after:?}")).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_held_answer_dropped_after_any_poll_leaves_honest_books() {
    dropped_after_every_poll(Answers::Held).await;
}

#[tokio::test(start_paused = true)]
async fn a_passing_answer_dropped_after_any_poll_leaves_honest_books() {
    dropped_after_every_poll(Answers::EndOfStream).await;
}

#[tokio::test(start_paused = true)]
async fn a_held_answer_dropped_at_any_instant_leaves_honest_books() {
    dropped_at_every_instant(Answers::Held).await;
}

#[tokio::test(start_paused = true)]
async fn a_passing_answer_dropped_at_any_instant_leaves_honest_books() {
    dropped_at_every_instant(Answers::EndOfStream).await;
}

#[tokio::test(start_paused = true)]
async fn dropped_while_it_waits_for_a_place_it_was_never_sent() {
    let mut policy = Policy::nano_banana_pro();
    policy.in_flight.max_per_host = 1;
    let harness = Harness::in_process(policy, Script::default());
    let first = tokio::spawn(call(&harness));
    yield_now().await;
    for polls in 1..4 {
        assert!(polled(call(&harness), polls).await.is_none());
        let waiting = harness.attempts().pop().unwrap();
        let outcome = waiting.outcome_now().unwrap();
        assert_eq!(
            (outcome.end, outcome.class),
            (End::Cancelled, Class::NeverSent)
        );
    }
    first.await.unwrap().unwrap();
    assert_eq!(harness.stack.ledger().records().len(), 1);
    harness.assert_agreement().await;
}
