//! Tasks: submit, then poll.

use super::*;
use crate::{Offer, TaskFailure, picture::identity};

const RESPONSES: &str = "/v1/responses";
const SUB2API: &str = "/v1/images/generations/async";
const RELAY: &str = "/v1/async/images/generations";
const FAL: &str = "/queue/fal-ai/nano-banana-pro";
const REPLICATE: &str = "/v1/models/google/nano-banana-pro/predictions";
const ALL: [&str; 5] = [RESPONSES, SUB2API, RELAY, FAL, REPLICATE];

fn body(path: &str) -> &'static str {
    match path {
        RESPONSES => {
            r#"{ "model": "gpt-5.1", "input": "a cat", "background": true,
                "tools": [{ "type": "image_generation", "size": "4096x4096" }] }"#
        }
        FAL => r#"{ "prompt": "a cat", "resolution": "4K" }"#,
        REPLICATE => r#"{ "input": { "prompt": "a cat", "resolution": "4K" } }"#,
        _ => r#"{ "prompt": "a cat", "model": "nano-banana-pro", "size": "4096x4096" }"#,
    }
}

async fn submit(provider: &Provider, path: &str) -> Result<(u16, Value), SimError> {
    let request = request(path).header("host", "sim.test");
    let response = send(provider, request.body(Full::from(body(path))).unwrap()).await?;
    Ok((response.status().as_u16(), json(response).await))
}

/// Where the task is polled: as the answer says, or at the path of the submit.
fn poll_url(path: &str, submitted: &Value) -> String {
    let told = [
        &submitted["poll_url"],
        &submitted["status_url"],
        &submitted["urls"]["get"],
    ];
    match told.into_iter().find_map(Value::as_str) {
        Some(url) => url.to_owned(),
        None => format!("{path}/{}", submitted["id"].as_str().unwrap()),
    }
}

async fn ask(provider: &Provider, method: &str, url: &str) -> (u16, Value) {
    let request = Request::builder().method(method).uri(url);
    let request = request
        .header("host", "sim.test")
        .body(Full::default())
        .unwrap();
    let response = send(provider, request).await.unwrap();
    (response.status().as_u16(), json(response).await)
}

async fn poll(provider: &Provider, url: &str) -> (u16, Value) {
    ask(provider, "GET", url).await
}

fn picture(document: &Value) -> Option<String> {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let document = match &document["result"] {
        Value::Null => document,
        result => result,
    };
    let data = document["output"][0]["result"]
        .as_str()
        .or(document["data"][0]["b64_json"].as_str())?;
    identity(&STANDARD.decode(data).unwrap())
}

fn link(document: &Value) -> Option<&str> {
    let document = match &document["result"] {
        Value::Null => document,
        result => result,
    };
    document["images"][0]["url"]
        .as_str()
        .or(document["data"][0]["url"].as_str())
        .or(document["output"][0].as_str())
}

#[tokio::test(start_paused = true)]
async fn every_api_takes_a_task_and_gives_its_picture() {
    for (path, statuses, states) in [
        (RESPONSES, [200, 200], ["queued", "in_progress"]),
        (SUB2API, [202, 200], ["processing", "processing"]),
        (RELAY, [202, 202], ["pending", "processing"]),
        (FAL, [200, 202], ["IN_QUEUE", "IN_PROGRESS"]),
        (REPLICATE, [201, 200], ["starting", "processing"]),
    ] {
        let provider = provider("none+takes@100");
        let (seconds, submitted) = seconds(submit(&provider, path)).await;
        let (status, submitted) = submitted.unwrap();
        assert!((1.0..4.0).contains(&seconds), "{path}: {seconds}");
        assert_eq!(
            (status, &submitted["status"]),
            (statuses[0], &states[0].into()),
            "{path}"
        );
        let url = poll_url(path, &submitted);
        tokio::time::sleep(MINUTE / 2).await;
        let (status, running) = poll(&provider, &url).await;
        assert_eq!(
            (status, &running["status"]),
            (statuses[1], &states[1].into()),
            "{path}"
        );
        tokio::time::sleep(MINUTE * 2).await;
        let (status, mut done) = poll(&provider, &url).await;
        assert_eq!(status, 200, "{path}");
        if path == FAL {
            assert_eq!(done["status"], "COMPLETED");
            done = poll(&provider, submitted["response_url"].as_str().unwrap())
                .await
                .1;
        }
        let entry = only_entry(&provider).await;
        match picture(&done) {
            Some(picture) => assert_eq!(entry.images, [picture], "{path}"),
            None => assert!(link(&done).unwrap().contains(&entry.images[0]), "{done}"),
        }
        let task = entry.task.unwrap();
        assert_eq!((task.polls, task.collected), (2, 1), "{path}");
        assert!(entry.delivered && entry.charged_micros == 240_000, "{path}");
        assert_eq!(provider.oracle().totals().polls, 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_submit_is_worked_on_and_a_later_cut_is_none() {
    for path in ALL {
        let lost = provider("reset@0.5");
        submit(&lost, path).await.unwrap_err();
        let entry = only_entry(&lost).await;
        assert!(
            entry.charged_micros > 0 && !entry.delivered && entry.task.is_some(),
            "{path}"
        );

        let cut = provider("cut@60+takes@100");
        submit(&cut, path).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_submit_sent_twice_is_charged_twice() {
    let provider = provider("submit-twice");
    submit(&provider, RESPONSES).await.unwrap();
    assert_eq!(only_entry(&provider).await.charged_micros, 480_000);
}

#[tokio::test(start_paused = true)]
async fn polls_fail_as_they_are_told() {
    for (script, waits, expected) in [
        ("poll-404@30", [0, 40], [404, 200]),
        ("poll-503@30", [0, 40], [503, 200]),
        ("task-lost@20", [0, 40], [200, 404]),
        ("poll-redirect", [0, 40], [307, 307]),
        ("poll-unauthorized", [0, 40], [401, 401]),
    ] {
        let provider = provider(script);
        let (_, submitted) = submit(&provider, RESPONSES).await.unwrap();
        let url = poll_url(RESPONSES, &submitted);
        for (wait, status) in waits.into_iter().zip(expected) {
            tokio::time::sleep(Duration::from_secs(wait)).await;
            let request = Request::get(&url).body(Full::default()).unwrap();
            let response = send(&provider, request).await.unwrap();
            assert_eq!(response.status(), status, "{script} after {wait}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_fails_by_each_code_and_is_charged_for_work_alone() {
    for failure in TaskFailure::ALL {
        for path in ALL {
            let provider = provider(&format!("task-failed@{failure}"));
            let (_, submitted) = submit(&provider, path).await.unwrap();
            tokio::time::sleep(MINUTE * 6).await;
            let url = match submitted["response_url"].as_str() {
                Some(result) => result.to_owned(),
                None => poll_url(path, &submitted),
            };
            let (_, failed) = poll(&provider, &url).await;
            let text = failed.to_string();
            assert!(
                text.contains(failure.code()) || failure == TaskFailure::Cancelled,
                "{text}"
            );
            let entry = only_entry(&provider).await;
            assert_eq!(
                entry.charged_micros > 0,
                failure.is_charged(),
                "{path} {failure}"
            );
            assert!(!entry.delivered);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_queued_task_is_cancelled_for_free_and_a_running_one_not() {
    for (wait, charged) in [(0, false), (20, true)] {
        let provider = builder("none+takes@100").speed(1.0).build().unwrap();
        let (_, submitted) = submit(&provider, FAL).await.unwrap();
        // The submit's answer may take longer than the queue.
        tokio::time::sleep(Duration::from_secs(wait)).await;
        let url = submitted["cancel_url"].as_str().unwrap();
        let (_, told) = ask(&provider, "PUT", url).await;
        let entry = only_entry(&provider).await;
        let cancelled = entry.task.unwrap().cancelled;
        assert_eq!(told["status"] == "CANCELLATION_REQUESTED", cancelled);
        assert_eq!(entry.charged_micros == 0, cancelled);
        assert!(!(charged && cancelled));
    }
}

#[tokio::test(start_paused = true)]
async fn odd_answers_are_told_as_they_are_scripted() {
    let provider = provider("task-odd-state, foreign-poll-url, task-picture-gone, no-image");
    let (_, odd) = submit(&provider, RESPONSES).await.unwrap();
    assert_eq!(
        poll(&provider, &poll_url(RESPONSES, &odd)).await.1["status"],
        "warming_up"
    );

    let (_, foreign) = submit(&provider, SUB2API).await.unwrap();
    assert!(poll_url(SUB2API, &foreign).starts_with("http://foreign.test/v1/images/tasks/"));

    let (_, gone) = submit(&provider, SUB2API).await.unwrap();
    tokio::time::sleep(MINUTE * 6).await;
    let (_, done) = poll(&provider, &poll_url(SUB2API, &gone)).await;
    let expired = Request::get(link(&done).unwrap())
        .body(Full::default())
        .unwrap();
    assert_eq!(send(&provider, expired).await.unwrap().status(), 410);

    let (_, empty) = submit(&provider, RESPONSES).await.unwrap();
    tokio::time::sleep(MINUTE * 6).await;
    let (_, done) = poll(&provider, &poll_url(RESPONSES, &empty)).await;
    assert_eq!(
        (&done["status"], &done["output"]),
        (&"completed".into(), &serde_json::json!([]))
    );
}

#[tokio::test(start_paused = true)]
async fn a_broken_collection_can_be_made_again() {
    let provider = provider("truncated");
    let (_, submitted) = submit(&provider, RELAY).await.unwrap();
    tokio::time::sleep(MINUTE * 6).await;
    let url = poll_url(RELAY, &submitted);
    let first = Request::get(&url).body(Full::default()).unwrap();
    let first = send(&provider, first).await.unwrap();
    first.into_body().collect().await.unwrap_err();
    assert!(picture(&poll(&provider, &url).await.1).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_provider_without_tasks_refuses_or_ignores_them() {
    for (path, status) in [(RESPONSES, 400), (SUB2API, 404), (FAL, 404)] {
        let provider = builder("").tasks(Offer::Refused).build().unwrap();
        let (told, document) = submit(&provider, path).await.unwrap();
        assert_eq!(told, status, "{path}: {document}");
        assert_eq!(only_entry(&provider).await.charged_micros, 0);
    }
    let provider = builder("").tasks(Offer::Ignored).build().unwrap();
    let (_, answer) = submit(&provider, RESPONSES).await.unwrap();
    assert_eq!(answer["status"], "completed");
}
