//! The columns of an exported row, and the cells of one claim.
//!
//! The columns are what supports ask for when they look a call up: names and times, the request ids, how long it took
//! on which clock, and what is claimed. Nothing of the request's or the answer's content is among them, since the
//! ledger has none.

use std::time::SystemTime;

use longhaul::billing::Closing;
use uuid::Uuid;

use super::cell::ExportCell;
use crate::{claims::FoundClaim, period::local_time};

/// What a row says, in this order. The resolution that was delivered is not in the ledger; the number of pictures is.
///
/// A column's name and place are read by other programs: new ones go to the end.
pub(super) const COLUMNS: [&str; 38] = [
    "entry",
    "operation",
    "attempt",
    "rule",
    "certainty",
    "provider",
    "model",
    "resolution_asked",
    "pictures_asked",
    "pictures_delivered",
    "opened_at",
    "closed_at",
    "ended",
    "class",
    "phase",
    "http_status",
    "seconds",
    "seconds_to_flush",
    "seconds_to_head",
    "provider_seconds_at_least",
    "provider_seconds_at_most",
    "provider_seconds_logged",
    "provider_log_id",
    "request_ids",
    "idempotency_key",
    "host",
    "path",
    "finish_reason",
    "block_reason",
    "output_tokens",
    "price",
    "drafts_price",
    "price_currency",
    "charged_by_log",
    "charged_currency",
    "claimed",
    "claimed_currency",
    "export",
];

/// The cells of one claim, in the order of [`COLUMNS`].
///
/// Times are those of the provider's zone with their offset, so that its support need not convert. Seconds are rounded
/// to milliseconds.
pub(super) fn cells(claim: &FoundClaim, export: Option<Uuid>) -> [ExportCell; COLUMNS.len()] {
    let opening = &claim.stored.record.opening;
    let closing = claim.stored.record.closing.as_ref();
    let time = |time: SystemTime| ExportCell::Text(local_time(time, &claim.zone));
    let of = |cell: fn(&Closing) -> ExportCell| closing.map_or(ExportCell::None, cell);
    let clock = closing.and_then(|closing| closing.provider_clock);
    let logged = claim.logged.as_ref();
    let charged = logged.map(|logged| logged.charged);
    [
        ExportCell::Text(claim.stored.id.to_string()),
        ExportCell::Text(opening.operation.to_string()),
        ExportCell::Count(opening.attempt.into()),
        ExportCell::text(claim.rule.name()),
        ExportCell::Text(format!("{:?}", claim.certainty)),
        ExportCell::maybe(opening.provider.as_deref()),
        ExportCell::maybe(opening.model.as_deref()),
        ExportCell::text(opening.resolution.name()),
        ExportCell::Count(opening.images.into()),
        of(|closing| ExportCell::Count(closing.evidence.images.into())),
        time(opening.opened_at),
        closing.map_or(ExportCell::None, |closing| time(closing.closed_at)),
        of(|closing| ExportCell::text(closing.outcome.end.name())),
        of(|closing| ExportCell::text(closing.outcome.class.name())),
        of(|closing| ExportCell::text(closing.outcome.phase.name())),
        of(|closing| {
            closing.status.map_or(ExportCell::None, |status| {
                ExportCell::Count(status.as_u16().into())
            })
        }),
        of(|closing| ExportCell::seconds(Some(closing.outcome.duration))),
        of(|closing| ExportCell::seconds(closing.flushed)),
        of(|closing| ExportCell::seconds(closing.head)),
        ExportCell::seconds(clock.map(|clock| clock.at_least)),
        ExportCell::seconds(clock.map(|clock| clock.at_most)),
        ExportCell::seconds(logged.and_then(|logged| logged.duration)),
        ExportCell::maybe(logged.and_then(|logged| logged.id.as_deref())),
        ExportCell::maybe(closing.and_then(request_ids)),
        ExportCell::maybe(opening.idempotency_key.as_deref()),
        ExportCell::maybe(opening.host.as_deref()),
        ExportCell::text(&opening.path),
        of(|closing| ExportCell::maybe(closing.evidence.finish_reason.as_deref())),
        of(|closing| ExportCell::maybe(closing.evidence.block_reason.as_deref())),
        of(|closing| {
            closing
                .evidence
                .output_tokens
                .map_or(ExportCell::None, ExportCell::Count)
        }),
        ExportCell::amount(opening.price),
        of(|closing| ExportCell::amount(closing.outcome.exposure.drafts)),
        ExportCell::maybe(opening.price.map(|price| price.currency.to_string())),
        ExportCell::amount(charged),
        ExportCell::maybe(charged.map(|charged| charged.currency.to_string())),
        ExportCell::amount(claim.amount),
        ExportCell::maybe(claim.amount.map(|amount| amount.currency.to_string())),
        ExportCell::maybe(export.map(|export| export.to_string())),
    ]
}

/// Each with the place where it was found: `x-request-id: 8d1f; cf-ray: 9c2e`.
///
/// A support that is told the place knows which of its systems made the id.
fn request_ids(closing: &Closing) -> Option<String> {
    let ids: Vec<_> = closing
        .evidence
        .request_ids
        .iter()
        .map(|id| format!("{}: {}", id.from, id.id))
        .collect();
    (!ids.is_empty()).then(|| ids.join("; "))
}
