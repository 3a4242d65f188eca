//! One generation has one entry, however many trackers see it.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};

use super::script::{PRICE, policy};
use crate::{
    Stack,
    billing::{BillingCompensationTrackerLayer, ClaimRules, MemoryLedger},
    classify::ClassifyLayer,
    model::{Class, Workload},
    policy::Policy,
};

const PICTURE: &str = r#"{"data":[{"b64_json":"AAAA"}]}"#;

fn request() -> Request<Full<Bytes>> {
    let body = r#"{"model":"banana","prompt":"a barn","size":"4096x4096"}"#;
    let mut request = Request::post("https://api.example.com/v1/images/generations")
        .header("content-type", "application/json")
        .body(Full::from(body))
        .unwrap();
    let workload = Workload::of(crate::Resolution::K4).with_model("banana");
    request.extensions_mut().insert(workload);
    request
}

fn answer(status: u16, body: &'static str) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut answer = Response::new(Full::from(body));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
    Ok(answer)
}

#[tokio::test(start_paused = true)]
async fn two_trackers_write_one_entry() {
    let (above, below) = (MemoryLedger::new(), MemoryLedger::new());
    let other = crate::billing::BillingPolicy::default();
    for (body, class) in [
        (PICTURE, Class::Delivered),
        (r#"{"data":["#, Class::Undelivered),
    ] {
        let stack = ServiceBuilder::new()
            .layer(BillingCompensationTrackerLayer::new(policy(), above.clone()).unwrap())
            .layer(BillingCompensationTrackerLayer::new(other.clone(), below.clone()).unwrap())
            .layer(ClassifyLayer::default())
            .service(service_fn(async |_: Request<Full<Bytes>>| {
                answer(200, body)
            }));
        let answered = stack.oneshot(request()).await;
        assert_eq!(answered.is_ok(), class == Class::Delivered);
        let records = above.records();
        let last = records.last().unwrap().closing.as_ref().unwrap();
        assert_eq!(last.outcome.class, class);
        assert_eq!(
            last.outcome.exposure.price,
            Some(PRICE),
            "the outer one's prices"
        );
    }
    assert_eq!((above.records().len(), below.records().len()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn two_trackers_without_a_judge_write_one_entry_too() {
    let ledger = MemoryLedger::new();
    let tracker = || BillingCompensationTrackerLayer::new(policy(), ledger.clone()).unwrap();
    let stack = ServiceBuilder::new().layer(tracker()).layer(tracker());
    let stack = stack.service(service_fn(async |_: Request<Full<Bytes>>| {
        answer(200, PICTURE)
    }));
    let answered = stack.oneshot(request()).await.unwrap();
    answered.into_body().collect().await.unwrap();
    assert_eq!(ledger.records().len(), 1);
    let closing = ledger.records()[0].closing.clone().unwrap();
    assert_eq!(closing.outcome.class, Class::Delivered);
}

/// Each answer of the provider within a stack in a stack, and how many entries are written.
#[tokio::test(start_paused = true)]
async fn a_stack_in_a_stack_writes_an_entry_for_each_generation() {
    const CUT: &str = r#"{"error":{"code":"bad_response_body"}}"#;
    for (answers, entries) in [
        (&[(200, PICTURE)][..], 1),
        (&[(500, CUT), (200, PICTURE)], 2),
    ] {
        let billed = Policy {
            billing: policy(),
            ..Policy::default()
        };
        let inner = Stack::new(billed.clone()).unwrap();
        let outer = Stack::new(billed)
            .unwrap()
            .with_ledger(inner.ledger().clone());
        let left = std::sync::Mutex::new(answers.to_vec());
        let left = std::sync::Arc::new(left);
        let provider = service_fn(move |_: Request<_>| {
            let (status, body) = left.lock().unwrap().remove(0);
            std::future::ready(answer(status, body))
        });
        let service = outer.layer(inner.layer(provider));
        let answered = service.oneshot(request()).await.unwrap();
        answered.into_body().collect().await.unwrap();
        let ledger = outer.ledger();
        assert_eq!(ledger.records().len(), entries);
        assert!(
            ledger
                .records()
                .iter()
                .all(|record| record.closing.is_some())
        );
        let currency = PRICE.currency;
        let sums = ledger.totals().in_currency(currency).unwrap();
        assert_eq!(sums.certain.micros % PRICE.micros, 0);
        assert!(sums.possible.micros <= PRICE.micros * answers.len() as i64);
        let _ = ledger.claims(&ClaimRules::default());
    }
}
