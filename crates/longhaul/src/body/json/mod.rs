//! The one JSON scanner: what a document says, token by token, as its bytes pass in pieces of any size.
//!
//! It builds no tree and holds no text: a picture of 30 MB goes by in the pieces in which it came, and its reader keeps of
//! each text what it wants. The parsers that exist want a text whole in their buffer before they give it out.
//!
//! An answer is followed as far as it goes, however malformed it is. [`JsonScanner::strict`] stops where a document is
//! unsound: as strict as `serde_json` is of what it ignores.
//!
//! An invariant that callers rely on: the tokens of a document are the same however its bytes are cut into pieces, but for
//! the cuts within one text. The property test `the_facts_do_not_depend_on_the_pieces` of the classifier's watcher keeps it.

mod grammar;

use memchr::memchr2;
use serde::de::IgnoredAny;
use smallvec::SmallVec;

use self::grammar::JsonGrammar;

/// No number that a server reads is written in more bytes; of what is longer, the beginning is kept.
const LONGEST_LITERAL: usize = 64;

/// A token of a document.
#[derive(Clone, Copy, Debug)]
pub(crate) enum JsonToken<'a> {
    /// An object or a list begins.
    Open { object: bool },
    /// The innermost of them ends.
    Close,
    /// A text begins: a key or a value.
    TextBegins { key: bool },
    /// A piece of it, without escapes, never empty.
    Text(&'a [u8]),
    /// The text ends.
    TextEnds,
    /// A number, `true`, `false` or `null`.
    Literal(&'a str),
}

/// Follows a document.
#[derive(Debug, Default)]
pub(crate) struct JsonScanner {
    strict: bool,
    state: State,
    grammar: JsonGrammar,
    literal: SmallVec<[u8; LONGEST_LITERAL]>,
    /// What the document begins with.
    first: Option<u8>,
}

/// Where in a token it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum State {
    #[default]
    Between,
    Literal,
    Text,
    Escape,
    /// So many digits of `\uXXXX` came, and this is their value.
    Unicode(u8, u16),
}

impl JsonScanner {
    /// Stops at the first byte that no sound document has there.
    pub(crate) fn strict() -> Self {
        Self {
            strict: true,
            ..Self::default()
        }
    }

    /// Follows the next bytes; `read` is given each token, and how many brackets are open, its own among them.
    pub(crate) fn data(&mut self, mut data: &[u8], mut read: impl FnMut(usize, JsonToken<'_>)) {
        if self.first.is_none() {
            data = self.begin(data);
        }
        // A picture or a page: nothing in it is ours to read.
        if !self.is_json() {
            return;
        }
        while let Some((&byte, rest)) = data.split_first()
            && !(self.strict && self.grammar.is_unsound())
        {
            data = match self.state {
                // Nearly all of a document is one text of base64: skip it in strides.
                State::Text => self.text(data, &mut read),
                State::Escape => {
                    self.escape(byte, &mut read);
                    rest
                }
                State::Unicode(digits, value) => match char::from(byte).to_digit(16) {
                    Some(digit) => {
                        self.unicode(digits, (value << 4) | digit as u16, &mut read);
                        rest
                    }
                    // No number after all: it goes on as if it were text, so that a quote still ends it.
                    None => {
                        self.grammar.refuse(true);
                        self.state = State::Text;
                        data
                    }
                },
                State::Between | State::Literal => {
                    self.plain(byte, &mut read);
                    rest
                }
            };
        }
    }

    /// Whether it begins as a document does: with an object or a list.
    pub(crate) const fn is_json(&self) -> bool {
        matches!(self.first, Some(b'{' | b'['))
    }

    /// Whether anything but blanks came.
    pub(crate) const fn is_begun(&self) -> bool {
        self.first.is_some()
    }

    /// Whether a document began and nothing of it is open.
    pub(crate) fn is_complete(&self) -> bool {
        let closed = matches!(self.state, State::Between | State::Literal);
        self.is_begun() && closed && self.grammar.depth() == 0
    }

    /// Whether it is one whole, sound document.
    pub(crate) fn is_sound(&self) -> bool {
        self.is_json() && self.is_complete() && self.grammar.is_ended()
    }

    /// Whatever is open will not be closed any more: another document follows.
    ///
    /// For event streams, where each event is a document of its own and one that broke off must not swallow the next.
    pub(crate) fn next_document(&mut self, mut read: impl FnMut(usize, JsonToken<'_>)) {
        for depth in (1..=self.grammar.depth()).rev() {
            read(depth, JsonToken::Close);
        }
        self.grammar.start_over();
        self.state = State::Between;
    }

    /// What stands behind the blanks; of an answer also behind the byte order mark.
    fn begin<'d>(&mut self, data: &'d [u8]) -> &'d [u8] {
        let data = if self.strict {
            &data[data.iter().take_while(|byte| is_blank(**byte)).count()..]
        } else {
            behind_mark(data)
        };
        self.first = data.first().copied();
        data
    }

    fn plain(&mut self, byte: u8, read: &mut impl FnMut(usize, JsonToken<'_>)) {
        let is_mark = matches!(byte, b'{' | b'}' | b'[' | b']' | b',' | b':' | b'"');
        if !is_mark && !is_blank(byte) {
            return self.literal(byte);
        }
        if self.state == State::Literal {
            self.literal_ended(read);
        }
        match byte {
            b'{' | b'[' => {
                let object = byte == b'{';
                self.grammar.open(object);
                read(self.grammar.depth(), JsonToken::Open { object });
            }
            b'}' | b']' => {
                let depth = self.grammar.depth();
                self.grammar.close(byte == b'}');
                if depth > 0 {
                    read(depth, JsonToken::Close);
                }
            }
            b'"' => {
                let key = self.grammar.text();
                self.state = State::Text;
                read(self.grammar.depth(), JsonToken::TextBegins { key });
            }
            b',' => self.grammar.comma(),
            b':' => self.grammar.colon(),
            _ => {}
        }
    }

    fn text<'d>(
        &mut self,
        data: &'d [u8],
        read: &mut impl FnMut(usize, JsonToken<'_>),
    ) -> &'d [u8] {
        let depth = self.grammar.depth();
        let end = memchr2(b'"', b'\\', data).unwrap_or(data.len());
        let (piece, rest) = data.split_at(end);
        self.grammar.refuse(self.strict && has_control(piece));
        if !piece.is_empty() {
            read(depth, JsonToken::Text(piece));
        }
        let Some((&byte, rest)) = rest.split_first() else {
            return rest;
        };
        if byte == b'"' {
            self.state = State::Between;
            self.grammar.ended();
            read(depth, JsonToken::TextEnds);
        } else {
            self.state = State::Escape;
        }
        rest
    }

    fn escape(&mut self, byte: u8, read: &mut impl FnMut(usize, JsonToken<'_>)) {
        self.state = State::Text;
        let meant = match byte {
            b'u' => {
                self.state = State::Unicode(0, 0);
                return;
            }
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            other => {
                self.grammar.refuse(!matches!(other, b'"' | b'\\' | b'/'));
                other
            }
        };
        read(self.grammar.depth(), JsonToken::Text(&[meant]));
    }

    /// Halves of a pair outside the first plane become replacement characters: no known word has any.
    fn unicode(&mut self, digits: u8, value: u16, read: &mut impl FnMut(usize, JsonToken<'_>)) {
        if digits < 3 {
            self.state = State::Unicode(digits + 1, value);
            return;
        }
        self.state = State::Text;
        let character = char::from_u32(value.into()).unwrap_or(char::REPLACEMENT_CHARACTER);
        let mut text = [0; 4];
        let text = character.encode_utf8(&mut text).as_bytes();
        read(self.grammar.depth(), JsonToken::Text(text));
    }

    fn literal(&mut self, byte: u8) {
        if self.state == State::Between {
            self.grammar.value();
            self.state = State::Literal;
            self.literal.clear();
        }
        let fits = self.literal.len() < LONGEST_LITERAL;
        self.grammar.refuse(!fits);
        self.literal.extend(fits.then_some(byte));
    }

    fn literal_ended(&mut self, read: &mut impl FnMut(usize, JsonToken<'_>)) {
        self.state = State::Between;
        let is_sound = serde_json::from_slice::<IgnoredAny>(&self.literal).is_ok();
        self.grammar.refuse(!is_sound);
        self.grammar.ended();
        let text = String::from_utf8_lossy(&self.literal);
        read(self.grammar.depth(), JsonToken::Literal(&text));
    }
}

const BYTE_ORDER_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];

/// What of an answer stands behind the blanks, and behind the byte order mark that some servers write before JSON and that no
/// reader of JSON takes. Of an answer in pieces: of each, until something is left.
#[doc(hidden)]
pub fn behind_mark(data: &[u8]) -> &[u8] {
    let says_nothing = |byte: &&u8| is_blank(**byte) || BYTE_ORDER_MARK.contains(byte);
    &data[data.iter().take_while(says_nothing).count()..]
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\t' | b'\r')
}

/// Whether a control character is in it, which a sound text escapes. Without a branch per byte, it is compiled to vector
/// instructions.
///
/// A loop that stops at the first one is slower on 30 MB of base64, in which there is none.
fn has_control(text: &[u8]) -> bool {
    text.iter()
        .fold(false, |found, byte| found | (*byte < 0x20))
}
