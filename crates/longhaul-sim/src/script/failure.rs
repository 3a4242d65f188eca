//! How a task fails.
//!
//! One list for five APIs: a failure is a fact about the work, and each dialect has a word for it. The codes are those
//! that OpenAI's SDK and relays document; `weather_turned` is made up, for clients that must not stumble over a new
//! one.

use std::{fmt, str::FromStr};

/// Why a task ended without a picture, as its provider says it.
///
/// Each is told in the words of the dialect that the task was submitted in.
///
/// ```
/// use longhaul_sim::{Fault, TaskFailure};
///
/// assert_eq!("insufficient_quota".parse(), Ok(TaskFailure::Quota));
/// let fault: Fault = "task-failed@insufficient_quota".parse()?;
/// assert_eq!(fault.to_string(), "task-failed@insufficient_quota");
/// # Ok::<(), longhaul_sim::ParseError>(())
/// ```
///
/// | failure | status of the unary call | charged |
/// |---|---|---|
/// | `RateLimited`, `Quota` | 429 | no |
/// | `Policy`, `InvalidPrompt` | 400 | no |
/// | `Filtered` | 400 | yes |
/// | `Deadline` | 504 | no |
/// | `ServerError`, `Undocumented` | 500 | no |
/// | `Cancelled`, `CutShort` | 500 | yes |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TaskFailure {
    /// `server_error`: the provider's own fault; free.
    ServerError,
    /// `rate_limit_exceeded`: refused after it was accepted; free.
    RateLimited,
    /// `image_content_policy_violation`: refused for its content; free.
    Policy,
    /// `invalid_prompt`: the request is wrong, and that was seen late; free.
    InvalidPrompt,
    /// `insufficient_quota`: free.
    Quota,
    /// `provider_timeout`: the provider's own deadline; free.
    Deadline,
    /// A code that nobody documented; free.
    Undocumented,
    /// Cancelled, and not by the caller; charged.
    Cancelled,
    /// Ended early by the content filter, after the work; charged.
    Filtered,
    /// Ended early by the limit of output tokens, after the work; charged.
    CutShort,
}

impl TaskFailure {
    /// Every way to fail, in the order of declaration.
    ///
    /// ```
    /// use longhaul_sim::TaskFailure;
    ///
    /// assert_eq!(TaskFailure::ALL.len(), 10);
    /// ```
    pub const ALL: [Self; 10] = [
        Self::ServerError,
        Self::RateLimited,
        Self::Policy,
        Self::InvalidPrompt,
        Self::Quota,
        Self::Deadline,
        Self::Undocumented,
        Self::Cancelled,
        Self::Filtered,
        Self::CutShort,
    ];

    /// The code in an answer, which is also its name in a script.
    ///
    /// ```
    /// use longhaul_sim::TaskFailure;
    ///
    /// for failure in TaskFailure::ALL {
    ///     assert_eq!(failure.code().parse(), Ok(failure));
    /// }
    /// ```
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::ServerError => "server_error",
            Self::RateLimited => "rate_limit_exceeded",
            Self::Policy => "image_content_policy_violation",
            Self::InvalidPrompt => "invalid_prompt",
            Self::Quota => "insufficient_quota",
            Self::Deadline => "provider_timeout",
            Self::Undocumented => "weather_turned",
            Self::Cancelled => "cancelled",
            Self::Filtered => "content_filter",
            Self::CutShort => "max_output_tokens",
        }
    }

    /// The status that a unary call would have been answered with.
    pub(crate) const fn status(self) -> u16 {
        match self {
            Self::RateLimited | Self::Quota => 429,
            Self::Policy | Self::InvalidPrompt | Self::Filtered => 400,
            Self::Deadline => 504,
            Self::ServerError | Self::Undocumented | Self::Cancelled | Self::CutShort => 500,
        }
    }

    /// Whether the work is done first, and charged.
    pub(crate) const fn is_charged(self) -> bool {
        matches!(self, Self::Cancelled | Self::Filtered | Self::CutShort)
    }
}

impl fmt::Display for TaskFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl FromStr for TaskFailure {
    type Err = ();

    fn from_str(code: &str) -> Result<Self, ()> {
        Self::ALL
            .into_iter()
            .find(|failure| failure.code() == code)
            .ok_or(())
    }
}
