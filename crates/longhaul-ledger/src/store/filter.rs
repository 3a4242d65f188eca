//! Which entries to read, as the end of a statement.
//!
//! A filter becomes conditions that an index can serve: on the id (time), on the operation, or on nothing, in which
//! case the key is read in its order. Provider, model and class are compared for each row that is left; a ledger with
//! years of entries should be asked with a time.

use std::{
    fmt::Write,
    ops::Range,
    time::{Duration, SystemTime},
};

use longhaul::{Class, OperationId};
use sqlx::Arguments as _;
use uuid::Uuid;

use super::{Arguments, EntryId, EntryTable, day_micros, words};
use crate::error::LedgerError;

/// Which entries to read; all of them where nothing is set. An entry passes that meets every condition that is set.
///
/// Names are compared letter by letter. There is no pattern: read by `opened` and look at the names where one is needed.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use longhaul::Class;
/// use longhaul_ledger::Filter;
///
/// let now = SystemTime::now();
/// let mut filter = Filter::opened(now - Duration::from_secs(86_400)..now);
/// filter.class = Some(Class::UnknownOutcome);
/// filter.limit = Some(100);
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Filter {
    /// Only the attempts of this operation.
    ///
    /// An index finds them, so that no time is needed beside it.
    pub operation: Option<OperationId>,
    /// Opened in this time: at its start or later, and before its end.
    ///
    /// To the millisecond: ids keep no more.
    pub opened: Option<Range<SystemTime>>,
    /// Of the provider of exactly this name.
    ///
    /// Capitals count here, unlike in the rules of a [book](crate::claims::ClaimBook).
    pub provider: Option<String>,
    /// Of the model of exactly this name.
    pub model: Option<String>,
    /// Ended with this meaning. Entries that run have none, and are left out.
    pub class: Option<Class>,
    /// How many entries are read at most.
    ///
    /// The first ones in the order of opening.
    pub limit: Option<u32>,
}

impl Filter {
    /// The entries of one operation.
    ///
    /// ```
    /// use longhaul::OperationId;
    /// use longhaul_ledger::Filter;
    ///
    /// let named_in_an_error = OperationId::from_u128(7);
    /// let filter = Filter::of_operation(named_in_an_error);
    /// assert_eq!(filter.operation, Some(named_in_an_error));
    /// assert_eq!(filter.opened, None, "whenever it was");
    /// ```
    pub fn of_operation(operation: OperationId) -> Self {
        Self {
            operation: Some(operation),
            ..Self::default()
        }
    }

    /// The entries that were opened at `opened.start` or later, and before `opened.end`.
    ///
    /// ```
    /// # #[cfg(all(feature = "sqlite", unix))]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// use std::time::{Duration, SystemTime};
    /// use longhaul_ledger::Filter;
    ///
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
    /// let now = SystemTime::now();
    /// let hour = Duration::from_secs(3600);
    /// assert_eq!(store.records(&Filter::opened(now - hour..now + hour)).await?.len(), 1);
    /// assert_eq!(store.records(&Filter::opened(now - 2 * hour..now - hour)).await?.len(), 0);
    /// # Ok(()) }
    /// # #[cfg(not(all(feature = "sqlite", unix)))]
    /// # fn main() {}
    /// ```
    pub fn opened(opened: Range<SystemTime>) -> Self {
        Self {
            opened: Some(opened),
            ..Self::default()
        }
    }

    /// What stands behind `FROM`, with its arguments; only what stands behind `after`, where one is given. `None` where
    /// no row of `table` can pass.
    ///
    /// The text holds only names of columns, places and a number; whatever came from outside is bound.
    pub(super) fn condition(
        &self,
        table: EntryTable,
        after: Option<EntryId>,
    ) -> Result<Option<(String, Arguments)>, LedgerError> {
        let mut values = Arguments::default();
        let mut conditions = Vec::new();
        let mut add = |condition: &str, value: Bound<'_>| {
            value.add_to(&mut values)?;
            conditions.push(format!("{condition} ${}", values.len()));
            Ok::<_, LedgerError>(())
        };
        if let Some(operation) = self.operation {
            let bytes = operation.as_u128().to_be_bytes().to_vec();
            add("operation =", Bound::Bytes(bytes))?;
        }
        if let Some(Range { start, end }) = &self.opened {
            // The key leads with the time of opening.
            add("id >=", Bound::Bytes(first_id_at(*start)))?;
            add("id <", Bound::Bytes(first_id_at(*end)))?;
        }
        if let Some(after) = after {
            add("id >", Bound::Bytes(after.bytes()))?;
        }
        if let Some(provider) = &self.provider {
            add("provider =", Bound::Text(provider))?;
        }
        if let Some(model) = &self.model {
            add("model =", Bound::Text(model))?;
        }
        if let Some(class) = self.class {
            if table == EntryTable::Running {
                return Ok(None);
            }
            add("class =", Bound::Text(words::of_class(class)))?;
        }
        let mut text = match conditions.as_slice() {
            [] => String::new(),
            some => format!("WHERE {}", some.join(" AND ")),
        };
        text.push_str(" ORDER BY id");
        if let Some(limit) = self.limit {
            let _ = write!(text, " LIMIT {limit}");
        }
        Ok(Some((text, values)))
    }
}

/// A value of a condition.
enum Bound<'a> {
    Bytes(Vec<u8>),
    Text(&'a str),
}

impl Bound<'_> {
    fn add_to(self, arguments: &mut Arguments) -> Result<(), LedgerError> {
        match self {
            Self::Bytes(bytes) => arguments.add(bytes),
            Self::Text(text) => arguments.add(text.to_owned()),
        }
        .map_err(|error| LedgerError::from(sqlx::Error::Encode(error)))
    }
}

/// The smallest id that an entry opened at `time` can have: ids keep milliseconds.
///
/// A range of times becomes a range of the key with it, for every table whose key is the entry's id.
pub(crate) fn first_id_at(time: SystemTime) -> Vec<u8> {
    let millis = u64::try_from(day_micros(time).max(0) / 1000).unwrap_or_default();
    let bits = u128::from(millis) << 80;
    Uuid::from_u128(bits).as_bytes().to_vec()
}

/// When the entry of that id was opened, to the millisecond.
pub(super) fn time_of(id: &[u8]) -> Option<SystemTime> {
    let bits = Uuid::from_slice(id).ok()?.as_u128();
    let millis = u64::try_from(bits >> 80).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(millis))
}
