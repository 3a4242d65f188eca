//! A call that is dropped, in each phase: one outcome, one closed record, and the provider's books agree.

use http_body_util::BodyExt;
use longhaul::{Attempt, Class, End, Phase, attempt::Sent, policy::Policy};
use longhaul_sim::{Dialect, Received, Weight};
use longhaul_testing::disagreements;
use tower::{Layer, ServiceExt};

use crate::{
    raw::{Clog, listen},
    scene::{
        Harness, attempts_of, only_record, provider, request, request_of, stack, trusting, until,
    },
};

/// How the only record of `stack` was closed; the attempt says the same.
fn closing(stack: &longhaul::Stack, attempt: &Attempt) -> (End, Class, Phase) {
    let outcome = only_record(stack).closing.expect("closed").outcome;
    assert_eq!(attempt.outcome_now(), Some(outcome));
    (outcome.end, outcome.class, outcome.phase)
}

#[tokio::test]
async fn dropped_before_it_is_polled_it_was_never_begun() {
    let scene = Harness::new("none").await;

    drop(scene.client().oneshot(scene.request(Dialect::OpenAi)));

    assert_eq!(scene.stack.ledger().records(), []);
    assert_eq!(scene.server.connections(), []);
}

#[tokio::test]
async fn dropped_while_connecting_it_was_never_sent() {
    // A server that accepts, and never answers the handshake.
    let (listener, url) = listen().await;
    let stack = stack(Policy::default());
    let mut request = request(&url.replace("http:", "https:"), Dialect::OpenAi);
    let mut attempts = attempts_of(&mut request);
    let roots = rustls::RootCertStore::empty();
    let client = stack.layer(trusting(roots.into()));

    let mut call = Box::pin(client.oneshot(request));
    let accepted = tokio::select! {
        _ = &mut call => panic!("nobody answers"),
        accepted = listener.accept() => accepted.expect("a connection"),
    };
    let attempt = attempts.recv().await.expect("an attempt");
    assert_eq!(attempt.outcome_now(), None);
    drop(call);

    let never_sent = (End::Cancelled, Class::NeverSent, Phase::Connect);
    assert_eq!(closing(&stack, &attempt), never_sent);
    assert_eq!(disagreements(&stack.ledger().records(), &[]), [""; 0]);
    drop(accepted);
}

#[tokio::test]
async fn dropped_while_writing_it_was_sent_in_part() {
    let scene = Harness::new("none").await;
    let clog = Clog::before(scene.server.addr(), 100_000).await;
    let prompt = "x".repeat(24_000_000);
    let mut request = request_of(&clog.url, Dialect::OpenAi, &prompt);
    let mut attempts = attempts_of(&mut request);

    let mut call = Box::pin(scene.client().oneshot(request));
    let oracle = scene.provider.oracle();
    let clogged = || oracle.entries().iter().any(|entry| entry.body_bytes > 0);
    tokio::select! {
        _ = &mut call => panic!("nobody reads on"),
        () = until("the beginning of the request", clogged) => {}
    }
    let attempt = attempts.recv().await.expect("an attempt");
    drop(call);
    drop(clog);

    let partial = (End::Cancelled, Class::SentPartial, Phase::Write);
    assert_eq!(closing(&scene.stack, &attempt), partial);
    assert_eq!(attempt.sent(), Sent::Part);
    scene.assert_agreement().await;
    let truth = scene.truth().await;
    assert_eq!(truth.len(), 1);
    assert_eq!(truth[0].received, Received::Partial);
    assert_eq!(truth[0].charged_micros, 0);
}

#[tokio::test]
async fn dropped_while_the_model_works_it_may_be_charged() {
    for dialect in [Dialect::OpenAi, Dialect::Gemini] {
        let scene = Harness::new("silence").await;
        let mut request = scene.request(dialect);
        let mut attempts = attempts_of(&mut request);

        let mut call = Box::pin(scene.client().oneshot(request));
        let oracle = scene.provider.oracle();
        let read = || oracle.totals().read_whole == 1;
        tokio::select! {
            _ = &mut call => panic!("nobody answers"),
            () = until("the whole request", read) => {}
        }
        let attempt = attempts.recv().await.expect("an attempt");
        drop(call);

        let unknown = (End::Cancelled, Class::UnknownOutcome, Phase::Head);
        assert_eq!(closing(&scene.stack, &attempt), unknown);
        scene.assert_agreement().await;
        let truth = scene.truth().await;
        assert!(truth[0].charged_micros > 0 && !truth[0].delivered);
        assert!(truth[0].client_left);
    }
}

#[tokio::test]
async fn dropped_in_the_middle_of_the_answer_it_is_undelivered() {
    for dialect in [Dialect::OpenAi, Dialect::Gemini] {
        let provider = provider("stalled").image_weight(Weight::Real);
        let mut policy = Policy::default();
        policy.classify.hold = false;
        let scene = Harness::with(provider, policy).await;
        let mut request = scene.request(dialect);
        let mut attempts = attempts_of(&mut request);

        let answer = scene.client().oneshot(request).await;
        let mut body = answer.expect("a head").into_body();
        let frame = body.frame().await.expect("a beginning").expect("data");
        assert!(frame.is_data());
        let attempt = attempts.recv().await.expect("an attempt");
        assert_eq!(attempt.outcome_now(), None, "it is still coming");
        drop(body);

        let undelivered = (End::Cancelled, Class::Undelivered, Phase::Body);
        assert_eq!(closing(&scene.stack, &attempt), undelivered);
        scene.assert_agreement().await;
        let truth = scene.truth().await;
        assert!(truth[0].charged_micros > 0 && !truth[0].delivered);
    }
}

#[tokio::test]
async fn dropped_between_two_attempts_the_first_keeps_its_ending() {
    let mut policy = Policy::default();
    policy.retry.schedule.overload = policy.retry.schedule.cap;
    let scene = Harness::with(provider("overloaded,none"), policy).await;
    let mut request = scene.request(Dialect::OpenAi);
    let mut attempts = attempts_of(&mut request);

    let mut call = Box::pin(scene.client().oneshot(request));
    let mut attempt = None;
    let mut ended = || {
        attempt = attempt.take().or_else(|| attempts.try_recv().ok());
        let attempt: Option<&Attempt> = attempt.as_ref();
        attempt.is_some_and(|attempt| attempt.outcome_now().is_some())
    };
    tokio::select! {
        _ = &mut call => panic!("it waits"),
        () = until("the end of the first attempt", &mut ended) => {}
    }
    drop(call);

    let attempt = attempt.expect("it has ended");
    let overloaded = (End::Finished, Class::Overloaded, Phase::Body);
    assert_eq!(closing(&scene.stack, &attempt), overloaded);
    scene.assert_agreement().await;
    assert_eq!(scene.truth().await.len(), 1, "no second attempt was made");
}
