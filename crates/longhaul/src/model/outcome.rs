//! The end of an attempt, exactly one.
//!
//! An outcome is written once and never changed. What the provider's log says later stands in a ledger beside it.

use std::{fmt, time::Duration};

use crate::model::{Class, Money, Probability};

/// Where an attempt is.
///
/// What went wrong depends on it: a call that ends in [`Connect`](Self::Connect) was never sent, one that ends in
/// [`Body`](Self::Body) was made and paid for.
///
/// ```
/// use longhaul::Phase;
///
/// assert!(Phase::Connect < Phase::Head, "in the order in which they are passed");
/// assert_eq!(Phase::named(Phase::Head.name()), Some(Phase::Head));
/// ```
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
pub enum Phase {
    /// From the call until the request body is first asked for: pool, DNS, TCP, TLS.
    ///
    /// Nothing was sent. Where no client proves it, a phase of `Connect` needs a body that was never polled.
    Connect,
    /// The request is being written.
    ///
    /// The provider cannot have read it whole, so that an ending here is free or nearly so.
    Write,
    /// The request is out and the provider works; no byte flows for minutes.
    ///
    /// Most of a call's life: by the guide 45 s for half of the 1K pictures, and up to 250 s for 99 of 100 4K pictures.
    Head,
    /// The answer's head is here, its body arrives.
    ///
    /// Where the status is a success, the picture was made, so that an ending here is charged.
    Body,
    /// Unknown: the process died while the attempt ran. Only of an end that is [`End::Lost`].
    Unknown,
}

words! {
    Phase {
        Connect = "Connect",
        Write = "Write",
        Head = "Head",
        Body = "Body",
        Unknown = "Unknown",
    }
}

/// How an attempt ended.
///
/// It says who ended the attempt. What that means for money and for sending again is its [`Class`].
///
/// ```
/// use longhaul::End;
///
/// assert_eq!(End::TimedOut.to_string(), "TimedOut");
/// assert_eq!(End::named("Lost"), Some(End::Lost));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub enum End {
    /// An answer came and was read as far as its meaning needs; the class says which.
    Finished,
    /// An error ended it.
    Failed,
    /// One of our own clocks ended it.
    TimedOut,
    /// The caller went away.
    ///
    /// A future or a body was dropped. Whether it had been sent is in the class.
    Cancelled,
    /// Another attempt of the same operation brought the picture first.
    ///
    /// It may be charged all the same: a duplicate that the first picture made useless is claimed as
    /// [`Duplicate`](crate::billing::ClaimRule::Duplicate).
    Superseded,
    /// The process died while it ran; found open later.
    ///
    /// Written by a durable ledger that finds the entry open: no code ran at the end of that process.
    Lost,
}

words! {
    End {
        Finished = "Finished",
        Failed = "Failed",
        TimedOut = "TimedOut",
        Cancelled = "Cancelled",
        Superseded = "Superseded",
        Lost = "Lost",
    }
}

/// Money that may have been charged for an attempt.
///
/// ```
/// use longhaul::{Class, Exposure, Money};
///
/// // Cut while the model worked: nine of ten such calls are charged.
/// let price = Some(Money::usd_micros(240_000));
/// let exposure = Exposure::new(Class::UnknownOutcome.charge_probability(), price);
/// assert_eq!(exposure.certain(), Some(Money::usd_micros(0)));
/// assert_eq!(exposure.possible(), Some(Money::usd_micros(240_000)));
/// assert_eq!(exposure.expected(), Some(Money::usd_micros(216_000)));
/// ```
///
/// `Display` writes it for people:
///
/// ```
/// use longhaul::{Class, Exposure, Money};
///
/// let price = Some(Money::usd_micros(240_000));
/// let text = |class: Class| Exposure::new(class.charge_probability(), price).to_string();
/// assert_eq!(text(Class::NeverSent), "nothing");
/// assert_eq!(text(Class::UnknownOutcome), "0.24 USD with a probability of 90 %");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct Exposure {
    /// How likely it was charged.
    ///
    /// By what the answer says, else the provider's [charge rules](crate::billing::ChargeRules), else the class.
    pub probability: Probability,
    /// What it costs when charged, its drafts included; `None` where no price is known, which is not zero.
    pub price: Option<Money>,
    /// The part of `price` that is for drafts, such as the partial images of a stream; `None` where none came, or where
    /// nothing tells what one costs.
    pub drafts: Option<Money>,
}

impl Exposure {
    /// An attempt that was charged as likely as this, at this price, with nothing in it for drafts.
    pub const fn new(probability: Probability, price: Option<Money>) -> Self {
        Self {
            probability,
            price,
            drafts: None,
        }
    }

    /// The same attempt with drafts that cost `drafts` besides. Where no price is known, or one in another currency, the
    /// sum is not known either, and nothing changes.
    ///
    /// ```
    /// use longhaul::{Exposure, Money, classify::Probability};
    ///
    /// let exposure = Exposure::new(Probability::ONE, Some(Money::usd_micros(165_000)));
    /// let exposure = exposure.with_drafts(Some(Money::usd_micros(9_000)));
    /// assert_eq!(exposure.certain(), Some(Money::usd_micros(174_000)));
    /// ```
    #[must_use]
    pub fn with_drafts(mut self, drafts: Option<Money>) -> Self {
        let sum = self.price.zip(drafts);
        if let Some(sum) = sum.and_then(|(price, drafts)| price.checked_add(drafts)) {
            self.price = Some(sum);
            self.drafts = drafts;
        }
        self
    }

    /// The part that was charged for certain: the whole price, or nothing. `None` without a price.
    ///
    /// The lower end of what a bill will say; [`possible`](Self::possible) is the upper one.
    pub fn certain(&self) -> Option<Money> {
        self.price.map(|price| {
            if self.probability == Probability::ONE {
                price
            } else {
                price.zero()
            }
        })
    }

    /// The most that may have been charged: the whole price unless it is impossible.
    /// `None` without a price.
    ///
    /// A spending cap counts an attempt with this: money that may be gone is not there for another one.
    pub fn possible(&self) -> Option<Money> {
        self.price.map(|price| {
            if self.probability == Probability::ZERO {
                price.zero()
            } else {
                price
            }
        })
    }

    /// Probability × price. `None` without a price.
    ///
    /// For statistics over many attempts; no single one costs it.
    ///
    /// ```
    /// use longhaul::{Exposure, Money, classify::Probability};
    ///
    /// let exposure = Exposure::new(Probability::permille(300), Some(Money::usd_micros(100_000)));
    /// assert_eq!(exposure.expected(), Some(Money::usd_micros(30_000)));
    /// assert_eq!(Exposure::new(Probability::ONE, None).expected(), None, "unknown is not zero");
    /// ```
    pub fn expected(&self) -> Option<Money> {
        self.price.map(|price| price.at(self.probability))
    }
}

impl fmt::Display for Exposure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.probability, self.price) {
            (Probability::ZERO, _) | (_, Some(Money { micros: 0, .. })) => f.write_str("nothing"),
            (_, None) => f.write_str("an unknown amount (no price row)"),
            (Probability::ONE, Some(price)) => write!(f, "{price}"),
            (probability, Some(price)) => {
                let percent = f64::from(probability.as_permille()) / 10.0;
                write!(f, "{price} with a probability of {percent} %")
            }
        }
    }
}

/// An attempt's end: how, what it means, where it was, how long it took, what it may cost.
///
/// Each attempt has exactly one, also where its caller left or its process died: that is what ledger, budgets and claims go by.
///
/// ```
/// use std::time::Duration;
/// use longhaul::{Class, End, Exposure, Money, Outcome, Phase};
///
/// let price = Some(Money::usd_micros(240_000));
/// let exposure = Exposure::new(Class::Delivered.charge_probability(), price);
/// let outcome = Outcome::new(End::Finished, Class::Delivered, Phase::Body, Duration::from_secs(95), exposure);
/// assert_eq!(outcome.exposure.certain(), price);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct Outcome {
    /// How it ended.
    pub end: End,
    /// What that means.
    pub class: Class,
    /// Where it was.
    pub phase: Phase,
    /// From the attempt's beginning to its end.
    ///
    /// Without the wait for a place in flight, and with the reading of the body.
    pub duration: Duration,
    /// Money that may have been charged.
    pub exposure: Exposure,
}

impl Outcome {
    /// An end of this kind: for ledgers that read back what they wrote.
    pub const fn new(
        end: End,
        class: Class,
        phase: Phase,
        duration: Duration,
        exposure: Exposure,
    ) -> Self {
        Self {
            end,
            class,
            phase,
            duration,
            exposure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_and_phases_are_found_by_their_names() {
        for end in End::ALL {
            assert_eq!(
                (End::named(end.name()), format!("{end:?}")),
                (Some(end), end.to_string())
            );
        }
        for phase in Phase::ALL {
            assert_eq!(Phase::named(phase.name()), Some(phase));
        }
        assert_eq!((End::named("finished"), Phase::named("")), (None, None));
    }

    #[test]
    fn an_exposure_says_nothing_only_where_nothing_can_be_charged() {
        let likely = Probability::permille(900);
        let price = Some(Money::usd_micros(240_000));
        let free = Some(Money::usd_micros(0));
        for (probability, price, text) in [
            (Probability::ZERO, price, "nothing"),
            (Probability::ZERO, None, "nothing"),
            (Probability::ONE, free, "nothing"),
            (likely, free, "nothing"),
            (Probability::ONE, price, "0.24 USD"),
            (likely, price, "0.24 USD with a probability of 90 %"),
            (likely, None, "an unknown amount (no price row)"),
        ] {
            assert_eq!(Exposure::new(probability, price).to_string(), text);
        }
    }

    #[test]
    fn drafts_are_a_part_of_the_price_in_its_own_currency() {
        let (price, drafts) = (Money::usd_micros(240_000), Money::usd_micros(9_000));
        let exposure = Exposure::new(Probability::ONE, Some(price)).with_drafts(Some(drafts));
        assert_eq!(exposure.certain(), Some(Money::usd_micros(249_000)));
        assert_eq!(exposure.drafts, Some(drafts));
        let yuan: Money = "0.01 CNY".parse().unwrap();
        for (price, drafts) in [
            (Some(price), Some(yuan)),
            (None, Some(drafts)),
            (Some(price), None),
        ] {
            let exposure = Exposure::new(Probability::ONE, price);
            assert_eq!(exposure.with_drafts(drafts), exposure);
        }
    }
}
