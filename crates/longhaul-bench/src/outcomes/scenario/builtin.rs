//! The scenarios that come with the program.
//!
//! They are compiled in, so that the figures of a program are those of its own scenarios. The order is that of the
//! table, from what is normal to everything at once.

use super::{Scenario, ScenarioError};

macro_rules! files {
    ($($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!("../../../scenarios/", $name, ".toml")))),+]
    };
}

/// In the order of the table: what is normal, what the way there does, what the provider does, what callers do, all of it
const FILES: [(&str, &str); 26] = files![
    "normal-day",
    "17-january",
    "cut-60s",
    "cut-60s-faster",
    "cut-60s-slower",
    "cut-100s",
    "cut-100s-faster",
    "cut-100s-slower",
    "half-cut",
    "cut-and-resets",
    "mended",
    "4k-mended",
    "shaky-network",
    "dead-host",
    "unended",
    "beating-relay",
    "streams",
    "overload",
    "late-refusals",
    "quota-at-noon",
    "4k-failing",
    "lying-200",
    "crowd",
    "deadlines",
    "leaving-callers",
    "everything",
];

/// All of them
pub(crate) fn builtin() -> Result<Vec<Scenario>, ScenarioError> {
    FILES
        .into_iter()
        .map(|(name, text)| Scenario::parse(name, text))
        .collect()
}
