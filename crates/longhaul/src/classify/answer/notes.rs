//! What is noted of a document.

use super::{AnswerFacts, keys::Key};
use crate::model::evidence::{Evidence, IN_BODY, IN_MESSAGE, RequestId, micros};

/// Brackets nested deeper than this are followed, but their keys are not.
const DEPTH: usize = 24;

/// No error says more than this of itself.
const WORDS: usize = 32;

/// A value under a key.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    /// A string: its beginning, and whether there is anything in it.
    Text { text: &'a str, filled: bool },
    /// A number, `true`, `false` or `null`.
    Literal(&'a str),
}

/// An open bracket.
#[derive(Clone, Copy, Debug, Default)]
struct Frame {
    object: bool,
    key: Key,
    /// Pictures in it so far.
    pictures: u32,
    /// It says of itself that it is a draft.
    draft: bool,
}

/// What the error object of a provider or a relay says: `{"error": {…}}`, wherever it stands.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ProviderError {
    words: Vec<(Key, Box<str>)>,
}

impl ProviderError {
    /// An error of which there is nothing but these words.
    pub(in super::super) fn of_text(text: &str) -> Self {
        let mut error = Self::default();
        error.note(Key::Message, text);
        error
    }

    /// `code`: a word (OpenAI and the relays) or a number (Google, OpenRouter).
    pub fn code(&self) -> Option<&str> {
        self.word(Key::Code)
    }

    /// `type`, as OpenAI and the relays have it.
    pub fn kind(&self) -> Option<&str> {
        self.word(Key::Type)
    }

    /// `status`, as Google has it.
    pub fn status(&self) -> Option<&str> {
        self.word(Key::Status)
    }

    /// What it says to people. It may repeat parts of the request: not for a ledger.
    pub fn message(&self) -> Option<&str> {
        self.word(Key::Message)
    }

    pub(in super::super) fn word(&self, key: Key) -> Option<&str> {
        self.all(key).next()
    }

    /// Every value of a field; the details may have several.
    pub(in super::super) fn all(&self, key: Key) -> impl Iterator<Item = &str> {
        self.words
            .iter()
            .filter(move |(of, _)| *of == key)
            .map(|(_, word)| &**word)
    }

    fn note(&mut self, key: Key, text: &str) {
        if self.words.len() < WORDS && !text.is_empty() {
            self.words.push((key, text.into()));
        }
    }

    fn if_any(&self) -> Option<Self> {
        (!self.words.is_empty()).then(|| self.clone())
    }
}

/// Everything that was noted, and the brackets that are open.
#[derive(Debug, Default)]
pub(super) struct Notes {
    frames: [Frame; DEPTH],
    evidence: Evidence,
    error: ProviderError,
    /// The fields of an error that stand at the root, without an `error` around them.
    root_error: ProviderError,
    uncharged: bool,
    byok: bool,
    words: bool,
    /// An id to collect the work by, and the word that it goes on.
    task: bool,
    goes_on: bool,
    /// The first bytes of a picture that counts came.
    picture_began: bool,
    /// What the event that is passing calls itself, as far as that ends a stream.
    event: Option<LastEvent>,
    /// Pictures that events called completed.
    completed: u32,
    /// An event came after which nothing else does.
    last_event: bool,
}

/// What an event means for the end of its stream, once it has come whole.
#[derive(Clone, Copy, Debug)]
enum LastEvent {
    /// Another of the pictures is complete.
    Picture,
    /// Nothing follows.
    All,
}

impl LastEvent {
    /// By the event's `type`, at OpenAI: Images and Responses.
    fn named(name: &str) -> Option<Self> {
        match name {
            "image_generation.completed" | "image_edit.completed" => Some(Self::Picture),
            "response.completed" | "response.failed" | "response.incomplete" => Some(Self::All),
            _ => None,
        }
    }
}

impl Notes {
    pub(super) fn open(&mut self, depth: usize, object: bool, key: Key) {
        let key = key.at(depth - 1);
        if let Some(frame) = self.frames.get_mut(depth - 1) {
            *frame = Frame {
                object,
                key,
                ..Frame::default()
            };
        }
    }

    /// What is in a bracket counts where the bracket stands, unless it is a draft.
    pub(super) fn close(&mut self, depth: usize) {
        let Some(frame) = depth.checked_sub(1).and_then(|at| self.frames.get_mut(at)) else {
            return;
        };
        let Frame {
            pictures, draft, ..
        } = std::mem::take(frame);
        if draft {
            self.evidence.drafts += pictures;
        } else if depth >= 2 {
            self.frames[depth - 2].pictures += pictures;
        } else {
            self.evidence.images += pictures;
        }
        if depth == 1 {
            match self.event.take() {
                Some(LastEvent::Picture) => self.completed += 1,
                Some(LastEvent::All) => self.last_event = true,
                None => {}
            }
        }
    }

    /// The event that is passing broke off: its name means nothing.
    pub(super) const fn forget_event(&mut self) {
        self.event = None;
    }

    /// Whether an event came that ends a stream in which so many pictures are expected.
    pub(super) const fn is_last_event_here(&self, pictures: u32) -> bool {
        self.last_event || self.completed >= pictures
    }

    /// Whether a document that has come whole says how the call ended: by a picture, an error or a reason.
    pub(super) fn has_last_word(&self) -> bool {
        let evidence = &self.evidence;
        evidence.images > 0
            || evidence.finish_reason.is_some()
            || evidence.block_reason.is_some()
            || !self.error.words.is_empty()
    }

    /// Whether the first bytes of a picture came that is no draft.
    pub(super) const fn picture_began(&self) -> bool {
        self.picture_began
    }

    /// The first bytes of a string under `key` came.
    pub(super) fn picture_begins(&mut self, depth: usize, key: Key) {
        let drafted = self.frames[..depth.min(DEPTH)]
            .iter()
            .any(|frame| frame.draft);
        self.picture_began |= key != Key::DraftPicture && !drafted && self.counts(depth, key);
    }

    pub(super) fn in_object(&self, depth: usize) -> bool {
        self.frame(depth).is_some_and(|frame| frame.object)
    }

    /// The key that an item of the innermost bracket goes by.
    pub(super) fn key(&self, depth: usize) -> Key {
        match self.frame(depth) {
            Some(frame) if !frame.object => frame.key,
            _ => Key::Other,
        }
    }

    pub(super) fn value(&mut self, depth: usize, key: Key, value: Value<'_>) {
        let key = key.at(depth);
        match (key, value) {
            (Key::Other, _) | (_, Value::Text { filled: false, .. }) => {}
            (Key::Draft, Value::Literal(literal)) => {
                let draft = literal != "false" && literal != "null";
                self.innermost(depth, |frame| frame.draft |= draft);
            }
            (Key::Byok, Value::Literal("true")) => self.byok = true,
            (_, Value::Literal("true" | "false" | "null")) => {}
            (Key::Picture | Key::DraftPicture | Key::Result, Value::Text { .. }) => {
                self.picture(depth, key);
            }
            (Key::Prose, Value::Text { text, .. }) if shows_picture(text) => {
                self.picture(depth, Key::Picture);
            }
            (Key::Prose, Value::Text { text, .. }) => self.words |= !text.trim().is_empty(),
            (_, Value::Text { text, .. } | Value::Literal(text)) => self.word(depth, key, text),
        }
    }

    /// Whether a picture under `key` is one of the answer's.
    fn counts(&self, depth: usize, key: Key) -> bool {
        let here = |within: Key| self.keys(depth).any(|key| key == within);
        !(here(Key::Citations) || here(Key::Error) || key == Key::Result && !here(Key::Output))
    }

    fn picture(&mut self, depth: usize, key: Key) {
        if !self.counts(depth, key) {
            return;
        }
        match key {
            Key::DraftPicture => self.evidence.drafts += 1,
            _ => self.innermost(depth, |frame| frame.pictures += 1),
        }
    }

    fn word(&mut self, depth: usize, key: Key, text: &str) {
        if key == Key::Type {
            if depth == 1 {
                self.event = LastEvent::named(text);
            }
            // It says so before the picture comes.
            if text.ends_with("partial_image") {
                self.innermost(depth, |frame| frame.draft = true);
            }
        }
        let of_usage = self
            .frame(depth)
            .is_some_and(|frame| frame.key == Key::Usage);
        let evidence = &mut self.evidence;
        match key {
            Key::FinishReason => evidence.finish(text),
            Key::FinishMessage => self.uncharged |= says_uncharged(text),
            Key::BlockReason => evidence.block(text),
            Key::Tokens => evidence.output_tokens = text.parse().ok().or(evidence.output_tokens),
            Key::Cost if of_usage => evidence.cost_micros = micros(text, 1e6),
            // Ten billion ticks are a dollar.
            Key::CostTicks => evidence.cost_micros = micros(text, 1e-4),
            Key::Credits => self.uncharged |= text.parse() == Ok(0.0),
            Key::TaskId => {
                self.task = true;
                evidence.request_ids.extend(RequestId::new(IN_BODY, text));
            }
            Key::RequestId => {
                self.task |= depth == 1;
                evidence.request_ids.extend(RequestId::new(IN_BODY, text));
            }
            Key::Id if depth == 1 => {
                self.task = true;
                evidence.request_ids.extend(RequestId::new(IN_BODY, text));
            }
            Key::Error => self.error.note(Key::Message, text),
            Key::TaskStatus => self.goes_on |= goes_on(text),
            _ if key.is_of_error() => self.error_word(depth, key, text),
            _ => {}
        }
    }

    fn error_word(&mut self, depth: usize, key: Key, text: &str) {
        self.goes_on |= key == Key::Status && goes_on(text);
        // The root may be an array of one.
        let at_root = depth == 1 || depth == 2 && !self.in_object(1);
        if self.keys(depth).any(|key| key == Key::Error) {
            self.error.note(key, text);
        } else if at_root {
            self.root_error.note(key, text);
        }
        if key == Key::Message {
            let id = text.rsplit_once("(request id: ");
            let id = id.and_then(|(_, rest)| rest.split(')').next());
            let id = id.and_then(|id| RequestId::new(IN_MESSAGE, id));
            self.evidence.request_ids.extend(id);
        }
    }

    /// What was noted so far, of so many bytes.
    pub(super) fn facts(&self, bytes: u64) -> AnswerFacts {
        let open: u32 = self
            .frames
            .iter()
            .filter(|frame| !frame.draft)
            .map(|frame| frame.pictures)
            .sum();
        let mut evidence = self.evidence.clone();
        evidence.images += open;
        evidence.bytes = bytes;
        AnswerFacts {
            evidence,
            error: self.error.if_any(),
            root_error: self.root_error.if_any(),
            uncharged: self.uncharged,
            byok: self.byok,
            words: self.words,
            accepted: self.task && self.goes_on,
            ..AnswerFacts::default()
        }
    }

    fn frame(&self, depth: usize) -> Option<&Frame> {
        self.frames.get(depth.checked_sub(1)?)
    }

    fn innermost(&mut self, depth: usize, change: impl FnOnce(&mut Frame)) {
        if let Some(at) = depth.checked_sub(1) {
            change(&mut self.frames[at.min(DEPTH - 1)]);
        }
    }

    /// The keys of the open brackets, outermost first.
    fn keys(&self, depth: usize) -> impl Iterator<Item = Key> {
        self.frames[..depth.min(DEPTH)]
            .iter()
            .map(|frame| frame.key)
    }
}

/// Whether text that is meant for people shows a picture: Markdown, or a data URL. One without data is none.
fn shows_picture(text: &str) -> bool {
    text.contains("![") && text.contains("](http") || shows_data(text.as_bytes())
}

/// Whether there is a data URL of a picture, with data in it.
pub(super) fn shows_data(text: &[u8]) -> bool {
    let mut rest = text;
    while let Some(at) = memchr::memmem::find(rest, b"data:image/") {
        rest = &rest[at + 1..];
        let markdown = at > 1 && text[..text.len() - rest.len()].ends_with(b"](d");
        let begins = text.len() - rest.len() == 1;
        let comma = memchr::memchr(b',', rest).unwrap_or(rest.len());
        let data = rest
            .get(comma + 1)
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || b"+/%".contains(byte));
        if (markdown || begins) && data {
            return true;
        }
    }
    false
}

/// Whether the status of a task says that it is not done yet.
fn goes_on(status: &str) -> bool {
    const WORDS: [&str; 12] = [
        "accepted",
        "created",
        "in_progress",
        "in_queue",
        "pending",
        "processing",
        "queued",
        "queueing",
        "running",
        "starting",
        "submitted",
        "waiting",
    ];
    WORDS.iter().any(|word| status.eq_ignore_ascii_case(word))
}

/// Gemini's “You will not be charged for this request.”
fn says_uncharged(text: &str) -> bool {
    text.to_ascii_lowercase().contains("will not be charged")
}
