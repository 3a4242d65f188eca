//! In whose words a caller is answered.
//!
//! SDKs look into an error's body by the rules of their provider. An error of the gateway's own that stands there in another form is
//! shown to people as “unknown error”, so that it is written as that provider would write it.

/// The API that a caller speaks, by the path of its request. It decides the form of the gateway's own errors alone: nothing
/// is translated.
///
/// ```
/// use longhaul_gateway::dialect::Dialect;
///
/// assert_eq!(Dialect::of_path("/v1/images/generations"), Dialect::OpenAi);
/// assert_eq!(Dialect::of_path("/v1beta/models/gemini-3-pro-image:generateContent"), Dialect::Google);
/// ```
///
/// [`Refusal`](crate::refusal::Refusal) is written by it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub enum Dialect {
    /// OpenAI's: `{"error": {"message", "type", "param", "code"}}`. Also of every path that is not Google's.
    #[default]
    OpenAi,
    /// Google's: `{"error": {"code", "message", "status", "details"}}`.
    Google,
}

impl Dialect {
    /// The dialect of a request to `path`: `/v1beta/…`, `/v1alpha/…` and `…/models/{model}:{method}` are Google's.
    pub fn of_path(path: &str) -> Self {
        let mut segments = path.split('/');
        let google = segments.any(|segment| matches!(segment, "v1beta" | "v1beta1" | "v1alpha"))
            || is_google_method(path);
        if google { Self::Google } else { Self::OpenAi }
    }
}

/// `…/models/{model}:{method}`; the colon may be encoded.
fn is_google_method(path: &str) -> bool {
    let Some((parent, last)) = path.rsplit_once('/') else {
        return false;
    };
    parent.ends_with("/models") && [":", "%3A", "%3a"].iter().any(|colon| last.contains(colon))
}

/// Whether a `POST` to `path` asks for work that costs money, and goes through the layers: OpenAI's images,
/// Responses and chat; Gemini's native API and Interactions. Everything else is passed on without being judged.
///
/// ```
/// use longhaul_gateway::dialect::is_judged;
///
/// assert!(is_judged("/v1/images/generations"));
/// assert!(!is_judged("/v1/files"), "passed on as it is, with no ledger and no retry");
/// ```
///
/// A task's address, `GET /v1/responses/…`, is none: asking after it costs nothing. The host is not looked at, since
/// relays have the same paths.
pub fn is_judged(path: &str) -> bool {
    const ENDINGS: [&str; 6] = [
        "/images/generations",
        "/images/edits",
        "/images/variations",
        "/responses",
        "/chat/completions",
        "/interactions",
    ];
    const METHODS: [&str; 3] = [":generateContent", ":streamGenerateContent", ":predict"];
    let path = path.trim_end_matches('/');
    if ENDINGS.iter().any(|ending| path.ends_with(ending)) {
        return true;
    }
    let decoded = path.replace("%3A", ":").replace("%3a", ":");
    is_google_method(&decoded) && METHODS.iter().any(|method| decoded.ends_with(method))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_tells_the_dialect_and_what_is_judged() {
        use Dialect::{Google, OpenAi};
        for (path, dialect, judged) in [
            ("/v1/images/generations", OpenAi, true),
            ("/v1/images/edits/", OpenAi, true),
            ("/openai/deployments/x/images/generations", OpenAi, true),
            ("/v1/responses", OpenAi, true),
            ("/v1/responses/resp_1", OpenAi, false),
            ("/v1/chat/completions", OpenAi, true),
            ("/v1/models", OpenAi, false),
            ("/v1/files", OpenAi, false),
            ("/v1beta/models", Google, false),
            (
                "/v1beta/models/gemini-3-pro-image:generateContent",
                Google,
                true,
            ),
            (
                "/v1beta/models/gemini-3-pro-image%3AgenerateContent",
                Google,
                true,
            ),
            (
                "/v1beta/models/gemini-3-pro-image:streamGenerateContent",
                Google,
                true,
            ),
            (
                "/v1beta/models/gemini-3-pro-image:countTokens",
                Google,
                false,
            ),
            ("/v1beta/interactions", Google, true),
            (
                "/v1/publishers/google/models/imagen-4:predict",
                Google,
                true,
            ),
            ("/v1/models/imagen-4%3Apredict", Google, true),
            ("/v1/models/imagen-4%3apredict", Google, true),
            ("/", OpenAi, false),
        ] {
            assert_eq!(Dialect::of_path(path), dialect, "{path}");
            assert_eq!(is_judged(path), judged, "{path}");
        }
    }
}
