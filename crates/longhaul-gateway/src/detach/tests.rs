use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use http::Request;
use http_body_util::{BodyExt, Full};
use longhaul::{Class, End, Stack, policy::Policy};
use longhaul_sim::{Provider, Weight};
use tokio::time::timeout;
use tower::{Layer, ServiceExt};

use super::*;
use crate::progress::Progress;

fn provider(script: &str) -> Provider {
    Provider::builder()
        .script(script.parse().unwrap())
        .generation(Duration::from_secs(100))
        .image_weight(Weight::Tiny)
        .build()
        .unwrap()
}

fn picture() -> Request<Full<Bytes>> {
    Request::post("https://sim.example/v1/images/generations")
        .header("content-type", "application/json")
        .body(Full::from(
            r#"{"model": "x", "prompt": "a cat", "size": "4096x4096"}"#,
        ))
        .unwrap()
}

/// Calls, leaves after `patience`, and waits until nothing runs: how the attempts ended.
async fn leave_after(
    script: &str,
    patience: Duration,
    change: impl FnOnce(&mut Request<Full<Bytes>>),
) -> (Provider, Vec<(End, Class)>) {
    let provider = provider(script);
    let stack = Stack::new(Policy::nano_banana_pro()).unwrap();
    let detach = DetachLayer::default();
    let service = detach.layer(stack.layer(provider.clone()));
    let mut request = picture();
    change(&mut request);
    let left = timeout(patience, service.oneshot(request)).await;
    assert!(left.is_err(), "the caller leaves before the head");
    detach.idle().await;
    let records = stack.ledger().records();
    let ended = records.iter().map(|record| {
        let outcome = record.closing.as_ref().unwrap().outcome;
        (outcome.end, outcome.class)
    });
    (provider, ended.collect())
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_is_kept_when_the_caller_leaves() {
    let (provider, ended) = leave_after("none", Duration::from_secs(30), |_| {}).await;
    assert_eq!(ended, [(End::Finished, Class::Delivered)]);
    assert_eq!(provider.oracle().totals().delivered, 1);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_begun_for_a_caller_who_left() {
    // It leaves in the wait after a refusal.
    let (provider, ended) = leave_after("overloaded*9", Duration::from_secs(5), |_| {}).await;
    assert_eq!(ended, [(End::Finished, Class::Overloaded)]);
    assert_eq!(provider.oracle().entries().len(), 1);
    // It leaves while an attempt runs that is cut later: no other follows.
    let (provider, ended) = leave_after("cut@60, none", Duration::from_secs(30), |_| {}).await;
    assert_eq!(ended, [(End::Failed, Class::UnknownOutcome)]);
    assert_eq!(provider.oracle().entries().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_somebody_comes_back_for_runs_on() {
    let (provider, ended) = leave_after("cut@60, none", Duration::from_secs(30), |request| {
        Progress::enter(request.extensions_mut()).run_on();
    })
    .await;
    assert_eq!(ended.last(), Some(&(End::Finished, Class::Delivered)));
    assert_eq!(provider.oracle().entries().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_stays_gets_every_byte() {
    let provider = provider("none");
    let stack = Stack::new(Policy::nano_banana_pro()).unwrap();
    let detach = DetachLayer::default();
    let service = detach.layer(stack.layer(provider.clone()));
    let response = service.oneshot(picture()).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert!(body.starts_with(b"{") && body.trim_ascii_end().ends_with(b"}"));
    detach.idle().await;
    assert_eq!(stack.ledger().records().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_body_dropped_half_way_is_read_to_its_end() {
    let provider = provider("none");
    let stack = Stack::new(Policy::nano_banana_pro()).unwrap();
    let detach = DetachLayer::default();
    let service = detach.layer(stack.layer(provider.clone()));
    let response = service.oneshot(picture()).await.unwrap();
    drop(response);
    detach.idle().await;
    let closing = stack.ledger().records()[0].closing.clone().unwrap();
    assert_eq!(closing.outcome.class, Class::Delivered);
    assert_eq!(closing.outcome.end, End::Finished);
}

#[tokio::test(start_paused = true)]
async fn what_is_stopped_half_way_is_no_whole_answer() {
    let inner = tower::service_fn(|_: Request<()>| async {
        let half = http_body::Frame::data(Bytes::from_static(b"half"));
        let half = futures_util::stream::iter([Ok::<_, longhaul::BoxError>(half)]);
        let body = http_body_util::StreamBody::new(half.chain(futures_util::stream::pending()));
        Ok::<_, longhaul::BoxError>(http::Response::new(body))
    });
    let detach = DetachLayer::default();
    let response = detach.layer(inner).oneshot(Request::new(())).await.unwrap();
    let mut body = response.into_body();
    assert_eq!(
        body.frame().await.unwrap().unwrap().data_ref().unwrap(),
        "half"
    );
    detach.stop().await;
    assert!(body.frame().await.unwrap().is_err());
    assert!(body.frame().await.is_none());
}

#[test]
fn the_layers_types_fit_into_boxed_services() {
    fn assert_send_sync<T: Send + Sync>() {}
    fn assert_send<T: Send>() {}
    assert_send_sync::<Detach<tower::util::BoxCloneSyncService<Request<()>, (), ()>>>();
    assert_send::<ResponseBody<Full<Bytes>>>();
}
