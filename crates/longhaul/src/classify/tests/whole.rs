//! An answer is whole when its document is, whatever its connection does then.

mod picture_began;
mod picture_file;

use tokio::time::Instant;

use super::*;

pub(super) fn answer(
    kind: &'static str,
    steps: impl IntoIterator<Item = Step>,
) -> Response<MockBody> {
    let mut response = Response::new(MockBody::new(steps));
    let kind = HeaderValue::from_static(kind);
    response.headers_mut().insert("content-type", kind);
    response
}

pub(super) fn workload() -> Workload {
    Workload::of(Resolution::K4)
}

/// The attempt, and the answer to it or the error.
pub(super) async fn call<B>(
    layer: &ClassifyLayer,
    workload: Workload,
    answer: Response<B>,
) -> (
    Attempt,
    Result<Response<ResponseBody<B, DefaultClassifier>>, Error>,
)
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    let answer = std::sync::Mutex::new(Some(answer));
    let service = service_fn(|_: Request<Empty<Bytes>>| {
        std::future::ready(Ok::<_, Infallible>(answer.lock().unwrap().take().unwrap()))
    });
    let mut request = Request::new(Empty::new());
    request.extensions_mut().insert(workload);
    let (attempt, _) = Attempt::enter(request.extensions_mut());
    let answered = layer.layer(service).oneshot(request).await;
    (attempt, answered)
}

fn streaming() -> ClassifyLayer {
    ClassifyLayer::new(ClassifyPolicy {
        hold: false,
        ..ClassifyPolicy::default()
    })
    .unwrap()
}

const LINK: &str = r#"{"data":[{"url":"https://pictures.example/1"}]}"#;

fn picture() -> Bytes {
    long_picture().concat().into()
}

#[tokio::test(start_paused = true)]
async fn a_whole_document_is_delivered_whatever_follows() {
    for document in [LINK.into(), picture()] {
        for (end, seconds) in [(None, 0), (Some(Step::Break), 0), (Some(Step::Hang), 1)] {
            let began = Instant::now();
            let steps = [Step::data(document.clone())].into_iter().chain(end);
            let mut answer = answer("application/json", steps);
            let headers = answer.headers_mut();
            headers.insert("transfer-encoding", HeaderValue::from_static("chunked"));
            headers.insert("trailer", HeaderValue::from_static("x-sum"));
            let (attempt, answered) = call(&ClassifyLayer::default(), workload(), answer).await;
            let answered = answered.unwrap();
            assert_eq!(ended(&attempt), (End::Finished, Class::Delivered));
            let length = document.len().to_string();
            assert_eq!(answered.headers()["content-length"], *length);
            assert!(!answered.headers().contains_key("transfer-encoding"));
            assert!(!answered.headers().contains_key("trailer"));
            assert_eq!(answered.body().size_hint().exact(), length.parse().ok());
            let body = answered.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body, document);
            assert_eq!(began.elapsed().as_secs(), seconds);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_with_its_document_if_no_length_was_told() {
    for (end, seconds) in [(Step::Break, 0), (Step::Hang, 1)] {
        let began = Instant::now();
        let answer = answer("application/json", [Step::data(picture()), end]);
        let (attempt, answered) = call(&streaming(), workload(), answer).await;
        let body = answered.unwrap().into_body().collect().await.unwrap();
        assert_eq!(body.to_bytes(), picture());
        assert_eq!(ended(&attempt), (End::Finished, Class::Delivered));
        assert_eq!(began.elapsed().as_secs(), seconds);
    }
}

#[tokio::test(start_paused = true)]
async fn who_was_told_a_length_gets_the_break_and_the_books_the_truth() {
    let mut answer = answer("application/json", [Step::data(picture()), Step::Break]);
    let length = HeaderValue::from(picture().len() + 2);
    answer.headers_mut().insert("content-length", length);
    let (attempt, answered) = call(&streaming(), workload(), answer).await;
    let body = answered.unwrap().into_body().collect().await;
    assert!(body.unwrap_err().find_source::<io::Error>().is_some());
    assert_eq!(ended(&attempt), (End::Finished, Class::Delivered));
}

#[tokio::test(start_paused = true)]
async fn a_document_that_says_nothing_is_not_whole_when_it_breaks() {
    // The progress of the work, one document a line; then a document of which the end is missing.
    let progress = "{\"status\":\"processing\"}\n";
    for (acts, class) in [
        (vec![Step::data(progress), Step::Break], Class::Undelivered),
        (
            vec![Step::data(progress), Step::data(&LINK[..20])],
            Class::Undelivered,
        ),
        (
            vec![Step::data(progress), Step::wait(90), Step::data(LINK)],
            Class::Delivered,
        ),
        (
            vec![
                Step::data(r#"{"error":{"code":"moderation_blocked"}}"#),
                Step::Break,
            ],
            Class::ContentBlocked,
        ),
        (
            vec![
                Step::data(r#"{"candidates":[{"finishReason":"NO_IMAGE"}]}"#),
                Step::Hang,
            ],
            Class::NoImage,
        ),
    ] {
        let answer = answer("application/json", acts);
        let (attempt, answered) = call(&ClassifyLayer::default(), workload(), answer).await;
        assert_eq!(answered.is_err(), class == Class::Undelivered);
        assert_eq!(ended(&attempt).1, class);
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_answer_is_whole_when_its_document_is() {
    for end in [Step::Break, Step::Hang] {
        let error = r#"{"error":{"code":503,"message":"overloaded"}}"#;
        let mut answer = answer("application/json", [Step::data(error), end]);
        *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        let (attempt, answered) = call(&ClassifyLayer::default(), workload(), answer).await;
        let body = answered.unwrap().into_body().collect().await.unwrap();
        assert_eq!(body.to_bytes(), error);
        assert_eq!(ended(&attempt), (End::Finished, Class::Overloaded));
    }
}

/// Events that end a stream, and how many pictures were asked for.
const LAST: [(&str, u32); 5] = [
    ("data: {\"b64_json\":\"AA\"}\n\ndata: [DONE]\n\n", 9),
    ("data: {\"b64_json\":\"AA\"}\r\n\r\ndata:[DONE]", 1),
    (
        "data: {\"type\":\"image_generation.completed\",\"b64_json\":\"AA\"}\n\n",
        1,
    ),
    (
        "data: {\"type\":\"image_edit.completed\",\"b64_json\":\"AA\"}\n\ndata: {\"type\":\"image_edit.completed\",\"b64_json\":\"AA\"}\n\n",
        2,
    ),
    (
        "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"output\":[{\"result\":\"AA\"}]}}\n\n",
        3,
    ),
];

#[tokio::test(start_paused = true)]
async fn an_event_stream_is_whole_at_its_last_event() {
    for (events, images) in LAST {
        for (end, seconds) in [(Step::Break, 0), (Step::Hang, 1)] {
            let began = Instant::now();
            let pieces = events.as_bytes().chunks(7).map(Step::data);
            let answer = answer("text/event-stream", pieces.chain([end]));
            let workload = workload().with_images(images);
            let (attempt, answered) = call(&ClassifyLayer::default(), workload, answer).await;
            let body = answered.unwrap().into_body().collect().await.unwrap();
            assert_eq!(body.to_bytes(), events);
            let (end, class) = ended(&attempt);
            assert_eq!((end, class), (End::Finished, Class::Delivered), "{events}");
            assert_eq!(began.elapsed().as_secs(), seconds, "{events}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_stream_goes_on_until_all_its_pictures_came() {
    let one = "data: {\"type\":\"image_generation.completed\",\"b64_json\":\"AA\"}\n\n";
    let acts = [Step::data(one), Step::wait(100), Step::data(one)];
    let answer = answer("text/event-stream", acts);
    let workload = workload().with_images(2);
    let (attempt, answered) = call(&ClassifyLayer::default(), workload, answer).await;
    let body = answered.unwrap().into_body().collect().await.unwrap();
    assert_eq!(body.to_bytes().len(), 2 * one.len());
    assert_eq!(attempt.evidence().images, 2);
}

/// Nobody has read how many are asked for, as of a request that is compressed.
#[tokio::test(start_paused = true)]
async fn a_stream_of_an_unknown_number_of_pictures_goes_on() {
    let one = "data: {\"type\":\"image_generation.completed\",\"b64_json\":\"AA\"}\n\n";
    let acts = [Step::data(one), Step::wait(100), Step::data(one)];
    let answer = answer("text/event-stream", acts);
    let (attempt, answered) = call(&ClassifyLayer::default(), Workload::default(), answer).await;
    let body = answered.unwrap().into_body().collect().await.unwrap();
    assert_eq!(body.to_bytes().len(), 2 * one.len());
    assert_eq!(attempt.evidence().images, 2);
}

#[tokio::test(start_paused = true)]
async fn who_stops_at_the_last_bracket_or_event_has_it_all() {
    let json = picture();
    let mut cases = vec![("application/json", json, 1)];
    cases.extend(LAST.map(|(events, images)| ("text/event-stream", events.into(), images)));
    for (kind, document, images) in cases {
        let answer = answer(kind, [Step::data(document), Step::Hang]);
        let workload = workload().with_images(images);
        let (attempt, answered) = call(&streaming(), workload, answer).await;
        let mut body = answered.unwrap().into_body();
        body.frame().await.unwrap().unwrap();
        assert_eq!(attempt.outcome_now(), None, "it may go on");
        drop(body);
        assert_eq!(ended(&attempt), (End::Finished, Class::Delivered), "{kind}");
        assert!(attempt.evidence().images > 0);
    }
}

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\x02IHDRxy....\0\0\0\0IEND\xae\x42\x60\x82";
