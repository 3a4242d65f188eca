//! Bodies above the cap.

use super::*;

#[tokio::test]
async fn a_form_above_the_cap_is_believed_only_when_it_says_4k() {
    let part = |name: &str, value: &str| {
        format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    for (parts, expected) in [
        (
            [part("size", "4K"), part("prompt", "a hat")],
            Resolution::K4,
        ),
        (
            [part("size", "1K"), part("prompt", "a hat")],
            Resolution::Unknown,
        ),
        (
            [part("prompt", "a hat"), part("size", "4K")],
            Resolution::Unknown,
        ),
    ] {
        let policy = DetectPolicy {
            replay_limit: 70,
            ..DetectPolicy::default()
        };
        let request = Request::post("/v1/images/edits")
            .header("content-type", "multipart/form-data; boundary=b")
            .body(Full::<Bytes>::from(parts.concat() + "--b--"))
            .unwrap();
        let sent = pass(policy, request).await.unwrap();
        assert!(!sent.body().is_replayable());
        assert_eq!(resolution(&sent), expected, "{parts:?}");
    }
}

#[tokio::test]
async fn a_body_of_100_mb_passes_once_and_says_so() {
    let data = Bytes::from(vec![b' '; 100 << 20]);
    let request = Request::post("/v1/images/generations")
        .body(Full::new(data.clone()))
        .unwrap();
    let sent = pass(DetectPolicy::default(), request).await.unwrap();
    assert_eq!(resolution(&sent), Resolution::Unknown);
    assert!(!sent.body().is_replayable());
    assert!(sent.body().try_clone().is_none());
    assert_eq!(sent.body().size_hint().exact(), Some(100 << 20));
    let passed = sent.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(passed.as_ptr(), data.as_ptr());
}

#[tokio::test]
async fn a_body_above_the_cap_is_believed_only_when_it_says_4k() {
    for (body, expected) in [
        (r#"{"size":"1K","prompt":"a hat"}"#, Resolution::Unknown),
        (r#"{"size":"4K","prompt":"a hat"}"#, Resolution::K4),
        (r#"{"prompt":"a hat","size":"4K"}"#, Resolution::Unknown),
        (
            r#"{"size":"1K"}         {"size":"4K"}"#,
            Resolution::Unknown,
        ),
    ] {
        let policy = DetectPolicy {
            replay_limit: 20,
            ..DetectPolicy::default()
        };
        let sent = pass(policy, request(body)).await.unwrap();
        assert!(!sent.body().is_replayable());
        assert_eq!(resolution(&sent), expected, "{body}");
    }
}

#[tokio::test]
async fn clones_share_one_limit() {
    let layer = DetectWorkloadLayer::new(DetectPolicy {
        replay_limit: 4,
        client_replay_limit: 5,
        ..DetectPolicy::default()
    })
    .unwrap();
    let echo = || service_fn(async |request: Sent<Full<Bytes>>| Ok::<_, BoxError>(request));
    let first = layer.layer(echo()).oneshot(request("1234")).await.unwrap();
    let second = layer
        .clone()
        .layer(echo())
        .oneshot(request("1234"))
        .await
        .unwrap();
    assert!(first.body().is_replayable());
    assert!(!second.body().is_replayable());
    assert_eq!(layer.retained_bytes(), 4);
    drop(first);
    let third = layer.layer(echo()).oneshot(request("1234")).await.unwrap();
    assert!(third.body().is_replayable());
}
