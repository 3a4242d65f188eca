//! How likely an ending is charged at one provider, where that differs from what its class says.
//!
//! The class's own figures are guesses over all providers. A provider that publishes its rules is right about itself, so its
//! row comes first. Rows are data, in the policy file or below: a provider that changes its terms must not need a new
//! release.

use std::sync::Arc;

use super::{Class, Probability};
use crate::config::{ConfigError, Pattern, none_is_hidden};

/// How likely an ending is charged at one provider.
///
/// As it stands in a policy file; [`ChargeRules::new`] checks it.
///
/// ```
/// use longhaul::{Class, billing::ChargeRule, policy::Policy};
///
/// // This relay charges all that it cuts.
/// let mut policy = Policy::nano_banana_pro();
/// policy.billing.charge_rules = vec![ChargeRule::new("relay.example.com", Class::IntermediaryCut, 1_000)];
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChargeRule {
    /// The provider's name: exact but for capitals, or a beginning followed by `*`, or `*` alone.
    ///
    /// Compared with the [`Provider`](crate::billing::Provider) of a request, which is its host unless the request names
    /// another.
    pub provider: String,
    /// What the ending means.
    ///
    /// A row is for one class. A provider that bills all of them alike has one row for each.
    pub class: Class,
    /// In thousandths: 1000 is certain.
    pub permille: u16,
}

impl ChargeRule {
    /// An ending of that class is charged so many times in a thousand.
    ///
    /// ```
    /// use longhaul::{Class, billing::ChargeRule};
    ///
    /// // Seen in a month of bills: one in four of its 500s is charged.
    /// let rule = ChargeRule::new("relay*", Class::ServerError, 250);
    /// assert_eq!((&*rule.provider, rule.permille), ("relay*", 250));
    /// ```
    pub fn new(provider: impl Into<String>, class: Class, permille: u16) -> Self {
        Self {
            provider: provider.into(),
            class,
            permille,
        }
    }
}

/// How likely endings are charged, where a provider differs from the class's own prior.
///
/// The first row that matches counts. Behind the rows given stand a few that are published:
/// OpenRouter charges nothing where no image came (its zero-completion insurance); novita charges a call
/// whose client went away.
///
/// What an answer says of itself (“You will not be charged”) counts before any row.
///
/// ```
/// use longhaul::{Class, billing::{ChargeRule, ChargeRules}};
///
/// # fn main() -> Result<(), longhaul::ConfigError> {
/// let charge_rules = ChargeRules::new(vec![ChargeRule::new("*.example.com", Class::NoImage, 0)]);
/// assert!(charge_rules.is_err(), "`*` may stand at the end only");
/// let charge_rules = ChargeRules::new(vec![ChargeRule::new("relay*", Class::IntermediaryCut, 1000)])?;
/// assert_eq!(charge_rules.of("relay.example.com", Class::IntermediaryCut).unwrap().as_permille(), 1000);
/// assert_eq!(charge_rules.of("elsewhere.example.com", Class::IntermediaryCut), None);
/// # Ok(()) }
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChargeRules(Vec<Rule>);

type Rule = (Pattern, Class, Probability);

/// Sources: openrouter.ai/docs/guides/features/zero-completion-insurance; novita.ai/docs/guides/llm-billing.
/// novita's free 504 has no row: a proxy before it that gives up looks the same, and its work goes on.
const PUBLISHED: [(&str, Class, u16); 3] = [
    ("openrouter.ai", Class::NoImage, 0),
    ("openrouter.ai", Class::ContentBlocked, 0),
    ("api.novita.ai", Class::UnknownOutcome, 1000),
];

impl ChargeRules {
    /// Checks `rows`. An error names the field from the table's own key on: `charge_rules[2].provider`.
    ///
    /// # Errors
    ///
    /// If a provider's name is empty or has a `*` that is not its end, a probability is above 1000, or a row never counts since
    /// an earlier one takes all that it is for.
    ///
    /// ```
    /// use longhaul::{Class, billing::{ChargeRule, ChargeRules}};
    ///
    /// let rows = vec![ChargeRule::new("relay", Class::NoImage, 0), ChargeRule::new("", Class::NoImage, 0)];
    /// assert_eq!(ChargeRules::new(rows).unwrap_err().field(), "charge_rules[1].provider");
    /// ```
    pub fn new(rows: Vec<ChargeRule>) -> Result<Self, ConfigError> {
        let mut rules: Vec<Rule> = rows
            .into_iter()
            .enumerate()
            .map(|(index, row)| {
                read(row).map_err(|error| error.under(&format!("charge_rules[{index}]")))
            })
            .collect::<Result<_, _>>()?;
        none_is_hidden(
            "charge_rules",
            &rules,
            |(provider, class, _), (later, of_later, _)| {
                class == of_later && provider.covers_in_any_case(later)
            },
        )?;
        for (name, class, prior) in PUBLISHED {
            rules.push(read(ChargeRule::new(name, class, prior))?);
        }
        Ok(Self(rules))
    }

    /// How likely an ending of `class` is charged at `provider`, if a row says so.
    ///
    /// ```
    /// use longhaul::{Class, billing::ChargeRules};
    ///
    /// // One of the rows that are built in: its insurance for answers without a picture.
    /// let rules = ChargeRules::new(vec![])?;
    /// assert_eq!(rules.of("OpenRouter.ai", Class::NoImage).unwrap().as_permille(), 0);
    /// # Ok::<(), longhaul::ConfigError>(())
    /// ```
    pub fn of(&self, provider: &str, class: Class) -> Option<Probability> {
        self.0
            .iter()
            .find(|(name, of_row, _)| *of_row == class && name.matches_in_any_case(provider))
            .map(|(_, _, prior)| *prior)
    }

    /// Whether any row is for `provider`.
    ///
    /// Asked once for each attempt, so that only attempts at such providers carry the rules with them.
    fn name(&self, provider: &str) -> bool {
        self.0
            .iter()
            .any(|(name, ..)| name.matches_in_any_case(provider))
    }
}

fn read(row: ChargeRule) -> Result<Rule, ConfigError> {
    if row.permille > 1000 {
        return Err(ConfigError::new(
            "permille",
            format!("{} is more than certain", row.permille),
        ));
    }
    let provider = Pattern::new("provider", &row.provider)?;
    Ok((provider, row.class, Probability::permille(row.permille)))
}

/// The charge rules of one provider. An attempt keeps them until its end, when the class is known.
#[derive(Clone, Debug)]
pub(crate) struct ProviderChargeRules {
    charge_rules: Arc<ChargeRules>,
    provider: Arc<str>,
}

impl ProviderChargeRules {
    /// `None` where no row names it.
    pub(crate) fn of_provider(
        charge_rules: &Arc<ChargeRules>,
        provider: Option<&Arc<str>>,
    ) -> Option<Box<Self>> {
        let provider = provider.filter(|provider| charge_rules.name(provider))?;
        Some(Box::new(Self {
            charge_rules: charge_rules.clone(),
            provider: provider.clone(),
        }))
    }

    pub(crate) fn of(&self, class: Class) -> Option<Probability> {
        self.charge_rules.of(&self.provider, class)
    }
}
