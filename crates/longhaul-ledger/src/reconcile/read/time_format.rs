//! How a log writes times.
//!
//! A time without an offset needs a zone, and gets none by default: a log that is read eight hours off matches nothing,
//! or the wrong calls. The clocks' skew, estimated from ids, shows such a mistake and is refused.

use jiff::{Timestamp, ToSpan as _, fmt::strtime, tz::TimeZone};

use crate::{error::LedgerError, reconcile::amount::Decimal};

/// Three forms that need no zone, and any other as strftime writes it.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum TimeFormat {
    Rfc3339,
    Unix,
    UnixMillis,
    /// With the zone for what has no offset.
    Text(String, Option<TimeZone>),
}

impl TimeFormat {
    /// A zone beside one of the three fixed forms is refused, since it would be ignored.
    pub(super) fn new(format: String, zone: Option<String>) -> Result<Self, LedgerError> {
        let fixed = match &*format {
            "rfc3339" => Some(Self::Rfc3339),
            "unix" => Some(Self::Unix),
            "unix-ms" => Some(Self::UnixMillis),
            _ => None,
        };
        if let Some(fixed) = fixed {
            return match zone {
                None => Ok(fixed),
                Some(_) => Err(LedgerError::setting(
                    "time.zone",
                    format!("`{format}` needs none"),
                )),
            };
        }
        let zone = zone
            .map(|name| {
                TimeZone::get(&name).map_err(|error| LedgerError::setting("time.zone", error))
            })
            .transpose()?;
        let format = Self::Text(format, zone);
        format.check()?;
        Ok(format)
    }

    /// What the format itself writes must be read back.
    ///
    /// 13:37 tells a format with hours from one with half days, and minutes from months.
    fn check(&self) -> Result<(), LedgerError> {
        let Self::Text(format, zone) = self else {
            return Ok(());
        };
        // 13:37 in UTC.
        let time = Timestamp::UNIX_EPOCH + 817.minutes();
        let sample = time.to_zoned_datetime(zone.clone().unwrap_or(TimeZone::UTC));
        let wrong = |error: String| LedgerError::setting("time.format", error);
        let text = strtime::format(format, &sample).map_err(|error| wrong(error.to_string()))?;
        if self.read(&text).map_err(wrong)? == time.as_microsecond() {
            Ok(())
        } else {
            Err(wrong("it does not tell day and time of day".to_owned()))
        }
    }

    /// The moment that `text` names, in microseconds since 1970.
    pub(super) fn read(&self, text: &str) -> Result<i64, String> {
        let time = match self {
            Self::Rfc3339 => text.parse::<Timestamp>(),
            Self::Unix => return unix(text, 1_000_000),
            Self::UnixMillis => return unix(text, 1000),
            Self::Text(format, zone) => strtime::parse(format, text).and_then(|time| {
                let named = time.to_timestamp();
                match (named, zone) {
                    (Ok(time), _) => Ok(time),
                    // An hour that a change of clocks leaves out or repeats is taken as jiff does: the earlier offset.
                    (Err(_), Some(zone)) => zone.to_timestamp(time.to_datetime()?),
                    (Err(error), None) => Err(error),
                }
            }),
        };
        time.map(Timestamp::as_microsecond)
            .map_err(|error| error.to_string())
    }
}

/// The year 2286, and as long before 1970: beyond it the unit is a wrong one.
const RANGE: i64 = 9_999_999_999_000_000;

fn unix(text: &str, micros: i64) -> Result<i64, String> {
    let number: Decimal = text.parse()?;
    number
        .scaled(micros, 1)
        .filter(|micros| (-RANGE..=RANGE).contains(micros))
        .ok_or_else(|| format!("{text} is out of range"))
}
