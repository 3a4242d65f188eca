//! The JSON keys that mean something, in every spelling.
//!
//! A key means the same wherever it stands, unless the notes say otherwise. The keys of a further provider are further
//! spellings of what is listed here; no parser is written for it.

/// What a key stands for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(in super::super) enum AnswerKey {
    #[default]
    Other,
    // ---- pictures ----
    /// A string here is a picture or a link to one.
    Picture,
    /// A string here is a picture that is not the last word.
    DraftPicture,
    /// A picture only in an item of `output`.
    Result,
    /// A string here is a picture only if it is a link.
    Output,
    /// Text that may show a picture in Markdown.
    Prose,
    /// Links in here are no pictures: where words are from, or what was asked for.
    Citations,
    /// `true` or a number: what stands beside it is a draft.
    Draft,
    // ---- how it ended ----
    FinishReason,
    FinishMessage,
    BlockReason,
    /// `false`: the picture was held back.
    Safe,
    InputTokens,
    OutputTokens,
    Usage,
    Cost,
    /// Units of an account that were taken.
    Credits,
    /// `true`: the cost is a fee, and the provider's own price is paid elsewhere.
    Byok,
    /// An id that work is collected by.
    TaskId,
    TaskStatus,
    CostTicks,
    /// An id wherever it stands.
    RequestId,
    /// An id at the root.
    Id,
    // ---- errors ----
    Error,
    /// An error at the root of the document, as FastAPI has it; anywhere else it says nothing.
    Detail,
    Code,
    Type,
    Status,
    Message,
    Param,
    Reason,
    ErrorType,
    /// What was refused is in it: only that it is there is kept.
    Flagged,
    LimitSource,
    ResetsAt,
    QuotaId,
    QuotaValue,
    RetryDelay,
    QuotaResetDelay,
    RetryAfter,
    RetryAfterMs,
}

/// The longest known key fits, and no longer one is taken for it.
pub(super) const KEY_KEPT: usize = 40;

impl AnswerKey {
    pub(super) fn of(text: &[u8]) -> Self {
        match text {
            // OpenAI images; Imagen; Gemini in both spellings; Responses; chat with pictures; Interactions.
            b"b64_json"
            | b"bytesBase64Encoded"
            | b"data"
            | b"url"
            | b"fileUri"
            | b"file_uri"
            | b"images"
            | b"image_url"
            // MiniMax, and Volcengine's visual APIs; Baidu and DashScope; Stability and NVIDIA; DashScope, Cloudflare.
            | b"image_urls"
            | b"image_base64"
            | b"binary_data_base64"
            | b"b64_image"
            | b"base64"
            | b"image"
            // Tencent; Black Forest Labs; Runware.
            | b"ResultImage"
            | b"sample"
            | b"imageURL"
            | b"imageBase64Data"
            | b"imageDataURI" => Self::Picture,
            b"partial_image_b64" => Self::DraftPicture,
            b"result" => Self::Result,
            b"output" | b"outputs" | b"output_images" | b"item" => Self::Output,
            b"content" | b"text" => Self::Prose,
            b"annotations" | b"citations" | b"citationMetadata" | b"groundingMetadata"
            | b"url_citation" | b"input" => Self::Citations,
            // Gemini's thoughts, OpenAI's partial images.
            b"thought" | b"partial_image_index" => Self::Draft,
            // The last is of Stability's models at Amazon Bedrock.
            b"finishReason" | b"finish_reason" | b"finish_reasons" => Self::FinishReason,
            b"finishMessage" | b"finish_message" => Self::FinishMessage,
            b"blockReason" | b"block_reason" | b"raiFilteredReason" | b"refusal" => {
                Self::BlockReason
            }
            // Ideogram; xAI.
            b"is_image_safe" | b"respect_moderation" => Self::Safe,
            b"promptTokenCount" | b"prompt_token_count" | b"input_tokens" | b"prompt_tokens" => {
                Self::InputTokens
            }
            b"candidatesTokenCount"
            | b"candidates_token_count"
            | b"output_tokens"
            | b"completion_tokens" => Self::OutputTokens,
            b"usage" | b"usageMetadata" => Self::Usage,
            b"cost" => Self::Cost,
            b"creditsCharged" | b"credits_charged" | b"creditsConsumed" => Self::Credits,
            b"is_byok" => Self::Byok,
            // The third is Tencent's, the last Leonardo's.
            b"task_id" | b"taskId" | b"JobId" | b"generationId" => Self::TaskId,
            b"task_status" | b"taskStatus" | b"state" => Self::TaskStatus,
            b"cost_in_usd_ticks" => Self::CostTicks,
            b"responseId" | b"response_id" | b"request_id" | b"requestId" | b"RequestId" => {
                Self::RequestId
            }
            b"id" => Self::Id,
            // MiniMax's stands in every answer; Tencent writes its fields in capitals; Responses.
            b"error" | b"errors" | b"base_resp" | b"Error" | b"incomplete_details" => Self::Error,
            // Stability says it in `name`; MiniMax, Baidu, kie.ai.
            b"code" | b"name" | b"Code" | b"status_code" | b"error_code" | b"failCode" => {
                Self::Code
            }
            b"flagged_input" => Self::Flagged,
            b"type" => Self::Type,
            b"status" => Self::Status,
            b"message" | b"msg" | b"error_msg" | b"error_message" | b"Message" => Self::Message,
            // MiniMax; Kling; kie.ai; midjourney-proxy.
            b"status_msg" | b"task_status_msg" | b"failMsg" | b"description" => Self::Message,
            // OpenRouter: its provider's own words.
            b"raw" => Self::Message,
            b"detail" => Self::Detail,
            // RFC 9457, with which the draft of `Idempotency-Key` answers.
            b"title" => Self::Message,
            b"param" => Self::Param,
            b"reason" => Self::Reason,
            b"error_type" => Self::ErrorType,
            b"limit_source" => Self::LimitSource,
            b"resets_at" => Self::ResetsAt,
            b"quotaId" => Self::QuotaId,
            b"quotaValue" => Self::QuotaValue,
            b"retryDelay" => Self::RetryDelay,
            b"quotaResetDelay" => Self::QuotaResetDelay,
            b"retry_after"
            | b"retryAfter"
            | b"Retry-After"
            | b"retry-after"
            | b"retry_after_seconds"
            | b"retryAfterSeconds"
            | b"retry_after_secs"
            | b"wait_seconds"
            // Hugging Face: until the model is loaded.
            | b"estimated_time" => Self::RetryAfter,
            b"retry_after_ms" | b"retryAfterMs" | b"retry-after-ms" | b"retryAfterMillis" => {
                Self::RetryAfterMs
            }
            _ => Self::Other,
        }
    }

    /// The field of an error by the name that the table of words calls it.
    pub(in super::super) fn of_field(name: &str) -> Option<Self> {
        let key = match name {
            "quota_id" => Self::QuotaId,
            "quota_value" => Self::QuotaValue,
            "flagged" => Self::Flagged,
            name => Self::of(name.as_bytes()),
        };
        (key != Self::Other).then_some(key)
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
                | Self::Flagged
                | Self::LimitSource
                | Self::ResetsAt
                | Self::QuotaId
                | Self::QuotaValue
                | Self::RetryDelay
                | Self::QuotaResetDelay
                | Self::RetryAfter
                | Self::RetryAfterMs
        )
    }

    /// Whether an object under it may be the answer proper, with what a provider says of it beside the picture's place.
    pub(super) const fn is_envelope(self) -> bool {
        matches!(self, Self::Picture | Self::Output | Self::Result)
    }

    /// Whether it says how long to wait, in whichever details it stands.
    pub(super) const fn is_wait(self) -> bool {
        matches!(
            self,
            Self::RetryDelay | Self::RetryAfter | Self::RetryAfterMs
        )
    }

    /// Whether a string under it says to people how the call ended.
    pub(super) const fn is_for_people(self) -> bool {
        matches!(
            self,
            Self::FinishMessage | Self::BlockReason | Self::Error | Self::Message
        )
    }

    /// What it stands for in a bracket that so many are open around.
    pub(super) const fn at(self, depth: usize) -> Self {
        match self {
            Self::Detail if depth == 1 => Self::Error,
            Self::Detail => Self::Other,
            key => key,
        }
    }

    /// Whether a string under it is a picture that counts.
    pub(super) const fn is_picture(self) -> bool {
        matches!(self, Self::Picture | Self::Result | Self::DraftPicture)
    }

    /// How many bytes of a string under this key are kept while it passes.
    pub(super) const fn kept(self) -> usize {
        match self {
            // “Please retry in …” stands at the end of a long message, “(request id: …)” too.
            Self::Message | Self::Error | Self::Detail => 4096,
            Self::FinishMessage => 1024,
            Self::Prose => 256,
            // As much as tells a data URL without data from a picture.
            Self::Picture | Self::DraftPicture | Self::Result | Self::Output => 64,
            Self::Flagged => 1,
            Self::Other | Self::Citations => 0,
            _ => 256,
        }
    }
}
