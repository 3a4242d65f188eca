use super::*;

#[tokio::test]
async fn forced_hosts_get_http_1_and_the_others_keep_what_they_have() {
    let policy = Http1Policy {
        hosts: Hosts::Only(vec!["*.slow.example".to_owned()]),
        ..Http1Policy::default()
    };
    let client = client(Version::HTTP_11);
    let h2 = |uri: &str| {
        let mut request = get(uri);
        *request.version_mut() = Version::HTTP_2;
        for (name, value) in [
            ("connection", "Upgrade, HTTP2-Settings"),
            ("upgrade", "h2c"),
            ("http2-settings", "AAMAAABkAARAAAAAAAIAAAAA"),
            ("accept", "application/json"),
        ] {
            request
                .headers_mut()
                .insert(name, HeaderValue::from_static(value));
        }
        request
    };

    let slow = send(policy.clone(), &client, h2("https://api.slow.example"))
        .await
        .unwrap();
    let quick = send(policy, &client, h2("https://quick.example"))
        .await
        .unwrap();

    assert!(report(&slow).forced);
    assert!(!report(&quick).forced);
    let sent = client.calls();
    assert_eq!(sent[0].version, Version::HTTP_11);
    assert_eq!(sent[0].headers.len(), 1);
    assert_eq!(sent[0].headers[header::ACCEPT], "application/json");
    assert_eq!(sent[1].version, Version::HTTP_2);
    assert_eq!(sent[1].headers.len(), 4);
}

#[tokio::test]
async fn a_mismatch_is_reported_and_the_answer_kept() {
    let ok = StatusCode::OK;
    let rows = [
        (Version::HTTP_10, ok, false),
        (Version::HTTP_11, ok, false),
        (Version::HTTP_2, ok, true),
        (Version::HTTP_3, ok, true),
        (Version::HTTP_11, StatusCode::SWITCHING_PROTOCOLS, true),
    ];
    for (version, status, mismatch) in rows {
        let client = answering(version, status);
        let not_here = Http1Policy {
            hosts: Hosts::Except(vec!["a.example".to_owned()]),
            ..Http1Policy::default()
        };

        let forced = send(Http1Policy::default(), &client, get("https://a.example")).await;
        let forced = forced.unwrap();
        let free = send(not_here, &client, get("https://a.example"))
            .await
            .unwrap();

        let expected = Http1Report {
            version,
            forced: true,
            mismatch,
            key_in_clear: false,
        };
        assert_eq!(report(&forced), expected);
        let body = forced.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, "paid for");
        assert!(!report(&free).mismatch);
        assert_eq!(report(&free).version, version);
    }
}

#[tokio::test]
async fn the_attempt_hears_of_the_head() {
    let attempt = Attempt::new(OperationId::new(), 1, None);
    let mut request = get("https://a.example");
    request.extensions_mut().insert(attempt.clone());

    send(Http1Policy::default(), &client(Version::HTTP_2), request)
        .await
        .unwrap();

    assert_eq!(attempt.status(), Some(StatusCode::OK));
    assert_eq!(attempt.http_version(), Some(Version::HTTP_2));
    // It is not this layer's to end.
    assert_eq!(attempt.outcome_now(), None);
}
