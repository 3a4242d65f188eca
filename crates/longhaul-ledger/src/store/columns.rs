//! An entry as columns, in the order of [`OPENING_COLUMNS`](super::OPENING_COLUMNS) and
//! [`CLOSING_COLUMNS`](super::CLOSING_COLUMNS): the same for every database.

use std::{borrow::Cow, sync::Arc};

use longhaul::{
    End, Phase,
    billing::{Closing, Opening},
};
use uuid::Uuid;

use super::row::{day_micros, span_micros};

/// Takes the values of one row after the other.
pub(crate) trait Columns<'a> {
    fn id(&mut self, id: [u8; 16]);
    fn number(&mut self, number: Option<i64>);
    fn text(&mut self, text: Option<Cow<'a, str>>);

    /// Text that need not be copied.
    fn shared(&mut self, text: Option<&'a Arc<str>>) {
        self.text(text.map(|text| plain(text)));
    }
}

/// What is known before the first byte leaves.
pub(crate) fn opening<'a>(id: Uuid, opening: &'a Opening, to: &mut impl Columns<'a>) {
    to.id(id.into_bytes());
    to.id(opening.operation.as_u128().to_be_bytes());
    to.number(Some(opening.attempt.into()));
    to.number(Some(day_micros(opening.opened_at)));
    to.text(opening.idempotency_key.as_deref().map(plain));
    to.shared(opening.provider.as_ref());
    to.shared(opening.model.as_ref());
    to.text(Some(opening.resolution.name().into()));
    to.number(Some(opening.images.into()));
    to.number(opening.price.map(|price| price.micros));
    let currency = opening.price.map(|price| price.currency.to_string());
    to.text(currency.map(Cow::Owned));
    to.shared(opening.host.as_ref());
    to.shared(Some(&opening.path));
}

/// What is known at the end.
pub(crate) fn closing<'a>(closing: &'a Closing, to: &mut impl Columns<'a>) {
    let outcome = &closing.outcome;
    let evidence = &closing.evidence;
    let span = |span: std::time::Duration| span_micros(span);
    to.number(Some(day_micros(closing.closed_at)));
    to.text(Some(outcome.end.name().into()));
    to.text(Some(outcome.class.name().into()));
    let phase = Some(outcome.phase).filter(|phase| *phase != Phase::Unknown);
    to.text(phase.map(|phase| phase.name().into()));
    to.number(Some(span(outcome.duration)));
    to.number(Some(outcome.exposure.probability.as_permille().into()));
    to.number(closing.status.map(|status| status.as_u16().into()));
    to.text(
        closing
            .http_version
            .map(|version| format!("{version:?}").into()),
    );
    to.number(closing.flushed.map(span));
    to.number(closing.head.map(span));
    to.number(closing.provider_clock.map(|clock| span(clock.at_least)));
    to.number(closing.provider_clock.map(|clock| span(clock.at_most)));
    to.text(request_ids(closing).map(Cow::Owned));
    to.number(Some(evidence.images.into()));
    to.number(Some(evidence.drafts.into()));
    to.text(evidence.finish_reason.as_deref().map(plain));
    to.text(evidence.block_reason.as_deref().map(plain));
    to.number(evidence.output_tokens.map(held));
    to.number(evidence.cost_micros);
    to.number(Some(held(evidence.bytes)));
}

/// The name that marks an entry whose writer died.
pub(crate) const LOST: &str = End::Lost.name();

fn request_ids(closing: &Closing) -> Option<String> {
    let ids = &closing.evidence.request_ids;
    if ids.is_empty() {
        return None;
    }
    let ids: Vec<(&str, &str)> = ids.iter().map(|found| (found.from, &*found.id)).collect();
    // Text always is JSON.
    serde_json::to_string(&ids).ok()
}

/// What is beyond the column's range is held at its end.
fn held(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// PostgreSQL cannot store a NUL character, and an entry must never be refused for its text.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        text.replace('\0', "\u{fffd}").into()
    } else {
        text.into()
    }
}
