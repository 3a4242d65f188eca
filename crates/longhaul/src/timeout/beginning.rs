//! A picture has begun with the first byte that is more than a sign of life. It is the rule of this layer alone; a classifier
//! above, which reads the answer, knows better and says so on the handle.

/// Looks for the first byte of an answer that is more than a sign of life.
///
/// Whitespace keeps a line open, and so do the comments of an event stream, which are lines that begin with a colon.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Beginning {
    in_comment: bool,
}

impl Beginning {
    /// Whether the next piece of the answer holds such a byte.
    pub(super) fn is_in(&mut self, piece: &[u8]) -> bool {
        for &byte in piece {
            match byte {
                b'\n' | b'\r' => self.in_comment = false,
                _ if self.in_comment || byte.is_ascii_whitespace() => {}
                b':' => self.in_comment = true,
                _ => return true,
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_and_comments_are_no_beginning() {
        let begins = |pieces: &[&str]| {
            let mut beginning = Beginning::default();
            pieces
                .iter()
                .position(|piece| beginning.is_in(piece.as_bytes()))
        };
        assert_eq!(begins(&["", " \n\t", "\r\n"]), None);
        assert_eq!(begins(&[": ping\n\n", ":", " still a comment", "\n"]), None);
        assert_eq!(begins(&[" ", ": ping\n", "data: {}"]), Some(2));
        assert_eq!(begins(&["\n{"]), Some(0));
        assert_eq!(begins(&["\u{89}PNG"]), Some(0));
    }
}
