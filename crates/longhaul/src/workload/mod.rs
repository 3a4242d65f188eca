//! What a request asks the provider to do.

mod per_resolution;
mod resolution;

use std::sync::Arc;

pub use self::{per_resolution::PerResolution, resolution::Resolution};

/// What a request asks for: model, resolution, number of images and of reference images.
///
/// A request extension. [`DetectWorkload`](crate::detect::DetectWorkload) writes it, unless the caller
/// already has; every layer below decides by it. Without one, layers assume `Workload::default()`:
/// everything unknown, which waits longest.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Workload {
    /// The model as the request names it.
    pub model: Option<Arc<str>>,
    /// The class of picture size that decides how long to wait.
    pub resolution: Resolution,
    /// How many images are asked for; 1 where the request does not say.
    pub images: u32,
    /// How many reference images come with the request.
    pub references: u32,
    /// Whether the request was recognised as one that asks for images.
    pub recognised: bool,
}

impl Workload {
    /// One image of this resolution, of an unnamed model: for callers who know better than the detector.
    pub const fn of(resolution: Resolution) -> Self {
        Self {
            model: None,
            resolution,
            images: 1,
            references: 0,
            recognised: !matches!(resolution, Resolution::Unknown),
        }
    }

    /// The same workload of this model.
    #[must_use]
    pub fn with_model(mut self, model: impl Into<Arc<str>>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// The same workload with this many images.
    #[must_use]
    pub const fn with_images(mut self, images: u32) -> Self {
        self.images = images;
        self
    }
}

impl Default for Workload {
    fn default() -> Self {
        Self::of(Resolution::Unknown)
    }
}
