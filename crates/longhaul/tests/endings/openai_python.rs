//! `openai_python.toml`: the tables of a client that many use, and where we differ.

use std::{collections::BTreeMap, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use libtest_mimic::Trial;
use longhaul::{
    Class, End, Workload,
    classify::{AnswerFacts, Classification, Classifier, DefaultClassifier, Head},
    retry::{RetryDecision, RetryPolicy, Situation, StoppedBy},
};
use serde::Deserialize;

use crate::trial;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tables {
    source: String,
    wait: Vec<Wait>,
    backoff: Vec<Backoff>,
    retry: Vec<Retry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wait {
    retry_after: String,
    wait: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Backoff {
    attempt: u32,
    theirs: f64,
    ours: [f64; 2],
    why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Retry {
    #[serde(default = "too_many")]
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    retry: bool,
    ours: Option<bool>,
    why: Option<String>,
}

fn too_many() -> u16 {
    429
}

pub(crate) fn tests() -> Vec<Trial> {
    let tables: Tables = toml::from_str(include_str!("openai_python.toml")).unwrap();
    assert!(!tables.source.is_empty());
    let waits = tables.wait.into_iter().map(|row| {
        let name = format!("wait {:?}", row.retry_after);
        trial("openai-python", &name, move || row.check())
    });
    let backoffs = tables.backoff.into_iter().map(|row| {
        let name = format!("backoff after attempt {}", row.attempt);
        trial("openai-python", &name, move || row.check())
    });
    let retries = tables.retry.into_iter().map(|row| {
        let name = format!("retry {} {:?}", row.status, row.headers);
        trial("openai-python", &name, move || row.check())
    });
    waits.chain(backoffs).chain(retries).collect()
}

/// An empty answer of that status, by the clock of their tests.
fn judge(status: u16, told: &BTreeMap<String, String>) -> Classification {
    let mut headers = HeaderMap::new();
    headers.insert(
        "date",
        HeaderValue::from_static("Fri, 29 Sep 2023 16:26:37 GMT"),
    );
    for (name, value) in told {
        headers.insert(
            name.parse::<HeaderName>().unwrap(),
            HeaderValue::from_str(value).unwrap(),
        );
    }
    let workload = Workload::default();
    let head = Head::new(StatusCode::from_u16(status).unwrap(), &headers, &workload);
    DefaultClassifier.body(&head, b"", &AnswerFacts::read(&headers, b"", true))
}

fn verdict(status: u16, classification: &Classification, attempt: u32) -> RetryDecision {
    let mut situation = Situation::new(End::Finished, classification.class);
    situation.status = StatusCode::from_u16(status).ok();
    situation.retry_after = classification.wait;
    situation.paid = attempt;
    situation.refused = attempt;
    situation.unsent = attempt;
    RetryPolicy::default().decision(&situation)
}

impl Wait {
    /// They take a wait of more than nothing and at most 120 s; ours is the same, since of no wait the own
    /// one is the longer, and beyond the limit the operation stops. None of ours is shorter than told.
    fn check(&self) {
        let headers = BTreeMap::from([("retry-after".to_owned(), self.retry_after.clone())]);
        let classification = judge(500, &headers);
        let told = classification.wait;
        match verdict(500, &classification, 1) {
            RetryDecision::Again { wait, .. } => {
                assert!(wait >= told.unwrap_or_default() && wait >= Duration::from_secs(5));
            }
            stopped => assert_eq!(stopped, RetryDecision::Stop(StoppedBy::RetryAfterTooLong)),
        }
        let usable = told.filter(|told| !told.is_zero() && *told <= Duration::from_secs(120));
        assert_eq!(usable.map(|told| told.as_secs_f64()), self.wait);
    }
}

impl Backoff {
    fn check(&self) {
        assert!(!self.why.is_empty());
        let rate_limited = Classification::of(Class::RateLimited);
        let RetryDecision::Again { wait, .. } = verdict(429, &rate_limited, self.attempt) else {
            panic!("it is sent again");
        };
        let [least, most] = self.ours;
        assert!((least..=most).contains(&wait.as_secs_f64()), "{wait:?}");
        assert!(wait.as_secs_f64() > self.theirs, "no disagreement to list");
    }
}

impl Retry {
    fn check(&self) {
        let classification = judge(self.status, &self.headers);
        let again = matches!(
            verdict(self.status, &classification, 1),
            RetryDecision::Again { .. }
        );
        assert_eq!(again, self.ours.unwrap_or(self.retry));
        assert_eq!(
            self.ours.is_some(),
            self.why.is_some(),
            "a disagreement has a reason"
        );
        assert_ne!(self.ours, Some(self.retry), "no disagreement to list");
    }
}
