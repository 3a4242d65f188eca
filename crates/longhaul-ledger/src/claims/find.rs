//! Finding claims: candidates from the database, whole operations of them judged.
//!
//! The judging itself is the core's ([`assess_claims`]): the same rules as for a ledger in memory. What is added here
//! is what a ledger on a disk has besides: rules by provider and day, the provider's log, what was exported before, and
//! what was spent in a month.
//!
//! Running attempts are read before the ended ones. One that ends between the two is then in both lists and counts as
//! running: claims that depend on it wait for the next call. In the other order it could be in neither.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
    time::{Duration, SystemTime},
};

use futures_util::{StreamExt as _, stream};
use jiff::{civil::Date, tz::TimeZone};
use longhaul::{
    OperationId,
    billing::{Claim, ClaimConfidence, ClaimInput, assess_claims},
};

use super::{
    attempt::Candidate,
    book::ClaimBook,
    candidates,
    found::{Found, FoundClaim, LogEntry, Withheld},
    party::Party,
    spend::Spends,
    state::ClaimState,
};
use crate::{
    error::LedgerError,
    period::{self, Period},
    store::{Filter, Store, Stored},
};

/// Operations are read so many at a time: fewer cost a statement more often, and of more SQLite looks longer for each.
///
/// About a thousand attempts, some megabytes.
const OPERATIONS: usize = 400;

/// And so many times at once.
const CHUNKS: usize = 3;

impl Store {
    /// Finds what is owed back by the rules of `book`, for attempts in `filter`'s time, of its provider and model.
    /// Claims that were exported before are among the answer. Attempts that still run make none.
    ///
    /// Nothing is written: it can be asked as often as wanted, also of a store that was opened to read.
    /// [`Filter::class`] and [`Filter::limit`] do not count here, nor does [`Filter::operation`].
    ///
    /// What was exported before is shown as it was exported, also where the book has no rule for it any more.
    ///
    /// ```
    /// # #[cfg(all(feature = "sqlite", unix))]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// use longhaul_ledger::{Filter, claims::ClaimBook};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let location = longhaul_ledger::Location::Sqlite(folder.path().join("spend.db"));
    /// # let ledger = longhaul_ledger::DurableLedger::builder(location.clone()).open().await?;
    /// # let store = {
    /// #     use longhaul::{Class, End, Exposure, Money, OperationId, Outcome, Phase, billing::{Closing, Opening, Slot as _}};
    /// #     let mut opening = Opening::new(OperationId::from_u128(7), 1);
    /// #     (opening.provider, opening.price) = (Some("relay.example.com".into()), Some(Money::usd_micros(240_000)));
    /// #     let (class, took) = (Class::Undelivered, std::time::Duration::from_secs(100));
    /// #     let exposure = Exposure::new(class.charge_probability(), opening.price);
    /// #     let (slot, opened) = ledger.open_entry(opening);
    /// #     opened.await?;
    /// #     slot.close(Closing::new(Outcome::new(End::Finished, class, Phase::Body, took, exposure)));
    /// #     ledger.flush().await?;
    /// #     ledger.store().clone() };
    /// let everybody = store.claims(&ClaimBook::default(), &Filter::default()).await?;
    /// assert_eq!(everybody.claims.len(), 1);
    /// // Of a provider that owes nothing, nothing is claimed.
    /// let nobody = ClaimBook::from_toml("providers = []", "rules.toml")?;
    /// assert!(store.claims(&nobody, &Filter::default()).await?.claims.is_empty());
    /// # Ok(()) }
    /// # #[cfg(not(all(feature = "sqlite", unix)))]
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// What the database says. An entry that cannot be read is no error: it is among [`Found::unread`].
    pub async fn claims(&self, book: &ClaimBook, filter: &Filter) -> Result<Found, LedgerError> {
        let operations = candidates::operations(self, book, filter).await?;
        let mut running: HashMap<OperationId, Vec<Stored>> = HashMap::new();
        for stored in self.running_understood().await? {
            let operation = stored.record.opening.operation;
            running.entry(operation).or_default().push(stored);
        }
        let mut finder = Finder {
            book,
            filter,
            now: period::now(),
            spends: Spends::new(self),
            withheld: BTreeMap::new(),
        };
        let mut found = Found::default();
        // No closure makes them: the compiler could not show that the whole can be sent to another thread.
        let mut chunks = Vec::new();
        for chunk in operations.chunks(OPERATIONS) {
            chunks.push(candidates::attempts(self, chunk));
        }
        // The next ones are read while one is judged.
        let mut chunks = stream::iter(chunks).buffered(CHUNKS);
        while let Some(rows) = chunks.next().await {
            let (mut attempts, mut unread) = rows?;
            found.unread.append(&mut unread);
            for index in 0..attempts.len() {
                let operation = attempts[index].stored.record.opening.operation;
                let still = running.remove(&operation).unwrap_or_default();
                attempts.extend(still.into_iter().map(Candidate::running));
            }
            finder.assess_claims(attempts, &mut found.claims).await?;
        }
        found.claims.sort_by_key(|claim| claim.stored.id);
        found.withheld = finder.withheld.into_values().collect();
        Ok(found)
    }
}

/// No time zone is further from UTC.
///
/// jiff takes offsets of less than 26 hours; the largest in use is 14.
const FURTHEST: Duration = Duration::from_hours(26);

impl Store {
    /// Finds the claims of the month of `day`, as each provider counts the month in its own time zone. `filter`'s own
    /// time does not count.
    ///
    /// ```
    /// # #[cfg(all(feature = "sqlite", unix))]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// use jiff::tz::TimeZone;
    /// use longhaul_ledger::{Filter, claims::{ClaimBook, summary}, local_time, month};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let location = longhaul_ledger::Location::Sqlite(folder.path().join("spend.db"));
    /// # let ledger = longhaul_ledger::DurableLedger::builder(location.clone()).open().await?;
    /// # let store = {
    /// #     use longhaul::{Class, End, Exposure, Money, OperationId, Outcome, Phase, billing::{Closing, Opening, Slot as _}};
    /// #     let mut opening = Opening::new(OperationId::from_u128(7), 1);
    /// #     (opening.provider, opening.price) = (Some("relay.example.com".into()), Some(Money::usd_micros(240_000)));
    /// #     let (class, took) = (Class::NoImage, std::time::Duration::from_secs(100));
    /// #     let exposure = Exposure::new(class.charge_probability(), opening.price);
    /// #     let (slot, opened) = ledger.open_entry(opening);
    /// #     opened.await?;
    /// #     slot.close(Closing::new(Outcome::new(End::Finished, class, Phase::Body, took, exposure)));
    /// #     ledger.flush().await?;
    /// #     ledger.store().clone() };
    /// let this_month = month(&local_time(std::time::SystemTime::now(), &TimeZone::UTC)[..7])?;
    /// let found = store.claims_of_month(&ClaimBook::default(), this_month, &Filter::default()).await?;
    /// let row = &summary(&found.claims)[0];
    /// assert_eq!((row.provider.as_deref(), row.claims, row.amount_micros), (Some("relay.example.com"), 1, 240_000));
    /// let before = store.claims_of_month(&ClaimBook::default(), month("2020-01")?, &Filter::default()).await?;
    /// assert!(before.claims.is_empty());
    /// # Ok(()) }
    /// # #[cfg(not(all(feature = "sqlite", unix)))]
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// As of [`claims`](Self::claims), and [`Setting`](crate::LedgerErrorKind::Setting) for a month beyond the calendar.
    pub async fn claims_of_month(
        &self,
        book: &ClaimBook,
        day: Date,
        filter: &Filter,
    ) -> Result<Found, LedgerError> {
        let month = day.first_of_month();
        let Range { start, end } = Period::month_of(month, TimeZone::UTC)?.range();
        let mut filter = filter.clone();
        filter.opened = Some(start - FURTHEST..end + FURTHEST);
        let mut found = self.claims(book, &filter).await?;
        found.claims.retain(|claim| claim.month() == month);
        found.withheld.retain(|withheld| withheld.month == month);
        Ok(found)
    }
}

/// One call's state: what is asked for, and what was looked up so far.
struct Finder<'a> {
    book: &'a ClaimBook,
    filter: &'a Filter,
    now: SystemTime,
    spends: Spends<'a>,
    withheld: BTreeMap<(String, String, &'static str), Withheld>,
}

impl<'a> Finder<'a> {
    /// Adds the claims among `attempts`, which hold whole operations.
    ///
    /// A rule that is withheld gives way to the next one, which may apply without a condition; so the operation is
    /// judged again until no further rule falls away. Each round takes at least one rule from one attempt, so that it
    /// ends.
    async fn assess_claims(
        &mut self,
        attempts: Vec<Candidate>,
        found: &mut Vec<FoundClaim>,
    ) -> Result<(), LedgerError> {
        let mut parties = Vec::with_capacity(attempts.len());
        for attempt in &attempts {
            parties.push(Party::of(&attempt.stored, self.book, &mut self.spends).await?);
        }
        let claims = loop {
            let claims = judged(&attempts, &parties);
            if !self.withhold(&attempts, &mut parties, &claims) {
                break claims;
            }
        };
        let claims = attempts.into_iter().zip(parties.iter().zip(claims));
        found.extend(
            claims.filter_map(|(attempt, (party, claim))| self.found(attempt, party, claim)),
        );
        Ok(())
    }

    /// Takes rules from attempts whose provider wants more to be spent. Whether there were any: the next rule then has
    /// its turn.
    ///
    /// What was exported is not withheld any more, whatever was spent since.
    fn withhold(
        &mut self,
        attempts: &[Candidate],
        parties: &mut [Party<'a>],
        claims: &[Option<Claim>],
    ) -> bool {
        let mut any = false;
        for ((attempt, party), claim) in attempts.iter().zip(parties).zip(claims) {
            let Some(claim) = claim else { continue };
            let Some(lack) = party.lack(claim.rule) else {
                continue;
            };
            party.forgo(claim.rule);
            any = true;
            if !self.asked_for(&attempt.stored) || attempt.claimed.is_some() {
                continue;
            }
            let provider = attempt.stored.record.opening.provider.as_deref();
            let provider = provider.unwrap_or_default().to_owned();
            let month = party.month();
            let key = (
                provider.clone(),
                period::month_name(month),
                claim.rule.name(),
            );
            let withheld = self.withheld.entry(key).or_insert(Withheld {
                provider,
                rule: claim.rule,
                month,
                wanted: lack.wanted,
                spent: lack.spent,
                attempts: 0,
            });
            withheld.attempts += 1;
        }
        any
    }

    /// The claim for an attempt that was asked for: by what is known now, or as it was exported.
    ///
    /// Three sources, in this order: the row of the export, the rules, nothing. The state of a credit in the log is
    /// taken for all of them.
    fn found(
        &self,
        attempt: Candidate,
        party: &Party<'_>,
        claim: Option<Claim>,
    ) -> Option<FoundClaim> {
        if !self.asked_for(&attempt.stored) {
            return None;
        }
        let Candidate {
            stored,
            logged,
            claimed,
        } = attempt;
        let certainty = match &claim {
            Some(claim) => party.certainty(claim),
            None => ClaimConfidence::Verify,
        };
        let credited = logged.as_ref().is_some_and(|log| log.credited.micros > 0);
        let (rule, amount, state) = match (&claimed, claim) {
            (Some(claimed), _) => (
                claimed.rule,
                claimed.amount,
                claimed.state(credited, self.now),
            ),
            (None, Some(claim)) => {
                let state = if credited {
                    ClaimState::Credited
                } else {
                    ClaimState::of(certainty)
                };
                (claim.rule, party.amount(&claim), state)
            }
            (None, None) => return None,
        };
        Some(FoundClaim {
            stored,
            rule,
            certainty,
            amount,
            state,
            due_at: claimed.map(|claimed| claimed.due_at),
            logged,
            zone: party
                .terms
                .map_or(TimeZone::UTC, |terms| terms.zone.clone()),
            settlement: party.terms.map_or(Duration::ZERO, |terms| terms.settlement),
        })
    }

    /// Operations are read whole; not all their attempts need to be in the filter.
    fn asked_for(&self, stored: &Stored) -> bool {
        let opening = &stored.record.opening;
        let is = |wanted: &Option<String>, name: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| name == Some(wanted))
        };
        self.filter
            .opened
            .as_ref()
            .is_none_or(|opened| opened.contains(&opening.opened_at))
            && is(&self.filter.provider, opening.provider.as_deref())
            && is(&self.filter.model, opening.model.as_deref())
    }
}

/// One answer for each attempt, in their order.
fn judged(attempts: &[Candidate], parties: &[Party<'_>]) -> Vec<Option<Claim>> {
    let cases = attempts
        .iter()
        .zip(parties)
        .map(|(attempt, party)| ClaimInput {
            record: &attempt.stored.record,
            rules: &party.rules,
            logged: attempt.logged.as_ref().map(LogEntry::for_judging),
        });
    assess_claims(cases).collect()
}
