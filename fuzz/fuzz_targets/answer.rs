//! Judging answers: not a byte changes, and the meaning is the same however the body arrives and however much of it
//! is held.
#![no_main]

use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use libfuzzer_sys::{Corpus, fuzz_target};
use longhaul::{
    Attempt, Class, End, ErrorKind, Resolution, Workload,
    classify::{ClassifyLayer, ClassifyPolicy, Evidence},
    error::BoxError,
};
use longhaul_fuzz::{Message, Pieces};
use tower::{Layer, ServiceExt, service_fn};

fuzz_target!(|input: &[u8]| -> Corpus {
    let Some((status, message)) = Message::answer(input) else {
        return Corpus::Reject;
    };

    let judged = |pieces, policy| {
        let ended = judge(status, &message.headers, pieces, policy);
        if let Some(body) = &ended.body {
            assert_eq!(body, message.body, "the body was changed");
        }
        ended
    };
    let [whole, some, single] = message
        .pieces()
        .map(|pieces| judged(pieces, ClassifyPolicy::default()));
    assert_eq!(whole, some, "in pieces it means something else");
    assert_eq!(whole, single, "byte by byte it means something else");

    // Of a failure no more than the limit is read; a success is watched to its end all the same.
    if status.is_success() {
        let mut policy = ClassifyPolicy::default();
        policy.peek_limit = 1;
        let [pieces, ..] = message.pieces();
        assert_eq!(
            whole,
            judged(pieces, policy),
            "in passing it means something else"
        );
    }
    Corpus::Keep
});

/// How an attempt ended, and what its answer said.
#[derive(PartialEq, Debug)]
struct Ended {
    end: End,
    class: Class,
    evidence: Evidence,
    /// `None` where the answer broke off.
    body: Option<Bytes>,
}

fn judge(status: StatusCode, headers: &HeaderMap, body: Pieces, policy: ClassifyPolicy) -> Ended {
    let answer = service_fn(async |_: Request<Empty<Bytes>>| {
        let mut response = Response::new(body.clone());
        *response.status_mut() = status;
        *response.headers_mut() = headers.clone();
        Ok::<_, BoxError>(response)
    });
    let mut request = Request::new(Empty::new());
    request
        .extensions_mut()
        .insert(Workload::of(Resolution::K4));
    let (attempt, _) = Attempt::enter(request.extensions_mut());

    let layer = ClassifyLayer::new(policy).expect("a limit above zero");
    let call = layer.layer(answer).oneshot(request).now_or_never();
    let body = match call.expect("nothing is waited for") {
        Ok(response) => response
            .into_body()
            .collect()
            .now_or_never()
            .expect("nothing is waited for"),
        Err(error) => Err(error),
    };
    let body = match body {
        Ok(body) => Some(body.to_bytes()),
        Err(error) => {
            let truncated = matches!(error.kind(), ErrorKind::Truncated { .. });
            assert!(truncated, "nothing else fails here: {error}");
            None
        }
    };
    let outcome = attempt.outcome_now().expect("it has ended");
    Ended {
        end: outcome.end,
        class: outcome.class,
        evidence: attempt.evidence(),
        body,
    }
}
