//! Submits whose answer was lost, and how often an account asks.

use std::sync::{Arc, Mutex};

use tokio::time::Instant;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_lost_submit_is_found_in_the_list_of_tasks() {
    for script in ["reset@0.5+takes@60", "gateway-timeout@0.5+takes@60"] {
        let provider = provider(script);
        let response = call_once(&provider, "replicate").await.unwrap();
        assert_eq!(response.status(), 200, "{script}");
        assert!(response.extensions().get::<TaskReport>().unwrap().durable);
        assert!(picture(&json(response).await).is_some(), "{script}");
        assert_eq!(entries(&provider).await.len(), 1, "{script}");
    }
}

#[tokio::test(start_paused = true)]
async fn of_several_tasks_in_a_list_none_is_taken_for_ours() {
    let layer = SubmitAndPollLayer::new(policy()).unwrap();
    let provider = provider("reset@0.5+takes@60*2, none+takes@60");
    let unkeyed = || {
        let mut request = request("replicate");
        request.headers_mut().remove("idempotency-key");
        request
    };
    let (one, two) = tokio::join!(
        call(&layer, &provider, unkeyed()),
        call(&layer, &provider, unkeyed())
    );
    assert!(one.is_err() && two.is_err(), "either may be anybody's");
    assert_eq!(entries(&provider).await.len(), 2);

    // Another's input is not ours.
    let mut other = unkeyed();
    *other.body_mut() = Full::from(r#"{ "input": { "prompt": "a dog" } }"#);
    call(&layer, &provider, other).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_task_that_another_call_has_is_not_found_twice() {
    let layer = SubmitAndPollLayer::new(policy()).unwrap();
    let provider = provider("none+takes@300, reset@0.5+takes@60");
    let unkeyed = || {
        let mut request = request("replicate");
        request.headers_mut().remove("idempotency-key");
        request
    };
    let first = call(&layer, &provider, unkeyed());
    let second = async {
        tokio::time::sleep(MINUTE / 2).await;
        call(&layer, &provider, unkeyed()).await
    };
    let (first, second) = tokio::join!(first, second);
    let id = |answer: Answer| {
        let answer = answer.unwrap();
        answer
            .extensions()
            .get::<TaskReport>()
            .unwrap()
            .handle
            .id
            .clone()
    };
    assert_ne!(id(first), id(second));
    assert_eq!(entries(&provider).await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn one_poll_of_a_task_is_in_flight_and_the_rate_is_kept() {
    #[derive(Default)]
    struct Seen {
        in_flight: usize,
        most: usize,
        at: Vec<Instant>,
    }
    let mut policy = policy();
    policy.polls_per_second = 0.1;
    let layer = SubmitAndPollLayer::new(policy).unwrap();
    let (provider, seen) = (
        provider("none+takes@100*3"),
        Arc::new(Mutex::new(Seen::default())),
    );
    let client = |seen: &Arc<Mutex<Seen>>| {
        let (provider, seen) = (provider.clone(), seen.clone());
        layer.layer(tower::service_fn(
            move |request: Request<JoinedBody<Full<Bytes>>>| {
                let (provider, seen) = (provider.clone(), seen.clone());
                async move {
                    let poll = request.method() == http::Method::GET;
                    if poll {
                        let mut seen = seen.lock().unwrap();
                        seen.in_flight += 1;
                        seen.most = seen.most.max(seen.in_flight);
                        seen.at.push(Instant::now());
                    }
                    let answer = provider.oneshot(request).await;
                    if poll {
                        tokio::time::sleep(Duration::from_secs(5)).await;
                        seen.lock().unwrap().in_flight -= 1;
                    }
                    answer
                }
            },
        ))
    };
    let ask = |seen| client(seen).oneshot(request("relay"));
    // Two callers of one operation, and one of another.
    let mut other = request("relay");
    other
        .headers_mut()
        .insert("idempotency-key", "op-2".parse().unwrap());
    let lone = Arc::default();
    let (one, two, three) = tokio::join!(ask(&seen), ask(&seen), client(&lone).oneshot(other));
    assert!(one.is_ok() && two.is_ok() && three.is_ok());
    let seen = seen.lock().unwrap();
    assert_eq!(seen.most, 1);
    let mut at = [&seen.at[..], &lone.lock().unwrap().at].concat();
    at.sort();
    let apart = at.windows(2).map(|pair| pair[1] - pair[0]);
    assert!(apart.min().unwrap() >= Duration::from_secs(10), "{at:?}");
}
