//! One error for everything that is configured. It names the field as the policy file does, from the outermost key on, so
//! that the line can be found.

use std::fmt;

/// A policy that cannot work, refused when it is built or read: which field, and why.
///
/// ```
/// use longhaul::{Stack, policy::Policy};
///
/// let mut policy = Policy::nano_banana_pro();
/// policy.in_flight.max_per_host = 0;
/// let error = Stack::new(policy).unwrap_err();
/// assert_eq!(error.field(), "in_flight.max_per_host");
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigError {
    field: String,
    message: String,
}

impl ConfigError {
    /// An error about `field`, written as in the policy file (`timeout.picture.k4`).
    ///
    /// For checks of one's own beside [`Policy::validate`](crate::policy::Policy::validate):
    ///
    /// ```
    /// use longhaul::{ConfigError, policy::Policy};
    ///
    /// /// This service answers its own callers after ten minutes.
    /// fn check(policy: &Policy) -> Result<(), ConfigError> {
    ///     match policy.timeout.picture.k4.as_secs() {
    ///         ..=600 => Ok(()),
    ///         longer => Err(ConfigError::new("timeout.picture.k4", format!("{longer} s is more than callers wait"))),
    ///     }
    /// }
    /// assert_eq!(check(&Policy::nano_banana_pro()), Ok(()));
    /// ```
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            message: message.into(),
        }
    }

    /// The field or key that is wrong, as a path in the policy file.
    pub fn field(&self) -> &str {
        &self.field
    }

    /// The same error about a field further out: `picture.k4` under `timeout` is `timeout.picture.k4`.
    ///
    /// ```
    /// use longhaul::ConfigError;
    ///
    /// let error = ConfigError::new("k4", "must be above 0").under("picture").under("timeout");
    /// assert_eq!(error.field(), "timeout.picture.k4");
    /// assert_eq!(error.to_string(), "`timeout.picture.k4`: must be above 0");
    /// ```
    #[must_use]
    pub fn under(mut self, parent: &str) -> Self {
        self.field = format!("{parent}.{}", self.field);
        self
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.field, self.message)
    }
}

impl std::error::Error for ConfigError {}
