//! The resolution of a picture and how long it takes to make one.
//!
//! The numbers are data of providers, and the same that the policies of `longhaul` are made for; they are repeated here
//! so that the simulator does not depend on what it tests.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A picture's class of size, by pixel count: it decides generation time and price.
///
/// ```
/// use longhaul_sim::Resolution;
///
/// assert_eq!(Resolution::of_pixels(3840, 2160), Resolution::K4);
/// assert_eq!(Resolution::K4.list_price_micros(), 240_000);
/// assert!(Resolution::K1.generation_time(0.5) < Resolution::K4.generation_time(0.5));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Resolution {
    /// Up to 2.1 megapixels, such as 1024×1024.
    K1,
    /// Up to 8 megapixels, such as 2048×2048.
    K2,
    /// 8 megapixels and more, such as 4096×4096.
    K4,
}

impl Resolution {
    /// All resolutions, smallest first.
    pub const ALL: [Self; 3] = [Self::K1, Self::K2, Self::K4];

    /// The resolution of a picture of this many pixels.
    ///
    /// The upper border is 8.0 megapixels, so that 3840×2160 counts as 4K.
    #[must_use]
    pub const fn of_pixels(width: u32, height: u32) -> Self {
        match width as u64 * height as u64 {
            0..=2_100_000 => Self::K1,
            2_100_001..=7_999_999 => Self::K2,
            _ => Self::K4,
        }
    }

    /// The quantile function of the generation time, as `(probability, time)` points with straight lines between them.
    ///
    /// P50, P95 and P99 are those published for Nano Banana Pro, the start is the lower end of its published range;
    /// the end is ours: the worst case that is still drawn.
    ///
    /// ```
    /// use std::time::Duration;
    /// use longhaul_sim::Resolution;
    ///
    /// let [fastest, p50, p95, p99, slowest] = Resolution::K4.quantiles();
    /// assert_eq!(p50, (0.5, Duration::from_secs(120)));
    /// assert_eq!(slowest.1, Duration::from_secs(330));
    /// ```
    #[must_use]
    pub const fn quantiles(self) -> [(f64, Duration); 5] {
        let [fastest, p50, p95, p99, slowest] = match self {
            Self::K1 => [30, 45, 90, 150, 200],
            Self::K2 => [50, 65, 120, 180, 240],
            Self::K4 => [100, 120, 170, 250, 330],
        };
        [
            (0.0, Duration::from_secs(fastest)),
            (0.5, Duration::from_secs(p50)),
            (0.95, Duration::from_secs(p95)),
            (0.99, Duration::from_secs(p99)),
            (1.0, Duration::from_secs(slowest)),
        ]
    }

    /// The generation time that a share `probability` of all generations stays within.
    ///
    /// Values outside 0 to 1 are taken as the nearer end.
    ///
    /// ```
    /// use longhaul_sim::Resolution;
    ///
    /// let [p50, p99] = [0.5, 0.99].map(|share| Resolution::K4.generation_time(share));
    /// assert!(p99 > p50);
    /// assert_eq!(Resolution::K4.generation_time(-1.0), Resolution::K4.generation_time(0.0));
    /// ```
    #[must_use]
    pub fn generation_time(self, probability: f64) -> Duration {
        let points = self.quantiles();
        for [(p0, t0), (p1, t1)] in points
            .windows(2)
            .filter_map(|pair| <[_; 2]>::try_from(pair).ok())
        {
            if probability < p1 {
                let share = ((probability - p0) / (p1 - p0)).max(0.0);
                return t0 + (t1 - t0).mul_f64(share);
            }
        }
        points[points.len() - 1].1
    }

    /// The price of one picture in millionths of a dollar, where the builder names no other.
    ///
    /// Google's list price for Gemini 3 Pro Image: $120 for a million output tokens, 1,120 tokens for a picture at 1K
    /// and 2K, 2,000 at 4K.
    ///
    /// ```
    /// use longhaul_sim::Resolution;
    ///
    /// assert_eq!(Resolution::ALL.map(Resolution::list_price_micros), [134_400, 134_400, 240_000]);
    /// ```
    #[must_use]
    pub const fn list_price_micros(self) -> u64 {
        self.output_tokens() * 120
    }

    /// The output tokens that Gemini counts for one picture.
    ///
    /// From the same price list.
    #[must_use]
    pub const fn output_tokens(self) -> u64 {
        match self {
            Self::K1 | Self::K2 => 1_120,
            Self::K4 => 2_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawn_times_have_the_published_quantiles() {
        let mut rng = fastrand::Rng::with_seed(1);
        for resolution in Resolution::ALL {
            let mut drawn: Vec<_> = (0..20_000)
                .map(|_| resolution.generation_time(rng.f64()))
                .collect();
            drawn.sort();
            for (probability, expected) in &resolution.quantiles()[1..4] {
                let seen = drawn[(probability * 20_000.0) as usize].as_secs_f64();
                let off = (seen / expected.as_secs_f64() - 1.0).abs();
                assert!(
                    off < 0.05,
                    "{resolution:?} P{probability}: {seen} instead of {expected:?}"
                );
            }
            let (fastest, slowest) = (resolution.quantiles()[0].1, resolution.quantiles()[4].1);
            assert!(drawn[0] >= fastest && drawn[19_999] <= slowest);
        }
    }

    #[test]
    fn probabilities_out_of_range_give_the_ends() {
        assert_eq!(
            Resolution::K1.generation_time(-3.0),
            Duration::from_secs(30)
        );
        assert_eq!(
            Resolution::K1.generation_time(7.0),
            Duration::from_secs(200)
        );
        assert_eq!(
            Resolution::K1.generation_time(f64::NAN),
            Duration::from_secs(200)
        );
    }

    #[test]
    fn resolution_goes_by_pixels_not_by_the_longest_edge() {
        for (width, height, expected) in [
            (1024, 1024, Resolution::K1),
            (1920, 1080, Resolution::K1),
            (3072, 384, Resolution::K1),
            (2560, 1440, Resolution::K2),
            (3168, 1344, Resolution::K2),
            (3840, 2160, Resolution::K4),
            (6336, 2688, Resolution::K4),
        ] {
            assert_eq!(
                Resolution::of_pixels(width, height),
                expected,
                "{width}x{height}"
            );
        }
    }

    #[test]
    fn list_prices_are_googles() {
        assert_eq!(
            Resolution::ALL.map(Resolution::list_price_micros),
            [134_400, 134_400, 240_000]
        );
    }
}
