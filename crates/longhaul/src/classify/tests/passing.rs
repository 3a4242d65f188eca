//! Answers that are handed on while they come, and what is known of them at the end.

use super::*;

#[tokio::test]
async fn an_event_stream_is_handed_on_unread_and_judged_at_its_end() {
    let stream = |events: &'static str| {
        let mut response = Response::new(MockBody::of([events]));
        let value = HeaderValue::from_static("text/event-stream; charset=utf-8");
        response.headers_mut().insert("content-type", value);
        response
    };
    let service = service_fn(async |_: Request<Empty<Bytes>>| {
        Ok::<_, Infallible>(stream("data: {\"a\"\n\n"))
    });
    let response = ClassifyLayer::default()
        .layer(service)
        .oneshot(Request::new(Empty::new()))
        .await
        .unwrap();
    assert!(response.extensions().get::<PeekedBytes>().is_none());

    for (events, class) in [
        ("data: {\"b64_json\":\"AA==\"}\n\n", Class::Delivered),
        ("data: {\"a\"\n\n", Class::NoImage),
        (": nothing of JSON\n\n", Class::Delivered),
    ] {
        let (attempt, body) = judge(true, Ok(stream(events))).await;
        body.unwrap();
        assert_eq!(ended(&attempt), (End::Finished, class));
    }
}

/// A long success that holds no picture, by what was seen of it in passing.
#[tokio::test]
async fn a_long_answer_is_judged_by_what_passed() {
    let filling = "x".repeat(100_000);
    for (body, class) in [
        (
            r#"{"candidates":[{"content":{"parts":[{"text":"FILL"}]},"finishReason":"STOP"}]}"#,
            Class::NoImage,
        ),
        (
            r#"{"a":"FILL","candidates":[{"finishReason":"IMAGE_SAFETY"}]}"#,
            Class::ContentBlocked,
        ),
        (
            r#"{"a":"FILL","error":{"code":503,"message":"The model is overloaded"}}"#,
            Class::Overloaded,
        ),
        (
            r#"{"a":"FILL","data":[{"b64_json":"AA=="}]}"#,
            Class::Delivered,
        ),
    ] {
        let body = Bytes::from(body.replace("FILL", &filling));
        let pieces: Vec<_> = body.chunks(997).map(Bytes::copy_from_slice).collect();
        let (attempt, passed) = judge(true, Ok(json(MockBody::of(pieces)))).await;
        assert_eq!(passed.unwrap(), body);
        assert_eq!(ended(&attempt), (End::Finished, class));
        assert_eq!(attempt.evidence().bytes, body.len() as u64);
    }
}

#[tokio::test]
async fn the_ids_of_an_answer_that_nobody_read_to_its_end_are_known() {
    let mut response = json(MockBody::of(long_picture()));
    response
        .headers_mut()
        .insert("x-request-id", HeaderValue::from_static("req_1"));
    let answer = std::sync::Mutex::new(Some(response));
    let service = service_fn(|_: Request<Empty<Bytes>>| {
        std::future::ready(Ok::<_, Infallible>(answer.lock().unwrap().take().unwrap()))
    });
    let layer = ClassifyLayer::default();
    let response = layer
        .layer(service)
        .oneshot(Request::new(Empty::new()))
        .await
        .unwrap();
    let attempt = response.extensions().get::<Attempt>().unwrap().clone();
    drop(response);
    assert_eq!(ended(&attempt), (End::Cancelled, Class::Undelivered));
    assert_eq!(&*attempt.evidence().request_ids[0].id, "req_1");
}

#[tokio::test]
async fn of_a_compressed_answer_the_head_decides() {
    for (status, class) in [(200, Class::Delivered), (503, Class::Unavailable)] {
        let mut response = json(MockBody::of(["\u{1f}gzip, unread"]));
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        let value = HeaderValue::from_static("gzip");
        response.headers_mut().insert("content-encoding", value);
        let (attempt, body) = judge(true, Ok(response)).await;
        body.unwrap();
        assert_eq!(ended(&attempt), (End::Finished, class));
    }
}
