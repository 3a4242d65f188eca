//! Which token may stand where.
//!
//! A push-down automaton with one bit for each open bracket, since a list and an object differ only in what may follow. It
//! never stops by itself: an unsound document is noted and followed further, because an answer that is malformed in one place
//! may have its picture in another.

use smallvec::SmallVec;

/// No document nests deeper. One that does is unsound; its brackets are counted still.
///
/// A megabyte of `[` costs 128 kB of bits here, and no recursion: a hostile document cannot end the process.
const DEEPEST: usize = 1 << 20;

/// The brackets that are open, and what may come next.
#[derive(Debug, Default)]
pub(super) struct JsonGrammar {
    next: Expected,
    depth: usize,
    /// A bit for each open bracket: whether it is an object's.
    // Room for 128 of them, more than any real document has.
    objects: SmallVec<[u64; 2]>,
    unsound: bool,
}

/// What may come next, beside blanks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Expected {
    #[default]
    Value,
    Key,
    Colon,
    /// The first item of what was opened, or its end.
    First,
    /// A comma, or the end of what is open.
    CommaOrEnd,
}

impl JsonGrammar {
    /// So many brackets are open.
    pub(super) const fn depth(&self) -> usize {
        self.depth
    }

    pub(super) const fn is_unsound(&self) -> bool {
        self.unsound
    }

    /// Whether a sound document has ended.
    pub(super) fn is_ended(&self) -> bool {
        self.depth == 0 && self.next == Expected::CommaOrEnd && !self.unsound
    }

    /// Notes a token that is none by itself.
    pub(super) const fn refuse(&mut self, is_wrong: bool) {
        self.unsound |= is_wrong;
    }

    pub(super) fn open(&mut self, object: bool) {
        self.value();
        self.expect(self.depth < DEEPEST);
        if self.depth < DEEPEST {
            let (word, bit) = (self.depth / 64, self.depth % 64);
            if word == self.objects.len() {
                self.objects.push(0);
            }
            self.objects[word] &= !(1 << bit);
            self.objects[word] |= u64::from(object) << bit;
        }
        self.depth += 1;
        self.next = Expected::First;
    }

    /// A bracket closes that may not have been open.
    pub(super) fn close(&mut self, object: bool) {
        let ends = matches!(self.next, Expected::CommaOrEnd | Expected::First);
        self.expect(ends && self.depth > 0 && self.in_object() == object);
        self.depth = self.depth.saturating_sub(1);
        self.next = Expected::CommaOrEnd;
    }

    /// Another document begins.
    pub(super) const fn start_over(&mut self) {
        self.depth = 0;
        self.next = Expected::Value;
    }

    pub(super) fn comma(&mut self) {
        self.expect(self.next == Expected::CommaOrEnd && self.depth > 0);
        self.next = if self.in_object() {
            Expected::Key
        } else {
            Expected::Value
        };
    }

    pub(super) fn colon(&mut self) {
        self.expect(self.next == Expected::Colon);
        self.next = Expected::Value;
    }

    /// A text, literal or bracket begins that is no key.
    pub(super) fn value(&mut self) {
        self.expect(
            self.next == Expected::Value || self.next == Expected::First && !self.in_object(),
        );
    }

    /// A text begins; returned is whether it is a key.
    pub(super) fn text(&mut self) -> bool {
        let key = self.at_key();
        if key {
            self.expect(self.next != Expected::Colon);
        } else {
            self.value();
        }
        key
    }

    /// A text or literal ends.
    pub(super) fn ended(&mut self) {
        self.next = if self.at_key() {
            Expected::Colon
        } else {
            Expected::CommaOrEnd
        };
    }

    const fn expect(&mut self, is_so: bool) {
        self.unsound |= !is_so;
    }

    fn at_key(&self) -> bool {
        matches!(self.next, Expected::Key | Expected::Colon)
            || self.next == Expected::First && self.in_object()
    }

    fn in_object(&self) -> bool {
        let Some(at) = self.depth.checked_sub(1) else {
            return false;
        };
        let word = self.objects.get(at / 64);
        word.is_some_and(|word| word >> (at % 64) & 1 == 1)
    }
}
