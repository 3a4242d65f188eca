use super::script::row;
use crate::{
    billing::BillingPolicy,
    model::{Money, PriceRow, PriceTable, Resolution, Workload},
};

const USD: &str = "USD";

fn table() -> PriceTable {
    PriceTable::new(vec![
        row("relay", "banana-pro", Some(Resolution::K4), 90_000, USD),
        row("relay", "banana*", None, 50_000, USD),
        row(
            "api.Example.com",
            "banana",
            Some(Resolution::K1),
            134_400,
            USD,
        ),
        row(
            "api.Example.com",
            "banana",
            Some(Resolution::K4),
            240_000,
            USD,
        ),
        row("mixed", "*", Some(Resolution::K1), 1, USD),
        row("mixed", "*", Some(Resolution::K2), 2, "EUR"),
        row("eu-*", "*", None, 7, "EUR"),
    ])
    .unwrap()
}

fn price(provider: &str, model: &str, resolution: Resolution) -> Option<i64> {
    let workload = Workload::of(resolution).with_model(model);
    table().price(provider, &workload).map(|price| price.micros)
}

#[test]
fn the_first_row_that_matches_counts() {
    use Resolution::*;
    assert_eq!(price("relay", "banana-pro", K4), Some(90_000));
    assert_eq!(price("relay", "banana-pro", K1), Some(50_000));
    assert_eq!(price("relay", "banana-2", K4), Some(50_000));
    assert_eq!(price("relay", "apple", K4), None);
    assert_eq!(price("API.example.com", "banana", K4), Some(240_000));
    assert_eq!(price("api.example.com", "banana", K2), None);
    assert_eq!(price("api.example.com", "banana-2", K4), None);
    assert_eq!(price("EU-west", "anything", K2), Some(7));
    assert_eq!(price("é", "anything", K2), None);
}

#[test]
fn an_unknown_resolution_costs_the_dearest() {
    use Resolution::Unknown;
    assert_eq!(price("relay", "banana-pro", Unknown), Some(90_000));
    assert_eq!(price("relay", "banana-2", Unknown), Some(50_000));
    assert_eq!(price("api.example.com", "banana", Unknown), Some(240_000));
    // Nobody knows which of two currencies is dearer.
    assert_eq!(price("mixed", "banana", Unknown), None);
}

#[test]
fn a_draft_costs_what_the_row_says_that_prices_the_picture() {
    let draft = Money::usd_micros(3_000);
    let rows = vec![
        row("relay", "banana", Some(Resolution::K1), 1, USD),
        row("relay", "banana", Some(Resolution::K4), 2, USD).with_draft_price(draft),
    ];
    let table = PriceTable::new(rows).unwrap();
    let of = |resolution| {
        let workload = Workload::of(resolution).with_model("banana").with_images(4);
        table.draft_price("relay", &workload)
    };
    assert_eq!(of(Resolution::K1), None);
    assert_eq!(of(Resolution::K4), Some(draft));
    // The dearest counts.
    assert_eq!(of(Resolution::Unknown), Some(draft));
}

#[test]
fn images_multiply_and_an_unnamed_model_matches_any_row_for_all() {
    let table = table();
    let workload = Workload::of(Resolution::K1);
    assert_eq!(table.price("relay", &workload), None);
    let price = table.price("eu-west", &workload.with_images(4)).unwrap();
    assert_eq!((price.micros, price.currency.as_str()), (28, "EUR"));
    assert_eq!(
        PriceTable::default().price("relay", &Workload::default()),
        None
    );
    let free = PriceTable::new(vec![row("*", "*", None, 0, USD)]).unwrap();
    assert_eq!(
        free.price("", &Workload::default()),
        Some(Money::usd_micros(0))
    );
}

#[test]
fn bad_rows_are_refused_by_field() {
    let good = || row("relay", "banana", None, 1, USD);
    type Change = fn(&mut PriceRow);
    let changes: [(Change, &str); 10] = [
        (
            |row| row.draft_price = Some(Money::usd_micros(-1)),
            "draft_price",
        ),
        (
            |row| row.draft_price = "0.01 EUR".parse().ok(),
            "draft_price",
        ),
        (|row| row.price.micros = -1, "price"),
        (|row| row.price.micros = 1_000_000_000_001, "price"),
        (|row| row.price.micros = i64::MAX, "price"),
        (|row| row.provider.clear(), "provider"),
        (|row| row.provider = "a*b".to_owned(), "provider"),
        (|row| row.model.clear(), "model"),
        (|row| row.model = "**".to_owned(), "model"),
        (
            |row| row.resolution = Some(Resolution::Unknown),
            "resolution",
        ),
    ];
    for (change, field) in changes {
        let mut bad = good();
        change(&mut bad);
        let other = row("other", "banana", None, 1, USD);
        let third = row("third", "banana", None, 1, USD);
        let policy = BillingPolicy::with_prices(vec![other, third, bad]);
        let error = policy.validate().unwrap_err();
        assert_eq!(error.field(), format!("prices[2].{field}"));
        assert_eq!(
            error.under("billing").field(),
            format!("billing.prices[2].{field}")
        );
    }
    let mut policy = BillingPolicy::default();
    policy.claims.over = Some(std::time::Duration::ZERO);
    assert_eq!(policy.validate().unwrap_err().field(), "claims.over");
}

#[test]
fn a_row_that_an_earlier_one_hides_is_refused() {
    let first = |provider, model, size| row(provider, model, size, 1, USD);
    let (k1, k4) = (Some(Resolution::K1), Some(Resolution::K4));
    for (earlier, later, hidden) in [
        (first("*", "*", None), first("relay", "banana", k4), true),
        (
            first("Relay*", "ban*", None),
            first("relay-2", "bananas*", k1),
            true,
        ),
        (
            first("relay", "banana", k4),
            first("RELAY", "banana", k4),
            true,
        ),
        (
            first("relay", "banana", k4),
            first("relay", "banana", None),
            false,
        ),
        (
            first("relay", "banana", k4),
            first("relay", "banana", k1),
            false,
        ),
        (
            first("relay", "banana", None),
            first("relay", "banana*", None),
            false,
        ),
        (
            first("relay", "banana", None),
            first("relay", "Banana", None),
            false,
        ),
        (first("relay*", "*", None), first("rel*", "*", None), false),
    ] {
        let another = row("another", "apple", None, 1, USD);
        let rows = vec![another, earlier.clone(), later.clone()];
        let error = BillingPolicy::with_prices(rows).validate().err();
        let field = error.as_ref().map(crate::ConfigError::field);
        assert_eq!(
            field,
            hidden.then_some("prices[2]"),
            "{earlier:?} {later:?}"
        );
        if let Some(error) = error {
            assert!(error.to_string().contains("`prices[1]`"), "{error}");
        }
    }
}

#[test]
fn a_charge_rule_that_an_earlier_one_hides_is_refused() {
    use crate::{billing::ChargeRule, model::Class};
    let field = |rows: &[(&str, Class)]| {
        let rule = |(provider, class): &(&str, Class)| ChargeRule::new(*provider, *class, 500);
        let policy = BillingPolicy {
            charge_rules: rows.iter().map(rule).collect(),
            ..BillingPolicy::default()
        };
        policy
            .validate()
            .err()
            .map(|error| error.field().to_owned())
    };
    let (no_image, cut) = (Class::NoImage, Class::IntermediaryCut);
    let hidden = field(&[("relay*", no_image), ("relay.example.com", no_image)]);
    assert_eq!(hidden.as_deref(), Some("charge_rules[1]"));
    assert_eq!(
        field(&[("relay*", no_image), ("relay.example.com", cut)]),
        None
    );
    assert_eq!(
        field(&[("relay", no_image), ("*", no_image)]),
        None,
        "hides built-in ones alone"
    );
}

#[cfg(feature = "toml")]
#[test]
fn a_policy_is_read_from_a_file_and_unknown_keys_are_refused() {
    let file = r#"
        [[prices]]
        provider = "relay"
        model = "banana*"
        resolution = "K4"
        price = "0.09 USD"

        [claims]
        over = "120s"
        duplicate = false
    "#;
    let policy: BillingPolicy = toml::from_str(file).unwrap();
    assert_eq!(
        policy.prices,
        [row("relay", "banana*", Some(Resolution::K4), 90_000, USD)]
    );
    assert_eq!(
        policy.claims.over,
        Some(std::time::Duration::from_secs(120))
    );
    assert!(policy.claims.no_image && !policy.claims.duplicate);
    assert_eq!(
        toml::from_str::<BillingPolicy>("").unwrap(),
        BillingPolicy::default()
    );
    for key in [
        "[claims]\nover_ = '1s'",
        "price = []",
        "[[prices]]\nmodell = 'x'",
    ] {
        assert!(toml::from_str::<BillingPolicy>(key).is_err(), "{key}");
    }
}
