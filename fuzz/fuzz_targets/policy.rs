//! Policy files: whatever is accepted can be built, and comes back as it was written; whatever is refused is refused
//! with a reason.
#![no_main]

use libfuzzer_sys::fuzz_target;
use longhaul::{Stack, policy::Policy};

fuzz_target!(|text: &str| {
    let policy = match Policy::from_toml(text) {
        Ok(policy) => policy,
        Err(error) => {
            assert!(!error.to_string().is_empty(), "it says why");
            return;
        }
    };
    let written = policy.to_toml().expect("what was read can be written");
    let again = Policy::from_toml(&written);
    assert_eq!(
        again.as_ref(),
        Ok(&policy),
        "it comes back as it was:\n{written}"
    );

    let scaled = policy.clone().scaled(0.01).expect("a factor above zero");
    assert!(
        scaled.timeout.picture.k4 <= policy.timeout.picture.k4,
        "a faster provider is not waited for longer"
    );
    if let Err(error) = Stack::new(policy) {
        // The keys of targets come from the environment, which no file can vouch for; and what a target needs of a rewrite,
        // the core alone does not have.
        let why = error.to_string();
        assert!(
            why.contains("environment") || why.contains("Stack::with_rewrite"),
            "what is accepted can be built: {why}"
        );
    }
});
