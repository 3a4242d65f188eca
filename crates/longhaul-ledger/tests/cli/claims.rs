use longhaul::Class;
use serde_json::json;

use crate::support::{Ledger, delivered, on_both};

const CASES: &str = include_str!("../data/claims.txt");

on_both! {
    async fn each_case_is_claimed_as_its_table_says(ledger: Ledger) {
        let mut expected = Vec::new();
        for (operation, line) in (1..).zip(CASES.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))) {
            let [provider, day, attempts, claims] = cells(line);
            for (number, attempt) in (1..).zip(attempts.split(',').map(str::trim)) {
                let [class, clock, log] = parts(attempt);
                if class == "runs" {
                    ledger.add_running(operation, number, &format!("{day}T10:00:00Z")).await;
                    continue;
                }
                let mut row = delivered(operation, &format!("{day}T10:00:00Z")).attempt(number);
                row.provider = provider;
                row.class = Class::named(class).unwrap();
                if let Some((at_least, at_most)) = clock.split_once('-') {
                    row = row.clock(at_least.parse().unwrap(), at_most.parse().unwrap());
                }
                let id = ledger.add(&row).await;
                if let Some((charged, seconds)) = log.split_once('/') {
                    ledger.log(id, charged.parse().unwrap(), 0, "USD", seconds.parse().ok()).await;
                }
            }
            for claim in claims.split(',').map(str::trim).filter(|claim| !claim.is_empty()) {
                expected.push(format!("{operation} {claim}"));
            }
        }
        let found: Vec<_> = ledger.run(&["claims", "--each", "--json"]).ok().lines().iter().map(|claim| {
            let opening = &claim["attempt"]["opening"];
            let operation = opening["operation"].as_str().unwrap();
            let operation = u128::from_str_radix(&operation.replace('-', ""), 16).unwrap();
            let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
            format!("{operation} {} {} {}", opening["attempt"], text(&claim["rule"]), text(&claim["state"]))
        }).collect();
        let (mut found, mut expected) = (found, expected);
        found.sort();
        expected.sort();
        assert_eq!(found, expected);
    }

    async fn a_plan_for_large_customers_pays_those_who_spent_enough(ledger: Ledger) {
        let rules = ledger.folder.path().join("rules.toml");
        let write = |least: &str| std::fs::write(&rules, format!(
            "[[providers]]\nprovider = 'relay*'\ntime_zone = 'Asia/Shanghai'\nsettlement = '62days'\n\
             [providers.no_image]\namount = {{ each = '0.05 USD', divided_by_permille = 800 }}\n\
             valid_from = '2026-03-01'\nleast_monthly_spend = '{least}'\n"
        )).unwrap();
        let rules_path = rules.display().to_string();
        // February there, and March.
        ledger.add(&delivered(1, "2026-02-28T15:59:59Z").ended(Class::NoImage)).await;
        ledger.add(&delivered(2, "2026-02-28T16:00:00Z").ended(Class::NoImage)).await;
        ledger.add(&delivered(3, "2026-03-02T16:00:00Z").ended(Class::UnknownOutcome)).await;
        // 0.05 USD in March for certain, 0.10 at most.
        for (least, state) in [("0.05 USD", Some("Eligible")), ("0.10 USD", Some("Verify")), ("0.100001 USD", None)] {
            write(least);
            let run = ledger.run(&["claims", "--rules", &rules_path, "--json"]);
            let document = run.json();
            match state {
                Some(state) => {
                    let claim = &document["claims"][0];
                    assert_eq!(claim["state"], state, "{run:?}");
                    assert_eq!((&claim["claims"], &claim["amount_micros"]), (&json!(1), &json!(62_500)));
                }
                None => {
                    assert_eq!((run.code, &document["claims"]), (3, &json!([])));
                    assert_eq!(document["withheld"][0]["attempts"], 1);
                    assert!(run.stderr.contains("wants 0.100001 USD"), "{run:?}");
                }
            }
        }
    }

    async fn a_month_is_each_providers_own(ledger: Ledger) {
        // February in Shanghai, January in UTC.
        ledger.add(&delivered(1, "2026-01-31T20:00:00Z").at("api.apiyi.com").ended(Class::Undelivered)).await;
        ledger.add(&delivered(2, "2026-01-31T20:00:00Z").ended(Class::Undelivered)).await;
        let providers = |arguments: &[&str]| {
            let run = ledger.run(&[&["claims", "--json"], arguments].concat()).ok();
            run.json()["claims"].as_array().unwrap().iter()
                .map(|row| row["provider"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(providers(&["--month", "2026-01"]), ["relay.example.com"]);
        assert_eq!(providers(&["--month", "2026-02"]), ["api.apiyi.com"]);
        let both = providers(&["--month", "2026-01", "--time-zone", "UTC"]);
        assert_eq!(both, ["api.apiyi.com", "relay.example.com"]);
    }
}

fn cells(line: &'static str) -> [&'static str; 4] {
    let cells: Vec<_> = line.split('|').map(str::trim).collect();
    cells
        .try_into()
        .unwrap_or_else(|_| panic!("four cells: {line}"))
}

/// Class, clock and log.
fn parts(attempt: &str) -> [&str; 3] {
    let (rest, log) = attempt.split_once('#').unwrap_or((attempt, ""));
    let (class, clock) = rest.split_once('@').unwrap_or((rest, ""));
    [class, clock, log]
}
