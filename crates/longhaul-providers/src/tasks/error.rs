//! What a task can lack, for whoever reads an error's source.

use std::fmt;

use http::StatusCode;

/// Why a task that was submitted brought no answer. The [`source`](std::error::Error::source) of a
/// [`longhaul::Error`].
///
/// ```
/// use std::error::Error as _;
/// use longhaul_providers::tasks::TaskError;
///
/// /// The task that goes on at the provider, to be collected later.
/// fn open_task(error: &longhaul::Error) -> Option<&str> {
///     match error.source()?.downcast_ref()? {
///         TaskError::Open { id, .. } => Some(id),
///         _ => None,
///     }
/// }
/// ```
///
/// | variant | the task | what to do |
/// |---|---|---|
/// | `Lost` | is gone, and was accepted | claim it; a retry orders another picture |
/// | `Unauthorized` | goes on | correct the key, and collect it |
/// | `ForeignHost` | goes on | list the host under `task.key_hosts`, if it is the provider's |
/// | `BadId` | goes on, and cannot be named | check `task.id` of the dialect |
/// | `TooLong` | is done | raise `longest_answer`, and collect it |
/// | `Open` | goes on | collect it later |
///
/// The message of each says so too. No key, prompt, picture or whole URL is in any of them.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum TaskError {
    /// The provider does not know the task any more: it lost it, or let it expire.
    ///
    /// Only after the grace of the policy: a task that is not found right after the submit may be late.
    Lost {
        /// By which dialect it was submitted.
        dialect: Box<str>,
        /// The provider's id.
        id: Box<str>,
        /// What the last poll was answered with.
        status: StatusCode,
    },
    /// The provider does not let this key ask after the task.
    ///
    /// 401 or 403, told to a poll. The submit was accepted with the same key.
    Unauthorized {
        /// By which dialect it was submitted.
        dialect: Box<str>,
        /// The provider's id.
        id: Box<str>,
        /// What the last poll was answered with.
        status: StatusCode,
    },
    /// The answer says that the task is polled, or its result fetched, at a host that must not get the key.
    ForeignHost {
        /// By which dialect it was submitted.
        dialect: Box<str>,
        /// The provider's id.
        id: Box<str>,
        /// The host, or what stood in its place.
        host: Box<str>,
    },
    /// The submit was answered with an id that cannot be a part of a URL.
    ///
    /// Empty, longer than 256 bytes, or of dots alone.
    BadId {
        /// By which dialect it was submitted.
        dialect: Box<str>,
    },
    /// The answer is longer than may be held, and cannot be handed on as it comes.
    TooLong {
        /// By which dialect it was submitted.
        dialect: Box<str>,
        /// The provider's id.
        id: Box<str>,
        /// The most that is held, in bytes.
        limit: usize,
    },
    /// The task has not ended, and nobody waits any longer.
    ///
    /// The error's kind is `Timeout`, of the clock of the whole operation; retry makes no duplicate of it.
    Open {
        /// By which dialect it was submitted.
        dialect: Box<str>,
        /// The provider's id.
        id: Box<str>,
        /// How often it was asked after.
        polls: u32,
    },
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost {
                dialect,
                id,
                status,
            } => write!(
                f,
                "task {id} ({dialect}) was accepted, and then not known any more ({status}): claim it from the provider"
            ),
            Self::Unauthorized {
                dialect,
                id,
                status,
            } => write!(
                f,
                "task {id} ({dialect}) was accepted, and the key may not ask after it ({status}): correct the key and \
                 collect the task"
            ),
            Self::ForeignHost { dialect, id, host } => write!(
                f,
                "task {id} ({dialect}) was accepted, and is to be collected at {host}, which gets no key: if it is the \
                 provider's, list it under `task.key_hosts`"
            ),
            Self::BadId { dialect } => write!(
                f,
                "a task ({dialect}) was accepted, and its id cannot be a part of a URL: check `task.id` of the dialect"
            ),
            Self::TooLong { dialect, id, limit } => write!(
                f,
                "the answer of task {id} ({dialect}) is longer than {limit} bytes: raise `longest_answer` and collect it"
            ),
            Self::Open { dialect, id, polls } => write!(
                f,
                "task {id} ({dialect}) had not ended after {polls} polls: collect it later, by its handle or with the \
                 same idempotency key"
            ),
        }
    }
}

impl std::error::Error for TaskError {}
