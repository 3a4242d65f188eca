//! Which clock ends an attempt, and when.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_request_that_does_not_leave_ends_as_never_sent() {
    let stuck = service_fn(async |_request: Request<RequestBody<Full<Bytes>>>| {
        pending::<Result<Response<Empty<Bytes>>, Infallible>>().await
    });
    let began = Instant::now();
    let error = call(stuck, request(Full::from("{}"), Resolution::K1))
        .await
        .unwrap_err();
    assert_eq!(began.elapsed().as_secs(), 20);
    assert_eq!(clock_of(&error), Clock::Start);
    assert_eq!(error.phase(), Some(Phase::Connect));
    assert_eq!(error.class(), Class::NeverSent);
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_stops_ends_as_sent_in_part() {
    let slow = service_fn(async |request: Request<RequestBody<MockBody>>| {
        send(request.into_body()).await;
        pending::<Result<Response<Empty<Bytes>>, Infallible>>().await
    });
    let began = Instant::now();
    let body = frames([25, 25, 25]).then(Step::Hang);
    let error = call(slow, request(body, Resolution::K1)).await.unwrap_err();
    assert_eq!(began.elapsed().as_secs(), 75 + 30);
    assert_eq!(clock_of(&error), Clock::WriteProgress);
    assert_eq!(error.phase(), Some(Phase::Write));
    assert_eq!(error.class(), Class::SentPartial);
}

#[tokio::test(start_paused = true)]
async fn a_slow_upload_does_not_eat_the_time_of_the_generation() {
    let service = service_fn(async |request: Request<RequestBody<MockBody>>| {
        send(request.into_body()).await;
        sleep(299 * SECOND).await;
        Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
    });
    let body = frames([25; 20]);
    call(service, request(body, Resolution::K1)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_stops_arriving_ends_as_undelivered() {
    let service = service_fn(async |_: Request<RequestBody<Empty<Bytes>>>| {
        Ok::<_, Infallible>(Response::new(frames([50, 50]).then(Step::Hang)))
    });
    let response = call(service, request(Empty::new(), Resolution::K1))
        .await
        .unwrap();
    let attempt = response.extensions().get::<Attempt>().unwrap().clone();
    let began = Instant::now();
    let error = response.into_body().collect().await.err().unwrap();
    assert_eq!(began.elapsed().as_secs(), 100 + 120);
    assert_eq!(clock_of(&error), Clock::Silence);
    let outcome = attempt.outcome().await;
    assert_eq!(
        (outcome.end, outcome.class),
        (End::TimedOut, Class::Undelivered)
    );
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_still_arrives_is_not_given_up() {
    let service = service_fn(async |_: Request<RequestBody<Empty<Bytes>>>| {
        Ok::<_, Infallible>(Response::new(frames([50; 20])))
    });
    let response = call(service, request(Empty::new(), Resolution::K1))
        .await
        .unwrap();
    let began = Instant::now();
    response.into_body().collect().await.unwrap();
    assert_eq!(began.elapsed().as_secs(), 1_000);
}

#[tokio::test(start_paused = true)]
async fn the_attempt_limit_spans_head_and_body() {
    let limits = TimeoutPolicy {
        attempt: Some(650 * SECOND),
        ..TimeoutPolicy::default()
    };
    let service = service_fn(async |_: Request<RequestBody<Empty<Bytes>>>| {
        sleep(500 * SECOND).await;
        Ok::<_, Infallible>(Response::new(frames([50; 20])))
    });
    let began = Instant::now();
    let response = SizeAwareTimeoutLayer::new(limits)
        .unwrap()
        .layer(service)
        .oneshot(request(Empty::new(), Resolution::K4))
        .await
        .unwrap();
    let error = response.into_body().collect().await.err().unwrap();
    assert_eq!(began.elapsed().as_secs(), 650);
    assert_eq!(clock_of(&error), Clock::Attempt);
}

#[tokio::test(start_paused = true)]
async fn the_operations_deadline_ends_an_attempt() {
    let silent = service_fn(async |request: Request<RequestBody<Full<Bytes>>>| {
        send(request.into_body()).await;
        pending::<Result<Response<Empty<Bytes>>, Infallible>>().await
    });
    let mut request = request(Full::from("{}"), Resolution::K4);
    request
        .extensions_mut()
        .insert(Deadline::after(100 * SECOND));
    let began = Instant::now();
    let error = call(silent, request).await.unwrap_err();
    assert_eq!(began.elapsed().as_secs(), 100);
    assert_eq!(clock_of(&error), Clock::Operation);
}

#[tokio::test(start_paused = true)]
async fn a_request_brings_its_own_limits() {
    let silent = service_fn(async |request: Request<RequestBody<Full<Bytes>>>| {
        send(request.into_body()).await;
        pending::<Result<Response<Empty<Bytes>>, Infallible>>().await
    });
    let mut own = TimeoutPolicy::default();
    own.picture.k1 = 3 * SECOND;
    let mut request = request(Full::from("{}"), Resolution::K1);
    request.extensions_mut().insert(own.for_request().unwrap());
    let began = Instant::now();
    let error = call(silent, request).await.unwrap_err();
    assert_eq!(began.elapsed().as_secs(), 3, "nearer than the start limit");
    assert_eq!(clock_of(&error), Clock::Picture);
}
