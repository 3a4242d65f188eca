//! One entry as it lies in the ledger, and its name.
//!
//! Ids are made by the process and not by the database: an entry has its name before anything is written, and a list by
//! the key is a list by time. The random part keeps the ids of several processes apart.

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
///
/// As text it is a UUID; in SQLite and PostgreSQL it is sixteen bytes, whose order is that of the text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(pub(crate) Uuid);

impl EntryId {
    /// One for an attempt that is opened now.
    ///
    /// To the millisecond; the entry itself keeps microseconds.
    pub(crate) fn now() -> Self {
        Self::at(crate::period::now())
    }

    /// A clock before 1970 stands still there: ids count on.
    ///
    /// A timestamp of version 7 has no sign. Ids count on within the same millisecond, so that entries that are opened
    /// there keep their order.
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
///
/// It serialises as one object, the id beside the fields of the record.
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
    /// The id leads with the time, so that only the entries of that millisecond are read.
    ///
    /// ```
    /// # #[cfg(all(feature = "sqlite", unix))]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let location = longhaul_ledger::Location::Sqlite(folder.path().join("spend.db"));
    /// # let ledger = longhaul_ledger::DurableLedger::builder(location.clone()).open().await?;
    /// # let store = {
    /// #     use longhaul::{Class, End, Exposure, Money, OperationId, Outcome, Phase, billing::{Closing, Opening, Slot as _}};
    /// #     let mut opening = Opening::new(OperationId::from_u128(7), 1);
    /// #     (opening.provider, opening.price) = (Some("relay.example.com".into()), Some(Money::usd_micros(240_000)));
    /// #     let (class, took) = (Class::Delivered, std::time::Duration::from_secs(100));
    /// #     let exposure = Exposure::new(class.charge_probability(), opening.price);
    /// #     let (slot, opened) = ledger.open_entry(opening);
    /// #     opened.await?;
    /// #     slot.close(Closing::new(Outcome::new(End::Finished, class, Phase::Body, took, exposure)));
    /// #     ledger.flush().await?;
    /// #     ledger.store().clone() };
    /// let id = store.records(&Default::default()).await?[0].id;
    /// assert_eq!(store.entry(id).await?.unwrap().id, id);
    /// let unknown = "0198c5a2-7d3e-7c41-9f0a-3b1d5e6f7a80".parse()?;
    /// assert_eq!(store.entry(unknown).await?, None);
    /// # Ok(()) }
    /// # #[cfg(not(all(feature = "sqlite", unix)))]
    /// # fn main() {}
    /// ```
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
