use super::target::Dialect;
use crate::config::ConfigError;

/// How a target is told the size.
///
/// ```
/// use longhaul::fallback::{Dialect, Keywords, RatioPlacement, Sizes, Target};
///
/// // `2K` in a field `size`, and the ratio in a sentence of the prompt.
/// let mut target = Target::new("seedream", "https://ark.example.com/api/v3/images/generations");
/// target.dialect = Dialect::OpenAiImages;
/// let mut words = Keywords::default();
/// words.ratio = RatioPlacement::Prompt;
/// target.sizes = Sizes::Keywords(words);
/// target.validate()?;
/// # Ok::<(), longhaul::ConfigError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Sizes {
    /// As the request says it; only for requests in the target's own dialect.
    #[default]
    AsAsked,
    /// By a word: `2K`.
    Keywords(Keywords),
    /// By width and height: `2048x2048`.
    Pixels(Pixels),
}

/// Words for sizes.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Keywords {
    /// For [`Resolution::K1`](crate::Resolution::K1); empty where the target makes it unasked and must not be asked. Default `1K`.
    pub k1: String,
    /// For [`Resolution::K2`](crate::Resolution::K2). Default `2K`.
    pub k2: String,
    /// For [`Resolution::K4`](crate::Resolution::K4). Default `4K`.
    pub k4: String,
    /// Where the ratio goes; Gemini has a field of its own.
    pub ratio: RatioPlacement,
}

impl Default for Keywords {
    fn default() -> Self {
        Self {
            k1: "1K".to_owned(),
            k2: "2K".to_owned(),
            k4: "4K".to_owned(),
            ratio: RatioPlacement::default(),
        }
    }
}

/// Where a target is told the ratio of the edges.
///
/// Only read with [`Sizes::Keywords`]: widths and heights have the ratio in them.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RatioPlacement {
    /// Nowhere: it makes square pictures, and is passed over for others.
    #[default]
    Nowhere,
    /// In a sentence after the prompt.
    Prompt,
    /// In this field.
    Field(String),
}

/// Widths and heights.
///
/// A picture is asked for in its own shape, and as near to its own size as these bounds allow; where there is none, the target is
/// passed over.
///
/// ```
/// use longhaul::fallback::{Pixels, Sizes};
///
/// // From 512×512 to 2048×2048, both edges multiples of 16.
/// let sizes = Sizes::Pixels(Pixels::new(512 * 512, 2048 * 2048, 16));
/// assert_ne!(sizes, Sizes::AsAsked);
/// ```
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Pixels {
    /// The smallest picture, in pixels.
    pub min: u64,
    /// The largest picture, in pixels.
    pub max: u64,
    /// Both edges are multiples of this.
    pub multiple_of: u64,
}

impl Pixels {
    /// From `min` to `max` pixels, each edge a multiple of `multiple_of`.
    pub const fn new(min: u64, max: u64, multiple_of: u64) -> Self {
        Self {
            min,
            max,
            multiple_of,
        }
    }
}

impl Sizes {
    pub(super) fn validate(&self, dialect: Dialect) -> Result<(), ConfigError> {
        let wrong = |why: &str| Err(ConfigError::new("sizes", why));
        match self {
            Self::AsAsked => Ok(()),
            _ if dialect == Dialect::Passthrough => {
                wrong("the body is sent as it came; name a `dialect` to change the size in it")
            }
            Self::Keywords(_) => Ok(()),
            Self::Pixels(pixels) if pixels.min == 0 || pixels.min > pixels.max => {
                wrong("`min` must be above 0 and at most `max`")
            }
            Self::Pixels(pixels) if pixels.multiple_of == 0 => {
                wrong("`multiple_of` must be at least 1")
            }
            Self::Pixels(_) => Ok(()),
        }
    }
}
