use crate::ConfigError;

/// How much of an answer [`Classify`](super::Classify) reads before it hands it on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
#[non_exhaustive]
pub struct ClassifyPolicy {
    /// In bytes, whitespace not counted. Default 64 KiB: every error of a provider fits, no picture does.
    pub peek_limit: usize,
}

impl Default for ClassifyPolicy {
    fn default() -> Self {
        Self {
            peek_limit: 64 * 1024,
        }
    }
}

impl ClassifyPolicy {
    /// Refuses a limit of zero.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.peek_limit == 0 {
            return Err(ConfigError::new("peek_limit", "must be more than zero"));
        }
        Ok(())
    }
}
