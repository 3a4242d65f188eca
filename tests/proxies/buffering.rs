//! Proxies that hold requests or answers back, and proxies that do not.

use longhaul::{Class, policy::Policy};
use longhaul_sim::{Dialect, Weight};
use longhaul_testing::harness::{Ended, Harness, perform, plain, provider, request_of};
use tower::Layer;

use crate::way::{SOON, ask, counts, nginx, scene, scene_of};

const HELD: &str = "proxy_buffering on; proxy_request_buffering on; client_max_body_size 64m;";
const PASSED: &str = "proxy_buffering off; proxy_request_buffering off; client_max_body_size 64m;";

async fn ask_much(scene: &Harness, url: &str) -> Ended {
    let asked = request_of(url, Dialect::OpenAi, &"x".repeat(16_000_000));
    perform(scene.stack.layer(plain()), asked).await
}

#[tokio::test]
async fn large_pictures_and_requests_come_through_held_or_passed() {
    for buffering in [HELD, PASSED] {
        let scene = scene_of(provider(SOON).image_weight(Weight::Real)).await;
        let Some((_nginx, url)) = nginx(&scene, buffering) else {
            return;
        };

        let ended = ask_much(&scene, &url).await;

        assert_eq!(ended.classes(), [Class::Delivered], "{buffering}");
        let made = scene.truth().await[0].images.clone();
        assert_eq!(
            ended.picture().map(|picture| vec![picture]),
            Some(made),
            "{buffering}"
        );
        assert_eq!(counts(&scene).await, (1, 1, 1), "{buffering}");
    }
}

/// Spaces that a provider sends while it works, five in the time that the proxy waits.
#[tokio::test]
async fn heartbeats_keep_a_proxy_from_giving_up_held_or_passed() {
    for buffering in [HELD, PASSED] {
        let scene = scene("heartbeat@10+takes@150", Policy::no_duplicate_charges()).await;
        let directives = format!("proxy_read_timeout 1s; {buffering}");
        let Some((_nginx, url)) = nginx(&scene, &directives) else {
            return;
        };

        let ended = ask(&scene, &url).await;

        assert_eq!(ended.classes(), [Class::Delivered], "{buffering}");
        assert_eq!(counts(&scene).await, (1, 1, 1), "{buffering}");
    }
}

/// nginx has taken the request and answers for it, so nobody on this side can know that the provider did not.
#[tokio::test]
async fn what_a_proxy_swallowed_may_have_been_sent() {
    let scene = scene("reset-reading@200000", Policy::no_duplicate_charges()).await;
    let Some((_nginx, url)) = nginx(&scene, HELD) else {
        return;
    };

    let ended = ask_much(&scene, &url).await;

    assert_eq!(ended.classes(), [Class::IntermediaryCut]);
    assert_eq!(counts(&scene).await, (0, 0, 0));
}

/// An answer that breaks off is worth nothing, whoever hands it on.
#[tokio::test]
async fn an_answer_broken_behind_a_proxy_is_undelivered() {
    for buffering in [HELD, PASSED] {
        for fault in ["truncated", "truncated-close"] {
            let scene = scene(fault, Policy::no_duplicate_charges()).await;
            let Some((_nginx, url)) = nginx(&scene, buffering) else {
                return;
            };

            let ended = ask(&scene, &url).await;

            assert_eq!(
                ended.classes(),
                [Class::Undelivered],
                "{fault} with {buffering}"
            );
            assert_eq!(counts(&scene).await, (1, 1, 0), "{fault} with {buffering}");
        }
    }
}
