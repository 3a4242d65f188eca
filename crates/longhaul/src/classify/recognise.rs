//! The tables of words and pages, and how an error is looked up in them.
//!
//! Two small tables searched from the top: order is part of their meaning, since a code says more than a type, and a type
//! more than a message. They are read at the first failure and not at the start: a client whose calls all succeed never reads
//! them.

use crate::model::class_of;
use std::sync::LazyLock;

use http::{HeaderMap, StatusCode};

use super::{
    Class, Classification, Probability,
    answer::{AnswerKey, ProviderError},
};
use crate::config::table::{filled, rows};

/// `words.txt`.
static WORDS: LazyLock<Vec<WordRow>> =
    LazyLock::new(|| rows(include_str!("words.txt")).map(WordRow::read).collect());

/// `pages.txt`.
static PAGES: LazyLock<Vec<PageRow>> =
    LazyLock::new(|| rows(include_str!("pages.txt")).map(PageRow::read).collect());

/// How much of a page is looked at.
const PAGE: usize = 4096;

struct WordRow {
    field: AnswerKey,
    word: WordMatch,
    on: Vec<u16>,
    class: Class,
    charged: Option<Probability>,
}

enum WordMatch {
    Is(&'static str),
    Begins(&'static str),
    /// In small letters, one after the other.
    Contains(Vec<String>),
}

struct PageRow {
    who: &'static str,
    on: Vec<u16>,
    header: Option<(&'static str, &'static str)>,
    /// All of these.
    page: Vec<&'static str>,
    class: Class,
}

/// What a provider's or relay's error object says; `None` where it says nothing that the status does not.
pub(super) fn by_words(error: &ProviderError, status: StatusCode) -> Option<Classification> {
    let row = WORDS.iter().find(|row| {
        let on = row.on.is_empty() || row.on.contains(&status.as_u16());
        on && error.all(row.field).any(|word| row.word.fits(word))
    });
    match row {
        Some(row) => Some(Classification::of(row.class).with_charged(row.charged)),
        None => of_upstream(error),
    }
}

/// What a reason for stopping says of a success without a picture: a refusal, or nothing.
pub(super) fn by_reason(field: AnswerKey, reason: &str) -> Option<Class> {
    let row = WORDS
        .iter()
        .find(|row| row.field == field && row.word.fits(reason))?;
    Some(row.class)
}

/// Whose page it is, and what it means. A `server` header says nothing of an error object, which that
/// server may only have passed on.
pub(super) fn by_page(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    passed_on: bool,
) -> Option<Classification> {
    let page = String::from_utf8_lossy(&body[..body.len().min(PAGE)]).to_ascii_lowercase();
    let row = PAGES
        .iter()
        .filter(|row| !(passed_on && row.is_by_server()))
        .find(|row| row.fits(status, headers, &page))?;
    Some(Classification::of(row.class).with_answered_by(Some(row.who)))
}

/// A relay that names no more than its provider's status: that one counts, not the relay's own.
fn of_upstream(error: &ProviderError) -> Option<Classification> {
    if error.code() != Some("bad_response_status_code") {
        return None;
    }
    let status = error.word(AnswerKey::Param)?.parse().ok()?;
    class_of(StatusCode::from_u16(status).ok()?).map(Classification::of)
}

impl WordRow {
    fn read([field, word, on, class, charged, source]: [&'static str; 6]) -> Self {
        assert!(!source.is_empty(), "{word}: where is it from?");
        Self {
            field: AnswerKey::of_field(field).unwrap_or_else(|| panic!("no such field: {field}")),
            word: WordMatch::read(word),
            on: statuses(on),
            class: named(class),
            charged: filled(charged)
                .map(|charged| Probability::permille(charged.parse().expect("thousandths"))),
        }
    }
}

impl WordMatch {
    fn read(word: &'static str) -> Self {
        match (word.strip_prefix('*'), word.strip_suffix('*')) {
            (Some(rest), Some(_)) => {
                let parts = rest.trim_end_matches('*').split('*');
                Self::Contains(parts.map(str::to_ascii_lowercase).collect())
            }
            (None, Some(beginning)) => Self::Begins(beginning),
            _ => Self::Is(word),
        }
    }

    fn fits(&self, text: &str) -> bool {
        match self {
            Self::Is(word) => text == *word,
            Self::Begins(beginning) => text.starts_with(beginning),
            Self::Contains(parts) => {
                let text = text.to_ascii_lowercase();
                let mut rest = Some(&*text);
                for part in parts {
                    rest = rest.and_then(|rest| Some(rest.split_once(&**part)?.1));
                }
                rest.is_some()
            }
        }
    }
}

impl PageRow {
    fn read([who, on, header, page, class, source]: [&'static str; 6]) -> Self {
        assert!(!source.is_empty(), "{who}: where is it from?");
        let header = filled(header).map(|header| match header.split_once(':') {
            Some((name, part)) => (name, part.trim()),
            None => (header, ""),
        });
        Self {
            who,
            on: statuses(on),
            header,
            page: filled(page).map_or_else(Vec::new, |page| page.split(" + ").collect()),
            class: named(class),
        }
    }

    fn is_by_server(&self) -> bool {
        self.page.is_empty() && self.header.is_some_and(|(name, _)| name == "server")
    }

    fn fits(&self, status: StatusCode, headers: &HeaderMap, page: &str) -> bool {
        let on = self.on.is_empty() || self.on.contains(&status.as_u16());
        let header = self.header.is_none_or(|(name, part)| {
            let mut values = headers.get_all(name).iter();
            values.any(|value| {
                let text = String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
                text.contains(part)
            })
        });
        on && header && self.page.iter().all(|part| page.contains(part))
    }
}

fn statuses(cell: &str) -> Vec<u16> {
    cell.split_whitespace()
        .map(|status| status.parse().expect("a status"))
        .collect()
}

fn named(name: &str) -> Class {
    Class::named(name).unwrap_or_else(|| panic!("no such class: {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_both_tables_can_be_read() {
        assert!(WORDS.len() > 60);
        assert!(PAGES.len() > 30);
        for row in PAGES.iter() {
            assert!(row.header.is_some() || !row.page.is_empty() || !row.on.is_empty());
            let lower = |text: &str| text.to_ascii_lowercase() == text;
            assert!(row.page.iter().all(|part| lower(part)), "{}", row.who);
        }
    }
}
