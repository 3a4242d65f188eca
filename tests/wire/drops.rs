//! A call that is dropped, in each phase: one outcome, one closed record, and the provider's books agree.

use http_body_util::BodyExt;
use longhaul::{Attempt, Class, End, Phase, attempt::Sent, policy::Policy};
use longhaul_hyper::Client;
use longhaul_sim::{Dialect, Received, Weight};
use longhaul_testing::{
    disagreements,
    harness::{Attempts, Harness, Http, provider, request, request_of, stack, trusting, until},
};
use rustls::RootCertStore;
use tower::{Layer, ServiceExt};

use crate::{
    raw::{Clog, listen},
    seen::only_record,
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
    let attempts = Attempts::of(&mut request);
    let client = Client::builder().tls_config(trusting(RootCertStore::empty()));
    let client: Http = client.build().expect("valid settings");

    let mut call = Box::pin(stack.layer(client).oneshot(request));
    let accepted = tokio::select! {
        _ = &mut call => panic!("nobody answers"),
        accepted = listener.accept() => accepted.expect("a connection"),
    };
    let attempt = &attempts.begun()[0];
    assert_eq!(attempt.outcome_now(), None);
    drop(call);

    let never_sent = (End::Cancelled, Class::NeverSent, Phase::Connect);
    assert_eq!(closing(&stack, attempt), never_sent);
    assert_eq!(disagreements(&stack.ledger().records(), &[]), [""; 0]);
    drop(accepted);
}

#[tokio::test]
async fn dropped_while_writing_it_was_sent_in_part() {
    let scene = Harness::new("none").await;
    let clog = Clog::before(scene.server.addr(), 100_000).await;
    let prompt = "x".repeat(24_000_000);
    let request = request_of(&clog.url, Dialect::OpenAi, &prompt);

    let mut call = Box::pin(scene.client().oneshot(request));
    let oracle = scene.provider.oracle();
    let clogged = || oracle.entries().iter().any(|entry| entry.body_bytes > 0);
    tokio::select! {
        _ = &mut call => panic!("nobody reads on"),
        () = until("the beginning of the request", clogged) => {}
    }
    let attempt = scene.attempts().remove(0);
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
        let request = scene.request(dialect);

        let mut call = Box::pin(scene.client().oneshot(request));
        let oracle = scene.provider.oracle();
        let read = || oracle.totals().read_whole == 1;
        tokio::select! {
            _ = &mut call => panic!("nobody answers"),
            () = until("the whole request", read) => {}
        }
        let attempt = scene.attempts().remove(0);
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
        let request = scene.request(dialect);

        let answer = scene.client().oneshot(request).await;
        let mut body = answer.expect("a head").into_body();
        let frame = body.frame().await.expect("a beginning").expect("data");
        assert!(frame.is_data());
        let attempt = scene.attempts().remove(0);
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

    let mut call = Box::pin(scene.client().oneshot(scene.request(Dialect::OpenAi)));
    let ended = || {
        let attempts = scene.attempts();
        attempts
            .iter()
            .any(|attempt| attempt.outcome_now().is_some())
    };
    tokio::select! {
        _ = &mut call => panic!("it waits"),
        () = until("the end of the first attempt", ended) => {}
    }
    drop(call);

    let attempt = scene.attempts().remove(0);
    let overloaded = (End::Finished, Class::Overloaded, Phase::Body);
    assert_eq!(closing(&scene.stack, &attempt), overloaded);
    scene.assert_agreement().await;
    assert_eq!(scene.truth().await.len(), 1, "no second attempt was made");
}
