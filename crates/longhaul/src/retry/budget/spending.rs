//! One lock for all currencies, held for one addition. What is in flight is held at its full price: a cap that counted only
//! what has ended would let forty calls begin together that it has money for one of.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::MoneyBudget;
use crate::{
    error::ErrorKind,
    model::{Class, Currency, Exposure, Money, Outcome, Probability},
};

/// The money of a retry layer, shared by all its clones and services: what duplicates may still cost, what
/// is spent, what is held.
///
/// ```
/// use longhaul::{Currency, retry::{ClassifyingRetryLayer, RetryPolicy}};
///
/// let mut policy = RetryPolicy::default();
/// policy.spending_cap = Some("50.00 USD".parse()?);
/// let layer = ClassifyingRetryLayer::new(policy)?;
/// let money = layer.spending().expect("there is a cap").balance(Currency::USD);
/// assert_eq!((money.spent, money.reserved()), (0, 0));
/// # Ok::<(), longhaul::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Spending(Arc<Balances>);

#[derive(Debug)]
struct Balances {
    budget: Option<MoneyBudget>,
    cap: Option<Money>,
    // A handful of currencies at most.
    accounts: Mutex<Vec<(Currency, Balance)>>,
}

/// The money in one currency, in millionths of a unit.
///
/// What is in flight is held back as if it were charged: otherwise forty calls that begin together would all find the money there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize)]
#[non_exhaustive]
pub struct Balance {
    /// What duplicates may still cost; 0 without a [`MoneyBudget`].
    pub duplicates: i64,
    /// What was charged for certain.
    pub spent: i64,
    /// What calls in flight cost.
    pub in_flight: i64,
    /// What calls cost that ended so that they may have been charged.
    ///
    /// It stays until the process ends: nobody here learns later what the provider's log says.
    pub doubtful: i64,
}

impl Balance {
    /// In flight and doubtful together: what a [cap](crate::retry::RetryPolicy::spending_cap) holds back.
    pub const fn reserved(&self) -> i64 {
        self.in_flight.saturating_add(self.doubtful)
    }
}

impl Spending {
    /// `None` where neither a budget nor a cap asks for it.
    pub(in crate::retry) fn new(budget: Option<MoneyBudget>, cap: Option<Money>) -> Option<Self> {
        (budget.is_some() || cap.is_some()).then(|| {
            Self(Arc::new(Balances {
                budget,
                cap,
                accounts: Mutex::default(),
            }))
        })
    }

    /// The money in `currency` at this moment.
    ///
    /// ```
    /// use longhaul::{Currency, retry::{ClassifyingRetryLayer, RetryPolicy, Spending}};
    ///
    /// /// What is left under a cap of 50 dollars, in millionths, for a gauge.
    /// fn left(spending: &Spending) -> i64 {
    ///     let balance = spending.balance(Currency::USD);
    ///     50_000_000 - balance.spent - balance.reserved()
    /// }
    ///
    /// let mut policy = RetryPolicy::default();
    /// policy.spending_cap = Some("50.00 USD".parse()?);
    /// assert_eq!(left(ClassifyingRetryLayer::new(policy)?.spending().unwrap()), 50_000_000);
    /// # Ok::<(), longhaul::ConfigError>(())
    /// ```
    pub fn balance(&self, currency: Currency) -> Balance {
        self.change(currency, |account| *account)
    }

    /// Holds the price of an attempt, or says why it must not be sent.
    pub(super) fn reserve(&self, price: Option<Money>) -> Result<Option<Money>, ErrorKind> {
        let Some(cap) = self.0.cap else {
            if let Some(price) = price {
                self.change(price.currency, |account| account.hold(price.micros));
            }
            return Ok(price);
        };
        self.change(cap.currency, |account| {
            let fitting = price.filter(|price| {
                let taken = account.spent.saturating_add(account.reserved());
                price.currency == cap.currency && taken.saturating_add(price.micros) <= cap.micros
            });
            match fitting {
                Some(price) => {
                    account.hold(price.micros);
                    Ok(Some(price))
                }
                None => Err(ErrorKind::SpendingCap {
                    cap,
                    spent: Money {
                        micros: account.spent,
                        ..cap
                    },
                    reserved: Money {
                        micros: account.reserved(),
                        ..cap
                    },
                    price,
                }),
            }
        })
    }

    /// Takes what a duplicate may waste out of the budget; `Err` where that does not reach. `None` where
    /// there is no budget.
    pub(super) fn withdraw(&self, waste: Option<Money>) -> Result<Option<Money>, ()> {
        if self.0.budget.is_none() {
            return Ok(None);
        }
        let waste = waste.ok_or(())?;
        self.change(waste.currency, |account| {
            if waste.micros > account.duplicates {
                return Err(());
            }
            account.duplicates -= waste.micros;
            Ok(Some(waste))
        })
    }

    /// Puts back what was withdrawn for nothing.
    pub(in crate::retry) fn put_back(&self, stake: Money) {
        self.change(stake.currency, |account| account.deposit(stake.micros));
    }

    /// An attempt is over, or was never made: what it held is free, spent or doubtful.
    pub(super) fn settle(&self, held: Option<Money>, outcome: Option<&Outcome>) {
        let price = held.or_else(|| outcome?.exposure.price);
        let Some(price) = price else {
            return;
        };
        self.change(price.currency, |account| {
            if held.is_some() {
                account.in_flight = account.in_flight.saturating_sub(price.micros);
            }
            let Some(Outcome {
                class, exposure, ..
            }) = outcome
            else {
                return;
            };
            // The price follows what came, drafts and what the answer itself tells included.
            let came = exposure.price.filter(|of| of.currency == price.currency);
            let price = came.unwrap_or(price);
            if exposure.probability == Probability::ONE {
                account.spent = account.spent.saturating_add(price.micros);
            } else if may_be_charged(exposure) {
                account.doubtful = account.doubtful.saturating_add(price.micros);
            }
            if let (Class::Delivered, Some(budget)) = (class, self.0.budget) {
                account.deposit(
                    price
                        .at(Probability::permille(budget.deposit_per_mille))
                        .micros,
                );
            }
        });
    }

    fn change<T>(&self, currency: Currency, change: impl FnOnce(&mut Balance) -> T) -> T {
        let mut accounts = self.accounts();
        if let Some((_, account)) = accounts.iter_mut().find(|(of, _)| *of == currency) {
            return change(account);
        }
        let floor = self.0.budget.map(|budget| budget.floor);
        let floor = floor.filter(|floor| floor.currency == currency);
        let mut account = Balance {
            duplicates: floor.map_or(0, |floor| floor.micros),
            ..Balance::default()
        };
        let result = change(&mut account);
        accounts.push((currency, account));
        result
    }

    fn accounts(&self) -> MutexGuard<'_, Vec<(Currency, Balance)>> {
        // Plain numbers: a panic elsewhere cannot have left them half-written.
        self.0
            .accounts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Balance {
    const fn hold(&mut self, micros: i64) {
        self.in_flight = self.in_flight.saturating_add(micros);
    }

    const fn deposit(&mut self, micros: i64) {
        self.duplicates = self.duplicates.saturating_add(micros);
    }
}

/// By the same measure as [`Class::is_possibly_charged`], of a single attempt.
pub(in crate::retry) fn may_be_charged(exposure: &Exposure) -> bool {
    exposure.probability.is_a_risk()
}
