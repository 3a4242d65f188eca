//! Days, months and times of day, in a time zone.
//!
//! Why a zone is part of it: a provider's invoice counts days in the provider's zone. A report by UTC days does not add
//! up to it, and a month that begins eight hours late holds other attempts.
//!
//! Days are found by asking the zone for each midnight and not by adding 24 hours: where clocks are changed a day has
//! 23 or 25.

use std::{ops::Range, time::SystemTime};

use jiff::{Timestamp, ToSpan as _, civil::Date, tz::TimeZone};

use crate::error::LedgerError;

/// A span of time and its days, in one time zone.
///
/// The zone decides which day an attempt counts on, and where a month begins: take the one that the provider's invoice
/// goes by.
///
/// ```
/// use jiff::tz::TimeZone;
/// use longhaul_ledger::Period;
///
/// # fn example() -> Result<(), longhaul_ledger::LedgerError> {
/// let month = Period::month_of("2026-02-17".parse().expect("a date"), TimeZone::UTC)?;
/// assert_eq!(month.days()?.len(), 28);
///
/// // As a person asks for it: a month, or from and until; `None` where nothing is asked for.
/// let asked = Period::asked(Some("2026-02"), None, None, &TimeZone::UTC)?;
/// assert_eq!(asked, Some(month));
/// # Ok(()) }
/// # example().unwrap();
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Period {
    start: Timestamp,
    end: Timestamp,
    zone: TimeZone,
}

/// One day of a period, or the part of it that the period holds.
///
/// ```
/// use jiff::tz::TimeZone;
/// use longhaul_ledger::Period;
///
/// let asked = Period::asked(None, Some("2026-01-17T18:00:00Z"), Some("2026-01-18"), &TimeZone::UTC)?;
/// let days = asked.unwrap().days()?;
/// assert_eq!(days.len(), 1, "a part of one day");
/// assert_eq!(days[0].date.to_string(), "2026-01-17");
/// assert_eq!(days[0].range.end.duration_since(days[0].range.start).unwrap().as_secs(), 6 * 3600);
/// # Ok::<(), longhaul_ledger::LedgerError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Day {
    /// The date of the day, e.g. `2026-01-17`.
    ///
    /// In the zone of the period.
    pub date: Date,
    /// The beginning of the day, and the beginning of the next one.
    ///
    /// The ranges of neighbouring days meet and do not overlap, so that each attempt is in one of them.
    pub range: Range<SystemTime>,
}

impl Period {
    /// From `start` on, and before `end`; its days are those of `zone`. Refuses an end that is not after the start.
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    /// use jiff::tz::TimeZone;
    /// use longhaul_ledger::Period;
    ///
    /// let start = SystemTime::UNIX_EPOCH;
    /// let day = Period::new(start, start + Duration::from_secs(86_400), TimeZone::UTC)?;
    /// assert_eq!(day.range(), start..start + Duration::from_secs(86_400));
    /// assert!(Period::new(start, start, TimeZone::UTC).is_err(), "nothing is in it");
    /// # Ok::<(), longhaul_ledger::LedgerError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Setting`](crate::LedgerErrorKind::Setting), named `until`.
    pub fn new(start: SystemTime, end: SystemTime, zone: TimeZone) -> Result<Self, LedgerError> {
        Self::between(timestamp(start), timestamp(end), zone)
    }

    /// The month of `day` in `zone`.
    ///
    /// Any day of the month will do. In Shanghai it begins eight hours before it begins in UTC:
    ///
    /// ```
    /// use jiff::tz::TimeZone;
    /// use longhaul_ledger::{Period, month, time_zone};
    ///
    /// let shanghai = Period::month_of(month("2026-01")?, time_zone("zone", "Asia/Shanghai")?)?;
    /// let utc = Period::month_of(month("2026-01")?, TimeZone::UTC)?;
    /// let earlier = utc.range().start.duration_since(shanghai.range().start).unwrap();
    /// assert_eq!(earlier.as_secs(), 8 * 3600);
    /// # Ok::<(), longhaul_ledger::LedgerError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Setting`](crate::LedgerErrorKind::Setting) for a month whose end is beyond the calendar.
    pub fn month_of(day: Date, zone: TimeZone) -> Result<Self, LedgerError> {
        let first = day.first_of_month();
        let next = next_month(first)?;
        Self::between(midnight(first, &zone)?, midnight(next, &zone)?, zone)
    }

    /// The period that is asked for: a month such as `2026-01`, or a beginning, an end, or both; each a date or a time
    /// with its offset. `None` where nothing is asked for. An end that is left out is now, a beginning 1970.
    ///
    /// A date means its first moment in `zone`. A time of day without an offset is refused: where clocks are changed it
    /// may be two moments, or none.
    ///
    /// ```
    /// use jiff::tz::TimeZone;
    /// use longhaul_ledger::Period;
    ///
    /// let asked = |from, until| Period::asked(None, Some(from), Some(until), &TimeZone::UTC);
    /// assert!(asked("2026-01-17", "2026-01-18T01:00:00+08:00")?.is_some());
    /// assert!(asked("2026-01-17 01:00", "2026-01-18").is_err(), "at which offset?");
    /// assert_eq!(Period::asked(None, None, None, &TimeZone::UTC)?, None);
    /// # Ok::<(), longhaul_ledger::LedgerError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Setting`](crate::LedgerErrorKind::Setting) with the name of what cannot be read (`month`, `from`, `until`),
    /// and for an end that is not after the beginning.
    pub fn asked(
        month: Option<&str>,
        from: Option<&str>,
        until: Option<&str>,
        zone: &TimeZone,
    ) -> Result<Option<Self>, LedgerError> {
        if let Some(month) = month {
            return Self::month_of(self::month(month)?, zone.clone()).map(Some);
        }
        if from.is_none() && until.is_none() {
            return Ok(None);
        }
        let start = match from {
            Some(text) => moment("from", text, zone)?,
            None => Timestamp::UNIX_EPOCH,
        };
        let end = match until {
            Some(text) => moment("until", text, zone)?,
            None => Timestamp::now(),
        };
        Self::between(start, end, zone.clone()).map(Some)
    }

    fn between(start: Timestamp, end: Timestamp, zone: TimeZone) -> Result<Self, LedgerError> {
        if start >= end {
            return Err(LedgerError::setting(
                "until",
                format!("{end} is not after {start}"),
            ));
        }
        Ok(Self { start, end, zone })
    }

    /// The start of the period, and its end, which is not part of it.
    ///
    /// As [`Filter::opened`](crate::Filter::opened) takes it:
    ///
    /// ```
    /// use jiff::tz::TimeZone;
    /// use longhaul_ledger::{Filter, Period, month};
    ///
    /// let january = Period::month_of(month("2026-01")?, TimeZone::UTC)?;
    /// assert_eq!(Filter::opened(january.range()).opened, Some(january.range()));
    /// # Ok::<(), longhaul_ledger::LedgerError>(())
    /// ```
    pub fn range(&self) -> Range<SystemTime> {
        system_time(self.start)..system_time(self.end)
    }

    /// The zone in which its days begin.
    pub const fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The part of it that is within `extent`, if any is.
    ///
    /// A report of ten years asks only for the days on which the ledger has attempts.
    pub(crate) fn within(&self, extent: &Range<SystemTime>) -> Option<Self> {
        Some(Self {
            start: self.start.max(timestamp(extent.start)),
            end: self.end.min(timestamp(extent.end)),
            zone: self.zone.clone(),
        })
        .filter(|period| period.start < period.end)
    }

    /// The days of the period, the first and the last cut to it. A day has 23 to 25 hours where clocks are changed.
    ///
    /// ```
    /// use jiff::tz::TimeZone;
    /// use longhaul_ledger::{Period, time_zone};
    ///
    /// let zone = time_zone("--zone", "Europe/Berlin")?;
    /// let march = Period::month_of("2026-03-01".parse().expect("a date"), zone)?;
    /// let days = march.days()?;
    /// let hours = |day: &longhaul_ledger::Day| day.range.end.duration_since(day.range.start).unwrap().as_secs() / 3600;
    /// assert_eq!((days.len(), hours(&days[28])), (31, 23), "the clocks go forward");
    /// # let _ = TimeZone::UTC;
    /// # Ok::<(), longhaul_ledger::LedgerError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Setting`](crate::LedgerErrorKind::Setting) for a day beyond the calendar.
    pub fn days(&self) -> Result<Vec<Day>, LedgerError> {
        let mut days = Vec::new();
        let mut start = self.start;
        while start < self.end {
            let date = self.zone.to_datetime(start).date();
            let next = midnight(date.tomorrow().map_err(out_of_range)?, &self.zone)?;
            let end = next.min(self.end);
            days.push(Day {
                date,
                range: system_time(start)..system_time(end),
            });
            start = end;
        }
        Ok(days)
    }
}

/// The first day of a month such as `2026-01`.
///
/// ```
/// let month = longhaul_ledger::month("2026-01")?;
/// assert_eq!(month.to_string(), "2026-01-01");
/// assert!(longhaul_ledger::month("January").is_err());
/// # Ok::<(), longhaul_ledger::LedgerError>(())
/// ```
///
/// # Errors
///
/// [`Setting`](crate::LedgerErrorKind::Setting) for any other text.
pub fn month(text: &str) -> Result<Date, LedgerError> {
    date(&format!("{text}-01")).ok_or_else(|| {
        LedgerError::setting("month", format!("{text:?} is not a month such as 2026-01"))
    })
}

/// A date such as `2026-01-17`, and nothing behind it: a time of day without its offset may be two moments, or none.
///
/// jiff alone would take `2026-01-17T01:00` too and forget the time.
fn date(text: &str) -> Option<Date> {
    let is_date = text.len() == 10
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'-');
    text.parse().ok().filter(|_| is_date)
}

/// The zone called `name` in the time zone database; `setting` is what the error calls the argument that named it.
///
/// ```
/// let zone = longhaul_ledger::time_zone("--zone", "Asia/Shanghai")?;
/// assert_eq!(zone.iana_name(), Some("Asia/Shanghai"));
/// assert!(longhaul_ledger::time_zone("--zone", "Middle-earth").is_err());
/// # Ok::<(), longhaul_ledger::LedgerError>(())
/// ```
///
/// # Errors
///
/// [`Setting`](crate::LedgerErrorKind::Setting), named `setting`, for a zone that is not there.
///
/// The database is the system's where there is one, else the one that jiff brings along.
pub fn time_zone(setting: &str, name: &str) -> Result<TimeZone, LedgerError> {
    TimeZone::get(name).map_err(|_| {
        LedgerError::setting(
            setting,
            format!("{name:?} is not a time zone such as \"Asia/Shanghai\""),
        )
    })
}

/// A time of day with its offset, to the millisecond: `2026-01-17T01:00:00.000+08:00`.
///
/// ```
/// use std::time::SystemTime;
/// use longhaul_ledger::{local_time, time_zone};
///
/// let zone = time_zone("--zone", "Asia/Shanghai")?;
/// assert_eq!(local_time(SystemTime::UNIX_EPOCH, &zone), "1970-01-01T08:00:00.000+08:00");
/// # Ok::<(), longhaul_ledger::LedgerError>(())
/// ```
pub fn local_time(time: SystemTime, zone: &TimeZone) -> String {
    let zoned = timestamp(time).to_zoned_datetime(zone.clone());
    zoned.strftime("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string()
}

/// The day on which `time` is in `zone`.
pub(crate) fn date_of(time: SystemTime, zone: &TimeZone) -> Date {
    zone.to_datetime(timestamp(time)).date()
}

/// Written as `2026-01-17`.
pub(crate) fn as_day<S: serde::Serializer>(
    day: &Option<Date>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match day {
        Some(day) => serializer.collect_str(day),
        None => serializer.serialize_none(),
    }
}

/// Written as `2026-01`.
pub(crate) fn as_month<S: serde::Serializer>(day: &Date, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&month_name(*day))
}

/// The month of `day`: `2026-01`.
pub(crate) fn month_name(day: Date) -> String {
    format!("{:04}-{:02}", day.year(), day.month())
}

/// Now, as people read it.
pub(crate) fn now() -> SystemTime {
    system_time(Timestamp::now())
}

/// What lies beyond jiff's range, some nine thousand years from now, is held at its end.
///
/// A damaged row may hold any number, and showing it must not fail.
fn timestamp(time: SystemTime) -> Timestamp {
    Timestamp::try_from(time).unwrap_or(if time < SystemTime::UNIX_EPOCH {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

/// Every time of jiff's is one of the system's.
fn system_time(time: Timestamp) -> SystemTime {
    SystemTime::try_from(time).unwrap_or(SystemTime::UNIX_EPOCH)
}

fn midnight(date: Date, zone: &TimeZone) -> Result<Timestamp, LedgerError> {
    zone.to_timestamp(date.at(0, 0, 0, 0)).map_err(out_of_range)
}

fn next_month(first: Date) -> Result<Date, LedgerError> {
    first.checked_add(1.month()).map_err(out_of_range)
}

fn out_of_range(error: jiff::Error) -> LedgerError {
    LedgerError::setting("month", error)
}

/// A date, which means its first moment in `zone`, or a time with its offset.
fn moment(setting: &str, text: &str, zone: &TimeZone) -> Result<Timestamp, LedgerError> {
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    let date = date(text).ok_or_else(|| {
        LedgerError::setting(
            setting,
            format!("{text:?} is neither a date such as 2026-01-17 nor a time with its offset"),
        )
    })?;
    midnight(date, zone)
}
