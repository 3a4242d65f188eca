//! What passes by itself must be survived: a call that is paid for waits for the path to come back.

use std::time::Duration;

use longhaul::{Attempt, Class, Phase, Stack, http1::HttpScope, policy::Policy};
use longhaul_hyper::Client;
use longhaul_sim::Dialect;
use longhaul_testing::{
    Network,
    harness::{Attempts, Ended, perform, plain, priced, request, request_of, until},
};
use tokio::time::sleep;
use tower::Layer;

use crate::inside::{Counts, Inside};

/// Long enough that the kernel has to send again, and to wait longer each time: after this one it tries at 25 s.
const OUTAGE: Duration = Duration::from_secs(20);

const DELIVERED: Counts = Counts {
    requests: 1,
    read_whole: 1,
    charged: 1,
};

/// The policy at its own speed, so that no clock of ours is the reason; and on a network of our own, where a key may
/// leave over plain http.
pub(crate) fn unhurried(mut policy: Policy) -> Stack {
    policy.http1.scope = HttpScope::Private;
    Stack::new(priced(policy)).expect("a policy that can work")
}

/// One attempt, however it ends.
pub(crate) fn once() -> Policy {
    let mut policy = Policy::no_duplicate_charges();
    policy.retry.unsent_attempts = 1;
    policy.retry.free_until = Some(Duration::ZERO);
    policy
}

/// Waits until the first attempt is in this phase.
pub(crate) async fn in_phase(phase: Phase, attempts: &Attempts) {
    let holds = |attempt: &Attempt| attempt.phase() == phase;
    until("the phase", || attempts.begun().first().is_some_and(holds)).await;
}

fn assert_delivered_at_once(ended: &Ended) {
    assert!(ended.picture().is_some(), "{ended:?}");
    assert_eq!(ended.classes(), [Class::Delivered], "by one attempt");
}

pub(crate) async fn a_lossy_path_is_slower_and_nothing_else() {
    let network = Network::new().expect("possible a moment ago");
    let mut provider = Inside::provider(&network, "none+takes@20").await;
    network.lose(10);
    // Lost beginnings of a connection are sent again after 1, 2, 4 … s.
    let client = Client::builder()
        .plain_http_only()
        .connect_timeout(Duration::from_secs(60));
    let client = client.build().expect("valid settings");

    let prompt = "x".repeat(500_000);
    let asked = request_of(&provider.url, Dialect::OpenAi, &prompt);
    let ended = perform(unhurried(Policy::default()).layer(client), asked).await;

    assert!(network.lost() > 0, "nothing was lost");
    network.heal();
    assert_delivered_at_once(&ended);
    assert_eq!(provider.counts().await, DELIVERED);
}

pub(crate) async fn an_outage_of_seconds_is_survived_by_the_one_attempt() {
    let network = Network::new().expect("possible a moment ago");
    // Its answer is written 4 s later, into the outage.
    let mut provider = Inside::provider(&network, "none+takes@200").await;
    let mut asked = request(&provider.url, Dialect::OpenAi);
    let attempts = Attempts::of(&mut asked);

    let outage = async {
        in_phase(Phase::Head, &attempts).await;
        network.unplug();
        sleep(OUTAGE).await;
        network.plug();
    };
    let call = perform(unhurried(Policy::default()).layer(plain()), asked);
    let (ended, ()) = tokio::join!(call, outage);

    assert_delivered_at_once(&ended);
    assert_eq!(provider.counts().await, DELIVERED);
}

pub(crate) async fn a_request_that_is_written_into_an_outage_arrives_after_it() {
    let network = Network::new().expect("possible a moment ago");
    let mut provider = Inside::provider(&network, "none+takes@20,none+takes@20").await;
    let client = unhurried(Policy::default()).layer(plain());
    // Opens the connection that the next call takes.
    let first = perform(client.clone(), request(&provider.url, Dialect::OpenAi)).await;
    assert_delivered_at_once(&first);

    network.lose(100);
    let outage = async {
        sleep(OUTAGE).await;
        network.heal();
    };
    let call = perform(client, request(&provider.url, Dialect::OpenAi));
    let (ended, ()) = tokio::join!(call, outage);

    assert_delivered_at_once(&ended);
    let counts = provider.counts().await;
    assert_eq!((counts.requests, counts.charged), (2, 2));
}
