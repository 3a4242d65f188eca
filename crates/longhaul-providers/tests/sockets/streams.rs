use longhaul_providers::stream::{Api, StreamPolicy, StreamUpgradeLayer};

use super::*;

async fn called(
    path: &str,
    script: &str,
) -> (Option<u16>, Value, Vec<Class>, longhaul_sim::Totals) {
    let builder = Provider::builder()
        .pings(Duration::from_secs(15))
        .script(script.parse().unwrap());
    let scene = Scene::new(builder).await;
    let api = if path.ends_with("/responses") {
        Api::Responses
    } else {
        Api::Images
    };
    let policy = StreamPolicy::default().at(scene.host(), api, 1);
    let layer = StreamUpgradeLayer::new(policy.scaled(1.0 / SPEED).unwrap()).unwrap();
    let answer = scene
        .stack(layer)
        .layer(client())
        .oneshot(scene.request(path));
    let (status, document, classes) = ended(within(answer).await).await;
    within(scene.provider.oracle().settled()).await;
    (status, document, classes, scene.provider.oracle().totals())
}

#[tokio::test]
async fn a_stream_delivers_over_a_socket_past_an_idle_cut() {
    for path in ["/v1/responses", "/v1/images/generations"] {
        for script in ["none+takes@120", "cut@60+takes@200"] {
            let (status, document, classes, totals) = called(path, script).await;
            assert_eq!(
                (status, &classes[..]),
                (Some(200), &[Class::Delivered][..]),
                "{path} {script}"
            );
            assert!(has_picture(&document), "{path} {script}");
            assert_eq!(
                (totals.requests, totals.delivered),
                (1, 1),
                "{path} {script}"
            );
        }
    }
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_undelivered_over_a_socket() {
    for script in [
        "truncated+takes@60, none+takes@60",
        "stream-ends+takes@60, none+takes@60",
    ] {
        let (status, document, classes, _) = called("/v1/responses", script).await;
        assert_eq!(status, Some(200), "{script}");
        assert!(has_picture(&document), "{script}");
        assert_eq!(classes, [Class::Undelivered, Class::Delivered], "{script}");
    }
}

#[tokio::test]
async fn an_error_in_a_stream_has_its_own_status_over_a_socket() {
    let (status, _, classes, _) = called(
        "/v1/images/generations",
        "task-failed@image_content_policy_violation",
    )
    .await;
    assert_eq!(
        (status, &classes[..]),
        (Some(400), &[Class::ContentBlocked][..])
    );
}
