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
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ProviderRewrite;

impl Rewrite for ProviderRewrite {
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
