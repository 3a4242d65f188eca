//! The lines of an event stream.

use super::json::JsonWatcher;

/// Hands on what stands behind `data:`, and no other line, in pieces of any size. A blank line ends the
/// event, and with it the document.
#[derive(Debug, Default)]
pub(super) struct EventLines {
    line: Line,
}

#[derive(Clone, Copy, Debug)]
enum Line {
    /// So much of `data:` has been seen.
    Prefix(usize),
    /// Behind `data:`.
    Data,
    /// In a line of another kind.
    SkipReason,
}

impl Default for Line {
    fn default() -> Self {
        Self::Prefix(0)
    }
}

const DATA: &[u8] = b"data:";

impl EventLines {
    pub(super) fn data(&mut self, mut data: &[u8], json: &mut JsonWatcher) {
        while let Some((&byte, rest)) = data.split_first() {
            if let Line::Prefix(matched) = self.line {
                self.prefix(matched, byte, json);
                data = rest;
                continue;
            }
            let end = memchr::memchr(b'\n', data).unwrap_or(data.len());
            if matches!(self.line, Line::Data) {
                json.data(&data[..end]);
            }
            if end < data.len() {
                self.line = Line::Prefix(0);
            }
            data = data.get(end + 1..).unwrap_or_default();
        }
    }

    fn prefix(&mut self, matched: usize, byte: u8, json: &mut JsonWatcher) {
        self.line = match byte {
            b'\n' => {
                if matched == 0 {
                    json.next_document();
                }
                Line::Prefix(0)
            }
            b'\r' if matched == 0 => Line::Prefix(0),
            byte if byte != DATA[matched] => Line::SkipReason,
            _ if matched + 1 == DATA.len() => Line::Data,
            _ => Line::Prefix(matched + 1),
        };
    }
}
