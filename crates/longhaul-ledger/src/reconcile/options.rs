//! How a log is matched with the ledger.
//!
//! Every default errs to the side of saying less: a wider tolerance or a shorter settlement would find more, and some
//! of it wrongly.

use std::{
    ops::Range,
    time::{Duration, SystemTime},
};

use longhaul::billing::{ChargeRules, ClaimRules};

use super::Coverage;
use crate::error::LedgerError;

/// How a log is matched with the ledger, and what is concluded from it.
///
/// ```
/// use std::time::Duration;
///
/// use longhaul_ledger::reconcile::Options;
///
/// let mut options = Options::of("relay.example.com");
/// // Look first: nothing is written into the ledger.
/// options.dry_run = true;
/// // Its rows come late.
/// options.settle = Duration::from_secs(3 * 24 * 3600);
/// ```
///
/// Options that cannot work are refused by [`prepare`](super::prepare), before the ledger is read.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct Options {
    /// The provider's name, as the ledger's entries have it.
    pub provider: String,
    /// How much of the log the files hold. Default: what they say.
    pub coverage: Coverage,
    /// The span that the log was asked for, on the provider's clock. Default: from its first row to its last.
    ///
    /// It matters at the edges: an attempt before the first row was in the time that was asked for, and has no row. An end
    /// that is still to come, as of a month that runs, counts as now.
    pub covers: Option<Range<SystemTime>>,
    /// How long after an attempt its row may still come. Default 24 h.
    ///
    /// An attempt that ended less than this before the log's end, and has no row, is counted as pending and not as
    /// free. New-API relays write a row when a call ends; a day leaves room for logs that are gathered more slowly.
    pub settle: Duration,
    /// The provider's clock minus ours, in microseconds. Default: estimated from the pairs of row and attempt that an
    /// id joins, and 0 where there are none.
    ///
    /// Positive where the provider's clock is ahead.
    pub skew_us: Option<i64>,
    /// An estimated skew that is larger is refused, since a time zone is wrong then. Default 15 min.
    pub max_skew: Duration,
    /// How far starts may differ where no id joins row and attempt. Default 5 s.
    ///
    /// Logs write whole seconds, and a request takes its time to the provider; more than an hour is refused.
    pub tolerance: Duration,
    /// A call that took longer on the provider's clock is a finding; `None` for no such limit. Default 180 s.
    ///
    /// It only reports. What is claimed for it is said by the [book](crate::claims::ClaimBook).
    pub over: Option<Duration>,
    /// The probabilities of being charged from which the estimates begin. Default: those of the classes and of the
    /// built-in rows.
    pub priors: Option<ChargeRules>,
    /// How many attempts `priors` count for in an estimate: with few attempts of an ending they decide, with many the log.
    /// Default 20.
    pub prior_weight: u32,
    /// Leave the ledger as it is. Default off.
    ///
    /// A store that was opened to read is enough then.
    pub dry_run: bool,
}

impl Options {
    /// The defaults for this provider.
    ///
    /// ```
    /// use std::time::Duration;
    /// use longhaul_ledger::reconcile::Options;
    ///
    /// let options = Options::of("relay.example.com");
    /// assert_eq!(options.settle, Duration::from_secs(24 * 3600));
    /// assert_eq!((options.tolerance, options.max_skew), (Duration::from_secs(5), Duration::from_secs(900)));
    /// assert_eq!((options.over, options.prior_weight), (Some(Duration::from_secs(180)), 20));
    /// ```
    pub fn of(provider: impl Into<String>) -> Self {
        Self {
            provider: provider.into(),
            coverage: Coverage::AsTold,
            covers: None,
            settle: Duration::from_secs(24 * 3600),
            skew_us: None,
            max_skew: Duration::from_secs(900),
            tolerance: Duration::from_secs(5),
            over: ClaimRules::default().over,
            priors: None,
            prior_weight: 20,
            dry_run: false,
        }
    }

    pub(super) fn check(&self) -> Result<(), LedgerError> {
        if self.provider.is_empty() {
            return Err(LedgerError::setting("provider", "must not be empty"));
        }
        if let Some(covers) = &self.covers
            && covers.is_empty()
        {
            return Err(LedgerError::setting("covers", "it ends before it begins"));
        }
        if self.tolerance > Duration::from_secs(3600) {
            return Err(LedgerError::setting(
                "tolerance",
                "more than an hour would match anything",
            ));
        }
        Ok(())
    }

    pub(super) fn current_priors(&self) -> Result<ChargeRules, LedgerError> {
        match &self.priors {
            Some(priors) => Ok(priors.clone()),
            None => {
                ChargeRules::new(Vec::new()).map_err(|error| LedgerError::setting("priors", error))
            }
        }
    }
}
