//! What the kernel itself says of a call's socket.

use std::{process::Command, time::Duration};

use longhaul::{Phase, policy::Policy};
use longhaul_hyper::{Builder, Client, Keepalive};
use longhaul_sim::Dialect;
use longhaul_testing::{
    Network, find,
    harness::{Attempts, perform, request, until},
};
use tower::Layer;

use crate::{
    inside::Inside,
    outage::{in_phase, unhurried},
};

/// The line of `ss` about a call that waits for its answer.
async fn socket_of_a_silent_call(client: Builder) -> String {
    let network = Network::new().expect("possible a moment ago");
    let provider = Inside::provider(&network, "silence").await;
    let client = client.plain_http_only().build().expect("valid settings");
    let mut asked = request(&provider.url, Dialect::OpenAi);
    let attempts = Attempts::of(&mut asked);
    let program = find("ss").expect("iproute2 has it");
    let inside = network.inside().to_string();

    let mut line = String::new();
    let look = async {
        in_phase(Phase::Head, &attempts).await;
        // Until all is acknowledged, another timer runs.
        let settled = || {
            let arguments = ["--no-header", "-tno", "dst", &inside];
            let output = Command::new(&program).args(arguments).output();
            let output = output.expect("it runs").stdout;
            line = String::from_utf8_lossy(&output).into_owned();
            line.starts_with("ESTAB") && !line.contains("timer:(on")
        };
        until("an acknowledged request", settled).await;
    };
    tokio::select! {
        ended = perform(unhurried(Policy::default()).layer(client), asked) => panic!("{ended:?}"),
        () = look => line,
    }
}

pub(crate) async fn a_silent_call_keeps_the_keepalive_timer_running() {
    let keepalive = Keepalive {
        after: Duration::from_secs(100),
        ..Keepalive::default()
    };
    let client = Client::builder()
        .keepalive(keepalive)
        .user_timeout(Duration::from_secs(200));

    let line = socket_of_a_silent_call(client).await;

    // As `timer:(keepalive,1min39sec,0)`.
    assert!(line.contains("timer:(keepalive,1min"), "{line}");
}

pub(crate) async fn without_keepalive_no_timer_runs() {
    let line = socket_of_a_silent_call(Client::builder().keepalive(None)).await;

    assert!(!line.contains("timer:("), "{line}");
}
