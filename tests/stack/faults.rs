//! Every fault of the simulated provider, row by row: what it means, what it costs, how often it is met.

use http_body_util::Full;
use longhaul::{Class, End, Phase, policy::Policy};
use longhaul_sim::{Action, Dialect, Fault, Script};
use longhaul_testing::harness::Harness;
use serde::Deserialize;

use crate::calls::{picture, post, send};

#[derive(Deserialize)]
struct Table {
    fault: Vec<Row>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct Row {
    /// As in a script.
    pub(crate) name: String,
    /// The dialects that the row is about; both, where it does not say.
    #[serde(default = "both")]
    dialects: Vec<Dialect>,
    /// So much longer is the request's body.
    #[serde(default)]
    padding: usize,
    class: Class,
    end: End,
    phase: Phase,
    status: Option<u16>,
    /// What a third one in a row means, where that differs: three cuts after the same time are no accident.
    third: Option<Class>,
    /// Whether the provider charges each attempt.
    charged: bool,
    /// Attempts that are made of it when it is met every time: by the document's policy …
    attempts: usize,
    /// … and by the careful one.
    careful: usize,
}

fn both() -> Vec<Dialect> {
    vec![Dialect::OpenAi, Dialect::Gemini]
}

/// The rows of the table.
pub(crate) fn rows() -> Vec<Row> {
    toml::from_str::<Table>(include_str!("faults.toml"))
        .unwrap()
        .fault
}

impl Row {
    /// This fault, always.
    pub(crate) fn script(&self) -> Script {
        Script::always(self.name.parse::<Action>().unwrap())
    }

    fn class_of(&self, attempt: usize) -> Class {
        self.third.filter(|_| attempt >= 3).unwrap_or(self.class)
    }

    fn request(&self, dialect: Dialect) -> http::Request<Full<bytes::Bytes>> {
        if self.padding == 0 {
            return picture(dialect);
        }
        let prompt = "x".repeat(self.padding);
        let body = format!(r#"{{"prompt":"{prompt}","size":"4096x4096"}}"#);
        post("v1/images/generations", Full::from(body))
    }
}

async fn check(row: &Row, dialect: Dialect, policy: Policy, attempts: usize) {
    let harness = Harness::in_process(policy, row.script());
    let answer = send(harness.client(), row.request(dialect)).await;
    let context = format!("{row:?} as {dialect:?}");

    assert_eq!(
        harness.disagreements().await,
        Vec::<String>::new(),
        "{context}"
    );
    let records = harness.stack.ledger().records();
    assert_eq!(records.len(), attempts, "{context}");
    for (number, record) in (1..).zip(records) {
        let closing = record.closing.unwrap();
        let outcome = closing.outcome;
        assert_eq!(
            (outcome.class, outcome.end, outcome.phase),
            (row.class_of(number), row.end, row.phase),
            "{context}"
        );
        let status = closing.status.map(|status| status.as_u16());
        assert_eq!(status, row.status, "{context}");
    }
    let totals = harness.provider.oracle().totals();
    let charged = if row.charged { attempts as u64 } else { 0 };
    assert_eq!(totals.charged, charged, "{context}");

    match answer {
        // What the provider answered is handed on as it is.
        Ok(answer) => assert_eq!(Some(answer.status().as_u16()), row.status, "{context}"),
        Err(error) => {
            assert_eq!(error.class(), row.class_of(attempts), "{context}");
            assert!(error.idempotency_key().is_some(), "{context}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn by_the_documents_policy_every_fault_is_as_the_table_says() {
    for row in rows() {
        for &dialect in &row.dialects {
            check(&row, dialect, Policy::nano_banana_pro(), row.attempts).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn by_the_careful_policy_every_fault_is_as_the_table_says() {
    for row in rows() {
        for &dialect in &row.dialects {
            check(&row, dialect, Policy::no_duplicate_charges(), row.careful).await;
        }
    }
}

/// What befalls tasks and streams alone is tested with the layers that make such calls.
#[test]
fn the_table_has_a_row_for_every_fault() {
    let rows = rows();
    for name in Fault::names().filter(|name| !Fault::OF_EXCHANGES.contains(name)) {
        let is_of = |row: &Row| row.name.split('@').next() == Some(name);
        assert!(rows.iter().any(is_of), "no row for `{name}`");
    }
}
