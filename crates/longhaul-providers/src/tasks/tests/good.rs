use longhaul_sim::Offer;
use tokio::time::Instant;

use super::*;

#[tokio::test(start_paused = true)]
async fn every_dialect_gives_the_unary_answer_of_its_task() {
    for (name, ..) in CALLS {
        let provider = provider("none+takes@120");
        let response = call_once(&provider, name).await.unwrap();
        assert_eq!(response.status(), 200, "{name}");
        assert_eq!(response.headers()["content-type"], "application/json");
        let report = response.extensions().get::<TaskReport>().unwrap().clone();
        assert_eq!(&*report.handle.dialect, name);
        assert_eq!(response.headers()["x-longhaul-task"], &*report.handle.id);
        assert!(
            (3..30).contains(&report.polls) && report.failed_polls == 0,
            "{report:?}"
        );
        assert!(report.handle.expires.is_some());
        let document = json(response).await;
        let entries = entries(&provider).await;
        assert_eq!(entries.len(), 1, "{name}: one submit");
        assert_eq!(entries[0].images, [picture(&document).unwrap()], "{name}");
        assert!(
            entries[0].delivered && entries[0].charged_micros == 240_000,
            "{name}"
        );
        assert_eq!(entries[0].task.as_ref().unwrap().collected, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn the_answer_is_the_one_that_the_unary_call_gives() {
    for (name, differs) in [
        ("relay", ["created", ""]),
        ("fal", ["images", ""]),
        ("replicate", ["id", "output"]),
    ] {
        let submitted = call_once(&provider("none+takes@60"), name).await.unwrap();
        let mut submitted = json(submitted).await;
        let unary = provider("none+takes@60")
            .oneshot(request(name))
            .await
            .unwrap();
        let unary = unary.into_body().collect().await.unwrap().to_bytes();
        let mut unary: Value = serde_json::from_slice(&unary).unwrap();
        for key in differs.into_iter().filter(|key| !key.is_empty()) {
            submitted[key] = Value::Null;
            unary[key] = Value::Null;
        }
        // Every picture has an identity of its own.
        if name == "relay" {
            submitted["data"] = Value::Null;
            unary["data"] = Value::Null;
        }
        assert_eq!(submitted, unary, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_40_mb_is_collected_whole() {
    let provider = Provider::builder()
        .script("none+takes@100".parse().unwrap())
        .build()
        .unwrap();
    let (_, url, _) = CALLS[1];
    let body = r#"{ "prompt": "p", "model": "nano-banana-pro", "size": "4096x4096", "n": 4 }"#;
    let request = Request::post(url).body(Full::from(body)).unwrap();
    let layer = SubmitAndPollLayer::new(policy()).unwrap();
    let response = call(&layer, &provider, request).await.unwrap();
    let length: usize = response.headers()["content-length"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    let text = text(response).await;
    assert!(length > 40_000_000 && text.len() == length, "{length}");
    let document: Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(document["data"].as_array().unwrap().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn what_has_no_form_as_a_task_passes_as_it_is() {
    let layer = SubmitAndPollLayer::new(policy()).unwrap();
    let responses = CALLS[0];
    let with = |field: &str| responses.2.replacen('{', &format!("{{ {field},"), 1);
    let mut unrecognised = request("openai-responses");
    unrecognised.extensions_mut().insert(Workload::default());
    let mut polling = request("replicate");
    polling.headers_mut().remove("prefer");
    let post = |url: &str, body: String| Request::post(url).body(Full::from(body)).unwrap();
    for request in [
        post(responses.1, with(r#""store": false"#)),
        post(responses.1, with(r#""stream": true"#)),
        post(responses.1, with(r#""background": false"#)),
        post("http://other.test/v1/responses", responses.2.to_owned()),
        post("http://sim.test:8080/v1/responses", responses.2.to_owned()),
        post("http://sim.test/v1/chat", "{}".to_owned()),
        post(responses.1, "[1]".to_owned()),
        unrecognised,
        polling,
    ] {
        let provider = provider("");
        let text = format!("{:?}", request.uri());
        let sent = request.body().clone().collect().await.unwrap().to_bytes();
        let response = call(&layer, &provider, request).await.unwrap();
        assert!(
            !response.headers().contains_key("x-longhaul-task"),
            "{text}"
        );
        self::text(response).await;
        let entry = &entries(&provider).await[0];
        assert_eq!(entry.body_bytes, sent.len() as u64, "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_without_tasks_gets_the_unary_call_and_is_remembered() {
    for name in ["openai-responses", "sub2api", "relay"] {
        let layer = SubmitAndPollLayer::new(policy()).unwrap();
        let provider = builder("none+takes@50*9")
            .tasks(Offer::Refused)
            .build()
            .unwrap();
        for expected in [2, 3] {
            let response = call(&layer, &provider, request(name)).await.unwrap();
            assert!(picture(&json(response).await).is_some(), "{name}");
            assert_eq!(entries(&provider).await.len(), expected, "{name}");
        }
        tokio::time::advance(MINUTE * 60).await;
        text(call(&layer, &provider, request(name)).await.unwrap()).await;
        assert_eq!(
            entries(&provider).await.len(),
            5,
            "{name}: asked again after an hour"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_one_key_is_refused_another_may_have() {
    let layer = SubmitAndPollLayer::new(policy()).unwrap();
    let provider = builder("none+takes@50*9")
        .tasks(Offer::Refused)
        .build()
        .unwrap();
    for (key, expected) in [("sk-one", 2), ("sk-one", 3), ("sk-two", 5), ("sk-two", 6)] {
        let mut request = request("relay");
        let value = format!("Bearer {key}").parse().unwrap();
        request.headers_mut().insert("authorization", value);
        text(call(&layer, &provider, request).await.unwrap()).await;
        assert_eq!(entries(&provider).await.len(), expected, "{key}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_submit_that_is_answered_with_the_picture_is_the_answer() {
    let provider = builder("none+takes@100")
        .tasks(Offer::Ignored)
        .build()
        .unwrap();
    let response = call_once(&provider, "openai-responses").await.unwrap();
    assert!(picture(&json(response).await).is_some());
    assert_eq!(provider.oracle().totals().polls, 0);
}

#[tokio::test(start_paused = true)]
async fn the_first_poll_waits_by_the_size() {
    let provider = provider("none+takes@5*2");
    let layer = SubmitAndPollLayer::new(policy()).unwrap();
    for (sized, range) in [(false, 11.0..16.0), (true, 30.0..35.0)] {
        let mut request = request("relay");
        request.headers_mut().remove("idempotency-key");
        if sized {
            workload(&mut request);
        }
        let start = Instant::now();
        call(&layer, &provider, request).await.unwrap();
        let took = start.elapsed().as_secs_f64();
        assert!(range.contains(&took), "{took}");
    }
}
