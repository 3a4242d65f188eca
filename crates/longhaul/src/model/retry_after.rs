//! How long the server asks to wait, in the headers of its answer.
//!
//! Servers write dates in every form that their language's library prints. A date that cannot be read would mean no wait, and
//! so an attempt in the middle of the provider's overload: so the reader is lenient about the form and strict about the
//! moment.

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
        .flat_map(|name| texts(headers, name))
        .filter_map(longest)
        .map(|milliseconds| milliseconds / 1000);
    let retry_after = texts(headers, &RETRY_AFTER)
        .filter_map(|value| longest(value).or_else(|| until(value, headers)));
    milliseconds.chain(retry_after).max()
}

fn texts<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).into_iter();
    values.filter_map(|value| value.to_str().ok())
}

/// Of numbers that a proxy joined into one line, the largest.
fn longest(text: &str) -> Option<Duration> {
    text.split(',').filter_map(seconds).max()
}

/// A number that is neither negative nor absurd; whatever else is there asks for nothing.
///
/// Fractions are taken, which the standard does not have and several servers send. `NaN`, infinity and negative numbers are
/// refused by the conversion.
pub(crate) fn seconds(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.trim().parse().ok()?).ok()
}

/// An HTTP date, and what servers send for one: without its day of the week or with a wrong one, numbers of one digit, the
/// month in full, any case, another zone; RFC 3339.
fn date(text: &str) -> Option<SystemTime> {
    let text = text.trim();
    if let Ok(date) = httpdate::parse_http_date(text) {
        return Some(date);
    }
    let is_rfc_3339 = text.as_bytes().get(4) == Some(&b'-');
    let (day, month, year, time, ahead) = if is_rfc_3339 {
        let (date, time) = text.split_once(['T', 't', ' '])?;
        let zone = time.find(['Z', 'z', '+', '-'])?;
        let (time, zone) = time.split_at(zone);
        let mut date = date.splitn(3, '-');
        let (year, month, day) = (date.next()?, date.next()?, date.next()?);
        let month = MONTHS.get(month.parse::<usize>().ok()?.checked_sub(1)?)?;
        (day, *month, year, time.split('.').next()?, ahead(zone)?)
    } else {
        let date = text.split_once(',').map_or(text, |(_, date)| date);
        let [day, month, year, time, zone] = words(date)?;
        let beginning = month.get(..3)?;
        let month = MONTHS
            .iter()
            .find(|it| it.eq_ignore_ascii_case(beginning))?;
        (day, *month, year, time, ahead(zone)?)
    };
    // The day of the week is theirs to know, and no reason to ask sooner.
    let there = DAYS.iter().find_map(|week| {
        let date = format!("{week}, {day:0>2} {month} {year} {time:0>8} GMT");
        httpdate::parse_http_date(&date).ok()
    })?;
    let by = Duration::from_secs(ahead.unsigned_abs() * 60);
    if ahead < 0 {
        there.checked_add(by)
    } else {
        there.checked_sub(by)
    }
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

/// How many minutes the clocks of a zone are ahead of UTC: `GMT`, `Z`, `+0200`, `-04:00`.
fn ahead(zone: &str) -> Option<i64> {
    let is_utc = |name: &&str| zone.eq_ignore_ascii_case(name);
    if ["GMT", "UTC", "UT", "Z"].iter().any(is_utc) {
        return Some(0);
    }
    let (sign, digits) = zone.split_at_checked(1)?;
    let sign = match sign {
        "+" => 1,
        "-" => -1,
        _ => return None,
    };
    let digits = digits.replace(':', "");
    let number: i64 = digits.parse().ok()?;
    let is_one = digits.len() == 4 && number % 100 < 60 && number < 2_400;
    is_one.then_some(sign * (number / 100 * 60 + number % 100))
}

/// The time until an HTTP date, by the server's own clock where it sends one. A date in the past asks for
/// no wait.
///
/// The server's own clock is the one that the date was computed by; ours may be minutes off. Without a `Date` header ours is
/// all there is.
fn until(date: &str, headers: &HeaderMap) -> Option<Duration> {
    let until = self::date(date)?;
    let now = texts(headers, &DATE)
        .find_map(self::date)
        .unwrap_or_else(wall_clock);
    Some(until.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_of_the_waits_that_a_server_tells_counts() {
        let rows: [(&[&str], Option<u64>); 7] = [
            (&["5", "60"], Some(60)),
            (&["60", "5"], Some(60)),
            (&["5, 60"], Some(60)),
            (&["soon", "7"], Some(7)),
            (&["5", "Tue, 07 Apr 2026 09:15:00 GMT"], Some(900)),
            (&["Tue, 07 Apr 2026 08:15:00 GMT"], Some(0)),
            (&["-5"], None),
        ];
        for (told, wait) in rows {
            let mut headers = HeaderMap::new();
            headers.insert(DATE, "Tue, 07 Apr 2026 09:00:00 GMT".parse().unwrap());
            for value in told {
                headers.append(RETRY_AFTER, value.parse().unwrap());
            }
            let found = retry_after_in_headers(&headers);
            assert_eq!(found.map(|found| found.as_secs()), wait, "{told:?}");
        }
    }

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
            "2026-04-07T11:15:00+02:00",
            "07 Apr 2026 09:15:00 GMT",
            "Mon, 07 April 2026 9:15:00 GMT",
            "Tue, 07 Apr 2026 11:15:00 +0200",
            "Tue, 07 Apr 2026 04:45:00 -04:30",
        ] {
            assert_eq!(date(text), exact, "{text}");
        }
        for text in [
            "",
            "soon",
            "Tue, 07 Apr 2026 09:15:00 +02",
            "Tue, 07 Apr 2026 09:15:00 +0260",
            "Tue, 07 Apr 2026 09:15:00 EST",
            "Tue, 07 Apr 2026 09:15:00 é",
            "Tue, 07 é 2026 09:15:00 GMT",
            "2026-13-07T09:15:00Z",
            "Tue, 7",
            "2026-04-07T",
        ] {
            assert_eq!(date(text), None, "{text}");
        }
    }
}
