//! Which connection a call takes.

use std::{collections::BTreeSet, time::Duration};

use longhaul_hyper::Settings;
use longhaul_sim::Dialect;
use longhaul_testing::harness::{Harness, perform};

/// The connections that `calls` calls took, `pause` apart from each other.
async fn connections(calls: usize, pause: Duration) -> BTreeSet<Option<u64>> {
    let scene = Harness::new("").await;
    let client = scene.client();
    for _ in 0..calls {
        let ended = perform(client.clone(), scene.request(Dialect::OpenAi)).await;
        assert!(ended.picture().is_some(), "{ended:?}");
        tokio::time::sleep(pause).await;
    }
    scene.assert_agreement().await;
    let truth = scene.truth().await;
    assert_eq!(truth.len(), calls);
    truth.iter().map(|entry| entry.connection).collect()
}

#[tokio::test]
async fn a_paid_call_does_not_take_a_connection_that_may_be_stale() {
    let stale = Settings::default().paid_idle_timeout + Duration::from_millis(200);
    assert_eq!(connections(2, stale).await.len(), 2);
}

#[tokio::test]
async fn calls_that_follow_each_other_share_connections() {
    assert_eq!(connections(8, Duration::from_millis(20)).await.len(), 1);
}
