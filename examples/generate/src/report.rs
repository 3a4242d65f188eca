//! What is said at the end: a table for people, a document for programs.

use comfy_table::{Table, presets::UTF8_HORIZONTAL_ONLY};
use http::Version;
use longhaul::{
    Attempt, Class, Outcome, Resolution,
    billing::{Claim, Record},
    retry::RetryReport,
};
use longhaul_sim::Totals;
use serde::Serialize;

use crate::picture::Picture;

/// Everything about the operation. All times are the provider's.
#[derive(Debug, Serialize)]
pub(crate) struct Document {
    operation: Option<String>,
    workload: AskedFor,
    class: Class,
    attempts: Vec<Row>,
    waits_ms: Vec<u64>,
    pub(crate) image: Option<Picture>,
    claims: Vec<Owed>,
    oracle: Option<Truth>,
    ledger_matches_oracle: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
}

#[derive(Debug, Serialize)]
struct AskedFor {
    model: Option<String>,
    resolution: Resolution,
    images: u32,
}

#[derive(Debug, Serialize)]
struct Row {
    number: u32,
    class: Class,
    end: &'static str,
    phase: &'static str,
    status: Option<u16>,
    http_version: Option<&'static str>,
    elapsed_ms: u64,
    exposure_micros: Option<i64>,
    #[serde(skip)]
    exposure: String,
}

#[derive(Debug, Serialize)]
struct Owed {
    rule: &'static str,
    attempt: u32,
    amount_micros: Option<i64>,
    #[serde(skip)]
    text: String,
}

#[derive(Debug, Serialize)]
struct Truth {
    received: u64,
    generated: u64,
    charged: u64,
    delivered: u64,
}

/// What the document is made of.
pub(crate) struct Facts<'a> {
    pub(crate) speed: f64,
    pub(crate) report: Option<RetryReport>,
    pub(crate) records: &'a [Record],
    pub(crate) claims: &'a [Claim],
    /// The oracle's totals, and in what the ledger differs from it.
    pub(crate) oracle: Option<(Totals, &'a [String])>,
    /// The picture, or why there is none.
    pub(crate) picture: Result<Picture, String>,
}

impl Document {
    pub(crate) fn new(facts: Facts<'_>) -> Self {
        let scaled = |real: std::time::Duration| (real.as_secs_f64() * facts.speed * 1e3) as u64;
        let attempts = facts.report.as_ref().map_or(&[][..], RetryReport::attempts);
        let waits = facts.report.as_ref().map_or(&[][..], RetryReport::waits);
        let asked = facts.records.first().map(|record| &record.opening);
        let class = match (
            &facts.picture,
            attempts.last().and_then(Attempt::outcome_now),
        ) {
            (Ok(_), _) => Class::Delivered,
            // It was delivered as a link, and the link led to nothing.
            (
                Err(_),
                Some(Outcome {
                    class: Class::Delivered,
                    ..
                }),
            ) => Class::Undelivered,
            (Err(_), Some(outcome)) => outcome.class,
            (Err(_), None) => Class::NeverSent,
        };
        let (image, error) = match facts.picture {
            Ok(picture) => (Some(picture), None),
            Err(error) => (None, Some(error)),
        };
        Self {
            operation: attempts
                .first()
                .map(|attempt| attempt.operation().to_string()),
            workload: AskedFor {
                model: asked.and_then(|asked| Some(asked.model.as_deref()?.to_owned())),
                resolution: asked.map(|asked| asked.resolution).unwrap_or_default(),
                images: asked.map_or(1, |asked| asked.images),
            },
            class,
            attempts: attempts
                .iter()
                .filter_map(|attempt| Row::of(attempt, scaled))
                .collect(),
            waits_ms: waits.iter().copied().map(scaled).collect(),
            image,
            claims: facts.claims.iter().map(Owed::of).collect(),
            ledger_matches_oracle: facts.oracle.as_ref().map(|(_, found)| found.is_empty()),
            oracle: facts.oracle.map(|(totals, _)| Truth {
                received: totals.read_whole,
                generated: totals.generated,
                charged: totals.charged,
                delivered: totals.delivered,
            }),
            error,
        }
    }

    pub(crate) fn print(&self) {
        if let Some(picture) = &self.image {
            println!(
                "\n{}: {}×{} pixels, {:.1} MB",
                picture.path,
                picture.width,
                picture.height,
                picture.bytes as f64 / 1e6
            );
        }
        if !self.attempts.is_empty() {
            println!("\n{}", self.table());
        }
        for claim in &self.claims {
            println!("Claim: {}", claim.text);
        }
        if let Some(truth) = &self.oracle {
            println!(
                "The provider received {} requests, made {} pictures, charged {} and delivered {}.",
                truth.received, truth.generated, truth.charged, truth.delivered
            );
        }
        match self.ledger_matches_oracle {
            Some(true) => println!("Our ledger agrees with the provider's, attempt by attempt."),
            Some(false) => println!("OUR LEDGER DIFFERS FROM THE PROVIDER'S."),
            None => {}
        }
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(UTF8_HORIZONTAL_ONLY);
        table.set_header([
            "attempt",
            "class",
            "ended in",
            "status",
            "HTTP",
            "took",
            "may have cost",
        ]);
        for row in &self.attempts {
            table.add_row([
                row.number.to_string(),
                row.class.to_string(),
                row.phase.to_owned(),
                row.status
                    .map_or("–".to_owned(), |status| status.to_string()),
                row.http_version.unwrap_or("–").to_owned(),
                format!("{:.1} s", row.elapsed_ms as f64 / 1e3),
                row.exposure.clone(),
            ]);
        }
        table
    }
}

impl Row {
    fn of(attempt: &Attempt, scaled: impl Fn(std::time::Duration) -> u64) -> Option<Self> {
        let outcome = attempt.outcome_now()?;
        Some(Self {
            number: attempt.number(),
            class: outcome.class,
            end: outcome.end.name(),
            phase: outcome.phase.name(),
            status: attempt.status().map(|status| status.as_u16()),
            http_version: attempt.http_version().map(name),
            elapsed_ms: scaled(outcome.duration),
            exposure_micros: outcome.exposure.expected().map(|money| money.micros),
            exposure: outcome.exposure.to_string(),
        })
    }
}

impl Owed {
    fn of(claim: &Claim) -> Self {
        Self {
            rule: claim.rule.name(),
            attempt: claim.attempt,
            amount_micros: claim.amount.map(|amount| amount.micros),
            text: claim.to_string(),
        }
    }
}

const fn name(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "1.0",
        Version::HTTP_11 => "1.1",
        Version::HTTP_2 => "2",
        _ => "?",
    }
}
