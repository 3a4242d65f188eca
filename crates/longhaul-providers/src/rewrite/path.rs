//! The path of a request at a target.
//!
//! A target's URL may name a host alone, or a path with `{model}` in it. The path of the request is kept only where the
//! target speaks the request's own dialect: `/v1beta/models/…` means nothing at an OpenAI-like host.

use http::Uri;
use longhaul::fallback::{Dialect, SkipReason, Target};

/// What stands for the model's name in the path of a target's URL.
const MODEL: &str = "{model}";

/// The URI for `model` at `target`, of a request in the dialect `from` to `uri`: at the path of the target's own URL, or else
/// at its dialect's.
///
/// The query is kept where the words stay the same, since it may say `alt=sse`. It is dropped on a change of dialect.
/// The caller's key in a query is taken out by the core, before and after. A stream asked for stays one:
/// `:streamGenerateContent` is kept.
pub(super) fn of(
    target: &Target,
    from: Option<Dialect>,
    uri: &Uri,
    model: Option<&str>,
) -> Result<Uri, SkipReason> {
    let to = target.dialect;
    let same_words = to == Dialect::Passthrough || from == Some(to);
    let usual = match to {
        Dialect::OpenAiImages if same_words && target.model.is_none() => uri.path(),
        Dialect::OpenAiImages => "/v1/images/generations",
        Dialect::Gemini if uri.path().ends_with(":streamGenerateContent") => {
            "/v1beta/models/{model}:streamGenerateContent"
        }
        Dialect::Gemini => "/v1beta/models/{model}:generateContent",
        _ => uri.path(),
    };
    let mut path = filled(target.path().unwrap_or(usual), model)?;
    if let Some(query) = uri.query().filter(|_| same_words) {
        path.push('?');
        path.push_str(query);
    }
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(path.parse().map_err(|_| SkipReason::Url)?);
    Uri::from_parts(parts).map_err(|_| SkipReason::Url)
}

/// The template with the model's name in it.
///
/// The model's name is that of the target, or else the one that the detector read. A template without `{model}` needs
/// none. [`SkipReason::Field`] with `model` says that there is none, or one that is no plain name.
fn filled(template: &str, model: Option<&str>) -> Result<String, SkipReason> {
    if !template.contains(MODEL) {
        return Ok(template.to_owned());
    }
    let model = model.filter(|model| is_plain(model));
    let model = model.ok_or_else(|| SkipReason::Field("model".into()))?;
    Ok(template.replacen(MODEL, model, 1))
}

/// Whether a name means the same inside a path as outside.
///
/// Refused are names with `..`, `?`, `#`, `%`, blanks or anything else but letters, digits and `._-/@`: the name may
/// come from the caller's request, and must not lead to another path of the provider with the target's key.
fn is_plain(model: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/@".contains(&byte);
    !model.is_empty() && !model.contains("..") && model.bytes().all(plain)
}
