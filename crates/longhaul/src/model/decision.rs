//! What the layers decided by themselves, with the numbers. A person who asks why a picture did not come, or why two were
//! paid for, finds the reason in one sentence and does not have to guess at a setting.

use std::{fmt, time::Duration};

use super::Money;

/// What was decided about an operation's attempts beside sending and waiting, with the numbers that it was decided by.
///
/// One line of the [`RetryReport`](crate::retry::RetryReport), and one
/// [`Event`](crate::observe::Event::Decided). Written as a sentence by `Display`.
///
/// ```
/// use std::time::Duration;
/// use longhaul::Decision;
///
/// let decision = Decision::NoTime { needed: Duration::from_secs(120), left: Duration::from_secs(30) };
/// assert_eq!(decision.name(), "NoTime");
/// assert_eq!(decision.to_string(), "not begun: takes about 120 s, 30 s left");
/// ```
#[derive(Clone, Copy, PartialEq, Debug, serde::Serialize)]
#[non_exhaustive]
pub enum Decision {
    /// An attempt was not begun: with the time that is left, a picture would cost more than it is worth.
    ///
    /// It follows from the deadline, the times of such pictures on this route, and
    /// [`RetryPolicy::worth`](crate::retry::RetryPolicy::worth). A longer deadline or a higher worth lets it pass.
    NoTime {
        /// What such a picture takes: half of them are done by then. Zero where that is not known.
        needed: Duration,
        /// What is left until the operation's deadline.
        left: Duration,
    },
    /// An attempt was not begun: the route cuts too many of such calls before their picture is done.
    ///
    /// Raising the limit of the proxy on the way is the cure; until then another route, a task or a stream gets pictures
    /// through.
    RouteCuts {
        /// What such a picture takes: half of them are done by then.
        needed: Duration,
        /// What is left until the operation's deadline.
        left: Duration,
        /// After how long a silence the route cuts.
        cut: Duration,
        /// The share of those that come so far that it cuts.
        share: f64,
        /// How likely a picture comes past all cuts of the route.
        chance: f64,
        /// How many prices a picture is worth.
        worth: f64,
    },
    /// An attempt is made although its chance is not worth it: to see whether the route still cuts.
    ///
    /// One at a time for each route, an hour after a call last came as far as the cut; a probe that came through lets the
    /// next one go at once. So a route that was mended is found without a restart.
    Probe {
        /// After how long a silence the route cut.
        cut: Duration,
        /// How likely a picture comes past all cuts of the route.
        chance: f64,
    },
    /// A cut of the route is known, so that more attempts may be charged than elsewhere: each is worth its price.
    CutKnown {
        /// After how long a silence the route cuts.
        cut: Duration,
        /// How likely a picture comes past all cuts of the route.
        chance: f64,
        /// How many attempts may be charged.
        paid_attempts: u32,
    },
    /// An attempt is late, and goes on.
    ///
    /// Nothing was decided against it: its answer counts whenever it comes before the deadline.
    Late {
        /// Its number.
        attempt: u32,
        /// How long its request has been out.
        silence: Duration,
        /// How long until an attempt is made beside it.
        patience: Duration,
    },
    /// An attempt is made beside a late one, and shares its place in flight.
    SharedPlace {
        /// Its number.
        attempt: u32,
        /// The number of the first attempt that has the place.
        holder: u32,
    },
    /// The limit of an attempt is longer than the table's: pictures took long here, and came.
    ///
    /// Only delivered pictures teach it, to at most twice the table's limit.
    LearnedLimit {
        /// The table's.
        table: Duration,
        /// The one in force.
        learned: Duration,
    },
    /// No attempt was made that may be charged beside another: the money for duplicates does not reach.
    ///
    /// See [`RetryPolicy::budget`](crate::retry::RetryPolicy::budget) and
    /// [`max_duplicate_cost`](crate::retry::RetryPolicy::max_duplicate_cost).
    NoBudget {
        /// What it might waste; `None` where no price is known.
        waste: Option<Money>,
    },
    /// No attempt was made: it might go over the spending cap.
    ///
    /// See [`RetryPolicy::spending_cap`](crate::retry::RetryPolicy::spending_cap).
    SpendingCap {
        /// What it costs; `None` where no price is known.
        price: Option<Money>,
    },
}

impl Decision {
    /// The deadline passed before anything was begun.
    pub(crate) const DEADLINE_PASSED: Self = Self::NoTime {
        needed: Duration::ZERO,
        left: Duration::ZERO,
    };

    /// The name used in logs and metrics; the same as in code.
    ///
    /// ```
    /// use longhaul::Decision;
    ///
    /// // A counter's label: few values, and none of them with a number in it.
    /// let decision = Decision::SharedPlace { attempt: 2, holder: 1 };
    /// assert_eq!(decision.name(), "SharedPlace");
    /// ```
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NoTime { .. } => "NoTime",
            Self::RouteCuts { .. } => "RouteCuts",
            Self::Probe { .. } => "Probe",
            Self::CutKnown { .. } => "CutKnown",
            Self::Late { .. } => "Late",
            Self::SharedPlace { .. } => "SharedPlace",
            Self::LearnedLimit { .. } => "LearnedLimit",
            Self::NoBudget { .. } => "NoBudget",
            Self::SpendingCap { .. } => "SpendingCap",
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NoTime { needed, left } => write!(
                f,
                "not begun: takes about {:.0} s, {:.0} s left",
                needed.as_secs_f64(),
                left.as_secs_f64()
            ),
            Self::RouteCuts {
                needed,
                left: _,
                cut,
                share,
                chance,
                worth,
            } => write!(
                f,
                "not begun: takes about {:.0} s, and this route cuts {:.0} % of silent calls at {:.1} s; a chance of \
                 {:.1} % is not worth it at {worth} prices a picture",
                needed.as_secs_f64(),
                share * 100.0,
                cut.as_secs_f64(),
                chance * 100.0,
            ),
            Self::Probe { cut, chance } => write!(
                f,
                "sent to see whether this route still cuts silent calls at {:.1} s (chance {:.1} %)",
                cut.as_secs_f64(),
                chance * 100.0
            ),
            Self::CutKnown {
                cut,
                chance,
                paid_attempts,
            } => write!(
                f,
                "this route cuts silent calls at {:.1} s: up to {paid_attempts} attempts that may be charged, each \
                 with a chance of {:.1} %",
                cut.as_secs_f64(),
                chance * 100.0
            ),
            Self::Late {
                attempt,
                silence,
                patience,
            } => write!(
                f,
                "attempt {attempt} is late after {:.1} s and goes on; another begins in {:.1} s at the earliest",
                silence.as_secs_f64(),
                patience.as_secs_f64()
            ),
            Self::SharedPlace { attempt, holder } => {
                write!(
                    f,
                    "attempt {attempt} shares the place in flight of attempt {holder}"
                )
            }
            Self::LearnedLimit { table, learned } => write!(
                f,
                "limit {:.0} s instead of {:.0} s: the last pictures took long, and came",
                learned.as_secs_f64(),
                table.as_secs_f64()
            ),
            Self::NoBudget { waste: Some(waste) } => {
                write!(
                    f,
                    "not sent again: {waste} more for duplicates is not allowed"
                )
            }
            Self::NoBudget { waste: None } => {
                f.write_str("not sent again: what a duplicate wastes is not known")
            }
            Self::SpendingCap { price: Some(price) } => {
                write!(f, "not sent: {price} more might go over the spending cap")
            }
            Self::SpendingCap { price: None } => {
                f.write_str("not sent: a spending cap lets no call pass whose price is not known")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_decision_is_a_sentence_with_its_numbers() {
        let seconds = Duration::from_secs;
        for (decision, text) in [
            (
                Decision::NoTime {
                    needed: seconds(120),
                    left: seconds(30),
                },
                "not begun: takes about 120 s, 30 s left",
            ),
            (
                Decision::RouteCuts {
                    needed: seconds(120),
                    left: seconds(2_250),
                    cut: seconds(60),
                    share: 1.0,
                    chance: 0.0,
                    worth: 5.0,
                },
                "not begun: takes about 120 s, and this route cuts 100 % of silent calls at 60.0 s; a chance of 0.0 % \
                 is not worth it at 5 prices a picture",
            ),
            (
                Decision::NoBudget {
                    waste: Some(Money::usd_micros(216_000)),
                },
                "not sent again: 0.216 USD more for duplicates is not allowed",
            ),
            (
                Decision::SharedPlace {
                    attempt: 2,
                    holder: 1,
                },
                "attempt 2 shares the place in flight of attempt 1",
            ),
        ] {
            assert_eq!(decision.to_string(), text);
            assert!(format!("{decision:?}").starts_with(decision.name()));
        }
    }
}
