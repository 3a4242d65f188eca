//! Steps through JSON where it lies, as strict as `serde_json`, and passes over long texts at memory speed.
//!
//! What `serde_json` cannot do is why this is here: it looks at eight bytes at a time, and a reference image of 20 MB is
//! one text.

use std::{borrow::Cow, str};

use super::scan::first_special;

/// It is no JSON, from here on.
#[derive(Debug)]
pub(super) struct Malformed;

/// What is ahead in JSON.
#[derive(Debug)]
pub(super) struct Reader<'j> {
    json: &'j [u8],
    at: usize,
    /// What closes each bracket that is open in a value that is skipped.
    open: Vec<u8>,
}

/// A sound text as it is written, quotes included.
#[derive(Clone, Copy, Debug)]
pub(super) struct JsonText<'j> {
    written: &'j [u8],
    has_escapes: bool,
}

impl<'j> JsonText<'j> {
    /// Bytes that it takes.
    pub(super) const fn len(self) -> usize {
        self.written.len()
    }

    /// What it says. Copied only if it has escapes in it.
    pub(super) fn read(self) -> Result<Cow<'j, str>, Malformed> {
        if self.has_escapes {
            return self.unescaped().map(Cow::Owned);
        }
        let said = str::from_utf8(self.between_quotes());
        said.map(Cow::Borrowed).map_err(|_| Malformed)
    }

    /// The same as bytes, which are UTF-8.
    pub(super) fn bytes(self) -> Result<Cow<'j, [u8]>, Malformed> {
        if self.has_escapes {
            return Ok(Cow::Owned(self.unescaped()?.into_bytes()));
        }
        Ok(Cow::Borrowed(self.between_quotes()))
    }

    fn between_quotes(self) -> &'j [u8] {
        &self.written[1..self.written.len() - 1]
    }

    fn unescaped(self) -> Result<String, Malformed> {
        serde_json::from_slice(self.written).map_err(|_| Malformed)
    }
}

impl<'j> Reader<'j> {
    pub(super) const fn new(json: &'j [u8]) -> Self {
        Self {
            json,
            at: 0,
            open: Vec::new(),
        }
    }

    /// The first byte of what comes next.
    pub(super) fn peek(&mut self) -> Result<u8, Malformed> {
        while let Some(&byte) = self.json.get(self.at) {
            if !matches!(byte, b' ' | b'\n' | b'\t' | b'\r') {
                return Ok(byte);
            }
            self.at += 1;
        }
        Err(Malformed)
    }

    /// Takes this byte, which must come next.
    pub(super) fn take(&mut self, expected: u8) -> Result<(), Malformed> {
        if self.peek()? != expected {
            return Err(Malformed);
        }
        self.at += 1;
        Ok(())
    }

    /// Takes what opens an object or a list; `false` if it is closed at once.
    pub(super) fn open(&mut self, bracket: u8, close: u8) -> Result<bool, Malformed> {
        self.take(bracket)?;
        let is_empty = self.peek()? == close;
        self.at += usize::from(is_empty);
        Ok(!is_empty)
    }

    /// After a value in an object or a list: whether another one follows, or `close` was taken.
    pub(super) fn more(&mut self, close: u8) -> Result<bool, Malformed> {
        let next = self.peek()?;
        self.at += 1;
        match next {
            b',' => Ok(true),
            _ if next == close => Ok(false),
            _ => Err(Malformed),
        }
    }

    /// Takes a key and its colon.
    pub(super) fn key(&mut self) -> Result<JsonText<'j>, Malformed> {
        let key = self.text()?;
        self.take(b':')?;
        Ok(key)
    }

    /// Takes a text.
    pub(super) fn text(&mut self) -> Result<JsonText<'j>, Malformed> {
        self.take(b'"')?;
        let start = self.at - 1;
        let (mut has_escapes, mut is_ascii) = (false, true);
        loop {
            self.at = first_special(self.json, self.at);
            match self.json.get(self.at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    has_escapes = true;
                    self.escape()?;
                }
                Some(0x80..) => {
                    is_ascii = false;
                    self.at += 1;
                }
                // A control character, or the end.
                _ => return Err(Malformed),
            }
        }
        self.at += 1;
        let written = &self.json[start..self.at];
        // Seen to be ASCII, it needs no second look, which would take as long as the first.
        if !is_ascii && str::from_utf8(written).is_err() {
            return Err(Malformed);
        }
        Ok(JsonText {
            written,
            has_escapes,
        })
    }

    fn escape(&mut self) -> Result<(), Malformed> {
        let digits = match self.json.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 0,
            Some(b'u') => 4,
            _ => return Err(Malformed),
        };
        let from = self.at + 2;
        let written = self.json.get(from..from + digits).ok_or(Malformed)?;
        if !written.iter().all(u8::is_ascii_hexdigit) {
            return Err(Malformed);
        }
        self.at = from + digits;
        Ok(())
    }

    /// Takes a number, as it is written.
    pub(super) fn number(&mut self) -> Result<&'j str, Malformed> {
        let start = self.at;
        self.at += usize::from(self.json.get(start) == Some(&b'-'));
        let whole = self.digits()?;
        if whole > 1 && self.json[self.at - whole] == b'0' {
            return Err(Malformed);
        }
        if self.json.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.json.get(self.at) {
            self.at += 1;
            self.at += usize::from(matches!(self.json.get(self.at), Some(b'+' | b'-')));
            self.digits()?;
        }
        str::from_utf8(&self.json[start..self.at]).map_err(|_| Malformed)
    }

    /// Takes one digit or more; returned is how many.
    fn digits(&mut self) -> Result<usize, Malformed> {
        let rest = &self.json[self.at..];
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        if count == 0 {
            Err(Malformed)
        } else {
            Ok(count)
        }
    }

    /// Takes this word.
    pub(super) fn word(&mut self, word: &str) -> Result<(), Malformed> {
        if !self.json[self.at..].starts_with(word.as_bytes()) {
            return Err(Malformed);
        }
        self.at += word.len();
        Ok(())
    }

    /// Passes over a value, however deep it is nested.
    pub(super) fn skip(&mut self) -> Result<(), Malformed> {
        self.open.clear();
        loop {
            match self.peek()? {
                b'{' => {
                    if self.open(b'{', b'}')? {
                        self.open.push(b'}');
                        self.key()?;
                        continue;
                    }
                }
                b'[' => {
                    if self.open(b'[', b']')? {
                        self.open.push(b']');
                        continue;
                    }
                }
                b'"' => drop(self.text()?),
                b't' => self.word("true")?,
                b'f' => self.word("false")?,
                b'n' => self.word("null")?,
                _ => drop(self.number()?),
            }
            if !self.follows()? {
                return Ok(());
            }
        }
    }

    /// Whether a further value follows in the brackets that are open; those that end are closed.
    fn follows(&mut self) -> Result<bool, Malformed> {
        while let Some(&close) = self.open.last() {
            if self.more(close)? {
                if close == b'}' {
                    self.key()?;
                }
                return Ok(true);
            }
            self.open.pop();
        }
        Ok(false)
    }

    /// Nothing may follow.
    pub(super) fn end(&mut self) -> Result<(), Malformed> {
        match self.peek() {
            Ok(_) => Err(Malformed),
            Err(Malformed) => Ok(()),
        }
    }
}
