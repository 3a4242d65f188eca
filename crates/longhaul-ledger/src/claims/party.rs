//! What the provider of one attempt owes for it: its terms on that day, with what was spent there in that month.
//!
//! A rule with a condition on the spending has three answers. Where what was certainly spent is enough, it holds. Where
//! even what may have been spent is too little, it is withheld. In between it is to be verified: the provider knows
//! what it charged.

use jiff::civil::Date;
use longhaul::{
    Money,
    billing::{Claim, ClaimConfidence, ClaimRule, ClaimRules},
};

use super::{
    book::{ClaimBook, ProviderTerms},
    spend::{Spends, Spent},
};
use crate::{error::LedgerError, period, store::Stored};

/// Made for each attempt, since day and provider decide; what was spent is looked up once for each month.
#[derive(Debug)]
pub(super) struct Party<'a> {
    /// `None` for a provider that the book does not know: it owes nothing.
    pub(super) terms: Option<&'a ProviderTerms>,
    /// Those that hold on the day of the attempt.
    pub(super) rules: ClaimRules,
    /// Of the rules that want something to be spent.
    conditions: Vec<Condition>,
    date: Date,
}

#[derive(Debug)]
struct Condition {
    rule: ClaimRule,
    wanted: Money,
    spent: Spent,
}

/// Too little was spent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lack {
    pub(super) wanted: Money,
    /// The most that was spent.
    pub(super) spent: Money,
}

impl<'a> Party<'a> {
    pub(super) async fn of(
        stored: &Stored,
        book: &'a ClaimBook,
        spends: &mut Spends<'_>,
    ) -> Result<Self, LedgerError> {
        let opening = &stored.record.opening;
        let Some(terms) = book.terms(opening.provider.as_deref().unwrap_or_default()) else {
            let date = period::date_of(opening.opened_at, &jiff::tz::TimeZone::UTC);
            return Ok(Self::unknown(date));
        };
        let date = period::date_of(opening.opened_at, &terms.zone);
        let mut conditions = Vec::new();
        for rule in ClaimRule::ALL {
            if let Some(wanted) = terms.of(rule).and_then(|terms| terms.least_spend) {
                let spent = spends.of(terms, date, wanted.currency).await?;
                conditions.push(Condition {
                    rule,
                    wanted,
                    spent,
                });
            }
        }
        Ok(Self {
            terms: Some(terms),
            rules: terms.rules_on(date),
            conditions,
            date,
        })
    }

    /// All rules are off. An attempt of such a provider is read all the same: it may be the one that delivered, beside
    /// a duplicate.
    fn unknown(date: Date) -> Self {
        let mut rules = ClaimRules::default();
        for rule in ClaimRule::ALL {
            switch_off(&mut rules, rule);
        }
        Self {
            terms: None,
            rules,
            conditions: Vec::new(),
            date,
        }
    }

    /// The first day of the attempt's month.
    pub(super) fn month(&self) -> Date {
        self.date.first_of_month()
    }

    /// What is missing for `rule`, if something is: even what may have been spent is too little.
    ///
    /// `None` for a rule without a condition.
    pub(super) fn lack(&self, rule: ClaimRule) -> Option<Lack> {
        let condition = self.condition(rule)?;
        let lack = Lack {
            wanted: condition.wanted,
            spent: condition.spent.possible,
        };
        (lack.spent.micros < lack.wanted.micros).then_some(lack)
    }

    /// Does without `rule`.
    pub(super) fn forgo(&mut self, rule: ClaimRule) {
        switch_off(&mut self.rules, rule);
    }

    /// How sure `claim` is: not before it is certain that enough was spent.
    pub(super) fn certainty(&self, claim: &Claim) -> ClaimConfidence {
        match self.condition(claim.rule) {
            Some(condition) if condition.spent.certain.micros < condition.wanted.micros => {
                ClaimConfidence::Verify
            }
            _ => claim.certainty,
        }
    }

    /// How much is claimed.
    pub(super) fn amount(&self, claim: &Claim) -> Option<Money> {
        self.terms?.amount(claim.rule, claim.amount)
    }

    fn condition(&self, rule: ClaimRule) -> Option<&Condition> {
        self.conditions
            .iter()
            .find(|condition| condition.rule == rule)
    }
}

/// A rule that the core adds later is off here until it is named.
fn switch_off(rules: &mut ClaimRules, rule: ClaimRule) {
    match rule {
        ClaimRule::ChargedThoughRefused => rules.charged_though_refused = false,
        ClaimRule::NoImage => rules.no_image = false,
        ClaimRule::Undelivered => rules.undelivered = false,
        ClaimRule::Duplicate => rules.duplicate = false,
        ClaimRule::Over => rules.over = None,
        _ => {}
    }
}
