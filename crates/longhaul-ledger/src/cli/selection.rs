//! Which attempts a command is about.
//!
//! The same options everywhere, with the same meaning. Times are read with the zone of `--time-zone`, and a time of day
//! needs its offset.

use jiff::{civil::Date, tz::TimeZone};
use longhaul::Class;
use longhaul_ledger::{Filter, LedgerError, Period};

use super::{Common, Failure};

/// Filters that most commands take.
#[derive(Debug, clap::Args)]
pub(crate) struct Selection {
    /// Opened in this month, e.g. 2026-01
    #[arg(long, value_name = "YYYY-MM", conflicts_with_all = ["from", "until"])]
    month: Option<String>,
    /// Opened then or later: 2026-01-17, or 2026-01-17T01:00:00+08:00
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Opened before then
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Of the provider of this name
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    /// Of the model of this name
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
}

impl Selection {
    /// The time that was asked for, if any was.
    pub(crate) fn period(&self, common: &Common) -> Result<Option<Period>, Failure> {
        Period::asked(
            self.month.as_deref(),
            self.from.as_deref(),
            self.until.as_deref(),
            &common.zone(),
        )
        .map_err(Failure::from)
    }

    /// The time that was asked for, in words.
    ///
    /// As it was typed, for what is said where nothing was found.
    pub(crate) fn text(&self) -> Option<String> {
        match (&self.month, &self.from, &self.until) {
            (Some(month), ..) => Some(format!("in {month}")),
            (None, None, None) => None,
            (None, Some(from), None) => Some(format!("from {from} on")),
            (None, None, Some(until)) => Some(format!("before {until}")),
            (None, Some(from), Some(until)) => Some(format!("from {from} until {until}")),
        }
    }

    /// The provider that was asked for, if one was.
    pub(crate) fn provider(&self) -> Option<&str> {
        self.provider.as_deref()
    }

    /// The month that was asked for, if one was.
    pub(crate) fn month(&self) -> Result<Option<Date>, Failure> {
        let month = self.month.as_deref().map(longhaul_ledger::month);
        Ok(month.transpose()?)
    }

    /// The filter for these, of whatever class.
    pub(crate) fn filter(&self, common: &Common) -> Result<Filter, Failure> {
        let mut filter = Filter::default();
        filter.opened = self.period(common)?.as_ref().map(Period::range);
        filter.provider = self.provider.clone();
        filter.model = self.model.clone();
        Ok(filter)
    }
}

/// A time zone of that name.
pub(super) fn time_zone(name: &str) -> Result<TimeZone, LedgerError> {
    longhaul_ledger::time_zone("time-zone", name)
}

/// A class of that name.
pub(super) fn class(name: &str) -> Result<Class, String> {
    Class::named(name).ok_or_else(|| {
        let known: Vec<_> = Class::ALL.into_iter().map(Class::name).collect();
        format!("one of {}", known.join(", "))
    })
}
