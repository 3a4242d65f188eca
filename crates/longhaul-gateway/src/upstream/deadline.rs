//! How long the caller waits, in the headers that say it.
//!
//! A caller that waits 60 s for a picture of 200 s costs its price each time. With its deadline known the layers
//! begin nothing that cannot come in time, and say so at once; without it they find out by a line that is cut.
//!
//! The headers are taken out, since a provider would take them for its own, and what cannot be read is taken out with
//! them.

use std::time::{Duration, SystemTime};

use crate::core::Deadline;
use http::{HeaderMap, HeaderName, HeaderValue, request::Parts};

use crate::wall_clock;

/// A header by which a caller says how long it waits: `{ name = "x-request-deadline", form = "moment" }`. A picture that comes
/// later is paid for and thrown away, so that nothing is sent that can hardly come in time.
///
/// ```
/// use http::HeaderName;
/// use longhaul_gateway::{config::UpstreamConfig, upstream::{DeadlineForm, DeadlineHeader}};
///
/// // Behind Envoy, which says how long it waits itself.
/// let mut upstream = UpstreamConfig::new("relay", "https://relay.example.com");
/// let envoy = HeaderName::from_static("x-envoy-expected-rq-timeout-ms");
/// upstream.deadline_headers = vec![DeadlineHeader::new(envoy, DeadlineForm::Milliseconds)];
/// ```
///
/// In a file:
///
/// ```
/// use longhaul_gateway::{config::Config, upstream::DeadlineForm};
///
/// let config = Config::from_toml(r#"
///     [[upstreams]]
///     name = "relay"
///     url = "https://relay.example.com"
///     deadline_headers = [{ name = "x-request-deadline", form = "moment" }, { name = "prefer", form = "prefer" }]
/// "#)?;
/// assert_eq!(config.upstreams[0].deadline_headers[0].form, DeadlineForm::Moment);
/// # Ok::<(), longhaul::ConfigError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeadlineHeader {
    /// Its name, such as `x-request-deadline`.
    #[serde(with = "name")]
    pub name: HeaderName,
    /// How its value is written.
    ///
    /// In a file in small letters: `moment`, `seconds`, `milliseconds`, `grpc`, `units`, `prefer`.
    pub form: DeadlineForm,
}

impl DeadlineHeader {
    /// The header of this name, written so.
    pub const fn new(name: HeaderName, form: DeadlineForm) -> Self {
        Self { name, form }
    }
}

/// A header's name in a file.
mod name {
    use http::HeaderName;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(
        name: &HeaderName,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(name.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<HeaderName, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse()
            .map_err(|_| D::Error::custom(format!("{text:?} is not the name of a header")))
    }
}

/// How a deadline is written.
///
/// Each form is one that programs really send; a header that none of them fits is named by its own row.
///
/// The time counts from the moment when the gateway has read the whole request. Nothing is taken off for the way
/// back: a caller that is far away says a little less.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum DeadlineForm {
    /// A moment: in RFC 3339 in UTC (`2026-01-21T10:00:00Z`), as an HTTP date, or in seconds since 1970,
    /// also with a fraction. By this machine's clock.
    ///
    /// One that has passed is a deadline of now: the call is refused, and nothing was sent. Callers' clocks must
    /// agree with this machine's.
    Moment,
    /// Seconds from now, also with a fraction: `x-stainless-read-timeout`, `x-server-timeout`.
    Seconds,
    /// Milliseconds from now: `x-envoy-upstream-rq-timeout-ms`, `x-portkey-request-timeout`.
    Milliseconds,
    /// As gRPC has it in `grpc-timeout`: up to eight digits and one of `H M S m u n`.
    Grpc,
    /// A number with its unit, in the words of `humantime` (`1d` and `1h 30m` too), as Linkerd has it in
    /// `l5d-timeout`: `500ms`, `30s`, `10m`, `1h`.
    Units,
    /// The `wait` of `Prefer` (RFC 7240), in seconds. Only that preference is taken out.
    Prefer,
}

/// What callers of gateways send: seconds in `prefer`, a moment in `x-request-deadline`, `grpc-timeout`.
///
/// Default of `deadline_headers`. Headers of SDKs that tell a read timeout are not among them: such a limit starts
/// anew with each byte, and a heartbeat is one.
pub(crate) fn usual() -> Vec<DeadlineHeader> {
    [
        ("prefer", DeadlineForm::Prefer),
        ("x-request-deadline", DeadlineForm::Moment),
        ("grpc-timeout", DeadlineForm::Grpc),
    ]
    .map(|(name, form)| DeadlineHeader::new(HeaderName::from_static(name), form))
    .into()
}

/// Takes the headers out of a request and returns the shortest time that they give. What cannot be read
/// gives none, and is taken out too.
fn take(headers: &mut HeaderMap, rows: &[DeadlineHeader]) -> Option<Duration> {
    let mut shortest = None;
    for DeadlineHeader { name, form } in rows {
        let values: Vec<_> = headers.get_all(name).into_iter().cloned().collect();
        headers.remove(name);
        for value in values {
            let Ok(text) = value.to_str() else { continue };
            shortest = form.read(text).into_iter().chain(shortest).min();
            if let Some(rest) = form.left(text) {
                headers.append(name, rest);
            }
        }
    }
    shortest
}

/// Takes the headers out of the request: the layers keep the deadline that they give.
///
/// An earlier deadline that stands in the extensions already stays: a header can shorten an operation and never
/// lengthen it.
pub(super) fn note(head: &mut Parts, rows: &[DeadlineHeader]) {
    let in_headers = take(&mut head.headers, rows).map(Deadline::after);
    let explicit = head.extensions.get::<Deadline>().copied();
    let earliest = explicit.into_iter().chain(in_headers).min();
    if let Some(deadline) = earliest {
        head.extensions.insert(deadline);
    }
}

impl DeadlineForm {
    /// The time from now on.
    fn read(self, text: &str) -> Option<Duration> {
        let text = text.trim();
        match self {
            Self::Moment => {
                let left = moment(text)?.duration_since(wall_clock::now());
                Some(left.unwrap_or_default())
            }
            Self::Seconds => number(text),
            Self::Milliseconds => Some(number(text)? / 1000),
            Self::Grpc => grpc(text),
            Self::Units => humantime::parse_duration(text).ok(),
            Self::Prefer => preferences(text).filter_map(wait).min(),
        }
    }

    /// What of the value is not ours and goes on.
    fn left(self, text: &str) -> Option<HeaderValue> {
        if self != Self::Prefer {
            return None;
        }
        let others: Vec<_> = preferences(text)
            .filter(|preference| wait(preference).is_none())
            .collect();
        HeaderValue::try_from(others.join(", "))
            .ok()
            .filter(|value| !value.is_empty())
    }
}

/// A number is tried last: neither of the two other forms is one.
fn moment(text: &str) -> Option<SystemTime> {
    humantime::parse_rfc3339(text)
        .ok()
        .or_else(|| httpdate::parse_http_date(text).ok())
        .or_else(|| SystemTime::UNIX_EPOCH.checked_add(number(text)?))
}

/// A number that is neither negative nor absurd.
fn number(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.parse().ok()?).ok()
}

/// By the letter of gRPC's specification: eight digits at most, and units that differ in capitals.
fn grpc(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(count * 3600),
        "M" => Duration::from_secs(count * 60),
        "S" => Duration::from_secs(count),
        "m" => Duration::from_millis(count),
        "u" => Duration::from_micros(count),
        "n" => Duration::from_nanos(count),
        _ => return None,
    })
}

fn preferences(text: &str) -> impl Iterator<Item = &str> {
    text.split(',')
        .map(str::trim)
        .filter(|preference| !preference.is_empty())
}

fn wait(preference: &str) -> Option<Duration> {
    let (name, seconds) = preference.split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("wait") {
        return None;
    }
    let seconds = seconds.trim().trim_matches('"').parse().ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read_and_nonsense_gives_no_time() {
        use DeadlineForm::*;
        for (form, text, milliseconds) in [
            (Seconds, "30", Some(30_000)),
            (Seconds, " 1.5 ", Some(1_500)),
            (Seconds, "0", Some(0)),
            (Seconds, "-1", None),
            (Seconds, "NaN", None),
            (Seconds, "inf", None),
            (Seconds, "soon", None),
            (Milliseconds, "15000", Some(15_000)),
            (Grpc, "30S", Some(30_000)),
            (Grpc, "1H", Some(3_600_000)),
            (Grpc, "2M", Some(120_000)),
            (Grpc, "100m", Some(100)),
            (Grpc, "5000u", Some(5)),
            (Grpc, "99999999n", Some(99)),
            (Grpc, "123456789S", None),
            (Grpc, "S", None),
            (Grpc, "+5S", None),
            (Grpc, "30s", None),
            (Grpc, "30é", None),
            (Grpc, "", None),
            (Units, "500ms", Some(500)),
            (Units, "10s", Some(10_000)),
            (Units, "10m", Some(600_000)),
            (Units, "1h", Some(3_600_000)),
            (Units, "1d", Some(86_400_000)),
            (Units, "10", None),
            (Prefer, "wait=10", Some(10_000)),
            (Prefer, "respond-async, Wait = 10", Some(10_000)),
            (Prefer, "wait=10, wait=5", Some(5_000)),
            (Prefer, "respond-async", None),
            (Prefer, "wait=soon", None),
        ] {
            let read = form.read(text).map(|time| time.as_millis());
            assert_eq!(read, milliseconds, "{form:?} {text}");
        }
    }

    #[test]
    fn a_moment_is_read_in_three_ways_and_the_past_is_now() {
        let in_an_hour = wall_clock::now() + Duration::from_secs(3600);
        let epoch = in_an_hour.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        for text in [
            humantime::format_rfc3339_seconds(in_an_hour).to_string(),
            httpdate::fmt_http_date(in_an_hour),
            epoch.as_secs().to_string(),
        ] {
            let left = DeadlineForm::Moment.read(&text).unwrap().as_secs();
            assert!((3_590..=3_600).contains(&left), "{text}: {left}");
        }
        let past = DeadlineForm::Moment.read("Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(past, Some(Duration::ZERO));
        assert_eq!(DeadlineForm::Moment.read("tomorrow"), None);
    }

    #[test]
    fn the_smallest_wins_and_all_are_taken_out() {
        let rows = [
            DeadlineHeader::new(HeaderName::from_static("grpc-timeout"), DeadlineForm::Grpc),
            DeadlineHeader::new(HeaderName::from_static("prefer"), DeadlineForm::Prefer),
        ];
        let mut headers = HeaderMap::new();
        headers.append("grpc-timeout", "30S".parse().unwrap());
        headers.append("grpc-timeout", "20S".parse().unwrap());
        headers.append("grpc-timeout", "nonsense".parse().unwrap());
        headers.append("prefer", "wait=25, respond-async".parse().unwrap());
        headers.append("prefer", "wait=40".parse().unwrap());
        headers.append("x-other", "5".parse().unwrap());
        let shortest = take(&mut headers, &rows);
        assert_eq!(shortest, Some(Duration::from_secs(20)));
        assert!(!headers.contains_key("grpc-timeout"));
        assert_eq!(headers["prefer"], "respond-async");
        assert_eq!(headers.get_all("prefer").iter().count(), 1);
        assert_eq!(headers["x-other"], "5");

        assert_eq!(take(&mut headers, &[]), None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_earliest_deadline_counts_and_is_not_sent_on() {
        let now = tokio::time::Instant::now();
        for (value, ends) in [("200S", 200), ("1H", 1_200), ("soon", 1_200)] {
            let request = http::Request::post("https://a.example/")
                .header("grpc-timeout", value)
                .extension(Deadline::after(Duration::from_secs(1_200)));
            let (mut head, ()) = request.body(()).unwrap().into_parts();
            note(&mut head, &usual());
            assert!(!head.headers.contains_key("grpc-timeout"));
            let deadline = head.extensions.get::<Deadline>().copied();
            assert_eq!(
                deadline,
                Some(Deadline::at(now + Duration::from_secs(ends)))
            );
        }
    }
}
