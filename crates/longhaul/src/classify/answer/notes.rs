//! What is noted of a document.
//!
//! What a value means depends on the brackets around it: a link in a citation is no picture, an error's `status` is not that
//! of a task. So the keys of the open brackets are kept, 24 deep, and each value is weighed by them when it ends.
//!
//! Everything that grows is bounded, however long the document is (`no_answer_makes_the_notes_grow_without_end`).

use super::{
    AnswerFacts, ProviderError,
    keys::AnswerKey,
    ticket::TaskTicket,
    wording::{LastEvent, is_link, says_filtered, says_uncharged, shows_picture},
};
use crate::model::evidence::{Evidence, IN_BODY, IN_MESSAGE, RequestId, micros};

/// Brackets nested deeper than this are followed, but their keys are not.
const DEPTH: usize = 24;

/// A value under a key.
#[derive(Clone, Copy, Debug)]
pub(super) enum NotedValue<'a> {
    /// A string: its beginning, and whether there is anything in it.
    Text { text: &'a str, filled: bool },
    /// A number, `true`, `false` or `null`.
    Literal(&'a str),
}

/// An open bracket.
#[derive(Clone, Copy, Debug, Default)]
struct Frame {
    object: bool,
    key: AnswerKey,
    /// Pictures in it so far.
    pictures: u32,
    /// It says of itself that it is a draft.
    draft: bool,
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
    ticket: TaskTicket,
    /// The first bytes of a picture that counts came.
    picture_began: bool,
    /// What the event that is passing calls itself, as far as that ends a stream.
    event: Option<LastEvent>,
    /// Pictures that events called completed.
    completed: u32,
    /// An event came after which nothing else does.
    last_event: bool,
}

impl Notes {
    pub(super) fn open(&mut self, depth: usize, object: bool, key: AnswerKey) {
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
    ///
    /// Otherwise `response.completed`, cut in the middle, would end the stream for whoever waits for the last event.
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
            || !self.error.is_empty()
    }

    /// Whether the first bytes of a picture came that is no draft.
    pub(super) const fn picture_began(&self) -> bool {
        self.picture_began
    }

    /// The first bytes of a string under `key` came.
    pub(super) fn picture_begins(&mut self, depth: usize, key: AnswerKey) {
        let drafted = self.frames[..depth.min(DEPTH)]
            .iter()
            .any(|frame| frame.draft);
        self.picture_began |= key != AnswerKey::DraftPicture && !drafted && self.counts(depth, key);
    }

    pub(super) fn in_object(&self, depth: usize) -> bool {
        self.frame(depth).is_some_and(|frame| frame.object)
    }

    /// The key that an item of the innermost bracket goes by.
    pub(super) fn key(&self, depth: usize) -> AnswerKey {
        match self.frame(depth) {
            Some(frame) if !frame.object => frame.key,
            _ => AnswerKey::Other,
        }
    }

    pub(super) fn value(&mut self, depth: usize, key: AnswerKey, value: NotedValue<'_>) {
        let key = key.at(depth);
        match (key, value) {
            (AnswerKey::Other, _) | (_, NotedValue::Text { filled: false, .. }) => {}
            (AnswerKey::Draft, NotedValue::Literal(literal)) => {
                let draft = literal != "false" && literal != "null";
                self.innermost(depth, |frame| frame.draft |= draft);
            }
            (AnswerKey::Byok, NotedValue::Literal("true")) => self.byok = true,
            (AnswerKey::Safe, NotedValue::Literal("false")) => self.evidence.block("unsafe"),
            (_, NotedValue::Literal("true" | "false" | "null")) => {}
            (
                AnswerKey::Picture | AnswerKey::DraftPicture | AnswerKey::Result,
                NotedValue::Text { .. },
            ) => {
                self.picture(depth, key);
            }
            (AnswerKey::Output, NotedValue::Text { text, .. }) if is_link(text) => {
                self.picture(depth, AnswerKey::Picture);
            }
            (AnswerKey::Prose, NotedValue::Text { text, .. }) if shows_picture(text) => {
                self.picture(depth, AnswerKey::Picture);
            }
            (AnswerKey::Prose, NotedValue::Text { text, .. }) => {
                self.words |= !text.trim().is_empty()
            }
            (_, NotedValue::Text { text, .. } | NotedValue::Literal(text)) => {
                self.word(depth, key, text)
            }
        }
    }

    /// Whether a picture under `key` is one of the answer's.
    ///
    /// A picture in an error is one that was refused; one in the citations is somebody else's.
    fn counts(&self, depth: usize, key: AnswerKey) -> bool {
        let here = |within: AnswerKey| self.keys(depth).any(|key| key == within);
        !(here(AnswerKey::Citations)
            || here(AnswerKey::Error)
            || key == AnswerKey::Result && !here(AnswerKey::Output))
    }

    fn picture(&mut self, depth: usize, key: AnswerKey) {
        if !self.counts(depth, key) {
            return;
        }
        match key {
            AnswerKey::DraftPicture => self.evidence.drafts += 1,
            _ => self.innermost(depth, |frame| frame.pictures += 1),
        }
    }

    fn word(&mut self, depth: usize, key: AnswerKey, text: &str) {
        if key == AnswerKey::Type {
            if depth == 1 {
                self.event = LastEvent::named(text);
            }
            // It says so before the picture comes.
            if text.ends_with("partial_image") {
                self.innermost(depth, |frame| frame.draft = true);
            }
        }
        self.uncharged |= key.is_for_people() && says_uncharged(text);
        let of_usage = self
            .frame(depth)
            .is_some_and(|frame| frame.key == AnswerKey::Usage);
        let evidence = &mut self.evidence;
        match key {
            AnswerKey::FinishReason if says_filtered(text) => evidence.block(text),
            AnswerKey::FinishReason => evidence.finish(text),
            AnswerKey::BlockReason => evidence.block(text),
            AnswerKey::InputTokens => {
                evidence.input_tokens = text.parse().ok().or(evidence.input_tokens)
            }
            AnswerKey::OutputTokens => {
                evidence.output_tokens = text.parse().ok().or(evidence.output_tokens)
            }
            AnswerKey::Cost if of_usage => evidence.cost_micros = micros(text, 1e6),
            // Ten billion ticks are a dollar.
            AnswerKey::CostTicks => evidence.cost_micros = micros(text, 1e-4),
            AnswerKey::Credits => self.uncharged |= text.parse() == Ok(0.0),
            AnswerKey::TaskId => {
                self.ticket.task_id = true;
                evidence.request_ids.extend(RequestId::new(IN_BODY, text));
            }
            AnswerKey::RequestId => {
                self.ticket.id |= depth == 1;
                evidence.request_ids.extend(RequestId::new(IN_BODY, text));
            }
            AnswerKey::Id if depth == 1 => {
                self.ticket.id = true;
                evidence.request_ids.extend(RequestId::new(IN_BODY, text));
            }
            AnswerKey::Error => self.error.note_text(text),
            AnswerKey::TaskStatus => {
                self.ticket.task_status(text);
                self.root_error.note(AnswerKey::Status, text);
            }
            _ if key.is_of_error() => self.error_word(depth, key, text),
            _ => {}
        }
    }

    fn error_word(&mut self, depth: usize, key: AnswerKey, text: &str) {
        if key == AnswerKey::Status {
            self.ticket.status(text);
        }
        // The root may be an array of one, or an envelope.
        let enveloped = |frame: &Frame| frame.object && frame.key.is_envelope();
        let at_root = depth == 1
            || depth == 2 && (!self.in_object(1) || self.frame(2).is_some_and(enveloped));
        if self.keys(depth).any(|key| key == AnswerKey::Error) {
            self.error.note(key, text);
        } else if at_root || key.is_wait() {
            self.root_error.note(key, text);
        }
        if key == AnswerKey::Message {
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
            accepted: self.ticket.is_one() && !self.root_error.tells_failure(),
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
    fn keys(&self, depth: usize) -> impl Iterator<Item = AnswerKey> {
        self.frames[..depth.min(DEPTH)]
            .iter()
            .map(|frame| frame.key)
    }
}
