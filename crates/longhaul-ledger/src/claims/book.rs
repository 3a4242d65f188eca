//! The rules by which providers owe something back, and the files that they are read from.
//!
//! Rules are data because providers change them with a mail: a new plan, a limit, a date must not wait for a release of
//! this crate. Everything in a file is checked when it is read, so that finding claims cannot fail by a rule.

use std::{path::Path, time::Duration};

use jiff::{civil::Date, tz::TimeZone};
use longhaul::{
    ConfigError, Money,
    billing::{ClaimRule, ClaimRules, Pattern},
};

use super::{amount::Amount, file};
use crate::error::{LedgerError, LedgerErrorKind};

/// The built-in rules, as a file: what providers publish, with the sources.
///
/// A starting point, as of the day of this release: look whether the terms that you have with a provider are these.
///
/// ```
/// use longhaul_ledger::claims::{ClaimBook, DEFAULT_RULES};
///
/// // What `longhaul-ledger claims --rules-default` writes: a file that can be changed and read back.
/// let mine = DEFAULT_RULES.replace(r#"settlement = "62days""#, r#"settlement = "31days""#);
/// let book = ClaimBook::from_toml(&mine, "rules.toml")?;
/// assert_eq!(book.terms("openrouter.ai").unwrap().settlement().as_secs(), 31 * 86_400);
/// # Ok::<(), longhaul_ledger::LedgerError>(())
/// ```
pub const DEFAULT_RULES: &str = include_str!("../../claims.toml");

/// What each provider owes back. See [`DEFAULT_RULES`] for what a file may say.
///
/// A rule that is not named for a provider is off there, however an attempt ended. `longhaul-ledger claims --rules-default`
/// writes the built-in file, to add the terms to that you agreed on; `--rules FILE` takes yours.
///
/// The first entry whose pattern matches decides alone, so a special name stands before `*`. Names are compared without
/// regard to capitals.
///
/// ```
/// use std::time::Duration;
/// use longhaul_ledger::claims::ClaimBook;
///
/// let book = ClaimBook::default();
/// let relay = book.terms("api.laozhang.ai").unwrap();
/// assert_eq!(relay.zone().iana_name(), Some("Asia/Shanghai"));
/// assert_eq!(relay.settlement(), Duration::from_secs(62 * 86_400));
/// let error = ClaimBook::from_toml("surprise = 1", "rules.toml").unwrap_err();
/// assert!(error.to_string().starts_with("rules.toml"));
/// ```
#[derive(Clone, Debug)]
pub struct ClaimBook(Vec<ProviderTerms>);

/// What one provider owes back, or several whose names begin alike.
///
/// A month, and so the spending in it that a rule asks for, begins at another moment in Shanghai than in UTC: that is
/// why terms have a [zone](Self::zone).
#[derive(Clone, Debug)]
pub struct ProviderTerms {
    pub(super) name: Pattern,
    pub(super) zone: TimeZone,
    pub(super) settlement: Duration,
    /// The limit of `over`.
    pub(super) limit: Option<Duration>,
    pub(super) charged_though_refused: Option<Terms>,
    pub(super) no_image: Option<Terms>,
    pub(super) undelivered: Option<Terms>,
    pub(super) duplicate: Option<Terms>,
    pub(super) over: Option<Terms>,
}

/// One rule as one provider has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Terms {
    pub(super) amount: Amount,
    pub(super) valid_from: Option<Date>,
    /// The last day.
    pub(super) valid_until: Option<Date>,
    pub(super) least_spend: Option<Money>,
}

impl Default for ClaimBook {
    /// The [built-in rules](DEFAULT_RULES).
    fn default() -> Self {
        Self::from_toml(DEFAULT_RULES, "claims.toml").expect("the built-in rules are tested")
    }
}

impl ClaimBook {
    /// Reads a file of rules. Refuses unknown keys and rules that cannot work or never count, naming line and column, or the
    /// key.
    ///
    /// # Errors
    ///
    /// [`File`](LedgerErrorKind::File), also where there is no such file.
    ///
    /// ```
    /// use longhaul_ledger::claims::ClaimBook;
    ///
    /// let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("rules.toml");
    /// assert!(ClaimBook::load(&path).is_err(), "it is not there");
    /// std::fs::write(&path, r#"
    ///     [[providers]]
    ///     provider = "relay*"
    ///     time_zone = "UTC"
    ///     settlement = "30days"
    ///     [providers.no_image]
    /// "#)?;
    /// assert!(ClaimBook::load(&path)?.terms("relay.example.com").is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn load(path: &Path) -> Result<Self, LedgerError> {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| {
            let why = error.to_string();
            refused(&file, (0, 0), why).with_source(error)
        })?;
        Self::from_toml(&text, &file)
    }

    /// Reads rules from `text`, as [`load`](Self::load) does from a file; `file` names them in errors.
    ///
    /// # Errors
    ///
    /// [`File`](LedgerErrorKind::File) with line and column for what is no file of rules, and with the key for a rule
    /// that cannot work.
    ///
    /// ```
    /// use longhaul_ledger::claims::ClaimBook;
    ///
    /// let rules = r#"
    ///     [[providers]]
    ///     provider = "relay"
    ///     time_zone = "UTC"
    ///     settlement = "30days"
    ///     [providers.over]
    ///     limit = "0s"
    /// "#;
    /// let refused = ClaimBook::from_toml(rules, "rules.toml").unwrap_err();
    /// assert!(refused.to_string().contains("providers[0].over.limit"), "{refused}");
    /// ```
    pub fn from_toml(text: &str, file: &str) -> Result<Self, LedgerError> {
        let book: file::Book = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or((0, 0), |span| place(text, span.start));
            refused(file, at, error.message().to_owned())
        })?;
        let terms = book
            .providers
            .into_iter()
            .enumerate()
            .map(|(index, provider)| {
                provider
                    .check()
                    .map_err(|error: ConfigError| error.under(&format!("providers[{index}]")))
            });
        terms
            .collect::<Result<Vec<_>, _>>()
            .and_then(|terms| none_is_hidden(&terms).map(|()| Self(terms)))
            .map_err(|error| refused(file, (0, 0), error.to_string()))
    }

    /// The terms of `provider`; `None` where no entry matches, and nothing is owed.
    ///
    /// ```
    /// use longhaul_ledger::claims::ClaimBook;
    ///
    /// let book = ClaimBook::default();
    /// assert!(book.terms("API.apiyi.com").is_some());
    /// // The built-in book ends with an entry for everybody else.
    /// assert!(book.terms("nobody.example.com").is_some());
    /// ```
    pub fn terms(&self, provider: &str) -> Option<&ProviderTerms> {
        self.0
            .iter()
            .find(|terms| terms.name.matches_in_any_case(provider))
    }

    /// The shortest limit for a call's duration: only calls that took longer can be over any.
    ///
    /// It makes the database's question smaller; each attempt is then judged by its own provider's limit.
    pub(super) fn shortest_limit(&self) -> Option<Duration> {
        self.0.iter().filter_map(|terms| terms.limit).min()
    }
}

impl ProviderTerms {
    /// The provider's time zone.
    ///
    /// Months, days of validity, and the times in exports are those of this zone.
    pub const fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// How long after its export a claim is overdue.
    ///
    /// It is noted with the claim when it is exported: a rule that changes later moves no term.
    pub const fn settlement(&self) -> Duration {
        self.settlement
    }

    /// What is owed by `rule` where `charged` was charged.
    ///
    /// `None` where the rule is off here, and where the amount follows from a price that is not known. Dates and
    /// spending are not asked for: they need the attempt.
    ///
    /// ```
    /// use longhaul::{Money, billing::ClaimRule};
    /// use longhaul_ledger::claims::ClaimBook;
    ///
    /// let book = ClaimBook::default();
    /// let charged = Some(Money::usd_micros(240_000));
    /// let relay = book.terms("relay.example.com").unwrap();
    /// assert_eq!(relay.amount(ClaimRule::Undelivered, charged), charged);
    /// // OpenRouter pays no slow calls back.
    /// assert_eq!(book.terms("openrouter.ai").unwrap().amount(ClaimRule::Over, charged), None);
    /// ```
    pub fn amount(&self, rule: ClaimRule, charged: Option<Money>) -> Option<Money> {
        self.of(rule)?.amount.of(charged)
    }

    /// The rules that hold for an attempt that was opened on `date`.
    pub(super) fn rules_on(&self, date: Date) -> ClaimRules {
        let holds = |rule| self.of(rule).is_some_and(|terms| terms.hold_on(date));
        let mut rules = ClaimRules::default();
        rules.charged_though_refused = holds(ClaimRule::ChargedThoughRefused);
        rules.no_image = holds(ClaimRule::NoImage);
        rules.undelivered = holds(ClaimRule::Undelivered);
        rules.duplicate = holds(ClaimRule::Duplicate);
        rules.over = self.limit.filter(|_| holds(ClaimRule::Over));
        rules
    }

    pub(super) const fn of(&self, rule: ClaimRule) -> Option<&Terms> {
        match rule {
            ClaimRule::ChargedThoughRefused => self.charged_though_refused.as_ref(),
            ClaimRule::NoImage => self.no_image.as_ref(),
            ClaimRule::Undelivered => self.undelivered.as_ref(),
            ClaimRule::Duplicate => self.duplicate.as_ref(),
            ClaimRule::Over => self.over.as_ref(),
            _ => None,
        }
    }
}

impl Terms {
    fn hold_on(&self, date: Date) -> bool {
        self.valid_from.is_none_or(|from| from <= date)
            && self.valid_until.is_none_or(|until| date <= until)
    }
}

/// Refuses terms that would never count, since earlier ones are for all their providers.
fn none_is_hidden(terms: &[ProviderTerms]) -> Result<(), ConfigError> {
    for (index, later) in terms.iter().enumerate() {
        let mut earlier = terms[..index].iter();
        if let Some(earlier) = earlier.position(|of| of.name.covers_in_any_case(&later.name)) {
            let why = format!(
                "never counts: `providers[{earlier}]` stands before it and takes all that it is for"
            );
            return Err(ConfigError::new(format!("providers[{index}]"), why));
        }
    }
    Ok(())
}

fn refused(file: &str, (line, column): (u64, u64), why: String) -> LedgerError {
    let file = file.to_owned();
    LedgerErrorKind::File {
        file,
        line,
        column,
        why,
    }
    .into()
}

/// Line and column of a byte, from 1.
fn place(text: &str, byte: usize) -> (u64, u64) {
    let before = text.get(..byte).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before.matches('\n').count() + 1;
    let column = before[line_start..].chars().count() + 1;
    (line as u64, column as u64)
}
