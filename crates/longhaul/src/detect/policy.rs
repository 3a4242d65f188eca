use http::{HeaderName, header};

use crate::config::ConfigError;

/// What [`DetectWorkload`](super::DetectWorkload) holds of a request, and whom it believes.
///
/// Start from the default and set what should differ.
///
/// ```
/// use http::HeaderName;
/// use longhaul::policy::Policy;
///
/// let mut policy = Policy::nano_banana_pro();
/// // Callers who know the size better say it: `x-image-size: 4K`.
/// policy.detect.header = Some(HeaderName::from_static("x-image-size"));
/// policy.detect.replay_limit = 8 << 20;
/// ```
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct DetectPolicy {
    /// Bytes of one request body that are held, so that it can be sent again. A longer one streams once
    /// and has a single attempt. 32 MiB.
    ///
    /// It is held from the first byte on until the operation has ended, once for all its attempts.
    pub replay_limit: u64,
    /// Bytes of request bodies that all clones of the layer hold together, those among them that
    /// [`Fallback`](crate::fallback::Fallback) writes anew. Where it is used up, a body is treated as too
    /// long, and a target that needs another body is passed over. 1 GiB.
    pub client_replay_limit: u64,
    /// A header by which a caller names the size (`4K`, `4096x4096`). It wins over what the body says,
    /// and is removed before the request is sent. None.
    ///
    /// A name that cannot be read as a size counts as unknown.
    #[serde(with = "crate::config::header_name")]
    pub header: Option<HeaderName>,
}

/// Headers that a request cannot do without, and that therefore cannot name its size.
const TAKEN: [HeaderName; 6] = [
    header::AUTHORIZATION,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::HOST,
    header::TRANSFER_ENCODING,
];

impl DetectPolicy {
    /// Refuses limits that hold nothing or contradict each other, and a header that is needed otherwise.
    ///
    /// ```
    /// use longhaul::detect::DetectPolicy;
    ///
    /// let mut policy = DetectPolicy::default();
    /// policy.client_replay_limit = 1 << 20;
    /// assert_eq!(policy.validate().unwrap_err().field(), "client_replay_limit", "less than one body may be");
    /// ```
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.replay_limit == 0 {
            return Err(ConfigError::new("replay_limit", "must be above 0"));
        }
        if self.client_replay_limit < self.replay_limit {
            return Err(ConfigError::new(
                "client_replay_limit",
                "must be at least `replay_limit`, or the longest requests could never be held",
            ));
        }
        match &self.header {
            Some(name) if TAKEN.contains(name) => Err(ConfigError::new(
                "header",
                format!("`{name}` has a meaning of its own and would be removed from the request"),
            )),
            _ => Ok(()),
        }
    }
}

impl Default for DetectPolicy {
    fn default() -> Self {
        Self {
            replay_limit: 32 << 20,
            client_replay_limit: 1 << 30,
            header: None,
        }
    }
}
