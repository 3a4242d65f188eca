use crate::config::ConfigError;

/// How much of an answer [`Classify`](super::Classify) reads before it hands it on.
#[derive(Clone, Copy, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ClassifyPolicy {
    /// In bytes, whitespace not counted up to 1 MiB. Default 64 KiB: every error of a provider fits, no picture does.
    ///
    /// With more than a picture, `64 << 20` say, answers are held whole until their last byte. One that breaks off is then
    /// an ending like any other: the retry layer may send again, at a second charge, where it can only report an answer
    /// whose beginning the caller has. It costs that memory for each call whose answer is coming.
    pub peek_limit: usize,
    /// How long a second of the provider takes here: 1, but for a simulated provider whose time runs faster
    /// (see [`Policy::scaled`](crate::policy::Policy::scaled)). A diagnosis goes by the provider's seconds.
    pub time_scale: f64,
}

impl Default for ClassifyPolicy {
    fn default() -> Self {
        Self {
            peek_limit: 64 * 1024,
            time_scale: 1.0,
        }
    }
}

impl ClassifyPolicy {
    /// This policy for a provider whose time runs `1 / factor` times as fast.
    pub(crate) fn scaled(self, factor: f64) -> Self {
        Self {
            time_scale: self.time_scale * factor,
            ..self
        }
    }

    /// Refuses a limit of zero, and a scale that is none.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.peek_limit == 0 {
            return Err(ConfigError::new("peek_limit", "must be more than zero"));
        }
        if !(self.time_scale.is_finite() && self.time_scale > 0.0) {
            return Err(ConfigError::new(
                "time_scale",
                "must be a number above zero",
            ));
        }
        Ok(())
    }
}
