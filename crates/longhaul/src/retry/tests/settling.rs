//! Which ending the caller gets, and what is told on the way.

use std::future::ready;

use super::*;
use crate::mock::{MockClient, reset};

#[tokio::test(start_paused = true)]
async fn the_caller_gets_the_ending_that_may_have_cost_most() {
    let provider = Provider::new([
        Act::Answer(500, "the dear one"),
        OVERLOADED,
        Act::Answer(503, "the last one"),
    ]);
    let answered = run(until(40), &provider, request()).await;
    assert_eq!(report(&answered).attempts().len(), 3);
    let response = answered.unwrap();
    assert_eq!(response.status(), 500);
    assert_eq!(response.extensions().get::<Attempt>().unwrap().number(), 1);
    assert_eq!(response.into_body(), "the dear one");

    let reset = Act::Break(io::ErrorKind::ConnectionReset);
    let provider = Provider::new([reset, OVERLOADED, OVERLOADED]);
    let error = run(until(40), &provider, request()).await.unwrap_err();
    assert_eq!(error.class(), Class::UnknownOutcome);
    assert_eq!(error.report().unwrap().attempts().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn of_equally_costly_endings_the_caller_gets_the_last() {
    let provider = Provider::new([
        Act::Answer(503, "first"),
        Act::Answer(503, "second"),
        Act::Answer(503, "third"),
    ]);
    let response = run(until(50), &provider, request()).await.unwrap();
    assert_eq!(response.into_body(), "third");
}

#[tokio::test(start_paused = true)]
async fn alone_it_judges_by_error_and_status() {
    let acts = Provider::new([Act::Answer(503, ""), Act::Answer(502, ""), OK]);
    let provider = acts.clone();
    let client = service_fn(move |request| provider.clone().serve(request));
    let client = ClassifyingRetryLayer::default().layer(client);
    let response = client.oneshot(request()).await.unwrap();
    let report = response.extensions().get::<RetryReport>().unwrap().clone();
    let attempt = response.extensions().get::<Attempt>().unwrap().clone();
    assert_eq!(attempt.outcome_now(), None, "its body is still to come");
    response.into_body().collect().await.unwrap();
    let classes: Vec<_> = report.classes().map(Option::unwrap).collect();
    assert_eq!(
        classes,
        [Class::Unavailable, Class::IntermediaryCut, Class::Delivered]
    );
    assert_eq!(attempt.outcome_now().unwrap().end, End::Finished);
}

#[tokio::test(start_paused = true)]
async fn an_observer_hears_what_a_waiting_person_wants_to_know() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let into = heard.clone();
    let observer = Observer::new(move |event: &Event<'_>| {
        into.lock().unwrap().push(match event {
            Event::Started { attempt } => format!("started {}", attempt.number()),
            Event::Waiting { class, wait, .. } => format!("{class}, waiting {wait:?}"),
            Event::Settled { attempt } => format!("settled {}", attempt.number()),
            other => format!("{other:?}"),
        });
    });
    let provider = Provider::new([OVERLOADED, OK]);
    let mut request = request();
    request.extensions_mut().insert(observer);
    run(exact(), &provider, request).await.unwrap();
    let heard = heard.lock().unwrap();
    assert_eq!(
        *heard,
        [
            "started 1",
            "Overloaded, waiting 15s",
            "started 2",
            "settled 2"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn an_observer_that_panics_costs_no_picture() {
    let provider = Provider::new([OVERLOADED, OK]);
    let mut request = request();
    let panics = Observer::new(|event: &Event<'_>| panic!("at {event:?}"));
    request.extensions_mut().insert(panics);
    let response = run(exact(), &provider, request).await.unwrap();
    assert_eq!(response.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_breaks_later_does_not_hide_the_first_end() {
    let service = MockClient::new(|_| ready(Err(reset())));
    let service = service.ready_only(1, Some("the service is closed"));
    let error = ClassifyingRetryLayer::new(exact())
        .unwrap()
        .layer(service)
        .oneshot(request())
        .await
        .unwrap_err();
    assert_eq!(
        error.class(),
        Class::UnknownOutcome,
        "the one that may have cost something"
    );
    let classes: Vec<_> = error
        .report()
        .unwrap()
        .classes()
        .map(Option::unwrap)
        .collect();
    assert_eq!(
        classes,
        [&[Class::UnknownOutcome][..], &[Class::NeverSent; 6],].concat()
    );
}

#[tokio::test(start_paused = true)]
async fn dropped_at_any_point_each_attempt_has_one_outcome() {
    for ticks in 0..60 {
        let provider = Provider::new([OVERLOADED, Act::Silence, OK]);
        let attempts = Arc::new(Mutex::new(Vec::<Attempt>::new()));
        let into = attempts.clone();
        let mut request = request();
        request
            .extensions_mut()
            .insert(Observer::new(move |event: &Event<'_>| {
                if let Event::Started { attempt } = event {
                    into.lock().unwrap().push((*attempt).clone());
                }
            }));
        let call = run(exact(), &provider, request);
        let cut = Duration::from_secs(ticks * 12);
        let result = tokio::time::timeout(cut, call).await;
        drop(result);
        for attempt in &*attempts.lock().unwrap() {
            let outcome = attempt.outcome_now().expect("dropped, it has ended");
            let running = cut < 15 * SECOND;
            assert!(running || attempt.number() > 1 || outcome.class == Class::Overloaded);
        }
    }
}
