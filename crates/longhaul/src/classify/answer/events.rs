//! The lines of an event stream.
//!
//! Other fields of an event (`event:`, `id:`, `retry:`) say nothing that the data does not, and are skipped. As in the WHATWG's
//! standard, a line ends with CR, LF or both, and a byte order mark may stand before the first.

use smallvec::SmallVec;

use super::json::JsonWatcher;

/// Hands on what stands behind `data:`, and no other line, in pieces of any size. A blank line ends the
/// event, and with it the document.
#[derive(Debug, Default)]
pub(super) struct EventLines {
    line: Line,
    /// The line before ended with a carriage return: a line feed belongs to it.
    after_return: bool,
    /// What this line's data begins with, without blanks: as much as tells `[DONE]` from anything else.
    beginning: SmallVec<[u8; 8]>,
    begun: bool,
    done: bool,
}

#[derive(Clone, Copy, Debug)]
enum Line {
    /// So much of `data:` has been seen.
    Prefix(usize),
    /// Behind `data:`.
    Data,
    /// In a line of another kind.
    Skipped,
}

impl Default for Line {
    fn default() -> Self {
        Self::Prefix(0)
    }
}

const DATA: &[u8] = b"data:";

/// How OpenAI and all who speak like it end a stream.
const DONE: &[u8] = b"[DONE]";

impl EventLines {
    pub(super) fn data(&mut self, mut data: &[u8], json: &mut JsonWatcher) {
        while let Some((&byte, rest)) = data.split_first() {
            if std::mem::take(&mut self.after_return) && byte == b'\n' {
                data = rest;
                continue;
            }
            if let Line::Prefix(matched) = self.line {
                self.prefix(matched, byte, json);
                data = rest;
                continue;
            }
            let end = memchr::memchr2(b'\n', b'\r', data).unwrap_or(data.len());
            if matches!(self.line, Line::Data) {
                self.begin(&data[..end]);
                json.data(&data[..end]);
            }
            if end < data.len() {
                self.line = Line::Prefix(0);
                self.after_return = data[end] == b'\r';
            }
            data = data.get(end + 1..).unwrap_or_default();
        }
    }

    /// Whether any data came.
    pub(super) const fn is_begun(&self) -> bool {
        self.begun
    }

    /// Whether the stream said that it is done.
    pub(super) const fn is_done(&self) -> bool {
        self.done
    }

    fn begin(&mut self, data: &[u8]) {
        if self.beginning.len() > DONE.len() {
            return;
        }
        let words = data.iter().filter(|byte| !byte.is_ascii_whitespace());
        let room = DONE.len() + 1 - self.beginning.len();
        self.beginning.extend(words.take(room).copied());
        self.begun |= !self.beginning.is_empty();
        self.done |= self.beginning[..] == *DONE;
    }

    fn prefix(&mut self, matched: usize, byte: u8, json: &mut JsonWatcher) {
        self.line = match byte {
            b'\n' | b'\r' => {
                self.after_return = byte == b'\r';
                if matched == 0 {
                    json.next_document();
                }
                Line::Prefix(0)
            }
            byte if byte != DATA[matched] => Line::Skipped,
            _ if matched + 1 == DATA.len() => {
                self.beginning.clear();
                Line::Data
            }
            _ => Line::Prefix(matched + 1),
        };
    }
}
