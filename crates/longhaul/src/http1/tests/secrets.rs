use super::*;

/// The document's table “HTTP or HTTPS”, one row for each situation.
#[tokio::test]
async fn plain_http_by_situation() {
    use HttpScope::{Private, PublicDevelopment, PublicProduction, Vpn};
    const KEY: Fate = Fate::Refused(Insecure::Key);
    const SENSITIVE: Fate = Fate::Refused(Insecure::Sensitive);

    // Situation, where, with neither, with a key, marked sensitive.
    let rows = [
        (Private, "http://a.example", Fate::Sent, SENSITIVE),
        (Vpn, "http://a.example", Fate::Sent, SENSITIVE),
        (
            PublicDevelopment,
            "http://a.example",
            Fate::Warned,
            SENSITIVE,
        ),
        (PublicProduction, "http://a.example", KEY, SENSITIVE),
        // The document's own endpoint.
        (
            PublicProduction,
            "HTTP://a.example:16888/v1",
            KEY,
            SENSITIVE,
        ),
        (PublicProduction, "http://10.0.0.7", KEY, SENSITIVE),
        // This machine is no public network.
        (
            PublicProduction,
            "http://localhost:8080",
            Fate::Sent,
            SENSITIVE,
        ),
        (PublicProduction, "http://LOCALHOST", Fate::Sent, SENSITIVE),
        (PublicProduction, "http://127.9.8.7", Fate::Sent, SENSITIVE),
        (PublicProduction, "http://[::1]:8080", Fate::Sent, SENSITIVE),
        (
            PublicProduction,
            "http://[::ffff:127.0.0.1]",
            Fate::Sent,
            SENSITIVE,
        ),
        (PublicDevelopment, "http://localhost", Fate::Sent, SENSITIVE),
        (PublicProduction, "http://localhost.example", KEY, SENSITIVE),
        (PublicProduction, "http://128.0.0.1", KEY, SENSITIVE),
        // Nobody knows yet where it goes.
        (PublicProduction, "/v1/images", Fate::Sent, SENSITIVE),
        (Private, "https://a.example", Fate::Sent, Fate::Sent),
        (Vpn, "https://a.example", Fate::Sent, Fate::Sent),
        (
            PublicDevelopment,
            "https://a.example",
            Fate::Sent,
            Fate::Sent,
        ),
        (
            PublicProduction,
            "HTTPS://a.example",
            Fate::Sent,
            Fate::Sent,
        ),
    ];
    for (scope, uri, key, marked) in rows {
        assert_eq!(fate(scope, get(uri)).await, Fate::Sent, "{scope:?} {uri}");
        assert_eq!(fate(scope, with_key(uri)).await, key, "{scope:?} {uri} key");
        assert_eq!(
            fate(scope, sensitive(uri)).await,
            marked,
            "{scope:?} {uri} sensitive"
        );
    }
}

#[tokio::test]
async fn keys_are_found_wherever_they_are() {
    let in_header = |name: &'static str| {
        let mut request = get("http://a.example");
        request
            .headers_mut()
            .insert(name, HeaderValue::from_static("k3y"));
        request
    };
    let mut marked = HeaderValue::from_static("k3y");
    marked.set_sensitive(true);
    let mut sensitive_value = get("http://a.example");
    sensitive_value.headers_mut().insert("x-own", marked);

    let keys = [
        in_header("x-goog-api-key"),
        in_header("x-api-key"),
        in_header("api-key"),
        in_header("proxy-authorization"),
        sensitive_value,
        get("http://a.example/v1beta/models/m:generateContent?alt=json&key=k3y"),
        get("http://a.example/?API_KEY=k3y"),
        get("http://a.example/?access_token=k3y"),
        get("http://a.example/?m=1;%74oken=k3y"),
        get("http://a.example/?X-Amz-Signature=k3y"),
        in_header("x-rapidapi-key"),
        in_header("x-api-token"),
        in_header("fal-key"),
        in_header("cookie"),
        get("http://user:k3y@a.example/"),
    ];
    for request in keys {
        let shown = request.uri().path_and_query().cloned();
        let fate = fate(HttpScope::PublicProduction, request).await;
        assert_eq!(fate, Fate::Refused(Insecure::Key), "{shown:?}");
    }
    for request in [
        in_header("x-own"),
        in_header("idempotency-key"),
        get("http://a.example/key=1?monkey=2&q=key"),
    ] {
        assert_eq!(fate(HttpScope::PublicProduction, request).await, Fate::Sent);
    }
}

#[tokio::test]
async fn a_policy_names_its_own_keys() {
    let policy = Http1Policy {
        key_headers: vec!["X-Relay-Pass".to_owned()],
        key_parameters: vec!["ticket".to_owned()],
        ..Http1Policy::default()
    };
    let client = client(Version::HTTP_11);

    let mut request = get("http://a.example");
    request
        .headers_mut()
        .insert("x-relay-pass", HeaderValue::from_static("k3y"));
    send(policy.clone(), &client, request).await.unwrap_err();
    send(policy.clone(), &client, get("http://a.example/?ticket=k3y"))
        .await
        .unwrap_err();
    // What looks like a key is one, whatever the policy names besides.
    let error = send(policy, &client, with_key("http://a.example"))
        .await
        .unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(source, "the header authorization looks like a key");
}

/// The retry layer may send it in a header of any name.
#[tokio::test]
async fn an_idempotency_key_is_no_key_in_any_header() {
    let key = HeaderValue::from_static("k3y");
    let mut request = get("http://a.example");
    request.headers_mut().insert("x-request-key", key.clone());
    let attempt = Attempt::new(crate::attempt::OperationId::new(), 1, Some(key));
    request.extensions_mut().insert(attempt);
    assert_eq!(fate(HttpScope::PublicProduction, request).await, Fate::Sent);
}
