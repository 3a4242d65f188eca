//! A retry loop around a retry loop multiplies attempts, and money.
//!
//! This layer does not switch the other loop off: whoever runs both has to choose one. It names the sign in the report of the
//! operation.

use http::{HeaderName, request::Parts};

use crate::{attempt::Attempt, error::OuterRetry};

/// How a header counts.
type Count = fn(&str) -> Option<u64>;

/// The headers that count, each with the number at which the first try stands.
static COUNTS: [(HeaderName, Count, u64); 4] = [
    (
        HeaderName::from_static("x-stainless-retry-count"),
        number,
        0,
    ),
    (
        HeaderName::from_static("grpc-previous-rpc-attempts"),
        number,
        0,
    ),
    (HeaderName::from_static("x-envoy-attempt-count"), number, 1),
    (HeaderName::from_static("amz-sdk-request"), attempt_field, 1),
];

impl OuterRetry {
    pub(super) fn of(head: &Parts) -> Option<Self> {
        if head.extensions.get::<Attempt>().is_some() {
            return Some(Self::Attempt);
        }
        head.headers.iter().find_map(|(name, value)| {
            let (name, read, first) = COUNTS.iter().find(|(counts, ..)| counts == name)?;
            let count = read(value.to_str().ok()?)?;
            (count > *first).then(|| Self::Header(name.as_str()))
        })
    }
}

fn number(value: &str) -> Option<u64> {
    value.trim().parse().ok()
}

/// `ttl=20200901T000000Z; attempt=2; max=3`
fn attempt_field(value: &str) -> Option<u64> {
    let mut fields = value.split(';').filter_map(|field| field.split_once('='));
    let (_, attempt) = fields.find(|(name, _)| name.trim().eq_ignore_ascii_case("attempt"))?;
    number(attempt)
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[test]
    fn a_count_above_the_first_try_is_a_sign() {
        for (name, value, expected) in [
            ("x-stainless-retry-count", "0", false),
            ("x-stainless-retry-count", "1", true),
            ("x-stainless-retry-count", "often", false),
            ("grpc-previous-rpc-attempts", "1", true),
            ("x-envoy-attempt-count", "1", false),
            ("x-envoy-attempt-count", "2", true),
            ("amz-sdk-request", "attempt=1; max=3", false),
            (
                "amz-sdk-request",
                "ttl=20260101T000000Z; attempt=2; max=3",
                true,
            ),
            ("amz-sdk-request", "max=3", false),
        ] {
            let request = Request::builder().header(name, value).body(()).unwrap();
            let found = OuterRetry::of(&request.into_parts().0);
            assert_eq!(
                found,
                expected.then_some(OuterRetry::Header(name)),
                "{name}: {value}"
            );
        }
    }

    #[tokio::test]
    async fn so_is_an_attempt_that_is_there_already() {
        let mut request = Request::new(());
        Attempt::enter(request.extensions_mut());
        assert_eq!(
            OuterRetry::of(&request.into_parts().0),
            Some(OuterRetry::Attempt)
        );
    }
}
