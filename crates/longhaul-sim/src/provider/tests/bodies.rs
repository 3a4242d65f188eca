use http_body::Body as _;

use super::*;
use crate::SimErrorKind;

/// What is charged for a 4K picture.
const CHARGE: u64 = 240_000;

#[tokio::test(start_paused = true)]
async fn a_truncated_body_tells_its_length_and_breaks_off_half_way() {
    let provider = provider("truncated");
    let response = call(&provider, OPENAI).await.unwrap();
    let told: usize = response.headers()["content-length"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    let (read, end) = drain(response.into_body()).await;
    assert_eq!(read.len(), told / 2);
    assert_eq!(end.unwrap_err().kind(), SimErrorKind::Truncated);
    let entry = only_entry(&provider).await;
    assert_eq!(
        (entry.charged_micros, entry.delivered, entry.client_left),
        (CHARGE, false, false)
    );
}

#[tokio::test(start_paused = true)]
async fn a_body_ended_early_tells_no_length_and_leaves_brackets_open() {
    let provider = provider("truncated-close");
    let response = call(&provider, OPENAI).await.unwrap();
    assert!(!response.headers().contains_key("content-length"));
    assert_eq!(response.body().size_hint().exact(), None);
    let (read, end) = drain(response.into_body()).await;
    end.unwrap();
    assert!(read.starts_with(b"{") && !read.ends_with(b"}"));
    let entry = only_entry(&provider).await;
    assert_eq!(
        (entry.charged_micros, entry.answered, entry.delivered),
        (CHARGE, false, false)
    );
}

#[tokio::test(start_paused = true)]
async fn a_stalled_body_stops_half_way_for_ever() {
    let provider = provider("stalled");
    let mut body = call(&provider, OPENAI).await.unwrap().into_body();
    assert!(body.frame().await.is_some());
    assert!(
        tokio::time::timeout(60 * MINUTE, drain_ref(&mut body))
            .await
            .is_err()
    );
    drop(body);
    let entry = only_entry(&provider).await;
    assert_eq!(
        (entry.charged_micros, entry.delivered, entry.client_left),
        (CHARGE, false, true)
    );
}

/// Whoever stops at the last bracket has the picture as well.
#[tokio::test(start_paused = true)]
async fn a_document_without_the_end_of_its_body_is_delivered() {
    for (script, breaks) in [("unended", true), ("held-open", false)] {
        let provider = provider(script);
        let response = call(&provider, OPENAI).await.unwrap();
        assert!(!response.headers().contains_key("content-length"));
        let mut body = response.into_body();
        let mut read = Vec::new();
        while !read.ends_with(b"}") {
            let frame = body.frame().await.unwrap().unwrap();
            read.extend(frame.into_data().unwrap());
        }
        serde_json::from_slice::<serde_json::Value>(&read).unwrap();
        assert!(!body.is_end_stream());
        match tokio::time::timeout(60 * MINUTE, body.frame()).await {
            Ok(end) => {
                let error = end.unwrap().unwrap_err();
                assert_eq!((breaks, error.kind()), (true, SimErrorKind::Truncated));
            }
            Err(_) => assert!(!breaks),
        }
        drop(body);
        let entry = only_entry(&provider).await;
        assert_eq!(
            (entry.charged_micros, entry.answered, entry.delivered),
            (CHARGE, true, true)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_trickling_body_keeps_to_its_rate() {
    let provider = builder("trickle@1000+takes@1").speed(10.0).build().unwrap();
    let response = call(&provider, OPENAI).await.unwrap();
    let length = response.body().size_hint().exact().unwrap() as f64;
    let (seconds, (read, end)) = seconds(drain(response.into_body())).await;
    end.unwrap();
    assert_eq!(read.len() as f64, length);
    let expected = length / 1000.0 / 10.0;
    assert!(
        (expected * 0.9..expected * 1.2).contains(&seconds),
        "{seconds} instead of {expected}"
    );
    assert!(only_entry(&provider).await.delivered);
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_an_image_is_charged_and_not_delivered() {
    let provider = provider("no-image,no-image,blocked,blocked");
    let openai = json(call(&provider, OPENAI).await.unwrap()).await;
    assert_eq!(openai["data"], Value::Array(Vec::new()));
    let gemini = json(call(&provider, GEMINI).await.unwrap()).await;
    assert_eq!(gemini["candidates"][0]["finishReason"], "NO_IMAGE");
    assert!(gemini["candidates"][0]["content"]["parts"].is_null());
    let gemini = json(call(&provider, GEMINI).await.unwrap()).await;
    assert_eq!(gemini["candidates"][0]["finishReason"], "IMAGE_SAFETY");
    let openai = call(&provider, OPENAI).await.unwrap();
    assert_eq!(openai.status(), 400);
    assert_eq!(json(openai).await["error"]["code"], "moderation_blocked");
    let charged: Vec<_> = provider
        .oracle()
        .entries()
        .iter()
        .map(|entry| entry.charged_micros)
        .collect();
    assert_eq!(charged, [CHARGE, CHARGE, CHARGE, 0]);
    let totals = provider.oracle().totals();
    assert_eq!(
        (totals.delivered, totals.undelivered_micros),
        (0, 3 * CHARGE)
    );
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_answers_at_once_and_beats_until_the_work_is_done() {
    let provider = provider("heartbeat@15+takes@100");
    let (waited, response) = seconds(call(&provider, OPENAI)).await;
    let response = response.unwrap();
    assert!(close(waited, 0.0));
    let (waited, (read, end)) = seconds(drain(response.into_body())).await;
    end.unwrap();
    assert!(close(waited, 100.0), "{waited}");
    assert!(read.starts_with(b"      {"), "six beats");
    serde_json::from_slice::<Value>(&read).unwrap();
    assert!(only_entry(&provider).await.delivered);
}

async fn drain(mut body: Body) -> (Vec<u8>, Result<(), SimError>) {
    drain_ref(&mut body).await
}

async fn drain_ref(body: &mut Body) -> (Vec<u8>, Result<(), SimError>) {
    let mut read = Vec::new();
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => read.extend(frame.into_data().unwrap()),
            Err(error) => return (read, Err(error)),
        }
    }
    assert!(body.is_end_stream());
    (read, Ok(()))
}
