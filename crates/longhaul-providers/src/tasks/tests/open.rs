//! Tasks that outlive their call.

use super::*;

fn layer() -> SubmitAndPollLayer {
    SubmitAndPollLayer::new(policy()).unwrap()
}

async fn left(layer: &SubmitAndPollLayer, provider: &Provider, dialect: &str, after: u64) {
    let call = call(layer, provider, request(dialect));
    tokio::time::timeout(Duration::from_secs(after), call)
        .await
        .unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn the_next_call_of_an_operation_collects_what_the_first_left() {
    for (name, ..) in CALLS {
        let (layer, provider) = (layer(), provider("none+takes@100"));
        left(&layer, &provider, name, 40).await;
        let response = call(&layer, &provider, request(name)).await.unwrap();
        assert!(
            response.extensions().get::<TaskReport>().unwrap().resumed,
            "{name}"
        );
        assert!(picture(&json(response).await).is_some(), "{name}");
        assert_eq!(entries(&provider).await.len(), 1, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn calls_of_one_operation_submit_one_after_the_other() {
    let (layer, provider) = (layer(), provider("none+takes@100*2"));
    let first = async {
        let answer = call(&layer, &provider, request("relay")).await.unwrap();
        assert_eq!(provider.oracle().totals().requests, 1, "the second waits");
        json(answer).await
    };
    let second = call(&layer, &provider, request("relay"));
    let (first, second) = tokio::join!(first, second);
    // The second found the operation over, and is one of its own.
    let second = json(second.unwrap()).await;
    assert!(picture(&first).is_some() && picture(&second).is_some());
    assert_eq!(provider.oracle().totals().charged, 2);
}

#[tokio::test(start_paused = true)]
async fn another_request_under_the_same_key_is_another_task() {
    let (layer, provider) = (layer(), provider("none+takes@100*2"));
    left(&layer, &provider, "relay", 40).await;
    let mut other = request("relay");
    *other.body_mut() = Full::from(r#"{ "prompt": "a dog", "model": "nano-banana-pro" }"#);
    call(&layer, &provider, other).await.unwrap();
    assert_eq!(entries(&provider).await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_cannot_be_asked_after_is_ordered_once() {
    for (name, submit) in [
        ("relay", r#"{"id":"..","status":"pending"}"#),
        (
            "fal",
            r#"{"request_id":"r","status":"IN_QUEUE","status_url":"https://evil.test/r"}"#,
        ),
    ] {
        let layer = layer();
        let submits = std::sync::Arc::new(std::sync::Mutex::new(0));
        let mut errors = Vec::new();
        for _ in 0..2 {
            let count = submits.clone();
            let client = tower::service_fn(move |_: Request<JoinedBody<Full<Bytes>>>| {
                *count.lock().unwrap() += 1;
                async move { Ok::<_, std::io::Error>(Response::new(Full::<Bytes>::from(submit))) }
            });
            let error = layer.layer(client).oneshot(request(name)).await.map(drop);
            errors.push(task_error(&error.unwrap_err()).cloned().unwrap());
        }
        assert_eq!(*submits.lock().unwrap(), 1, "{name}");
        assert_eq!(errors[0], errors[1]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_without_end_is_one() {
    let mut policy = policy();
    policy.deadline = Duration::MAX;
    let layer = SubmitAndPollLayer::new(policy).unwrap();
    let provider = provider("none+takes@100");
    let response = call(&layer, &provider, request("relay")).await.unwrap();
    assert!(picture(&json(response).await).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_task_whose_caller_left_is_not_cancelled() {
    let (layer, provider) = (layer(), provider("none+takes@100"));
    left(&layer, &provider, "fal", 5).await;
    let entry = &entries(&provider).await[0];
    assert!(!entry.task.as_ref().unwrap().cancelled && entry.charged_micros > 0);
}

#[tokio::test(start_paused = true)]
async fn a_queued_task_is_cancelled_only_where_the_policy_says_so() {
    for cancels in [false, true] {
        let mut policy = policy();
        policy.cancel_queued = cancels;
        let layer = SubmitAndPollLayer::new(policy).unwrap();
        let provider = builder("none+takes@100*2").queued(MINUTE).build().unwrap();
        left(&layer, &provider, "fal", 5).await;
        let entry = entries(&provider).await.remove(0);
        let cancelled = entry.task.unwrap().cancelled;
        assert_eq!((cancelled, entry.charged_micros == 0), (cancels, cancels));
        let response = call(&layer, &provider, request("fal")).await.unwrap();
        assert!(picture(&json(response).await).is_some());
        // What was taken back is ordered anew.
        assert_eq!(entries(&provider).await.len(), 1 + usize::from(cancels));
    }
}

#[tokio::test(start_paused = true)]
async fn what_began_since_the_last_poll_is_not_cancelled() {
    let mut policy = policy();
    policy.cancel_queued = true;
    let layer = SubmitAndPollLayer::new(policy).unwrap();
    // It is known as queued from its submit on, and was not asked after since.
    let provider = builder("none+takes@100")
        .queued(Duration::ZERO)
        .build()
        .unwrap();
    left(&layer, &provider, "fal", 5).await;
    let entry = entries(&provider).await.remove(0);
    let told = entry.task.unwrap();
    assert!(!told.cancelled && told.polls > 0 && entry.charged_micros > 0);
}

#[tokio::test(start_paused = true)]
async fn a_handle_is_enough_to_collect_the_picture() {
    for (name, ..) in CALLS {
        let provider = provider("none+takes@60");
        let response = call_once(&provider, name).await.unwrap();
        let handle = &response.extensions().get::<TaskReport>().unwrap().handle;
        let written = serde_json::to_string(handle).unwrap();
        let handle: TaskHandle = serde_json::from_str(&written).unwrap();
        let collected = collected(&handle, &provider, Duration::ZERO).await;
        assert_eq!(
            collected.class(),
            Some(longhaul::Class::Delivered),
            "{name} {collected:?}"
        );
        let Collected::Answer { body, .. } = collected else {
            panic!()
        };
        assert!(
            picture(&serde_json::from_slice(&body).unwrap()).is_some(),
            "{name}"
        );
        assert_eq!(entries(&provider).await.len(), 1, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn collecting_once_tells_what_is_open_and_what_is_lost() {
    let provider = provider("none+takes@100");
    let handle = TaskHandle::new(
        "relay",
        "none",
        "http://sim.test/v1/async/images/generations/none",
        None,
    );
    let lost = collected(&handle, &provider, Duration::ZERO).await;
    assert_eq!(lost.class(), Some(longhaul::Class::Undelivered), "{lost:?}");

    let running = {
        let layer = layer();
        left(&layer, &provider, "relay", 20).await;
        let id = entries_now(&provider);
        TaskHandle::new(
            "relay",
            id.clone(),
            format!("http://sim.test/v1/async/images/generations/{id}"),
            None,
        )
    };
    assert!(matches!(
        collected(&running, &provider, Duration::ZERO).await,
        Collected::Open(_)
    ));
    assert!(matches!(
        collected(&running, &provider, MINUTE * 5).await,
        Collected::Answer { picture: true, .. }
    ));
}

#[tokio::test(start_paused = true)]
async fn a_handle_that_is_not_known_yet_is_asked_after_again() {
    for within in [MINUTE * 5, Duration::ZERO] {
        let (layer, provider) = (layer(), provider("poll-404@20+takes@100"));
        left(&layer, &provider, "relay", 2).await;
        let id = entries_now(&provider);
        let url = format!("http://sim.test/v1/async/images/generations/{id}");
        let handle = TaskHandle::new("relay", id, url, None);
        let found = collected(&handle, &provider, within).await;
        match within.is_zero() {
            true => assert!(matches!(found, Collected::Open(_)), "{found:?}"),
            false => assert!(matches!(found, Collected::Answer { picture: true, .. })),
        }
    }
}

fn entries_now(provider: &Provider) -> String {
    provider.oracle().entries()[0]
        .task
        .as_ref()
        .unwrap()
        .id
        .clone()
}

#[tokio::test]
async fn a_handle_that_cannot_be_followed_is_refused_by_its_field() {
    for (dialect, url, field) in [
        ("no", "http://sim.test/x", "dialect"),
        ("relay", "/x", "poll_url"),
    ] {
        let handle = TaskHandle::new(dialect, "t", url, None);
        let (client, policy) = (provider(""), policy());
        let collected = collect::<_, Full<Bytes>, _>(&handle, &policy, client, headers(), MINUTE);
        assert_eq!(collected.await.unwrap_err().field(), field);
    }
}
