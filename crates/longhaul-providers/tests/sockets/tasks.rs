use longhaul_providers::tasks::{SubmitAndPollLayer, TasksPolicy};
use longhaul_sim::RELAY_DIALECT;

use super::*;

/// The shipped rows at the simulator's host, and two of a user's own.
pub(super) fn policy(host: &str) -> TasksPolicy {
    let rows = format!(
        r#"
        [hosts]
        "{host}" = ["openai-responses", "replicate", "relay", "fal-here"]

        [[dialects]]
        name = "fal-here"
        source = "the simulator"
        call = {{ path = "/fal-ai/nano-banana-pro" }}
        submit = {{ path = "/queue{{path}}" }}
        result = {{ from = "fetched", at = "response_url", pictures = ["images[].url"] }}
        failure = {{ code = ["error_type"], costs = 0 }}

        [dialects.task]
        id = "request_id"
        poll_at = "status_url"
        state = "status"
        running = ["IN_QUEUE", "IN_PROGRESS"]
        succeeded = ["COMPLETED"]
        wait = "1s"
        kept = "6m"

        [dialects.cancel]
        method = "PUT"
        at = "cancel_url"
        free_in = ["IN_QUEUE"]
        "#
    );
    let rows = rows + RELAY_DIALECT;
    let policy = TasksPolicy::from_toml(&rows).unwrap();
    policy.scaled(1.0 / SPEED).unwrap()
}

fn layer(host: &str) -> SubmitAndPollLayer {
    SubmitAndPollLayer::new(policy(host)).unwrap()
}

const PATHS: [&str; 4] = [
    "/v1/responses",
    "/v1/images/generations",
    "/fal-ai/nano-banana-pro",
    "/v1/models/google/nano-banana-pro/predictions",
];

/// One call with these faults; afterwards the provider's books.
async fn called(
    path: &str,
    script: &str,
) -> (Option<u16>, Value, Vec<Class>, longhaul_sim::Totals) {
    let scene = Scene::scripted(script).await;
    let stack = scene.stack(layer(&scene.host()));
    let answer = stack.layer(client()).oneshot(scene.request(path));
    let (status, document, classes) = ended(within(answer).await).await;
    within(scene.provider.oracle().settled()).await;
    (status, document, classes, scene.provider.oracle().totals())
}

#[tokio::test]
async fn every_dialect_delivers_whatever_befalls_its_polls() {
    for path in PATHS {
        for script in [
            "none+takes@120",
            "cut@60+takes@120",
            "poll-503@60+takes@120",
            "poll-404@10+takes@60",
            "task-odd-state+takes@60",
            "truncated+takes@60",
        ] {
            let (status, document, classes, totals) = called(path, script).await;
            assert_eq!(status, Some(200), "{path} {script} {classes:?}");
            assert!(has_picture(&document), "{path} {script}");
            assert_eq!((totals.requests, totals.charged), (1, 1), "{path} {script}");
            assert_eq!(totals.undelivered_micros, 0, "{path} {script}");
        }
    }
}

#[tokio::test]
async fn failures_mean_over_sockets_what_they_mean_in_process() {
    for (path, script, expected, class) in [
        (
            PATHS[0],
            "task-failed@image_content_policy_violation",
            Some(400),
            Class::ContentBlocked,
        ),
        (
            PATHS[0],
            "task-failed@insufficient_quota",
            Some(429),
            Class::QuotaExhausted,
        ),
        (
            PATHS[1],
            "task-failed@invalid_prompt",
            Some(400),
            Class::ClientError,
        ),
        (PATHS[0], "no-image", Some(200), Class::NoImage),
        (PATHS[2], "no-image", Some(200), Class::NoImage),
        (PATHS[0], "bad-request", Some(400), Class::ClientError),
        (PATHS[1], "poll-unauthorized", None, Class::Undelivered),
    ] {
        let (status, _, classes, totals) = called(path, script).await;
        assert_eq!((status, classes[0]), (expected, class), "{path} {script}");
        // An answer with nothing in it is asked for once more, as a unary one is.
        let again = class == Class::NoImage;
        assert_eq!(totals.requests, 1 + u64::from(again), "{path} {script}");
    }
}

#[tokio::test]
async fn a_task_that_is_lost_is_undelivered_and_asked_for_again() {
    let (status, document, classes, totals) =
        called(PATHS[1], "task-lost@20+takes@60, none+takes@60").await;
    assert_eq!(status, Some(200));
    assert!(has_picture(&document));
    assert_eq!(classes, [Class::Undelivered, Class::Delivered]);
    assert_eq!((totals.charged, totals.delivered), (2, 1));
}

#[tokio::test]
async fn a_picture_of_40_mb_is_collected_over_a_socket() {
    let builder = Provider::builder()
        .script("none+takes@60".parse().unwrap())
        .speed(SPEED);
    let provider = builder.build().unwrap();
    let server = Server::start(provider.clone()).await.unwrap();
    let scene = Scene { provider, server };
    let mut request = scene.request(PATHS[1]);
    let body = r#"{ "prompt": "p", "model": "nano-banana-pro", "size": "4096x4096", "n": 4 }"#;
    *request.body_mut() = Full::from(body);
    let stack = scene.stack(layer(&scene.host()));
    let answer = within(stack.layer(client()).oneshot(request)).await;
    let (status, document, classes) = within(ended(answer)).await;
    assert_eq!((status, &classes[..]), (Some(200), &[Class::Delivered][..]));
    assert_eq!(document["data"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn a_lost_submit_is_found_where_the_api_lists_tasks() {
    for (path, found) in [(PATHS[3], true), (PATHS[0], false), (PATHS[1], false)] {
        let (status, document, classes, totals) =
            called(path, "reset@0.5+takes@60, none+takes@60").await;
        assert_eq!(status, Some(200), "{path} {classes:?}");
        assert!(has_picture(&document), "{path}");
        let expected = if found {
            &[Class::Delivered][..]
        } else {
            &[Class::UnknownOutcome, Class::Delivered]
        };
        assert_eq!(classes, expected, "{path}");
        assert_eq!(totals.requests, classes.len() as u64, "{path}");
    }
}

#[tokio::test]
async fn a_host_without_tasks_gets_the_unary_call_over_a_socket() {
    // Replicate takes every call as a task.
    for path in &PATHS[..3] {
        let builder = Provider::builder()
            .script("none+takes@50*9".parse().unwrap())
            .tasks(longhaul_sim::Offer::Refused);
        let scene = Scene::new(builder).await;
        let stack = scene.stack(layer(&scene.host()));
        for requests in [2, 3] {
            let answer = stack.layer(client()).oneshot(scene.request(path));
            let (status, document, classes) = ended(within(answer).await).await;
            assert_eq!(
                (status, &classes[..]),
                (Some(200), &[Class::Delivered][..]),
                "{path}"
            );
            assert!(has_picture(&document), "{path}");
            assert_eq!(
                scene.provider.oracle().totals().requests,
                requests,
                "{path}"
            );
        }
    }
}

#[tokio::test]
async fn hostile_urls_get_no_request_over_a_socket() {
    // Replicate is asked by its rule where it took the task; fal has no rule.
    for (path, script, status) in [
        (PATHS[3], "foreign-poll-url+takes@60", Some(200)),
        (PATHS[2], "foreign-poll-url+takes@60", None),
    ] {
        let (found, _, classes, totals) = called(path, script).await;
        assert_eq!(found, status, "{path} {classes:?}");
        assert_eq!(totals.requests, 1, "{path}: never submitted again");
        assert_eq!(totals.polls == 0, status.is_none(), "{path}");
    }
    let scene = Scene::scripted("poll-redirect+takes@60").await;
    let mut request = scene.request(PATHS[1]);
    let deadline = longhaul::Deadline::after(Duration::from_secs(3));
    request.extensions_mut().insert(deadline);
    let stack = scene.stack(layer(&scene.host()));
    let error = within(stack.layer(client()).oneshot(request))
        .await
        .unwrap_err();
    assert!(
        error.is_timeout(),
        "it was polled until the deadline: {error}"
    );
    assert!(scene.provider.oracle().totals().polls > 2);
}

#[tokio::test]
async fn what_a_call_left_the_next_collects_over_a_socket() {
    for path in PATHS {
        let scene = Scene::scripted("none+takes@300").await;
        let stack = scene.stack(layer(&scene.host()));
        let request = |hurried: bool| {
            let mut request = scene.request(path);
            let key = "op-1".parse().unwrap();
            request.headers_mut().insert("idempotency-key", key);
            if hurried {
                let deadline = longhaul::Deadline::after(Duration::from_millis(1500));
                request.extensions_mut().insert(deadline);
            }
            request
        };
        let left = within(stack.layer(client()).oneshot(request(true))).await;
        assert!(left.unwrap_err().is_timeout(), "{path}");
        let answer = within(stack.layer(client()).oneshot(request(false))).await;
        let (status, document, classes) = ended(answer).await;
        assert_eq!(
            (status, &classes[..]),
            (Some(200), &[Class::Delivered][..]),
            "{path}"
        );
        assert!(has_picture(&document), "{path}");
        within(scene.provider.oracle().settled()).await;
        let totals = scene.provider.oracle().totals();
        assert_eq!((totals.requests, totals.charged), (1, 1), "{path}");
    }
}
