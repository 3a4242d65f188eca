//! Programs that get the layers in at most ten changed lines, as `docs/existing-programs.md` shows them: each is built and run
//! before and after, against a provider behind a proxy that cuts its first answer.

#![allow(unreachable_pub, reason = "each module is a program's")]

mod axum_after;
mod axum_before;
mod hyper_util_after;
mod hyper_util_before;
mod reqwest_after;
mod reqwest_before;

use std::time::Duration;

use axum::Router;
use bytes::Bytes;
use http::Uri;
use longhaul_sim::{Provider, Weight, server::Server};
use tokio::net::TcpListener;
use tower::BoxError;

const PAGE: &str = include_str!("../../docs/existing-programs.md");

/// At most so many lines are new.
const CHANGED: usize = 10;

/// A provider whose first answer is cut after its usual minute, which takes 0.6 s here.
async fn provider() -> (Provider, Server) {
    let provider = Provider::builder()
        .speed(100.0)
        .generation(Duration::from_secs(100))
        .script("cut@60, none".parse().expect("a script"))
        .image_weight(Weight::Tiny)
        .build()
        .expect("a speed that can be used");
    let server = Server::start(provider.clone()).await.expect("a free port");
    (provider, server)
}

fn is_a_picture(answer: Result<Bytes, BoxError>) -> bool {
    answer.is_ok_and(|answer| answer.windows(8).any(|word| word == b"b64_json"))
}

#[tokio::test]
async fn a_hyper_util_program_survives_a_cut_with_the_layers() {
    let (_, server) = provider().await;
    assert!(!is_a_picture(
        hyper_util_before::picture(&server.url()).await
    ));
    let (_, server) = provider().await;
    assert!(is_a_picture(hyper_util_after::picture(&server.url()).await));
}

#[tokio::test]
async fn a_reqwest_program_survives_a_cut_with_the_layers() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (_, server) = provider().await;
    assert!(!is_a_picture(reqwest_before::picture(&server.url()).await));
    let (_, server) = provider().await;
    assert!(is_a_picture(reqwest_after::picture(&server.url()).await));
}

#[tokio::test]
async fn an_axum_program_survives_a_cut_with_the_layers() {
    let through = async |router: fn(Uri) -> Router| {
        let (_, server) = provider().await;
        let router = router(server.url().parse().expect("a URL"));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("it is bound");
        tokio::spawn(async { axum::serve(listener, router).await });
        hyper_util_before::picture(&format!("http://{address}")).await
    };
    assert!(!is_a_picture(through(axum_before::router).await));
    assert!(is_a_picture(through(axum_after::router).await));
}

/// The page's diffs are those between the programs that ran.
#[test]
fn the_page_on_existing_programs_shows_what_is_tested() {
    let diffs: Vec<_> = PAGE
        .split("```diff\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap_or_default())
        .collect();
    let programs = [
        (
            include_str!("hyper_util_before.rs"),
            include_str!("hyper_util_after.rs"),
        ),
        (
            include_str!("reqwest_before.rs"),
            include_str!("reqwest_after.rs"),
        ),
        (
            include_str!("axum_before.rs"),
            include_str!("axum_after.rs"),
        ),
    ];
    assert_eq!(diffs.len(), programs.len());
    for (diff, (before, after)) in diffs.into_iter().zip(programs) {
        let without = |mark: char| -> String {
            let lines = diff.lines().filter(|line| !line.starts_with(mark));
            lines
                .map(|line| format!("{}\n", line.get(1..).unwrap_or_default()))
                .collect()
        };
        assert_eq!(without('+'), before);
        assert_eq!(without('-'), after);
        let new = diff.lines().filter(|line| line.starts_with('+')).count();
        assert!(new <= CHANGED, "{new} new lines");
    }
}
