//! What the words of an answer mean, each taken by itself.

/// What an event means for the end of its stream, once it has come whole.
#[derive(Clone, Copy, Debug)]
pub(super) enum LastEvent {
    /// Another of the pictures is complete.
    Picture,
    /// Nothing follows.
    All,
}

impl LastEvent {
    /// By the event's `type`, at OpenAI: Images and Responses.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "image_generation.completed" | "image_edit.completed" => Some(Self::Picture),
            "response.completed" | "response.failed" | "response.incomplete" => Some(Self::All),
            _ => None,
        }
    }
}

/// Whether text that is meant for people shows a picture: Markdown, or a data URL. One without data is none.
pub(super) fn shows_picture(text: &str) -> bool {
    text.contains("![") && text.contains("](http") || shows_data(text.as_bytes())
}

/// Whether text is a link, or a data URL of a picture, and nothing else.
pub(super) fn is_link(text: &str) -> bool {
    let schemes = ["https://", "http://", "data:image/"];
    let is_one = schemes.iter().any(|scheme| text.starts_with(scheme));
    is_one && (!text.starts_with("data:") || shows_data(text.as_bytes()))
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

/// Whether a string under a picture's key may be one, by its beginning: base64 in either alphabet and in lines of any
/// length, a data URL, any link.
///
/// Only what no reader of JSON takes is none: bytes that are no text, and control characters. No alphabet is asked for,
/// since a link may have any letter in it, and a picture that is taken for none is paid for twice.
pub(super) fn may_be_picture(beginning: &[u8]) -> bool {
    let is_text = match str::from_utf8(beginning) {
        Ok(_) => true,
        // The last letter goes on behind the beginning.
        Err(error) => error.error_len().is_none(),
    };
    let steers = |byte: &u8| byte.is_ascii_control() && !byte.is_ascii_whitespace();
    is_text && !beginning.iter().any(steers)
}

/// Whether a code, or a message, stands for a success: Kling, MiniMax and Baidu write 0, kie.ai and apimart 200, Volcengine's
/// visual APIs 10000.
pub(super) fn means_success(word: &str) -> bool {
    const WORDS: [&str; 6] = ["0", "200", "10000", "ok", "success", "succeed"];
    WORDS.iter().any(|known| word.eq_ignore_ascii_case(known))
}

/// Whether the status of a task says that it brought nothing.
pub(super) fn means_failure(status: &str) -> bool {
    const WORDS: [&str; 5] = ["canceled", "cancelled", "error", "fail", "failed"];
    WORDS.iter().any(|word| status.eq_ignore_ascii_case(word))
}

/// The reasons of Stability's models at Amazon Bedrock: “Filter reason: prompt”, “Filter reason: output image”.
pub(super) fn says_filtered(reason: &str) -> bool {
    reason.starts_with("Filter reason")
}

/// Whether the status of a task says that it is not done yet.
pub(super) fn goes_on(status: &str) -> bool {
    const WORDS: [&str; 13] = [
        "accepted",
        "created",
        "generating",
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

/// Gemini's “You will not be charged for this request.”, Stability's “you were not charged”, Venice's “Credits have been
/// refunded.”
pub(super) fn says_uncharged(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["not be charged", "not charged", "been refunded"]
        .iter()
        .any(|words| text.contains(words))
}
