//! Providers call quality by several words; what matters here is only whether it takes minutes more.

/// How much care is asked for, where a request says so.
///
/// ```
/// use longhaul::{Quality, Resolution, Workload, timeout::TimeoutPolicy};
/// use std::time::Duration;
///
/// // A table that grants a careful picture two minutes more.
/// let mut limits = TimeoutPolicy::default();
/// limits.high_quality = Duration::from_secs(120);
/// let workload = Workload::of(Resolution::K2).with_quality(Quality::High);
/// assert_eq!(limits.picture_for(&workload), Duration::from_secs(420));
/// ```
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
#[non_exhaustive]
pub enum Quality {
    /// `low`.
    Low,
    /// `medium` or `standard`.
    Medium,
    /// `high` or `hd`. At 2K and 4K it takes minutes more than the others.
    High,
}

impl Quality {
    /// As a request names it, in any case; `None` for `auto` and for words that are not known.
    ///
    /// `auto` is no quality: the provider chooses, and nobody here knows what.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        const NAMES: [(&str, Quality); 5] = [
            ("low", Quality::Low),
            ("medium", Quality::Medium),
            ("standard", Quality::Medium),
            ("high", Quality::High),
            ("hd", Quality::High),
        ];
        NAMES
            .iter()
            .find(|(word, _)| word.eq_ignore_ascii_case(name))
            .map(|(_, quality)| *quality)
    }
}

words! {
    Quality {
        Low = "Low",
        Medium = "Medium",
        High = "High",
    }
}
