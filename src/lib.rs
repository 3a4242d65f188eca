//! Nothing but the pages of this workspace, whose examples are its doc tests.

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
    #[doc = include_str!("../docs/compressed-answers.md")]
    struct CompressedAnswers;
    #[doc = include_str!("../docs/draining.md")]
    struct Draining;
    #[doc = include_str!("../docs/existing-programs.md")]
    struct ExistingPrograms;
    #[doc = include_str!("../docs/first-dialect.md")]
    struct FirstDialect;
    #[doc = include_str!("../docs/first-layer.md")]
    struct FirstLayer;
    #[doc = include_str!("../docs/memory.md")]
    struct Memory;
    #[doc = include_str!("../docs/streams-and-heartbeats.md")]
    struct Streams;
}
