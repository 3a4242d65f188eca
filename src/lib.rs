//! What the examples and the tests of this workspace share: does a ledger agree with the truth?

pub use longhaul_testing::disagreements;

/// The README's examples compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
