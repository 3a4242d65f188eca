//! Clients that do the same thing with every call, to stand below layers that stand alone.

use longhaul_testing::{MockBody, MockClient, Reply};

pub(crate) const PICTURE: &str = r#"{"data":[{"b64_json":"aW1n"}]}"#;

/// Answers with these statuses one after the other; 200 after the last.
pub(crate) fn answering(statuses: &'static [u16]) -> MockClient {
    let mut statuses = statuses.iter();
    MockClient::new(move |_| {
        let status = statuses.next().copied().unwrap_or(200);
        Reply::status(status)
            .header("content-type", "application/json")
            .body(MockBody::of([PICTURE]))
    })
}

pub(crate) fn silent() -> MockClient {
    MockClient::new(|_| Reply::silence())
}

pub(crate) fn resetting() -> MockClient {
    MockClient::new(|_| Reply::reset())
}
