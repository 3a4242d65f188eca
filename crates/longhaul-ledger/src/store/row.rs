//! An entry as a row.
//!
//! The other direction of `columns`: the same order, read. A cell that is empty where something must be, or that holds
//! a word or number that cannot be, is an error with the column's name; nothing is guessed.

use std::time::{Duration, SystemTime};

use http::{StatusCode, Version};
use longhaul::{
    Currency, Exposure, Money, OperationId, Outcome, Phase,
    billing::{Closing, Opening, ProviderClock, Record},
    classify::{Evidence, Probability, RequestId},
};

use super::{EntryId, EntryTable, Stored, packed::Fields, words};
use crate::error::LedgerError;

/// What is known of an attempt before its first byte leaves. Once it has ended, the price is the one that counts: the answer's
/// own, where it told one.
pub(crate) const OPENING_COLUMNS: &str = "id, operation, attempt, opened_at, idempotency_key, provider, model, \
     resolution, images, price_micros, currency, host, path";

/// What is known at its end.
pub(crate) const CLOSING_COLUMNS: &str = "closed_at, ended, class, phase, duration_us, charged_per_mille, status, \
     http_version, flushed_us, head_us, at_least_us, at_most_us, request_ids, pictures, drafts, finish_reason, \
     block_reason, output_tokens, told_cost_micros, bytes, drafts_micros";

/// Microseconds since 1970 in UTC; what lies beyond their range is held at its end.
///
/// Before 1970 it is negative. A time finer than a microsecond is cut.
pub(crate) fn day_micros(time: SystemTime) -> i64 {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => span_micros(since),
        Err(before) => -span_micros(before.duration()),
    }
}

/// The same moment.
///
/// Every number is a time: one that is damaged shows as a far year, and does not stop a list.
pub(crate) fn time_of_day(micros: i64) -> SystemTime {
    // Half a million years to both sides, which every system's clock holds.
    let since = Duration::from_micros(micros.unsigned_abs());
    if micros < 0 {
        SystemTime::UNIX_EPOCH - since
    } else {
        SystemTime::UNIX_EPOCH + since
    }
}

/// Microseconds.
pub(crate) fn span_micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

/// The entry whose columns, those of `table`, come next.
pub(crate) fn stored(fields: &mut Fields<'_>, table: EntryTable) -> Result<Stored, LedgerError> {
    fields.columns(OPENING_COLUMNS);
    let id = EntryId(fields.uuid()?);
    let mut record = Record::open(opening(fields)?);
    if table == EntryTable::Attempts {
        fields.columns(CLOSING_COLUMNS);
        record.closing = Some(closing(fields, record.opening.price)?);
    }
    Ok(Stored { id, record })
}

/// The attempt that has ended.
pub(crate) fn ended(fields: &mut Fields<'_>) -> Result<Stored, LedgerError> {
    stored(fields, EntryTable::Attempts)
}

/// The attempt that has not.
pub(crate) fn running(fields: &mut Fields<'_>) -> Result<Stored, LedgerError> {
    stored(fields, EntryTable::Running)
}

/// An amount in the next column, and its currency in the one behind; `None` where either is empty.
///
/// An amount without a currency is no money, and is read as a price that is not known.
pub(crate) fn money(fields: &mut Fields<'_>) -> Result<Option<Money>, LedgerError> {
    let micros = fields.maybe_number()?;
    let (Some(micros), Some(currency)) = (micros, fields.maybe_text()?) else {
        return Ok(None);
    };
    let currency: Currency = currency.parse().map_err(|error| fields.wrong(error))?;
    Ok(Some(Money { micros, currency }))
}

fn opening(fields: &mut Fields<'_>) -> Result<Opening, LedgerError> {
    let operation = OperationId::from_u128(fields.uuid()?.as_u128());
    let mut opening = Opening::new(operation, fields.count()?);
    opening.opened_at = time_of_day(fields.number()?);
    opening.idempotency_key = fields.maybe_text()?.map(Into::into);
    opening.provider = fields.maybe_text()?.map(Into::into);
    opening.model = fields.maybe_text()?.map(Into::into);
    opening.resolution = fields.named(words::resolution)?;
    opening.images = fields.count()?;
    opening.price = money(fields)?;
    opening.host = fields.maybe_text()?.map(Into::into);
    opening.path = fields.text()?.into();
    Ok(opening)
}

/// The price of the exposure is the one in the opening's columns: they were written again at the end, with what counts.
fn closing(fields: &mut Fields<'_>, price: Option<Money>) -> Result<Closing, LedgerError> {
    let closed_at = time_of_day(fields.number()?);
    let outcome = Outcome::new(
        fields.named(words::end)?,
        fields.named(words::class)?,
        fields.maybe_named(words::phase)?.unwrap_or(Phase::Unknown),
        fields.span()?.unwrap_or_default(),
        Exposure::new(Probability::permille(fields.count()?), price),
    );
    let mut closing = Closing::new(outcome);
    closing.closed_at = closed_at;
    closing.status = status(fields)?;
    closing.http_version = fields.maybe_named(http_version)?;
    closing.flushed = fields.span()?;
    closing.head = fields.span()?;
    closing.provider_clock = match (fields.span()?, fields.span()?) {
        (Some(at_least), Some(at_most)) => Some(ProviderClock { at_least, at_most }),
        _ => None,
    };
    closing.evidence = evidence(fields)?;
    closing.outcome.exposure = closing.outcome.exposure.with_drafts(drafts(fields, price)?);
    Ok(closing)
}

/// An amount in the currency of the price.
fn drafts(fields: &mut Fields<'_>, price: Option<Money>) -> Result<Option<Money>, LedgerError> {
    let micros = fields.maybe_number()?;
    let of = |(micros, price): (i64, Money)| Money { micros, ..price };
    Ok(micros.zip(price).map(of))
}

fn status(fields: &mut Fields<'_>) -> Result<Option<StatusCode>, LedgerError> {
    let Some(number) = fields.maybe_number()? else {
        return Ok(None);
    };
    u16::try_from(number)
        .ok()
        .and_then(|number| StatusCode::from_u16(number).ok())
        .map(Some)
        .ok_or_else(|| fields.wrong(format_args!("{number} is no status")))
}

/// The version that is written on the wire as `text`.
fn http_version(text: &str) -> Option<Version> {
    const KNOWN: [(&str, Version); 5] = [
        ("HTTP/1.1", Version::HTTP_11),
        ("HTTP/2.0", Version::HTTP_2),
        ("HTTP/3.0", Version::HTTP_3),
        ("HTTP/1.0", Version::HTTP_10),
        ("HTTP/0.9", Version::HTTP_09),
    ];
    let known = KNOWN.into_iter().find(|(name, _)| *name == text);
    known.map(|(_, version)| version)
}

fn evidence(fields: &mut Fields<'_>) -> Result<Evidence, LedgerError> {
    let mut evidence = Evidence::default();
    if let Some(ids) = fields.maybe_text()? {
        let ids: Vec<(String, String)> =
            serde_json::from_str(ids).map_err(|error| fields.wrong(error))?;
        let ids = ids
            .iter()
            .filter_map(|(from, id)| RequestId::found(from, id));
        evidence.request_ids.extend(ids);
    }
    evidence.images = fields.count()?;
    evidence.drafts = fields.count()?;
    evidence.finish_reason = fields.maybe_text()?.map(Into::into);
    evidence.block_reason = fields.maybe_text()?.map(Into::into);
    evidence.output_tokens = fields.maybe_number()?.map(i64::unsigned_abs);
    evidence.cost_micros = fields.maybe_number()?;
    evidence.bytes = fields.count()?;
    Ok(evidence)
}
