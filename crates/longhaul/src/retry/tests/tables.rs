//! Tables that others publish, where they and we agree, and where not.

use super::*;

/// openai-python's backoff by itself (its other tables are in `tests/endings/`): with 3, 2, 1 retries left 0.5, 1 and 2 s, held at 8 s however
/// many there were, less up to a quarter at random. Our exponential waits are the same, with the jitter on
/// top instead: a schedule's waits are the least that is waited.
#[test]
fn openai_pythons_backoff() {
    let schedule = Schedule {
        after_error: Backoff::Exponential(Duration::from_millis(500)),
        cap: Duration::from_secs(8),
        overload: Duration::ZERO,
        jitter: 0.0,
        ..Schedule::default()
    };
    for (attempt, milliseconds) in [(1, 500), (2, 1_000), (3, 2_000), (1_103, 8_000)] {
        let wait = schedule.wait(attempt, End::Finished, Class::ServerError, None);
        assert_eq!(wait.as_millis(), milliseconds, "attempt {attempt}");
    }
}

/// openai-python retries by status: 408, 409, 429 and 500 up. So do we, but for these.
#[test]
fn openai_pythons_statuses() {
    let policy = exact();
    for status in (100..600).filter_map(|code| http::StatusCode::from_u16(code).ok()) {
        let Some(class) = crate::model::class_of(status) else {
            continue;
        };
        let mut situation = Situation::new(End::Finished, class);
        situation.status = Some(status);
        let ours = matches!(policy.decision(&situation), RetryDecision::Again { .. });
        let theirs = matches!(status.as_u16(), 408 | 409 | 429 | 500..);
        let reason = match status.as_u16() {
            // A conflict passes only where the provider says that it is the same call, still running.
            409 => "only as InFlight",
            // What a server does not implement it will not have learned five seconds later.
            501 | 505 | 511 => "never",
            // The provider cancelled a call that may have run: sent again, and counted as a duplicate.
            499 => "as an unknown outcome",
            // An informational status is no answer; it counts as an unexpected one.
            100..=199 => "as a server's error",
            _ => "",
        };
        assert_eq!(ours != theirs, !reason.is_empty(), "{status}");
    }
}

#[test]
fn new_policies_that_cannot_work_are_refused_by_name() {
    type Break = fn(&mut RetryPolicy);
    let rows: [(&str, Break); 6] = [
        ("budget.floor", |policy| {
            policy.budget = Some(MoneyBudget {
                floor: Money::usd_micros(-1),
                ..MoneyBudget::default()
            });
        }),
        ("budget.deposit_per_mille", |policy| {
            policy.budget = Some(MoneyBudget {
                deposit_per_mille: 1001,
                ..MoneyBudget::default()
            });
        }),
        ("spending_cap", |policy| {
            policy.spending_cap = Some(Money::usd_micros(-1));
        }),
        ("keys[1].host", |policy| {
            policy.keys = vec![
                KeyRow::new("a.example", KeyForm::Bare),
                KeyRow::new("https://a.example", KeyForm::Bare),
            ];
        }),
        ("keys[0].host", |policy| {
            policy.keys = vec![KeyRow::new("", KeyForm::None)];
        }),
        ("schedule.collect", |policy| {
            policy.schedule.collect = Duration::ZERO;
        }),
    ];
    for (field, spoil) in rows {
        let mut policy = RetryPolicy::default();
        spoil(&mut policy);
        assert_eq!(policy.validate().unwrap_err().field(), field);
    }
}

#[cfg(feature = "toml")]
#[test]
fn new_policies_come_back_from_a_file_as_they_were_written() {
    use crate::policy::Policy;

    let text = r#"
        [timeout]
        after_timeout = 1.5

        [retry]
        paid_attempts = 2
        worth = inf
        free_until = "5m"
        server_timeout = true
        budget = { floor = "0.50 USD" }
        spending_cap = "10.00 USD"

        [[retry.keys]]
        host = "*.example.com"
        form = "quoted"
    "#;
    let policy = Policy::from_toml(text).unwrap();
    assert_eq!(policy.retry.budget.unwrap().deposit_per_mille, 100);
    assert_eq!(policy.retry.keys[0].form, KeyForm::Quoted);
    assert_eq!(policy.timeout.after_timeout, Some(1.5));
    let written = policy.to_toml().unwrap();
    assert_eq!(Policy::from_toml(&written).unwrap(), policy, "{written}");

    for (text, named) in [
        ("[timeout]\nafter_timeout = 0.5", "timeout.after_timeout"),
        ("[retry.budget]\nceiling = 1", "ceiling"),
        ("[retry]\nspending_cap = '1 $'", "1 $"),
        ("[[retry.keys]]\nhost = 'a'\nform = 'hex'", "hex"),
    ] {
        let error = Policy::from_toml(text).unwrap_err().to_string();
        assert!(error.contains(named), "{text}\n→ {error}");
    }
}
