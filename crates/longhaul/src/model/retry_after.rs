//! How long the server asks to wait, in the headers of its answer.

use std::time::{Duration, SystemTime};

use http::{
    HeaderMap, HeaderName,
    header::{DATE, RETRY_AFTER},
};

use super::wall_clock;

/// The longest wait that the headers ask for: `retry-after-ms`, `x-ms-retry-after-ms`, `Retry-After` in
/// seconds or as a date.
pub(crate) fn retry_after_in_headers(headers: &HeaderMap) -> Option<Duration> {
    static MILLISECONDS: [HeaderName; 2] = [
        HeaderName::from_static("retry-after-ms"),
        HeaderName::from_static("x-ms-retry-after-ms"),
    ];
    // Nearly no answer has any of them, and one walk over its headers is cheaper than looking up three.
    if !headers
        .keys()
        .any(|name| *name == RETRY_AFTER || MILLISECONDS.contains(name))
    {
        return None;
    }
    let milliseconds = MILLISECONDS
        .iter()
        .filter_map(|name| seconds(text(headers, name)?))
        .map(|milliseconds| milliseconds / 1000);
    let retry_after = headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| seconds(value).or_else(|| until(value, headers)));
    milliseconds.chain(retry_after).max()
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// A number that is neither negative nor absurd; whatever else is there asks for nothing.
pub(crate) fn seconds(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.trim().parse().ok()?).ok()
}

/// An HTTP date, and what servers send for one: a day with one digit, another name for the same zone, RFC 3339 in UTC.
fn date(text: &str) -> Option<SystemTime> {
    let text = text.trim();
    if let Ok(date) = httpdate::parse_http_date(text) {
        return Some(date);
    }
    let (day, month, year, time) = match text.split_once(',') {
        Some((_, date)) => {
            let [day, month, year, time, zone] = words(date)?;
            is_utc(zone).then_some((day, month, year, time))?
        }
        None => {
            let (date, time) = text.split_once(['T', 't', ' '])?;
            let time = time
                .strip_suffix(['Z', 'z'])
                .or_else(|| time.strip_suffix("+00:00"))?;
            let mut date = date.splitn(3, '-');
            let (year, month, day) = (date.next()?, date.next()?, date.next()?);
            let month = MONTHS.get(month.parse::<usize>().ok()?.checked_sub(1)?)?;
            (day, *month, year, time.split('.').next()?)
        }
    };
    // The day of the week is theirs to know, and no reason to ask sooner.
    DAYS.iter().find_map(|week| {
        httpdate::parse_http_date(&format!("{week}, {day:0>2} {month} {year} {time} GMT")).ok()
    })
}

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

fn words<const N: usize>(text: &str) -> Option<[&str; N]> {
    let mut words = text.split_ascii_whitespace();
    let mut found = [""; N];
    for word in &mut found {
        *word = words.next()?;
    }
    words.next().is_none().then_some(found)
}

fn is_utc(zone: &str) -> bool {
    ["GMT", "UTC", "UT", "Z", "+0000", "-0000", "+00:00"]
        .iter()
        .any(|name| zone.eq_ignore_ascii_case(name))
}

/// The time until an HTTP date, by the server's own clock where it sends one. A date in the past asks for
/// no wait.
fn until(date: &str, headers: &HeaderMap) -> Option<Duration> {
    let until = self::date(date)?;
    let now = text(headers, &DATE)
        .and_then(self::date)
        .unwrap_or_else(wall_clock);
    Some(until.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_need_not_be_letter_perfect() {
        let exact = httpdate::parse_http_date("Tue, 07 Apr 2026 09:15:00 GMT").ok();
        for text in [
            "Tue, 07 Apr 2026 09:15:00 GMT",
            "Tue, 7 Apr 2026 09:15:00 GMT",
            "Tue, 07 Apr 2026 09:15:00 +0000",
            "Tue, 07 Apr 2026 09:15:00 -0000",
            "Tue, 07 Apr 2026 09:15:00 UTC",
            "tue,  7 Apr 2026 09:15:00 utc ",
            "2026-04-07T09:15:00Z",
            "2026-04-07T09:15:00.250Z",
            "2026-04-07 09:15:00+00:00",
        ] {
            assert_eq!(date(text), exact, "{text}");
        }
        for text in [
            "",
            "soon",
            "Tue, 07 Apr 2026 09:15:00 +0200",
            "2026-13-07T09:15:00Z",
            "Tue, 7",
            "2026-04-07T",
        ] {
            assert_eq!(date(text), None, "{text}");
        }
    }
}
