//! How much room attempts take: measured on request, for the page on keeping a ledger.

use std::fs;

use http::StatusCode;
use longhaul::{
    Class, Money, Resolution,
    billing::{Opening, ProviderClock, Slot as _},
    classify::RequestId,
};
use longhaul_ledger::DurableLedger;

use crate::support::*;

const ATTEMPTS: usize = 100_000;

fn usual(number: usize) -> Opening {
    let mut opening = opening(1);
    opening.idempotency_key = Some(format!("{}", uuid::Uuid::from_u128(number as u128)).into());
    opening.model = Some("gemini-3-pro-image-preview".into());
    opening.provider = Some("relay.example.com".into());
    opening.host = Some("relay.example.com".into());
    opening.resolution = Resolution::K4;
    opening.images = 1;
    opening.price = Some(Money::usd_micros(240_000));
    opening
}

async fn fill(ledger: &DurableLedger) {
    const AT_ONCE: usize = 500;
    for chunk in 0..ATTEMPTS / AT_ONCE {
        let slots = (0..AT_ONCE).map(|number| open(ledger, usual(chunk * AT_ONCE + number)));
        for slot in futures_util::future::join_all(slots).await {
            let mut closing = closing(Class::Delivered);
            closing.status = Some(StatusCode::OK);
            closing.http_version = Some(http::Version::HTTP_11);
            let second = std::time::Duration::from_secs(1);
            (closing.flushed, closing.head) = (Some(second), Some(second * 100));
            let (at_least, at_most) = (second * 100, second * 101);
            closing.provider_clock = Some(ProviderClock { at_least, at_most });
            let id = "20260117092641118372904jXkQm2Lp";
            closing
                .evidence
                .request_ids
                .extend(RequestId::found("x-request-id", id));
            closing.evidence.images = 1;
            closing.evidence.finish_reason = Some("STOP".into());
            closing.evidence.output_tokens = Some(2000);
            closing.evidence.bytes = 20_000_000;
            slot.close(closing);
        }
    }
    ledger.flush().await.expect("it is durable");
}

fn say(store: &str, bytes: u64) {
    let each = bytes as f64 / ATTEMPTS as f64;
    let year = each * 365e6 / 1e9;
    println!("{store}: {bytes} bytes for {ATTEMPTS} attempts, {each:.0} each, {year:.0} GB a year");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures, and takes minutes"]
async fn room_of_attempts() {
    let place = Place::sqlite();
    let ledger = place.open().await;
    fill(&ledger).await;
    ledger.close().await.expect("it is durable");
    say(
        "SQLite",
        fs::metadata(place.path()).expect("it is there").len(),
    );

    let Some(place) = Place::postgres() else {
        return;
    };
    let ledger = place.open().await;
    let longhaul_ledger::Location::Postgres(url) = place.location() else {
        unreachable!("it is a database");
    };
    let size = "SELECT pg_database_size(current_database())";
    let before: i64 = query(url, size).await;
    fill(&ledger).await;
    execute(url, "VACUUM").await;
    let after: i64 = query(url, size).await;
    say("PostgreSQL", (after - before).unsigned_abs());
}
