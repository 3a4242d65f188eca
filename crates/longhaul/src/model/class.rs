//! The one enum that everything decides by, and the probability that goes with it.
//!
//! A layer that needs to know what an ending means asks for its class and for nothing else: not for a status, an error's name
//! or a text. These are read once, by a classifier. So the retry layer, the ledger and an error's advice cannot disagree
//! about what happened, and a new provider's words are taught in one place.

/// What the end of an attempt *means*.
///
/// The one enum that drives retry, fallback, budgets, the ledger, claims and the text of errors. What the default
/// policies do by it (“again”: sent again after the wait of the [`Schedule`](crate::retry::Schedule); “fallback”:
/// the next target is asked, where a policy names one):
///
/// | class | request sent | [charged](Self::charge_probability) | default |
/// |---|---|---|---|
/// | `NotBegun` | no | 0 | fallback |
/// | `NeverSent`, `Refused` | no | 0 | again |
/// | `SentPartial` | in part | 0.02 | again |
/// | `RateLimited` | yes | 0 | again, as the server asks |
/// | `Overloaded`, `Unavailable` | yes | 0 | again after 15 s or more, then fallback |
/// | `QuotaExhausted` | yes | 0 | fallback |
/// | `InFlight` | yes | 0 | asked again with the same key, uncounted |
/// | `KeyReuse`, `ClientError`, `Redirect` | yes | 0 | stop |
/// | `RequestTimeout`, `ServerError` | yes | 0.1 | again, a duplicate; 501, 505 and 511 stop |
/// | `ModelDeadline` | yes | 0.3 | again, a duplicate |
/// | `IntermediaryCut`, `UnknownOutcome` | perhaps whole | 0.9 | again, a duplicate |
/// | `Undelivered` | yes | 1 | again, a duplicate, while its beginning is read |
/// | `Accepted` | yes | 0.9 | stop |
/// | `NoImage` | yes | 1 | stop |
/// | `ContentBlocked` | yes | 1; 0 where the status is no success | stop |
/// | `Delivered` | yes | 1 | done |
///
/// ```
/// use longhaul::Class;
///
/// assert!(Class::NeverSent.is_unsent());
/// assert!(!Class::Overloaded.is_possibly_charged());
/// assert!(Class::UnknownOutcome.is_possibly_charged());
/// assert_eq!(Class::named("NoImage"), Some(Class::NoImage));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
#[repr(u8)]
pub enum Class {
    /// Not one byte reached the network: no place in the pool, no connection, or written bytes 0.
    ///
    /// A connector that failed, a body that was never polled, or a connection that counted no byte: see
    /// [`Sent`](crate::attempt::Sent).
    NeverSent,
    /// The request stopped half way: the provider cannot have read it whole.
    ///
    /// A server works on a request only once it has read it whole. What little is charged nevertheless is what such a proof
    /// may have missed.
    SentPartial,
    /// The peer said that it did not process the request (`REFUSED_STREAM`, `GOAWAY` below its id).
    Refused,
    /// 429 that passes by itself.
    ///
    /// Free as long as it comes within 10 s: a later bare 429 has let the model work.
    RateLimited,
    /// A quota or a credit is used up; waiting seconds does not help.
    ///
    /// An OpenAI account without credit says 429 as well, which is why the words count and not the status.
    QuotaExhausted,
    /// The model is overloaded.
    ///
    /// Told by the provider's own words: 429 and 503 are used for it, and for much else.
    Overloaded,
    /// The service is currently unavailable.
    ///
    /// A deployment, or a relay that has no way to the model at the moment.
    Unavailable,
    /// 409: a request with the same idempotency key is still running.
    ///
    /// Asking again with the same key brings the answer of the first request, once it is there.
    InFlight,
    /// The idempotency key was used up or belongs to another payload.
    ///
    /// The key has to be changed with the payload. Sent again as it is, the same answer comes.
    KeyReuse,
    /// The request itself is wrong: 400, 401, 403, 404, 405, 413, 415, 422.
    ///
    /// A second attempt meets the same answer: a person has to change something first.
    ClientError,
    /// 408: the server did not see a complete request in time.
    ///
    /// An upload that is too slow, or a proxy with a short limit for request bodies.
    RequestTimeout,
    /// 500 and its relatives from the provider itself.
    ServerError,
    /// The provider's own deadline ended the work (504 with its own JSON).
    ModelDeadline,
    /// Something between us and the provider gave up; the work most likely goes on.
    ///
    /// Known by its page or header, such as nginx's 504 in HTML or Cloudflare's 524, which says who gave up.
    IntermediaryCut,
    /// The request was sent, and no answer came: it may be running, it may be charged.
    ///
    /// The dearest of all to get wrong: sent again, it may be paid for twice; given up, it may be paid for in vain.
    UnknownOutcome,
    /// The answer began and did not arrive whole.
    ///
    /// It was made, and so it is charged; what the provider owes back for it is a [claim](crate::billing::claims()).
    Undelivered,
    /// The work was accepted and goes on; an id in the answer collects it.
    ///
    /// Such a call is not sent again: the second one would be a second piece of work. `SubmitAndPoll` of `longhaul-providers`
    /// collects what the id stands for.
    Accepted,
    /// A complete answer without an image, and no refusal named.
    ///
    /// Words where a picture was asked for, or nothing at all. Charged, since the model has worked.
    NoImage,
    /// Refused for its content.
    ///
    /// Refused before the work (an error status, free) or after it (a success without a picture, charged).
    ContentBlocked,
    /// The image is here.
    ///
    /// Known at the last byte. Of a recognised image call only where the document is whole and has a picture or a link in it;
    /// of any other call where its answer came whole.
    Delivered,
    /// 3xx: never followed with a key and a body.
    ///
    /// Following it would hand the API key to another host, and a `POST` might become a `GET`.
    Redirect,
    /// An attempt that was not begun: there was too little time, no route that can finish it, or no money.
    ///
    /// The numbers are in the [`ErrorKind`](crate::ErrorKind).
    NotBegun,
}

impl Class {
    /// How likely an attempt that ended so is charged, before the provider's log says otherwise.
    ///
    /// Our estimates from the providers' published rules. A 200 is charged whatever it holds; a
    /// refusal is free; a request that was sent and never answered usually runs on and is charged.
    ///
    /// ```
    /// use longhaul::Class;
    ///
    /// // A call that was cut while the model worked most likely goes on, and is charged.
    /// assert_eq!(Class::IntermediaryCut.charge_probability().as_permille(), 900);
    /// assert_eq!(Class::Refused.charge_probability().as_permille(), 0);
    /// ```
    pub const fn charge_probability(self) -> Probability {
        Probability::permille(match self {
            Self::NeverSent
            | Self::Refused
            | Self::RateLimited
            | Self::QuotaExhausted
            | Self::Overloaded
            | Self::Unavailable
            | Self::InFlight
            | Self::KeyReuse
            | Self::ClientError
            | Self::Redirect
            | Self::NotBegun => 0,
            Self::SentPartial => 20,
            Self::RequestTimeout | Self::ServerError => 100,
            Self::ModelDeadline => 300,
            Self::IntermediaryCut | Self::UnknownOutcome | Self::Accepted => 900,
            Self::Undelivered | Self::NoImage | Self::ContentBlocked | Self::Delivered => 1000,
        })
    }

    /// Whether sending again after this ending may pay twice.
    ///
    /// [`SentPartial`](Self::SentPartial) does not count: a provider that did not read the request
    /// whole has nothing to work on; its prior stands for what a proof may have missed.
    ///
    /// ```
    /// use longhaul::Class;
    ///
    /// // An attempt beside one that ended so is a duplicate, and is counted as one.
    /// let duplicates: Vec<_> = Class::ALL.into_iter().filter(|class| class.is_possibly_charged()).collect();
    /// assert!(duplicates.contains(&Class::UnknownOutcome));
    /// assert!(!duplicates.contains(&Class::SentPartial));
    /// ```
    pub const fn is_possibly_charged(self) -> bool {
        self.charge_probability().is_a_risk()
    }

    /// What a person should do about an attempt that ended so.
    ///
    /// ```
    /// use longhaul::Class;
    ///
    /// assert_eq!(Class::NeverSent.advice(), "sending again is free");
    /// ```
    pub const fn advice(self) -> &'static str {
        match self {
            Self::NeverSent | Self::SentPartial | Self::Refused => "sending again is free",
            Self::RateLimited | Self::Overloaded | Self::Unavailable => {
                "wait as long as the server asks, or use another provider"
            }
            Self::QuotaExhausted => "top up the quota, or use another provider or key",
            Self::InFlight => "wait, and ask again with the same idempotency key",
            Self::KeyReuse => "send the changed request under a new idempotency key",
            Self::ClientError | Self::Redirect => {
                "correct the request or the key; sending it again changes nothing"
            }
            Self::RequestTimeout => "check the uplink; sending again is nearly free",
            Self::ServerError => "send again once; report it to the provider if it stays",
            Self::ModelDeadline => "ask for a longer server deadline, or a smaller picture",
            Self::IntermediaryCut => {
                "something on the way gave up, not the model: raise its limit or go around it; the \
                 call is most likely charged"
            }
            Self::UnknownOutcome => {
                "the call may be running and charged: look it up in the provider's log before sending it again"
            }
            Self::Undelivered => {
                "the picture was made and did not arrive: claim it from the provider"
            }
            Self::Accepted => {
                "the work goes on: collect it by the id in the answer, and do not send it again"
            }
            Self::NoImage => "claim it from the provider; it was charged without a picture",
            Self::ContentBlocked => "change the prompt; the same one will be refused again",
            Self::NotBegun => {
                "give it more time, or ask another route or provider: nothing was sent, nothing was charged"
            }
            Self::Delivered => "nothing: the picture is here",
        }
    }

    /// Whether the request was proved not to have reached the provider whole.
    ///
    /// ```
    /// use longhaul::Class;
    ///
    /// assert!(Class::NotBegun.is_unsent(), "nothing left this machine");
    /// assert!(!Class::Refused.is_unsent(), "the peer has it, and says that it did nothing with it");
    /// ```
    pub const fn is_unsent(self) -> bool {
        matches!(self, Self::NeverSent | Self::SentPartial | Self::NotBegun)
    }
}

words! {
    Class {
        NeverSent = "NeverSent",
        SentPartial = "SentPartial",
        Refused = "Refused",
        RateLimited = "RateLimited",
        QuotaExhausted = "QuotaExhausted",
        Overloaded = "Overloaded",
        Unavailable = "Unavailable",
        InFlight = "InFlight",
        KeyReuse = "KeyReuse",
        ClientError = "ClientError",
        RequestTimeout = "RequestTimeout",
        ServerError = "ServerError",
        ModelDeadline = "ModelDeadline",
        IntermediaryCut = "IntermediaryCut",
        UnknownOutcome = "UnknownOutcome",
        Undelivered = "Undelivered",
        Accepted = "Accepted",
        NoImage = "NoImage",
        ContentBlocked = "ContentBlocked",
        Delivered = "Delivered",
        Redirect = "Redirect",
        NotBegun = "NotBegun",
    }
}

/// A probability in steps of one thousandth, so that money stays integral.
///
/// ```
/// use longhaul::{Money, classify::Probability};
///
/// let nine_of_ten = Probability::permille(900);
/// assert_eq!(Money::usd_micros(240_000).at(nine_of_ten), Money::usd_micros(216_000));
/// assert_eq!(Probability::permille(5_000), Probability::ONE, "nothing is more than certain");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, serde::Serialize)]
pub struct Probability(u16);

impl Probability {
    /// Impossible.
    pub const ZERO: Self = Self(0);
    /// Certain.
    pub const ONE: Self = Self(1000);

    /// `value` thousandths; more than 1000 counts as certain.
    ///
    /// The argument is not checked, so that it can be a constant: a rule in a policy file that says more than 1000 is refused
    /// by [`ChargeRules::new`](crate::billing::ChargeRules::new).
    pub const fn permille(value: u16) -> Self {
        Self(if value > 1000 { 1000 } else { value })
    }

    /// `part` of `whole`: of what may have been charged, that which came. More than nothing, and less than certain.
    pub(crate) fn of(part: u32, whole: u32) -> Self {
        let permille = u64::from(part) * 1000 / u64::from(whole.max(1));
        Self(u16::try_from(permille.clamp(1, 999)).unwrap_or(999))
    }

    /// Whether sending again after it may pay twice: more than [`SentPartial`](Class::SentPartial) leaves, see
    /// [`Class::is_possibly_charged`].
    pub(crate) const fn is_a_risk(self) -> bool {
        self.0 > Class::SentPartial.charge_probability().0
    }

    /// In thousandths, 0 to 1000.
    ///
    /// ```
    /// use longhaul::{Class, classify::Probability};
    ///
    /// let likely = Class::UnknownOutcome.charge_probability();
    /// assert!(Probability::ZERO < likely && likely < Probability::ONE);
    /// assert_eq!(likely.as_permille(), 900);
    /// ```
    pub const fn as_permille(self) -> u16 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_lists_every_class_at_its_own_place() {
        for (index, class) in Class::ALL.into_iter().enumerate() {
            assert_eq!(class as usize, index);
            assert_eq!(format!("{class:?}"), class.name());
        }
    }

    #[test]
    fn unsent_calls_cost_nothing_and_delivered_ones_all() {
        assert_eq!(Class::NeverSent.charge_probability(), Probability::ZERO);
        assert_eq!(Class::Delivered.charge_probability(), Probability::ONE);
        assert!(!Class::SentPartial.is_possibly_charged());
        assert!(Class::UnknownOutcome.is_possibly_charged());
    }
}
