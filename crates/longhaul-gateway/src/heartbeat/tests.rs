use std::{future::Future, time::Duration};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full, StreamBody};
use longhaul::{BoxError, Stack, policy::Policy};
use longhaul_sim::{Provider, Weight};
use serde_json::Value;
use tokio::time::{Instant, sleep};
use tower::{Layer, ServiceExt, service_fn};

use super::*;
use crate::{config::Patience, progress::Progress};

const SECONDS: fn(u64) -> Duration = Duration::from_secs;

fn provider(script: &str, takes: u64) -> Provider {
    Provider::builder()
        .script(script.parse().unwrap())
        .generation(SECONDS(takes))
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

/// The head, when each piece of the body came, and the whole body.
async fn watch<B>(
    answer: impl Future<Output = Result<Response<B>, longhaul::Error>>,
) -> (http::response::Parts, Vec<(u64, usize)>, Bytes)
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Debug,
{
    let begin = Instant::now();
    let (head, mut body) = answer.await.unwrap().into_parts();
    let mut pieces = vec![(begin.elapsed().as_secs(), 0)];
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let data = frame.unwrap().into_data().unwrap();
        pieces.push((begin.elapsed().as_secs(), data.len()));
        whole.extend_from_slice(&data);
    }
    (head, pieces, whole.into())
}

async fn through_stack(
    provider: &Provider,
    request: Request<Full<Bytes>>,
) -> (http::response::Parts, Vec<(u64, usize)>, Bytes) {
    // Refusals go on for longer than the line stays silent; what may be charged is sent three times.
    let policy = Policy::nano_banana_pro();
    let stack = Stack::new(policy).unwrap();
    let service = HeartbeatLayer::default().layer(stack.layer(provider.clone()));
    watch(service.oneshot(request)).await
}

#[tokio::test(start_paused = true)]
async fn a_silent_call_that_was_sent_gets_blanks_and_then_its_picture() {
    let (head, pieces, body) = through_stack(&provider("none", 100), picture()).await;
    assert_eq!(head.status, StatusCode::OK);
    assert_eq!(head.headers["content-type"], "application/json");
    assert_eq!(head.headers["x-accel-buffering"], "no");
    assert!(
        head.headers["cache-control"]
            .to_str()
            .unwrap()
            .contains("no-transform")
    );
    assert!(!head.headers.contains_key("content-length"));
    let beats: Vec<_> = pieces.iter().map(|piece| piece.0).take(5).collect();
    assert_eq!(beats, [45, 45, 60, 75, 90]);
    assert!(body.starts_with(b"    {"));
    let answer: Value = serde_json::from_slice(&body).unwrap();
    assert!(answer["data"][0]["b64_json"].is_string());
}

#[tokio::test(start_paused = true)]
async fn an_answer_in_time_passes_untouched() {
    let (head, pieces, body) = through_stack(&provider("none", 30), picture()).await;
    assert_eq!(head.status, StatusCode::OK);
    assert_eq!(pieces[0].0, 30);
    assert!(body.starts_with(b"{"));
    let (head, ..) = through_stack(&provider("bad-request", 30), picture()).await;
    assert_eq!(head.status, StatusCode::BAD_REQUEST);
}

#[tokio::test(start_paused = true)]
async fn free_refusals_keep_their_status_and_their_wait() {
    let (head, pieces, body) = through_stack(&provider("overloaded*9", 30), picture()).await;
    assert_eq!(head.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(head.headers["x-should-retry"], "true");
    assert_eq!(head.headers["x-longhaul-class"], "Overloaded");
    assert!(head.headers.contains_key("retry-after"));
    assert!(pieces[0].0 <= 46, "{pieces:?}");
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["error"]["code"], "overloaded");
}

#[tokio::test(start_paused = true)]
async fn a_patient_route_waits_on_in_silence() {
    let mut request = picture();
    request.extensions_mut().insert(Patience::Deadline);
    // Two refusals take longer than the silence; the third attempt is sent, and then its line is kept open.
    let (head, pieces, body) = through_stack(&provider("overloaded*2, none", 100), request).await;
    assert_eq!(head.status, StatusCode::OK);
    assert!(pieces[0].0 >= 45, "{pieces:?}");
    assert!(body.starts_with(b" "));
}

#[tokio::test(start_paused = true)]
async fn an_error_after_the_first_sign_of_life_is_told_in_the_body() {
    let (head, _, body) = through_stack(&provider("cut@60*9", 300), picture()).await;
    assert_eq!(head.status, StatusCode::OK);
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["error"]["status"], 502);
    assert!(body["error"]["message"].as_str().unwrap().contains("60"));

    let (_, _, body) = through_stack(&provider("gateway-timeout@60*9", 300), picture()).await;
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["error"]["status"], 504);
}

#[tokio::test(start_paused = true)]
async fn a_line_that_is_left_alone_stays_silent() {
    let mut request = picture();
    request.extensions_mut().insert(Silent);
    let (head, pieces, _) = through_stack(&provider("none", 100), request).await;
    assert_eq!(head.status, StatusCode::OK);
    assert_eq!(pieces[0].0, 100);
}

/// Answers with a stream whose pieces come at these seconds.
async fn through_pieces(kind: &'static str, pieces: &'static [(u64, &'static str)]) -> Bytes {
    let inner = service_fn(move |request: Request<()>| async move {
        let _ = request;
        let begin = Instant::now();
        let body = StreamBody::new(Box::pin(futures_util::stream::unfold(
            0,
            move |at| async move {
                let (second, text) = pieces.get(at)?;
                sleep(SECONDS(*second).saturating_sub(begin.elapsed())).await;
                Some((
                    Ok::<_, BoxError>(Frame::data(Bytes::from_static(text.as_bytes()))),
                    at + 1,
                ))
            },
        )));
        Ok::<_, BoxError>(
            Response::builder()
                .header("content-type", kind)
                .body(body)
                .unwrap(),
        )
    });
    let service = HeartbeatLayer::default().layer(inner);
    watch(service.oneshot(Request::new(()))).await.2
}

#[tokio::test(start_paused = true)]
async fn comments_stand_between_events_and_never_within_one() {
    let body = through_pieces(
        "text/event-stream",
        &[
            (1, "data: 1\n\n"),
            (40, "data: "),
            (90, "2\n\n"),
            (91, "data: [DONE]\n\n"),
        ],
    )
    .await;
    let beat = ": keepalive\n\n";
    assert_eq!(
        body,
        format!("data: 1\n\n{beat}{beat}data: 2\n\ndata: [DONE]\n\n")
    );
}

#[tokio::test(start_paused = true)]
async fn an_event_may_end_in_two_pieces() {
    for (begin, end) in [("data: 1\n", "\n"), ("data: 1\r\n\r", "\n")] {
        let pieces: &[(u64, &str)] = &[(1, begin), (2, end), (40, "data: 2\n\n")];
        let body = through_pieces("text/event-stream", pieces.to_vec().leak()).await;
        let beats = ": keepalive\n\n".repeat(2);
        assert_eq!(body, format!("{begin}{end}{beats}data: 2\n\n"));
    }
}

/// What a caller reads of an answer of this type that comes after the first sign of life.
async fn behind_a_beat(kind: &'static str, text: &'static str) -> Bytes {
    let inner = service_fn(move |_: Request<()>| async move {
        sleep(SECONDS(50)).await;
        let answer = Response::builder().header("content-type", kind);
        Ok::<_, BoxError>(answer.body(Full::from(text)).unwrap())
    });
    let mut request = Request::new(());
    Progress::enter(request.extensions_mut()).runs_elsewhere();
    watch(HeartbeatLayer::default().layer(inner).oneshot(request))
        .await
        .2
}

#[tokio::test(start_paused = true)]
async fn json_behind_a_beat_is_json_whatever_it_is_called() {
    // More than is kept of an error.
    let picture = "iVBO".repeat(50_000);
    let picture: &str = format!("{{\"data\": [{{\"b64_json\":\n\"{picture}\"}}]}}").leak();
    for kind in [
        "text/plain",
        "text/html; charset=utf-8",
        "application/octet-stream",
    ] {
        let body = behind_a_beat(kind, picture).await;
        assert!(body == format!(" {picture}"), "{kind}");
    }
    let body = behind_a_beat("text/html", "<html>").await;
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["error"]["status"], 502);
}

#[tokio::test(start_paused = true)]
async fn blanks_stand_before_json_and_never_within_it() {
    let body = through_pieces("application/json", &[(20, "{\"a\":"), (80, "1}")]).await;
    assert_eq!(body, " {\"a\":1}");
    let body = through_pieces("image/png", &[(20, "PNG"), (80, "!")]).await;
    assert_eq!(body, "PNG!");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_for_its_turn_is_refused_and_dropped() {
    let inner = service_fn(|_: Request<()>| async {
        std::future::pending::<()>().await;
        Ok::<_, BoxError>(Response::new(Full::<Bytes>::default()))
    });
    let service = HeartbeatLayer::default().layer(inner);
    let mut request = Request::new(());
    Progress::enter(request.extensions_mut());
    let (head, pieces, _) = watch(service.oneshot(request)).await;
    assert_eq!(head.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(pieces[0].0, 45);
}

#[test]
fn a_caller_that_takes_json_as_well_asks_for_no_stream() {
    for (accept, stream) in [
        ("text/event-stream", true),
        ("text/event-stream;q=0.9", true),
        ("application/json, text/event-stream", false),
        ("text/event-stream, */*", false),
        ("application/json", false),
    ] {
        let mut request = Request::post("/v1/images/generations")
            .header("accept", accept)
            .body(())
            .unwrap();
        let line = super::line::Line::of(HeartbeatPolicy::default(), &mut request);
        assert_eq!(line.stream, stream, "{accept}");
    }
}
