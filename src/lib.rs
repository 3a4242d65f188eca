//! What the examples and the tests of this workspace share: does a ledger agree with the truth?

mod agreement;

pub use agreement::disagreements;

/// The README's examples compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
