//! One value of an exported row, as a table program and a JSON reader take it.
//!
//! An amount is text of digits and a point: as a JSON number it would be read as floating point, and `0.1` would no
//! longer be a tenth.

use std::{borrow::Cow, time::Duration};

use longhaul::Money;
use serde::Serialize;

/// One value of a row.
///
/// Untagged: in JSON a cell is its value.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(untagged)]
pub(super) enum ExportCell {
    None,
    Text(String),
    Count(u64),
    /// Seconds, to the millisecond.
    Seconds(f64),
    /// A decimal number, exact.
    Amount(String),
}

impl ExportCell {
    pub(super) fn text(text: impl AsRef<str>) -> Self {
        Self::Text(text.as_ref().to_owned())
    }

    pub(super) fn maybe(text: Option<impl AsRef<str>>) -> Self {
        text.map_or(Self::None, Self::text)
    }

    pub(super) fn seconds(span: Option<Duration>) -> Self {
        span.map_or(Self::None, |span| {
            Self::Seconds((span.as_secs_f64() * 1000.0).round() / 1000.0)
        })
    }

    pub(super) fn amount(amount: Option<Money>) -> Self {
        amount.map_or(Self::None, |amount| {
            let text = amount.to_string();
            let number = text.split_once(' ').map_or(&*text, |(number, _)| number);
            Self::Amount(number.to_owned())
        })
    }

    /// As it stands in CSV. Names come from requests and answers: one that begins like a formula must not be run by the
    /// program that opens the table.
    ///
    /// Table programs take the `'` for the mark of a text, and do not show it.
    pub(super) fn for_tables(&self) -> Cow<'_, [u8]> {
        match self {
            Self::None => Cow::Borrowed(b""),
            Self::Text(text) if begins_a_formula(text) => {
                Cow::Owned(format!("'{text}").into_bytes())
            }
            Self::Text(text) | Self::Amount(text) => Cow::Borrowed(text.as_bytes()),
            Self::Count(number) => Cow::Owned(number.to_string().into_bytes()),
            Self::Seconds(number) => Cow::Owned(number.to_string().into_bytes()),
        }
    }
}

/// Spaces before the sign are passed over by some programs, and a sign of full width is as good as any other to those of
/// East Asia. A tab or a line end at the beginning is taken for a formula's by others.
fn begins_a_formula(text: &str) -> bool {
    const SIGNS: [char; 8] = [
        '=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}',
    ];
    text.starts_with(['\t', '\r', '\n']) || text.trim_start().starts_with(SIGNS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_of_full_width_begins_a_formula_too() {
        for text in [
            "=1",
            " +1",
            "\u{ff1d}1",
            "\u{ff0b}1",
            "\u{ff0d}1",
            "\u{ff20}a",
            "\u{3000}=1",
        ] {
            let cell = ExportCell::text(text);
            assert!(cell.for_tables().starts_with(b"'"), "{text}");
        }
        for text in ["a=1", "1", "", "K4"] {
            let cell = ExportCell::text(text);
            assert_eq!(&*cell.for_tables(), text.as_bytes());
        }
    }
}
