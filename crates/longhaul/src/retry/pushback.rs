//! What a server says about sending again.
//!
//! Servers and proxies say it in headers of their own. Whoever sends such a header knows more of the cause than a status
//! tells. Where several disagree, a no wins.

use std::time::Duration;

use http::{HeaderMap, HeaderName};

/// What a header's value means.
type Meaning = fn(&str) -> Option<bool>;

/// The headers that say it, each with what a value means: `Some(false)` not again, `Some(true)` again.
static WORDS: [(HeaderName, Meaning); 4] = [
    // OpenAI's and Anthropic's SDKs obey this one, Stripe's the next.
    (HeaderName::from_static("x-should-retry"), yes_or_no),
    (HeaderName::from_static("stripe-should-retry"), yes_or_no),
    // Envoy answered from its rate limiter; there, too, its being there is what counts.
    (HeaderName::from_static("x-envoy-ratelimited"), |_| {
        Some(false)
    }),
    // gRFC A6: a wait in milliseconds; negative or unreadable is never.
    (PUSHBACK, |value| pushback(value).is_none().then_some(false)),
];

const PUSHBACK: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");

/// What an answer's headers say of sending again, and how long to wait before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Pushback {
    /// `Some(false)` where any of them says no; that always wins.
    pub(super) again: Option<bool>,
    pub(super) wait: Option<Duration>,
}

impl Pushback {
    pub(super) fn read(headers: &HeaderMap) -> Self {
        let words = WORDS.iter().flat_map(|(name, read)| {
            let values = headers.get_all(name).into_iter();
            // What is no text says as little as an empty one.
            values.filter_map(move |value| read(value.to_str().unwrap_or_default().trim()))
        });
        Self {
            again: words.min(),
            wait: headers
                .get_all(PUSHBACK)
                .iter()
                .filter_map(|value| pushback(value.to_str().ok()?.trim()))
                .max(),
        }
    }
}

fn yes_or_no(value: &str) -> Option<bool> {
    if value.eq_ignore_ascii_case("false") {
        Some(false)
    } else if value.eq_ignore_ascii_case("true") {
        Some(true)
    } else {
        None
    }
}

fn pushback(value: &str) -> Option<Duration> {
    let milliseconds: i32 = value.parse().ok()?;
    u64::try_from(milliseconds).ok().map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_always_wins() {
        type Row = (
            &'static [(&'static str, &'static str)],
            Option<bool>,
            Option<u64>,
        );
        let rows: [Row; 15] = [
            (&[], None, None),
            (&[("x-should-retry", "true")], Some(true), None),
            (&[("x-should-retry", "False")], Some(false), None),
            (&[("x-should-retry", "maybe")], None, None),
            (&[("stripe-should-retry", "true")], Some(true), None),
            (&[("stripe-should-retry", "false")], Some(false), None),
            (&[("x-envoy-ratelimited", "true")], Some(false), None),
            (&[("x-envoy-ratelimited", "")], Some(false), None),
            (&[("grpc-retry-pushback-ms", "-1")], Some(false), None),
            (&[("grpc-retry-pushback-ms", "soon")], Some(false), None),
            (&[("grpc-retry-pushback-ms", "0")], None, Some(0)),
            (&[("grpc-retry-pushback-ms", "1500")], None, Some(1500)),
            (
                &[("x-should-retry", "true"), ("x-should-retry", "false")],
                Some(false),
                None,
            ),
            (
                &[("x-should-retry", "true"), ("x-envoy-ratelimited", "true")],
                Some(false),
                None,
            ),
            (
                &[
                    ("grpc-retry-pushback-ms", "10"),
                    ("grpc-retry-pushback-ms", "1500"),
                ],
                None,
                Some(1500),
            ),
        ];
        for (row, again, wait) in rows {
            let mut headers = HeaderMap::new();
            for &(name, value) in row {
                headers.append(name, value.parse().unwrap());
            }
            let wait = wait.map(Duration::from_millis);
            assert_eq!(
                Pushback::read(&headers),
                Pushback { again, wait },
                "{row:?}"
            );
        }
    }
}
