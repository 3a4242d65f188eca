//! A JSON document, watched in passing.

use memchr::{memchr, memchr2};
use smallvec::SmallVec;

use super::{
    keys::{AnswerKey, KEY_KEPT},
    notes::{NotedValue, Notes},
    wording::{may_be_picture, shows_data},
};

/// Follows a JSON document as it passes, in pieces of any size, and notes the values under known keys.
///
/// No parser: what is malformed is followed as far as it goes. Holds at most one short string and the
/// keys of the brackets that are open.
#[derive(Debug, Default)]
pub(super) struct JsonWatcher {
    depth: usize,
    state: State,
    /// The key of the value that comes next.
    key: AnswerKey,
    /// Whether the next string is a key.
    at_key: bool,
    /// The beginning of the string or literal that is passing.
    // Room for every known key, and for most values.
    text: SmallVec<[u8; 64]>,
    kept: usize,
    /// Something of the string came.
    filled: bool,
    /// What the document begins with.
    begun: Option<u8>,
    notes: Notes,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum State {
    #[default]
    Plain,
    Literal,
    Text,
    Escape,
    /// So many digits of `\uXXXX` came, and this is their value.
    Unicode(u8, u16),
}

impl JsonWatcher {
    pub(super) fn data(&mut self, mut data: &[u8]) {
        while let Some((&byte, rest)) = data.split_first() {
            match self.state {
                State::Plain | State::Literal => {
                    if self.begun.is_none() && !byte.is_ascii_whitespace() {
                        self.begun = Some(byte);
                    }
                    // A picture or a page: nothing in it is ours to read.
                    if !self.is_json() && self.begun.is_some() {
                        return;
                    }
                    self.plain(byte);
                    data = rest;
                }
                // Nearly all of an answer is one string of base64: skip it in strides.
                State::Text => {
                    let end = memchr2(b'"', b'\\', data);
                    let (text, rest) = data.split_at(end.unwrap_or(data.len()));
                    self.keep(text);
                    let Some((&byte, rest)) = rest.split_first() else {
                        return;
                    };
                    if byte == b'"' {
                        self.text_ended();
                    } else {
                        self.state = State::Escape;
                    }
                    data = rest;
                }
                State::Escape => {
                    self.escape(byte);
                    data = rest;
                }
                State::Unicode(digits, value) => {
                    self.unicode(byte, digits, value);
                    data = rest;
                }
            }
        }
    }

    /// Whether a document began and nothing of it is open.
    pub(super) fn is_complete(&self) -> bool {
        let closed = matches!(self.state, State::Plain | State::Literal) && self.depth == 0;
        self.begun.is_some() && closed
    }

    pub(super) const fn is_json(&self) -> bool {
        matches!(self.begun, Some(b'{' | b'['))
    }

    /// Whether anything but blanks came.
    pub(super) const fn is_begun(&self) -> bool {
        self.begun.is_some()
    }

    /// What was noted so far.
    pub(super) const fn notes(&self) -> &Notes {
        &self.notes
    }

    /// Whatever was open will not be closed any more: another document follows.
    pub(super) fn next_document(&mut self) {
        self.notes.forget_event();
        while self.depth > 0 {
            self.close();
        }
        self.state = State::Plain;
        self.key = AnswerKey::Other;
    }

    fn plain(&mut self, byte: u8) {
        let delimiter = matches!(byte, b'{' | b'}' | b'[' | b']' | b',' | b':' | b'"')
            || byte.is_ascii_whitespace();
        if self.state == State::Literal && delimiter {
            self.literal_ended();
        }
        match byte {
            b'{' | b'[' => self.open(byte == b'{'),
            b'}' | b']' => self.close(),
            b'"' => self.text_began(),
            b',' => {
                self.at_key = self.notes.in_object(self.depth);
                self.key = self.notes.key(self.depth);
            }
            b':' => self.at_key = false,
            _ if delimiter => {}
            _ => self.literal(byte),
        }
    }

    fn open(&mut self, object: bool) {
        self.depth = self.depth.saturating_add(1);
        self.notes.open(self.depth, object, self.key);
        // The items of an array go by the array's own key.
        self.at_key = object;
        if object {
            self.key = AnswerKey::Other;
        }
    }

    fn close(&mut self) {
        self.notes.close(self.depth);
        self.depth = self.depth.saturating_sub(1);
        self.at_key = false;
        self.key = self.notes.key(self.depth);
    }

    fn text_began(&mut self) {
        self.state = State::Text;
        self.text.clear();
        self.filled = false;
        self.kept = if self.at_key {
            KEY_KEPT
        } else {
            self.key.kept()
        };
    }

    fn keep(&mut self, text: &[u8]) {
        if text.is_empty() {
            return;
        }
        let first = !self.filled;
        self.filled = true;
        let room = self.kept.saturating_sub(self.text.len());
        self.text.extend_from_slice(&text[..text.len().min(room)]);
        // A picture of many megabytes is noticed when it begins to arrive.
        if !self.at_key && (first && self.key.is_picture() || self.shows_picture(room)) {
            self.notes.picture_begins(self.depth, self.key);
        }
    }

    /// Whether text for people has a picture in it, as far as it is kept.
    fn shows_picture(&self, room: usize) -> bool {
        self.key == AnswerKey::Prose && room > 0 && shows_data(&self.text)
    }

    /// Whether there is anything in the string that has passed; of a data URL, behind its comma.
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

    fn text_ended(&mut self) {
        self.state = State::Plain;
        if self.at_key {
            self.key = AnswerKey::of(&self.text);
            return;
        }
        let text = String::from_utf8_lossy(&self.text);
        let value = NotedValue::Text {
            text: &text,
            filled: self.is_filled(),
        };
        self.notes.value(self.depth, self.key, value);
    }

    fn literal(&mut self, byte: u8) {
        if self.state == State::Plain {
            self.state = State::Literal;
            self.text.clear();
        }
        if self.text.len() < KEY_KEPT {
            self.text.push(byte);
        }
    }

    fn literal_ended(&mut self) {
        self.state = State::Plain;
        let text = String::from_utf8_lossy(&self.text);
        self.notes
            .value(self.depth, self.key, NotedValue::Literal(&text));
    }

    fn escape(&mut self, byte: u8) {
        self.state = State::Text;
        match byte {
            b'u' => self.state = State::Unicode(0, 0),
            b'n' => self.keep(b"\n"),
            b't' => self.keep(b"\t"),
            b'r' => self.keep(b"\r"),
            other => self.keep(&[other]),
        }
    }

    /// Halves of a pair outside the first plane become replacement characters: no known word has any.
    fn unicode(&mut self, byte: u8, digits: u8, value: u16) {
        let Some(digit) = char::from(byte).to_digit(16) else {
            // No number after all: go on as if it were text, so that a quote still ends it.
            self.state = State::Text;
            match byte {
                b'"' => self.text_ended(),
                b'\\' => self.state = State::Escape,
                other => self.keep(&[other]),
            }
            return;
        };
        let value = (value << 4) | digit as u16;
        if digits < 3 {
            self.state = State::Unicode(digits + 1, value);
            return;
        }
        self.state = State::Text;
        let character = char::from_u32(value.into()).unwrap_or(char::REPLACEMENT_CHARACTER);
        self.keep(character.encode_utf8(&mut [0; 4]).as_bytes());
    }
}
