//! Sizes by their number of pixels. Three classes are as many as published generation times tell apart.

use std::time::Duration;

/// The class of picture size that decides how long to wait.
///
/// By pixel count, never by edge: the longest edges of the classes overlap (a 21:9 picture of the
/// smallest class is as wide as a square one of the middle class), the pixel counts do not.
///
/// ```
/// use longhaul::Resolution;
///
/// // By the number of pixels, never by an edge.
/// assert_eq!(Resolution::of_pixels(4096, 1024), Resolution::K2);
/// assert_eq!(Resolution::of_pixels(4096, 4096), Resolution::K4);
/// ```
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    Default,
    serde::Serialize,
    serde::Deserialize,
)]
pub enum Resolution {
    /// Up to 2.1 megapixels (1024×1024 and relatives).
    K1,
    /// Up to 8.0 megapixels (2048×2048 and relatives).
    K2,
    /// 8.0 megapixels and more (4096×4096, 3840×2160 and relatives).
    K4,
    /// Not known. Waits as long as the largest: a paid call is not cut for want of a number.
    ///
    /// Limits, prices and chances treat it apart: the longest limit, the dearest row, no refusal by chance.
    #[default]
    Unknown,
}

impl Resolution {
    /// The class of a picture of `width` × `height` pixels.
    ///
    /// 2.1 and 8.0 megapixels lie between the largest picture of one class and the smallest of the
    /// next in Google's table (1.18, 4.19 to 4.72, 16.8 megapixels), set so that 1920×1080 is `K1`
    /// and 3840×2160 is `K4`.
    ///
    /// ```
    /// use longhaul::Resolution;
    ///
    /// assert_eq!(Resolution::of_pixels(1920, 1080), Resolution::K1);
    /// assert_eq!(Resolution::of_pixels(3840, 2160), Resolution::K4);
    /// assert_eq!(Resolution::of_pixels(0, 1024), Resolution::Unknown, "`auto`, or a slip");
    /// ```
    pub const fn of_pixels(width: u64, height: u64) -> Self {
        match width.saturating_mul(height) {
            0 => Self::Unknown,
            1..=2_100_000 => Self::K1,
            2_100_001..8_000_000 => Self::K2,
            _ => Self::K4,
        }
    }

    /// The typical, the slow and the very slow generation: P50, P95 and P99 as measured by the
    /// providers of Nano Banana Pro. `None` where the resolution is not known.
    ///
    /// ```
    /// use longhaul::Resolution;
    ///
    /// let [p50, p95, p99] = Resolution::K4.generation_quantiles().unwrap();
    /// assert!(p50 < p95 && p95 < p99);
    /// assert_eq!(Resolution::Unknown.generation_quantiles(), None);
    /// ```
    pub const fn generation_quantiles(self) -> Option<[Duration; 3]> {
        let [p50, p95, p99] = match self {
            Self::K1 => [45, 90, 150],
            Self::K2 => [65, 120, 180],
            Self::K4 => [120, 170, 250],
            Self::Unknown => return None,
        };
        Some([
            Duration::from_secs(p50),
            Duration::from_secs(p95),
            Duration::from_secs(p99),
        ])
    }
}

words! {
    Resolution {
        K1 = "K1",
        K2 = "K2",
        K4 = "K4",
        Unknown = "Unknown",
    }
}
