use super::*;
use crate::Script;

#[tokio::test(start_paused = true)]
async fn keys_are_ignored_unless_asked_for() {
    let provider = provider("");
    for _ in 0..2 {
        json(call(&provider, OPENAI).await.unwrap()).await;
    }
    assert_eq!(provider.oracle().totals().charged, 2);
}

#[tokio::test(start_paused = true)]
async fn an_idempotent_provider_charges_a_key_once() {
    let provider = builder("cut@60+takes@200,none,none")
        .idempotent(true)
        .build()
        .unwrap();
    call(&provider, OPENAI).await.unwrap_err();
    let (seconds, joined) =
        seconds(async { json(call(&provider, OPENAI).await.unwrap()).await }).await;
    assert!(
        close(seconds, 140.0),
        "the second waits for the first one's work: {seconds}"
    );
    let again = json(call(&provider, OPENAI).await.unwrap()).await;
    assert_eq!(joined["data"], again["data"]);

    let other = Full::from(r#"{ "prompt": "a dog" }"#);
    let reused = send(&provider, request(OPENAI).body(other).unwrap())
        .await
        .unwrap();
    assert_eq!(reused.status(), 422);

    let totals = provider.oracle().totals();
    assert_eq!((totals.charged, totals.delivered), (1, 2));
    assert!(provider.oracle().entries()[1].replayed);
}

#[tokio::test(start_paused = true)]
async fn a_required_key_is_required_and_never_kept() {
    let provider = builder("").require_key("secret").build().unwrap();
    let asked = |name: &str, value: &str| {
        request(OPENAI)
            .header(name, value)
            .body(text(OPENAI))
            .unwrap()
    };
    for (request, status) in [
        (request(OPENAI).body(text(OPENAI)).unwrap(), 401),
        (asked("authorization", "Bearer wrong"), 401),
        (asked("authorization", "Bearer secret"), 200),
        (asked("x-goog-api-key", "secret"), 200),
        (asked("api-key", "secret"), 200),
    ] {
        assert_eq!(send(&provider, request).await.unwrap().status(), status);
    }
    let known = serde_json::to_string(&provider.oracle().entries()).unwrap();
    assert!(
        known.contains("authorization") && !known.contains("secret"),
        "{known}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_understood_is_refused_and_not_charged() {
    let provider = provider("");
    let post = |path: &str, body: &'static str| request(path).body(Full::from(body)).unwrap();
    for (request, status) in [
        (post("/nowhere", "{}"), 404),
        (post("/v1beta/models/m:streamGenerateContent", "{}"), 404),
        (post(OPENAI, "{"), 400),
        (post(OPENAI, r#"{ "prompt": "p", "size": "1x1" }"#), 400),
        (post(GEMINI, "[]"), 400),
        (Request::get(OPENAI).body(Full::default()).unwrap(), 405),
    ] {
        let response = send(&provider, request).await.unwrap();
        assert_eq!(response.status(), status);
        assert!(json(response).await["error"]["message"].is_string());
    }
    provider.oracle().settled().await;
    let totals = provider.oracle().totals();
    assert_eq!(
        (
            totals.requests,
            totals.read_whole,
            totals.charged,
            totals.delivered
        ),
        (6, 6, 0, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_request_may_carry_its_own_fault_and_time() {
    let provider = provider("overloaded");
    let asked = |name: &str, value: &str| {
        request(OPENAI)
            .header(name, value)
            .body(text(OPENAI))
            .unwrap()
    };
    assert_eq!(
        send(&provider, asked("x-sim-fault", "quota"))
            .await
            .unwrap()
            .status(),
        429
    );
    assert_eq!(
        call(&provider, OPENAI).await.unwrap().status(),
        503,
        "the script stayed where it was"
    );
    let (seconds, _) = seconds(send(&provider, asked("x-sim-generation", "7"))).await;
    assert!(close(seconds, 7.0), "{seconds}");
    let wrong = send(&provider, asked("x-sim-fault", "explode"))
        .await
        .unwrap();
    assert_eq!(wrong.status(), 400);
    assert!(
        json(wrong).await["error"]["message"]
            .as_str()
            .unwrap()
            .contains("explode")
    );
}

#[tokio::test(start_paused = true)]
async fn a_closure_may_choose_by_what_it_sees() {
    let script = Script::from_fn(|seen| match seen.attempt {
        Some(1) => crate::Fault::Overloaded,
        _ => crate::Fault::None,
    });
    let provider = Provider::builder()
        .script(script)
        .image_weight(Weight::Tiny)
        .build()
        .unwrap();
    assert_eq!(call(&provider, OPENAI).await.unwrap().status(), 503);
    let second = Request::post(OPENAI)
        .header("x-longhaul-attempt", "2")
        .body(text(OPENAI))
        .unwrap();
    assert_eq!(send(&provider, second).await.unwrap().status(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_closure_script_sees_the_time_of_day() {
    let noon = Duration::from_secs(12 * 3600);
    let provider = Provider::builder()
        .script(Script::from_fn(move |seen| {
            if seen.at < noon {
                crate::Fault::Overloaded
            } else {
                crate::Fault::None
            }
        }))
        .image_weight(Weight::Tiny)
        .build()
        .unwrap();
    assert_eq!(call(&provider, OPENAI).await.unwrap().status(), 503);
    tokio::time::sleep(noon).await;
    assert_eq!(call(&provider, OPENAI).await.unwrap().status(), 200);
}
