//! Operations by their address.

use super::*;

#[tokio::test(start_paused = true)]
async fn who_comes_later_and_waits_long_enough_gets_the_answer() {
    let bench = Bench::new("none*9");
    let ask = async |prefer, key| {
        let headers = &[("prefer", prefer)];
        let key = Some(key);
        bench
            .ask(Asks {
                headers,
                key,
                ..PLAIN
            })
            .await
    };
    let waited = ask("respond-async, wait=200", "a").await;
    waited.picture();
    assert!(!waited.headers.contains_key("preference-applied"));
    let later = ask("respond-async, wait=20", "b").await;
    assert_eq!(later.status, StatusCode::ACCEPTED);
    assert_eq!(later.headers["preference-applied"], "respond-async");
    // What is there already is no ticket.
    bench.replays.idle().await;
    ask("respond-async", "b").await.picture();
    assert_eq!(bench.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn respond_async_gives_an_address_that_only_its_owner_reads() {
    let bench = Bench::new("none");
    let headers = &[("prefer", "respond-async, wait=5")];
    let accepted = bench.ask(Asks { headers, ..PLAIN }).await;
    assert_eq!(accepted.status, StatusCode::ACCEPTED);
    let body: Value = serde_json::from_slice(accepted.body.as_ref().unwrap()).unwrap();
    assert_eq!(body["status"], "processing");
    assert_eq!(
        accepted.headers["location"],
        *body["poll_url"].as_str().unwrap()
    );
    let path = body["poll_url"].as_str().unwrap();
    let (alice, bob) = (caller("alice"), caller("bob"));
    let running = bench.replays.collect(path, &alice).await.unwrap().unwrap();
    assert_eq!(running.status(), StatusCode::ACCEPTED);
    bench.replays.idle().await;

    let whole = bench.replays.collect(path, &alice).await.unwrap().unwrap();
    let whole = whole.into_body().collect().await.unwrap().to_bytes();
    let whole: Value = serde_json::from_slice(&whole).unwrap();
    assert_eq!(whole["status"], "completed");
    assert!(whole["result"]["data"][0]["b64_json"].is_string());
    let answer = format!("{path}/answer");
    let plain = bench
        .replays
        .collect(&answer, &alice)
        .await
        .unwrap()
        .unwrap();
    let plain = plain.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(
        serde_json::from_slice::<Value>(&plain).unwrap(),
        whole["result"]
    );

    for strange in [
        path,
        &answer,
        "/v1/longhaul/operations/op_00",
        "/v1/longhaul/operations/",
    ] {
        let refused = bench
            .replays
            .collect(strange, &bob)
            .await
            .unwrap()
            .unwrap_err();
        assert_eq!(refused.status(), StatusCode::NOT_FOUND);
        assert_eq!(refused.code(), "no_operation");
    }
    let mut admin = KeyConfig::new("admin", KeyHash([1; 32]));
    admin.admin = true;
    let admin = Caller::for_tests(&admin);
    assert!(bench.replays.collect(path, &admin).await.unwrap().is_ok());
    assert!(bench.replays.collect("/v1/models", &admin).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn asking_after_what_is_gone_refuses_no_call() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let counted = recorder.handle();
    let _recorder = metrics::set_default_local_recorder(&recorder);
    let bench = Bench::with("none", |policy| policy.quota_bytes = 0);
    let first = bench.ask(KEYED).await;
    first.picture();
    bench.finished().await;
    let of = first.headers["x-longhaul-operation"].to_str().unwrap();
    let path = format!("/v1/longhaul/operations/{of}");
    let asked = bench
        .replays
        .collect(&path, &caller("alice"))
        .await
        .unwrap();
    assert_eq!(asked.unwrap_err().code(), "answer_gone");
    assert!(!counted.render().contains("longhaul_replays"));
    // Now it is a call.
    bench.ask(KEYED).await;
    let counted = counted.render();
    assert!(
        counted.contains("longhaul_replays{how=\"refused\"} 1"),
        "{counted}"
    );
    assert!(!counted.contains("kept"), "{counted}");
}
