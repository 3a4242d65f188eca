//! Which operations may hold a claim: found by the database, so that only those are read.
//!
//! Most attempts are the first of their operation and delivered in time: partial indexes hold the others.
//!
//! Four questions, whose answers are joined: what ended unusually, what took long by our clock, what took long by the
//! provider's, and what was claimed already. Each is served by an index of its own, so the cost follows the number of
//! unusual attempts and not that of all.
//!
//! Too many candidates cost time; one too few would be money that is never asked for. So the questions ask for more
//! than the rules will take, and `tests/cli/claims.rs` compares what is found with a table of cases.

use futures_util::StreamExt as _;
use longhaul::Class;
use sqlx::{AssertSqlSafe, Row as _};

use super::{
    attempt::{CLAIM_COLUMNS, Candidate, LOG_COLUMNS},
    book::ClaimBook,
};
use crate::{
    error::{LedgerError, LedgerErrorKind},
    store::{
        Arguments, CLOSING_COLUMNS, Filter, OPENING_COLUMNS, Store, add, first_id_at, span_micros,
        words,
    },
};

/// Calls that took longer, in microseconds, have an index of their own: as its migration says.
///
/// A book with a limit below two minutes is served without that index: slower, and right.
const INDEXED_LIMIT: i64 = 120_000_000;

/// Conditions that several statements share, with the values that they have added so far.
pub(super) struct Scope<'a> {
    filter: &'a Filter,
    arguments: Arguments,
}

impl<'a> Scope<'a> {
    pub(super) fn new(filter: &'a Filter) -> Self {
        Self {
            filter,
            arguments: Arguments::default(),
        }
    }

    /// Conditions on the entry's id, in the column `id`.
    fn opened(&mut self, id: &str) -> Result<String, LedgerError> {
        let Some(opened) = &self.filter.opened else {
            return Ok("1 = 1".to_owned());
        };
        let start = add(&mut self.arguments, first_id_at(opened.start))?;
        let end = add(&mut self.arguments, first_id_at(opened.end))?;
        Ok(format!("{id} >= {start} AND {id} < {end}"))
    }

    /// Conditions on the attempt itself.
    fn attempts(&mut self) -> Result<String, LedgerError> {
        let mut conditions = self.opened("a.id")?;
        let columns = [
            ("a.provider", &self.filter.provider),
            ("a.model", &self.filter.model),
        ];
        for (column, wanted) in columns {
            if let Some(wanted) = wanted {
                let place = add(&mut self.arguments, wanted.clone())?;
                conditions.push_str(&format!(" AND {column} = {place}"));
            }
        }
        Ok(conditions)
    }
}

/// The operations of attempts in `filter`'s time, provider and model that `book` may have a rule for, each once; and
/// those of which one was claimed already.
pub(super) async fn operations(
    store: &Store,
    book: &ClaimBook,
    filter: &Filter,
) -> Result<Vec<Vec<u8>>, LedgerError> {
    let mut scope = Scope::new(filter);
    let limit = book.shortest_limit().map(span_micros).unwrap_or(i64::MAX);
    let by_outcome = format!(
        "SELECT a.operation FROM attempts a WHERE {} AND (a.class <> 'Delivered' OR a.attempt > 1) AND CASE \
         WHEN a.class = 'Delivered' THEN EXISTS (SELECT 1 FROM attempts b \
         WHERE b.operation = a.operation AND b.attempt < a.attempt AND b.class = 'Delivered') \
         WHEN a.class IN ({}) THEN EXISTS \
         (SELECT 1 FROM verdicts v WHERE v.entry = a.id AND v.charged_micros > 0) \
         ELSE 1 = 1 END",
        scope.attempts()?,
        free_classes(),
    );
    // The others are candidates by their outcome already, or cost nothing.
    let indexed = if limit >= INDEXED_LIMIT {
        format!("a.at_most_us > {INDEXED_LIMIT} AND ")
    } else {
        String::new()
    };
    let by_clock = format!(
        "SELECT a.operation FROM attempts a WHERE {} AND {indexed}a.at_most_us > {limit} AND a.class = 'Delivered'",
        scope.attempts()?,
    );
    let by_log = format!(
        "SELECT a.operation FROM verdicts v JOIN attempts a ON a.id = v.entry \
         WHERE {} AND {} AND v.duration_us > {limit} AND v.charged_micros > 0",
        scope.opened("v.entry")?,
        scope.attempts()?,
    );
    let claimed = format!(
        "SELECT a.operation FROM claims c JOIN attempts a ON a.id = c.entry WHERE {} AND {}",
        scope.opened("c.entry")?,
        scope.attempts()?,
    );
    let statement = format!("{by_outcome} UNION {by_clock} UNION {by_log} UNION {claimed}");
    let rows = sqlx::query_with(AssertSqlSafe(statement), scope.arguments).fetch_all(store.pool());
    let rows = store.patient(rows).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// The ended attempts of `operations`, with what the log says of them and whether they were claimed; and what is wrong
/// with those that are not understood.
///
/// Whole operations: an attempt is a duplicate only beside the one that delivered, which may be of another provider or
/// month.
pub(super) async fn attempts(
    store: &Store,
    operations: &[Vec<u8>],
) -> Result<(Vec<Candidate>, Vec<LedgerError>), LedgerError> {
    let mut arguments = Arguments::default();
    let places = operations
        .iter()
        .map(|operation| add(&mut arguments, operation.clone()))
        .collect::<Result<Vec<_>, _>>()?
        .join(", ");
    let statement = format!(
        "SELECT {} FROM attempts \
         LEFT JOIN (SELECT entry AS log_entry, log_id, charged_micros AS log_charged, \
         credited_micros AS log_credited, currency AS log_currency, duration_us AS log_duration \
         FROM verdicts) logged ON log_entry = id \
         LEFT JOIN (SELECT entry AS claim_entry, rule AS claim_rule, amount_micros AS claim_micros, \
         currency AS claim_currency, due_at AS claim_due_at, answer AS claim_answer \
         FROM claims) claimed ON claim_entry = id \
         WHERE operation IN ({places})",
        store.packed(&[OPENING_COLUMNS, CLOSING_COLUMNS, LOG_COLUMNS, CLAIM_COLUMNS]),
    );
    let (mut attempts, mut unread) = (Vec::new(), Vec::new());
    let mut rows = store.rows(statement, arguments, Candidate::read);
    while let Some(row) = rows.next().await {
        match row {
            Ok(attempt) => attempts.push(attempt),
            Err(error) if matches!(error.kind(), LedgerErrorKind::Row { .. }) => unread.push(error),
            Err(error) => return Err(error),
        }
    }
    Ok((attempts, unread))
}

/// The classes that cost nothing unless a log says so, as a list of SQL's.
///
/// From the core, so that a class that becomes chargeable there is asked for here.
fn free_classes() -> String {
    let free: Vec<_> = Class::ALL
        .into_iter()
        .filter(|class| !class.is_possibly_charged())
        .map(|class| format!("'{}'", words::of_class(class)))
        .collect();
    free.join(", ")
}
