//! A router that says “unreachable” of a connection that carries a call already: what was sent decides what that
//! means, and not the error's name.

use std::{io, time::Duration};

use longhaul::{Class, Phase, attempt::Sent};
use longhaul_hyper::Client;
use longhaul_sim::Dialect;
use longhaul_testing::{
    Network, cause, chain,
    harness::{Attempts, Ended, Http, perform, request, request_of},
};
use tokio::time::sleep;
use tower::Layer;

use crate::{
    inside::{Counts, Inside},
    outage::{in_phase, once, unhurried},
};

/// After this the kernel gives up, with the last word that it heard of the path.
const USER_TIMEOUT: Duration = Duration::from_secs(4);
/// What is sent has arrived.
const ARRIVED: Duration = Duration::from_millis(500);

fn client() -> Http {
    let client = Client::builder()
        .plain_http_only()
        .keepalive(None)
        .connect_timeout(Duration::from_secs(2))
        .user_timeout(USER_TIMEOUT);
    client.build().expect("valid settings")
}

fn assert_unreachable(ended: &Ended, class: Class, sent: Sent) {
    assert_eq!(ended.classes(), [class], "{}", chain(ended.error()));
    assert_eq!(ended.report.attempts()[0].sent(), sent);
    let kinds = [
        io::ErrorKind::HostUnreachable,
        io::ErrorKind::NetworkUnreachable,
    ];
    let kind = cause(ended.error()).map(io::Error::kind);
    assert!(kinds.map(Some).contains(&kind), "{}", chain(ended.error()));
}

pub(crate) async fn a_whole_request_called_unreachable_is_an_unknown_outcome() {
    let network = Network::new().expect("possible a moment ago");
    let mut provider = Inside::provider(&network, "none+takes@100").await;
    network.lose_acknowledgements();
    let mut asked = request(&provider.url, Dialect::OpenAi);
    let attempts = Attempts::of(&mut asked);

    let refuse = async {
        in_phase(Phase::Head, &attempts).await;
        sleep(ARRIVED).await;
        network.refuse();
    };
    let call = perform(unhurried(once()).layer(client()), asked);
    let (ended, ()) = tokio::join!(call, refuse);

    network.heal();
    assert_unreachable(&ended, Class::UnknownOutcome, Sent::PossiblyWhole);
    let counts = provider.counts().await;
    let paid = Counts {
        requests: 1,
        read_whole: 1,
        charged: 1,
    };
    assert_eq!(counts, paid, "it is never free");
}

pub(crate) async fn a_part_of_a_request_called_unreachable_is_sent_partial() {
    let network = Network::new().expect("possible a moment ago");
    let deaf = Inside::deaf(&network).await;
    // What is on its way stays unacknowledged: of a full window's probes the kernel believes no router.
    network.lose_acknowledgements();
    let mut asked = request_of(&deaf.url, Dialect::OpenAi, &"x".repeat(24_000_000));
    let attempts = Attempts::of(&mut asked);

    let refuse = async {
        in_phase(Phase::Write, &attempts).await;
        sleep(ARRIVED).await;
        network.refuse();
    };
    let call = perform(unhurried(once()).layer(client()), asked);
    let (ended, ()) = tokio::join!(call, refuse);

    assert_unreachable(&ended, Class::SentPartial, Sent::Part);
}

pub(crate) async fn a_connection_called_unreachable_is_never_sent() {
    let network = Network::new().expect("possible a moment ago");
    let mut provider = Inside::provider(&network, "none").await;
    network.refuse();

    let asked = request(&provider.url, Dialect::OpenAi);
    let ended = perform(unhurried(once()).layer(client()), asked).await;

    network.heal();
    assert_unreachable(&ended, Class::NeverSent, Sent::Nothing);
    assert_eq!(provider.counts().await.requests, 0);
}
