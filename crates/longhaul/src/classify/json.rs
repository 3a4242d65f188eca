//! Whether a JSON document is complete, seen in passing.

use memchr::memchr2;

/// Follows the brackets of a JSON document as it passes, in pieces of any size.
///
/// No parser: it holds nothing and judges nothing but whether every bracket was closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct JsonScanner {
    depth: u32,
    state: State,
    /// Some value began.
    begun: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum State {
    #[default]
    Plain,
    Text,
    Escape,
}

impl JsonScanner {
    pub(super) fn data(&mut self, mut data: &[u8]) {
        while let Some((&byte, rest)) = data.split_first() {
            match self.state {
                State::Plain => {
                    match byte {
                        b'{' | b'[' => self.depth = self.depth.saturating_add(1),
                        b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                        b'"' => self.state = State::Text,
                        _ => {}
                    }
                    self.begun |= !byte.is_ascii_whitespace();
                    data = rest;
                }
                // Nearly all of an answer is one string of base64: skip it in strides.
                State::Text => match memchr2(b'"', b'\\', data) {
                    Some(at) => {
                        self.state = if data[at] == b'"' {
                            State::Plain
                        } else {
                            State::Escape
                        };
                        data = &data[at + 1..];
                    }
                    None => return,
                },
                State::Escape => {
                    self.state = State::Text;
                    data = rest;
                }
            }
        }
    }

    /// Whether a document began and nothing of it is open.
    pub(super) fn is_complete(&self) -> bool {
        self.begun && self.depth == 0 && self.state == State::Plain
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn complete(pieces: &[&str]) -> bool {
        let mut scanner = JsonScanner::default();
        for piece in pieces {
            scanner.data(piece.as_bytes());
        }
        scanner.is_complete()
    }

    #[test]
    fn brackets_in_strings_do_not_count() {
        assert!(complete(&[r#"{"a":"}]\"{["}"#]));
        assert!(
            complete(&[r#"{"a":"x\"#, r#"""#, r#"""#, "}"]),
            "an escape across pieces"
        );
        assert!(!complete(&[r#"{"a":"}"#]));
        assert!(!complete(&["", "   "]));
        assert!(complete(&["\n\n  ", "{}", " \n"]));
    }

    proptest! {
        #[test]
        fn a_document_is_complete_whole_and_never_when_cut(
            text in "[a-z\\\\\"{}\\[\\]]{0,40}",
            cut in 0_usize..200,
            step in 1_usize..7,
        ) {
            let document = serde_json::json!({"a": [text, {"b": text}]}).to_string();
            let mut scanner = JsonScanner::default();
            for piece in document.as_bytes().chunks(step) {
                scanner.data(piece);
            }
            prop_assert!(scanner.is_complete());

            let cut = cut % document.len();
            let mut scanner = JsonScanner::default();
            scanner.data(&document.as_bytes()[..cut]);
            prop_assert!(!scanner.is_complete());
        }
    }
}
