//! What the examples and the tests of this workspace share: does a ledger agree with the truth?

pub use longhaul_testing::disagreements;

/// The examples of the READMEs and of the pages in `docs/` compile.
#[cfg(doctest)]
mod pages {
    #[doc = include_str!("../README.md")]
    struct Readme;
    #[doc = include_str!("../crates/longhaul/README.md")]
    struct Longhaul;
    #[doc = include_str!("../crates/longhaul-hyper/README.md")]
    struct Hyper;
    #[doc = include_str!("../crates/longhaul-ledger/README.md")]
    struct Ledger;
    #[doc = include_str!("../crates/longhaul-providers/README.md")]
    struct Providers;
    #[doc = include_str!("../crates/longhaul-sim/README.md")]
    struct Sim;
}
