//! The one way to name several providers or models in a table. A `*` in the middle would need rules for which row is more
//! exact; the first row that matches counts, and a beginning is enough for the names that there are.

use crate::config::ConfigError;

/// A name, or the beginning of one followed by `*`; `*` alone stands for any.
///
/// ```
/// use longhaul::billing::Pattern;
///
/// let pattern = Pattern::new("model", "gemini-3-pro*")?;
/// assert!(pattern.matches("gemini-3-pro-image-preview"));
/// assert!(!pattern.matches("Gemini-3-pro"), "model names differ by capitals");
/// assert!(pattern.matches_in_any_case("GEMINI-3-PRO"));
/// assert_eq!(Pattern::new("model", "*-pro").unwrap_err().field(), "model");
/// # Ok::<(), longhaul::ConfigError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Pattern {
    name: Box<str>,
    /// Whether more may follow.
    open: bool,
}

impl Pattern {
    /// Refuses an empty text, and a `*` elsewhere than at the end. The error is about `field`.
    pub fn new(field: &str, text: &str) -> Result<Self, ConfigError> {
        if text.is_empty() {
            return Err(ConfigError::new(
                field,
                "must not be empty; `*` stands for any",
            ));
        }
        let (name, open) = match text.strip_suffix('*') {
            Some(beginning) => (beginning, true),
            None => (text, false),
        };
        if name.contains('*') {
            return Err(ConfigError::new(
                field,
                format!("{text:?}: `*` may stand at the end only"),
            ));
        }
        let name = name.into();
        Ok(Self { name, open })
    }

    /// Whether `text` is the name, or begins so.
    pub fn matches(&self, text: &str) -> bool {
        self.compared(text) == Some(&*self.name)
    }

    /// The same, with capitals like small letters: as for host names.
    pub fn matches_in_any_case(&self, text: &str) -> bool {
        self.compared(text)
            .is_some_and(|text| text.eq_ignore_ascii_case(&self.name))
    }

    /// Whether every text that `other` matches is matched by this one as well: behind it, `other` never counts.
    ///
    /// ```
    /// use longhaul::billing::Pattern;
    ///
    /// let (all, pro) = (Pattern::new("model", "gemini*")?, Pattern::new("model", "gemini-3-pro")?);
    /// assert!(all.covers(&pro) && !pro.covers(&all));
    /// # Ok::<(), longhaul::ConfigError>(())
    /// ```
    pub fn covers(&self, other: &Self) -> bool {
        self.matches(&other.name) && (self.open || !other.open)
    }

    /// The same, with capitals like small letters.
    pub fn covers_in_any_case(&self, other: &Self) -> bool {
        self.matches_in_any_case(&other.name) && (self.open || !other.open)
    }

    /// The part of `text` that has to be the name.
    fn compared<'a>(&self, text: &'a str) -> Option<&'a str> {
        if self.open {
            text.get(..self.name.len())
        } else {
            Some(text)
        }
    }
}

/// Refuses a row of a table whose first match counts, if an earlier row `takes` all that it is for: it would never count, and
/// nothing would say so.
pub(crate) fn none_is_hidden<T>(
    table: &str,
    rows: &[T],
    takes: impl Fn(&T, &T) -> bool,
) -> Result<(), ConfigError> {
    for (index, row) in rows.iter().enumerate() {
        if let Some(earlier) = rows[..index].iter().position(|earlier| takes(earlier, row)) {
            return Err(ConfigError::new(
                format!("{table}[{index}]"),
                format!(
                    "never counts: `{table}[{earlier}]` stands before it and takes all that it is for"
                ),
            ));
        }
    }
    Ok(())
}
