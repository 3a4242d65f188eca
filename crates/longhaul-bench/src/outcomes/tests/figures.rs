use super::{everything, figures, policies};

/// `play` refuses a table whose ledgers disagree with the providers, or whose callers hold other pictures than were
/// delivered; what is left to say is how the figures relate to each other.
#[test]
fn under_every_policy_the_books_of_every_scenario_are_sound() {
    let table = everything(3, 8);
    assert_eq!(table.rows().count(), 26);
    for (scenario, row) in table.rows() {
        for (policy, figures) in row {
            let name = format!("{} under {}", scenario.name, policy.name);
            assert_eq!(figures.operations, 8, "{name}");
            assert!(figures.delivered <= figures.charged, "{name}");
            assert!(figures.charged <= figures.attempts, "{name}");
            assert!(figures.wasted_micros <= figures.charged_micros, "{name}");
            // A picture more than were delivered is at least one at the lowest price, and at most one at the highest.
            let lost = (figures.charged - figures.delivered) as u64;
            let range = lost * 134_400..=lost * 240_000;
            assert!(range.contains(&figures.wasted_micros), "{name}");
            assert_eq!(figures.claims.is_some(), policy.is_ours(), "{name}");
            let timed = figures.seconds_to_picture.is_some();
            assert_eq!(timed, figures.delivered > 0, "{name}");
        }
    }
}

#[test]
fn on_a_normal_day_whoever_waits_long_enough_loses_nothing() {
    for policy in policies::all() {
        let figures = figures("", policy.name, 40);
        // Their time limit of 30 s is shorter than the shortest work.
        let hasty = ["tower", "tower-resilience"].contains(&policy.name);
        assert_eq!(
            figures.delivered,
            if hasty { 0 } else { 40 },
            "{}",
            policy.name
        );
        assert_eq!(figures.wasted_micros == 0, !hasty, "{}", policy.name);
    }
}
