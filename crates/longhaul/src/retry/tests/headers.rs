use super::{script::*, *};
use crate::{model::PerResolution, timeout::AtLimit};

#[tokio::test(start_paused = true)]
async fn a_servers_no_wins_and_its_yes_makes_nothing_safe() {
    let no = Say(1, 503, "x-should-retry: false", "no");
    let script = Script::new(exact(), [no]);
    let answered = script.call(request()).await;
    assert_eq!(report(&answered).stopped_by(), StoppedBy::Server);

    let yes = |status| Say(1, status, "x-should-retry: true", "yes");
    let script = Script::new(exact(), [yes(404), yes(501), Say::picture(1)]);
    assert_eq!(script.call(request()).await.unwrap().status(), 200);

    let mut policy = exact();
    policy.paid_attempts = 1;
    let script = Script::new(policy, [yes(504)]);
    let answered = script.call(request()).await;
    assert_eq!(report(&answered).stopped_by(), StoppedBy::Attempts);

    let pushed_back = Say(0, 503, "grpc-retry-pushback-ms: 42000", "");
    let script = Script::new(exact(), [pushed_back, Say::picture(1)]);
    script.call(request()).await.unwrap();
    assert_eq!(script.times(), [0, 42]);
}

#[test]
fn a_servers_word_on_each_class() {
    let policy = exact();
    for class in Class::ALL {
        let mut situation = Situation::new(End::Finished, class);
        let unsaid = policy.decision(&situation);
        situation.server = Some(false);
        assert!(matches!(
            policy.decision(&situation),
            RetryDecision::Stop(_)
        ));
        situation.server = Some(true);
        let said = policy.decision(&situation);
        if class == Class::ClientError {
            assert!(matches!(
                said,
                RetryDecision::Again {
                    duplicate: false,
                    ..
                }
            ));
        } else {
            assert_eq!(said, unsaid, "{class}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn another_loop_around_this_one_is_noticed() {
    for (header, outer_retry) in [
        (
            "x-stainless-retry-count",
            Some(OuterRetry::Header("x-stainless-retry-count")),
        ),
        ("x-something", None),
    ] {
        let script = Script::new(exact(), [Say::picture(1)]);
        let mut request = request();
        request.headers_mut().insert(header, "2".parse().unwrap());
        let answered = script.call(request).await;
        assert_eq!(report(&answered).outer_retry(), outer_retry);
    }

    let script = Script::new(exact(), [Say::picture(1)]);
    let mut request = request();
    Attempt::enter(request.extensions_mut());
    let answered = script.call(request).await;
    assert_eq!(report(&answered).outer_retry(), Some(OuterRetry::Attempt));
}

#[tokio::test(start_paused = true)]
async fn the_key_is_written_as_the_host_wants_it() {
    let mut policy = exact();
    policy.keys = vec![
        KeyRow::new("quoted.example", KeyForm::Quoted),
        KeyRow::new("*.none.example", KeyForm::None),
    ];
    for (uri, quoted, sent) in [
        ("https://quoted.example/", true, true),
        ("https://a.none.example/", false, false),
        ("https://bare.example/", false, true),
    ] {
        let script = Script::new(policy.clone(), [Say::picture(1)]);
        let mut request = request();
        *request.uri_mut() = uri.parse().unwrap();
        let answered = script.call(request).await;
        let key = script.header(0, "idempotency-key");
        assert_eq!(key.is_some(), sent, "{uri}");
        assert_eq!(
            key.as_deref().is_some_and(|key| key.starts_with('"')),
            quoted
        );
        let attempt = report(&answered).attempts()[0].clone();
        let told = attempt.idempotency_key().map(|key| key.to_str().unwrap());
        assert_eq!(told, key.as_deref());
    }
}

#[tokio::test(start_paused = true)]
async fn a_callers_smaller_deadline_counts() {
    let mut policy = exact();
    policy.paid_attempts = 1;
    policy.deadline = Some(PerResolution::from_secs(5_000, 5_000, 5_000, 5_000));
    for ends in [200, 1_200] {
        let mut script = Script::new(policy.clone(), [Say::picture(9_000)]);
        script.limits.picture = PerResolution::from_secs(2_000, 2_000, 2_000, 2_000);
        let mut request = request();
        request
            .extensions_mut()
            .insert(Deadline::after(ends * SECOND));
        let error = script.call(request).await.unwrap_err();
        assert!(error.is_timeout());
        assert_eq!(script.elapsed(), ends * SECOND);
    }
}
#[tokio::test(start_paused = true)]
async fn googles_hosts_are_told_how_long_the_answer_is_waited_for() {
    let google = "https://generativelanguage.googleapis.com/v1beta/models";
    for (uri, on, deadline, sent) in [
        (google, true, 10_000, Some("2250")),
        (google, true, 500, Some("500")),
        (google, false, 10_000, None),
        ("https://googleapis.com.evil.example/", true, 10_000, None),
    ] {
        let mut policy = exact();
        policy.server_timeout = on;
        let script = Script::new(policy, [Say::picture(1)]);
        let mut request = request();
        *request.uri_mut() = uri.parse().unwrap();
        request
            .extensions_mut()
            .insert(Deadline::after(deadline * SECOND));
        script.call(request).await.unwrap();
        assert_eq!(
            script.header(0, "x-server-timeout").as_deref(),
            sent,
            "{uri}"
        );
    }

    // Late results wait until the deadline; a header that is there stays.
    let mut policy = exact();
    policy.server_timeout = true;
    let script = Script::new(policy, [Say::picture(1), Say::picture(1)]);
    let mut first = request();
    *first.uri_mut() = google.parse().unwrap();
    let mut second = first.clone();
    second
        .headers_mut()
        .insert("x-server-timeout", "77".parse().unwrap());
    script.call(first).await.unwrap();
    script.call(second).await.unwrap();
    assert_eq!(
        script.header(0, "x-server-timeout").as_deref(),
        Some("2250")
    );
    assert_eq!(script.header(1, "x-server-timeout").as_deref(), Some("77"));
}

#[tokio::test(start_paused = true)]
async fn after_a_head_expiry_the_next_head_may_take_longer() {
    let mut policy = exact();
    policy.deadline = Some(PerResolution::from_secs(9_000, 9_000, 9_000, 9_000));
    let says = [
        Say::picture(5_000),
        Say::picture(5_000),
        Say::picture(5_000),
    ];
    let mut script = Script::new(policy, says);
    script.limits.after_timeout = Some(1.5);
    script.limits.at_limit = Some(AtLimit::End);
    let error = script.call(request()).await.unwrap_err();
    assert!(error.is_timeout());
    assert_eq!(script.times(), [0, 605, 605 + 900 + 10]);
    assert_eq!(script.elapsed().as_secs(), 605 + 900 + 10 + 1_350);
}
