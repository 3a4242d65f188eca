//! Each target gets its own key where it wants it, and nobody gets the caller's.

use http::{HeaderName, HeaderValue, Request};
use longhaul::fallback::{Dialect, KeySource, Sizes, Target};

use super::*;

const SECRET: &str = "s3cr3t";

/// A request with a key in every place where a key can be.
fn with_keys() -> Request<Full<Bytes>> {
    let mut request = request();
    let uri = format!("{PATH}?key={SECRET}&alt=sse&token={SECRET}");
    *request.uri_mut() = uri.parse().unwrap();
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
        let headers = request.headers_mut();
        headers.insert(name, HeaderValue::from_static(SECRET));
    }
    let mut marked = HeaderValue::from_static(SECRET);
    marked.set_sensitive(true);
    request.headers_mut().insert("user-agent", marked);
    request
}

fn gemini() -> Target {
    let mut target = route("gemini");
    target.dialect = Dialect::Gemini;
    target.model = Some("gemini-3-pro-image".to_owned());
    target.sizes = Sizes::Keywords(keywords(|_| {}));
    target.key = KeySource::secret("gemini-key");
    target
}

fn in_query(mut target: Target) -> Target {
    target.key_query = Some("key".to_owned());
    target
}

#[tokio::test(start_paused = true)]
async fn a_stranger_sees_nothing_of_the_callers_keys() {
    for target in [seedream(), gemini(), in_query(gemini()), route("second")] {
        let (_, sent) = send(&stack(policy([target])), with_keys()).await;
        let (head, _) = &sent[1];
        for (name, value) in &head.headers {
            assert!(!value.as_bytes().ends_with(SECRET.as_bytes()), "{name}");
        }
        assert!(!head.uri.to_string().contains(SECRET), "{}", head.uri);
    }
}

#[tokio::test(start_paused = true)]
async fn each_target_gets_its_own_key_in_its_own_header() {
    let mut odd = seedream();
    odd.key_header = Some(HeaderName::from_static("x-key"));
    for (target, header, value) in [
        (seedream(), "authorization", "Bearer ark-key"),
        (gemini(), "x-goog-api-key", "gemini-key"),
        (odd, "x-key", "ark-key"),
    ] {
        let (_, sent) = send(&stack(policy([target])), request()).await;
        let (head, _) = &sent[1];
        assert_eq!(head.headers[header], value);
        assert!(head.headers[header].is_sensitive());
        assert_eq!(head.uri.query(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_in_the_query_is_in_no_header() {
    let path = "/v1beta/models/gemini-3-pro-image:generateContent";
    let mut plain = route("second");
    plain.key = KeySource::secret("gemini-key");
    for (target, uri) in [
        (
            gemini(),
            format!("https://gemini.example{path}?key=gemini-key"),
        ),
        (
            plain,
            "https://second.example/v1/images/generations?alt=sse&key=gemini-key".to_owned(),
        ),
    ] {
        let (_, sent) = send(&stack(policy([in_query(target)])), with_keys()).await;
        let (head, _) = &sent[1];
        assert_eq!(head.uri, uri.as_str());
        for name in ["authorization", "x-goog-api-key"] {
            assert!(!head.headers.contains_key(name));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_model_stands_in_the_path_of_a_target_of_the_same_words() {
    for (model, uri) in [
        (
            "nano-banana-pro",
            Some("https://second.example/draw/nano-banana-pro"),
        ),
        ("../../admin?", None),
    ] {
        let mut second = route("second");
        second.url = "https://second.example/draw/{model}".to_owned();
        let (head, body) = request().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let workload = Workload::of(longhaul::Resolution::K4).with_model(model);
        let told = asked(second, head, body.clone(), workload).await;
        match uri {
            Some(uri) => {
                let (head, same) = told.unwrap();
                assert_eq!(head.uri, uri);
                assert_eq!(same, body);
            }
            None => assert_eq!(told.unwrap_err(), SkipReason::Field("model".into())),
        }
    }
}
