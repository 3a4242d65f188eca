//! Aims beside figures: an aim that is missed is printed as missed.
//!
//! Aims were set before the figures were known. One that is missed stands in the table as missed, beside the figure;
//! nothing fails by it, since machines differ.

use comfy_table::Table;

use crate::table::{figure, table};

/// A figure that should not be above, or not below, a limit.
#[derive(Debug)]
pub(crate) struct Aim {
    what: String,
    limit: f64,
    unit: &'static str,
    measured: f64,
    at_most: bool,
}

impl Aim {
    /// `measured` should be at most `limit`.
    pub(crate) fn at_most(
        what: impl Into<String>,
        limit: f64,
        unit: &'static str,
        measured: f64,
    ) -> Self {
        Self {
            what: what.into(),
            limit,
            unit,
            measured,
            at_most: true,
        }
    }

    /// `measured` should be at least `limit`.
    pub(crate) fn at_least(
        what: impl Into<String>,
        limit: f64,
        unit: &'static str,
        measured: f64,
    ) -> Self {
        Self {
            at_most: false,
            ..Self::at_most(what, limit, unit, measured)
        }
    }

    fn is_met(&self) -> bool {
        if self.at_most {
            self.measured <= self.limit
        } else {
            self.measured >= self.limit
        }
    }

    /// `met`, or by how much it is missed.
    fn verdict(&self) -> String {
        if self.is_met() {
            return "met".to_owned();
        }
        if !self.measured.is_finite() {
            return "**not measured**".to_owned();
        }
        let off = (self.measured - self.limit).abs();
        let off = format!("**missed** by {} {}", figure(off), self.unit);
        if self.limit == 0.0 {
            return off;
        }
        let percent = 100.0 * (self.measured / self.limit - 1.0);
        format!("{off} ({percent:+.0} %)")
    }
}

/// One row for each.
pub(crate) fn aims(aims: impl IntoIterator<Item = Aim>) -> Table {
    let mut table = table(["aim", "limit", "measured", "verdict"]);
    for aim in aims {
        let bound = if aim.at_most { "at most" } else { "at least" };
        table.add_row([
            aim.what.clone(),
            format!("{bound} {} {}", figure(aim.limit), aim.unit),
            format!("{} {}", figure(aim.measured), aim.unit),
            aim.verdict(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_aim_is_met_up_to_its_limit_and_missed_beyond() {
        let at_most = |measured| Aim::at_most("a", 2.0, "x", measured).verdict();
        assert_eq!(at_most(2.0), "met");
        assert_eq!(at_most(2.5), "**missed** by 0.50 x (+25 %)");
        let at_least = |measured| Aim::at_least("a", 15.0, "GB/s", measured).verdict();
        assert_eq!(at_least(15.0), "met");
        assert_eq!(at_least(12.0), "**missed** by 3.00 GB/s (-20 %)");
        assert_eq!(at_least(f64::NAN), "**not measured**");
    }
}
