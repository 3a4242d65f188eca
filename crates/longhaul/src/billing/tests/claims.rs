mod log;

use std::time::Duration;

use http::StatusCode;

use crate::{
    attempt::OperationId,
    billing::{
        ClaimConfidence::{self, Eligible, Verify},
        ClaimInput,
        ClaimRule::{self, ChargedThoughRefused, Duplicate, NoImage, Over, Undelivered},
        ClaimRules, Closing, Opening, ProviderClock, ProviderRecord, Record, assess_claims, claims,
    },
    model::{Class, End, Exposure, Money, Outcome, Phase},
    policy::Policy,
};

const PRICE: Money = Money::usd_micros(50_000);

/// An attempt that ended with `class`.
fn ended(operation: OperationId, attempt: u32, class: Class) -> Record {
    let outcome = Outcome {
        end: End::Finished,
        class,
        phase: Phase::Body,
        duration: Duration::from_secs(100),
        exposure: Exposure::new(class.charge_probability(), Some(PRICE)),
    };
    let mut record = Record::open(Opening::new(operation, attempt));
    record.closing = Some(Closing::new(outcome));
    record
}

fn answered_in(class: Class, at_least: f64, at_most: f64) -> Record {
    let mut record = ended(OperationId::new(), 1, class);
    let closing = record.closing.as_mut().unwrap();
    closing.status = Some(StatusCode::OK);
    closing.provider_clock = Some(ProviderClock {
        at_least: Duration::from_secs_f64(at_least),
        at_most: Duration::from_secs_f64(at_most),
    });
    record
}

/// The attempts claimed of an operation whose attempts ended with `classes`; `None` is still running.
fn claimed(
    classes: &[Option<Class>],
    rules: &ClaimRules,
) -> Vec<(u32, ClaimRule, ClaimConfidence)> {
    let operation = OperationId::new();
    let records: Vec<_> = (1..)
        .zip(classes)
        .map(|(attempt, class)| match class {
            Some(class) => ended(operation, attempt, *class),
            None => Record::open(Opening::new(operation, attempt)),
        })
        .collect();
    claims(&records, rules)
        .into_iter()
        .inspect(|claim| assert_eq!(claim.amount, Some(PRICE)))
        .map(|claim| (claim.attempt, claim.rule, claim.certainty))
        .collect()
}

#[test]
fn the_clocks_bounds_decide_how_surely_a_call_was_over() {
    for (at_least, at_most, expected) in [
        (179.0, 179.9, None),
        (180.0, 180.0, None),
        (179.9, 180.0, None),
        (180.0, 180.001, Some(Verify)),
        (0.0, 250.0, Some(Verify)),
        (180.001, 180.001, Some(Eligible)),
        (200.0, 250.0, Some(Eligible)),
    ] {
        let record = answered_in(Class::Delivered, at_least, at_most);
        let claims = claims([&record], &ClaimRules::default());
        let found = claims.first().map(|claim| (claim.rule, claim.certainty));
        assert_eq!(
            found,
            expected.map(|certainty| (Over, certainty)),
            "{at_least}..{at_most}"
        );
    }
}

#[test]
fn how_long_a_cut_call_took_is_not_known() {
    let rules = ClaimRules {
        undelivered: false,
        ..ClaimRules::default()
    };
    for (class, expected) in [
        (Class::IntermediaryCut, None),
        // Answered, but perhaps not charged.
        (Class::ModelDeadline, Some(Verify)),
        // Surely not charged.
        (Class::Unavailable, None),
    ] {
        let claims = claims([&answered_in(class, 200.0, 201.0)], &rules);
        assert_eq!(
            claims.first().map(|claim| claim.certainty),
            expected,
            "{class}"
        );
    }
    // No answer, no clock.
    assert_eq!(claimed(&[Some(Class::UnknownOutcome)], &rules), []);
}

#[test]
fn the_limit_scales() {
    let rules = Policy::default().scaled(0.01).unwrap().billing.claims;
    assert_eq!(rules.over, Some(Duration::from_millis(1_800)));
    assert!(
        ClaimRules {
            over: Some(Duration::ZERO),
            ..rules
        }
        .validate()
        .is_err()
    );
}

/// How the attempts of an operation ended, `None` for one that runs, and what is claimed of them.
type Row<'a> = (&'a [Option<Class>], &'a [(u32, ClaimRule, ClaimConfidence)]);

#[test]
fn operations_by_table() {
    use Class::*;
    let rules = ClaimRules::default();
    let table: &[Row] = &[
        (&[Some(Delivered)], &[]),
        (
            &[Some(Class::NeverSent), Some(Overloaded), Some(Delivered)],
            &[],
        ),
        (
            &[Some(Class::NoImage)],
            &[(1, ClaimRule::NoImage, Eligible)],
        ),
        (
            &[Some(Class::Undelivered)],
            &[(1, ClaimRule::Undelivered, Eligible)],
        ),
        // Nothing came of it: whether it was charged is in the provider's log.
        (
            &[Some(UnknownOutcome)],
            &[(1, ClaimRule::Undelivered, Verify)],
        ),
        (
            &[
                Some(IntermediaryCut),
                Some(ModelDeadline),
                Some(Unavailable),
            ],
            &[
                (1, ClaimRule::Undelivered, Verify),
                (2, ClaimRule::Undelivered, Verify),
            ],
        ),
        // Something came of it: the others were one too many.
        (
            &[Some(UnknownOutcome), Some(Delivered)],
            &[(1, Duplicate, Verify)],
        ),
        (
            &[Some(ServerError), Some(Delivered)],
            &[(1, Duplicate, Verify)],
        ),
        // Of two pictures the first was the one that was wanted.
        (
            &[Some(Delivered), Some(Delivered)],
            &[(2, Duplicate, Eligible)],
        ),
        // Each attempt once, by the first rule that applies.
        (
            &[
                Some(Class::NoImage),
                Some(Class::Undelivered),
                Some(UnknownOutcome),
                Some(Delivered),
            ],
            &[
                (1, ClaimRule::NoImage, Eligible),
                (2, ClaimRule::Undelivered, Eligible),
                (3, Duplicate, Verify),
            ],
        ),
        // While one runs, nobody knows whether the operation delivers.
        (&[Some(UnknownOutcome), None], &[]),
        (&[None], &[]),
        // Proved not to have reached the provider whole.
        (&[Some(SentPartial), Some(Delivered)], &[]),
    ];
    for (classes, expected) in table {
        assert_eq!(claimed(classes, &rules), *expected, "{classes:?}");
    }
}

#[test]
fn rules_that_are_off_leave_the_attempt_to_the_next() {
    let off = ClaimRules {
        no_image: false,
        undelivered: false,
        ..ClaimRules::default()
    };
    let classes = [Some(Class::NoImage), Some(Class::Delivered)];
    assert_eq!(claimed(&classes, &off), [(1, Duplicate, Eligible)]);
    let none = ClaimRules {
        duplicate: false,
        over: None,
        ..off
    };
    assert_eq!(claimed(&classes, &none), []);
}

#[test]
fn a_refusal_is_claimed_where_it_looks_like_a_success() {
    let mut record = answered_in(Class::ContentBlocked, 10.0, 11.0);
    let claim = claims([&record], &ClaimRules::default())[0];
    assert_eq!((claim.rule, claim.certainty), (NoImage, Eligible));
    record.closing.as_mut().unwrap().status = Some(StatusCode::BAD_REQUEST);
    assert_eq!(claims([&record], &ClaimRules::default()), []);
}

#[test]
fn each_attempt_goes_by_the_rules_of_its_own_provider() {
    let operation = OperationId::new();
    let records = [1, 2].map(|attempt| ended(operation, attempt, Class::NoImage));
    let pays = ClaimRules::default();
    let does_not = ClaimRules {
        no_image: false,
        ..ClaimRules::default()
    };
    let cases =
        [(&records[0], &does_not), (&records[1], &pays)].map(|(record, rules)| ClaimInput {
            record,
            rules,
            logged: None,
        });
    let claimed: Vec<_> = assess_claims(cases)
        .map(|claim| claim.map(|claim| claim.rule))
        .collect();
    assert_eq!(claimed, [None, Some(NoImage)]);
}

#[test]
fn a_claim_without_a_price_is_of_an_unknown_amount() {
    let mut record = ended(OperationId::new(), 1, Class::Undelivered);
    record.closing.as_mut().unwrap().outcome.exposure.price = None;
    let claim = claims([&record], &ClaimRules::default())[0];
    assert_eq!((claim.rule, claim.amount), (Undelivered, None));
}

#[test]
fn rules_have_names() {
    for rule in ClaimRule::ALL {
        assert_eq!(format!("{rule:?}"), rule.name());
    }
}

#[test]
fn whoever_leaves_in_the_middle_claims_nothing_for_certain() {
    for (end, expected) in [
        (End::Failed, Some(Eligible)),
        (End::TimedOut, Some(Verify)),
        (End::Cancelled, None),
        (End::Superseded, None),
    ] {
        let mut record = ended(OperationId::new(), 1, Class::Undelivered);
        record.closing.as_mut().unwrap().outcome.end = end;
        let claims = claims([&record], &ClaimRules::default());
        let claimed = claims.first().map(|claim| (claim.rule, claim.certainty));
        assert_eq!(claimed, expected.map(|sure| (Undelivered, sure)), "{end}");
    }
}

#[test]
fn an_accepted_task_is_no_claim() {
    let record = ended(OperationId::new(), 1, Class::Accepted);
    assert!(claims([&record], &ClaimRules::default()).is_empty());
}
