//! The limit by size runs until the picture begins to arrive; what was sent is proved, not guessed.

use super::*;

/// An answer whose pieces come after these waits, in seconds.
fn pieces<const N: usize>(pieces: [(u64, &'static str); N]) -> MockBody {
    MockBody::new(
        pieces
            .into_iter()
            .flat_map(|(wait, piece)| [Step::wait(wait), Step::data(piece)]),
    )
}

/// The end of an answer that consists of `body`, and after how many seconds it came.
async fn end_of(body: MockBody, resolution: Resolution) -> (Result<(), Clock>, u64) {
    let body = Mutex::new(Some(body));
    let service = service_fn(async |request: Request<RequestBody<Full<Bytes>>>| {
        send(request.into_body()).await;
        Ok::<_, Infallible>(Response::new(body.lock().unwrap().take().unwrap()))
    });
    let began = Instant::now();
    let response = call(service, request(Full::from("{}"), resolution)).await;
    let end = response.unwrap().into_body().collect().await;
    (
        end.map(drop).map_err(|error| clock_of(&error)),
        began.elapsed().as_secs(),
    )
}

#[tokio::test(start_paused = true)]
async fn a_head_before_the_work_does_not_shorten_the_limit() {
    // OpenAI's image streams: the head at once, nothing until the picture.
    let (end, seconds) = end_of(pieces([(590, "picture")]), Resolution::K4).await;
    assert_eq!((end, seconds), (Ok(()), 590));
    let (end, seconds) = end_of(pieces([(1_000, "picture")]), Resolution::K4).await;
    assert_eq!((end, seconds), (Err(Clock::Picture), 600));
}

#[tokio::test(start_paused = true)]
async fn signs_of_life_neither_begin_nor_prolong_a_picture() {
    for sign in [" ", "\n", ": ping\n\n"] {
        let beats = [Step::wait(10), Step::data(sign)].into_iter().cycle();
        let picture = [Step::wait(10), Step::data("picture")];
        let beating = MockBody::new(beats.take(200).chain(picture));
        let (end, seconds) = end_of(beating, Resolution::K1).await;
        assert_eq!((end, seconds), (Err(Clock::Picture), 300), "{sign:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn half_a_picture_may_pause_for_two_minutes() {
    let (end, _) = end_of(pieces([(290, "half"), (119, "half")]), Resolution::K1).await;
    assert_eq!(end, Ok(()));
    let (end, seconds) = end_of(pieces([(290, "half"), (121, "half")]), Resolution::K1).await;
    assert_eq!((end, seconds), (Err(Clock::Silence), 290 + 120));
}

#[tokio::test(start_paused = true)]
async fn a_reader_above_says_when_the_picture_begins() {
    let service = service_fn(async |request: Request<RequestBody<Full<Bytes>>>| {
        send(request.into_body()).await;
        let status = "event: status\n\n";
        Ok::<_, Infallible>(Response::new(pieces([
            (1, status),
            (250, "picture"),
            (110, "end"),
        ])))
    });
    // The status event is no picture to the layer that reads the answer.
    let (attempt, _) = {
        let mut request = request(Full::from("{}"), Resolution::K1);
        let (attempt, _) = Attempt::enter(request.extensions_mut());
        attempt.await_picture();
        let response = call(service, request).await.unwrap();
        let mut body = Box::pin(response.into_body());
        body.as_mut().frame().await.unwrap().unwrap();
        body.as_mut().frame().await.unwrap().unwrap();
        attempt.note_picture_began();
        body.as_mut().frame().await.unwrap().unwrap();
        (attempt, ())
    };
    assert!(matches!(
        attempt.picture(),
        crate::attempt::PictureNote::Began(_)
    ));
}

#[tokio::test(start_paused = true)]
async fn a_late_attempt_goes_on_to_the_deadline() {
    let mut policy = TimeoutPolicy {
        at_limit: Some(AtLimit::Late),
        ..TimeoutPolicy::default()
    };
    for (before_head, before_picture, head) in [(700, 0, true), (1, 700, false)] {
        let service = service_fn(async |request: Request<RequestBody<Full<Bytes>>>| {
            send(request.into_body()).await;
            sleep(Duration::from_secs(before_head)).await;
            Ok::<_, Infallible>(Response::new(pieces([(before_picture, "picture")])))
        });
        let mut request = request(Full::from("{}"), Resolution::K4);
        let (attempt, _) = Attempt::enter(request.extensions_mut());
        request
            .extensions_mut()
            .insert(Deadline::after(1_000 * SECOND));
        let layer = SizeAwareTimeoutLayer::new(policy.clone()).unwrap();
        let response = layer.layer(service).oneshot(request).await.unwrap();
        assert_eq!(attempt.is_late(), head);
        response.into_body().collect().await.unwrap();
        assert!(attempt.is_late());
    }
    // Without a deadline nothing would end it.
    policy.start = 700 * SECOND;
    let silent = service_fn(async |_: Request<RequestBody<Empty<Bytes>>>| {
        pending::<Result<Response<Empty<Bytes>>, Infallible>>().await
    });
    let layer = SizeAwareTimeoutLayer::new(policy).unwrap();
    let error = layer
        .layer(silent)
        .oneshot(request(Empty::new(), Resolution::K4))
        .await
        .unwrap_err();
    assert_eq!(clock_of(&error), Clock::Picture);
}

/// Asks for as many bytes as the header announces, as hyper does, and never for the end.
async fn send_announced<B: Body<Data = Bytes>>(request: Request<B>) {
    let announced = request.headers()["content-length"].to_str().unwrap();
    let mut left: usize = announced.parse().unwrap();
    let mut body = Box::pin(request.into_body());
    while left > 0 {
        let Some(Ok(frame)) = body.as_mut().frame().await else {
            panic!("the body ended early");
        };
        left -= frame.into_data().unwrap().len();
    }
}

#[tokio::test(start_paused = true)]
async fn a_streamed_body_ends_at_its_announced_length() {
    let service = service_fn(async |request: Request<RequestBody<MockBody>>| {
        send_announced(request).await;
        sleep(250 * SECOND).await;
        Err::<Response<Empty<Bytes>>, _>(io::Error::from(io::ErrorKind::ConnectionReset))
    });
    let mut request = request(frames([1, 1, 1]), Resolution::K1);
    request.headers_mut().insert("content-length", 3.into());
    let error = call(service, request).await.unwrap_err();
    assert_eq!(
        error.class(),
        Class::UnknownOutcome,
        "no write clock ended it: {error}"
    );
    assert_eq!(error.phase(), Some(Phase::Head));
}

#[tokio::test(start_paused = true)]
async fn an_unreachable_host_after_the_request_left_is_unknown() {
    for kind in [
        io::ErrorKind::HostUnreachable,
        io::ErrorKind::NetworkUnreachable,
        io::ErrorKind::ConnectionRefused,
        io::ErrorKind::AddrNotAvailable,
    ] {
        let sent = service_fn(async |request: Request<RequestBody<Full<Bytes>>>| {
            send(request.into_body()).await;
            Err::<Response<Empty<Bytes>>, _>(io::Error::from(kind))
        });
        let error = call(sent, request(Full::from("{}"), Resolution::K4))
            .await
            .unwrap_err();
        assert_eq!(error.class(), Class::UnknownOutcome, "{kind}");
        let unasked = service_fn(async |_: Request<RequestBody<Full<Bytes>>>| {
            Err::<Response<Empty<Bytes>>, _>(io::Error::from(kind))
        });
        let error = call(unasked, request(Full::from("{}"), Resolution::K4))
            .await
            .unwrap_err();
        assert_eq!(error.class(), Class::NeverSent, "{kind}");
    }
}

#[derive(Debug)]
struct Flushed;

impl Transport for Flushed {
    fn written(&self) -> Written {
        Written {
            written: 300,
            flushed: 300,
            last_write: Some(Instant::now()),
            flushed_at: Some(Instant::now()),
            unfinished: false,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn bytes_on_the_wire_outrank_every_name_of_an_error() {
    for kind in [
        ErrorKind::NotStarted,
        ErrorKind::Connect {
            stage: crate::error::ConnectStage::Unknown,
        },
        ErrorKind::RequestBody,
    ] {
        let service = service_fn(async |request: Request<RequestBody<Full<Bytes>>>| {
            let attempt = request.extensions().get::<Attempt>().unwrap().clone();
            attempt.link(Arc::new(Flushed));
            send(request.into_body()).await;
            Err::<Response<Empty<Bytes>>, _>(Error::new(kind.clone()))
        });
        let error = call(service, request(Full::from("{}"), Resolution::K4))
            .await
            .unwrap_err();
        let attempt = error.attempt().unwrap();
        let outcome = attempt.outcome_now().unwrap();
        assert_eq!(outcome.class, Class::UnknownOutcome, "{kind:?}");
    }
}
