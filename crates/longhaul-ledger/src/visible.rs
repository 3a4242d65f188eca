//! Text from outside, shown to a person: what would steer a terminal is written out.
//!
//! Names of providers, models and ids come from answers, and an answer may hold anything. Printed as it is, an escape
//! sequence could clear the screen or rewrite the line above it, and a letter that turns the order around could make
//! one file's name look like another's.

use std::borrow::Cow;

/// `text` with everything written out that a terminal takes for a command, or that turns the order of letters around.
/// Line ends and tabs are among it: a name that a provider sent stays on its line.
///
/// Text without such letters, which is nearly all, is borrowed and not copied. It is for people: JSON and CSV keep the
/// text as it is.
///
/// ```
/// assert_eq!(longhaul_ledger::visible("relay\u{1b}[2J"), "relay\\u{1b}[2J");
/// ```
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(steers) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        if steers(letter) {
            shown.extend(letter.escape_unicode());
        } else {
            shown.push(letter);
        }
    }
    shown.into()
}

/// Whether it is no letter to be seen.
///
/// Controls, marks of zero width, separators of lines, and those that embed, override or isolate a direction of
/// writing.
fn steers(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_written_out() {
        for (text, shown) in [
            ("nano-banana-pro", "nano-banana-pro"),
            ("größe 4K 图", "größe 4K 图"),
            ("\u{1b}[2Jgone", "\\u{1b}[2Jgone"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("a\r\nb\tc", "a\\u{d}\\u{a}b\\u{9}c"),
            ("gpj.\u{202e}exe", "gpj.\\u{202e}exe"),
        ] {
            assert_eq!(visible(text), shown);
        }
    }
}
