//! A class, with what the answer says besides of waiting and of money. It stands in the model and not in the classifier's
//! room, since the retry layer reads it too, which imports no other layer.

use std::time::Duration;

use super::{Class, Money, Probability};

/// What an answer means, and what the server asks for.
///
/// What a [`Classifier`](crate::classify::Classifier) returns, and what stands in the extensions of an answer that was not
/// delivered.
///
/// ```
/// use std::time::Duration;
/// use longhaul::{Class, classify::{Classification, Probability}};
///
/// // “Try again in 20 s. You will not be charged.”
/// let classification = Classification::of(Class::Overloaded)
///     .with_wait(Some(Duration::from_secs(20)))
///     .with_charged(Some(Probability::ZERO));
/// assert_eq!(classification.class, Class::Overloaded);
/// assert_eq!(classification.price, None, "the price table's counts");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct Classification {
    /// What it means; everything above goes by it.
    pub class: Class,
    /// How long the server asks to wait, in whichever way it says so; the longest where it says several.
    ///
    /// A wait above [`Schedule::max_retry_after`](crate::retry::Schedule::max_retry_after) ends the operation instead of
    /// being waited for.
    pub wait: Option<Duration>,
    /// How likely it was charged, where the answer itself says so; else the class's prior counts.
    ///
    /// It outranks the rows of [`ChargeRules`](crate::billing::ChargeRules) and the class.
    pub charged: Option<Probability>,
    /// What the answer itself says that it cost; it stands in the place of the price table's.
    ///
    /// Used only where its currency is that of the price table's row, or where there is no row.
    pub price: Option<Money>,
    /// Of an answer without a picture: it says nothing else either. A second one may bring what the first left out, where
    /// words, a refusal or a limit would be met again.
    pub is_empty_result: bool,
    /// Who on the way answered instead of the provider, where its page or header is known.
    pub answered_by: Option<&'static str>,
}

impl Classification {
    /// This class, with no wait asked for.
    pub const fn of(class: Class) -> Self {
        Self {
            class,
            wait: None,
            charged: None,
            price: None,
            is_empty_result: false,
            answered_by: None,
        }
    }

    /// The same classification with the wait that the server asks for.
    #[must_use]
    pub const fn with_wait(mut self, wait: Option<Duration>) -> Self {
        self.wait = wait;
        self
    }

    /// The same classification with what the answer says of being charged.
    ///
    /// ```
    /// use longhaul::{Class, classify::{Classification, Probability}};
    ///
    /// // A relay that says in its error whether it has billed.
    /// let billed = Classification::of(Class::ServerError).with_charged(Some(Probability::ONE));
    /// assert_eq!(billed.charged.unwrap(), Probability::ONE);
    /// ```
    #[must_use]
    pub const fn with_charged(mut self, charged: Option<Probability>) -> Self {
        self.charged = charged;
        self
    }

    /// The same classification, which by what the answer says was charged so likely; unchanged where it says nothing.
    #[must_use]
    pub(crate) const fn charged_or(mut self, charged: Option<Probability>) -> Self {
        if charged.is_some() {
            self.charged = charged;
        }
        self
    }

    /// The same classification with what the answer says that it cost.
    ///
    /// ```
    /// use longhaul::{Class, Money, classify::Classification};
    ///
    /// // `"usage": {"cost": 0.134}` in the answer.
    /// let told = Classification::of(Class::Delivered).with_price(Money::usd_micros(134_000));
    /// assert_eq!(told.price.unwrap().to_string(), "0.134 USD");
    /// ```
    #[must_use]
    pub const fn with_price(mut self, price: Money) -> Self {
        self.price = Some(price);
        self
    }

    /// The same classification of an answer that says nothing else either.
    #[must_use]
    pub(crate) const fn empty(mut self, is_empty_result: bool) -> Self {
        self.is_empty_result = is_empty_result;
        self
    }

    /// The same classification with who answered instead of the provider.
    ///
    /// A name for people, such as `Cloudflare`: the diagnosis names it, and looks among its limits alone.
    #[must_use]
    pub const fn with_answered_by(mut self, answered_by: Option<&'static str>) -> Self {
        self.answered_by = answered_by;
        self
    }
}
