//! The client leaves in every phase.

use std::sync::atomic::Ordering;

use super::*;
use crate::{
    Received,
    mock::{MockBody, Step},
};

#[tokio::test(start_paused = true)]
async fn a_call_that_is_never_polled_was_never_received() {
    let provider = provider("");
    drop(
        provider
            .clone()
            .call(request(OPENAI).body(text(OPENAI)).unwrap()),
    );
    provider.oracle().settled().await;
    assert!(provider.oracle().entries().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_client_gone_while_its_request_is_read_was_received_in_part() {
    let provider = provider("");
    // Three bytes, and then nothing.
    let body = MockBody::of([" ", " ", " "]).then(Step::Hang);
    let call = provider.clone().call(request(OPENAI).body(body).unwrap());
    assert!(tokio::time::timeout(MINUTE, call).await.is_err());
    let entry = only_entry(&provider).await;
    assert_eq!((entry.received, entry.body_bytes), (Received::Partial, 3));
    assert_eq!((entry.charged_micros, entry.client_left), (0, true));
}

#[tokio::test(start_paused = true)]
async fn a_refused_connection_never_polls_the_body() {
    let provider = provider("refused");
    let body = MockBody::of([" "]);
    let taken = body.taken();
    let call = provider.clone().call(request(OPENAI).body(body).unwrap());
    call.await.unwrap_err();
    assert_eq!(taken.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn a_client_gone_while_the_work_runs_is_charged_at_its_end() {
    let provider = provider("none+takes@100");
    assert!(
        tokio::time::timeout(MINUTE, call(&provider, OPENAI))
            .await
            .is_err()
    );
    let totals = provider.oracle().totals();
    assert_eq!((totals.charged, totals.running), (0, 1), "not yet");
    let (waited, entry) = seconds(only_entry(&provider)).await;
    assert!(
        close(waited, 40.0),
        "settled is when the work is done: {waited}"
    );
    assert_eq!(
        (entry.charged_micros, entry.delivered, entry.client_left),
        (240_000, false, true)
    );
}

#[tokio::test(start_paused = true)]
async fn a_client_gone_amid_the_answer_is_charged_undelivered() {
    let provider = provider("");
    let mut body = call(&provider, OPENAI).await.unwrap().into_body();
    assert!(body.frame().await.unwrap().is_ok());
    drop(body);
    let entry = only_entry(&provider).await;
    assert_eq!((entry.status, entry.charged_micros), (Some(200), 240_000));
    assert_eq!((entry.delivered, entry.client_left), (false, true));
}

#[tokio::test(start_paused = true)]
async fn delivered_is_when_the_last_piece_is_taken() {
    let provider = provider("");
    let mut body = call(&provider, OPENAI).await.unwrap().into_body();
    while !http_body::Body::is_end_stream(&body) {
        assert!(!provider.oracle().entries()[0].delivered);
        body.frame().await.unwrap().unwrap();
    }
    drop(body);
    assert!(only_entry(&provider).await.delivered);
}

#[tokio::test(start_paused = true)]
async fn settled_waits_for_an_answer_that_is_on_its_way() {
    let provider = provider("");
    let response = call(&provider, OPENAI).await.unwrap();
    assert!(
        tokio::time::timeout(MINUTE, provider.oracle().settled())
            .await
            .is_err()
    );
    drop(response);
    provider.oracle().settled().await;
}
