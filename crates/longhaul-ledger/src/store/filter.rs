//! Which entries to read, as the end of a statement.

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

/// Which entries to read; all of them where nothing is set. What is set must hold together: an entry passes that meets
/// every one.
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
    pub operation: Option<OperationId>,
    /// Opened in this time: at its start or later, and before its end.
    pub opened: Option<Range<SystemTime>>,
    /// Of the provider of exactly this name.
    pub provider: Option<String>,
    /// Of the model of exactly this name.
    pub model: Option<String>,
    /// Ended with this meaning; leaves out those that run.
    pub class: Option<Class>,
    /// So many at most.
    pub limit: Option<u32>,
}

impl Filter {
    /// The entries of one operation.
    ///
    /// ```no_run
    /// use longhaul::OperationId;
    /// use longhaul_ledger::{Filter, Store};
    ///
    /// # async fn example(store: Store, named_in_an_error: OperationId) -> Result<(), longhaul_ledger::LedgerError> {
    /// let attempts = store.records(&Filter::of_operation(named_in_an_error)).await?;
    /// println!("{} attempts for one picture", attempts.len());
    /// # Ok(()) }
    /// ```
    pub fn of_operation(operation: OperationId) -> Self {
        Self {
            operation: Some(operation),
            ..Self::default()
        }
    }

    /// The entries that were opened at `opened.start` or later, and before `opened.end`.
    pub fn opened(opened: Range<SystemTime>) -> Self {
        Self {
            opened: Some(opened),
            ..Self::default()
        }
    }

    /// What stands behind `FROM`, with its arguments; only what stands behind `after`, where one is given. `None` where
    /// no row of `table` can pass.
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
