//! Requests as another target wants them: for [`longhaul`]'s [`Fallback`](longhaul::fallback).
//!
//! The core sends a target the request as it came, to another place and with another key. [`ProviderRewrite`] also says it in
//! the target's own words, by what the [`Target`] tells of it:
//!
//! | of the target | what becomes of the request |
//! |---|---|
//! | [`dialect`](Target::dialect) | JSON to `/v1/images/generations`, or Gemini's `:generateContent`; each from either |
//! | [`model`](Target::model) | in the JSON's `model` or in the path, where `{model}` stands for it |
//! | [`sizes`](Target::sizes) | a keyword or width and height; the ratio in a field of its own, or after the prompt |
//! | [`resolutions`](Target::resolutions) | what is raised or cut down is asked for so, and is so in the [`Workload`] |
//! | [`remove`](Target::remove), [`set`](Target::set) | fields of the JSON |
//! | [`key_header`](Target::key_header), [`key_query`](Target::key_query) | where its key goes; by default the dialect's header |
//!
//! What a target cannot be told is never left out in silence: the target is passed over, and the
//! [`SkipReason`] names the field.
//!
//! [`seedream_4_5`] is a target that is ready; another one here:
//!
//! ```
//! use longhaul::{
//!     Resolution, Stack,
//!     fallback::{Dialect, FallbackPolicy, KeySource, Keywords, Resolutions, Sizes, Target},
//!     policy::Policy,
//! };
//! use longhaul_providers::rewrite::ProviderRewrite;
//!
//! # fn main() -> Result<(), longhaul::ConfigError> {
//! let mut flash = Target::new("flash", "https://gemini.example");
//! flash.dialect = Dialect::Gemini;
//! flash.model = Some("gemini-3.1-flash-image".to_owned());
//! flash.key = KeySource::secret("from the vault");
//! flash.sizes = Sizes::Keywords(Keywords::default());
//! flash.resolutions = Resolutions::between(Resolution::K1, Resolution::K2);
//!
//! let mut policy = Policy::nano_banana_pro();
//! policy.fallback = FallbackPolicy::to([flash]);
//! let stack = Stack::with_rewrite(policy, ProviderRewrite)?;
//! # Ok(()) }
//! ```
//!
//! In a policy file:
//!
//! ```
//! use longhaul::{Stack, policy::Policy};
//! use longhaul_providers::rewrite::ProviderRewrite;
//!
//! # fn example() -> Result<(), longhaul::ConfigError> {
//! let policy = Policy::from_toml(r#"
//!     [[fallback.targets]]
//!     name = "flash"
//!     url = "https://relay.example/v1beta/models/{model}:generateContent"
//!     dialect = "gemini"
//!     model = "gemini-3.1-flash-image"
//!     key = { env = "GEMINI_API_KEY" }
//!     key_query = "key"
//!     sizes = { keywords = {} }
//! "#)?;
//! let stack = Stack::with_rewrite(policy, ProviderRewrite)?;
//! # Ok(()) }
//! ```
//!
//! The request that a target gets can be looked at without sending anything, which is a good test of a row of one's
//! own:
//!
//! ```
//! use longhaul::fallback::{KeySource, Rewrite};
//! use longhaul_providers::rewrite::{ProviderRewrite, seedream_4_5};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let target = seedream_4_5(
//!     "https://ark.example/api/v3/images/generations",
//!     "doubao-seedream-4-5-251128",
//!     KeySource::secret("from the vault"),
//! );
//! let url = "https://first.example/v1beta/models/gemini-3-pro-image:generateContent";
//! let (head, ()) = http::Request::post(url).body(())?.into_parts();
//! let body = r#"{ "contents": [{ "parts": [{ "text": "a cat" }] }],
//!     "generationConfig": { "imageConfig": { "imageSize": "4K", "aspectRatio": "16:9" } } }"#;
//!
//! let (head, body) = ProviderRewrite.rewrite(&target, head, body.into()).unwrap();
//! assert_eq!(head.uri.path(), "/api/v3/images/generations");
//! let json: serde_json::Value = serde_json::from_slice(&body)?;
//! assert_eq!(json["model"], "doubao-seedream-4-5-251128");
//! assert_eq!(json["prompt"], "a cat\n\nAspect ratio 16:9.");
//! assert_eq!(json["size"], "4K");
//! # Ok(()) }
//! ```
//!
//! It is not for changing what the first target is sent: that request goes out as the caller wrote it. Answers are not
//! rewritten either: a caller reads in [`AnsweredBy`](longhaul::fallback::AnsweredBy) in whose words the answer is.

mod gemini;
mod openai;
mod path;
mod ratio;
mod seedream;
mod size;
#[cfg(test)]
mod tests;
mod translate;

use bytes::Bytes;
use http::{
    HeaderName, HeaderValue,
    header::{AUTHORIZATION, CONTENT_TYPE},
    request::Parts,
};
use longhaul::{
    ConfigError, Workload,
    fallback::{Dialect, KeyPlace, Rewrite, Sizes, SkipReason, Target},
};

pub use self::seedream::seedream_4_5;

/// Makes requests in the dialects of providers. See the [module](self).
///
/// It is given to [`Stack::with_rewrite`](longhaul::Stack::with_rewrite), which refuses a target that it could make no request for:
///
/// ```
/// use longhaul::{Stack, fallback::{Dialect, FallbackPolicy, Pixels, Sizes, Target}, policy::Policy};
/// use longhaul_providers::rewrite::ProviderRewrite;
///
/// // Gemini is told the size in a word, and never in pixels.
/// let mut gemini = Target::new("gemini", "https://gemini.example");
/// gemini.dialect = Dialect::Gemini;
/// gemini.sizes = Sizes::Pixels(Pixels::new(1, 1 << 24, 16));
/// let mut policy = Policy::nano_banana_pro();
/// policy.fallback = FallbackPolicy::to([gemini]);
/// assert!(Stack::with_rewrite(policy, ProviderRewrite).unwrap_err().field().ends_with("sizes"));
/// ```
///
/// What it cannot say it refuses, with the field's name:
///
/// ```
/// use longhaul::fallback::{Dialect, Rewrite, SkipReason, Target};
/// use longhaul_providers::rewrite::ProviderRewrite;
///
/// let mut target = Target::new("gemini", "https://gemini.example");
/// target.dialect = Dialect::Gemini;
/// target.sizes = longhaul::fallback::Sizes::Keywords(Default::default());
/// let (head, ()) = http::Request::post("https://a.example/v1/images/generations").body(()).unwrap().into_parts();
/// let masked = r#"{ "prompt": "a cat", "mask": "data:image/png;base64,AA" }"#;
/// let refused = ProviderRewrite.rewrite(&target, head, masked.into()).unwrap_err();
/// assert_eq!(refused, SkipReason::Field("mask".into()));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ProviderRewrite;

impl Rewrite for ProviderRewrite {
    /// Run for each target when a stack is built. The key of the error is that of the target's table, such as `sizes`;
    /// the policy puts `fallback.targets[0]` before it.
    fn check(&self, target: &Target) -> Result<(), ConfigError> {
        match (target.dialect, &target.sizes) {
            (Dialect::Gemini, Sizes::Pixels(_)) => Err(ConfigError::new(
                "sizes",
                "Gemini is told the size by `keywords`",
            )),
            (Dialect::Passthrough | Dialect::OpenAiImages | Dialect::Gemini, _) => Ok(()),
            (dialect, _) => Err(ConfigError::new(
                "dialect",
                format!("{dialect:?} is newer than this version of longhaul-providers"),
            )),
        }
    }

    /// `key_query` comes before `key_header`. Without either a Gemini target gets its key as `x-goog-api-key` and every
    /// other one as `authorization`.
    fn key_place(&self, target: &Target) -> KeyPlace {
        if let Some(name) = &target.key_query {
            return KeyPlace::Query(name.clone());
        }
        let own = || match target.dialect {
            Dialect::Gemini => HeaderName::from_static("x-goog-api-key"),
            _ => AUTHORIZATION,
        };
        KeyPlace::Header(target.key_header.clone().unwrap_or_else(own))
    }

    /// A [`Dialect::Passthrough`] target gets the body unread, and only if it makes pictures of the size that was asked
    /// for: a size can be changed only in words that are known. Otherwise the body is parsed once, built anew and
    /// written, so it is held beside the caller's for the length of the hop; the core counts it against its replay
    /// memory. The [`Workload`] of the returned head is that of the new request, so that clocks and prices go by what
    /// is really asked for.
    fn rewrite(
        &self,
        target: &Target,
        mut head: Parts,
        body: Bytes,
    ) -> Result<(Parts, Bytes), SkipReason> {
        let from = translate::dialect_of(head.uri.path());
        let mut workload: Workload = head.extensions.get().cloned().unwrap_or_default();
        if target.dialect == Dialect::Passthrough {
            head.uri = path::of(target, None, &head.uri, workload.model.as_deref())?;
            return match target.resolutions.fit(workload.resolution) {
                Some(as_asked) if as_asked == workload.resolution => Ok((head, body)),
                _ => Err(SkipReason::Resolution),
            };
        }
        let (body, resolution) = translate::body(target, from, &body, &workload)?;
        workload.resolution = resolution;
        if let Some(model) = &target.model {
            workload.model = Some(model.as_str().into());
        }
        head.uri = path::of(target, from, &head.uri, workload.model.as_deref())?;
        let json = HeaderValue::from_static("application/json");
        head.headers.insert(CONTENT_TYPE, json);
        head.extensions.insert(workload);
        Ok((head, body))
    }
}
