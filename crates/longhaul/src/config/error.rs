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

    /// The same error about a field further out: `head.k4` under `limits` is `timeout.picture.k4`.
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
