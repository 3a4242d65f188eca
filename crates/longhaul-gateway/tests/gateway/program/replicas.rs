//! Two gateways with one state: one is killed in the middle of calls, and its callers come to the other.

use std::time::Duration;

use http::StatusCode;
use longhaul_gateway::config::Config;
use longhaul_testing::Postgres;

use super::{Program, from_environment};
use crate::{
    holding::Holding,
    support::{Answer, until},
};

/// After which the dead one's calls are of unknown outcome.
const LEASE: Duration = Duration::from_secs(2);

fn key(key: &str) -> [(&'static str, &str); 1] {
    [("idempotency-key", key)]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_of_a_killed_replica_come_to_the_other() {
    let Some(postgres) = Postgres::shared() else {
        return;
    };
    let state = postgres.database();
    let answers = tempfile::tempdir().unwrap();
    let provider = Holding::start(32 * 1024, Duration::ZERO).await;
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let start = async |folder: &tempfile::TempDir| {
        Program::before(&provider, folder.path(), |config: &mut Config| {
            config.state.clone_from(&state);
            config.replay.folder = answers.path().to_owned();
            config.replay.lease = LEASE;
        })
        .await
    };
    let (mut one, mut other) = (start(&folders[0]).await, start(&folders[1]).await);
    for round in 0..from_environment("LONGHAUL_GATEWAY_KILLS", 5) {
        let [kept, keyed, counted, at_other] =
            ["kept", "keyed", "counted", "other's"].map(|what| format!("{what} {round}"));
        provider.answer();
        let picture = one.ask(&kept, &key(&kept)).await.unwrap().picture();
        assert!(picture == provider.picture(&kept));

        provider.hold();
        let first = [("x-stainless-retry-count", "0")];
        let calls = [one.ask(&keyed, &key(&keyed)), one.ask(&counted, &first)];
        let lives = other.ask(&at_other, &key(&at_other));
        until("all calls are at the provider", || provider.waiting() == 3).await;
        one.kill();
        for call in calls {
            assert!(call.await.is_err(), "the line broke");
        }

        // They come at once, wait until it is certain that nobody answers them, and are not paid for again.
        let unknown = |answer: Answer| {
            assert_eq!(answer.status, StatusCode::CONFLICT, "{answer:?}");
            assert_eq!(answer.json()["error"]["code"], "outcome_unknown");
            assert_eq!(answer.header("x-should-retry"), Some("false"));
        };
        let retry = [("x-stainless-retry-count", "1")];
        let back = [other.ask(&keyed, &key(&keyed)), other.ask(&counted, &retry)];
        for back in back {
            unknown(back.await.unwrap());
        }
        // What the dead one had is there, and what the other has goes on.
        let again = other.ask(&kept, &key(&kept)).await.unwrap();
        assert_eq!(again.header("idempotent-replayed"), Some("true"));
        assert!(again.picture() == provider.picture(&kept));
        provider.answer();
        assert!(lives.await.unwrap().picture() == provider.picture(&at_other));
        for prompt in [&kept, &keyed, &counted, &at_other] {
            assert_eq!(provider.asked_for(prompt), 1, "{prompt}");
        }

        one = start(&folders[round % 2]).await;
        (one, other) = (other, one);
    }
    assert_eq!(provider.paid_twice(), [""; 0]);
}
