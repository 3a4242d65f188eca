use crate::config::ConfigError;

/// How much of an answer [`Classify`](super::Classify) reads before it hands it on.
///
/// ```
/// use longhaul::policy::Policy;
///
/// let mut policy = Policy::nano_banana_pro();
/// // A small machine: answers are handed on as they come, and one that breaks off is not asked for again.
/// policy.classify.hold = false;
/// ```
#[derive(Clone, Copy, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ClassifyPolicy {
    /// In bytes, whitespace not counted up to 1 MiB. Default 64 KiB: every error of a provider fits, no picture does.
    pub peek_limit: usize,
    /// Whether answers with pictures are held until they are whole. Default true.
    ///
    /// One that breaks off is then an ending like any other: the retry layer may ask again, where it could only report
    /// an answer whose beginning the caller has. Held are answers to recognised image calls, unless the caller asked for
    /// a stream or gets one; all others are handed on as they come.
    pub hold: bool,
    /// The longest answer that is held whole, in bytes; a longer one is handed on as it comes. Default 64 MiB.
    ///
    /// Above the 10 to 40 MB that a 4K picture has in base64.
    pub hold_limit: usize,
    /// Bytes of answers that all calls of the layer together may hold, 256 MiB by default. An answer for which nothing is
    /// left of it is handed on as it comes, and the report says so
    /// ([`RetryReport::not_held`](crate::retry::RetryReport::not_held)).
    pub client_hold_limit: u64,
    /// Whether recognised image calls ask for an answer that is not compressed, whatever else their caller accepts.
    /// Default true: what is compressed is not looked into, and a picture gets no smaller by it.
    ///
    /// A caller that forbids `identity` keeps its own header.
    pub ask_identity: bool,
    /// How long a second of the provider takes here: 1, but for a simulated provider whose time runs faster
    /// (see [`Policy::scaled`](crate::policy::Policy::scaled)). A diagnosis goes by the provider's seconds.
    pub time_scale: f64,
}

impl Default for ClassifyPolicy {
    fn default() -> Self {
        Self {
            peek_limit: 64 << 10,
            hold: true,
            hold_limit: 64 << 20,
            client_hold_limit: 256 << 20,
            ask_identity: true,
            time_scale: 1.0,
        }
    }
}

/// No peek is longer: that is what holding is for.
const LONGEST_PEEK: usize = 64 << 20;

/// No answer that is held is longer.
const LONGEST_HELD: usize = 1 << 30;

/// More memory than any machine has.
const MOST_HELD: u64 = 1 << 40;

impl ClassifyPolicy {
    /// Refuses limits of zero, limits that contradict each other or that no machine has memory for, and a scale that is
    /// none.
    ///
    /// ```
    /// use longhaul::classify::ClassifyPolicy;
    ///
    /// let mut policy = ClassifyPolicy::default();
    /// policy.hold_limit = 1_024;
    /// assert_eq!(policy.validate().unwrap_err().field(), "hold_limit", "less than `peek_limit`");
    /// ```
    pub fn validate(&self) -> Result<(), ConfigError> {
        let refuse = |field: &str, why: String| Err(ConfigError::new(field, why));
        match *self {
            Self { peek_limit: 0, .. } => refuse("peek_limit", "must be more than zero".into()),
            Self { peek_limit, .. } if peek_limit > LONGEST_PEEK => refuse(
                "peek_limit",
                format!("{peek_limit} bytes are more than the {LONGEST_PEEK} that are peeked at"),
            ),
            Self { hold_limit, .. } if hold_limit > LONGEST_HELD => refuse(
                "hold_limit",
                format!(
                    "{hold_limit} bytes are more than the {LONGEST_HELD} of the longest answer"
                ),
            ),
            Self {
                hold_limit,
                peek_limit,
                ..
            } if hold_limit < peek_limit => refuse(
                "hold_limit",
                format!("{hold_limit} bytes are less than `peek_limit`, {peek_limit}"),
            ),
            Self {
                client_hold_limit, ..
            } if client_hold_limit > MOST_HELD => refuse(
                "client_hold_limit",
                format!("{client_hold_limit} bytes are more than any machine has"),
            ),
            Self {
                client_hold_limit,
                hold_limit,
                ..
            } if client_hold_limit < hold_limit as u64 => refuse(
                "client_hold_limit",
                format!("{client_hold_limit} bytes are less than `hold_limit`, {hold_limit}"),
            ),
            Self { time_scale, .. } if !(time_scale.is_finite() && time_scale > 0.0) => {
                refuse("time_scale", "must be a number above zero".into())
            }
            _ => Ok(()),
        }
    }
}
