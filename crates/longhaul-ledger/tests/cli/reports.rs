use jiff::tz::TimeZone;
use longhaul::Class;
use longhaul_ledger::{Filter, Location, Period, Store, month};
use serde_json::json;

use crate::support::{Ledger, delivered, on_both};

on_both! {
    async fn amounts_add_up_by_currency_and_logs_replace_likelihoods(ledger: Ledger) {
        let day = "2026-01-17T10:00:00Z";
        ledger.add(&delivered(1, day)).await;
        // Free, then likely charged, then delivered: 0.045 USD of it are wasted.
        ledger.add(&delivered(2, day).ended(Class::Overloaded)).await;
        ledger.add(&delivered(2, day).attempt(2).ended(Class::UnknownOutcome)).await;
        ledger.add(&delivered(2, day).attempt(3)).await;
        // Two pictures where one was wanted.
        ledger.add(&delivered(3, day)).await;
        ledger.add(&delivered(3, day).attempt(2)).await;
        // Another currency, and no price at all.
        ledger.add(&delivered(4, day).price(Some((300_000, "CNY")))).await;
        ledger.add(&delivered(5, day).price(None)).await;
        ledger.add_running(6, 1, day).await;
        let report = ledger.run(&["report", "--month", "2026-01", "--json"]).ok().json();
        let total = |currency: Option<&str>| {
            let totals = report["totals"].as_array().unwrap();
            totals.iter().find(|total| total["currency"] == json!(currency)).unwrap().clone()
        };
        let dollars = total(Some("USD"));
        for (figure, expected) in [
            ("operations", 3), ("attempts", 6), ("delivered", 4), ("unpriced", 0),
            ("certain_micros", 200_000), ("possible_micros", 250_000), ("expected_micros", 245_000),
            ("wasted_micros", 95_000), ("credited_micros", 0),
        ] {
            assert_eq!(dollars[figure], expected, "{figure}");
        }
        assert_eq!(total(Some("CNY"))["certain_micros"], 300_000);
        assert_eq!(total(None)["unpriced"], 1);
        assert_eq!(report["running"]["attempts"], 1);
        assert_eq!(report["running"]["possible_micros"]["USD"], 50_000);
    }

    async fn what_a_log_says_stands_in_the_place_of_the_likelihood(ledger: Ledger) {
        let day = "2026-01-17T10:00:00Z";
        let free = ledger.add(&delivered(1, day).ended(Class::UnknownOutcome)).await;
        ledger.log(free, 0, 0, "USD", None).await;
        let charged = ledger.add(&delivered(2, day).ended(Class::Overloaded)).await;
        ledger.log(charged, 40_000, 10_000, "USD", None).await;
        // Charged in another currency than was thought.
        let other = ledger.add(&delivered(3, day)).await;
        ledger.log(other, 350_000, 0, "CNY", None).await;
        let report = ledger.run(&["report", "--month", "2026-01", "--by", "provider", "--json"]).ok().json();
        let rows = report["rows"].as_array().unwrap();
        assert_eq!(rows.len(), 2, "{report}");
        let [yuan, dollars] = [&rows[0], &rows[1]];
        assert_eq!((&yuan["currency"], &yuan["certain_micros"]), (&json!("CNY"), &json!(350_000)));
        assert_eq!(yuan["wasted_micros"], 0);
        for figure in ["certain_micros", "possible_micros", "expected_micros", "wasted_micros"] {
            assert_eq!(dollars[figure], 40_000, "{figure}");
        }
        assert_eq!((&dollars["attempts"], &dollars["credited_micros"]), (&json!(3), &json!(10_000)));
    }

    async fn days_begin_where_the_time_zone_says(ledger: Ledger) {
        ledger.add(&delivered(1, "2026-01-16T15:59:59Z")).await;
        ledger.add(&delivered(2, "2026-01-16T16:00:00Z")).await;
        let days = |zone: &str| {
            let arguments = ["report", "--month", "2026-01", "--by", "day", "--json", "--time-zone", zone];
            let report = ledger.run(&arguments).ok().json();
            let rows = report["rows"].as_array().unwrap().clone();
            rows.iter().map(|row| row["day"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(days("Asia/Shanghai"), ["2026-01-16", "2026-01-17"]);
        assert_eq!(days("UTC"), ["2026-01-16"]);
        let table = ledger.run(&["report", "--month", "2026-01"]).ok().stdout;
        assert!(table.contains("total") && table.contains("0.10"), "{table}");
        assert_eq!(ledger.run(&["report", "--month", "2025-01"]).code, 3);
    }
}

#[tokio::test]
async fn an_attempt_that_ends_during_a_report_is_in_it() {
    let Some(ledger) = Ledger::one_ended_and_one_running().await else {
        return;
    };
    let location: Location = ledger.url().parse().unwrap();
    let store = Store::open(&location).await.unwrap();
    let january = Period::month_of(month("2026-01").unwrap(), TimeZone::UTC).unwrap();
    let filter = Filter::default();
    let report = store.report(&january, &filter);
    let report = ledger.end_before_running_is_read(Class::Delivered, report);
    let report = report.await.unwrap();
    let ended = report.by(&[])[0].figures.attempts;
    assert_eq!((ended, report.running.attempts), (2, 0));
}
