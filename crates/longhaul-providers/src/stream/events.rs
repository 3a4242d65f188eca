//! The events of a stream, as its bytes come in pieces of any size.
//!
//! A parser by bytes, and not one of the crates for server-sent events, for two reasons. A picture is one line of up to
//! 40 MB that arrives in thousands of pieces: a parser that looks for the end of the line from its beginning at each
//! piece takes time by the square of its length. And most of what comes is thrown away (partial images, second copies
//! of a picture), so it must not be held first: whether an event's data is kept is decided by its name, as soon as that
//! is known. The test `a_line_of_40_mb_takes_time_by_its_length_and_no_more` keeps the first, and
//! `events_are_the_same_in_any_pieces_and_with_any_line_end` that cuts make no difference.
//!
//! It follows the text of the WHATWG standard: lines end with CR, LF or both; one blank behind the colon is no part of
//! the value; several `data` lines are joined by line feeds; a blank line ends the event; an event that the stream's
//! end cuts off is none. `id` and `retry` are skipped, since nothing here reconnects.

use bytes::{Bytes, BytesMut};
use memchr::memchr2;

/// Follows a stream. Data that nobody wants is dropped as it passes.
///
/// Its memory is the name (128 bytes at most) and the data of the event that is being read (`longest` at most).
#[derive(Debug)]
pub(super) struct Events {
    line: Line,
    /// What stood before it was a carriage return: a line feed belongs to it.
    after_return: bool,
    /// The value of the last `event` field, cut off at [`NAME`].
    name: Vec<u8>,
    /// What of the event's data was kept so far, its lines joined.
    data: BytesMut,
    /// How many `data` fields the event had: an event without any is no message.
    lines_of_data: u32,
    /// Whether data under this name is kept.
    wanted: fn(&[u8]) -> bool,
    /// The most that is kept of one event, in bytes.
    longest: usize,
    /// The limit was passed: the event is still followed to its end, and then reported in place of its data.
    too_long: bool,
}

/// How far the current line was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    /// So much of a field's name was seen, which may be `data` or `event`.
    Field(usize, EventField),
    /// Right behind the colon, where one blank is no part of the value.
    Colon(EventField),
    /// Within the value, up to the end of the line.
    Value(EventField),
}

/// Which field the line is, as far as its name was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EventField {
    /// Nothing of the line was seen.
    Unknown,
    /// `data`, or a beginning of it.
    Data,
    Event,
    /// A line that begins with a colon.
    Comment,
    Other,
}

/// What was taken out of the stream.
#[derive(Debug, PartialEq)]
pub(super) enum Event {
    /// A comment: it keeps the line open.
    Comment,
    /// An event without its data: nobody wants that.
    ///
    /// It is counted, and tells by its name that something is going on.
    Passed { name: String },
    /// An event with its data, in one piece. The name is empty where it has none.
    Data { name: String, data: Bytes },
    /// An event with more data than may be held, of which nothing was kept.
    TooLong,
}

/// No name is longer.
///
/// No documented name is half as long. What is longer is cut, and then is no name that is known.
const NAME: usize = 128;

impl Events {
    /// `wanted` says of a name whether its data is to be kept; no event may be longer than `longest`.
    pub(super) fn new(wanted: fn(&[u8]) -> bool, longest: usize) -> Self {
        Self {
            line: Line::Field(0, EventField::Unknown),
            after_return: false,
            name: Vec::new(),
            data: BytesMut::new(),
            lines_of_data: 0,
            wanted,
            longest,
            too_long: false,
        }
    }

    /// The longest event that is held.
    pub(super) const fn longest(&self) -> usize {
        self.longest
    }

    /// Takes the next event out of `piece`; what is left of it stays there. `None` where more must come first.
    ///
    /// It is called again with the same piece until it says `None`, and then with the next one. A value is taken with
    /// one search for the end of its line; only names and colons are read byte by byte.
    pub(super) fn next(&mut self, piece: &mut Bytes) -> Option<Event> {
        while !piece.is_empty() {
            if std::mem::take(&mut self.after_return) && piece[0] == b'\n' {
                let _ = piece.split_to(1);
                continue;
            }
            if let Line::Value(field) = self.line {
                let end = memchr2(b'\n', b'\r', piece).unwrap_or(piece.len());
                let value = piece.split_to(end);
                self.value(field, &value);
                if piece.is_empty() {
                    return None;
                }
                self.after_return = piece.split_to(1)[0] == b'\r';
                if let Some(event) = self.line_ended() {
                    return Some(event);
                }
                continue;
            }
            let byte = piece.split_to(1)[0];
            if let b'\n' | b'\r' = byte {
                self.after_return = byte == b'\r';
                if let Some(event) = self.line_ended() {
                    return Some(event);
                }
                continue;
            }
            self.begin(byte);
        }
        None
    }

    /// Takes one byte of a line before its value: of the field's name, or the blank behind the colon.
    fn begin(&mut self, byte: u8) {
        self.line = match self.line {
            Line::Field(0, _) if byte == b':' => Line::Value(EventField::Comment),
            Line::Field(0, _) => match byte {
                b'd' => Line::Field(1, EventField::Data),
                b'e' => Line::Field(1, EventField::Event),
                // A byte order mark, before the first line.
                0xef | 0xbb | 0xbf => Line::Field(0, EventField::Unknown),
                _ => Line::Field(1, EventField::Other),
            },
            Line::Field(seen, field) => {
                let name: &[u8] = match field {
                    EventField::Data => b"data",
                    EventField::Event => b"event",
                    _ => b"",
                };
                match byte {
                    b':' if seen == name.len() => Line::Colon(field),
                    b':' => Line::Value(EventField::Other),
                    _ if name.get(seen) == Some(&byte) => Line::Field(seen + 1, field),
                    _ => Line::Field(usize::MAX, EventField::Other),
                }
            }
            Line::Colon(field) => {
                if byte != b' ' {
                    self.value_begins(field);
                    self.value(field, &[byte]);
                } else {
                    self.value_begins(field);
                }
                Line::Value(field)
            }
            value => value,
        };
    }

    /// The colon was passed: a new name replaces the old one, and a further `data` line is joined to those before.
    fn value_begins(&mut self, field: EventField) {
        match field {
            EventField::Event => self.name.clear(),
            EventField::Data => {
                if self.lines_of_data > 0 && self.keeps() {
                    self.data.extend_from_slice(b"\n");
                }
                self.lines_of_data += 1;
            }
            _ => {}
        }
    }

    /// A part of a value, however it was cut.
    fn value(&mut self, field: EventField, value: &[u8]) {
        match field {
            EventField::Event => {
                let room = NAME.saturating_sub(self.name.len());
                self.name.extend_from_slice(&value[..value.len().min(room)]);
            }
            EventField::Data if self.keeps() => {
                if self.data.len() + value.len() > self.longest {
                    self.too_long = true;
                    self.data = BytesMut::new();
                } else {
                    self.data.extend_from_slice(value);
                }
            }
            _ => {}
        }
    }

    /// An event without a name may be anything.
    ///
    /// So data that comes before its `event` line is kept until the name is known.
    fn keeps(&self) -> bool {
        !self.too_long && (self.name.is_empty() || (self.wanted)(&self.name))
    }

    /// What the end of a line makes: a comment at once, an event where the line was blank, and else nothing yet.
    fn line_ended(&mut self) -> Option<Event> {
        let line = std::mem::replace(&mut self.line, Line::Field(0, EventField::Unknown));
        match line {
            Line::Value(EventField::Comment) => return Some(Event::Comment),
            // A blank line ends the event.
            Line::Field(0, _) => {}
            Line::Colon(field) => {
                self.value_begins(field);
                return None;
            }
            _ => return None,
        }
        let name = String::from_utf8_lossy(&std::mem::take(&mut self.name)).into_owned();
        let data = std::mem::take(&mut self.data).freeze();
        let lines = std::mem::take(&mut self.lines_of_data);
        if std::mem::take(&mut self.too_long) {
            return Some(Event::TooLong);
        }
        match (lines, data.is_empty()) {
            (0, _) if name.is_empty() => None,
            (0, _) | (_, true) => Some(Event::Passed { name }),
            (_, false) => Some(Event::Data { name, data }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str, size: usize) -> Vec<Event> {
        let mut events = Events::new(|name| name != b"skipped", 1000);
        let mut found = Vec::new();
        for piece in text.as_bytes().chunks(size) {
            let mut piece = Bytes::copy_from_slice(piece);
            while let Some(event) = events.next(&mut piece) {
                found.push(event);
            }
        }
        found
    }

    fn data(name: &str, data: &'static str) -> Event {
        Event::Data {
            name: name.to_owned(),
            data: Bytes::from_static(data.as_bytes()),
        }
    }

    #[test]
    fn events_are_the_same_in_any_pieces_and_with_any_line_end() {
        let text = "\u{feff}: hello\n\nevent: a\ndata: {\"x\":1}\n\nid: 7\ndata:one\ndata: two\n\n\
                    event: skipped\ndata: long\n\n: ping\ndataless\nevent: b\n\ndata: last\n\n";
        let expected = [
            Event::Comment,
            data("a", "{\"x\":1}"),
            data("", "one\ntwo"),
            Event::Passed {
                name: "skipped".to_owned(),
            },
            Event::Comment,
            Event::Passed {
                name: "b".to_owned(),
            },
            data("", "last"),
        ];
        for end in ["\n", "\r\n", "\r"] {
            let text = text.replace('\n', end);
            for size in [1, 2, 3, 7, 1000] {
                assert_eq!(all(&text, size), expected, "{end:?} {size}");
            }
        }
    }

    #[test]
    fn an_event_without_its_end_is_none() {
        assert_eq!(all("event: a\ndata: {}\n", 100), []);
    }

    #[test]
    fn an_event_that_is_too_long_is_said_to_be() {
        let text = format!("data: {}\n\ndata: x\n\n", "y".repeat(1001));
        assert_eq!(all(&text, 64), [Event::TooLong, data("", "x")]);
    }

    #[test]
    fn a_line_of_40_mb_takes_time_by_its_length_and_no_more() {
        let mut events = Events::new(|_| true, 64 * 1024 * 1024);
        let piece = Bytes::from(vec![b'x'; 16 * 1024]);
        assert_eq!(events.next(&mut Bytes::from_static(b"data: ")), None);
        for _ in 0..2_560 {
            assert_eq!(events.next(&mut piece.clone()), None);
        }
        let Some(Event::Data { data, .. }) = events.next(&mut Bytes::from_static(b"\n\n")) else {
            panic!();
        };
        assert_eq!(data.len(), 40 * 1024 * 1024);
    }
}
