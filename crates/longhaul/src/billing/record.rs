//! What an entry holds, in two halves: what was known before the first byte left, and what the end showed. Each half is
//! complete by itself, so that a ledger can write the first and, after a crash, have it alone.

use std::{sync::Arc, time::Duration, time::SystemTime};

use http::{StatusCode, Version};

use crate::{
    attempt::{Attempt, OperationId, TaskAnswer},
    model::{Evidence, Money, Outcome, Probability, Resolution, wall_clock},
};

/// What is written down of an attempt before its first byte leaves.
///
/// Never a prompt, an image or an API key: of the URI only host and path are kept, of the headers only the
/// idempotency key, since that is what a provider's support searches by. One that is marked
/// [sensitive](http::HeaderValue::is_sensitive) is left out.
///
/// ```
/// use longhaul::{Money, OperationId, billing::Opening};
///
/// let mut opening = Opening::new(OperationId::from_u128(7), 1);
/// opening.provider = Some("relay.example.com".into());
/// opening.price = Some(Money::usd_micros(240_000));
/// assert_eq!((opening.attempt, opening.images), (1, 1));
/// ```
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct Opening {
    /// The operation that it is a try of.
    pub operation: OperationId,
    /// Which try, counted from 1.
    pub attempt: u32,
    /// The time of day at which the entry was opened.
    ///
    /// Providers' logs are searched by it. In JSON as RFC 3339 in UTC, to the millisecond.
    #[serde(serialize_with = "super::text::time")]
    pub opened_at: SystemTime,
    /// The idempotency key that is sent with it, if one is.
    ///
    /// The retry layer's, else the caller's own `idempotency-key` header.
    pub idempotency_key: Option<Arc<str>>,
    /// The provider's name, if anything tells.
    ///
    /// The [`Provider`](super::Provider) extension, else the host of the URI in small letters.
    pub provider: Option<Arc<str>>,
    /// The model as the request names it.
    pub model: Option<Arc<str>>,
    /// The resolution asked for.
    pub resolution: Resolution,
    /// How many images are asked for.
    pub images: u32,
    /// What it costs if it is charged, all its images together; `None` where no price is known.
    ///
    /// By the row that matched when it was opened; a row that changes later changes no entry.
    pub price: Option<Money>,
    /// The host that it goes to.
    pub host: Option<Arc<str>>,
    /// The path of the URI, without its query.
    ///
    /// The query is left out, since some providers take keys there.
    pub path: Arc<str>,
}

impl Opening {
    /// Attempt number `attempt` of `operation`, opened now; of the rest nothing is known yet.
    ///
    /// For ledgers that read back what they wrote, and for tests. Set the fields that are known afterwards.
    pub fn new(operation: OperationId, attempt: u32) -> Self {
        Self {
            operation,
            attempt,
            opened_at: wall_clock(),
            idempotency_key: None,
            provider: None,
            model: None,
            resolution: Resolution::Unknown,
            images: 1,
            price: None,
            host: None,
            path: Arc::default(),
        }
    }
}

/// What is written down of an attempt at its end.
///
/// ```
/// use std::time::Duration;
/// use longhaul::{Class, End, Exposure, Outcome, Phase, billing::Closing};
///
/// let exposure = Exposure::new(Class::NeverSent.charge_probability(), None);
/// let outcome = Outcome::new(End::Failed, Class::NeverSent, Phase::Connect, Duration::from_secs(3), exposure);
/// let closing = Closing::new(outcome);
/// assert_eq!((closing.status, closing.head), (None, None), "there was no answer");
/// ```
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct Closing {
    /// How it ended, what that means, and what it may have cost.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// The time of day at which the entry was closed.
    #[serde(serialize_with = "super::text::time")]
    pub closed_at: SystemTime,
    /// The answer's status, if there was an answer.
    #[serde(serialize_with = "super::text::status")]
    pub status: Option<StatusCode>,
    /// The HTTP version that the answer came with.
    #[serde(serialize_with = "super::text::version")]
    pub http_version: Option<Version>,
    /// From the attempt's beginning until the whole request was out, where anybody saw it.
    ///
    /// `None` as well where nobody watched the request leave: a beginning is not taken for a flush.
    pub flushed: Option<Duration>,
    /// From the attempt's beginning until the answer's head.
    pub head: Option<Duration>,
    /// What the provider's own clock may have shown, if there was an answer.
    pub provider_clock: Option<ProviderClock>,
    /// What the answer says of itself: the provider's request ids, counts and reasons.
    pub evidence: Evidence,
}

impl Closing {
    /// An end without an answer, now; the fields say the rest.
    pub fn new(outcome: Outcome) -> Self {
        Self {
            outcome,
            closed_at: wall_clock(),
            status: None,
            http_version: None,
            flushed: None,
            head: None,
            provider_clock: None,
            evidence: Evidence::default(),
        }
    }

    /// The end of `attempt`, whose outcome is `outcome`.
    pub(super) fn of(attempt: &Attempt, outcome: Outcome) -> Self {
        let timing = attempt.timing();
        // Where nobody watched the request leave, the "flush" is only the beginning of the attempt.
        let seen = attempt.facts().body.watched || timing.flushed != Some(Duration::ZERO);
        let flushed = timing.flushed.filter(|_| seen);
        Self {
            status: attempt.status(),
            http_version: attempt.http_version(),
            flushed,
            head: timing.head,
            provider_clock: timing.head.map(|head| ProviderClock {
                at_least: flushed.map_or(Duration::ZERO, |flushed| head.saturating_sub(flushed)),
                at_most: outcome.duration,
            }),
            evidence: attempt.evidence(),
            ..Self::new(outcome)
        }
    }

    /// The end of an attempt whose task a later one collected. The duration is the later one's: a ledger that knows when the
    /// entry was opened knows better.
    ///
    /// ```
    /// # use longhaul::attempt::TaskAnswer;
    /// use longhaul::billing::Closing;
    ///
    /// /// What a ledger's sink writes into the entry of the attempt that submitted the task.
    /// fn close(answer: &TaskAnswer) -> Closing {
    ///     Closing::of_task(answer)
    /// }
    /// ```
    pub fn of_task(answer: &TaskAnswer) -> Self {
        Self {
            status: answer.status,
            evidence: answer.evidence.clone(),
            ..Self::new(answer.outcome)
        }
    }

    /// Whether it was charged for certain, as far as its class tells.
    pub(super) fn is_certainly_charged(&self) -> bool {
        self.outcome.exposure.probability == Probability::ONE
    }
}

/// Bounds for how long an attempt took on the provider's clock, by ours.
///
/// The provider's clock starts somewhere between our first and our last byte, and stops somewhere between
/// the first and the last byte of the answer.
///
/// A rule like “calls over 180 s are free” goes by the provider's clock, which nobody here sees. With both bounds a claim is
/// [sure](super::ClaimConfidence::Eligible) only where even the lower one is over the limit.
///
/// ```
/// use std::time::Duration;
/// use longhaul::{Class, End, Exposure, OperationId, Outcome, Phase};
/// use longhaul::billing::{ClaimConfidence, ClaimRules, Closing, Opening, ProviderClock, Record, claims};
///
/// let seconds = Duration::from_secs;
/// let exposure = Exposure::new(Class::Delivered.charge_probability(), None);
/// let mut closing = Closing::new(Outcome::new(End::Finished, Class::Delivered, Phase::Body, seconds(200), exposure));
/// // The head came after 170 s, the last byte of a slow download after 200 s: which of them its clock shows, its log knows.
/// closing.provider_clock = Some(ProviderClock { at_least: seconds(170), at_most: seconds(200) });
/// let mut record = Record::open(Opening::new(OperationId::from_u128(1), 1));
/// record.closing = Some(closing);
/// assert_eq!(claims([&record], &ClaimRules::default())[0].certainty, ClaimConfidence::Verify);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
pub struct ProviderClock {
    /// From the flushed request until the head; zero where the flush was not seen.
    pub at_least: Duration,
    /// From the attempt's beginning until the end of the answer's body.
    pub at_most: Duration,
}

/// One entry of a ledger.
///
/// ```
/// use longhaul::{OperationId, billing::{Opening, Record}};
///
/// let record = Record::open(Opening::new(OperationId::from_u128(7), 1));
/// assert!(record.is_open(), "the attempt runs, or its process died");
/// ```
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct Record {
    /// What was known before the attempt.
    pub opening: Opening,
    /// What was known at its end; `None` while it runs.
    ///
    /// An entry whose process died has none either, until its ledger finds it.
    pub closing: Option<Closing>,
}

impl Record {
    /// An entry that was opened and not closed yet.
    pub const fn open(opening: Opening) -> Self {
        Self {
            opening,
            closing: None,
        }
    }

    /// Whether the attempt still runs, as far as the ledger knows.
    ///
    /// After the process has died this is all that is known; a durable ledger closes it as [lost](crate::End::Lost) then.
    pub const fn is_open(&self) -> bool {
        self.closing.is_none()
    }
}
