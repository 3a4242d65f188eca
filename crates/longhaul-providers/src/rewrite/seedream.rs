//! Seedream 4.5, as ByteDance and the aggregators offer it.
//!
//! It is here as a function and not as a row of a file because a target is plain data of the core, and a policy file
//! can write the same one down field by field. The comments in the function say where each value is from.

use longhaul::{
    Resolution,
    fallback::{
        Dialect, FieldValue, KeySource, Keywords, RatioPlacement, Resolutions, Sizes, Target,
    },
};

/// Seedream 4.5 at `url`: `https://ark.cn-beijing.volces.com/api/v3/images/generations` (model
/// `doubao-seedream-4-5-251128`), `https://ark.ap-southeast.bytepluses.com/api/v3/images/generations`
/// (`seedream-4-5-251128`), or an aggregator's `/v1/images/generations`.
///
/// It makes 2K and 4K, so that 1K is raised to 2K; the size goes as a keyword, since Gemini's own 4K
/// sizes have more pixels than it makes, and the ratio with the prompt; one image, without watermark,
/// as base64 unless the request says otherwise.
///
/// ```
/// use longhaul::{Stack, fallback::{FallbackPolicy, KeySource}, policy::Policy};
/// use longhaul_providers::rewrite::{ProviderRewrite, seedream_4_5};
///
/// # fn example() -> Result<(), longhaul::ConfigError> {
/// let mut policy = Policy::nano_banana_pro();
/// policy.fallback = FallbackPolicy::to([seedream_4_5(
///     "https://ark.cn-beijing.volces.com/api/v3/images/generations",
///     "doubao-seedream-4-5-251128",
///     KeySource::Env("ARK_API_KEY".to_owned()),
/// )]);
/// let stack = Stack::with_rewrite(policy, ProviderRewrite)?;
/// # Ok(()) }
/// ```
///
/// The fields are public, so that what an aggregator does otherwise is changed afterwards:
///
/// ```
/// use longhaul::{Resolution, fallback::{KeySource, Sizes}};
/// use longhaul_providers::rewrite::seedream_4_5;
///
/// let mut relay = seedream_4_5("https://relay.example/v1/images/generations", "seedream-4-5", KeySource::secret("k"));
/// if let Sizes::Keywords(words) = &mut relay.sizes {
///     words.k4 = "4k".to_owned();
/// }
/// assert_eq!(relay.resolutions.fit(Resolution::K1), Some(Resolution::K2), "raised, not refused");
/// assert_eq!((relay.max_images, relay.max_references), (Some(1), Some(14)));
/// ```
pub fn seedream_4_5(url: impl Into<String>, model: impl Into<String>, key: KeySource) -> Target {
    let mut target = Target::new("seedream-4.5", url);
    target.dialect = Dialect::OpenAiImages;
    target.model = Some(model.into());
    target.key = key;
    // 3,686,400 (2560x1440) to 16,777,216 (4096x4096) pixels, ratio 1/16 to 16; `1K` is refused with
    // "image size must be at least 3686400 pixels" (docs of novita.ai and geekai.co for
    // seedream-4.5). The keywords `2K` and `4K` are upper case; the ratio is then
    // described in the prompt, and is 1:1 without (docs.geekai.co, docs.siraya.ai).
    let mut words = Keywords::default();
    words.ratio = RatioPlacement::Prompt;
    target.sizes = Sizes::Keywords(words);
    target.resolutions = Resolutions::between(Resolution::K2, Resolution::K4);
    target.resolutions.raise = true;
    target.max_ratio = Some(16);
    // Up to 14 references; several images would be `sequential_image_generation` (Replicate's and
    // InvokeAI's tables for seedream-4.5).
    target.max_references = Some(14);
    target.max_images = Some(1);
    // OpenAI's own words, which it does not know; `n` can only be 1 here.
    target.remove = ["n", "quality", "moderation", "user"]
        .map(str::to_owned)
        .to_vec();
    // Its defaults are a link and a watermark.
    target.set = [
        ("response_format", FieldValue::Text("b64_json".to_owned())),
        (
            "sequential_image_generation",
            FieldValue::Text("disabled".to_owned()),
        ),
        ("watermark", FieldValue::Flag(false)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    target
}
