//! The scenarios that come with the program.

use super::{Scenario, ScenarioError};

macro_rules! files {
    ($($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!("../../../scenarios/", $name, ".toml")))),+]
    };
}

/// In the order of the table: what is normal, what the way there does, what the provider does, what callers do
const FILES: [(&str, &str); 10] = files![
    "normal-day",
    "17-january",
    "cut-60s",
    "cut-100s",
    "shaky-network",
    "overload",
    "quota-at-noon",
    "4k-failing",
    "lying-200",
    "leaving-callers",
];

/// All of them
pub(crate) fn builtin() -> Result<Vec<Scenario>, ScenarioError> {
    FILES
        .into_iter()
        .map(|(name, text)| Scenario::parse(name, text))
        .collect()
}
