//! Figures that can be calculated by hand.

use std::time::Duration;

use super::figures;

/// Every call is for a 4K picture, takes two minutes, and is cut after one.
const CUT: &str = r#"
mix = { k4 = 1 }
generation = [{ least = "120s", median = "120s", p95 = "120s", most = "120s" }]
fault = [{ does = "cut@60" }]
"#;

const PRICE: u64 = 240_000;

/// Attempts charged, pictures delivered and money wasted for one picture asked for.
fn costs(rest: &str, policy: &str) -> (usize, usize, u64) {
    let figures = figures(rest, policy, 1);
    assert_eq!(figures.charged_micros, PRICE * figures.charged as u64);
    (figures.charged, figures.delivered, figures.wasted_micros)
}

#[test]
fn behind_a_cut_at_60_s_a_loop_pays_for_each_attempt_in_vain() {
    assert_eq!(costs(CUT, "once"), (1, 0, PRICE));
    assert_eq!(costs(CUT, "guide-loop"), (3, 0, 3 * PRICE));
    assert_eq!(costs(CUT, "openai-sdk"), (3, 0, 3 * PRICE));
    assert_eq!(costs(CUT, "tower"), (3, 0, 3 * PRICE));
    assert_eq!(costs(CUT, "tower-600s"), (3, 0, 3 * PRICE));
    assert_eq!(costs(CUT, "tower-resilience"), (1, 0, PRICE));
    assert_eq!(costs(CUT, "tower-resilience-600s"), (3, 0, 3 * PRICE));
    assert_eq!(costs(CUT, "reqwest-retry"), (4, 0, 4 * PRICE));
    assert_eq!(costs(CUT, "longhaul"), (3, 0, 3 * PRICE));
}

#[test]
fn careful_pays_once_and_a_fallback_brings_the_picture() {
    assert_eq!(costs(CUT, "longhaul-careful"), (1, 0, PRICE));
    assert_eq!(costs(CUT, "longhaul-fallback"), (2, 1, PRICE));
}

/// A dollar's worth of duplicates that are charged with a probability of 90 %: $0.216 each. Fewer calls than it takes to
/// know the cut.
#[test]
fn a_money_budget_stops_paying_when_it_is_used_up() {
    let figures = figures(CUT, "longhaul-budget", 5);
    assert_eq!((figures.charged, figures.delivered), (5 + 4, 0));
}

/// The cut attempt and its fallback: $0.24 for nothing, which the ledger claims.
#[test]
fn what_was_paid_for_nothing_is_claimed() {
    let figures = figures(CUT, "longhaul-fallback", 1);
    assert_eq!(figures.claims.unwrap().micros(), 240_000);
    assert_eq!(super::figures(CUT, "guide-loop", 1).claims, None);
}

#[test]
fn whoever_looks_at_the_status_waits_an_overload_out() {
    let overloaded = r#"
        mix = { k1 = 1 }
        generation = [{ least = "30s", median = "30s", p95 = "30s", most = "30s" }]
        fault = [{ does = "overloaded" }]
    "#;
    for (policy, attempts) in [
        ("once", 1),
        ("guide-loop", 1),
        ("tower-600s", 1),
        ("reqwest-retry", 4),
        ("openai-sdk", 3),
    ] {
        let figures = figures(overloaded, policy, 1);
        assert_eq!(
            (figures.attempts, figures.charged),
            (attempts, 0),
            "{policy}"
        );
        assert_eq!(figures.delivered, 0, "{policy}");
    }
    // What is free is asked for until the deadline, 2,250 s: after 15, 30 and then every 60 s, and up to a fifth more.
    let ours = figures(overloaded, "longhaul", 1);
    assert!((32..=39).contains(&ours.attempts), "{}", ours.attempts);
    assert_eq!((ours.charged, ours.delivered), (0, 0));
    let fallen_back = figures(overloaded, "longhaul-fallback", 1);
    assert_eq!((fallen_back.charged, fallen_back.delivered), (1, 1));
    assert_eq!(fallen_back.wasted_micros, 0);
}

#[test]
fn time_to_picture_counts_from_the_question_to_the_last_byte() {
    let steady = r#"
        mix = { k2 = 1 }
        generation = [{ least = "65s", median = "65s", p95 = "65s", most = "65s" }]
    "#;
    for policy in [
        "once",
        "tower-600s",
        "reqwest-retry",
        "openai-sdk",
        "longhaul",
    ] {
        let seconds = figures(steady, policy, 10).seconds_to_picture.unwrap();
        let exact = Duration::from_secs(65).as_secs_f64();
        for quantile in [seconds.p50, seconds.p95, seconds.p99] {
            assert!(
                (exact..exact + 0.01).contains(&quantile),
                "{policy}: {quantile}"
            );
        }
    }
}

#[test]
fn a_caller_that_leaves_pays_and_gets_nothing() {
    let leaving = "patience = \"60s\"\nmix = { k4 = 1 }";
    for policy in ["once", "longhaul", "longhaul-careful"] {
        assert_eq!(costs(leaving, policy), (1, 0, PRICE), "{policy}");
    }
}

/// The answer breaks off beyond what is read ahead: whoever has been handed its beginning cannot send again.
#[test]
fn a_broken_answer_is_asked_again_only_by_who_reads_it_whole() {
    let broken = "mix = { k1 = 1 }\nfault = [{ does = \"truncated\" }]";
    for (policy, charged) in [
        ("guide-loop", 3),
        ("openai-sdk", 3),
        ("reqwest-retry", 1),
        ("tower-600s", 1),
        ("as-it-comes", 1),
        ("longhaul", 3),
    ] {
        let figures = figures(broken, policy, 1);
        assert_eq!(
            (figures.charged, figures.delivered),
            (charged, 0),
            "{policy}"
        );
    }
}

/// Work of 400 s: longer than the guide's 300 s for 1K, and within the operation's deadline.
#[test]
fn who_does_not_cut_its_last_paid_call_gets_its_picture() {
    let slow = r#"
        mix = { k1 = 1 }
        generation = [{ least = "400s", median = "400s", p95 = "400s", most = "400s" }]
    "#;
    let one = |policy| {
        let figures = figures(slow, policy, 1);
        (figures.charged, figures.delivered)
    };
    assert_eq!(one("longhaul"), (1, 1));
    assert_eq!(one("longhaul-careful"), (1, 1));
    assert_eq!(one("longhaul-letter"), (3, 0));
}
