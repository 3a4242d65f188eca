//! What one benchmark hands to the report: a heading, Markdown and plots; and how long it may take for that.

/// How long a benchmark may take
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effort {
    /// For CI: small numbers, about a minute for the whole report; shows that all runs, not how fast
    Quick,
    /// For figures that are published: minutes, on a quiet machine
    Full,
}

impl Effort {
    /// By the flag `--quick`, which every benchmark has
    pub(crate) const fn quick_if(quick: bool) -> Self {
        if quick { Self::Quick } else { Self::Full }
    }

    /// `quick` or `full`
    pub(crate) fn pick<T>(self, quick: T, full: T) -> T {
        match self {
            Self::Quick => quick,
            Self::Full => full,
        }
    }
}

/// One benchmark's part of `BENCHMARKS.md`
#[derive(Debug)]
pub(crate) struct Section {
    /// The heading
    pub(crate) title: String,
    /// What stands below the heading; plots are referred to as `plots/NAME.svg`
    pub(crate) markdown: String,
    /// File name (`NAME.svg`) and content of each plot
    pub(crate) plots: Vec<(String, String)>,
}
