use std::sync::Arc;

use super::{Class, Probability};
use crate::config::{ConfigError, Pattern};

/// How likely an ending is charged at one provider.
///
/// As it stands in a policy file; [`Priors::new`] checks it.
#[derive(Clone, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriorRow {
    /// The provider's name: exact but for capitals, or a beginning followed by `*`, or `*` alone.
    pub provider: String,
    /// What the ending means.
    pub class: Class,
    /// In thousandths: 1000 is certain.
    pub per_mille: u16,
}

impl PriorRow {
    /// An ending of that class is charged so many times in a thousand.
    pub fn new(provider: impl Into<String>, class: Class, per_mille: u16) -> Self {
        Self {
            provider: provider.into(),
            class,
            per_mille,
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
/// use longhaul::{Class, billing::{PriorRow, Priors}};
///
/// # fn main() -> Result<(), longhaul::ConfigError> {
/// let priors = Priors::new(vec![PriorRow::new("*.example.com", Class::NoImage, 0)]);
/// assert!(priors.is_err(), "`*` may stand at the end only");
/// let priors = Priors::new(vec![PriorRow::new("relay*", Class::IntermediaryCut, 1000)])?;
/// assert_eq!(priors.of("relay.example.com", Class::IntermediaryCut).unwrap().as_per_mille(), 1000);
/// assert_eq!(priors.of("elsewhere.example.com", Class::IntermediaryCut), None);
/// # Ok(()) }
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Priors(Vec<(Pattern, Class, Probability)>);

/// Sources: openrouter.ai/docs/guides/features/zero-completion-insurance; novita.ai/docs/guides/llm-billing.
/// novita's free 504 has no row: a proxy before it that gives up looks the same, and its work goes on.
const PUBLISHED: [(&str, Class, u16); 3] = [
    ("openrouter.ai", Class::NoImage, 0),
    ("openrouter.ai", Class::ContentBlocked, 0),
    ("api.novita.ai", Class::UnknownOutcome, 1000),
];

impl Priors {
    /// Checks `rows`. An error names the field from the table's own key on: `priors[2].provider`.
    pub fn new(rows: Vec<PriorRow>) -> Result<Self, ConfigError> {
        let published = PUBLISHED.map(|(name, class, prior)| PriorRow::new(name, class, prior));
        rows.into_iter()
            .chain(published)
            .enumerate()
            .map(|(index, row)| read(row).map_err(|error| error.under(&format!("priors[{index}]"))))
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

fn read(row: PriorRow) -> Result<(Pattern, Class, Probability), ConfigError> {
    if row.per_mille > 1000 {
        return Err(ConfigError::new(
            "per_mille",
            format!("{} is more than certain", row.per_mille),
        ));
    }
    let provider = Pattern::new("provider", &row.provider)?;
    Ok((provider, row.class, Probability::per_mille(row.per_mille)))
}

/// The priors of one provider.
#[derive(Clone, Debug)]
pub(crate) struct ProviderPriors {
    priors: Arc<Priors>,
    provider: Arc<str>,
}

impl ProviderPriors {
    /// `None` where no row names it.
    pub(crate) fn of_provider(
        priors: &Arc<Priors>,
        provider: Option<&Arc<str>>,
    ) -> Option<Box<Self>> {
        let provider = provider.filter(|provider| priors.name(provider))?;
        Some(Box::new(Self {
            priors: priors.clone(),
            provider: provider.clone(),
        }))
    }

    pub(crate) fn of(&self, class: Class) -> Option<Probability> {
        self.priors.of(&self.provider, class)
    }
}
