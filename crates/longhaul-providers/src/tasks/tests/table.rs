//! The table of what each point of failure means, row by row.

use longhaul::{Class, ErrorKind};
use longhaul_sim::{SimError, TaskFailure};
use tokio::time::Instant;
use tower::service_fn;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_lost_submit_is_never_sent_again() {
    // Replicate lists its tasks: see below.
    for (name, ..) in CALLS.into_iter().filter(|(name, ..)| *name != "replicate") {
        for script in ["reset@0.5", "gateway-timeout@0.5", "cut@0.5"] {
            let provider = provider(script);
            match call_once(&provider, name).await {
                Ok(response) => assert_eq!(response.status(), 504, "{name} {script}"),
                Err(error) => {
                    let source = std::error::Error::source(&error).unwrap();
                    assert!(source.is::<SimError>(), "{name} {script}: {error}");
                }
            }
            assert_eq!(entries(&provider).await.len(), 1, "{name} {script}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_dialect_that_takes_a_key_once_is_sent_again() {
    let row = rows().replace("submit = {", "submit = { idempotent = true,");
    let layer = SubmitAndPollLayer::new(TasksPolicy::from_toml(&row).unwrap()).unwrap();
    for script in ["reset@0.5*2", "gateway-timeout@0.5*2"] {
        let provider = builder(script).idempotent(true).build().unwrap();
        let response = call(&layer, &provider, request("relay")).await.unwrap();
        assert!(picture(&json(response).await).is_some(), "{script}");
        let totals = provider.oracle().totals();
        assert_eq!((totals.requests, totals.charged), (3, 1), "{script}");
    }

    let provider = builder("reset@0.5*2").idempotent(true).build().unwrap();
    let mut unkeyed = request("relay");
    unkeyed.headers_mut().remove("idempotency-key");
    call(&layer, &provider, unkeyed).await.unwrap_err();
    assert_eq!(provider.oracle().totals().requests, 1);
}

#[tokio::test(start_paused = true)]
async fn a_refused_submit_is_handed_on() {
    for (script, status) in [
        ("overloaded", 503),
        ("rate-limited@7", 429),
        ("quota", 429),
        ("unauthorized", 401),
        ("bad-request", 400),
        ("server-error", 500),
    ] {
        let provider = provider(script);
        let response = call_once(&provider, "openai-responses").await.unwrap();
        assert_eq!(response.status(), status, "{script}");
        assert!(json(response).await["error"].is_object());
        assert_eq!(entries(&provider).await.len(), 1, "{script}");
    }
}

#[tokio::test(start_paused = true)]
async fn polls_that_fail_say_nothing_of_the_task() {
    for (name, ..) in CALLS {
        for (script, fails) in [
            ("poll-503@60+takes@100", true),
            ("poll-404@20+takes@100", false),
        ] {
            let provider = provider(script);
            let response = call_once(&provider, name).await.unwrap();
            let report = response.extensions().get::<TaskReport>().unwrap().clone();
            assert!(picture(&json(response).await).is_some(), "{name} {script}");
            assert_eq!(report.failed_polls > 0, fails, "{name} {script}");
            assert_eq!(entries(&provider).await.len(), 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_collection_that_breaks_off_is_made_again() {
    for script in ["truncated", "stalled", "truncated-close"] {
        for name in ["openai-responses", "relay", "fal"] {
            let provider = provider(script);
            let response = call_once(&provider, name).await.unwrap();
            assert!(picture(&json(response).await).is_some(), "{name} {script}");
            assert_eq!(provider.oracle().totals().requests, 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_that_is_lost_is_owed() {
    for (name, ..) in CALLS {
        let provider = provider("task-lost@40+takes@100");
        let error = call_once(&provider, name).await.unwrap_err();
        let Some(TaskError::Lost { status, .. }) = task_error(&error) else {
            panic!("{name}: {error:?}");
        };
        assert_eq!(*status, 404);
        assert_eq!(
            entries(&provider).await.len(),
            1,
            "{name}: never submitted again"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_result_that_is_not_found_at_once_may_only_be_late() {
    let layer = SubmitAndPollLayer::new(policy()).unwrap();
    for (late, found) in [(20, true), (300, false)] {
        let done = std::sync::Arc::new(std::sync::Mutex::new(None));
        let client = service_fn(move |request: Request<JoinedBody<Full<Bytes>>>| {
            let (status, document) = match request.uri().path() {
                "/t" => (
                    200,
                    r#"{"status":"COMPLETED","response_url":"https://queue.fal.run/r"}"#,
                ),
                "/r" => {
                    let done = *done.lock().unwrap().get_or_insert(Instant::now());
                    match done.elapsed() < Duration::from_secs(late) {
                        true => (404, "{}"),
                        false => (200, r#"{"images":[{"url":"https://cdn.test/1.png"}]}"#),
                    }
                }
                _ => (
                    200,
                    r#"{"request_id":"t","status":"IN_QUEUE","status_url":"https://queue.fal.run/t"}"#,
                ),
            };
            let answer = Response::builder()
                .status(status)
                .body(Full::<Bytes>::from(document));
            async move { answer }
        });
        // Asked after for the first time when the grace of the submit is over.
        let mut request = request("fal");
        workload(&mut request);
        let answer = layer.layer(client).oneshot(request).await;
        assert_eq!(answer.is_ok(), found, "after {late} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_that_the_key_may_not_ask_after_stays_open() {
    let layer = SubmitAndPollLayer::new(policy()).unwrap();
    let provider = provider("poll-unauthorized");
    for _ in 0..2 {
        let error = call(&layer, &provider, request("relay")).await.unwrap_err();
        assert!(
            matches!(task_error(&error), Some(TaskError::Unauthorized { .. })),
            "{error:?}"
        );
    }
    assert_eq!(
        entries(&provider).await.len(),
        1,
        "the second call asked for the same task"
    );
}

#[tokio::test(start_paused = true)]
async fn a_failed_task_has_the_status_of_the_unary_call() {
    for failure in TaskFailure::ALL {
        let expected = match failure {
            TaskFailure::ServerError | TaskFailure::Undocumented | TaskFailure::Cancelled => 500,
            TaskFailure::RateLimited | TaskFailure::Quota => 429,
            TaskFailure::Policy | TaskFailure::InvalidPrompt | TaskFailure::Filtered => 400,
            TaskFailure::Deadline => 504,
            _ => 200,
        };
        let provider = provider(&format!("task-failed@{failure}+takes@50"));
        let response = call_once(&provider, "openai-responses").await.unwrap();
        assert_eq!(response.status(), expected, "{failure}");
        let document = json(response).await;
        if expected == 200 {
            assert_eq!(
                (&document["status"], picture(&document)),
                (&"incomplete".into(), None)
            );
        } else {
            assert_eq!(document["error"]["code"], failure.code(), "{failure}");
        }
        assert_eq!(entries(&provider).await.len(), 1, "{failure}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_dialect_tells_its_own_failures() {
    for (name, ..) in CALLS {
        for (failure, expected) in [
            (TaskFailure::RateLimited, 429),
            (TaskFailure::Policy, 400),
            (TaskFailure::ServerError, 500),
            (TaskFailure::Deadline, 504),
        ] {
            let provider = provider(&format!("task-failed@{failure}+takes@50"));
            let response = call_once(&provider, name).await.unwrap();
            assert_eq!(response.status(), expected, "{name} {failure}");
            assert!(String::from_utf8_lossy(&text(response).await).contains(failure.code()));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn done_without_a_picture_is_an_answer_without_one() {
    for name in ["openai-responses", "relay", "fal"] {
        let provider = provider("no-image+takes@50");
        let response = call_once(&provider, name).await.unwrap();
        assert_eq!(response.status(), 200, "{name}");
        let document = json(response).await;
        assert_eq!(picture(&document), None, "{name}");
        assert!(document.is_object());
    }
}

#[tokio::test(start_paused = true)]
async fn an_undocumented_state_is_no_end_and_is_reported() {
    for (name, ..) in CALLS {
        let provider = provider("task-odd-state+takes@100");
        let response = call_once(&provider, name).await.unwrap();
        let report = response.extensions().get::<TaskReport>().unwrap();
        assert_eq!(&*report.unknown_states, ["warming_up".into()], "{name}");
        assert!(picture(&json(response).await).is_some(), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn at_the_deadline_the_handle_stays_open() {
    let layer = SubmitAndPollLayer::new(policy()).unwrap();
    let provider = provider("none+takes@300");
    let mut hurried = request("relay");
    hurried
        .extensions_mut()
        .insert(longhaul::Deadline::after(MINUTE));
    let error = call(&layer, &provider, hurried).await.unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Timeout { limit, .. } if *limit == MINUTE),
        "{error}"
    );
    assert!(matches!(task_error(&error), Some(TaskError::Open { .. })));

    let response = call(&layer, &provider, request("relay")).await.unwrap();
    assert!(response.extensions().get::<TaskReport>().unwrap().resumed);
    assert!(picture(&json(response).await).is_some());
    let totals = provider.oracle().totals();
    assert_eq!(
        (totals.requests, totals.charged, totals.delivered),
        (1, 1, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_submit_that_is_never_answered_ends_at_the_deadline() {
    let provider = provider("silence");
    let mut hurried = request("relay");
    hurried
        .extensions_mut()
        .insert(longhaul::Deadline::after(MINUTE));
    let layer = SubmitAndPollLayer::new(policy()).unwrap();
    let error = call(&layer, &provider, hurried).await.unwrap_err();
    assert!(error.is_timeout());
    assert_eq!(provider.oracle().totals().requests, 1);
}

#[tokio::test(start_paused = true)]
async fn a_link_that_has_expired_is_left_to_its_reader() {
    let provider = provider("task-picture-gone");
    let response = call_once(&provider, "sub2api").await.unwrap();
    assert!(picture(&json(response).await).is_some());
    assert_eq!(entries(&provider).await.len(), 1);
}

#[test]
fn a_lost_task_is_undelivered_and_an_empty_one_has_no_image() {
    let lost = Collected::Failed(TaskError::Lost {
        dialect: "relay".into(),
        id: "t".into(),
        status: http::StatusCode::NOT_FOUND,
    });
    assert_eq!(lost.class(), Some(Class::Undelivered));
}
