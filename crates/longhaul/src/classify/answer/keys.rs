//! The JSON keys that mean something, in every spelling.

/// What a key stands for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(in super::super) enum Key {
    #[default]
    Other,
    // ---- pictures ----
    /// A string here is a picture or a link to one.
    Picture,
    /// A string here is a picture that is not the last word.
    DraftPicture,
    /// A picture only in an item of `output`.
    Result,
    Output,
    /// Text that may show a picture in Markdown.
    Prose,
    /// Links in here are no pictures.
    Citations,
    /// `true` or a number: what stands beside it is a draft.
    Draft,
    // ---- how it ended ----
    FinishReason,
    FinishMessage,
    BlockReason,
    Tokens,
    Usage,
    Cost,
    CostTicks,
    /// An id wherever it stands.
    RequestId,
    /// An id at the root.
    Id,
    // ---- errors ----
    Error,
    Code,
    Type,
    Status,
    Message,
    Param,
    Reason,
    ErrorType,
    LimitSource,
    ResetsAt,
    QuotaId,
    QuotaValue,
    RetryDelay,
    QuotaResetDelay,
    RetryAfter,
}

/// The longest key of the table fits, and no longer one is taken for it.
pub(super) const KEY_KEPT: usize = 40;

const KEYS: &[(&str, Key)] = &[
    // OpenAI images; Imagen; Gemini in both spellings; Responses; chat with pictures; Interactions.
    ("b64_json", Key::Picture),
    ("bytesBase64Encoded", Key::Picture),
    ("data", Key::Picture),
    ("url", Key::Picture),
    ("fileUri", Key::Picture),
    ("file_uri", Key::Picture),
    ("images", Key::Picture),
    ("image_url", Key::Picture),
    ("partial_image_b64", Key::DraftPicture),
    ("result", Key::Result),
    ("output", Key::Output),
    ("item", Key::Output),
    ("content", Key::Prose),
    ("text", Key::Prose),
    ("annotations", Key::Citations),
    ("citations", Key::Citations),
    ("citationMetadata", Key::Citations),
    ("groundingMetadata", Key::Citations),
    ("url_citation", Key::Citations),
    // Gemini's thoughts, OpenAI's partial images.
    ("thought", Key::Draft),
    ("partial_image_index", Key::Draft),
    ("finishReason", Key::FinishReason),
    ("finish_reason", Key::FinishReason),
    ("finishMessage", Key::FinishMessage),
    ("finish_message", Key::FinishMessage),
    ("blockReason", Key::BlockReason),
    ("block_reason", Key::BlockReason),
    ("raiFilteredReason", Key::BlockReason),
    ("refusal", Key::BlockReason),
    ("candidatesTokenCount", Key::Tokens),
    ("candidates_token_count", Key::Tokens),
    ("output_tokens", Key::Tokens),
    ("completion_tokens", Key::Tokens),
    ("usage", Key::Usage),
    ("usageMetadata", Key::Usage),
    ("cost", Key::Cost),
    ("cost_in_usd_ticks", Key::CostTicks),
    ("responseId", Key::RequestId),
    ("response_id", Key::RequestId),
    ("request_id", Key::RequestId),
    ("requestId", Key::RequestId),
    ("id", Key::Id),
    ("error", Key::Error),
    ("code", Key::Code),
    ("type", Key::Type),
    ("status", Key::Status),
    ("message", Key::Message),
    // RFC 9457, with which the draft of `Idempotency-Key` answers.
    ("title", Key::Message),
    ("param", Key::Param),
    ("reason", Key::Reason),
    ("error_type", Key::ErrorType),
    ("limit_source", Key::LimitSource),
    ("resets_at", Key::ResetsAt),
    ("quotaId", Key::QuotaId),
    ("quotaValue", Key::QuotaValue),
    ("retryDelay", Key::RetryDelay),
    ("quotaResetDelay", Key::QuotaResetDelay),
    ("retry_after", Key::RetryAfter),
];

impl Key {
    pub(super) fn of(text: &[u8]) -> Self {
        let found = KEYS.iter().find(|(name, _)| name.as_bytes() == text);
        found.map_or(Self::Other, |&(_, key)| key)
    }

    /// The field of an error by the name that the table of words calls it.
    pub(in super::super) fn of_field(name: &str) -> Option<Self> {
        let key = match name {
            "code" => Self::Code,
            "type" => Self::Type,
            "status" => Self::Status,
            "message" => Self::Message,
            "reason" => Self::Reason,
            "error_type" => Self::ErrorType,
            "limit_source" => Self::LimitSource,
            "resets_at" => Self::ResetsAt,
            "quota_id" => Self::QuotaId,
            "quota_value" => Self::QuotaValue,
            "finish_reason" => Self::FinishReason,
            "block_reason" => Self::BlockReason,
            _ => return None,
        };
        Some(key)
    }

    /// Whether it is one of an error's fields.
    pub(super) const fn is_of_error(self) -> bool {
        matches!(
            self,
            Self::Code
                | Self::Type
                | Self::Status
                | Self::Message
                | Self::Param
                | Self::Reason
                | Self::ErrorType
                | Self::LimitSource
                | Self::ResetsAt
                | Self::QuotaId
                | Self::QuotaValue
                | Self::RetryDelay
                | Self::QuotaResetDelay
                | Self::RetryAfter
        )
    }

    /// How many bytes of a string under this key are kept while it passes.
    pub(super) const fn kept(self) -> usize {
        match self {
            // “Please retry in …” stands at the end of a long message, “(request id: …)” too.
            Self::Message | Self::Error => 4096,
            Self::FinishMessage => 1024,
            Self::Prose => 256,
            Self::Other
            | Self::Picture
            | Self::DraftPicture
            | Self::Result
            | Self::Output
            | Self::Citations => 0,
            _ => 256,
        }
    }
}
