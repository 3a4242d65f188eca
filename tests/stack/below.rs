//! Clients that do the same thing with every call, to stand below layers that stand alone.

use std::future::{pending, ready};

use http::Response;
use longhaul_testing::{MockBody, MockClient, reset};

pub(crate) const PICTURE: &str = r#"{"data":[{"b64_json":"aW1n"}]}"#;

/// Answers with these statuses one after the other; 200 after the last.
pub(crate) fn answering(statuses: &'static [u16]) -> MockClient {
    let mut statuses = statuses.iter();
    MockClient::new(move |_| {
        let status = statuses.next().copied().unwrap_or(200);
        let answer = Response::builder().status(status);
        let answer = answer.header("content-type", "application/json");
        ready(Ok(answer.body(MockBody::of([PICTURE])).unwrap()))
    })
}

pub(crate) fn silent() -> MockClient {
    MockClient::new(|_| pending())
}

pub(crate) fn resetting() -> MockClient {
    MockClient::new(|_| ready(Err(reset())))
}
