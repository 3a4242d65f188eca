use std::time::Duration;

use super::*;

#[test]
fn the_default_policy_is_the_guides() {
    let policy = Policy::nano_banana_pro();
    assert_eq!(policy, Policy::default());
    policy.validate().unwrap();

    // The guide's table of phases: write 30 s, pool 10 s (connect is the client's).
    assert_eq!(policy.timeout.write_progress.as_secs(), 30);
    assert_eq!(policy.in_flight.queue_timeout.as_secs(), 10);
    // Its limits: 10 connections.
    assert_eq!(policy.in_flight.max_per_host, 10);
    // Its strategy: at most three attempts.
    assert_eq!(policy.retry.paid_attempts, 3);
    assert_eq!(policy.retry.worth, 5.0);
    assert_eq!(policy.retry.free_until, None);
    // Its compensation: over 180 s.
    assert_eq!(policy.billing.claims.over, Some(Duration::from_secs(180)));
}

#[test]
fn no_duplicate_charges_pays_once() {
    let policy = Policy::no_duplicate_charges();
    policy.validate().unwrap();
    assert_eq!(policy.retry.paid_attempts, 1);
    assert_eq!(policy.retry.paid_attempts_on(true), 1);
}

#[test]
fn a_scaled_policy_keeps_two_seconds_for_our_own_work() {
    let policy = Policy::nano_banana_pro().scaled(0.01).unwrap();
    policy.validate().unwrap();
    let milliseconds = |duration: Duration| duration.as_millis();
    assert_eq!(milliseconds(policy.timeout.picture.k4), 6_000);
    assert_eq!(milliseconds(policy.timeout.picture.k1), 3_000);
    assert_eq!(milliseconds(policy.timeout.silence), 1_200);
    assert_eq!(milliseconds(policy.timeout.start), 2_000);
    assert_eq!(milliseconds(policy.timeout.write_progress), 2_000);
    assert_eq!(milliseconds(policy.in_flight.queue_timeout), 2_000);
    assert_eq!(milliseconds(policy.retry.schedule.overload), 150);
    assert_eq!(milliseconds(policy.retry.schedule.max_retry_after), 1_200);
    assert_eq!(policy.retry.time_scale, 0.01);
    assert_eq!(milliseconds(policy.retry.longest_silence), 6_000);
    assert_eq!(milliseconds(policy.billing.claims.over.unwrap()), 1_800);
    assert_eq!(policy.classify.time_scale, 0.01);

    for factor in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(Policy::default().scaled(factor).is_err());
    }
}

#[cfg(feature = "toml")]
mod file {
    use super::*;

    #[test]
    fn an_empty_file_is_the_default_policy() {
        assert_eq!(Policy::from_toml("").unwrap(), Policy::default());
    }

    #[test]
    fn a_policy_comes_back_as_it_was_written() {
        for policy in [
            Policy::nano_banana_pro(),
            Policy::no_duplicate_charges(),
            Policy::no_duplicate_charges().scaled(0.1).unwrap(),
        ] {
            let text = policy.to_toml().unwrap();
            assert_eq!(Policy::from_toml(&text).unwrap(), policy, "{text}");
        }
    }

    /// An unknown key, a wrong type, a half-set table, a value that cannot work: each is refused, and the
    /// message names the key.
    #[test]
    fn bad_files_are_refused_by_name_at_every_depth() {
        for (text, named) in [
            ("limit = 1", "limit"),
            ("[timeout]\nhaed = '1s'", "haed"),
            (
                "[timeout.picture]\nk1='1s'\nk2='1s'\nk4='1s'\nunknown='1s'\nk8='1s'",
                "k8",
            ),
            ("[timeout.picture]\nk1 = '1s'", "missing field `k2`"),
            (
                "[timeout.network_picture]\nbroadband = '1s'",
                "missing field",
            ),
            ("[timeout]\nstart = '0s'", "timeout.start"),
            ("[timeout]\nstart = 20", "start"),
            ("[timeout]\nstart = 'soon'", "\"soon\" is not a duration"),
            ("[timeout]\nnetwork = 'dial-up'", "dial-up"),
            ("[timeout]\nsilence = '2years'", "timeout.silence"),
            ("[timeout]\nsilence = '5M'", "`M` is a month"),
            ("[retry]\npaid_attempts = 0", "retry.paid_attempts"),
            ("[retry]\nkey_header = 'not a header'", "not a header"),
            ("[retry.schedule]\njitter = 2.0", "retry.schedule.jitter"),
            ("[retry]\nnumber = 1", "number"),
            ("[in_flight]\nmax_per_host = 0", "in_flight.max_per_host"),
            ("[classify]\npeek_limit = 0", "classify.peek_limit"),
            ("[classify]\ntime_scale = 0.0", "classify.time_scale"),
            ("[detect]\nreplay_limit = 0", "detect.replay_limit"),
            ("[http1]\nscope = 'office'", "office"),
            ("[billing.claims]\nabove = '180s'", "above"),
            (
                "[[billing.prices]]\nprovider='*'\nmodel='*'\nprice='0.24'",
                "\"0.24\" is not an amount",
            ),
            (
                "[[billing.prices]]\nprovider='*'\nmodel='*'\nprice='-0.01 USD'",
                "billing.prices[0].price",
            ),
            (
                "[retry]\nspending_cap='1 EUR'\n[[billing.prices]]\nprovider='*'\nmodel='*'\nprice='0.24 USD'",
                "`retry.spending_cap`: is in EUR, and `billing.prices[0]` in USD",
            ),
            (
                "[retry]\nbudget = {}\n[[billing.prices]]\nprovider='*'\nmodel='*'\nprice='0.24 EUR'",
                "`retry.budget.floor`: is in USD, and `billing.prices[0]` in EUR",
            ),
            (
                "[[billing.charge_rules]]\nprovider='*'\nclass='NoImage'\npermille=1001",
                "billing.charge_rules[0].permille",
            ),
            (
                "[[billing.charge_rules]]\nprovider='*'\nclass='NoPicture'\npermille=1",
                "NoPicture",
            ),
        ] {
            let error = Policy::from_toml(text).unwrap_err().to_string();
            assert!(error.contains(named), "{text}\n→ {error}");
        }
    }
}
