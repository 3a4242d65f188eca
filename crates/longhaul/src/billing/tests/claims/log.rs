//! Claims beside the provider's own log.

use super::*;

/// The one claim for a single attempt that ended with `class`, by a log that charges so much for it.
fn logged(
    class: Class,
    charged: i64,
    duration: Option<u64>,
) -> Option<(ClaimRule, ClaimConfidence)> {
    let record = answered_in(class, 100.0, 101.0);
    let case = ClaimInput {
        record: &record,
        rules: &ClaimRules::default(),
        logged: Some(ProviderRecord {
            charged: Money::usd_micros(charged),
            duration: duration.map(Duration::from_secs),
        }),
    };
    let claim = assess_claims([case]).next().flatten()?;
    assert_eq!(claim.amount, Some(Money::usd_micros(charged)));
    Some((claim.rule, claim.certainty))
}

#[test]
fn the_providers_log_replaces_priors_and_our_clocks() {
    for (class, charged, duration, expected) in [
        // Free by all rules, and charged all the same.
        (
            Class::Overloaded,
            1,
            None,
            Some((ChargedThoughRefused, Eligible)),
        ),
        (
            Class::NeverSent,
            1,
            None,
            Some((ChargedThoughRefused, Eligible)),
        ),
        (Class::Overloaded, 0, None, None),
        // Charged by its class, and not by the log.
        (Class::NoImage, 0, None, None),
        (Class::UnknownOutcome, 0, None, None),
        // Likely, and now certain.
        (
            Class::UnknownOutcome,
            1,
            None,
            Some((Undelivered, Eligible)),
        ),
        (Class::ServerError, 1, None, Some((Undelivered, Eligible))),
        // Our clock says 101 s at most.
        (Class::Delivered, 1, Some(181), Some((Over, Eligible))),
        (Class::Delivered, 1, Some(180), None),
        (Class::Delivered, 0, Some(181), None),
    ] {
        assert_eq!(
            logged(class, charged, duration),
            expected,
            "{class}, {charged} charged, {duration:?} s"
        );
    }
}

#[test]
fn a_cut_calls_duration_is_known_from_the_log() {
    let record = answered_in(Class::IntermediaryCut, 60.0, 60.0);
    let rules = ClaimRules {
        undelivered: false,
        ..ClaimRules::default()
    };
    let mut case = ClaimInput {
        record: &record,
        rules: &rules,
        logged: None,
    };
    assert_eq!(assess_claims([case]).next(), Some(None));
    case.logged = Some(ProviderRecord {
        charged: PRICE,
        duration: Some(Duration::from_secs(200)),
    });
    let claim = assess_claims([case]).next().flatten().unwrap();
    assert_eq!((claim.rule, claim.certainty), (Over, Eligible));
}

#[test]
fn a_duplicate_that_we_left_is_checked_against_the_log() {
    let operation = OperationId::new();
    let delivered = ended(operation, 2, Class::Delivered);
    let mut left = ended(operation, 1, Class::Undelivered);
    left.closing.as_mut().unwrap().outcome.end = End::Superseded;
    let claims = claims([&left, &delivered], &ClaimRules::default());
    assert_eq!(claims.len(), 1);
    assert_eq!((claims[0].rule, claims[0].certainty), (Duplicate, Verify));
}
