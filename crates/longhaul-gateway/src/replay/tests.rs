use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use longhaul::{Stack, policy::Policy};
use longhaul_sim::{Provider, Weight};
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::{sleep, timeout};
use tower::{Layer, ServiceExt, util::BoxCloneSyncService};

use super::*;
use crate::{
    caller::Caller,
    config::{KeyConfig, KeyHash},
    detach::DetachLayer,
};

type Service =
    BoxCloneSyncService<Request<Full<Bytes>>, http::Response<ResponseBody>, longhaul::Error>;

/// A provider, the layers over it, and what is remembered.
struct Bench {
    provider: Provider,
    service: Service,
    replays: Replays,
    folder: TempDir,
}

impl Bench {
    fn new(script: &str) -> Self {
        Self::with(script, |_| {})
    }

    fn with(script: &str, change: impl FnOnce(&mut ReplayPolicy)) -> Self {
        Self::at_speed(1.0, script, change)
    }

    fn at_speed(speed: f64, script: &str, change: impl FnOnce(&mut ReplayPolicy)) -> Self {
        let provider = Provider::builder()
            .speed(speed)
            .script(script.parse().unwrap())
            .generation(Duration::from_secs(100))
            .image_weight(Weight::Light)
            .build()
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut policy = ReplayPolicy::new(folder.path().join("answers"));
        change(&mut policy);
        let layer = IdempotentReplayLayer::new(policy, MemoryIndex::new().unwrap());
        let stack = Stack::new(Policy::nano_banana_pro()).unwrap();
        let inner = DetachLayer::default().layer(stack.layer(provider.clone()));
        Self {
            provider,
            service: BoxCloneSyncService::new(layer.layer(inner)),
            replays: layer.replays(),
            folder,
        }
    }

    async fn ask(&self, asks: Asks<'_>) -> Answered {
        let response = self.service.clone().oneshot(asks.request()).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await;
        Answered {
            status: head.status,
            headers: head.headers,
            body: body.map(|body| body.to_bytes()).ok(),
        }
    }

    /// Asks, and leaves after this long.
    async fn leave(&self, asks: Asks<'_>, after: Duration) {
        assert!(timeout(after, self.ask(asks)).await.is_err());
    }

    fn calls(&self) -> usize {
        self.provider.oracle().entries().len()
    }
}

#[derive(Clone, Copy)]
struct Asks<'a> {
    caller: &'a str,
    key: Option<&'a str>,
    retry: u32,
    prompt: &'a str,
    headers: &'a [(&'a str, &'a str)],
}

const PLAIN: Asks<'static> = Asks {
    caller: "alice",
    key: None,
    retry: 0,
    prompt: "a cat",
    headers: &[],
};

const KEYED: Asks<'static> = Asks {
    key: Some("k"),
    ..PLAIN
};

impl Asks<'_> {
    fn request(&self) -> Request<Full<Bytes>> {
        let body = format!(
            r#"{{"model": "x", "prompt": "{}", "size": "4096x4096"}}"#,
            self.prompt
        );
        let mut request = Request::post("https://sim.example/v1/images/generations")
            .header("content-type", "application/json")
            .header("x-stainless-retry-count", self.retry)
            .extension(caller(self.caller));
        if let Some(key) = self.key {
            request = request.header("idempotency-key", key);
        }
        for (name, value) in self.headers {
            request = request.header(*name, *value);
        }
        request.body(Full::from(body)).unwrap()
    }
}

fn caller(name: &str) -> Caller {
    Caller::for_tests(&KeyConfig::new(name, KeyHash([0; 32])))
}

struct Answered {
    status: StatusCode,
    headers: http::HeaderMap,
    body: Option<Bytes>,
}

impl Answered {
    fn picture(&self) -> &Bytes {
        let body = self.body.as_ref().expect("the answer is whole");
        assert_eq!(
            self.status,
            StatusCode::OK,
            "{}",
            String::from_utf8_lossy(body)
        );
        assert!(body.len() > 100_000);
        body
    }

    fn replayed(&self) -> bool {
        self.headers.contains_key("idempotent-replayed")
    }

    fn code(&self) -> String {
        let body: Value = serde_json::from_slice(self.body.as_ref().unwrap()).unwrap();
        body["error"]["code"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}

const SECONDS: fn(u64) -> Duration = Duration::from_secs;

#[tokio::test(start_paused = true)]
async fn the_same_key_attaches_while_it_runs_and_is_replayed_later() {
    let bench = Bench::new("none*9");
    let (first, second) = tokio::join!(bench.ask(KEYED), async {
        sleep(SECONDS(20)).await;
        bench.ask(KEYED).await
    });
    let third = bench.ask(KEYED).await;
    assert_eq!(first.picture(), second.picture());
    assert_eq!(first.picture(), third.picture());
    assert!(!first.replayed() && second.replayed() && third.replayed());
    assert_eq!(
        first.headers["x-longhaul-operation"],
        third.headers["x-longhaul-operation"]
    );
    assert_eq!(bench.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_key_belongs_to_one_caller_and_one_request() {
    let bench = Bench::new("none*9");
    bench.ask(KEYED).await.picture();
    let dog = Asks {
        prompt: "a dog",
        ..KEYED
    };
    let other = bench.ask(dog).await;
    assert_eq!(
        (other.status, &*other.code()),
        (StatusCode::UNPROCESSABLE_ENTITY, "key_reuse")
    );
    let bob = Asks {
        caller: "bob",
        ..dog
    };
    let answer = bench.ask(bob).await;
    answer.picture();
    assert!(!answer.replayed());
    assert_eq!(bench.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_caller_with_a_key_who_left_finds_its_picture() {
    let bench = Bench::new("cut@60, none");
    bench.leave(KEYED, SECONDS(30)).await;
    let answer = bench.ask(KEYED).await;
    answer.picture();
    assert!(answer.replayed());
    assert_eq!(bench.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_sdks_retry_attaches_to_what_lost_its_caller() {
    let bench = Bench::new("none*9");
    bench.leave(PLAIN, SECONDS(30)).await;
    let answer = bench.ask(Asks { retry: 1, ..PLAIN }).await;
    answer.picture();
    assert!(answer.replayed());
    assert_eq!(bench.calls(), 1);
}

#[tokio::test]
async fn long_after_the_end_an_sdks_retry_is_a_request_like_any_other() {
    let bench = Bench::at_speed(10_000.0, "none*9", |policy| {
        policy.sdk_retries_within = Duration::from_millis(5);
    });
    bench.ask(PLAIN).await.picture();
    sleep(Duration::from_millis(50)).await;
    assert!(!bench.ask(Asks { retry: 1, ..PLAIN }).await.replayed());
    assert_eq!(bench.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn two_retries_of_two_equal_requests_get_two_pictures() {
    let bench = Bench::new("none*9");
    tokio::join!(
        bench.leave(PLAIN, SECONDS(30)),
        bench.leave(PLAIN, SECONDS(30))
    );
    let retry = Asks { retry: 1, ..PLAIN };
    let (one, two) = tokio::join!(bench.ask(retry), bench.ask(retry));
    one.picture();
    two.picture();
    assert_ne!(
        one.headers["x-longhaul-operation"],
        two.headers["x-longhaul-operation"]
    );
    assert_eq!(bench.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn equal_first_requests_are_two_pictures_unless_asked_otherwise() {
    let bench = Bench::new("none*9");
    tokio::join!(bench.ask(PLAIN), bench.ask(PLAIN));
    assert_eq!(bench.calls(), 2);
    let bench = Bench::with("none*9", |policy| policy.coalesce = true);
    let (one, two) = tokio::join!(bench.ask(PLAIN), bench.ask(PLAIN));
    assert_eq!(one.picture(), two.picture());
    assert_eq!(bench.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_ended_free_of_charge_may_be_asked_again() {
    for again in [KEYED, Asks { retry: 1, ..PLAIN }] {
        let bench = Bench::new("bad-request, none");
        let first = bench.ask(Asks { retry: 0, ..again }).await;
        assert_eq!(first.status, StatusCode::BAD_REQUEST);
        bench.ask(again).await.picture();
        assert_eq!(bench.calls(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_may_be_charged_is_sent_again_only_if_asked_to() {
    let bench = Bench::new("cut@60*3, none");
    let first = bench.ask(KEYED).await;
    assert_eq!(first.status, StatusCode::BAD_GATEWAY);
    let second = bench.ask(KEYED).await;
    assert_eq!(second.status, StatusCode::BAD_GATEWAY);
    assert!(second.replayed());
    assert_eq!(bench.calls(), 3);
    let headers = &[("x-longhaul-send-again", "true")];
    bench.ask(Asks { headers, ..KEYED }).await.picture();
    assert_eq!(bench.calls(), 4);
}

#[tokio::test(start_paused = true)]
async fn without_a_key_nothing_is_begun_for_a_caller_who_left() {
    let bench = Bench::new("overloaded*9");
    bench.leave(PLAIN, SECONDS(5)).await;
    bench.replays.idle().await;
    assert_eq!(bench.calls(), 1);
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
async fn answers_are_readable_by_nobody_else_and_go_when_their_time_is_over() {
    let bench = Bench::with("none*9", |policy| policy.quota_bytes = 300_000);
    bench.ask(KEYED).await.picture();
    let folder = bench.folder.path().join("answers");
    let files = || {
        std::fs::read_dir(&folder)
            .unwrap()
            .map(|file| file.unwrap())
            .collect::<Vec<_>>()
    };
    let kept = files();
    assert_eq!(kept.len(), 1);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(
            kept[0].metadata().unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(
            std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777,
            0o700
        );
    }
    for key in ["l", "m"] {
        bench
            .ask(Asks {
                key: Some(key),
                ..PLAIN
            })
            .await
            .picture();
        bench.replays.0.tasks.close();
        bench.replays.0.tasks.wait().await;
        bench.replays.0.tasks.reopen();
    }
    let total: u64 = files()
        .iter()
        .map(|file| file.metadata().unwrap().len())
        .sum();
    assert!(total <= 300_000, "{total}");
    // What was paid for is not paid again because its answer is gone.
    let gone = bench.ask(KEYED).await;
    assert_eq!(gone.status, StatusCode::CONFLICT);
    assert_eq!(bench.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_takes_nothing_loses_no_answer_of_those_who_wait() {
    let bench = Bench::with("none*2", |policy| {
        // A file stands where the folder should be.
        let file = policy.folder.parent().unwrap().join("file");
        std::fs::write(&file, "").unwrap();
        policy.folder = file;
    });
    bench.ask(KEYED).await.picture();
}

#[tokio::test]
async fn what_a_dead_process_left_running_is_unknown_and_not_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("gateway.db").display().to_string();
    let row = |key: u8| {
        let id = PublicId::new().unwrap();
        let scope = caller("alice").scope();
        let price = Some(longhaul::Money::usd_micros(240_000));
        Row::begun(
            id,
            scope,
            "alice".into(),
            Some(Digest([key; 32])),
            Digest([9; 32]),
            price,
        )
    };
    let (running, ended) = (row(1), row(2));
    let first = SqlIndex::open(&place).await.unwrap();
    let secret = first.secret();
    assert_eq!(first.begin(running.clone()).await.unwrap(), None);
    assert_eq!(first.begin(row(1)).await.unwrap().unwrap().id, running.id);
    assert_eq!(first.begin(ended.clone()).await.unwrap(), None);
    let mut end = ended.clone();
    end.state = State::Kept;
    end.ended = Some(ended.began + 5);
    end.status = Some(StatusCode::OK);
    end.headers.insert("x-a", "b".parse().unwrap());
    end.length = 7;
    end.certain = 240_000;
    first.end(end.clone()).await.unwrap();
    drop(first);

    let second = SqlIndex::open(&place).await.unwrap();
    assert_eq!(second.secret(), secret);
    let found = second.get(running.id).await.unwrap().unwrap();
    assert_eq!(found.state, State::Unknown);
    assert_eq!(
        second.by_key(end.scope, Digest([2; 32])).await.unwrap(),
        Some(end.clone())
    );
    let since = std::time::SystemTime::UNIX_EPOCH;
    let newest = second
        .by_request(end.scope, Digest([9; 32]), since)
        .await
        .unwrap();
    assert!(newest.is_some());
    let usd = longhaul::Currency::USD;
    assert_eq!(
        second.spent("alice", usd, None).await.unwrap(),
        (240_000, 480_000)
    );
    assert_eq!(second.spent("bob", usd, None).await.unwrap(), (0, 0));
    second.release_key(running.id).await.unwrap();
    assert_eq!(
        second.by_key(end.scope, Digest([1; 32])).await.unwrap(),
        None
    );
    let kept = second
        .oldest_kept(crate::wall_clock::now() + SECONDS(60), 9)
        .await
        .unwrap();
    assert_eq!(kept.len(), 1);
    // The whole is behind a trait object, as layers hold it.
    let _: Arc<dyn Index> = Arc::new(second);
}
