//! A configuration that changes while it runs.

use http::StatusCode;

use super::{Program, sim};
use crate::support::until;

#[tokio::test]
async fn a_changed_file_is_taken_over_and_a_bad_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let (_provider, server) = sim("none*9").await;
    let program = Program::start(folder.path(), &server.url(), |_| {}).await;
    let file = folder.path().join("gateway.toml");
    let good = std::fs::read_to_string(&file).unwrap();
    let log = || std::fs::read_to_string(folder.path().join("log")).unwrap();
    std::fs::write(&file, good.replace("places = 256", "places = 0")).unwrap();
    until("the bad one is refused", || {
        log().contains("upstreams[0].places")
    })
    .await;
    program.picture(&[]).await.picture();
    std::fs::write(&file, good.replace("places = 256", "paths = [\"/other/\"]")).unwrap();
    until("the good one is taken", || log().contains("is in force")).await;
    let answer = program.picture(&[]).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND, "{answer:?}");
}
