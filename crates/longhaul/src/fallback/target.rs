use std::collections::BTreeMap;

use http::HeaderName;

use super::{
    key::KeySource,
    origin::{self, TargetOrigin},
    policy::check_triggers,
    report::SkipReason,
    sizes::Sizes,
};
use crate::{
    config::{ConfigError, key_names::looks_like_key},
    model::{Class, Resolution, Workload},
};

/// Another place that can make the picture: its address, model, key and sizes.
///
/// Start from [`Target::new`], another route to the same thing, and set what differs. Whatever changes more of a request than
/// its place and key needs a [`Rewrite`](super::Rewrite) that can do it: a dialect, `{model}` in the URL,
/// [`key_query`](Self::key_query).
///
/// ```
/// use longhaul::{Class, Resolution, fallback::{KeySource, Resolutions, Target}};
///
/// let mut target = Target::new("relay", "https://relay.example.com");
/// target.key = KeySource::Env("RELAY_KEY".to_owned());
/// target.resolutions = Resolutions::between(Resolution::K1, Resolution::K2);
/// target.triggers = Some(vec![Class::Overloaded, Class::QuotaExhausted]);
/// target.validate()?;
///
/// assert_eq!(Target::new("nowhere", "relay").validate().unwrap_err().field(), "url");
/// # Ok::<(), longhaul::ConfigError>(())
/// ```
#[derive(Clone, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Target {
    /// What reports call it.
    pub name: String,
    /// Scheme, host and port, and the path where it is not the dialect's own; `{model}` stands for the
    /// model: `https://relay.example/v1beta/models/{model}:generateContent`.
    pub url: String,
    /// How it wants to be asked. Default as the request came.
    #[serde(default)]
    pub dialect: Dialect,
    /// What it calls the model. Default as the request does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Where its key comes from. Default none: the caller's key goes to no other target.
    #[serde(default)]
    pub key: KeySource,
    /// The header for the key. Default the dialect's own: `x-goog-api-key` for Gemini, else `authorization: Bearer …`.
    #[serde(default, with = "crate::config::header_name")]
    pub key_header: Option<HeaderName>,
    /// The query parameter for the key, where it has to stand in the URL: `key`. Default none: it stands in a header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_query: Option<String>,
    /// The provider's name in ledger and price rows. Default the host of the URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// How it is told the size. Default as the request says it.
    #[serde(default)]
    pub sizes: Sizes,
    /// Which resolutions it can make. Default all.
    #[serde(default)]
    pub resolutions: Resolutions,
    /// The longer edge is at most so many times the shorter. Default no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_ratio: Option<u32>,
    /// It makes at most so many images at once. Default no limit.
    ///
    /// A request for more is not split: that would be several operations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_images: Option<u32>,
    /// It takes at most so many reference images. Default no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_references: Option<u32>,
    /// Its own list of endings after which it is asked, instead of the policy's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub triggers: Option<Vec<Class>>,
    /// Fields of the request's JSON that are left out.
    #[serde(default)]
    pub remove: Vec<String>,
    /// Fields that are added to its JSON, unless the request has them.
    #[serde(default)]
    pub set: BTreeMap<String, FieldValue>,
}

/// How a target wants to be asked.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, Debug, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Dialect {
    /// As the request came: the body is not touched.
    #[default]
    Passthrough,
    /// JSON to `/v1/images/generations`.
    #[serde(rename = "openai-images")]
    OpenAiImages,
    /// Gemini's own: `/v1beta/models/{model}:generateContent`.
    Gemini,
}

/// A value for a field of a request's JSON.
///
/// ```
/// use longhaul::fallback::{Dialect, FieldValue, Target};
///
/// // This relay stamps its pictures unless it is told not to.
/// let mut target = Target::new("relay", "https://relay.example.com/v1/images/generations");
/// target.dialect = Dialect::OpenAiImages;
/// target.set.insert("watermark".to_owned(), FieldValue::Flag(false));
/// target.validate()?;
/// # Ok::<(), longhaul::ConfigError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum FieldValue {
    /// `true` or `false`.
    Flag(bool),
    /// A whole number.
    Number(i64),
    /// A text.
    Text(String),
}

/// The resolutions that a target can make, and what becomes of others.
///
/// ```
/// use longhaul::{Resolution, fallback::Resolutions};
///
/// let from_2k = Resolutions::between(Resolution::K2, Resolution::K4);
/// assert_eq!(from_2k.fit(Resolution::K4), Some(Resolution::K4));
/// assert_eq!(from_2k.fit(Resolution::K1), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Resolutions {
    /// The smallest. Default `K1`.
    pub min: Resolution,
    /// The largest. Default `K4`.
    pub max: Resolution,
    /// Whether a smaller one is raised to the smallest; else the target is passed over. Default false.
    pub raise: bool,
    /// Whether a larger one is cut down to the largest; else the target is passed over. Default false: a
    /// smaller picture than was asked for is not what was asked for.
    pub cap: bool,
}

impl Default for Resolutions {
    fn default() -> Self {
        Self {
            min: Resolution::K1,
            max: Resolution::K4,
            raise: false,
            cap: false,
        }
    }
}

impl Resolutions {
    /// From `min` to `max`, and no others.
    pub fn between(min: Resolution, max: Resolution) -> Self {
        Self {
            min,
            max,
            ..Self::default()
        }
    }

    /// What is made where `asked` is asked for; `None` where that cannot be done. What is not known stays so.
    ///
    /// ```
    /// use longhaul::{Resolution, fallback::Resolutions};
    ///
    /// let mut from_2k = Resolutions::between(Resolution::K2, Resolution::K4);
    /// from_2k.raise = true;
    /// assert_eq!(from_2k.fit(Resolution::K1), Some(Resolution::K2), "larger than asked for is allowed here");
    /// assert_eq!(from_2k.fit(Resolution::Unknown), Some(Resolution::Unknown));
    /// ```
    pub fn fit(&self, asked: Resolution) -> Option<Resolution> {
        match asked {
            Resolution::Unknown => Some(asked),
            small if small < self.min => self.raise.then_some(self.min),
            large if large > self.max => self.cap.then_some(self.max),
            within => Some(within),
        }
    }

    fn validate(&self) -> Result<(), ConfigError> {
        if self.max == Resolution::Unknown || self.min > self.max {
            return Err(ConfigError::new(
                "resolutions",
                format!("{} to {} is no range", self.min, self.max),
            ));
        }
        Ok(())
    }
}

impl Target {
    /// Another route to the same model, asked in the same words, without a key.
    pub fn new(name: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            url: url.into(),
            dialect: Dialect::default(),
            model: None,
            key: KeySource::default(),
            key_header: None,
            key_query: None,
            provider: None,
            sizes: Sizes::default(),
            resolutions: Resolutions::default(),
            max_ratio: None,
            max_images: None,
            max_references: None,
            triggers: None,
            remove: Vec::new(),
            set: BTreeMap::new(),
        }
    }

    /// The path of its URL, perhaps with `{model}` in it; `None` where the URL ends with the host or with `/`.
    ///
    /// ```
    /// use longhaul::fallback::Target;
    ///
    /// assert_eq!(Target::new("a", "https://relay.example.com/v1/images").path(), Some("/v1/images"));
    /// assert_eq!(Target::new("a", "https://relay.example.com/").path(), None, "the request's own path is kept");
    /// ```
    pub fn path(&self) -> Option<&str> {
        origin::path_of(&self.url)
    }

    /// Passes over what it cannot make, as far as that is known of the request.
    pub(super) fn can_make(&self, workload: &Workload) -> Result<(), SkipReason> {
        if self.max_images.is_some_and(|most| workload.images > most) {
            return Err(SkipReason::Images);
        }
        if self
            .max_references
            .is_some_and(|most| workload.references > most)
        {
            return Err(SkipReason::References);
        }
        let fits = self.resolutions.fit(workload.resolution);
        fits.map(drop).ok_or(SkipReason::Resolution)
    }

    fn validate_key_query(&self) -> Result<(), ConfigError> {
        let wrong = |why: &str| Err(ConfigError::new("key_query", why));
        match self.key_query.as_deref() {
            None => Ok(()),
            Some(_) if self.key_header.is_some() => {
                wrong("a key has one place: this or `key_header`")
            }
            Some(_) if !self.key.is_own() => {
                wrong("there is no key to put there; name one in `key`")
            }
            // What looks like a key is kept from plain http.
            Some(name) if !looks_like_key(name) => {
                wrong("must have a word such as `key` or `token` in it")
            }
            Some(_) => Ok(()),
        }
    }

    /// Refuses a target that could never be asked, naming the field.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.name.is_empty() {
            return Err(ConfigError::new("name", "must not be empty"));
        }
        TargetOrigin::parse(&self.url).map_err(|why| ConfigError::new("url", why))?;
        self.resolutions.validate()?;
        self.sizes.validate(self.dialect)?;
        self.key.validate()?;
        self.validate_key_query()?;
        if self.key_header.is_some() && !self.key.is_own() {
            let why = "there is no key to put there; name one in `key`";
            return Err(ConfigError::new("key_header", why));
        }
        check_triggers("triggers", self.triggers.as_deref().unwrap_or_default())?;
        if self.max_images == Some(0) {
            return Err(ConfigError::new("max_images", "must be at least 1"));
        }
        if self.max_ratio == Some(0) {
            return Err(ConfigError::new("max_ratio", "must be at least 1"));
        }
        let rewrites = self.model.is_some() || !self.set.is_empty() || !self.remove.is_empty();
        if self.dialect == Dialect::Passthrough && rewrites {
            return Err(ConfigError::new(
                "dialect",
                "name one: `model`, `set` and `remove` change the body",
            ));
        }
        Ok(())
    }
}
