//! A path that swallows everything and tells nobody: what notices it, and what it then means.

use std::{io, time::Duration};

use longhaul::{
    Class, End, Error, PerResolution, Phase,
    attempt::Sent,
    diagnosis::Cause,
    error::{Clock, ErrorKind},
    policy::Policy,
    timeout::AtLimit,
};
use longhaul_hyper::{Builder, Client, Keepalive};
use longhaul_sim::Dialect;
use longhaul_testing::{
    Network, cause,
    harness::{Attempts, Ended, perform, request, request_of},
};
use tokio::time::{Instant, sleep};
use tower::Layer;

use crate::{
    inside::Inside,
    outage::{in_phase, once, unhurried},
};

/// What the impatient keepalive allows.
const SOONEST: Duration = Duration::from_secs(3);
/// The kernel counts from the last packet it got, which is a little before anybody looks.
const ROUNDING: Duration = Duration::from_millis(1500);
/// Far below our own clocks, and far above what the kernel needs on a busy machine.
const LATEST: Duration = Duration::from_secs(25);

/// A dead path is noticed after 3 s: three probes, a second apart.
const IMPATIENT: Keepalive = Keepalive {
    after: Duration::from_secs(1),
    every: Duration::from_secs(1),
    probes: 2,
};

/// One attempt of a call that is under way when the path goes dead, and how long it lasted from there.
async fn swallowed(client: Builder, policy: Policy) -> (Ended, Duration) {
    let network = Network::new().expect("possible a moment ago");
    let mut provider = Inside::provider(&network, "none+takes@200").await;
    let client = client.plain_http_only().build().expect("valid settings");
    let mut asked = request(&provider.url, Dialect::OpenAi);
    let attempts = Attempts::of(&mut asked);

    let swallow = async {
        in_phase(Phase::Head, &attempts).await;
        let since = Instant::now();
        network.lose(100);
        since
    };
    let call = perform(unhurried(policy).layer(client), asked);
    let (ended, since) = tokio::join!(async { (call.await, Instant::now()) }, swallow);
    let (ended, at) = ended;

    network.heal();
    let counts = provider.counts().await;
    assert_eq!(
        (counts.read_whole, counts.charged),
        (1, 1),
        "paid for, and lost"
    );
    (ended, at - since)
}

/// The kernel gave the connection up.
fn assert_timed_out(error: &Error) {
    let said = cause(error).map(io::Error::kind);
    assert_eq!(said, Some(io::ErrorKind::TimedOut), "{error:?}");
}

fn assert_dead_path(error: &Error) {
    assert_eq!(error.class(), Class::UnknownOutcome);
    assert_timed_out(error);
    assert_eq!(
        error.diagnosis().cause,
        Cause::PathDead,
        "{:?}",
        error.diagnosis()
    );
}

pub(crate) async fn a_black_hole_after_the_request_is_found_by_the_user_timeout() {
    // Where it is set, the kernel goes by it and not by the number of probes.
    let user_timeout = 2 * SOONEST;
    let client = Client::builder()
        .keepalive(IMPATIENT)
        .user_timeout(user_timeout);

    let (ended, took) = swallowed(client, Policy::no_duplicate_charges()).await;

    assert_eq!(ended.classes(), [Class::UnknownOutcome]);
    assert_dead_path(ended.error());
    assert!(
        (user_timeout - ROUNDING..LATEST).contains(&took),
        "{took:?}"
    );
}

pub(crate) async fn a_black_hole_after_the_request_is_found_by_the_keepalive() {
    let client = Client::builder().keepalive(IMPATIENT).user_timeout(None);

    let (ended, took) = swallowed(client, Policy::no_duplicate_charges()).await;

    assert_eq!(ended.classes(), [Class::UnknownOutcome]);
    assert_dead_path(ended.error());
    assert!((SOONEST - ROUNDING..LATEST).contains(&took), "{took:?}");
}

pub(crate) async fn without_either_only_our_own_clock_ends_it() {
    let mut policy = Policy::no_duplicate_charges();
    policy.timeout.picture = PerResolution::from_secs(8, 8, 8, 8);
    policy.timeout.at_limit = Some(AtLimit::End);
    let client = Client::builder()
        .keepalive(None)
        .user_timeout(Duration::from_secs(2));

    // Nothing is unacknowledged on a silent connection without probes: there is nothing to time out.
    let (ended, _) = swallowed(client, policy).await;

    assert_eq!(ended.classes(), [Class::UnknownOutcome]);
    let ErrorKind::Timeout { clock, .. } = ended.error().kind() else {
        panic!("{:?}", ended.error())
    };
    assert_eq!(*clock, Clock::Picture);
}

pub(crate) async fn a_black_hole_within_the_request_is_found_by_the_user_timeout() {
    let network = Network::new().expect("possible a moment ago");
    let deaf = Inside::deaf(&network).await;
    let client = Client::builder()
        .plain_http_only()
        .keepalive(None)
        .user_timeout(Duration::from_secs(3));
    let client = client.build().expect("valid settings");
    let stack = unhurried(once());
    let mut asked = request_of(&deaf.url, Dialect::OpenAi, &"x".repeat(24_000_000));
    let attempts = Attempts::of(&mut asked);

    let swallow = async {
        in_phase(Phase::Write, &attempts).await;
        // What the buffers take is on its way.
        sleep(Duration::from_millis(500)).await;
        network.lose(100);
    };
    let (ended, ()) = tokio::join!(perform(stack.layer(client), asked), swallow);

    assert_eq!(ended.classes(), [Class::SentPartial]);
    let attempt = &ended.report.attempts()[0];
    assert_eq!(attempt.sent(), Sent::Part);
    let outcome = attempt.outcome_now().expect("it has ended");
    assert_eq!((outcome.end, outcome.phase), (End::Failed, Phase::Write));
    assert_timed_out(ended.error());
}

pub(crate) async fn a_black_hole_before_the_connection_is_never_sent_to() {
    let network = Network::new().expect("possible a moment ago");
    let mut provider = Inside::provider(&network, "none").await;
    network.lose(100);
    let client = Client::builder()
        .plain_http_only()
        .connect_timeout(Duration::from_secs(1));
    let client = client.build().expect("valid settings");
    let asked = request(&provider.url, Dialect::OpenAi);
    let ended = perform(unhurried(once()).layer(client), asked).await;

    network.heal();
    assert_eq!(ended.classes(), [Class::NeverSent]);
    assert_eq!(provider.counts().await.requests, 0);
}
