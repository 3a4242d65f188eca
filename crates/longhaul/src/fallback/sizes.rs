use super::{ratio::Ratio, target::Dialect};
use crate::{config::ConfigError, model::Resolution};

/// How a target is told the size.
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
pub struct Keywords {
    /// For [`Resolution::K1`]; empty where the target makes it unasked and must not be asked. Default `1K`.
    pub k1: String,
    /// For [`Resolution::K2`]. Default `2K`.
    pub k2: String,
    /// For [`Resolution::K4`]. Default `4K`.
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

impl Keywords {
    /// The word for `resolution`, if it is to be said.
    pub(super) fn of(&self, resolution: Resolution) -> Option<&str> {
        let word = match resolution {
            Resolution::K1 => &self.k1,
            Resolution::K2 => &self.k2,
            Resolution::K4 => &self.k4,
            Resolution::Unknown => return None,
        };
        (!word.is_empty()).then_some(word)
    }
}

/// Where a target is told the ratio of the edges.
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
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pixels {
    /// The smallest picture, in pixels.
    pub min: u64,
    /// The largest picture, in pixels.
    pub max: u64,
    /// Both edges are multiples of this.
    pub multiple_of: u64,
}

impl Pixels {
    /// Width and height of a picture of this shape with `area` pixels, or as near to it as the target
    /// comes. `None` where there is no such picture.
    pub(super) fn fit(&self, area: u64, shape: Ratio) -> Option<(u64, u64)> {
        let area = area.clamp(self.min, self.max) as f64;
        let edges = ((area * shape.value()).sqrt(), (area / shape.value()).sqrt());
        // A hair below a multiple is that multiple: roots are not exact.
        let down = |edge: f64| (edge + 1e-6) as u64 / self.multiple_of * self.multiple_of;
        let up = |edge: f64| down(edge).saturating_add(self.multiple_of);
        let candidates = [
            (down(edges.0), down(edges.1)),
            (up(edges.0), down(edges.1)),
            (down(edges.0), up(edges.1)),
            (up(edges.0), up(edges.1)),
        ];
        candidates
            .into_iter()
            .find(|(width, height)| (self.min..=self.max).contains(&width.saturating_mul(*height)))
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
            Self::Pixels(_) if dialect == Dialect::Gemini => {
                wrong("Gemini is told the size by `keywords`")
            }
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
