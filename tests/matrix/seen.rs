//! The columns of the table that are to be seen.

use longhaul::Phase;

/// What the table calls a caller that goes away.
pub(crate) const LEAVES: &str = "leaves";

/// What is seen of an operation, as the table has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Seen(pub(crate) [String; Seen::COLUMNS.len()]);

impl Seen {
    const COLUMNS: [&str; 11] = [
        "class",
        "end",
        "phase",
        "status",
        "exposure",
        "verdict",
        "caller",
        "received",
        "charged",
        "delivered",
        "open",
    ];

    pub(crate) fn from_columns(columns: &[&str]) -> Result<Self, String> {
        let owned: Vec<_> = columns.iter().map(|&column| column.to_owned()).collect();
        owned.try_into().map(Self).map_err(|columns: Vec<_>| {
            format!(
                "{} columns instead of {}",
                columns.len() + 5,
                Self::COLUMNS.len() + 5
            )
        })
    }

    /// How many connections are left.
    pub(crate) fn open(&self) -> usize {
        self.0[Self::COLUMNS.len() - 1].parse().unwrap_or(0)
    }

    /// Where the caller does not wait for the end: the phase in which it leaves.
    pub(crate) fn leaves_in(&self) -> Option<Phase> {
        let [_, _, phase, _, _, _, caller, ..] = &self.0;
        Phase::named(phase).filter(|_| caller == LEAVES)
    }

    pub(crate) fn differences(&self, should: &Self) -> Vec<String> {
        let cells = Self::COLUMNS.into_iter().zip(&self.0).zip(&should.0);
        cells
            .filter(|((_, is), should)| is != should)
            .map(|((column, is), should)| format!("{column} is {is} instead of {should}"))
            .collect()
    }
}
