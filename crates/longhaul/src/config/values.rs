//! The checks that every policy makes of its durations, and the arithmetic of scaled time.

use std::time::Duration;

use crate::config::ConfigError;

/// The clocks that watch our own machine and the network never get shorter than this by scaling: a
/// simulated provider may run a hundred times as fast, the machine under it does not.
const FLOOR: Duration = Duration::from_secs(2);

/// No call takes longer: a limit beyond it is a slip of the pen, and would overflow when it is added to others.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Refuses a duration of zero or of more than a year, naming its field.
pub(crate) fn nonzero(field: &str, duration: Duration) -> Result<(), ConfigError> {
    if duration.is_zero() {
        return Err(ConfigError::new(field, "must be longer than zero"));
    }
    bounded(field, duration)
}

/// Refuses a duration of more than a year, naming its field.
///
/// `Duration::MAX` in a policy is more often an attempt to say "never" than a limit; the error asks for a limit that can be
/// met.
pub(crate) fn bounded(field: &str, duration: Duration) -> Result<(), ConfigError> {
    if duration > LONGEST {
        return Err(ConfigError::new(field, "must not be longer than a year"));
    }
    Ok(())
}

/// `duration × factor`, held at the longest duration there is.
pub(crate) fn scale(duration: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(duration.as_secs_f64() * factor).unwrap_or(Duration::MAX)
}

/// `duration × factor`, but not below two seconds (or what it was, if that is less).
pub(crate) fn scale_with_floor(duration: Duration, factor: f64) -> Duration {
    scale(duration, factor).max(FLOOR.min(duration))
}
