//! Keys that an older policy file may hold, and what they are called now.
//!
//! An unknown key is refused in any case; one that had a meaning once is refused with its new name. A key that was silently
//! ignored would leave a limit at its default that somebody has set.

use toml::{Table, Value};

use crate::config::ConfigError;

/// The old key with its path, and the new key that stands in its place. `[]` stands for each row of an array.
const RENAMED: [(&str, &str); 24] = [
    ("limits", "timeout"),
    ("timeout.head", "picture"),
    ("timeout.network_head", "network_picture"),
    ("timeout.body_idle", "silence"),
    ("timeout.body", "silence"),
    ("in_flight.wait", "queue_timeout"),
    ("in_flight.per_host", "max_per_host"),
    ("retry.schedule.told", "max_retry_after"),
    ("retry.attempts", "paid_attempts"),
    ("retry.duplicates.count", "retry.paid_attempts"),
    ("retry.duplicates.micros", "retry.max_duplicate_cost"),
    ("retry.max_duplicate_micros", "max_duplicate_cost"),
    (
        "retry.deadline_headers",
        "deadline_headers` of an upstream of `longhaul-gateway",
    ),
    ("retry.budget.floor_micros", "floor"),
    ("retry.spending_cap.micros", r#"spending_cap = "50.00 USD""#),
    (
        "retry.spending_cap.currency",
        r#"spending_cap = "50.00 USD""#,
    ),
    ("retry.expected", "worth"),
    ("retry.late_results", "timeout.at_limit"),
    ("retry.uncut_last_attempt", "timeout.at_limit"),
    ("billing.priors", "charge_rules"),
    ("billing.priors[].per_mille", "permille"),
    ("billing.charge_rules[].per_mille", "permille"),
    ("billing.prices[].price_micros", "price"),
    ("billing.prices[].currency", "price"),
];

/// Refuses a file with an old key, naming its successor.
pub(super) fn refuse_old_keys(file: &Table) -> Result<(), ConfigError> {
    for (old, new) in RENAMED {
        let (table, key) = old.rsplit_once('.').unwrap_or(("", old));
        let path = table.split('.').filter(|step| !step.is_empty());
        if let Some(place) = find(file, path, key) {
            return Err(ConfigError::new(place, format!("is now `{new}`")));
        }
    }
    Ok(())
}

/// The full path of `key` under `path`, if it is there.
fn find<'a>(
    table: &Table,
    mut path: impl Iterator<Item = &'a str> + Clone,
    key: &str,
) -> Option<String> {
    let Some(step) = path.next() else {
        return table.contains_key(key).then(|| key.to_owned());
    };
    match step.strip_suffix("[]") {
        None => find(table.get(step)?.as_table()?, path, key).map(|rest| format!("{step}.{rest}")),
        Some(name) => {
            let rows = table
                .get(name)?
                .as_array()?
                .iter()
                .filter_map(Value::as_table);
            rows.enumerate().find_map(|(index, row)| {
                find(row, path.clone(), key).map(|rest| format!("{name}[{index}].{rest}"))
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::policy::Policy;

    #[test]
    fn old_keys_are_refused_with_their_new_names() {
        for (file, message) in [
            ("[limits]\nstart = '20s'", "`limits`: is now `timeout`"),
            (
                "[timeout]\nbody = '300s'",
                "`timeout.body`: is now `silence`",
            ),
            (
                "[in_flight]\nwait = '1s'",
                "`in_flight.wait`: is now `queue_timeout`",
            ),
            (
                "[in_flight]\nper_host = 3",
                "`in_flight.per_host`: is now `max_per_host`",
            ),
            (
                "[retry.schedule]\ntold = '1s'",
                "`retry.schedule.told`: is now `max_retry_after`",
            ),
            (
                "[retry]\nattempts = 5",
                "`retry.attempts`: is now `paid_attempts`",
            ),
            (
                "[retry]\nduplicates = { count = 0 }",
                "`retry.duplicates.count`: is now `retry.paid_attempts`",
            ),
            (
                "[retry]\nduplicates = { micros = 1 }",
                "`retry.duplicates.micros`: is now `retry.max_duplicate_cost`",
            ),
            (
                "[retry]\nmax_duplicate_micros = 240000",
                "`retry.max_duplicate_micros`: is now `max_duplicate_cost`",
            ),
            (
                "[retry]\nbudget = { floor_micros = 1000000 }",
                "`retry.budget.floor_micros`: is now `floor`",
            ),
            (
                "[retry]\nspending_cap = { micros = 1, currency = 'USD' }",
                r#"`retry.spending_cap.micros`: is now `spending_cap = "50.00 USD"`"#,
            ),
            (
                "[retry.spending_cap]\ncurrency = 'USD'",
                r#"`retry.spending_cap.currency`: is now `spending_cap = "50.00 USD"`"#,
            ),
            (
                "[retry]\ndeadline_headers = []",
                "`retry.deadline_headers`: is now `deadline_headers` of an upstream of `longhaul-gateway`",
            ),
            (
                "[retry]\nlate_results = true",
                "`retry.late_results`: is now `timeout.at_limit`",
            ),
            (
                "[[billing.priors]]\nprovider = '*'",
                "`billing.priors`: is now `charge_rules`",
            ),
            (
                "[[billing.charge_rules]]\nper_mille = 1",
                "`billing.charge_rules[0].per_mille`: is now `permille`",
            ),
            (
                "[[billing.prices]]\n[[billing.prices]]\nprice_micros = 1",
                "`billing.prices[1].price_micros`: is now `price`",
            ),
            (
                "[[billing.prices]]\ncurrency = 'USD'",
                "`billing.prices[0].currency`: is now `price`",
            ),
        ] {
            assert_eq!(Policy::from_toml(file).unwrap_err().to_string(), message);
        }
    }
}
