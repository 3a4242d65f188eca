//! What a request asks the provider to do.

mod per_resolution;
mod quality;
mod resolution;

use std::sync::Arc;

pub use self::{per_resolution::PerResolution, quality::Quality, resolution::Resolution};

/// What a request asks for: model, resolution, quality, number of images and of reference images.
///
/// A request extension. [`DetectWorkload`](crate::detect::DetectWorkload) writes it, unless the caller
/// already has; every layer below decides by it. Without one, layers assume `Workload::default()`:
/// everything unknown, which waits longest.
///
/// ```
/// use longhaul::{Resolution, Workload};
///
/// // A route of one's own, of which no detector knows the size.
/// let workload = Workload::of(Resolution::K4).with_model("studio").with_images(2);
/// let request = http::Request::post("https://studio.example/render").extension(workload).body(());
/// ```
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct Workload {
    /// The model as the request names it.
    ///
    /// In the request's own spelling, from its body or from the URL that names it. Where one model has the images made by
    /// another, as a tool of OpenAI's Responses may, it is the one that makes them. `None` where nothing names one.
    pub model: Option<Arc<str>>,
    /// The class of picture size that decides how long to wait.
    ///
    /// Also decides what the picture costs, where a price row is for one size.
    pub resolution: Resolution,
    /// How many images are asked for; 1 where the request does not say.
    ///
    /// Each further one can be granted time of its own: see
    /// [`TimeoutPolicy::per_extra_image`](crate::timeout::TimeoutPolicy::per_extra_image).
    pub images: u32,
    /// How many reference images come with the request.
    pub references: u32,
    /// The quality that is asked for; `None` where the request does not say, or leaves it to the provider.
    pub quality: Option<Quality>,
    /// Whether the request was recognised as one that asks for images, and gets them with its answer. The
    /// submission of a job, whose answer is a ticket, is not.
    ///
    /// Only recognised answers are held until they are whole, and read for a picture. A call that is none passes as it comes.
    pub recognised: bool,
    /// Whether the answer was asked for as a stream: it is then handed on as it comes.
    ///
    /// It is then not held, since its caller wants to see it arrive; what breaks off then is not asked for again.
    pub stream: bool,
    /// Whether `images` is known to be all of them. Nobody has counted those of a request that could not be read.
    #[serde(skip)]
    pub(crate) counted: bool,
}

impl Workload {
    /// One image of this resolution, of an unnamed model: for callers who know better than the detector.
    ///
    /// ```
    /// use longhaul::{Resolution, Workload};
    ///
    /// let workload = Workload::of(Resolution::K2);
    /// assert_eq!((workload.images, workload.recognised, workload.stream), (1, true, false));
    /// assert!(!Workload::of(Resolution::Unknown).recognised, "nothing is known of it");
    /// ```
    pub const fn of(resolution: Resolution) -> Self {
        Self {
            model: None,
            resolution,
            images: 1,
            references: 0,
            quality: None,
            recognised: !matches!(resolution, Resolution::Unknown),
            stream: false,
            counted: !matches!(resolution, Resolution::Unknown),
        }
    }

    /// The same workload of this model.
    #[must_use]
    pub fn with_model(mut self, model: impl Into<Arc<str>>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// The same workload with this many images.
    ///
    /// ```
    /// use longhaul::{Money, Resolution, Workload, billing::{PriceRow, PriceTable}};
    ///
    /// // Each of them is charged.
    /// let prices = PriceTable::new(vec![PriceRow::new("*", "*", Money::usd_micros(134_400))])?;
    /// let four = Workload::of(Resolution::K1).with_images(4);
    /// assert_eq!(prices.price("any", &four), Some(Money::usd_micros(537_600)));
    /// # Ok::<(), longhaul::ConfigError>(())
    /// ```
    #[must_use]
    pub const fn with_images(mut self, images: u32) -> Self {
        self.images = images;
        self.counted = true;
        self
    }

    /// The same workload with this many reference images.
    ///
    /// They make the request larger, and can be granted time: see
    /// [`TimeoutPolicy::per_reference`](crate::timeout::TimeoutPolicy::per_reference).
    #[must_use]
    pub const fn with_references(mut self, references: u32) -> Self {
        self.references = references;
        self
    }

    /// The same workload in this quality.
    #[must_use]
    pub const fn with_quality(mut self, quality: Quality) -> Self {
        self.quality = Some(quality);
        self
    }
}

impl Default for Workload {
    fn default() -> Self {
        Self::of(Resolution::Unknown)
    }
}
