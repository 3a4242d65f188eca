//! The path of a request at a target.

use http::Uri;
use longhaul::fallback::{Dialect, SkipReason, Target};

const MODEL: &str = "{model}";

/// The URI for `model` at `target`, of a request in the dialect `from` to `uri`: at the path of the target's own URL, or else
/// at its dialect's.
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
fn filled(template: &str, model: Option<&str>) -> Result<String, SkipReason> {
    if !template.contains(MODEL) {
        return Ok(template.to_owned());
    }
    let model = model.filter(|model| is_plain(model));
    let model = model.ok_or_else(|| SkipReason::Field("model".into()))?;
    Ok(template.replacen(MODEL, model, 1))
}

/// Whether a name means the same inside a path as outside.
fn is_plain(model: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/@".contains(&byte);
    !model.is_empty() && !model.contains("..") && model.bytes().all(plain)
}
