//! What is refused when a policy is built.

use super::script::{route, seedream};
use crate::{
    fallback::{
        Dialect, FallbackPolicy, FieldValue, KeySource, Pixels, Resolutions, Sizes, Target,
    },
    model::{Class, Resolution},
};

fn refused(policy: &FallbackPolicy) -> String {
    policy.validate().unwrap_err().field().to_owned()
}

/// The field, and what makes it wrong.
type Row = (&'static str, fn(&mut Target));

const WRONG: [Row; 21] = [
    ("name", |it| it.name.clear()),
    ("name", |it| it.name = "first".to_owned()),
    ("url", |it| it.url = "ark.example".to_owned()),
    ("url", |it| it.url = "https://".to_owned()),
    ("url", |it| {
        it.url = "https://me:secret@ark.example".to_owned()
    }),
    ("url", |it| {
        it.url = "https://ark.example/?key=secret".to_owned()
    }),
    ("url", |it| {
        it.url = "https://ark.example/{modle}".to_owned()
    }),
    ("url", |it| it.url = "https://ark.example/a b".to_owned()),
    ("resolutions", |it| {
        it.resolutions = Resolutions::between(Resolution::K4, Resolution::K1)
    }),
    ("resolutions", |it| it.resolutions.max = Resolution::Unknown),
    ("sizes", |it| it.dialect = Dialect::Passthrough),
    ("sizes", |it| {
        let (min, max) = (0, 1);
        it.sizes = Sizes::Pixels(Pixels::new(min, max, 1));
    }),
    ("max_images", |it| it.max_images = Some(0)),
    ("max_ratio", |it| it.max_ratio = Some(0)),
    ("triggers", |it| it.triggers = Some(vec![Class::Delivered])),
    ("key", |it| it.key = KeySource::Env(String::new())),
    ("key", |it| {
        it.key_query = None;
        it.key = KeySource::Same(vec!["https://relay.example".to_owned()]);
    }),
    ("key_header", |it| {
        (it.key, it.key_query) = (KeySource::None, None);
        it.key_header = Some(http::HeaderName::from_static("x-key"));
    }),
    ("key_query", |it| it.key_query = Some("q".to_owned())),
    ("key_query", |it| {
        it.key_query = Some("key".to_owned());
        it.key = KeySource::None;
    }),
    ("key_query", |it| {
        it.key_query = Some("key".to_owned());
        it.key_header = Some(http::HeaderName::from_static("x-key"));
    }),
];

#[test]
fn a_target_that_cannot_work_is_refused_by_field() {
    for (at, (field, change)) in WRONG.into_iter().enumerate() {
        let mut target = seedream();
        change(&mut target);
        let policy = FallbackPolicy::to([route("first"), target]);
        assert_eq!(refused(&policy), format!("targets[1].{field}"), "row {at}");
        assert!(
            !policy
                .validate()
                .unwrap_err()
                .to_string()
                .contains("secret")
        );
    }
}

#[test]
fn a_body_that_is_not_touched_cannot_be_changed() {
    let mut target = route("first");
    target.set.insert("n".to_owned(), FieldValue::Number(1));
    assert_eq!(refused(&FallbackPolicy::to([target])), "targets[0].dialect");
}

#[test]
fn a_policy_that_makes_no_sense_is_refused() {
    let mut policy = FallbackPolicy::default();
    policy.validate().unwrap();
    policy.allow_duplicate = vec![Class::Overloaded];
    assert_eq!(refused(&policy), "allow_duplicate");
    let mut policy = FallbackPolicy::default();
    policy.triggers.push(Class::Delivered);
    assert_eq!(refused(&policy), "triggers");
    let mut policy = FallbackPolicy::default();
    policy.breaker.open = std::time::Duration::ZERO;
    assert_eq!(refused(&policy), "breaker.open");
}

#[test]
fn resolutions_raise_and_cap_only_where_told() {
    use Resolution::{K1, K2, K4, Unknown};
    let strict = Resolutions::between(K2, K2);
    let mut lenient = strict;
    lenient.raise = true;
    lenient.cap = true;
    for (asked, strictly, leniently) in [
        (K1, None, Some(K2)),
        (K2, Some(K2), Some(K2)),
        (K4, None, Some(K2)),
        (Unknown, Some(Unknown), Some(Unknown)),
    ] {
        assert_eq!(strict.fit(asked), strictly);
        assert_eq!(lenient.fit(asked), leniently);
    }
}

#[test]
fn time_runs_faster_for_the_breaker_too() {
    let policy = crate::policy::Policy::default().scaled(0.01).unwrap();
    assert_eq!(policy.fallback.breaker.open.as_millis(), 600);
    assert_eq!(policy.fallback.breaker.window.as_millis(), 3_000);
}

#[cfg(feature = "toml")]
#[test]
fn a_file_comes_back_as_it_was_written() {
    let mut policy = crate::policy::Policy::default();
    let mut direct = route("direct");
    direct.key = KeySource::Same(vec!["cdn.example".to_owned()]);
    direct.triggers = Some(vec![Class::IntermediaryCut]);
    let mut pixels = route("pixels");
    pixels.dialect = Dialect::OpenAiImages;
    let (min, max) = (1, 2);
    pixels.sizes = Sizes::Pixels(Pixels::new(min, max, 8));
    let mut seedream = seedream();
    seedream.key = KeySource::Env("ARK_API_KEY".to_owned());
    seedream.key_query = Some("key".to_owned());
    seedream.max_ratio = Some(16);
    seedream.remove = vec!["n".to_owned()];
    seedream.set = [
        ("watermark", FieldValue::Flag(false)),
        ("n", FieldValue::Number(1)),
        ("response_format", FieldValue::Text("b64_json".to_owned())),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    policy.fallback = FallbackPolicy::to([seedream, direct, pixels]);
    policy.fallback.allow_duplicate = vec![Class::IntermediaryCut];
    let text = policy.to_toml().unwrap();
    assert_eq!(
        crate::policy::Policy::from_toml(&text).unwrap(),
        policy,
        "{text}"
    );
}

#[cfg(feature = "toml")]
#[test]
fn bad_files_are_refused_by_name() {
    for (text, named) in [
        ("[fallback]\ntarget = 1", "target"),
        ("[[fallback.targets]]\nname = 'a'", "url"),
        (
            "[[fallback.targets]]\nname = 'a'\nurl = 'a'",
            "fallback.targets[0].url",
        ),
        (
            "[[fallback.targets]]\nname='a'\nurl='https://a'\nkeys=1",
            "keys",
        ),
        (
            "[[fallback.targets]]\nname='a'\nurl='https://a'\nkey={secret='k'}",
            "secret",
        ),
        ("[fallback.breaker]\nopens = '1s'", "opens"),
        ("[fallback]\ntriggers = ['Tired']", "Tired"),
    ] {
        let error = crate::policy::Policy::from_toml(text)
            .unwrap_err()
            .to_string();
        assert!(error.contains(named), "{text}\n→ {error}");
    }
}
