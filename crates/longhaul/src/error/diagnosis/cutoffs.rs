//! The table of cut-offs.
//!
//! Default idle limits of load balancers, proxies and platforms, each with its source. A range stands where a vendor names
//! none or where versions differ; an exact row outranks it.

use std::{sync::LazyLock, time::Duration};

use crate::config::table::rows;

/// `cutoffs.txt`.
static CUTOFFS: LazyLock<Vec<Cutoff>> = LazyLock::new(|| {
    rows(include_str!("cutoffs.txt"))
        .map(Cutoff::read)
        .collect()
});

/// How long a known intermediary waits before it gives up, and how that shows.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Cutoff {
    /// The seconds; two values where it is not one.
    pub(super) from: f64,
    /// See `from`.
    pub(super) to: f64,
    /// Who.
    pub(super) who: &'static str,
    /// Whether it may show as a closed connection.
    pub(super) closes: bool,
    /// Whether it may show as an answer of its own.
    pub(super) answers: bool,
    /// Where that is known from.
    pub(super) source: &'static str,
}

impl Cutoff {
    fn read([from, to, who, how, _, source]: [&'static str; 6]) -> Self {
        let seconds = |cell: &str| cell.parse().expect("seconds");
        Self {
            from: seconds(from),
            to: seconds(to),
            who,
            closes: how != "page",
            answers: how != "close",
            source,
        }
    }

    pub(super) fn is_exact(&self) -> bool {
        self.to - self.from < 10.0
    }

    fn fits(&self, seconds: f64, tolerance: f64) -> bool {
        (self.from - tolerance..=self.to + tolerance).contains(&seconds)
    }
}

/// Who may have given up after `silence`: the rows nearest to it, exact ones before ranges.
pub(super) fn matching(silence: Duration, tolerance: f64, closed: bool) -> Vec<&'static Cutoff> {
    let seconds = silence.as_secs_f64();
    let fitting = |exact: bool| {
        let fits = move |row: &&Cutoff| {
            let how = if closed { row.closes } else { row.answers };
            how && row.is_exact() == exact && row.fits(seconds, tolerance)
        };
        CUTOFFS.iter().filter(fits).collect::<Vec<_>>()
    };
    let exact = fitting(true);
    if exact.is_empty() {
        return fitting(false);
    }
    exact
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_can_be_read_and_has_a_source() {
        assert!(CUTOFFS.len() > 15);
        for row in CUTOFFS.iter() {
            assert!(!row.source.is_empty() && !row.who.is_empty());
            assert!(row.from <= row.to);
        }
    }

    #[test]
    fn sixty_seconds_are_a_load_balancer_or_nginx() {
        let found = matching(Duration::from_millis(60_100), 1.5, true);
        assert_eq!((found[0].who, found[1].who), ("AWS ALB", "nginx"));
        assert!(matching(Duration::from_secs(75), 1.5, true).is_empty());
    }
}
