//! Files of rules: refused where they are wrong, with the place or the key.

use longhaul_ledger::claims::{ClaimBook, DEFAULT_RULES};

use crate::support::{Run, program};

const PROVIDER: &str = "[[providers]]\nprovider = '*'\ntime_zone = 'UTC'\nsettlement = '62days'\n";

#[test]
fn bad_rules_are_refused_with_their_place_or_key() {
    for (text, says) in [
        ("providers = 1", "rules.toml, line 1, column 13"),
        (
            "[[providers]]\nprovidr = '*'",
            "line 2, column 1: unknown field `providr`",
        ),
        (
            &format!("{PROVIDER}[providers.no_image]\nlimit = '1s'"),
            "line 6, column 1: unknown field `limit`",
        ),
        (
            &format!("{PROVIDER}[providers.over]\nlimit = 'soon'"),
            "line 6, column 9: \"soon\" is not a duration",
        ),
        (
            &format!("{PROVIDER}[providers.over]\nlimit = '0s'"),
            "`providers[0].over.limit`",
        ),
        (
            &format!("{PROVIDER}[providers.over]\namount = {{}}"),
            "missing field `limit`",
        ),
        (&PROVIDER.replace("UTC", "Mars"), "`providers[0].time_zone`"),
        (
            &PROVIDER.replace("'*'", "'*.com'"),
            "`providers[0].provider`",
        ),
        (
            &PROVIDER.replace("62days", "0s"),
            "`providers[0].settlement`",
        ),
        (
            &format!("{PROVIDER}[providers.no_image]\namount = {{ micros = 1 }}"),
            "unknown field `micros`, expected one of `each`",
        ),
        (
            &format!("{PROVIDER}[providers.no_image]\namount = {{ each = '9223372036854 USD' }}"),
            "`providers[0].no_image.amount.each`",
        ),
        (
            &PROVIDER.replace("62days", "99999999years"),
            "`providers[0].settlement`",
        ),
        (
            &format!("{PROVIDER}[providers.no_image]\namount = {{ each = '1 usd' }}"),
            "three-letter",
        ),
        (
            &format!("{PROVIDER}[providers.no_image]\namount = {{ share_permille = 1001 }}"),
            "share_permille",
        ),
        (
            &format!("{PROVIDER}[providers.no_image]\namount = {{ divided_by_permille = 0 }}"),
            "divided_by_permille",
        ),
        (
            &format!("{PROVIDER}[providers.no_image]\nvalid_from = 'March'"),
            "\"March\" is not a date",
        ),
        (
            &format!(
                "{PROVIDER}[providers.no_image]\nvalid_from = '2026-03-02'\nvalid_until = '2026-03-01'"
            ),
            "`providers[0].no_image.valid_until`",
        ),
        (
            &format!("{PROVIDER}[providers.no_image]\nleast_monthly_spend = '0 USD'"),
            "`providers[0].no_image.least_monthly_spend`",
        ),
        (
            &DEFAULT_RULES.replace("\"api.novita.ai\"", "\"api.APIYI.com\""),
            "`providers[3]`: never counts: `providers[0]` stands before it",
        ),
    ] {
        let error = ClaimBook::from_toml(text, "rules.toml")
            .unwrap_err()
            .to_string();
        assert!(error.contains(says), "{text}\n{error}");
        assert!(error.starts_with("rules.toml"), "{error}");
    }
}

#[test]
fn rules_with_a_bom() {
    let text = format!("\u{feff}{DEFAULT_RULES}");
    let book = ClaimBook::from_toml(&text, "rules.toml").unwrap();
    assert_eq!(format!("{book:?}"), format!("{:?}", ClaimBook::default()));
}

#[test]
fn the_built_in_rules_can_be_written_out_and_read_back() {
    let run = Run::of(
        program()
            .args(["claims", "--rules-default"])
            .output()
            .unwrap(),
    )
    .ok();
    assert_eq!(run.stdout, DEFAULT_RULES);
    let book = ClaimBook::from_toml(&run.stdout, "rules.toml").unwrap();
    let terms = book.terms("API.apiyi.com").unwrap();
    assert_eq!(terms.zone().iana_name(), Some("Asia/Shanghai"));
    assert_eq!(format!("{book:?}"), format!("{:?}", ClaimBook::default()));
}
