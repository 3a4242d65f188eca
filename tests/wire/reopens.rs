//! A port that is closed for a while.

use longhaul::{Class, policy::Policy};
use longhaul_sim::Dialect;
use longhaul_testing::harness::{Harness, provider};

#[tokio::test]
async fn a_port_that_opens_again_brings_the_picture_at_one_price() {
    let mut policy = Policy::default();
    policy.retry.unsent_attempts = 100;
    // Closed for 2 s of ours.
    let scene = Harness::with(provider("refused@100,none"), policy).await;

    let ended = scene.perform(scene.request(Dialect::OpenAi)).await;

    assert!(ended.picture().is_some(), "{ended:?}");
    let classes = ended.classes();
    let (last, refused) = classes.split_last().expect("attempts");
    assert_eq!(*last, Class::Delivered);
    assert!(!refused.is_empty() && refused.iter().all(|class| *class == Class::NeverSent));
    assert_eq!(ended.report.duplicates(), 0);
    assert_eq!(scene.truth().await.len(), 1, "one request in all");
    scene.assert_agreement().await;
}
