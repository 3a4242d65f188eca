//! A JSON document, watched in passing.
//!
//! A picture is counted at the end of its text and noticed at its beginning: the clocks need to know that it has begun, the
//! ledger that it came.

use memchr::memchr;
use smallvec::SmallVec;

use super::{
    keys::{AnswerKey, KEY_KEPT},
    notes::{NotedValue, Notes},
    wording::{may_be_picture, shows_data},
};
use crate::body::{JsonScanner, JsonToken};

/// Follows a JSON document as it passes, in pieces of any size, and notes the values under known keys.
///
/// What is malformed is followed as far as it goes. Holds at most one short text and the keys of the brackets that are
/// open.
#[derive(Debug, Default)]
pub(super) struct JsonWatcher {
    scanner: JsonScanner,
    values: KnownValues,
}

impl JsonWatcher {
    pub(super) fn data(&mut self, data: &[u8]) {
        let Self { scanner, values } = self;
        scanner.data(data, |depth, token| values.token(depth, token));
    }

    /// Whether a document began and nothing of it is open.
    pub(super) fn is_complete(&self) -> bool {
        self.scanner.is_complete()
    }

    pub(super) const fn is_json(&self) -> bool {
        self.scanner.is_json()
    }

    /// Whether anything but blanks came.
    pub(super) const fn is_begun(&self) -> bool {
        self.scanner.is_begun()
    }

    /// What was noted so far.
    pub(super) const fn notes(&self) -> &Notes {
        &self.values.notes
    }

    /// Whatever was open will not be closed any more: another document follows.
    pub(super) fn next_document(&mut self) {
        let Self { scanner, values } = self;
        values.notes.forget_event();
        scanner.next_document(|depth, token| values.token(depth, token));
        values.key = AnswerKey::Other;
    }
}

/// Picks the values out of a document's tokens.
#[derive(Debug, Default)]
struct KnownValues {
    /// The key of the value that comes next.
    key: AnswerKey,
    in_key: bool,
    /// The beginning of the text that is passing.
    // Room for every known key, and for most values.
    text: SmallVec<[u8; 64]>,
    kept: usize,
    /// Something of the text came.
    filled: bool,
    notes: Notes,
}

impl KnownValues {
    fn token(&mut self, depth: usize, token: JsonToken<'_>) {
        match token {
            JsonToken::Open { object } => {
                self.notes.open(depth, object, self.key);
                // The items of an array go by the array's own key.
                if object {
                    self.key = AnswerKey::Other;
                }
            }
            JsonToken::Close => {
                self.notes.close(depth);
                self.key = self.notes.key(depth - 1);
            }
            JsonToken::TextBegins { key } => {
                self.in_key = key;
                self.text.clear();
                self.filled = false;
                self.kept = if key { KEY_KEPT } else { self.key.kept() };
            }
            JsonToken::Text(piece) => self.keep(depth, piece),
            JsonToken::TextEnds if self.in_key => self.key = AnswerKey::of(&self.text),
            JsonToken::TextEnds => {
                let text = String::from_utf8_lossy(&self.text);
                let filled = self.is_filled();
                let value = NotedValue::Text {
                    text: &text,
                    filled,
                };
                self.notes.value(depth, self.key, value);
            }
            JsonToken::Literal(text) => {
                let value = NotedValue::Literal(text);
                self.notes.value(depth, self.key, value);
            }
        }
    }

    fn keep(&mut self, depth: usize, piece: &[u8]) {
        let first = !self.filled;
        self.filled = true;
        let room = self.kept.saturating_sub(self.text.len());
        self.text.extend_from_slice(&piece[..piece.len().min(room)]);
        // A picture of many megabytes is noticed when it begins to arrive.
        if !self.in_key && (first && self.key.is_picture() || self.shows_picture(room)) {
            self.notes.picture_begins(depth, self.key);
        }
    }

    /// Whether text for people has a picture in it, as far as it is kept.
    fn shows_picture(&self, room: usize) -> bool {
        self.key == AnswerKey::Prose && room > 0 && shows_data(&self.text)
    }

    /// Whether there is anything in the text that has passed; of a data URL, behind its comma.
    fn is_filled(&self) -> bool {
        if !self.filled || !self.key.is_picture() {
            return self.filled;
        }
        if !may_be_picture(&self.text) {
            return false;
        }
        if self.text.len() == self.kept {
            return true;
        }
        let text = self.text.trim_ascii();
        match text.strip_prefix(b"data:") {
            Some(url) => memchr(b',', url).is_some_and(|comma| comma + 1 < url.len()),
            None => !text.is_empty(),
        }
    }
}
