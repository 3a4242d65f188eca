use std::{borrow::Cow, fmt, time::Duration};

use crate::error::Clock;

/// Why a call ended as it did.
///
/// ```
/// use longhaul::{Error, ErrorKind, diagnosis::Cause, error::ConnectStage};
///
/// let error = Error::new(ErrorKind::Connect { stage: ConnectStage::Dns });
/// assert_eq!(error.diagnosis().cause, Cause::NotReached);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Cause {
    /// One of our own clocks, set shorter than such calls take.
    ///
    /// Raise it, or let the attempt be [late](crate::Attempt::is_late).
    OwnClock(Clock),
    /// The model is slower than 95 % of such calls.
    ///
    /// Nothing is wrong on the way: ask for a smaller picture, or wait longer.
    ModelSlow,
    /// The provider is overloaded or out of service.
    Overload,
    /// A quota, a credit or a rate limit.
    Quota,
    /// Something on the way gives up after this much silence; `None` where the time fits nothing known.
    ///
    /// Raise its limit, keep the line busy by a stream, or go around it. A retry meets it again.
    Intermediary(Option<Duration>),
    /// A proxy or VPN on this side.
    ///
    /// Several connections were cut at the same moment; where they went to several hosts, this side alone is common to them.
    LocalProxy,
    /// The path is dead: what was sent is not acknowledged.
    ///
    /// The kernel gave up: a NAT forgot the connection, a cable is out, a route has changed.
    PathDead,
    /// The host was not reached, or what was needed to send was not there.
    NotReached,
    /// The request, the key, or where it was sent.
    Request,
    /// The provider, or an intermediary, takes no body longer than about this many bytes.
    ///
    /// Send smaller references, or raise the limit of the proxy in between.
    BodyLimit(u64),
    /// The work was accepted and goes on.
    Accepted,
    /// What came back is no HTTP that the client reads.
    MalformedResponse,
    /// The provider itself failed.
    Provider,
    /// The content was refused, or the model made no picture of it.
    Content,
    /// Nothing points anywhere.
    Unknown,
}

/// How sure a diagnosis is.
///
/// ```
/// use longhaul::diagnosis::Confidence;
///
/// // In order, so that a page can show what is at least likely.
/// assert!(Confidence::Certain > Confidence::Likely && Confidence::Likely > Confidence::Possible);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Confidence {
    /// It fits, and so does much else.
    Possible,
    /// It fits one thing better than all others.
    Likely,
    /// Nothing else explains it.
    Certain,
}

/// Why a call ended as it did, what shows that, and what to do about it. `Display` says it in one sentence.
///
/// It is read from facts that are there anyway: what was sent, how long nothing came, who answered. A guess is called one.
///
/// ```
/// use longhaul::{Error, ErrorKind, error::Insecure};
///
/// let diagnosis = Error::new(ErrorKind::Insecure(Insecure::Key)).diagnosis();
/// println!("{diagnosis} ({:?})", diagnosis.confidence);
/// for fact in &diagnosis.evidence {
///     println!("- {fact}");
/// }
/// assert!(!diagnosis.advice.is_empty());
/// ```
///
/// It is for people: what the layers do next follows from the [`Class`](crate::Class), and not from the cause.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Diagnosis {
    /// Why it ended so, as far as facts tell.
    pub cause: Cause,
    /// How sure that is.
    pub confidence: Confidence,
    /// What shows it, one fact each.
    pub evidence: Vec<String>,
    /// What a person should do.
    pub advice: Cow<'static, str>,
    pub(super) text: String,
}

impl Diagnosis {
    /// Whether it says more of a broken connection than that it broke.
    pub(crate) fn explains_cut(&self) -> bool {
        self.confidence > Confidence::Possible
            && matches!(
                self.cause,
                Cause::Intermediary(_) | Cause::LocalProxy | Cause::PathDead
            )
    }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
