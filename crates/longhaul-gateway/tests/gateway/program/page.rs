//! The page: an operation in all its attempts, routes, claims, and the ledger of another program.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};

use http::StatusCode;
use longhaul_testing::free_port;

use super::{PATH, PROGRAM, Program, sim};
use crate::support::{PICTURE, get, post};

/// What a page says; it must be there.
async fn page(url: &str) -> String {
    let answer = get(url, &[]).await;
    assert_eq!(answer.status, StatusCode::OK, "{url}: {answer:?}");
    String::from_utf8(answer.body.unwrap().to_vec()).unwrap()
}

/// The same once it says `awaited`: the end of an attempt is in the ledger a moment after its answer is here.
async fn page_with(url: &str, awaited: &str) -> String {
    for _ in 0..100 {
        let page = page(url).await;
        if page.contains(awaited) {
            return page;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{url} never says {awaited:?}");
}

fn assert_shows(page: &str, all: &[&str]) {
    for shown in all {
        assert!(page.contains(shown), "{shown:?} is missing in {page}");
    }
}

/// The program that shows a ledger, killed when it is dropped.
struct Showing(Child);

impl Drop for Showing {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn an_operation_is_shown_in_all_its_attempts() {
    let folder = tempfile::tempdir().unwrap();
    let (_provider, server) = sim("overloaded, none*9").await;
    let program = Program::start(folder.path(), &server.url(), |_| {}).await;
    let answer = post(&format!("{}{PATH}", program.url), PICTURE, &[]).await;
    let name = answer.header("x-longhaul-operation").unwrap().to_owned();
    answer.picture();
    let whole = page(&format!("{}/", program.admin)).await;
    let host = server.url().trim_start_matches("http://").to_owned();
    assert_shows(
        &whole,
        &[
            &format!("operations/{name}"),
            "never so far",
            &host,
            "95 of 100 are there",
            "limit",
        ],
    );
    let one = page_with(&format!("{}/operations/{name}", program.admin), "Delivered").await;
    assert_shows(
        &one,
        &["Attempt 1", "Overloaded", "Attempt 2", "0.24 USD", PATH],
    );
    assert!(
        !one.contains("a cat") && !one.contains("sk-secret"),
        "{one}"
    );
    for unknown in ["op_00000000000000000000000000000000", "%3Cscript%3E"] {
        let url = format!("{}/operations/{unknown}", program.admin);
        let answer = get(&url, &[]).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
        let text = String::from_utf8(answer.body.unwrap().to_vec()).unwrap();
        assert!(!text.contains("<script>"), "{text}");
    }
}

#[tokio::test]
async fn callers_see_no_page_and_the_page_takes_no_calls() {
    let folder = tempfile::tempdir().unwrap();
    let (provider, server) = sim("none*9").await;
    let program = Program::start(folder.path(), &server.url(), |config| {
        config.upstreams[0].paths = vec!["/v1/".to_owned()];
    })
    .await;
    for path in [
        "/",
        "/live",
        "/metrics",
        "/claims",
        "/claims.csv",
        "/style.css",
    ] {
        let shown = get(&format!("{}{path}", program.admin), &[]).await;
        assert_eq!(shown.status, StatusCode::OK, "{path}");
        let hidden = get(&format!("{}{path}", program.url), &[]).await;
        assert_eq!(hidden.status, StatusCode::NOT_FOUND, "{path}");
    }
    let call = post(&format!("{}{PATH}", program.admin), PICTURE, &[]).await;
    assert_eq!(call.status, StatusCode::NOT_FOUND);
    assert_eq!(provider.oracle().entries().len(), 0);
}

#[tokio::test]
async fn claims_can_be_taken_away_as_a_table() {
    let folder = tempfile::tempdir().unwrap();
    let (_provider, server) = sim("no-image*9").await;
    let program = Program::start(folder.path(), &server.url(), |config| {
        config.upstreams[0].provider = Some("api.laozhang.ai".to_owned());
    })
    .await;
    post(&format!("{}{PATH}", program.url), PICTURE, &[]).await;
    let shown = page(&format!("{}/claims", program.admin)).await;
    assert_shows(
        &shown,
        &["api.laozhang.ai", "NoImage", "claims.csv", " USD"],
    );
    let table = get(&format!("{}/claims.csv", program.admin), &[]).await;
    assert_eq!(
        table.header("content-type"),
        Some("text/csv; charset=utf-8")
    );
    let table = String::from_utf8(table.body.unwrap().to_vec()).unwrap();
    let mut lines = table.lines();
    assert!(
        lines
            .next()
            .unwrap()
            .starts_with("entry,operation,attempt,rule"),
        "{table}"
    );
    assert!(lines.next().unwrap().contains("NoImage"), "{table}");
}

#[tokio::test]
async fn the_ledger_of_another_program_has_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let (_provider, server) = sim("none*9").await;
    let mut program = Program::start(folder.path(), &server.url(), |_| {}).await;
    let answer = post(&format!("{}{PATH}", program.url), PICTURE, &[]).await;
    answer.picture();
    // Orderly: an entry is closed soon after its answer, and not before it.
    program.terminate();
    program.child.wait().unwrap();
    let ledger = folder.path().join("ledger.db");
    let before = std::fs::read(&ledger).unwrap();
    let port = free_port();
    let child = Command::new(PROGRAM)
        .arg("--ledger")
        .arg(&ledger)
        .args(["--page", &format!("127.0.0.1:{port}")])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut showing = Showing(child);
    let mut said = String::new();
    let mut output = BufReader::new(showing.0.stdout.take().unwrap());
    output.read_line(&mut said).unwrap();
    assert!(said.contains("http://127.0.0.1:"), "{said}");
    let url = format!("http://127.0.0.1:{port}");
    let whole = page(&format!("{url}/")).await;
    assert_shows(
        &whole,
        &[
            "Money by day",
            "wasted",
            "exposed",
            "claimed",
            "nano-banana-pro",
            "Delivered",
            "0.24 USD",
        ],
    );
    let (_, rest) = whole.split_once("operations/").unwrap();
    let (operation, _) = rest.split_once('"').unwrap();
    let one = page(&format!("{url}/operations/{operation}")).await;
    assert_shows(&one, &["Attempt 1", "Delivered", "../style.css"]);
    page(&format!("{url}/claims")).await;
    assert_eq!(std::fs::read(&ledger).unwrap(), before, "it is only read");
}
