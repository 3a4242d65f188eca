//! What is in flight, and what it came to.

use std::time::Duration;

use longhaul_sim::Resolution;

use super::{
    Program, sim,
    tasks::{ORDER, as_tasks},
    told,
};
use crate::{
    holding::Holding,
    support::{post, until_within},
};
/// On a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until a metric has this number.
async fn becomes(program: &Program, name: &str, labels: &[&str], number: f64) {
    let what = format!("{name} {labels:?} is {number}");
    until_within(PATIENCE, &what, async || {
        told(&program.metrics().await, name, labels) == Some(number)
    })
    .await;
}

#[tokio::test]
async fn money_is_told_as_exposed_while_its_call_is_out() {
    let folder = tempfile::tempdir().unwrap();
    let provider = Holding::start(1_000, Duration::ZERO).await;
    let program = Program::before(&provider, folder.path(), |_| {}).await;
    let (name, labels) = (
        "longhaul_exposure_micros",
        ["upstream=\"sim\"", "currency=\"USD\""],
    );
    let calls = [program.ask("a cat", &[]), program.ask("a dog", &[])];
    becomes(&program, name, &labels, 480_000.0).await;
    provider.answer();
    for call in calls {
        call.await.unwrap().picture();
    }
    becomes(&program, name, &labels, 0.0).await;
    becomes(&program, "longhaul_exposure_unpriced", &[], 0.0).await;
    let charged = ["kind=\"certain\"", "currency=\"USD\""];
    becomes(&program, "longhaul_cost_micros", &charged, 480_000.0).await;
}

#[tokio::test]
async fn what_has_no_price_row_is_counted_as_unpriced() {
    let folder = tempfile::tempdir().unwrap();
    let provider = Holding::start(1_000, Duration::ZERO).await;
    let program = Program::before(&provider, folder.path(), |config| {
        config.upstreams[0].policy.billing.prices.clear();
    })
    .await;
    let call = program.ask("a cat", &[]);
    becomes(&program, "longhaul_exposure_unpriced", &[], 1.0).await;
    provider.answer();
    call.await.unwrap().picture();
    becomes(&program, "longhaul_exposure_unpriced", &[], 0.0).await;
}

#[tokio::test]
async fn a_task_is_told_as_open_while_it_is_polled() {
    let folder = tempfile::tempdir().unwrap();
    let (_provider, server) = sim("none+takes@300*9").await;
    let program = Program::start(folder.path(), &server.url(), as_tasks(&server)).await;
    let polled = ["state=\"polled\""];
    let url = format!("{}/v1/responses", program.url);
    let call = tokio::spawn(async move { post(&url, ORDER, &[]).await });
    becomes(&program, "longhaul_tasks_open", &polled, 1.0).await;
    assert_eq!(call.await.unwrap().status, 200);
    becomes(&program, "longhaul_tasks_open", &polled, 0.0).await;
}

#[tokio::test]
async fn tokens_are_told_as_the_answer_counts_them() {
    let folder = tempfile::tempdir().unwrap();
    let (_provider, server) = sim("none*9").await;
    let program = Program::start(folder.path(), &server.url(), |_| {}).await;
    program.picture(&[]).await.picture();
    let made = Resolution::K4.output_tokens() as f64;
    for (kind, tokens) in [("input", 32.0), ("output", made)] {
        let labels = [
            "gen_ai_operation_name=\"image_generation\"",
            "gen_ai_request_model=\"nano-banana-pro\"",
            &format!("gen_ai_token_type=\"{kind}\""),
        ];
        becomes(&program, "gen_ai_client_token_usage_sum", &labels, tokens).await;
    }
}

#[tokio::test]
async fn beats_callers_who_left_and_replays_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let provider = Holding::start(1_000, Duration::ZERO).await;
    let program = Program::before(&provider, folder.path(), |config| {
        config.heartbeat.after = Duration::from_millis(100);
        config.heartbeat.every = Duration::from_secs(600);
    })
    .await;
    let key = [("idempotency-key", "order-1")];
    let leaves = program.ask("a cat", &key);
    becomes(&program, "longhaul_heartbeat_bytes", &[], 1.0).await;
    for (name, labels) in [
        ("longhaul_operations_running", &[][..]),
        ("longhaul_in_flight", &["upstream=\"sim\""]),
        ("longhaul_turns", &["state=\"taken\""]),
    ] {
        becomes(&program, name, labels, 1.0).await;
    }
    becomes(&program, "longhaul_operations_detached", &[], 0.0).await;
    leaves.abort();
    becomes(&program, "longhaul_operations_detached", &[], 1.0).await;
    let back = program.ask("a cat", &key);
    becomes(&program, "longhaul_operations_detached", &[], 0.0).await;
    provider.answer();
    back.await.unwrap().picture();
    becomes(&program, "longhaul_replays", &["how=\"attached\""], 1.0).await;
    let ended = ["class=\"Delivered\"", "caller=\"local\""];
    becomes(&program, "longhaul_operations", &ended, 1.0).await;
    becomes(&program, "longhaul_operations_running", &[], 0.0).await;
}

#[tokio::test]
async fn an_upstream_that_is_no_more_has_nothing_in_flight() {
    let folder = tempfile::tempdir().unwrap();
    let provider = Holding::start(1_000, Duration::ZERO).await;
    let program = Program::before(&provider, folder.path(), |_| {}).await;
    let call = program.ask("a cat", &[]);
    let (old, new) = (["upstream=\"sim\""], ["upstream=\"renamed\""]);
    let gauges = ["longhaul_in_flight", "longhaul_turns"];
    becomes(&program, "longhaul_in_flight", &old, 1.0).await;
    let file = folder.path().join("gateway.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("\"sim\"", "\"renamed\"")).unwrap();
    for gauge in gauges {
        becomes(&program, gauge, &new, 0.0).await;
        becomes(&program, gauge, &old, 0.0).await;
    }
    provider.answer();
    call.await.unwrap().picture();
}
