//! `answers.toml`: what complete answers mean.

use std::{collections::BTreeMap, convert::Infallible, time::Duration};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use libtest_mimic::Trial;
use longhaul::{
    Attempt, End, Money, Resolution, Workload,
    billing::{BillingCompensationTracker, BillingPolicy, MemoryLedger, PriceRow},
    classify::{
        AnswerFacts, Classification, Classifier, ClassifyLayer, DefaultClassifier, EndOfStream,
        Evidence, Head,
    },
};
use serde::Deserialize;
use tower::{Layer, ServiceExt, service_fn};

use crate::{block_on, class, trial};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: String,
    #[serde(default = "yes")]
    asked: bool,
    #[serde(default = "one")]
    asked_images: u32,
    #[serde(default)]
    waited: u64,
    class: String,
    wait: Option<f64>,
    charged: Option<i64>,
    empty: Option<bool>,
    answered_by: Option<String>,
    images: Option<u32>,
    drafts: Option<u32>,
    tokens: Option<u64>,
    cost: Option<i64>,
    finish: Option<String>,
    block: Option<String>,
    ids: Option<Vec<String>>,
    source: String,
    #[serde(default)]
    why: Option<String>,
}

fn yes() -> bool {
    true
}

fn one() -> u32 {
    1
}

pub(crate) fn tests() -> Vec<Trial> {
    let cases: Cases = toml::from_str(include_str!("answers.toml")).unwrap();
    let test = |case: Case| trial("answers", &case.name.clone(), move || case.check());
    cases.case.into_iter().map(test).collect()
}

impl Case {
    fn check(&self) {
        assert!(!self.source.is_empty(), "where is it from?");
        assert!(self.why.as_ref().is_none_or(|why| !why.is_empty()));
        self.check_judgement();
        self.check_layer();
    }

    fn workload(&self) -> Workload {
        match self.asked {
            true => Workload::of(Resolution::K4).with_images(self.asked_images),
            false => Workload::default(),
        }
    }

    fn response(&self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::from(self.body.clone()));
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap();
        let headers = response.headers_mut();
        headers.insert("content-type", HeaderValue::from_static("application/json"));
        for (name, value) in &self.headers {
            headers.insert(
                name.parse::<HeaderName>().unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        response
    }

    /// As a short body that is shown whole, and for a success also as one that has passed.
    fn check_judgement(&self) {
        let (response, workload) = (self.response(), self.workload());
        let waited = Some(Duration::from_secs(self.waited));
        let head = Head::new(response.status(), response.headers(), &workload).with_waited(waited);
        let facts = AnswerFacts::read(response.headers(), self.body.as_bytes(), true);
        let classification = DefaultClassifier.body(&head, self.body.as_bytes(), &facts);
        self.check_one(&classification);
        assert_eq!(
            classification.answered_by.map(str::to_owned),
            self.answered_by
        );
        if response.status().is_success() {
            let passed = EndOfStream::new(response.status(), &workload, &facts).with_waited(waited);
            self.check_one(&DefaultClassifier.passed(&passed));
        }
    }

    fn check_one(&self, classification: &Classification) {
        assert_eq!(classification.class, class(&self.class));
        let empty = classification.is_empty_result;
        assert!(self.empty.is_none_or(|expected| expected == empty));
        let wait = classification.wait.map(|wait| wait.as_secs_f64());
        let alike = match (wait, self.wait) {
            (Some(wait), Some(expected)) => (wait - expected).abs() < 1e-6,
            (wait, expected) => wait == expected,
        };
        assert!(alike, "{wait:?} is not {:?}", self.wait);
    }

    /// Through the layers: the same class, no byte changed, one outcome, and the ledger's entry.
    fn check_layer(&self) {
        let answer = || async {
            tokio::time::sleep(Duration::from_secs(self.waited)).await;
            Ok::<_, Infallible>(self.response())
        };
        let ledger = MemoryLedger::new();
        let policy = BillingPolicy::with_prices(vec![PriceRow::new(
            "*",
            "*",
            longhaul::Money::usd_micros(1000),
        )]);
        let classify =
            ClassifyLayer::default().layer(service_fn(|_: Request<Full<Bytes>>| answer()));
        let tracker = BillingCompensationTracker::new(classify, policy, ledger.clone()).unwrap();
        let mut request = Request::post("https://relay.example.com/v1")
            .body(Full::default())
            .unwrap();
        request.extensions_mut().insert(self.workload());
        let (attempt, body) = block_on(async {
            let response = tracker.oneshot(request).await.unwrap();
            let attempt = response.extensions().get::<Attempt>().unwrap().clone();
            (
                attempt,
                response.into_body().collect().await.unwrap().to_bytes(),
            )
        });
        assert_eq!(body, self.body, "no byte is changed");
        let outcome = attempt.outcome_now().expect("it has ended");
        assert_eq!(
            (outcome.end, outcome.class),
            (End::Finished, class(&self.class))
        );
        if let Some(charged) = self.charged {
            let expected = Money::usd_micros(charged);
            assert_eq!(outcome.exposure.expected(), Some(expected));
        }
        let closing = ledger.records()[0]
            .closing
            .clone()
            .expect("its entry is closed");
        assert_eq!(closing.outcome, outcome);
        self.check_evidence(&closing.evidence);
    }

    fn check_evidence(&self, evidence: &Evidence) {
        let of = |expected: &Option<String>, found: &Option<Box<str>>| {
            assert!(
                expected.is_none() || expected.as_deref() == found.as_deref(),
                "{found:?}"
            );
        };
        of(&self.finish, &evidence.finish_reason);
        of(&self.block, &evidence.block_reason);
        assert!(self.images.is_none_or(|images| images == evidence.images));
        assert!(self.drafts.is_none_or(|drafts| drafts == evidence.drafts));
        assert!(self.tokens.is_none() || self.tokens == evidence.output_tokens);
        assert!(self.cost.is_none() || self.cost == evidence.cost_micros);
        if let Some(ids) = &self.ids {
            let found = evidence.request_ids.iter();
            let found: Vec<_> = found.map(|id| format!("{} {}", id.from, id.id)).collect();
            assert_eq!(found, *ids);
        }
    }
}
