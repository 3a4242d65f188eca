//! What a report says of several attempts, and of none that was cut.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_report_says_what_most_attempts_met() {
    let seconds = Mutex::new(vec![60.3, 60.2, 20.0]);
    let client = service_fn(async |_: Request<Empty<Bytes>>| {
        let seconds = seconds.lock().unwrap().pop().unwrap();
        sleep(Duration::from_secs_f64(seconds)).await;
        Err::<Response<Empty<Bytes>>, _>(Error::new(ErrorKind::Disconnected))
    });
    let mut client = ClassifyingRetryLayer::new(RetryPolicy::default())
        .unwrap()
        .layer(ClassifyLayer::default().layer(client));
    let error = client
        .ready()
        .await
        .unwrap()
        .call(request("a.example"))
        .await
        .err()
        .unwrap();
    let diagnosis = error.report().unwrap().diagnosis().unwrap();
    assert_eq!(
        diagnosis.cause,
        Cause::Intermediary(Some(Duration::from_secs(60)))
    );
    assert!(
        diagnosis
            .evidence
            .iter()
            .any(|fact| fact.starts_with("attempt 1: connection closed 20.0 s"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_slow_picture_is_worth_a_word_and_a_usual_one_is_not() {
    for (seconds, slow) in [(120, false), (200, true)] {
        let client = service_fn(async |_: Request<Empty<Bytes>>| {
            sleep(Duration::from_secs(seconds)).await;
            let body = Full::<Bytes>::from(r#"{"data":[{"b64_json":"AA=="}]}"#);
            Ok::<_, Infallible>(Response::new(body))
        });
        let layer = ClassifyLayer::default();
        let response = layer
            .layer(client)
            .oneshot(request("a.example"))
            .await
            .unwrap();
        let attempt = response
            .extensions()
            .get::<crate::attempt::Attempt>()
            .unwrap()
            .clone();
        response.into_body().collect().await.unwrap();
        let cause = of_attempt(&attempt).map(|diagnosis| diagnosis.cause);
        assert_eq!(cause, slow.then_some(Cause::ModelSlow));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_http_is_no_cut_however_long_it_took() {
    let layer = ClassifyLayer::default();
    for _ in 0..3 {
        let client = service_fn(async |request: Request<Empty<Bytes>>| {
            // After a time at which several proxies give up.
            sleep(Duration::from_secs(60)).await;
            let attempt: &crate::attempt::Attempt = request.extensions().get().unwrap();
            attempt.malformed_response();
            let reason = "message head is too large".into();
            let error = Error::new(ErrorKind::MalformedResponse { reason });
            Err::<Response<Empty<Bytes>>, BoxError>(error.into())
        });
        let client = layer.layer(client);
        let error = client.oneshot(request("a.example")).await.unwrap_err();

        let attempt = error.attempt().unwrap();
        assert_eq!(error.class(), Class::UnknownOutcome);
        for diagnosis in [error.diagnosis(), of_attempt(attempt).unwrap()] {
            assert_eq!(diagnosis.cause, Cause::MalformedResponse);
            assert_eq!(diagnosis.confidence, Confidence::Certain);
        }
        let text = error.to_string();
        assert!(text.contains("message head is too large"), "{text}");
        assert!(
            !text.contains("closed") && !text.contains("intermediary"),
            "{text}"
        );
    }
}
