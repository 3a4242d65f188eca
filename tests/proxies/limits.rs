//! What a proxy does not let through.

use longhaul::{Class, policy::Policy, retry::StoppedBy};
use longhaul_sim::Dialect;
use longhaul_testing::harness::{perform, plain, request_of};
use tower::Layer;

use crate::way::{counts, nginx, scene};

#[tokio::test]
async fn a_request_too_large_for_the_proxy_is_refused_once_and_free() {
    let scene = scene("", Policy::default()).await;
    let Some((_nginx, url)) = nginx(&scene, "client_max_body_size 1m;") else {
        return;
    };

    let asked = request_of(&url, Dialect::OpenAi, &"x".repeat(16_000_000));
    let ended = perform(scene.stack.layer(plain()), asked).await;

    assert_eq!(ended.classes(), [Class::ClientError]);
    assert_eq!(ended.report.stopped_by(), StoppedBy::Class);
    let answer = ended.answer.as_ref().expect("nginx's page");
    assert_eq!(answer.status().as_u16(), 413);
    assert_eq!(counts(&scene).await, (0, 0, 0));
}
