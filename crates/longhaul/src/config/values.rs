use std::time::Duration;

use crate::config::ConfigError;

/// The clocks that watch our own machine and the network never get shorter than this by scaling: a
/// simulated provider may run a hundred times as fast, the machine under it does not.
const FLOOR: Duration = Duration::from_secs(2);

/// Refuses a zero duration, naming its field.
pub(crate) fn nonzero(field: &str, duration: Duration) -> Result<(), ConfigError> {
    if duration.is_zero() {
        return Err(ConfigError::new(field, "must be longer than zero"));
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
