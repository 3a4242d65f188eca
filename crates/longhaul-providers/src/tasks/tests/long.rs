//! Answers that are longer than may be held.

use http::Method;
use longhaul::Attempt;
use tower::service_fn;

use super::*;

/// Shorter than a light picture, and longer than every word of a state.
const SHORT: usize = 4096;

/// These rows, and no more than that is held.
fn short(rows: &str) -> TasksPolicy {
    TasksPolicy {
        longest_answer: SHORT,
        ..TasksPolicy::from_toml(rows).unwrap()
    }
}

fn layer() -> SubmitAndPollLayer {
    SubmitAndPollLayer::new(short(&rows())).unwrap()
}

fn light(script: &str) -> Provider {
    builder(script).image_weight(Weight::Light).build().unwrap()
}

/// A request of an attempt, whose books are told.
fn attempt(request: &mut Request<Full<Bytes>>) -> Attempt {
    Attempt::enter(request.extensions_mut()).0
}

#[tokio::test(start_paused = true)]
async fn an_answer_too_long_to_hold_is_collected_by_its_handle() {
    let (layer, provider) = (layer(), light("none+takes@60"));
    let mut first = request("relay");
    let submitted = attempt(&mut first);
    // The second call of the operation asks after the same task.
    for request in [first, request("relay")] {
        let error = call(&layer, &provider, request).await.unwrap_err();
        assert!(
            matches!(task_error(&error), Some(TaskError::TooLong { limit, .. }) if *limit == SHORT),
            "{error:?}"
        );
    }
    assert!(submitted.has_open_task(), "somebody is to collect it");

    let handle = submitted.task().unwrap();
    assert!(matches!(
        collected_by(&short(&rows()), &handle, &provider, MINUTE).await,
        Collected::Failed(TaskError::TooLong { .. })
    ));
    assert!(matches!(
        collected(&handle, &provider, MINUTE).await,
        Collected::Answer { picture: true, .. }
    ));
    let totals = provider.oracle().totals();
    assert_eq!((totals.requests, totals.charged), (1, 1));
}

/// A document of more than may be held, in two pieces.
fn padded(document: &str) -> [Bytes; 2] {
    let pad = "x".repeat(2 * SHORT);
    let text = document.replacen('{', &format!("{{\"pad\":\"{pad}\","), 1);
    let mut end = Bytes::from(text);
    [end.split_to(SHORT + 1), end]
}

const LINK: &str = r#"{"status":"completed","result":{"data":[{"url":"https://cdn.test/1.png"}]}}"#;
const DONE: &str = r#"{"status":"COMPLETED","response_url":"https://queue.fal.run/result"}"#;
const IMAGES: &str = r#"{"images":[{"url":"https://cdn.test/1.png"}]}"#;
const OUTPUT: &str = r#"{"status":"completed","output":[{"url":"https://cdn.test/1.png"}]}"#;

/// What a call gets of an API that answers its polls and the fetching of its result so, and its attempt.
async fn answered(
    policy: TasksPolicy,
    dialect: &str,
    poll: impl Into<Vec<Bytes>>,
    result: impl Into<Vec<Bytes>>,
) -> (
    Result<Response<JoinedBody<JoinedBody<Full<Bytes>>>>, Error>,
    Attempt,
) {
    let (poll, result) = (poll.into(), result.into());
    let submit = Bytes::from_static(
        br#"{"id":"t","request_id":"t","status":"IN_QUEUE","status_url":"https://queue.fal.run/t"}"#,
    );
    let client = service_fn(move |request: Request<JoinedBody<Full<Bytes>>>| {
        let pieces = match (request.method(), request.uri().path()) {
            (&Method::POST, _) => vec![submit.clone()],
            (_, "/result") => result.clone(),
            _ => poll.clone(),
        };
        let answer = Response::new(JoinedBody::whole(pieces));
        async move { Ok::<_, std::io::Error>(answer) }
    });
    let mut request = request(dialect);
    let attempt = attempt(&mut request);
    let layer = SubmitAndPollLayer::new(policy).unwrap();
    (layer.layer(client).oneshot(request).await, attempt)
}

#[tokio::test(start_paused = true)]
async fn what_is_to_be_read_is_never_handed_on_unread() {
    let links = rows().replace(
        r#"from = "field", at = "result""#,
        r#"from = "links", at = "result.data[].url""#,
    );
    for (rows, dialect, poll) in [
        (rows(), "relay", LINK),
        (links, "relay", LINK),
        (rows(), "fal", DONE),
    ] {
        let (answer, attempt) = answered(short(&rows), dialect, padded(poll), []).await;
        let error = answer.unwrap_err();
        assert!(
            matches!(task_error(&error), Some(TaskError::TooLong { .. })),
            "{dialect}: {error:?}"
        );
        assert!(attempt.has_open_task(), "{dialect}");

        let policy = TasksPolicy::from_toml(&rows).unwrap();
        let (answer, attempt) = answered(policy, dialect, padded(poll), [IMAGES.into()]).await;
        let body = answer.unwrap().into_body().collect().await.unwrap();
        let document: Value = serde_json::from_slice(&body.to_bytes()).unwrap();
        assert_eq!(picture(&document).as_deref(), Some("1"), "{dialect}");
        assert!(!attempt.has_open_task(), "{dialect}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_answer_that_is_the_unary_one_is_handed_on() {
    for (dialect, poll, result) in [
        ("openai-responses", padded(OUTPUT).to_vec(), vec![]),
        ("fal", vec![DONE.into()], padded(IMAGES).to_vec()),
    ] {
        let sent = if result.is_empty() { &poll } else { &result }.concat();
        let (answer, attempt) = answered(short(&rows()), dialect, poll, result).await;
        let answer = answer.unwrap();
        assert_eq!(answer.headers()["x-longhaul-task"], "t", "{dialect}");
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, sent, "{dialect}");
        assert!(!attempt.has_open_task(), "{dialect}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_answer_that_breaks_off_is_collected_again() {
    for leaves in [false, true] {
        let (layer, provider) = (layer(), light("truncated+takes@60"));
        let mut first = request("openai-responses");
        let submitted = attempt(&mut first);
        let answer = call(&layer, &provider, first).await.unwrap();
        match leaves {
            true => drop(answer),
            false => drop(answer.into_body().collect().await.unwrap_err()),
        }
        assert!(submitted.has_open_task(), "leaves: {leaves}");

        let mut again = request("openai-responses");
        let later = attempt(&mut again);
        let answer = call(&layer, &provider, again).await.unwrap();
        assert!(answer.extensions().get::<TaskReport>().unwrap().resumed);
        let document = json(answer).await;
        assert!(picture(&document).is_some() && !later.has_open_task());
        let totals = provider.oracle().totals();
        assert_eq!((totals.requests, totals.charged), (1, 1));
    }
}
