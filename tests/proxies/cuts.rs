//! A proxy that gives up: whose page it is, what it means, and what it costs.

use std::time::Duration;

use longhaul::{Class, End, Phase, diagnosis::Cause, policy::Policy, retry::StoppedBy};
use longhaul_sim::Dialect;
use longhaul_testing::{
    Mode,
    harness::{Ended, Harness, perform, plain, request},
};
use tower::Layer;

use crate::way::{
    SECOND, SOON, ask, assert_cut_by, assert_diagnosed, counts, haproxy, nginx, scene,
};

/// An idle limit shorter than the picture takes, then a picture that is made in time.
async fn meets_an_idle_limit(scene: &Harness, url: &str, sender: &str) {
    let ended = ask(scene, url).await;

    assert!(ended.picture().is_some(), "{ended:?}");
    assert_eq!(ended.classes(), [Class::IntermediaryCut, Class::Delivered]);
    let first = &ended.report.attempts()[0];
    assert_eq!(first.status().map(|status| status.as_u16()), Some(504));
    assert_cut_by(sender, &ended);
    assert_eq!(ended.report.duplicates(), 1, "the first may be running on");
    // It was, and is paid for.
    assert_eq!(counts(scene).await, (2, 2, 1));
}

#[tokio::test]
async fn nginx_that_gives_up_is_named_and_its_504_is_sent_again() {
    let scene = scene(&format!("{SECOND},{SOON}"), Policy::default()).await;
    let Some((_nginx, url)) = nginx(&scene, "proxy_read_timeout 1s;") else {
        return;
    };
    meets_an_idle_limit(&scene, &url, "nginx").await;
}

#[tokio::test]
async fn haproxy_that_gives_up_is_named_and_its_504_is_sent_again() {
    let scene = scene(&format!("{SECOND},{SOON}"), Policy::default()).await;
    let limit = "timeout server 1s";
    let Some((_haproxy, url)) = haproxy(&scene, Mode::Http, limit) else {
        return;
    };
    meets_an_idle_limit(&scene, &url, "HAProxy").await;
}

/// The provider resets the connection after it has read the request, and works on.
async fn meets_a_reset(scene: &Harness, url: &str, sender: &str) {
    let ended = ask(scene, url).await;

    assert_eq!(
        ended.classes(),
        [Class::IntermediaryCut],
        "careful asks once"
    );
    let attempt = &ended.report.attempts()[0];
    assert_eq!(attempt.status().map(|status| status.as_u16()), Some(502));
    assert_cut_by(sender, &ended);
    assert_diagnosed(sender, &ended);
    assert_eq!(counts(scene).await, (1, 1, 0));
}

#[tokio::test]
async fn a_502_of_nginx_after_a_reset_may_be_charged_and_is() {
    let scene = scene("reset@10", Policy::no_duplicate_charges()).await;
    let Some((_nginx, url)) = nginx(&scene, "") else {
        return;
    };
    meets_a_reset(&scene, &url, "nginx").await;
}

#[tokio::test]
async fn a_502_of_haproxy_after_a_reset_may_be_charged_and_is() {
    let scene = scene("reset@10", Policy::no_duplicate_charges()).await;
    let Some((_haproxy, url)) = haproxy(&scene, Mode::Http, "") else {
        return;
    };
    meets_a_reset(&scene, &url, "HAProxy").await;
}

/// Nobody listens behind the proxy, and nobody is asked.
async fn meets_a_closed_port(scene: Harness, url: &str) -> Ended {
    scene.server.shutdown().await;
    let ended = perform(scene.stack.layer(plain()), request(url, Dialect::OpenAi)).await;
    assert_eq!(scene.provider.oracle().totals().requests, 0);
    ended
}

#[tokio::test]
async fn nginx_without_a_provider_behind_it_cannot_be_told_from_a_cut() {
    let scene = scene("", Policy::no_duplicate_charges()).await;
    let Some((_nginx, url)) = nginx(&scene, "") else {
        return;
    };

    let ended = meets_a_closed_port(scene, &url).await;

    // The same page as after a reset: whoever cannot pay twice stops here.
    assert_eq!(ended.classes(), [Class::IntermediaryCut]);
    assert_cut_by("nginx", &ended);
    assert_diagnosed("nginx", &ended);
}

#[tokio::test]
async fn haproxy_without_a_provider_says_so_and_is_asked_again() {
    let mut policy = Policy::no_duplicate_charges();
    // Until the deadline would take longer, and show no more.
    policy.retry.free_until = Some(Duration::from_secs(300));
    let scene = scene("", policy).await;
    let Some((_haproxy, url)) = haproxy(&scene, Mode::Http, "") else {
        return;
    };

    let ended = meets_a_closed_port(scene, &url).await;

    // It is free, and so it goes on for longer than what may be charged.
    let classes = ended.classes();
    assert!(
        classes.len() > 3 && classes.iter().all(|class| *class == Class::Unavailable),
        "{classes:?}"
    );
    assert_eq!(ended.report.stopped_by(), StoppedBy::FreeUntil);
    let attempt = &ended.report.attempts()[0];
    assert_eq!(attempt.answered_by(), Some("HAProxy"));
    assert_eq!(attempt.status().map(|status| status.as_u16()), Some(503));
}

/// What balances bytes can only close. One such end may be anything; three after the same time are no chance.
#[tokio::test]
async fn three_silent_closes_after_the_same_time_are_an_intermediary() {
    let always = format!("{SECOND}*3");
    let scene = scene(&always, Policy::default()).await;
    let limits = "timeout server 1s\n    timeout client 1s";
    let Some((_haproxy, url)) = haproxy(&scene, Mode::Tcp, limits) else {
        return;
    };

    let ended = ask(&scene, &url).await;

    let unknown = Class::UnknownOutcome;
    assert_eq!(ended.classes(), [unknown, unknown, Class::IntermediaryCut]);
    for attempt in ended.report.attempts() {
        let outcome = attempt.outcome_now().expect("it has ended");
        assert_eq!((outcome.end, outcome.phase), (End::Failed, Phase::Head));
        assert_eq!(attempt.answered_by(), None, "nobody said anything");
    }
    let diagnosis = ended.error().diagnosis();
    assert!(
        matches!(diagnosis.cause, Cause::Intermediary(Some(_))),
        "{diagnosis:?}"
    );
    assert_eq!(counts(&scene).await, (3, 3, 0));
}
