//! What the error object of an answer says.

use super::{
    keys::AnswerKey,
    wording::{means_failure, means_success},
};

/// No error says more than this of itself.
const WORDS: usize = 32;

/// What the error object of a provider or a relay says: `{"error": {…}}`, wherever it stands.
///
/// ```
/// use http::HeaderMap;
/// use longhaul::classify::AnswerFacts;
///
/// let body = br#"{"error": {"code": 503, "status": "UNAVAILABLE", "message": "The model is overloaded."}}"#;
/// let error = AnswerFacts::read(&HeaderMap::new(), body, true).error.unwrap();
/// assert_eq!((error.code(), error.status()), (Some("503"), Some("UNAVAILABLE")));
/// assert_eq!(error.kind(), None);
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ProviderError {
    words: Vec<(AnswerKey, Box<str>)>,
}

impl ProviderError {
    /// An error of which there is nothing but these words.
    pub(in super::super) fn of_text(text: &str) -> Self {
        let mut error = Self::default();
        error.note(AnswerKey::Message, text);
        error
    }

    /// `code`: a word (OpenAI and the relays) or a number (Google, OpenRouter).
    pub fn code(&self) -> Option<&str> {
        self.word(AnswerKey::Code)
    }

    /// `type`, as OpenAI and the relays have it.
    ///
    /// ```
    /// use http::HeaderMap;
    /// use longhaul::classify::AnswerFacts;
    ///
    /// let body = br#"{"error": {"type": "insufficient_quota", "message": "You exceeded your current quota."}}"#;
    /// let error = AnswerFacts::read(&HeaderMap::new(), body, true).error.unwrap();
    /// assert_eq!(error.kind(), Some("insufficient_quota"));
    /// assert_eq!(error.message(), Some("You exceeded your current quota."));
    /// ```
    pub fn kind(&self) -> Option<&str> {
        self.word(AnswerKey::Type)
    }

    /// `status`, as Google has it.
    pub fn status(&self) -> Option<&str> {
        self.word(AnswerKey::Status)
    }

    /// What it says to people. It may repeat parts of the request: not for a ledger.
    pub fn message(&self) -> Option<&str> {
        self.word(AnswerKey::Message)
    }

    pub(in super::super) fn word(&self, key: AnswerKey) -> Option<&str> {
        self.all(key).next()
    }

    /// Every value of a field; the details may have several.
    pub(in super::super) fn all(&self, key: AnswerKey) -> impl Iterator<Item = &str> {
        self.words
            .iter()
            .filter(move |(of, _)| *of == key)
            .map(|(_, word)| &**word)
    }

    /// Whether it says of itself that it is none, as an envelope does that stands in every answer.
    pub(in super::super) fn tells_success(&self) -> bool {
        self.verdict() == Some(true)
    }

    /// Whether what is written as an error's fields are does tell of one.
    pub(in super::super) fn tells_failure(&self) -> bool {
        self.verdict() == Some(false)
    }

    /// The first code that stands for no success.
    pub(in super::super) fn failing_code(&self) -> Option<&str> {
        self.all(AnswerKey::Code).find(|code| !means_success(code))
    }

    /// Whether it was a success: by how it ended, else by its codes, else by its messages. `None` where it says nothing.
    fn verdict(&self) -> Option<bool> {
        if self.all(AnswerKey::Status).any(means_failure) {
            return Some(false);
        }
        let all = |key| {
            self.all(key)
                .map(means_success)
                .reduce(|all, one| all && one)
        };
        all(AnswerKey::Code).or_else(|| all(AnswerKey::Message))
    }

    /// No word is kept twice: the events of a stream repeat theirs.
    pub(super) fn note(&mut self, key: AnswerKey, text: &str) {
        let known = || {
            self.words
                .iter()
                .any(|(of, word)| *of == key && **word == *text)
        };
        if self.words.len() < WORDS && !text.is_empty() && !known() {
            self.words.push((key, text.into()));
        }
    }

    /// Text in the place of an error object: words for people, or a code where it is a single word.
    pub(super) fn note_text(&mut self, text: &str) {
        self.note(AnswerKey::Message, text);
        let is_of_code = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        if text.bytes().all(is_of_code) {
            self.note(AnswerKey::Code, text);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    pub(super) fn if_any(&self) -> Option<Self> {
        (!self.is_empty()).then(|| self.clone())
    }
}
