//! An entry as columns, in the order of [`OPENING_COLUMNS`](super::OPENING_COLUMNS) and
//! [`CLOSING_COLUMNS`](super::CLOSING_COLUMNS): the same for every database.
//!
//! Three things are made from this one order: what SQLite is given, what PostgreSQL is given, and the checksum. A
//! column that is added goes to the end, as `drafts_micros` did: the checksums of all rows that exist are over the
//! columns before it.

use std::{borrow::Cow, sync::Arc};

use longhaul::{
    Money,
    billing::{Closing, Opening},
};
use uuid::Uuid;

use super::{
    row::{day_micros, span_micros},
    words,
};

/// Takes the values of one row after the other.
///
/// Implemented by each database's values and by the [`Checksum`]. Nothing can fail here: what a column cannot hold is
/// held at its end, cut or replaced, since an entry must never be refused for what an answer said.
pub(crate) trait Columns<'a> {
    /// Sixteen bytes.
    fn id(&mut self, id: [u8; 16]);
    /// Every number of the tables is one of 64 bits, counts too.
    fn number(&mut self, number: Option<i64>);
    /// Without a NUL character: see [`plain`].
    fn text(&mut self, text: Option<Cow<'a, str>>);

    /// Text that need not be copied.
    fn shared(&mut self, text: Option<&'a Arc<str>>) {
        self.text(text.map(|text| plain(text)));
    }
}

/// What is known before the first byte leaves.
pub(crate) fn opening<'a>(id: Uuid, opening: &'a Opening, to: &mut impl Columns<'a>) {
    priced(id, opening, opening.price, to);
}

/// All that is known at the end. Its price is the one that counts then: an answer may have told its own.
///
/// The row is written as a whole, with what was known at the opening once more: in the usual case the row of `running`
/// and the entry in memory are the same, and where the opening was never written this is its only row.
pub(crate) fn ended<'a>(
    id: Uuid,
    opening: &'a Opening,
    closing: &'a Closing,
    to: &mut impl Columns<'a>,
) {
    ended_before_drafts(id, opening, closing, to);
    to.number(drafts(closing));
}

/// The columns that have been there from the beginning; what the checksum is over.
fn ended_before_drafts<'a>(
    id: Uuid,
    opening: &'a Opening,
    closing: &'a Closing,
    to: &mut impl Columns<'a>,
) {
    // Drafts have a column of their own.
    let drafts = drafts(closing).unwrap_or_default();
    let end = closing.outcome.exposure.price;
    let end = end.and_then(|price| {
        price
            .micros
            .checked_sub(drafts)
            .map(|micros| Money { micros, ..price })
    });
    let price = end.or(opening.price);
    priced(id, opening, price, to);
    closing_before_drafts(closing, to);
}

fn priced<'a>(id: Uuid, opening: &'a Opening, price: Option<Money>, to: &mut impl Columns<'a>) {
    to.id(id.into_bytes());
    to.id(opening.operation.as_u128().to_be_bytes());
    to.number(Some(opening.attempt.into()));
    to.number(Some(day_micros(opening.opened_at)));
    to.text(opening.idempotency_key.as_deref().map(plain));
    to.shared(opening.provider.as_ref());
    to.shared(opening.model.as_ref());
    to.text(Some(words::of_resolution(opening.resolution).into()));
    to.number(Some(opening.images.into()));
    to.number(price.map(|price| price.micros));
    let currency = price.map(|price| price.currency.to_string());
    to.text(currency.map(Cow::Owned));
    to.shared(opening.host.as_ref());
    to.text(Some(path(&opening.path)));
}

/// What drafts cost, the last column: it was added later than the checksum.
///
/// In the currency of the price, without which a cost of drafts has no meaning and is read back as none.
fn drafts(closing: &Closing) -> Option<i64> {
    closing.outcome.exposure.drafts.map(|drafts| drafts.micros)
}

fn closing_before_drafts<'a>(closing: &'a Closing, to: &mut impl Columns<'a>) {
    let outcome = &closing.outcome;
    let evidence = &closing.evidence;
    let span = |span: std::time::Duration| span_micros(span);
    to.number(Some(day_micros(closing.closed_at)));
    to.text(Some(words::of_end(outcome.end).into()));
    to.text(Some(words::of_class(outcome.class).into()));
    to.text(words::of_phase(outcome.phase).map(Into::into));
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

/// What a row's `checksum` is: over its other columns, in their order. What drafts cost counts where something is there, so
/// that rows of before that column have the checksum that they had.
///
/// CRC-32: it finds every single damaged byte and most of what a person alters without thinking of it. It is no
/// signature, and keeps nobody from writing a row with the right sum.
///
/// Each value leads with its kind, and text with its length, so that no two rows of different values have the same
/// bytes.
#[derive(Default)]
pub(crate) struct Checksum(crc32fast::Hasher);

impl Checksum {
    /// Of an attempt that has ended.
    ///
    /// A sum of 32 bits in a column of 64, never negative.
    pub(crate) fn of(id: Uuid, opened: &Opening, closed: &Closing) -> i64 {
        let mut checksum = Self::default();
        ended_before_drafts(id, opened, closed, &mut checksum);
        if let Some(drafts) = drafts(closed) {
            checksum.add_number(drafts);
        }
        checksum.end()
    }

    pub(crate) fn end(self) -> i64 {
        self.0.finalize().into()
    }

    pub(crate) fn add_text(&mut self, text: &str) {
        self.0.update(b"t");
        self.0.update(&(text.len() as u64).to_le_bytes());
        self.0.update(text.as_bytes());
    }

    pub(crate) fn add_number(&mut self, number: i64) {
        self.0.update(b"n");
        self.0.update(&number.to_le_bytes());
    }

    pub(crate) fn add_nothing(&mut self) {
        self.0.update(b"0");
    }
}

impl<'a> Columns<'a> for Checksum {
    /// As it is packed.
    fn id(&mut self, id: [u8; 16]) {
        self.add_text(&Uuid::from_bytes(id).simple().to_string());
    }

    fn number(&mut self, number: Option<i64>) {
        match number {
            Some(number) => self.add_number(number),
            None => self.add_nothing(),
        }
    }

    fn text(&mut self, text: Option<Cow<'a, str>>) {
        match text {
            Some(text) => self.add_text(&text),
            None => self.add_nothing(),
        }
    }
}

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

/// So many bytes of a path are kept; ids and names of models are bounded where they enter.
pub(crate) const LONGEST_PATH: usize = 2048;

/// A path that is longer ends in an ellipsis.
///
/// Cut between two letters, and with the ellipsis no longer than [`LONGEST_PATH`] bytes.
fn path(path: &str) -> Cow<'_, str> {
    const ELLIPSIS: char = '…';
    if path.len() <= LONGEST_PATH {
        return plain(path);
    }
    let end = path.floor_char_boundary(LONGEST_PATH - ELLIPSIS.len_utf8());
    format!("{}{ELLIPSIS}", plain(&path[..end])).into()
}

/// PostgreSQL cannot store a NUL character, and an entry must never be refused for its text.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        text.replace('\0', "\u{fffd}").into()
    } else {
        text.into()
    }
}
