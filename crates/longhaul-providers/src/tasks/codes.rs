//! The status that a unary call would have had, by the word that a failed task gives as its reason.
//!
//! A failed task is told in a 200, and what a caller does next (ask again, change the prompt, wait) is decided by
//! status. So the word is turned back into the status. Words that mean “not this prompt” are 400 and never tried again;
//! words that mean “not now” are 429, 503 or 504.

use http::StatusCode;

/// The first row that fits decides; `*` at an end stands for anything. From the OpenAI SDK's list of response error
/// codes, DashScope's and Comfy's error pages, and the finish reasons of Gemini; sub2api tells the status itself.
const CODES: &[(&str, u16)] = &[
    ("rate_limit*", 429),
    ("Throttling*", 429),
    ("RESOURCE_EXHAUSTED", 429),
    ("insufficient_*", 429),
    ("*policy*", 400),
    ("*moderation*", 400),
    ("*content_filter*", 400),
    ("SAFETY", 400),
    ("IMAGE_SAFETY", 400),
    ("PROHIBITED_CONTENT", 400),
    ("DataInspectionFailed", 400),
    ("invalid_*", 400),
    ("InvalidParameter*", 400),
    ("image_too_*", 400),
    ("image_file_*", 400),
    ("image_parse_error", 400),
    ("empty_image_file", 400),
    ("unsupported_image_media_type", 400),
    ("failed_to_download_image", 400),
    ("data_residency_mismatch", 400),
    ("*timeout*", 504),
    ("deadline_exceeded", 504),
    ("EXPIRED", 504),
    ("*overloaded*", 503),
    ("server_error", 500),
];

/// The status for a word; 500 for one that nobody knows: the task has ended, so that nothing on the way cut it.
///
/// ```text
/// status(Some("rate_limit_exceeded")) is 429
/// status(Some("weather_turned"))      is 500
/// ```
pub(crate) fn status(code: Option<&str>) -> StatusCode {
    known(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// The status for a word that the table has.
///
/// `None` lets the caller of this function say what an unknown word means: a stream's error without a known code is
/// 502.
pub(crate) fn known(code: Option<&str>) -> Option<StatusCode> {
    // `code: and a text`, as Replicate has it.
    let code = code.map(|code| code.split(':').next().unwrap_or(code).trim())?;
    let (_, status) = CODES.iter().find(|(word, _)| fits(word, code))?;
    StatusCode::from_u16(*status).ok()
}

/// Whether a code fits a word of the table, with `*` at either end or at both.
fn fits(word: &str, code: &str) -> bool {
    match (word.strip_prefix('*'), word.strip_suffix('*')) {
        (Some(_), Some(_)) => code.contains(word.trim_matches('*')),
        (None, Some(begin)) => code.starts_with(begin),
        (Some(end), None) => code.ends_with(end),
        (None, None) => code == word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_the_status_of_a_unary_call() {
        for (code, expected) in [
            (Some("server_error"), 500),
            (Some("rate_limit_exceeded"), 429),
            (Some("insufficient_quota"), 429),
            (Some("image_content_policy_violation"), 400),
            (Some("bio_policy"), 400),
            (Some("invalid_prompt"), 400),
            (Some("image_too_large"), 400),
            (Some("vector_store_timeout"), 504),
            (Some("rate_limit_exceeded: slow down"), 429),
            (Some("weather_turned"), 500),
            (None, 500),
        ] {
            assert_eq!(status(code), expected, "{code:?}");
        }
    }
}
