//! Where a key goes: nowhere that an answer alone names.

use std::sync::{Arc, Mutex};

use http::{StatusCode, header::AUTHORIZATION};
use tower::service_fn;

use super::*;

/// What a client was asked for: the URI, and whether a key came with it.
type Seen = Arc<Mutex<Vec<(String, bool)>>>;

/// A client that answers a submit with `submit`, every further request with `then`, and keeps what it saw.
#[derive(Clone)]
struct Hostile {
    seen: Seen,
    submit: String,
    then: String,
}

impl Hostile {
    fn answer(&self, request: &Request<JoinedBody<Full<Bytes>>>) -> Response<Full<Bytes>> {
        let key = request.headers().contains_key(AUTHORIZATION);
        let uri = request.uri().to_string();
        self.seen.lock().unwrap().push((uri, key));
        if request.method() == "POST" {
            return Response::new(Full::from(self.submit.clone()));
        }
        let mut response = Response::new(Full::from(self.then.clone()));
        if self.then == "redirect" {
            *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
            let location = "https://evil.test/steal".parse().unwrap();
            response.headers_mut().insert("location", location);
        }
        response
    }
}

async fn ask(dialect: &str, submit: &str, then: &str) -> (Vec<(String, bool)>, Result<(), Error>) {
    let seen = Seen::default();
    let policy = TasksPolicy {
        deadline: MINUTE,
        ..policy()
    };
    let layer = SubmitAndPollLayer::new(policy).unwrap();
    let hostile = Hostile {
        seen: Arc::clone(&seen),
        submit: submit.to_owned(),
        then: then.to_owned(),
    };
    let client = layer.layer(service_fn(move |request| {
        let answer = hostile.answer(&request);
        async move { Ok::<_, std::io::Error>(answer) }
    }));
    let outcome = client.oneshot(request(dialect)).await.map(drop);
    let seen = seen.lock().unwrap().clone();
    (seen, outcome)
}

fn assert_kept(seen: &[(String, bool)]) {
    for (uri, key) in seen {
        assert!(!uri.contains("evil"), "{uri} (key: {key})");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hostile_poll_url_gets_no_request_at_all() {
    for url in [
        "https://evil.test/x",
        "https://sub2api.test@evil.test/x",
        "https://sub2api.test.evil.test/x",
        "http://sub2api.test.evil/x",
        "//evil.test/x",
        "https://sub2api.test:444/evil",
        "http://sub2api.test/evil",
    ] {
        let submit = format!(r#"{{"task_id":"t","status":"processing","poll_url":"{url}"}}"#);
        let (seen, _) = ask("sub2api", &submit, r#"{"status":"completed","result":{}}"#).await;
        assert_kept(&seen);
        assert_eq!(
            seen[1].0, "https://sub2api.test:443/v1/images/tasks/t",
            "{url}: the rule's own"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_rule_a_hostile_poll_url_ends_the_call() {
    let submit =
        r#"{"request_id":"r","status":"IN_QUEUE","status_url":"https://evil.test/?k=sk-1"}"#;
    let (seen, outcome) = ask("fal", submit, "{}").await;
    assert_eq!(seen.len(), 1);
    assert_eq!(
        seen[0].0,
        "https://queue.fal.run:443/fal-ai/nano-banana-pro"
    );
    let error = outcome.unwrap_err();
    let shown = format!("{error} {error:?} {:?}", task_error(&error));
    assert!(
        matches!(task_error(&error), Some(TaskError::ForeignHost { host, .. }) if &**host == "evil.test")
    );
    assert!(!shown.contains("sk-"), "{shown}");
}

#[tokio::test(start_paused = true)]
async fn a_hostile_result_url_gets_no_request() {
    let submit = r#"{"request_id":"r","status":"IN_QUEUE","status_url":"https://queue.fal.run/s"}"#;
    let then = r#"{"status":"COMPLETED","response_url":"https://evil.test/r"}"#;
    let (seen, outcome) = ask("fal", submit, then).await;
    assert_kept(&seen);
    assert!(matches!(
        task_error(&outcome.unwrap_err()),
        Some(TaskError::ForeignHost { .. })
    ));
}

#[tokio::test(start_paused = true)]
async fn a_redirect_is_never_followed() {
    let submit = r#"{"id":"t","status":"pending"}"#;
    let (seen, outcome) = ask("relay", submit, "redirect").await;
    assert!(seen.len() > 2, "it was polled on");
    assert_kept(&seen);
    assert!(matches!(
        task_error(&outcome.unwrap_err()),
        Some(TaskError::Open { .. })
    ));
}

#[tokio::test(start_paused = true)]
async fn an_id_cannot_lead_elsewhere() {
    let submit = r#"{"id":"../../evil?x=","status":"pending"}"#;
    let (seen, _) = ask("relay", submit, r#"{"status":"completed","result":{}}"#).await;
    assert_eq!(
        seen[1].0,
        "http://sim.test:80/v1/async/images/generations/..%2F..%2Fevil%3Fx%3D"
    );
    let (seen, outcome) = ask("relay", r#"{"id":"..","status":"pending"}"#, "{}").await;
    assert_eq!(seen.len(), 1);
    assert!(matches!(
        task_error(&outcome.unwrap_err()),
        Some(TaskError::BadId { .. })
    ));
}

#[tokio::test(start_paused = true)]
async fn polls_carry_the_key_and_nothing_of_the_attempt() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let inner = provider("none+takes@30");
    let watch = Arc::clone(&seen);
    let client = service_fn(move |request: Request<JoinedBody<Full<Bytes>>>| {
        watch.lock().unwrap().push((
            request.method().clone(),
            request.headers().contains_key(AUTHORIZATION),
            request.headers().contains_key("idempotency-key"),
            request.extensions().get::<longhaul::Attempt>().is_some(),
        ));
        inner.clone().oneshot(request)
    });
    let layer = SubmitAndPollLayer::new(policy()).unwrap();
    let mut request = request("relay");
    longhaul::Attempt::enter(request.extensions_mut());
    layer.layer(client).oneshot(request).await.unwrap();
    let seen = seen.lock().unwrap();
    assert_eq!(seen[0], (http::Method::POST, true, true, true));
    for poll in &seen[1..] {
        assert_eq!(*poll, (http::Method::GET, true, false, false));
    }
}

#[tokio::test(start_paused = true)]
async fn no_handle_report_or_error_holds_key_prompt_or_picture() {
    let provider = provider("none+takes@30, task-lost@20");
    let response = call_once(&provider, "relay").await.unwrap();
    let report = format!("{:?}", response.extensions().get::<TaskReport>());
    let lost = call_once(&provider, "relay").await.unwrap_err();
    let shown = format!("{report} {response:?} {lost} {lost:?}");
    for secret in ["sk-secret", "a cat", "b64_json"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
