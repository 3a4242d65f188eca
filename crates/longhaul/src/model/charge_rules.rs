use std::sync::Arc;

use super::{Class, Probability};
use crate::config::{ConfigError, Pattern};

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
    pub provider: String,
    /// What the ending means.
    pub class: Class,
    /// In thousandths: 1000 is certain.
    pub permille: u16,
}

impl ChargeRule {
    /// An ending of that class is charged so many times in a thousand.
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
pub struct ChargeRules(Vec<(Pattern, Class, Probability)>);

/// Sources: openrouter.ai/docs/guides/features/zero-completion-insurance; novita.ai/docs/guides/llm-billing.
/// novita's free 504 has no row: a proxy before it that gives up looks the same, and its work goes on.
const PUBLISHED: [(&str, Class, u16); 3] = [
    ("openrouter.ai", Class::NoImage, 0),
    ("openrouter.ai", Class::ContentBlocked, 0),
    ("api.novita.ai", Class::UnknownOutcome, 1000),
];

impl ChargeRules {
    /// Checks `rows`. An error names the field from the table's own key on: `charge_rules[2].provider`.
    pub fn new(rows: Vec<ChargeRule>) -> Result<Self, ConfigError> {
        let published = PUBLISHED.map(|(name, class, prior)| ChargeRule::new(name, class, prior));
        rows.into_iter()
            .chain(published)
            .enumerate()
            .map(|(index, row)| {
                read(row).map_err(|error| error.under(&format!("charge_rules[{index}]")))
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// How likely an ending of `class` is charged at `provider`, if a row says so.
    pub fn of(&self, provider: &str, class: Class) -> Option<Probability> {
        self.0
            .iter()
            .find(|(name, of_row, _)| *of_row == class && name.matches_in_any_case(provider))
            .map(|(_, _, prior)| *prior)
    }

    /// Whether any row is for `provider`.
    fn name(&self, provider: &str) -> bool {
        self.0
            .iter()
            .any(|(name, ..)| name.matches_in_any_case(provider))
    }
}

fn read(row: ChargeRule) -> Result<(Pattern, Class, Probability), ConfigError> {
    if row.permille > 1000 {
        return Err(ConfigError::new(
            "permille",
            format!("{} is more than certain", row.permille),
        ));
    }
    let provider = Pattern::new("provider", &row.provider)?;
    Ok((provider, row.class, Probability::permille(row.permille)))
}

/// The charge_rules of one provider.
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
