//! What it tells of secrets.

use http::StatusCode;
use longhaul_gateway::config::KeyConfig;

use super::{PATH, Program, sim};
use crate::support::{PICTURE, get, post};

#[tokio::test]
async fn no_secret_is_in_log_page_metrics_errors_or_files() {
    let folder = tempfile::tempdir().unwrap();
    let (key, sha256) = longhaul_gateway::caller::new_key().unwrap();
    let (provider, server) = sim("none, cut@60*3, none*9").await;
    let program = Program::start(folder.path(), &server.url(), |config| {
        config.keys.push(KeyConfig::new("alice", sha256));
    })
    .await;
    let bearer = format!("Bearer {key}");
    let prompt = PICTURE.replace("a cat", "the-secret-prompt");
    let url = format!("{}{PATH}", program.url);
    let headers = [
        ("authorization", bearer.as_str()),
        ("idempotency-key", "secret-order"),
    ];
    let delivered = post(&url, &prompt, &headers).await;
    delivered.picture();
    let name = delivered.header("x-longhaul-operation").unwrap().to_owned();
    let in_query = format!("{url}?key={key}");
    // Failures and refusals of every kind: one that may have been charged, and those for what is wrong with the request.
    let other = format!("{prompt} ");
    let stranger = "sk-secret-of-a-stranger";
    let strangers_bearer = format!("Bearer {stranger}");
    let strangers = [("authorization", strangers_bearer.as_str())];
    let mut errors = String::new();
    for (status, url, prompt, headers) in [
        (502, &url, &prompt, &headers[..1]),
        (422, &url, &other, &headers[..]),
        (401, &url, &prompt, &strangers[..]),
        (401, &format!("{url}?key={stranger}"), &prompt, &[][..]),
        (
            400,
            &format!("{}/v1/../x?key={key}", program.url),
            &prompt,
            &[][..],
        ),
    ] {
        let answer = post(url, prompt, headers).await;
        assert_eq!(answer.status, status, "{answer:?}");
        errors.push_str(&format!("{answer:?}"));
    }
    post(&in_query, &prompt, &[]).await.picture();
    let metrics = get(&format!("{}/metrics", program.admin), &[]).await;
    assert_eq!(metrics.status, StatusCode::OK);
    let metrics = String::from_utf8(metrics.body.unwrap().to_vec()).unwrap();
    for name in [
        "gen_ai_client_operation_duration_bucket",
        "longhaul_attempts",
        "longhaul_decisions",
        "le=\"900\"",
        "alice",
    ] {
        assert!(metrics.contains(name), "{name} is missing in {metrics}");
    }
    let page = get(&format!("{}/", program.admin), &[]).await;
    assert_eq!(page.status, StatusCode::OK);
    let policy = page.header("content-security-policy").unwrap().to_owned();
    assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self'"));
    let page = String::from_utf8(page.body.unwrap().to_vec()).unwrap();
    for shown in [
        "alice",
        "nano-banana-pro",
        "K4",
        "Delivered",
        "0.24 USD",
        "Nothing is in flight",
        "op_",
    ] {
        assert!(page.contains(shown), "{shown} is missing in {page}");
    }
    let mut found = metrics + &page + &errors;
    for path in [
        &format!("operations/{name}"),
        "claims",
        "claims.csv",
        "live",
    ] {
        let shown = get(&format!("{}/{path}", program.admin), &[]).await;
        assert_eq!(shown.status, StatusCode::OK, "{path}");
        found.push_str(std::str::from_utf8(&shown.body.unwrap()).unwrap());
    }
    drop(program);
    drop(provider);
    found.push_str(&std::fs::read_to_string(folder.path().join("log")).unwrap());
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        let name = file.file_name().into_string().unwrap();
        found.push_str(&name);
        if name.contains(".db") {
            found.push_str(&String::from_utf8_lossy(
                &std::fs::read(file.path()).unwrap(),
            ));
        }
        if name == "answers" {
            for answer in std::fs::read_dir(file.path()).unwrap() {
                found.push_str(&answer.unwrap().file_name().into_string().unwrap());
            }
        }
    }
    for secret in [
        key.as_str(),
        "sk-secret-of-the-provider",
        stranger,
        "the-secret-prompt",
        "secret-order",
    ] {
        let at = found.find(secret);
        let around = at.map(|at| found[at.saturating_sub(200)..at].to_owned());
        assert_eq!(around, None, "{secret} is told");
    }
}
