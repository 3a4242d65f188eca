//! The provider's own log.

use std::time::Duration;

use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};

use super::{GEMINI, OPENAI, builder, call, json, provider, send};
use crate::{
    Provider,
    log::{CONSUMED, FAILED, Log, Row},
};

/// 17 January 2026, 00:00 UTC.
const EPOCH: i64 = 1_768_608_000;

async fn asked(provider: &Provider, query: &str) -> Value {
    let request = Request::get(format!("/api/log/self{query}"))
        .body(Full::default())
        .unwrap();
    json(send(provider, request).await.unwrap()).await
}

#[tokio::test(start_paused = true)]
async fn every_charge_and_refusal_has_a_row_with_its_answers_id() {
    let provider = provider("none+takes@100,overloaded,none+takes@200,refused,no-image+takes@50");
    let mut ids = Vec::new();
    for path in [OPENAI, OPENAI, GEMINI, GEMINI, OPENAI] {
        if let Ok(answer) = call(&provider, path).await {
            ids.push(
                answer.headers()["x-request-id"]
                    .to_str()
                    .unwrap()
                    .to_owned(),
            );
            json(answer).await;
        }
    }
    provider.oracle().settled().await;
    let mut log = Log::of(&provider.oracle().entries(), EPOCH);
    let brief = |row: &Row| (row.kind, row.created_at - EPOCH, row.use_time, row.quota);
    let rows: Vec<_> = log.rows.iter().rev().map(brief).collect();
    assert_eq!(
        rows,
        [
            (CONSUMED, 100, 100, 120_000),
            (FAILED, 100, 0, 0),
            (CONSUMED, 300, 200, 120_000),
            (CONSUMED, 350, 50, 120_000),
        ]
    );
    let told: Vec<_> = log
        .rows
        .iter()
        .rev()
        .map(|row| row.request_id.clone())
        .collect();
    assert_eq!(told, ids);
    assert_eq!(log.rows[3].model_name, "nano-banana-pro");
    assert_eq!(log.rows[1].model_name, "gemini-3-pro-image");

    log.skew(-37);
    assert_eq!(log.rows[0].created_at, EPOCH + 313);
}

#[tokio::test(start_paused = true)]
async fn a_page_holds_no_more_than_a_hundred_rows_and_nothing_says_so() {
    let provider = builder("none")
        .generation(Duration::from_secs(1))
        .build()
        .unwrap();
    for _ in 0..120 {
        json(call(&provider, OPENAI).await.unwrap()).await;
    }
    let first = asked(&provider, "?p=1&page_size=1000").await;
    assert_eq!(first["success"], json!(true));
    assert_eq!(first["data"]["total"], 120);
    let ids = |answer: &Value| -> Vec<_> {
        let rows = answer["data"]["items"].as_array().unwrap();
        rows.iter().map(|row| row["id"].as_i64().unwrap()).collect()
    };
    assert_eq!(ids(&first), (1..=100).collect::<Vec<_>>());
    assert_eq!(
        ids(&asked(&provider, "?page_size=100&p=2").await),
        (101..=120).collect::<Vec<_>>()
    );
    assert_eq!(
        ids(&asked(&provider, "").await),
        (1..=10).collect::<Vec<_>>()
    );
    // Asking is no call: it costs nothing and leaves nothing.
    assert_eq!(provider.oracle().totals().requests, 120);

    let pages = Log::of(&provider.oracle().entries(), EPOCH).pages(50);
    let sizes: Vec<_> = pages.iter().map(|answer| answer.data.items.len()).collect();
    assert_eq!(sizes, [50, 50, 20]);
}
