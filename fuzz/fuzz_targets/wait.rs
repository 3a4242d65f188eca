//! `Retry-After` and its relatives, in headers and in the body: the next attempt is never sent sooner than the server
//! asks, and never after a wait that is longer than the policy grants.
#![no_main]

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{Empty, Full};
use libfuzzer_sys::{Corpus, fuzz_target};
use longhaul::{
    End, Resolution, Workload,
    classify::{AnswerFacts, Classifier, ClassifyLayer, DefaultClassifier, Head},
    error::BoxError,
    retry::{ClassifyingRetryLayer, RetryPolicy, RetryReport, StoppedBy},
};
use longhaul_fuzz::Message;
use tokio::{runtime, time::Instant};
use tower::{ServiceBuilder, ServiceExt, service_fn};

const PICTURE: &str = r#"{"data":[{"b64_json":"iVBORw0K"}]}"#;

fuzz_target!(|input: &[u8]| -> Corpus {
    let Some((status, message)) = Message::answer(input) else {
        return Corpus::Reject;
    };
    let told = told(status, &message);
    if let Some(seconds) = plain_seconds(&message.headers) {
        assert!(
            told >= Some(seconds),
            "{told:?}, but a header says {seconds:?}"
        );
    }

    let (report, sent) = retried(status, &message);
    let policy = RetryPolicy::default();
    let granted = policy.schedule.max_retry_after.max(policy.schedule.cap);
    for &wait in report.waits() {
        assert!(wait <= granted, "{wait:?} is longer than the policy grants");
    }
    // An answer that breaks off asks for nothing.
    let ended = report.attempts()[0]
        .outcome_now()
        .expect("it has ended")
        .end;
    if ended != End::Finished {
        return Corpus::Keep;
    }
    if let [first, second, ..] = sent[..] {
        let waited = second - first;
        assert!(
            Some(waited) >= told,
            "it waited {waited:?}, and was told {told:?}"
        );
    } else if report.stopped_by() == StoppedBy::RetryAfterTooLong {
        assert!(
            told > Some(policy.schedule.max_retry_after),
            "{told:?} is no reason to stop"
        );
    }
    Corpus::Keep
});

/// What the answer asks for, by the classifier that stands in the stack, and by what the retry layer reads itself.
fn told(status: StatusCode, message: &Message<'_>) -> Option<Duration> {
    let workload = Workload::of(Resolution::K4);
    let head = Head::new(status, &message.headers, &workload);
    let facts = AnswerFacts::read(&message.headers, message.body, true);
    let told = DefaultClassifier.body(&head, message.body, &facts).wait;
    told.max(pushback(&message.headers))
}

/// gRFC A6, which only the retry layer reads.
fn pushback(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get("grpc-retry-pushback-ms")?.to_str().ok()?;
    let milliseconds: i32 = value.trim().parse().ok()?;
    milliseconds.try_into().ok().map(Duration::from_millis)
}

/// `Retry-After` where it is nothing but digits, read in the plainest way there is.
fn plain_seconds(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get("retry-after")?.to_str().ok()?;
    let digits = (1..=9).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| Duration::from_secs(value.parse().expect("nine digits fit")))
}

/// The retry layer meets this answer, and after it a picture; returned is also when it sent.
fn retried(status: StatusCode, message: &Message<'_>) -> (RetryReport, Vec<Instant>) {
    let sent = Mutex::new(Vec::new());
    let answered = AtomicBool::new(false);
    let provider = service_fn(async |_: Request<Empty<Bytes>>| {
        sent.lock()
            .expect("nothing panics here")
            .push(Instant::now());
        let mut response = Response::new(Full::from(PICTURE));
        if !answered.swap(true, Ordering::Relaxed) {
            *response.status_mut() = status;
            *response.headers_mut() = message.headers.clone();
            *response.body_mut() = Full::new(Bytes::copy_from_slice(message.body));
        }
        Ok::<_, BoxError>(response)
    });
    let client = ServiceBuilder::new()
        .layer(ClassifyingRetryLayer::default())
        .layer(ClassifyLayer::default())
        .service(provider);
    let mut request = Request::post("https://api.example.com/")
        .body(Empty::new())
        .expect("it is valid");
    request
        .extensions_mut()
        .insert(Workload::of(Resolution::K4));

    let paused = runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    let answer = paused.expect("a runtime").block_on(client.oneshot(request));
    let report = match &answer {
        Ok(response) => response
            .extensions()
            .get::<RetryReport>()
            .expect("a report")
            .clone(),
        Err(error) => error.report().expect("a report").clone(),
    };
    (report, sent.into_inner().expect("nothing panics here"))
}
