//! The caller's key goes to nobody else.

use http::{HeaderValue, Request};

use super::script::*;
use crate::fallback::{FallbackLayer, FallbackPolicy, KeySource, SkipReason};

const SECRET: &str = "s3cr3t";

/// A request with a key in every place where a key can be.
fn with_keys() -> Request<http_body_util::Full<bytes::Bytes>> {
    let mut request = request();
    *request.uri_mut() = format!("{PATH}?key={SECRET}&alt=sse&token={SECRET}")
        .parse()
        .unwrap();
    for name in [
        "authorization",
        "proxy-authorization",
        "cookie",
        "x-goog-api-key",
        "x-api-key",
        "x-some-custom-thing",
        "idempotency-key",
        "referer",
    ] {
        request
            .headers_mut()
            .insert(name, HeaderValue::from_static(SECRET));
    }
    let mut marked = HeaderValue::from_static(SECRET);
    marked.set_sensitive(true);
    request.headers_mut().insert("user-agent", marked);
    request
}

#[tokio::test(start_paused = true)]
async fn a_stranger_sees_nothing_of_the_callers_keys() {
    for target in [seedream(), route("second")] {
        let script = Script::new([QUOTA, OK]);
        let stack = stack(policy([target]));
        send(&stack, &script, with_keys()).await.unwrap();
        let seen = &script.seen()[1];
        let headers = format!(
            "{:?}",
            seen.headers
                .values()
                .map(|it| it.as_bytes())
                .collect::<Vec<_>>()
        );
        let secret = format!("{:?}", SECRET.as_bytes());
        assert!(
            !headers.contains(secret.trim_matches(['[', ']'])),
            "{:?}",
            seen.headers
        );
        assert!(!seen.uri.to_string().contains(SECRET), "{}", seen.uri);
    }
}

#[tokio::test(start_paused = true)]
async fn each_target_gets_its_own_key_in_its_own_header() {
    let mut odd = seedream();
    odd.key_header = Some(http::HeaderName::from_static("x-key"));
    for (target, header, value) in [
        (seedream(), "authorization", "Bearer ark-key"),
        (odd, "x-key", "ark-key"),
    ] {
        let script = Script::new([QUOTA, OK]);
        run(policy([target]), &script).await.unwrap();
        let seen = &script.seen()[1];
        assert_eq!(seen.headers[header], value);
        assert!(seen.headers[header].is_sensitive());
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_key_is_for_named_hosts_alone() {
    for (known, asked) in [
        ("FIRST.example", true),
        ("*.example", true),
        ("other.example", false),
    ] {
        let mut direct = route("direct");
        direct.key = KeySource::Same(vec![known.to_owned()]);
        let script = Script::new([QUOTA, OK]);
        let stack = stack(policy([direct]));
        let mut request = with_keys();
        // One that was used up takes every header of the same value with it.
        request.headers_mut().remove("idempotency-key");
        let answered = send(&stack, &script, request).await;
        if asked {
            let seen = &script.seen()[1];
            assert_eq!(seen.headers["x-api-key"], SECRET);
            assert!(seen.uri.query().unwrap().contains("key="));
        } else {
            assert_eq!(script.hosts(), ["first"]);
            assert_eq!(skipped(&answered), [None, Some(SkipReason::Key)]);
        }
    }
}

#[test]
fn keys_stay_out_of_debug_output_and_policy_files() {
    let mut target = seedream();
    target.key = KeySource::secret(SECRET);
    let policy = FallbackPolicy::to([target]);
    assert!(!format!("{policy:?}").contains(SECRET));
    let layer = layer(policy.clone());
    assert!(!format!("{layer:?}").contains(SECRET), "{layer:?}");
    assert!(serde_json::to_string(&policy).is_err());
}

#[test]
fn a_key_from_the_environment_is_read_when_the_layer_is_built() {
    for (name, found) in [("PATH", true), ("LONGHAUL_NO_SUCH_KEY", false)] {
        let mut target = seedream();
        target.key = KeySource::Env(name.to_owned());
        let policy = FallbackPolicy::to([route("second"), target]);
        policy.validate().unwrap();
        match FallbackLayer::with_rewrite(policy, ModelAlone) {
            Ok(_) => assert!(found),
            Err(error) => {
                assert!(!found);
                assert_eq!(error.field(), "targets[1].key");
                assert!(error.to_string().contains(name));
            }
        }
    }
}
