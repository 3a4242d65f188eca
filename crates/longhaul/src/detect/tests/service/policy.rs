//! Which policies are refused, and how one is read.

use super::*;

#[test]
fn a_policy_that_cannot_work_is_refused_when_it_is_built() {
    let policy = DetectPolicy::default;
    for (policy, field) in [
        (
            DetectPolicy {
                replay_limit: 0,
                ..policy()
            },
            "replay_limit",
        ),
        (
            DetectPolicy {
                client_replay_limit: 0,
                ..policy()
            },
            "client_replay_limit",
        ),
        (
            DetectPolicy {
                client_replay_limit: 1 << 20,
                ..policy()
            },
            "client_replay_limit",
        ),
        (
            DetectPolicy {
                header: Some(http::header::CONTENT_LENGTH),
                ..policy()
            },
            "header",
        ),
    ] {
        let field_of = |error: ConfigError| error.field().to_owned();
        assert_eq!(
            DetectWorkloadLayer::new(policy.clone())
                .map_err(field_of)
                .unwrap_err(),
            field
        );
        assert_eq!(
            DetectWorkload::new((), policy)
                .map_err(field_of)
                .unwrap_err(),
            field
        );
    }
}

#[cfg(feature = "toml")]
#[test]
fn a_policy_is_read_from_toml() {
    let read = toml::from_str::<DetectPolicy>;
    assert_eq!(read("").unwrap(), DetectPolicy::default());
    let named = r#"header = "X-Longhaul-Size""#;
    assert_eq!(read(named).unwrap(), naming_sizes());
    let written = toml::to_string(&naming_sizes()).unwrap();
    assert_eq!(read(&written).unwrap(), naming_sizes());
    for (wrong, word) in [
        ("header = 'a b'", "a b"),
        ("replay_limits = 1", "replay_limits"),
    ] {
        assert!(read(wrong).unwrap_err().to_string().contains(word));
    }
}
