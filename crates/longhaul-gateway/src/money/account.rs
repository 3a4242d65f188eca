//! Who counts is hidden in `Purse`: one process under a lock, or a fleet in its database. Both hold first and settle
//! later, and both say no by the same `ErrorKind::SpendingCap`, with the numbers that were compared.
//!
//! A hold settles when it is dropped, whatever happens to its call: money that stays held would close a caller's
//! account, and money that is forgotten would open it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use super::fleet::{Fleet, FleetHold, Span};
use crate::{
    config::{Cap, Per},
    core::{BoxError, Currency, ErrorKind, Money},
    replay::is_postgres,
    wall_clock::now,
};

/// The money of all callers that have a cap.
///
/// ```
/// use longhaul::Money;
/// use longhaul_gateway::{config::{Cap, Per}, money::{Accounts, Balance}};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), longhaul::BoxError> {
/// let accounts = Accounts::open("memory").await?;
/// let cap = Cap::new(Money::usd_micros(5_000_000), Per::Day);
/// let alice = accounts.of(&"alice".into(), cap, Balance::default);
/// assert_eq!(alice.balance().await?, Balance::default());
/// assert!(!accounts.are_shared(), "another gateway would count for itself");
/// # Ok(()) }
/// ```
///
/// Cheap to clone; all clones count together. One for each gateway: what two of them count in memory is not added up.
#[derive(Clone, Debug, Default)]
pub struct Accounts {
    own: Arc<Mutex<HashMap<Arc<str>, Account>>>,
    fleet: Option<Fleet>,
}

impl Accounts {
    /// With what all gateways count together that have the same PostgreSQL at `state`; any other place is this process's
    /// alone.
    ///
    /// # Errors
    ///
    /// What PostgreSQL says; none for any other place.
    pub async fn open(state: &str) -> Result<Self, BoxError> {
        let fleet = match is_postgres(state) {
            true => Some(Fleet::open(state).await?),
            false => None,
        };
        Ok(Self {
            own: Arc::default(),
            fleet,
        })
    }

    /// Whether others count with this process: what was spent before is known to the database then.
    pub fn are_shared(&self) -> bool {
        self.fleet.is_some()
    }

    /// The account of the caller called `name`, with `spent` of earlier where it is new and this process's alone.
    ///
    /// A cap that has changed holds at once, with what was spent before. One of another span or currency counts anew, from
    /// `spent`, which is asked for then and for a new caller alone.
    ///
    /// ```
    /// use longhaul::Money;
    /// use longhaul_gateway::{config::{Cap, Per}, money::{Accounts, Balance}};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), longhaul::BoxError> {
    /// let accounts = Accounts::open("memory").await?;
    /// let before = || Balance { spent: 900_000, ..Balance::default() };
    /// let tight = accounts.of(&"alice".into(), Cap::new(Money::usd_micros(1_000_000), Per::Month), before);
    /// let price = Some(Money::usd_micros(240_000));
    /// assert!(tight.reserve().first(price).await.is_err());
    /// // The cap is raised in the file while the gateway runs.
    /// let raised = accounts.of(&"alice".into(), Cap::new(Money::usd_micros(2_000_000), Per::Month), before);
    /// assert!(raised.reserve().first(price).await.is_ok());
    /// # Ok(()) }
    /// ```
    pub fn of(&self, name: &Arc<str>, cap: Cap, spent: impl FnOnce() -> Balance) -> Account {
        if let Some(fleet) = &self.fleet {
            return Account(Purse::Fleet {
                fleet: fleet.clone(),
                caller: name.clone(),
                cap,
            });
        }
        let mut accounts = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(account) = accounts.get(name)
            && account.goes_on_under(cap)
        {
            return account.clone();
        }
        let account = Account::new(cap, spent());
        accounts.insert(name.clone(), account.clone());
        account
    }

    /// Ends when everything that was held is settled. Call it when no new calls come.
    ///
    /// That takes as long as a database is gone; what is not settled stays held. Without a fleet it ends at once: there
    /// each settlement is done when it is made.
    pub async fn idle(&self) {
        if let Some(fleet) = &self.fleet {
            fleet.idle().await;
        }
    }
}

/// The money of one caller.
///
/// Cheap to clone. A request extension: [`CallUpstream`](crate::upstream::CallUpstream) reserves from it; without
/// one, nothing is held.
#[derive(Clone, Debug)]
pub struct Account(Purse);

/// Who counts.
///
/// Of a fleet there is no balance in memory: what another gateway spent a moment ago must count.
#[derive(Clone, Debug)]
enum Purse {
    Own(Arc<Mutex<State>>),
    Fleet {
        fleet: Fleet,
        caller: Arc<str>,
        cap: Cap,
    },
}

#[derive(Debug)]
pub(super) struct State {
    cap: Cap,
    span: Option<SystemTime>,
    balance: Balance,
}

/// What a caller has spent in the span of its cap, in millionths of the cap's currency: all three count against it.
///
/// For a person: `spent` is what a bill will have, `doubtful` what it may have, `held` what calls of this moment may
/// cost.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Balance {
    /// Charged for certain.
    pub spent: i64,
    /// Of calls that ended so that they may have been charged.
    pub doubtful: i64,
    /// Held for calls in flight.
    pub held: i64,
}

impl Balance {
    const fn taken(&self) -> i64 {
        self.spent
            .saturating_add(self.doubtful)
            .saturating_add(self.held)
    }
}

impl Account {
    /// An account of this process's own under `cap`, of which `balance` was spent before.
    ///
    /// For a gateway of one's own without [`Accounts`]; what ran before is the caller's to know.
    pub fn new(cap: Cap, balance: Balance) -> Self {
        Self(Purse::Own(Arc::new(Mutex::new(State {
            cap,
            span: begin(cap.per),
            balance,
        }))))
    }

    /// What was spent in this span, and what is held; fails where the database does not answer.
    ///
    /// ```
    /// use longhaul::Money;
    /// use longhaul_gateway::{config::{Cap, Per}, money::{Account, Balance}};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), longhaul::BoxError> {
    /// // What the ledger says of the hours before a restart.
    /// let before = Balance { spent: 480_000, ..Balance::default() };
    /// let account = Account::new(Cap::new(Money::usd_micros(500_000), Per::Day), before);
    /// assert_eq!(account.balance().await?.spent, 480_000);
    /// assert!(account.reserve().first(Some(Money::usd_micros(240_000))).await.is_err());
    /// # Ok(()) }
    /// ```
    ///
    /// Nothing is held by asking; a moment later it may be another one.
    pub async fn balance(&self) -> Result<Balance, BoxError> {
        match &self.0 {
            Purse::Own(state) => {
                let mut state = lock(state);
                state.turn_over();
                Ok(state.balance)
            }
            Purse::Fleet { fleet, caller, cap } => fleet.balance(&Span::of(caller, *cap)).await,
        }
    }

    /// Takes over the limit of `cap`; false where it counts something else than this account has counted.
    fn goes_on_under(&self, cap: Cap) -> bool {
        let Purse::Own(state) = &self.0 else {
            return false;
        };
        let mut state = lock(state);
        let counted = |cap: Cap| (cap.per, cap.limit.currency);
        let goes_on = counted(state.cap) == counted(cap);
        if goes_on {
            state.cap = cap;
        }
        goes_on
    }

    /// Holds `price`. The error says why what costs it must not be sent.
    pub(super) async fn hold(&self, price: Option<Money>) -> Result<Hold, ErrorKind> {
        match &self.0 {
            Purse::Own(state) => {
                let price = lock(state).hold(price)?;
                Ok(Hold::new(Back::Own(state.clone()), price))
            }
            Purse::Fleet { fleet, caller, cap } => {
                let span = Span::of(caller, *cap);
                let Some(price) = comparable(price, *cap) else {
                    return Err(refused(*cap, Balance::default(), None));
                };
                fleet.hold(span, *cap, price).await
            }
        }
    }
}

/// What is in another currency cannot be held against a cap.
fn comparable(price: Option<Money>, cap: Cap) -> Option<Money> {
    price.filter(|price| price.currency == cap.limit.currency)
}

/// Why a price is not held.
pub(super) const fn refused(cap: Cap, balance: Balance, price: Option<Money>) -> ErrorKind {
    ErrorKind::SpendingCap {
        cap: cap.limit,
        spent: of(cap.limit.currency, balance.spent),
        reserved: of(
            cap.limit.currency,
            balance.doubtful.saturating_add(balance.held),
        ),
        price,
    }
}

impl State {
    fn hold(&mut self, price: Option<Money>) -> Result<Money, ErrorKind> {
        self.turn_over();
        let price = comparable(price, self.cap);
        let limit = self.cap.limit.micros;
        let fits = price.filter(|price| self.balance.taken().saturating_add(price.micros) <= limit);
        let Some(price) = fits else {
            return Err(refused(self.cap, self.balance, price));
        };
        self.balance.held = self.balance.held.saturating_add(price.micros);
        Ok(price)
    }

    /// What was held in an earlier span is charged in this one: the account has forgotten that span.
    fn settle(&mut self, micros: i64, charged: Charged) {
        self.turn_over();
        let balance = &mut self.balance;
        balance.held = balance.held.saturating_sub(micros);
        match charged {
            Charged::Free => {}
            Charged::Doubtful => balance.doubtful = balance.doubtful.saturating_add(micros),
            Charged::Spent => balance.spent = balance.spent.saturating_add(micros),
        }
    }

    /// A new span begins with nothing spent; what is in flight stays held.
    fn turn_over(&mut self) {
        let span = begin(self.cap.per);
        if span != self.span {
            self.span = span;
            self.balance.spent = 0;
            self.balance.doubtful = 0;
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

const fn of(currency: Currency, micros: i64) -> Money {
    Money { micros, currency }
}

/// When the span of a cap that counts now began; `None` for one without end.
///
/// In UTC. Also `None` where the clock stands before 1970, which counts as ever.
pub(crate) fn begin(per: Per) -> Option<SystemTime> {
    let utc = jiff::tz::TimeZone::UTC;
    let today = utc
        .to_datetime(jiff::Timestamp::try_from(now()).ok()?)
        .date();
    let first = match per {
        Per::Day => today,
        Per::Month => today.first_of_month(),
        Per::Ever => return None,
    };
    let first = utc.to_timestamp(first.at(0, 0, 0, 0)).ok()?;
    let seconds = u64::try_from(first.as_second()).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

/// What became of money that was held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Charged {
    Free,
    Doubtful,
    Spent,
}

/// Where held money goes back.
#[derive(Debug)]
pub(super) enum Back {
    Own(Arc<Mutex<State>>),
    Fleet(Fleet, FleetHold),
}

/// Money that is held. Dropped, it settles: as free, unless it is said otherwise.
#[derive(Debug)]
pub(super) struct Hold {
    back: Back,
    pub(super) price: Money,
    pub(super) charged: Charged,
}

impl Hold {
    pub(super) const fn new(back: Back, price: Money) -> Self {
        Self {
            back,
            price,
            charged: Charged::Free,
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        match &self.back {
            Back::Own(state) => lock(state).settle(self.price.micros, self.charged),
            Back::Fleet(fleet, held) => {
                fleet.settle(held.clone(), self.price.micros, self.charged);
            }
        }
    }
}
