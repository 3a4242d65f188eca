//! The ratio of a picture's edges.
//!
//! Providers name ratios and sell sizes, and the two do not quite agree: Google's 16:9 in 1K is 1376×768, which is
//! 43:24. So two numbers are a named ratio when they are close to one, and themselves in lowest terms otherwise. The
//! test `real_sizes_have_the_ratio_they_are_named_by` goes through Google's table.

use std::fmt;

/// Width to height, in the smallest numbers, or by its usual name: 1376×768 is called 16:9 too.
///
/// Two ratios are equal where their numbers are; [`of`](Self::of) makes sure that one ratio has one pair of numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Ratio {
    width: u32,
    height: u32,
}

/// The ratios that Gemini knows by name, and that people ask for.
const NAMED: [(u32, u32); 10] = [
    (1, 1),
    (2, 3),
    (3, 2),
    (3, 4),
    (4, 3),
    (4, 5),
    (5, 4),
    (9, 16),
    (16, 9),
    (21, 9),
];

/// Real sizes miss the ratio that they are named by: 1792×1024 by 1.6 %, no neighbours are that close.
///
/// The closest neighbours of the table, 4:5 and 3:4, are 6.7 % apart.
const TOLERANCE: f64 = 0.02;

impl Ratio {
    /// What a request asks for that says no ratio.
    pub(super) const SQUARE: Self = Self {
        width: 1,
        height: 1,
    };

    /// Of a picture, or of any two numbers.
    ///
    /// `None` where one of them is 0, or where the reduced numbers do not fit 32 bits.
    pub(super) fn of(width: u64, height: u64) -> Option<Self> {
        let divisor = gcd(width, height);
        if width == 0 || height == 0 {
            return None;
        }
        let value = width as f64 / height as f64;
        let named = NAMED
            .into_iter()
            .map(|(width, height)| Self { width, height })
            .find(|named| (value / named.value() - 1.0).abs() < TOLERANCE);
        let reduced = || {
            Some(Self {
                width: u32::try_from(width / divisor).ok()?,
                height: u32::try_from(height / divisor).ok()?,
            })
        };
        named.or_else(reduced)
    }

    /// Reads `16:9`.
    ///
    /// Blanks around the numbers are allowed. A text without a colon is no ratio.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (width, height) = text.split_once(':')?;
        Self::of(width.trim().parse().ok()?, height.trim().parse().ok()?)
    }

    /// Width by height, for computing edges.
    pub(super) fn value(self) -> f64 {
        f64::from(self.width) / f64::from(self.height)
    }

    /// Whether Gemini has a word for it.
    pub(super) fn is_named(self) -> bool {
        NAMED.contains(&(self.width, self.height))
    }

    /// Whether the longer edge is at most `most` times the shorter.
    ///
    /// The rule of a target's [`max_ratio`](longhaul::fallback::Target::max_ratio): ByteDance refuses more than 16.
    pub(super) fn is_within(self, most: u32) -> bool {
        let (short, long) = (self.width.min(self.height), self.width.max(self.height));
        long <= short.saturating_mul(most)
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.width, self.height)
    }
}

/// The greatest common divisor; of 0 and `a` it is `a`.
fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}
