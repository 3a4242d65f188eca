use std::{fmt, time::Duration};

use http::StatusCode;

use super::{Clock, ConnectStage, Insecure};
use crate::model::{Class, Money, Resolution};

/// What happened, with its numbers.
///
/// The kind says what happened here; [`Error::class`](super::Error::class) says what that means for money and for sending again.
/// Match on the kind to tell a person which setting was met, and on the class to decide anything.
///
/// ```
/// use std::time::Duration;
/// use longhaul::{Class, Error, ErrorKind};
///
/// let error = Error::new(ErrorKind::QueueTimeout { limit: Duration::from_secs(10), in_flight: 40 });
/// assert_eq!(error.class(), Class::NeverSent);
/// assert!(error.to_string().starts_with("all 40 places in flight stayed taken for 10.0 s"));
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// One of our own clocks expired.
    Timeout {
        /// Which.
        clock: Clock,
        /// How long it allows.
        limit: Duration,
        /// How long it really was.
        elapsed: Duration,
        /// The size that the limit was chosen by; `None` for clocks that do not depend on it.
        resolution: Option<Resolution>,
    },
    /// No place in flight became free in time; nothing was begun.
    QueueTimeout {
        /// How long was waited.
        limit: Duration,
        /// How many calls are let in at once.
        in_flight: usize,
    },
    /// No connection; not a byte of the request was sent.
    Connect {
        /// How far it got.
        stage: ConnectStage,
    },
    /// An outbound proxy opened no way to the host; not a byte of the request was sent.
    Proxy {
        /// Its URL, without user and password.
        proxy: Box<str>,
        /// What it answered; `None` where it did not answer, or not in HTTP.
        status: Option<StatusCode>,
    },
    /// The connection went away before the request was begun; not a byte of it was sent.
    ///
    /// A pooled connection that the server had closed. Sending again is free.
    NotStarted,
    /// The peer refused the request before working on it (`REFUSED_STREAM`, `GOAWAY`).
    ///
    /// HTTP/2 alone has a word for it: the peer says that it did not read the request. Sending again is free.
    RefusedByPeer,
    /// The connection broke after the request was begun.
    ///
    /// How much was out decides what it means: see [`Attempt::sent`](crate::Attempt::sent).
    Disconnected,
    /// What came back is no HTTP, or none that the client reads: too many headers, a head that is too long, a bad
    /// length. It comes back the same each time, so the request is not sent again.
    MalformedResponse {
        /// What is wrong with it.
        reason: Box<str>,
    },
    /// The answer ended before its JSON did: closed half way without a word.
    Truncated {
        /// Bytes of the body that came.
        received: u64,
    },
    /// No attempt was begun: its picture could not come, or hardly.
    NotBegun {
        /// What such a picture takes: half of them are done by then. Zero where that is not known.
        needed: Duration,
        /// What was left until the operation's deadline.
        left: Duration,
        /// After how long a silence the route cuts, where that is the reason.
        cut: Option<Duration>,
    },
    /// The request was not sent, because plain http would show something to the network.
    Insecure(Insecure),
    /// The request was not sent, because the ledger could not write down that it would be.
    ///
    /// [`source`](std::error::Error::source) is what the ledger said. A disk that is full is mended, and the call made again.
    Ledger,
    /// The request was not sent, because with it more might be spent than the policy allows.
    SpendingCap {
        /// The most that may be spent.
        cap: Money,
        /// What was charged for certain.
        spent: Money,
        /// What calls cost that are in flight or may have been charged.
        reserved: Money,
        /// What this one costs; `None` where no price is known, which a cap does not let pass.
        price: Option<Money>,
    },
    /// The request was not sent, because an attempt at another target may be charged too, and neither
    /// [`max_duplicate_cost`](crate::retry::RetryPolicy::max_duplicate_cost) nor the
    /// [`MoneyBudget`](crate::retry::MoneyBudget) may be overdrawn.
    Duplicate {
        /// What it might waste; `None` where no price is known, which neither lets pass.
        waste: Option<Money>,
    },
    /// The request was not sent, because its own body failed while it was read.
    ///
    /// The caller's own stream broke: sending again would break again.
    RequestBody,
    /// The service below failed; [`source`](std::error::Error::source) says how.
    Inner,
}

impl ErrorKind {
    /// Whether sending again meets the same: we ourselves refused to send, a proxy refuses, or what comes back cannot be
    /// read.
    ///
    /// A proxy that answers 5xx may be restarting; one that answers 4xx has said what it thinks of the request.
    pub(crate) fn is_final(&self) -> bool {
        match self {
            Self::Proxy { status, .. } => status.is_some_and(|status| status.is_client_error()),
            Self::NotBegun { .. }
            | Self::Insecure(_)
            | Self::Ledger
            | Self::SpendingCap { .. }
            | Self::Duplicate { .. }
            | Self::RequestBody
            | Self::MalformedResponse { .. } => true,
            _ => false,
        }
    }

    /// The class that follows from the kind alone; `None` where it depends on what was sent.
    pub(crate) const fn class(&self) -> Option<Class> {
        match self {
            Self::Timeout {
                clock: Clock::Connect,
                ..
            }
            | Self::QueueTimeout { .. }
            | Self::Connect { .. }
            | Self::Proxy { .. }
            | Self::NotStarted
            | Self::Insecure(_)
            | Self::Ledger
            | Self::RequestBody => Some(Class::NeverSent),
            Self::NotBegun { .. } | Self::SpendingCap { .. } | Self::Duplicate { .. } => {
                Some(Class::NotBegun)
            }
            Self::RefusedByPeer => Some(Class::Refused),
            Self::Truncated { .. } => Some(Class::Undelivered),
            Self::Timeout { .. }
            | Self::Disconnected
            | Self::MalformedResponse { .. }
            | Self::Inner => None,
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout {
                clock,
                limit,
                elapsed,
                resolution,
            } => {
                write!(
                    f,
                    "{clock} within {:.1} s (elapsed {:.1} s",
                    limit.as_secs_f64(),
                    elapsed.as_secs_f64(),
                )?;
                match resolution {
                    Some(resolution) => write!(f, ", limit for resolution {resolution})"),
                    None => f.write_str(")"),
                }
            }
            Self::QueueTimeout { limit, in_flight } => write!(
                f,
                "all {in_flight} places in flight stayed taken for {:.1} s",
                limit.as_secs_f64(),
            ),
            Self::Connect { stage } => write!(f, "{stage}; nothing was sent"),
            Self::Proxy { proxy, status } => match status {
                Some(status) => write!(
                    f,
                    "the outbound proxy {proxy} refused the tunnel ({status}); nothing was sent"
                ),
                None => write!(
                    f,
                    "no way through the outbound proxy {proxy}; nothing was sent"
                ),
            },
            Self::MalformedResponse { reason } => {
                write!(f, "what came back is no HTTP that is read here: {reason}")
            }
            Self::NotStarted => {
                f.write_str("the connection closed before the request was begun; nothing was sent")
            }
            Self::RefusedByPeer => f.write_str("the peer refused the request without working on it"),
            Self::Disconnected => f.write_str("the connection broke"),
            Self::Truncated { received } => write!(
                f,
                "the answer broke off after {received} bytes, in the middle of its JSON"
            ),
            Self::NotBegun { left, .. } if left.is_zero() => {
                f.write_str("not begun: the deadline has passed")
            }
            Self::NotBegun { needed, left, cut } => {
                write!(f, "not begun: takes about {:.0} s, ", needed.as_secs_f64())?;
                match cut {
                    Some(cut) => write!(
                        f,
                        "and this route cuts silent connections after {:.1} s",
                        cut.as_secs_f64()
                    ),
                    None => write!(f, "{:.0} s left", left.as_secs_f64()),
                }
            }
            Self::Insecure(Insecure::Key) => f.write_str(
                "the request carries an API key and was not sent over plain http on a public network",
            ),
            Self::Insecure(Insecure::Sensitive) => {
                f.write_str("the request is marked sensitive and was not sent over plain http")
            }
            Self::Ledger => {
                f.write_str("the ledger could not record the attempt; nothing was sent")
            }
            Self::SpendingCap {
                cap,
                spent,
                reserved,
                price,
            } => {
                match price {
                    Some(price) => write!(f, "the call costs {price}")?,
                    None => f.write_str("the call has no known price")?,
                }
                write!(
                    f,
                    " and was not sent: of {cap} at most, {spent} are spent and {reserved} held"
                )
            }
            Self::Duplicate { waste } => {
                f.write_str(
                    "an attempt at another target may be charged too; this one was not sent, since ",
                )?;
                match waste {
                    Some(waste) => write!(f, "{waste} more for duplicates is not allowed"),
                    None => f.write_str("what that wastes is not known"),
                }
            }
            Self::RequestBody => f.write_str("the request's own body failed; nothing was sent"),
            Self::Inner => f.write_str("the service below failed"),
        }
    }
}
