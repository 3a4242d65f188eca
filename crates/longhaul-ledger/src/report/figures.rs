//! The figures of a row of a report, and adding them up.
//!
//! Three amounts answer the question what was charged, since nobody here knows for certain: at least, at most, and
//! expected. A provider's log makes the three the same.

use std::ops::AddAssign;

use serde::{Serialize, Serializer, ser::SerializeStruct as _};

/// Counts of attempts, and amounts in one currency, in millionths of its unit. A sum of amounts may be more than one of
/// them can be.
///
/// ```
/// use longhaul_ledger::report::Figures;
///
/// let mut figures = Figures::default();
/// assert_eq!(figures.waste_ratio(), None, "nothing was charged");
/// figures.expected_micros = 480_000;
/// figures.wasted_micros = 120_000;
/// assert_eq!(figures.waste_ratio(), Some(0.25));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Figures {
    /// Operations whose first attempt is among these attempts.
    ///
    /// So rows of several days or providers can be added without counting an operation twice.
    pub operations: i64,
    /// Attempts that have ended.
    pub attempts: i64,
    /// Attempts that delivered their picture.
    pub delivered: i64,
    /// Attempts that may have been charged at a price that is not known: they are in no amount.
    ///
    /// Give the policy a price for their model, or read the provider's log.
    pub unpriced: i64,
    /// What was charged for certain: by the provider's log where one was read, else by the classes.
    ///
    /// Attempts with a probability of 1, at their price.
    pub certain_micros: i128,
    /// The most that may have been charged.
    ///
    /// Attempts with any probability above 0, at their whole price.
    pub possible_micros: i128,
    /// What was probably charged: each price weighted with its probability.
    ///
    /// Probability × price. This is the figure to compare with an invoice before its log was read.
    pub expected_micros: i128,
    /// The part of the expected amount that is for drafts, such as the partial images of streams. Attempts with a
    /// verdict of a provider's log have none.
    pub drafts_micros: i128,
    /// The part of what was charged that brought nothing, or a second picture where one was wanted.
    ///
    /// Its base is [`expected_micros`](Self::expected_micros), so that [`waste_ratio`](Self::waste_ratio) is a share of
    /// it.
    pub wasted_micros: i128,
    /// What was paid back.
    ///
    /// By a log, or by an answer to a claim. The other amounts are before it: subtract it for what was paid in the end.
    pub credited_micros: i128,
}

impl Figures {
    /// The part of what was charged that was wasted; `None` where nothing was charged.
    ///
    /// Between 0 and 1 for figures of a report.
    pub fn waste_ratio(&self) -> Option<f64> {
        (self.expected_micros != 0).then(|| self.wasted_micros as f64 / self.expected_micros as f64)
    }
}

impl AddAssign for Figures {
    fn add_assign(&mut self, other: Self) {
        self.operations = self.operations.saturating_add(other.operations);
        self.attempts = self.attempts.saturating_add(other.attempts);
        self.delivered = self.delivered.saturating_add(other.delivered);
        self.unpriced = self.unpriced.saturating_add(other.unpriced);
        self.certain_micros = self.certain_micros.saturating_add(other.certain_micros);
        self.possible_micros = self.possible_micros.saturating_add(other.possible_micros);
        self.expected_micros = self.expected_micros.saturating_add(other.expected_micros);
        self.drafts_micros = self.drafts_micros.saturating_add(other.drafts_micros);
        self.wasted_micros = self.wasted_micros.saturating_add(other.wasted_micros);
        self.credited_micros = self.credited_micros.saturating_add(other.credited_micros);
    }
}

/// With the waste ratio.
impl Serialize for Figures {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut figures = serializer.serialize_struct("Figures", 11)?;
        figures.serialize_field("operations", &self.operations)?;
        figures.serialize_field("attempts", &self.attempts)?;
        figures.serialize_field("delivered", &self.delivered)?;
        figures.serialize_field("unpriced", &self.unpriced)?;
        figures.serialize_field("certain_micros", &self.certain_micros)?;
        figures.serialize_field("possible_micros", &self.possible_micros)?;
        figures.serialize_field("expected_micros", &self.expected_micros)?;
        figures.serialize_field("drafts_micros", &self.drafts_micros)?;
        figures.serialize_field("wasted_micros", &self.wasted_micros)?;
        figures.serialize_field("credited_micros", &self.credited_micros)?;
        figures.serialize_field("waste_ratio", &self.waste_ratio())?;
        figures.end()
    }
}
