//! What became of a claim. Every change is one transaction.
//!
//! An answer is about claims that were exported, and an export takes claims that nobody else took. Both are kept by the
//! row's key and by the number of rows that a statement changed: fewer than were asked for means that somebody was
//! quicker, and everything is rolled back.

use std::{fmt, time::SystemTime};

use longhaul::billing::ClaimConfidence;
use sqlx::{Arguments as _, AssertSqlSafe};
use uuid::Uuid;

use super::found::FoundClaim;
use crate::{
    error::{LedgerError, LedgerErrorKind},
    export::MARK,
    store::{Arguments, EntryId, Store, add, day_micros, span_micros, words},
};

/// Where a claim stands.
///
/// The first two are no rows of the ledger; the others are.
///
/// ```
/// use longhaul_ledger::claims::ClaimState;
///
/// assert_eq!(ClaimState::named("Overdue"), Some(ClaimState::Overdue));
/// assert!(ClaimState::Verify.is_open() && !ClaimState::Exported.is_open());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize)]
#[non_exhaustive]
pub enum ClaimState {
    /// Not exported yet; what was seen here is enough.
    Eligible,
    /// Not exported yet; the provider's own log decides.
    Verify,
    /// Exported; the provider has time left to answer.
    Exported,
    /// Exported, and the provider did not answer in time.
    ///
    /// It follows from the time of day when it is asked for: nothing is written when a term ends.
    Overdue,
    /// The provider paid the money back.
    ///
    /// By an answer that was written down, or by the provider's log.
    Credited,
    /// The provider refused.
    ///
    /// It can be exported again, with `again`.
    Denied,
}

impl ClaimState {
    /// Every state, in the order in which a claim passes them.
    pub const ALL: [Self; 6] = [
        Self::Eligible,
        Self::Verify,
        Self::Exported,
        Self::Overdue,
        Self::Credited,
        Self::Denied,
    ];

    /// The state of that [name](Self::name).
    ///
    /// The spelling has to be exact, capitals too.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// The name in tables and JSON; the same as in code.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Eligible => "Eligible",
            Self::Verify => "Verify",
            Self::Exported => "Exported",
            Self::Overdue => "Overdue",
            Self::Credited => "Credited",
            Self::Denied => "Denied",
        }
    }

    /// Whether it was not exported yet.
    ///
    /// What is open can be exported without `again`.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Eligible | Self::Verify)
    }

    pub(super) const fn of(certainty: ClaimConfidence) -> Self {
        match certainty {
            ClaimConfidence::Eligible => Self::Eligible,
            ClaimConfidence::Verify => Self::Verify,
        }
    }
}

impl fmt::Display for ClaimState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What a provider says to a claim.
///
/// ```
/// # #[cfg(all(feature = "sqlite", unix))]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// use std::time::SystemTime;
/// use longhaul_ledger::{Filter, claims::{Answer, ClaimBook, ClaimState}};
///
/// # let folder = tempfile::tempdir()?;
/// # let location = longhaul_ledger::Location::Sqlite(folder.path().join("spend.db"));
/// # let ledger = longhaul_ledger::DurableLedger::builder(location.clone()).open().await?;
/// # let store = {
/// #     use longhaul::{Class, End, Exposure, Money, OperationId, Outcome, Phase, billing::{Closing, Opening, Slot as _}};
/// #     let mut opening = Opening::new(OperationId::from_u128(7), 1);
/// #     (opening.provider, opening.price) = (Some("relay.example.com".into()), Some(Money::usd_micros(240_000)));
/// #     let (class, took) = (Class::NoImage, std::time::Duration::from_secs(100));
/// #     let exposure = Exposure::new(class.charge_probability(), opening.price);
/// #     let (slot, opened) = ledger.open_entry(opening);
/// #     opened.await?;
/// #     slot.close(Closing::new(Outcome::new(End::Finished, class, Phase::Body, took, exposure)));
/// #     ledger.flush().await?;
/// #     ledger.store().clone() };
/// let (book, all) = (ClaimBook::default(), Filter::default());
/// let found = store.claims(&book, &all).await?.claims;
/// let entry = found[0].stored.id;
/// // An answer to a claim that was never sent is a mistake in the id.
/// assert!(store.answer_claims(&[entry], Answer::Credited, SystemTime::now()).await.is_err());
/// store.mark_exported(&[&found[0]], SystemTime::now(), false).await?;
/// store.answer_claims(&[entry], Answer::Credited, SystemTime::now()).await?;
/// assert_eq!(store.claims(&book, &all).await?.claims[0].state, ClaimState::Credited);
/// # Ok(()) }
/// # #[cfg(not(all(feature = "sqlite", unix)))]
/// # fn main() {}
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// The provider pays.
    ///
    /// A report then counts the claim's amount as paid back, unless a log shows the credit itself.
    Credited,
    /// The provider does not pay.
    Denied,
}

impl Answer {
    /// The name in the ledger.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Credited => "Credited",
            Self::Denied => "Denied",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        [Self::Credited, Self::Denied]
            .into_iter()
            .find(|answer| answer.name() == name)
    }
}

/// Rows of one statement: SQLite looks for each numbered value among all of them, so that more take longer.
const ROWS: usize = 50;

impl Store {
    /// Writes down that `claims` were exported at `now`: all of them, or none. Refuses them where another export took
    /// one since they were found; `again` takes those that were exported before once more, with a new term.
    ///
    /// For claims that reach the provider on another way than [`export`](Self::export): a form, a mail. Each claim's
    /// settlement counts from `now`.
    ///
    /// ```
    /// # #[cfg(all(feature = "sqlite", unix))]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// use std::time::SystemTime;
    /// use longhaul_ledger::{Filter, LedgerErrorKind, claims::{ClaimBook, ClaimState}};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let location = longhaul_ledger::Location::Sqlite(folder.path().join("spend.db"));
    /// # let ledger = longhaul_ledger::DurableLedger::builder(location.clone()).open().await?;
    /// # let store = {
    /// #     use longhaul::{Class, End, Exposure, Money, OperationId, Outcome, Phase, billing::{Closing, Opening, Slot as _}};
    /// #     let mut opening = Opening::new(OperationId::from_u128(7), 1);
    /// #     (opening.provider, opening.price) = (Some("relay.example.com".into()), Some(Money::usd_micros(240_000)));
    /// #     let (class, took) = (Class::NoImage, std::time::Duration::from_secs(100));
    /// #     let exposure = Exposure::new(class.charge_probability(), opening.price);
    /// #     let (slot, opened) = ledger.open_entry(opening);
    /// #     opened.await?;
    /// #     slot.close(Closing::new(Outcome::new(End::Finished, class, Phase::Body, took, exposure)));
    /// #     ledger.flush().await?;
    /// #     ledger.store().clone() };
    /// let (book, all) = (ClaimBook::default(), Filter::default());
    /// let found = store.claims(&book, &all).await?.claims;
    /// store.mark_exported(&[&found[0]], SystemTime::now(), false).await?;
    /// assert_eq!(store.claims(&book, &all).await?.claims[0].state, ClaimState::Exported);
    /// // What was found before is taken by now.
    /// let taken = store.mark_exported(&[&found[0]], SystemTime::now(), false).await.unwrap_err();
    /// assert_eq!(*taken.kind(), LedgerErrorKind::Taken);
    /// # Ok(()) }
    /// # #[cfg(not(all(feature = "sqlite", unix)))]
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// [`Taken`](LedgerErrorKind::Taken), [`ReadOnly`](LedgerErrorKind::ReadOnly) for a store that was opened to read,
    /// and what the database says. Nothing is marked then.
    pub async fn mark_exported(
        &self,
        claims: &[&FoundClaim],
        now: SystemTime,
        again: bool,
    ) -> Result<(), LedgerError> {
        self.mark(claims, now, again, None).await
    }

    /// The same; with it the export that these claims belong to is marked.
    pub(crate) async fn mark(
        &self,
        claims: &[&FoundClaim],
        now: SystemTime,
        again: bool,
        export: Option<Uuid>,
    ) -> Result<(), LedgerError> {
        let mut transaction = self.begin().await?;
        for chunk in claims.chunks(ROWS) {
            let (statement, arguments) = insertion(chunk, now, again, export)?;
            let insertion = sqlx::query_with(AssertSqlSafe(statement), arguments);
            let written = self.patient(insertion.execute(&mut *transaction)).await?;
            let written = written.rows_affected();
            if written != chunk.len() as u64 {
                transaction.rollback().await?;
                return Err(LedgerErrorKind::Taken.into());
            }
        }
        if let Some(export) = export {
            let mark = sqlx::query(MARK).bind(export.as_bytes().to_vec());
            let marked = self.patient(mark.execute(&mut *transaction)).await?;
            if marked.rows_affected() != 1 {
                transaction.rollback().await?;
                return Err(LedgerErrorKind::Taken.into());
            }
        }
        self.commit(transaction).await
    }

    /// Writes down what the provider said to the claims for these entries at `now`: all of them, or none. Refuses an
    /// entry that no claim was exported for.
    ///
    /// A later answer stands in the place of an earlier one. For an example see [`Answer`].
    ///
    /// # Errors
    ///
    /// [`Setting`](LedgerErrorKind::Setting), named `entry`, for an entry without an exported claim, and as of
    /// [`mark_exported`](Self::mark_exported).
    pub async fn answer_claims(
        &self,
        entries: &[EntryId],
        answer: Answer,
        now: SystemTime,
    ) -> Result<(), LedgerError> {
        let mut transaction = self.begin().await?;
        for entry in entries {
            let mut arguments = Arguments::default();
            add(&mut arguments, answer.name().to_owned())?;
            add(&mut arguments, day_micros(now))?;
            add(&mut arguments, entry.bytes())?;
            let statement = "UPDATE claims SET answer = $1, answered_at = $2 WHERE entry = $3";
            let written = sqlx::query_with(statement, arguments)
                .execute(&mut *transaction)
                .await?
                .rows_affected();
            if written == 0 {
                transaction.rollback().await?;
                let why = format!("no claim was exported for {entry}; nothing was changed");
                return Err(LedgerError::setting("entry", why));
            }
        }
        self.commit(transaction).await
    }
}

/// Rows of one statement, as many as [`ROWS`]. With `again` the row is written anew, and the earlier answer with it is
/// gone.
fn insertion(
    claims: &[&FoundClaim],
    now: SystemTime,
    again: bool,
    export: Option<Uuid>,
) -> Result<(String, Arguments), LedgerError> {
    let mut arguments = Arguments::default();
    let mut rows = Vec::new();
    for claim in claims {
        let first = arguments.len() + 1;
        add(&mut arguments, claim.stored.id.bytes())?;
        add(&mut arguments, words::of_rule(claim.rule).to_owned())?;
        add(&mut arguments, claim.amount.map(|amount| amount.micros))?;
        add(
            &mut arguments,
            claim.amount.map(|amount| amount.currency.to_string()),
        )?;
        add(&mut arguments, day_micros(now))?;
        add(
            &mut arguments,
            day_micros(now).saturating_add(span_micros(claim.settlement)),
        )?;
        add(&mut arguments, export.map(|id| id.as_bytes().to_vec()))?;
        let places: Vec<_> = (first..first + 7)
            .map(|place| format!("${place}"))
            .collect();
        rows.push(format!("({})", places.join(", ")));
    }
    let conflict = if again {
        "UPDATE SET rule = excluded.rule, amount_micros = excluded.amount_micros, currency = excluded.currency, \
         exported_at = excluded.exported_at, due_at = excluded.due_at, answer = NULL, answered_at = NULL, \
         export = excluded.export"
    } else {
        "NOTHING"
    };
    let statement = format!(
        "INSERT INTO claims (entry, rule, amount_micros, currency, exported_at, due_at, export) VALUES {} \
         ON CONFLICT (entry) DO {conflict}",
        rows.join(", ")
    );
    Ok((statement, arguments))
}
