//! The program itself: its commands, its death in the middle of a call, its orderly end, and what it tells of secrets.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use http::StatusCode;
use longhaul_sim::{Provider, server::Server as SimServer};
use longhaul_testing::free_port;

use super::support::{Answer, PICTURE, get, policy, post, provider, until};

const PROGRAM: &str = env!("CARGO_BIN_EXE_longhaul-gateway");
const PATH: &str = "/v1/images/generations";

/// The program with a configuration of its own, killed when it is dropped.
struct Program {
    child: Child,
    url: String,
    admin: String,
}

impl Program {
    /// Starts it in `folder` before `upstream`, and waits until it answers.
    async fn start(folder: &Path, upstream: &str, more: &str) -> Self {
        let (port, admin) = (free_port(), free_port());
        let policy = policy().to_toml().unwrap();
        std::fs::write(folder.join("policy.toml"), policy).unwrap();
        let text = format!(
            "listen = \"127.0.0.1:{port}\"\nadmin = \"127.0.0.1:{admin}\"\ndrain = \"60s\"\n{more}\n[[upstreams]]\n\
             name = \"sim\"\nurl = \"{upstream}\"\npolicy_file = \"policy.toml\"\n\
             key = {{ file = \"provider.key\" }}\n"
        );
        std::fs::write(folder.join("provider.key"), "sk-secret-of-the-provider\n").unwrap();
        std::fs::write(folder.join("gateway.toml"), text).unwrap();
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(folder.join("log"))
            .unwrap();
        let child = Command::new(PROGRAM)
            .arg(folder.join("gateway.toml"))
            .env("RUST_LOG", "trace")
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let program = Self {
            child,
            url: format!("http://127.0.0.1:{port}"),
            admin: format!("http://127.0.0.1:{admin}"),
        };
        for _ in 0..400 {
            let ready = tokio::net::TcpStream::connect(("127.0.0.1", port)).await;
            if ready.is_ok() {
                return program;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("the gateway does not listen");
    }

    async fn picture(&self, headers: &[(&str, &str)]) -> Answer {
        post(&format!("{}{PATH}", self.url), PICTURE, headers).await
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn terminate(&self) {
        let id = self.child.id().to_string();
        let done = Command::new("kill").args(["-TERM", &id]).status().unwrap();
        assert!(done.success());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn sim(script: &str) -> (Provider, SimServer) {
    let provider = provider(script);
    let server = SimServer::start(provider.clone()).await.unwrap();
    (provider, server)
}

#[tokio::test]
async fn killed_in_the_middle_of_a_call_it_pays_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let (provider, server) = sim("none+takes@300*9").await;
    let mut program = Program::start(folder.path(), &server.url(), "").await;
    let keyed = [("idempotency-key", "order-1")];
    let first = [("x-stainless-retry-count", "0"), ("user-agent", "sdk")];
    let url = format!("{}{PATH}", program.url);
    let dog = PICTURE.replace("cat", "dog");
    let calls = [
        tokio::spawn({
            let url = url.clone();
            async move {
                super::support::try_post(&url, PICTURE, &keyed)
                    .await
                    .is_ok()
            }
        }),
        tokio::spawn(async move { super::support::try_post(&url, &dog, &first).await.is_ok() }),
    ];
    until("both calls are at the provider", || {
        provider.oracle().entries().len() == 2
    })
    .await;
    program.kill();
    for call in calls {
        assert!(!call.await.unwrap(), "the line broke");
    }

    let program = Program::start(folder.path(), &server.url(), "").await;
    let back = program.picture(&keyed).await;
    assert_eq!(back.status, StatusCode::CONFLICT, "{back:?}");
    assert_eq!(back.json()["error"]["code"], "outcome_unknown");
    assert_eq!(back.header("x-should-retry"), Some("false"));
    let retry = [("x-stainless-retry-count", "1")];
    let url = format!("{}{PATH}", program.url);
    let back = post(&url, &PICTURE.replace("cat", "dog"), &retry).await;
    assert_eq!(back.status, StatusCode::CONFLICT, "{back:?}");
    assert_eq!(provider.oracle().entries().len(), 2);
    let again = [keyed[0], ("x-longhaul-send-again", "true")];
    program.picture(&again).await.picture();
    assert_eq!(provider.oracle().entries().len(), 3);
}

#[tokio::test]
async fn terminated_it_lets_calls_finish_also_those_without_a_caller() {
    let folder = tempfile::tempdir().unwrap();
    let (provider, server) = sim("none+takes@100*9").await;
    let mut program = Program::start(folder.path(), &server.url(), "").await;
    let url = format!("{}{PATH}", program.url);
    let left = tokio::spawn({
        let url = url.clone();
        async move { super::support::try_post(&url, PICTURE, &[]).await.is_ok() }
    });
    let stays = tokio::spawn(async move { post(&url, PICTURE, &[]).await });
    until("both calls are at the provider", || {
        provider.oracle().entries().len() == 2
    })
    .await;
    left.abort();
    program.terminate();
    stays.await.unwrap().picture();
    let mut ended = None;
    for _ in 0..400 {
        ended = program.child.try_wait().unwrap();
        if ended.is_some() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(ended.expect("it ends by itself").success());
    assert_eq!(provider.oracle().totals().delivered, 2);
}

#[tokio::test]
async fn no_secret_is_in_the_log_the_metrics_or_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let (key, sha256) = longhaul_gateway::caller::new_key().unwrap();
    let (provider, server) = sim("none, cut@60*3, none*9").await;
    let keys = format!("[[keys]]\nname = \"alice\"\nsha256 = \"{sha256}\"\n");
    let program = Program::start(folder.path(), &server.url(), &keys).await;
    let bearer = format!("Bearer {key}");
    let prompt = PICTURE.replace("a cat", "the-secret-prompt");
    let url = format!("{}{PATH}", program.url);
    let headers = [
        ("authorization", bearer.as_str()),
        ("idempotency-key", "secret-order"),
    ];
    post(&url, &prompt, &headers).await.picture();
    post(&url, &prompt, &headers[..1]).await;
    let in_query = format!("{url}?key={key}");
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
    drop(program);
    drop(provider);
    let mut found = metrics;
    found.push_str(&page);
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
        "the-secret-prompt",
        "secret-order",
    ] {
        let at = found.find(secret);
        let around = at.map(|at| found[at.saturating_sub(200)..at].to_owned());
        assert_eq!(around, None, "{secret} is told");
    }
}

#[tokio::test]
async fn a_changed_file_is_taken_over_and_a_bad_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let (_provider, server) = sim("none*9").await;
    let program = Program::start(folder.path(), &server.url(), "").await;
    let file = folder.path().join("gateway.toml");
    let good = std::fs::read_to_string(&file).unwrap();
    let log = || std::fs::read_to_string(folder.path().join("log")).unwrap();
    std::fs::write(&file, format!("{good}places = 0\n")).unwrap();
    until("the bad one is refused", || {
        log().contains("upstreams[0].places")
    })
    .await;
    program.picture(&[]).await.picture();
    std::fs::write(&file, format!("{good}paths = [\"/other/\"]\n")).unwrap();
    until("the good one is taken", || log().contains("is in force")).await;
    let answer = program.picture(&[]).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND, "{answer:?}");
}

fn output(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(PROGRAM).args(arguments).output().unwrap();
    let mut text = String::from_utf8(output.stdout).unwrap();
    text.push_str(&String::from_utf8(output.stderr).unwrap());
    (output.status.success(), text)
}

#[test]
fn a_key_is_made_and_the_configuration_is_checked() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.toml");
    let path = file.to_str().unwrap();
    let (good, printed) = output(&["key", "new", "alice"]);
    assert!(good, "{printed}");
    assert!(printed.contains("# lh-") && printed.contains("name = \"alice\""));
    let upstream = "[[upstreams]]\nname = \"a\"\nurl = \"https://a.example\"\nkey = \"none\"\n";
    std::fs::write(&file, format!("{printed}\n{upstream}")).unwrap();
    let (good, shown) = output(&["--check", path]);
    assert!(good, "{shown}");
    assert!(
        shown.contains("after = \"45s\"") && shown.contains("[upstreams.policy.retry"),
        "{shown}"
    );
    std::fs::write(&file, format!("colour = 1\n{upstream}")).unwrap();
    let (good, shown) = output(&["--check", path]);
    assert!(!good && shown.contains("colour"), "{shown}");
}

#[test]
fn the_demonstration_says_how_to_try_it() {
    let mut child = Command::new(PROGRAM)
        .arg("--demo")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // The usual ports may be taken on this machine: then it says so.
    let told = lines
        .map_while(Result::ok)
        .any(|line| line.contains("curl"));
    let _ = child.kill();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told || said.contains("in use"), "{said}");
}
