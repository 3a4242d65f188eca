//! The ledger's attempts, one after the other, with what matching needs of them.
//!
//! Only the columns that matching asks for are read, and one attempt at a time: a month of a busy relay is millions of
//! them, and only those that still run, which are few, or that no id joins to a row are kept.

use std::{collections::BTreeMap, ops::Range, sync::Arc, time::SystemTime};

use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};
use longhaul::{Class, Money, OperationId};

use super::verdict::Verdict;
use crate::{
    error::LedgerError,
    store::{Arguments, EntryId, Fields, Read, Store, add, first_id_at, money, time_of_day, words},
};

/// One attempt. Times and spans are microseconds on our clock.
///
/// What lies in the ledger may be finer than this; nothing here is written back.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) entry: EntryId,
    pub(super) operation: OperationId,
    pub(super) number: u32,
    pub(super) model: Option<Arc<str>>,
    pub(super) price: Option<Money>,
    pub(super) opened_at: i64,
    /// What the ledger knows of its end; nothing while it runs.
    pub(super) end: Option<Ended>,
    /// Ids that its answer carried, each with the place where it stood.
    pub(super) ids: Vec<(String, String)>,
    /// What an earlier log said.
    pub(super) verdict: Option<Verdict>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    pub(super) class: Class,
    pub(super) closed_at: i64,
    /// How likely it was charged, before any log said so.
    pub(super) permille: u16,
    pub(super) flushed: Option<i64>,
    /// Bounds for the provider's clock, if the provider itself answered.
    pub(super) bounds: Option<(i64, i64)>,
}

impl Attempt {
    pub(super) fn opened(&self) -> SystemTime {
        time_of_day(self.opened_at)
    }

    /// In thousandths, if anything is known of its end.
    pub(super) fn permille(&self) -> Option<u16> {
        self.end.map(|end| end.permille)
    }
}

/// The same list is read from both tables, so that an attempt that still runs is matched too: its row may be in the log
/// already.
const OPENING: &str =
    "a.id, a.operation, a.attempt, a.opened_at, a.model, a.price_micros, a.currency";
const VERDICT: &str =
    "v.charged_micros, v.currency, v.credited_micros, v.log_id, v.duration_us, v.basis";
const ENDING: &str = "a.class, a.duration_us, a.charged_per_mille, a.flushed_us, a.at_least_us, a.at_most_us, \
     a.request_ids, a.drafts_micros";

/// Those of `provider` that were opened in this time, and those that still run.
///
/// Ended ones first, then those that run; each in the order of their ids. Those that run are read before the others, so
/// that one that ends meanwhile is in one list at least; where it is in both, it comes once, as ended.
pub(super) async fn of(
    store: &Store,
    provider: &str,
    opened: Range<SystemTime>,
) -> Result<impl Stream<Item = Result<Attempt, LedgerError>> + Send, LedgerError> {
    let rows = |columns: &[&str], table: &str, read: Read<Attempt>| {
        let statement = format!(
            "SELECT {} FROM {table} a LEFT JOIN verdicts v ON v.entry = a.id \
             WHERE a.provider = $1 AND a.id >= $2 AND a.id < $3 ORDER BY a.id",
            store.packed(columns)
        );
        let mut arguments = Arguments::default();
        add(&mut arguments, provider.to_owned())?;
        add(&mut arguments, first_id_at(opened.start))?;
        add(&mut arguments, first_id_at(opened.end))?;
        Ok::<_, LedgerError>(store.rows(statement, arguments, read))
    };
    let running: BTreeMap<_, _> = rows(&[OPENING, VERDICT], "running", running)?
        .map_ok(|attempt| (attempt.entry, attempt))
        .try_collect()
        .await?;
    let ended = rows(&[OPENING, VERDICT, ENDING], "attempts", ended)?.fuse();
    Ok(stream::unfold(
        (ended, running),
        |(mut ended, mut running)| async move {
            let attempt = match ended.next().await {
                Some(attempt) => attempt.inspect(|attempt| {
                    running.remove(&attempt.entry);
                }),
                None => Ok(running.pop_first()?.1),
            };
            Some((attempt, (ended, running)))
        },
    ))
}

/// The attempt that an earlier log's row of this name belongs to.
///
/// For money that is given back weeks later: its charge, and with it the time of the call, is in another log.
pub(super) async fn of_log_id(
    store: &Store,
    provider: &str,
    log_id: &str,
) -> Result<Option<Attempt>, LedgerError> {
    let statement = format!(
        "SELECT {} FROM verdicts v JOIN attempts a ON a.id = v.entry \
         WHERE v.log_id = $1 AND a.provider = $2 ORDER BY a.id LIMIT 1",
        store.packed(&[OPENING, VERDICT, ENDING])
    );
    let mut arguments = Arguments::default();
    add(&mut arguments, log_id.to_owned())?;
    add(&mut arguments, provider.to_owned())?;
    store.rows(statement, arguments, ended).try_next().await
}

fn running(fields: &mut Fields<'_>) -> Result<Attempt, LedgerError> {
    fields.columns(OPENING);
    Ok(Attempt {
        entry: EntryId(fields.uuid()?),
        operation: OperationId::from_u128(fields.uuid()?.as_u128()),
        number: fields.count()?,
        opened_at: fields.number()?,
        model: fields.maybe_text()?.map(Into::into),
        price: money(fields)?,
        verdict: verdict(fields)?,
        end: None,
        ids: Vec::new(),
    })
}

/// The price is the attempt's with its drafts: that is what a log charges in one row.
fn ended(fields: &mut Fields<'_>) -> Result<Attempt, LedgerError> {
    let mut attempt = running(fields)?;
    fields.columns(ENDING);
    let class = fields.named(words::class)?;
    let duration = fields.number()?;
    attempt.end = Some(Ended {
        class,
        closed_at: attempt.opened_at.saturating_add(duration),
        permille: fields.count()?,
        flushed: fields.maybe_number()?,
        // Of a call that something on the way answered, the work went on.
        bounds: fields
            .maybe_number()?
            .zip(fields.maybe_number()?)
            .filter(|_| class != Class::IntermediaryCut),
    });
    if let Some(ids) = fields.maybe_text()? {
        attempt.ids = serde_json::from_str(ids).map_err(|error| fields.wrong(error))?;
    }
    let drafts = fields.maybe_number()?.unwrap_or_default();
    if let Some(price) = &mut attempt.price {
        price.micros = price.micros.saturating_add(drafts);
    }
    Ok(attempt)
}

/// A basis that a newer version wrote is read as none: it is told to people, and decides nothing.
fn verdict(fields: &mut Fields<'_>) -> Result<Option<Verdict>, LedgerError> {
    fields.columns(VERDICT);
    let charged = money(fields)?;
    let credited_micros = fields.maybe_number()?.unwrap_or_default();
    let log_id = fields.maybe_text()?.map(Into::into);
    let duration_us = fields.maybe_number()?;
    let basis = fields.maybe_text()?.and_then(super::Basis::named);
    Ok(charged.map(|charged| Verdict {
        charged,
        credited_micros,
        log_id,
        duration_us,
        basis,
    }))
}
