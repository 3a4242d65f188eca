//! Why it did what it did.

use http::StatusCode;
use longhaul::Money;
use longhaul_gateway::config::{Cap, KeyConfig, Per};

use super::{PATH, Program, sim, told};
use crate::support::{PICTURE, post};

#[tokio::test]
async fn every_decision_is_counted_by_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let (key, sha256) = longhaul_gateway::caller::new_key().unwrap();
    let (_provider, server) = sim("overloaded, none*9").await;
    let program = Program::start(folder.path(), &server.url(), |config| {
        let mut alice = KeyConfig::new("alice", sha256);
        // One picture, and not a second.
        alice.cap = Some(Cap::new(Money::usd_micros(250_000), Per::Ever));
        config.keys.push(alice);
    })
    .await;
    let bearer = format!("Bearer {key}");
    let url = format!("{}{PATH}", program.url);
    let in_time = [("authorization", bearer.as_str()), ("grpc-timeout", "50m")];
    for (headers, status) in [
        (&in_time[..], StatusCode::SERVICE_UNAVAILABLE),
        (&in_time[..1], StatusCode::OK),
        (&in_time[..1], StatusCode::PAYMENT_REQUIRED),
    ] {
        assert_eq!(post(&url, PICTURE, headers).await.status, status);
    }
    let metrics = program.metrics().await;
    for (name, labels) in [
        (
            "longhaul_decisions",
            &["decision=\"not_begun\"", "reason=\"no_time\""][..],
        ),
        (
            "longhaul_decisions",
            &["decision=\"send_again\"", "reason=\"Overloaded\""],
        ),
        (
            "longhaul_decisions",
            &["decision=\"not_begun\"", "reason=\"spending_cap\""],
        ),
        (
            "longhaul_attempts",
            &["class=\"Delivered\"", "end=\"Finished\""],
        ),
        (
            "longhaul_attempt_duration_bucket",
            &["class=\"Overloaded\"", "le=\"900\""],
        ),
    ] {
        let labels = [labels, &["upstream=\"sim\""]].concat();
        let count = told(&metrics, name, &labels);
        assert!(count.is_some(), "{name} {labels:?} is missing in {metrics}");
    }
}
