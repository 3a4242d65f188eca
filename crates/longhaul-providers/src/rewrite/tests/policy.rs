//! What is refused when a stack is built, and what is not.

use longhaul::fallback::{Dialect, Pixels, Sizes};

use super::*;

#[test]
fn what_a_dialect_cannot_say_is_refused_by_field() {
    let mut target = route("gemini");
    target.dialect = Dialect::Gemini;
    target.sizes = Sizes::Pixels(Pixels::new(1, 2, 1));
    let error = Stack::with_rewrite(policy([target]), ProviderRewrite).unwrap_err();
    assert_eq!(error.field(), "fallback.targets[0].sizes");
}

#[test]
fn every_target_works_with_this_and_few_without() {
    for (target, alone) in [(seedream(), false), (route("second"), true)] {
        assert!(Stack::with_rewrite(policy([target.clone()]), ProviderRewrite).is_ok());
        assert_eq!(Stack::new(policy([target])).is_ok(), alone);
    }
}

#[test]
fn seedream_in_a_file_comes_back_as_it_was_written() {
    let mut seedream = seedream();
    seedream.key = KeySource::Env("ARK_API_KEY".to_owned());
    let policy = policy([seedream]);
    let text = policy.to_toml().unwrap();
    assert_eq!(Policy::from_toml(&text).unwrap(), policy, "{text}");
}
