//! One entry as it lies in the ledger, and its name.

use std::{
    fmt,
    str::FromStr,
    sync::{LazyLock, Mutex},
    time::{Duration, SystemTime},
};

use longhaul::billing::Record;
use uuid::{ContextV7, Uuid};

use super::{Filter, Store, filter::time_of, row::day_micros};
use crate::error::LedgerError;

/// Names one entry. A UUID of version 7: it leads with the time of opening.
///
/// Names are in the order of opening, so that a list of them is one of time.
///
/// ```
/// use longhaul_ledger::EntryId;
///
/// let text = "0198c5a2-7d3e-7c41-9f0a-3b1d5e6f7a80";
/// let id: EntryId = text.parse()?;
/// assert_eq!(id.to_string(), text);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(pub(crate) Uuid);

impl EntryId {
    /// One for an attempt that is opened now.
    pub(crate) fn now() -> Self {
        Self::at(crate::period::now())
    }

    /// A clock before 1970 stands still there: ids count on.
    fn at(now: SystemTime) -> Self {
        let now = Duration::from_micros(day_micros(now).max(0).unsigned_abs());
        let time = uuid::Timestamp::from_unix(&*CONTEXT, now.as_secs(), now.subsec_nanos());
        Self(Uuid::new_v7(time))
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.0.as_bytes().to_vec()
    }
}

/// Ids of one process are in the order in which they were made.
static CONTEXT: LazyLock<Mutex<ContextV7>> = LazyLock::new(|| Mutex::new(ContextV7::new()));

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for EntryId {
    type Err = LedgerError;

    fn from_str(text: &str) -> Result<Self, LedgerError> {
        Uuid::try_parse(text)
            .map(Self)
            .map_err(|error| LedgerError::setting("entry", format!("{text:?}: {error}")))
    }
}

impl serde::Serialize for EntryId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// An entry as it lies in the ledger.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct Stored {
    /// Its name.
    pub id: EntryId,
    /// What is written down.
    #[serde(flatten)]
    pub record: Record,
}

impl Store {
    /// The entry of that id, ended or running; `None` where there is none.
    ///
    /// # Errors
    ///
    /// [`Row`](crate::LedgerErrorKind::Row) where it cannot be read, and what the database says.
    pub async fn entry(&self, id: EntryId) -> Result<Option<Stored>, LedgerError> {
        let Some(opened) = time_of(id.0.as_bytes()) else {
            return Ok(None);
        };
        let end = opened.checked_add(Duration::from_millis(1));
        let at_that_time = Filter::opened(opened..end.unwrap_or(opened));
        let mut found = self.records(&at_that_time).await?.into_iter();
        Ok(found.find(|stored| stored.id == id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_before_1970_still_makes_ids_in_their_order() {
        let year = Duration::from_secs(365 * 86_400);
        for clock in [
            SystemTime::UNIX_EPOCH - year * 70,
            SystemTime::UNIX_EPOCH - Duration::from_micros(1),
            SystemTime::UNIX_EPOCH,
        ] {
            let ids: Vec<_> = (0..1000).map(|_| EntryId::at(clock)).collect();
            assert!(ids.is_sorted_by(|one, next| one < next), "{clock:?}");
            let opened = time_of(ids[0].0.as_bytes()).expect("it has a time");
            let since = opened.duration_since(SystemTime::UNIX_EPOCH);
            assert!(since.expect("no earlier") < year, "{clock:?}");
        }
    }
}
