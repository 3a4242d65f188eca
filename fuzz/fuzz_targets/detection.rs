//! Reading the workload: changes nothing, is the same however the body arrives, and never takes for small what it
//! did not see whole.
#![no_main]

use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderMap, Request, Uri, header::CONTENT_TYPE};
use http_body_util::BodyExt;
use libfuzzer_sys::{Corpus, fuzz_target};
use longhaul::{
    Resolution, Workload,
    body::ReplayBody,
    detect::{DetectPolicy, DetectWorkloadLayer},
    error::BoxError,
};
use longhaul_fuzz::{Message, Pieces};
use tower::{Layer, ServiceExt, service_fn};

fuzz_target!(|input: &[u8]| -> Corpus {
    let Some(message) = Message::read(input) else {
        return Corpus::Reject;
    };
    let Ok(uri) = message.first.parse::<Uri>() else {
        return Corpus::Reject;
    };

    let [whole, some, single] = message.pieces().map(|pieces| {
        let passed = pass(&uri, &message.headers, pieces, DetectPolicy::default());
        assert_eq!(passed.body, message.body, "the body was changed");
        assert_eq!(passed.uri, uri, "the URI was changed");
        assert_eq!(passed.headers, message.headers, "the headers were changed");
        passed.workload
    });
    assert_eq!(whole, some, "in pieces it asks for something else");
    assert_eq!(whole, single, "byte by byte it asks for something else");

    let is_json = message
        .headers
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind == "application/json");
    if is_json && serde_json::from_slice::<serde_json::Value>(message.body).is_err() {
        assert_not_small(&whole, "it is no JSON");
    }
    if message.body.len() > 1 {
        let mut policy = DetectPolicy::default();
        policy.replay_limit = message.body.len() as u64 - 1;
        let [pieces, ..] = message.pieces();
        let passed = pass(&uri, &message.headers, pieces, policy);
        assert_eq!(
            passed.body, message.body,
            "the body that streams was changed"
        );
        assert_not_small(&passed.workload, "its end was not seen");
    }
    Corpus::Keep
});

/// What arrived below the layer.
struct EndOfStream {
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
    workload: Workload,
}

fn pass(uri: &Uri, headers: &HeaderMap, body: Pieces, policy: DetectPolicy) -> EndOfStream {
    let mut request = Request::post(uri.clone())
        .body(body)
        .expect("its parts are valid");
    *request.headers_mut() = headers.clone();
    let below = service_fn(async |request: Request<ReplayBody<Pieces>>| {
        let (head, body) = request.into_parts();
        Ok::<_, BoxError>(EndOfStream {
            uri: head.uri,
            headers: head.headers,
            body: body.collect().await?.to_bytes(),
            workload: head
                .extensions
                .get::<Workload>()
                .expect("it is there")
                .clone(),
        })
    });
    let layer = DetectWorkloadLayer::new(policy).expect("a limit above zero");
    let call = layer.layer(below).oneshot(request).now_or_never();
    call.expect("nothing is waited for").expect("nothing fails")
}

fn assert_not_small(workload: &Workload, why: &str) {
    let resolution = workload.resolution;
    let is_careful = matches!(resolution, Resolution::K4 | Resolution::Unknown);
    assert!(is_careful, "{why}, and yet {resolution}");
}
