//! Real clients through the gateway: their SDKs as they come from their registries, and curl.
//!
//! `LONGHAUL_CLIENTS` names a folder with `wheels/` and `node_modules/`, made of `tests/clients/requirements.txt` and
//! `tests/clients/package-lock.json`. The step `clients` of `.ci/run` makes it; without it these tests say that they are
//! skipped.

use std::{env, path::PathBuf, process::Stdio, time::Duration};

use futures_util::future::join_all;
use longhaul_gateway::config::HeartbeatConfig;
use longhaul_sim::{Provider, Weight, picture::identity};
use longhaul_testing::Nginx;
use tokio::process::{Child, Command};

use super::support::{Running, SPEED, until};

/// A program that asks for one picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Client {
    Python(&'static str),
    Node(&'static str),
    Curl,
}

const ALL: [Client; 8] = [
    Client::Python("openai"),
    Client::Python("google"),
    Client::Python("requests"),
    Client::Python("httpx"),
    Client::Node("openai"),
    Client::Node("google"),
    Client::Node("axios"),
    Client::Curl,
];

/// Those whose SDK sends again by itself.
const WITH_RETRIES: [Client; 2] = [Client::Python("openai"), Client::Node("openai")];

/// Those that do so when they are told to.
const SENDS_AGAIN: [Client; 4] = [
    Client::Python("openai"),
    Client::Python("google"),
    Client::Node("openai"),
    Client::Node("google"),
];

fn folder() -> Option<PathBuf> {
    let folder = env::var_os("LONGHAUL_CLIENTS").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("SKIPPED: LONGHAUL_CLIENTS does not name the folder of the clients");
    }
    folder
}

/// What one call is to do, beside the picture.
#[derive(Clone, Copy)]
struct Call<'a> {
    key: &'a str,
    retries: u32,
    timeout: f64,
}

const PLAIN: Call<'static> = Call {
    key: "-",
    retries: 2,
    timeout: 600.0,
};

impl Client {
    /// Starts it; the picture goes into `file`.
    fn start(self, clients: &PathBuf, base: &str, file: &PathBuf, call: Call<'_>) -> Child {
        let scripts = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
        let mut command = match self {
            Self::Python(name) => {
                let mut command = Command::new("python3");
                command.env("PYTHONPATH", clients.join("wheels"));
                command.arg(scripts.join("picture.py")).arg(name);
                command
            }
            Self::Node(name) => {
                let mut command = Command::new("node");
                command.arg(scripts.join("picture.mjs")).arg(name);
                command
            }
            Self::Curl => {
                let mut command = Command::new("sh");
                command.arg(scripts.join("picture.sh"));
                command
            }
        };
        command
            .arg(base)
            .arg(file)
            .arg(call.key)
            .arg(call.retries.to_string())
            .arg(call.timeout.to_string())
            .env("LONGHAUL_CLIENTS", clients)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap()
    }

    /// Runs it to its end: the picture, or what it says.
    async fn run(self, clients: &PathBuf, base: &str, call: Call<'_>) -> Result<Vec<u8>, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("picture");
        let child = self.start(clients, base, &file, call);
        let output = child.wait_with_output().await.unwrap();
        if output.status.success() {
            return Ok(std::fs::read(&file).unwrap());
        }
        let said = [output.stdout, output.stderr].concat();
        Err(String::from_utf8_lossy(&said).into_owned())
    }
}

async fn gateway(script: &str, takes: u64) -> Running {
    with_heartbeat(script, takes, |_| {}).await
}

async fn with_heartbeat(
    script: &str,
    takes: u64,
    change: impl FnOnce(&mut HeartbeatConfig),
) -> Running {
    let provider = Provider::builder()
        .speed(SPEED)
        .script(script.parse().unwrap())
        .generation(Duration::from_secs(takes))
        .image_weight(Weight::Light)
        .build()
        .unwrap();
    Running::with(provider, |config| {
        let heartbeat = &mut config.heartbeat;
        heartbeat.after = heartbeat.after.div_f64(SPEED);
        heartbeat.every = heartbeat.every.div_f64(SPEED);
        change(heartbeat);
    })
    .await
}

/// The last picture that the provider made is this one, to the byte.
fn assert_delivered(client: Client, gateway: &Running, picture: Result<Vec<u8>, String>) {
    let picture = picture.unwrap_or_else(|said| panic!("{client:?}: {said}"));
    let made = gateway.provider.oracle().entries();
    let made: Vec<_> = made.iter().flat_map(|entry| &entry.images).collect();
    let identity = identity(&picture).expect("it is one of the provider's pictures");
    assert!(made.contains(&&identity), "{client:?}: {identity}");
}

#[tokio::test]
async fn every_client_gets_its_picture_through_overload_and_a_cut() {
    let Some(clients) = folder() else { return };
    for client in ALL {
        let gateway = gateway("overloaded, cut@60, none", 20).await;
        let picture = client.run(&clients, &gateway.url, PLAIN).await;
        assert_delivered(client, &gateway, picture);
        assert_eq!(
            gateway.provider.oracle().totals().delivered,
            1,
            "{client:?}"
        );
    }
}

#[tokio::test]
async fn every_client_gets_its_picture_over_a_line_kept_open() {
    let Some(clients) = folder() else { return };
    for client in ALL {
        let gateway = gateway("none", 240).await;
        let picture = client.run(&clients, &gateway.url, PLAIN).await;
        assert_delivered(client, &gateway, picture);
        assert_eq!(gateway.paid(), 1, "{client:?}");
    }
}

#[tokio::test]
async fn every_client_killed_in_the_middle_comes_back_and_pays_once() {
    let Some(clients) = folder() else { return };
    for client in ALL {
        let gateway = gateway("none*9", 300).await;
        let call = Call {
            key: "order-7",
            ..PLAIN
        };
        let nowhere = gateway.folder.path().join("nowhere");
        let mut first = client.start(&clients, &gateway.url, &nowhere, call);
        let provider = gateway.provider.clone();
        until("the request is at the provider", || {
            !provider.oracle().entries().is_empty()
        })
        .await;
        first.kill().await.unwrap();
        let picture = client.run(&clients, &gateway.url, call).await;
        assert_delivered(client, &gateway, picture);
        assert_eq!(gateway.paid(), 1, "{client:?}");
    }
}

#[tokio::test]
async fn an_sdk_that_gives_up_and_sends_again_pays_once() {
    let Some(clients) = folder() else { return };
    for client in WITH_RETRIES {
        // It waits shorter than the line stays silent, and again and again.
        let gateway = gateway("none*9", 300).await;
        let call = Call {
            retries: 20,
            timeout: 0.3,
            ..PLAIN
        };
        let picture = client.run(&clients, &gateway.url, call).await;
        assert_delivered(client, &gateway, picture);
        assert_eq!(gateway.paid(), 1, "{client:?}");
    }
}

#[tokio::test]
async fn an_sdks_defaults_do_not_multiply_the_gateways_attempts() {
    let Some(clients) = folder() else { return };
    // A line that is kept open can only tell an error in the body.
    let paid = async |client: Client| {
        let gateway = with_heartbeat("cut@30*99", 60, |heartbeat| heartbeat.on = false).await;
        let said = client.run(&clients, &gateway.url, PLAIN).await.unwrap_err();
        gateway.provider.oracle().settled().await;
        (gateway.paid(), said)
    };
    // curl asks once: what the gateway's own policy sends.
    let (once, _) = paid(Client::Curl).await;
    for client in WITH_RETRIES {
        let (paid, said) = paid(client).await;
        assert_eq!(paid, once, "{client:?}: {said}");
        assert!(
            said.contains("502") && said.contains("it may have cost"),
            "{client:?}: {said}"
        );
    }
}

/// A proxy in front of the gateway that cuts a line which is silent for two seconds, as many do after a minute.
fn cutting(gateway: &Running) -> Option<Nginx> {
    let address = gateway.url.trim_start_matches("http://").parse().unwrap();
    Nginx::before(address, "proxy_read_timeout 2s;")
}

/// Provider seconds: more than twice as long as the proxy lets a line be silent.
const BEYOND_THE_CUT: u64 = 450;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blanks_bring_every_client_past_a_proxy_that_cuts() {
    let Some(clients) = folder() else { return };
    let clients = &clients;
    let each = ALL.map(|client| async move {
        let gateway = with_heartbeat("none*9", BEYOND_THE_CUT, |heartbeat| {
            heartbeat.after = Duration::from_secs(1);
            heartbeat.every = Duration::from_millis(500);
        })
        .await;
        let Some(nginx) = cutting(&gateway) else {
            return;
        };
        let picture = client.run(clients, &nginx.url(), PLAIN).await;
        assert_delivered(client, &gateway, picture);
        assert_eq!(gateway.paid(), 1, "{client:?}");
        until("nginx has told of it", || !nginx.requests().is_empty()).await;
        assert_eq!(nginx.requests().len(), 1, "{client:?} asked once");
    });
    join_all(each).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_cut_off_asks_again_and_pays_once() {
    let Some(clients) = folder() else { return };
    let clients = &clients;
    let each = ALL.map(|client| async move {
        let gateway =
            with_heartbeat("none*9", BEYOND_THE_CUT, |heartbeat| heartbeat.on = false).await;
        let Some(nginx) = cutting(&gateway) else {
            return;
        };
        // OpenAI's SDKs are known by their own retries; all others name the picture that they mean.
        let call = Call {
            key: if WITH_RETRIES.contains(&client) {
                "-"
            } else {
                "order-7"
            },
            retries: 20,
            ..PLAIN
        };
        let mut picture = client.run(clients, &nginx.url(), call).await;
        if !SENDS_AGAIN.contains(&client) {
            assert!(picture.is_err(), "{client:?} was cut off");
            for _ in 0..20 {
                picture = client.run(clients, &nginx.url(), call).await;
                if picture.is_ok() {
                    break;
                }
            }
        }
        assert_delivered(client, &gateway, picture);
        assert_eq!(gateway.paid(), 1, "{client:?}");
        let cut = nginx.requests().iter().any(|request| request.status == 504);
        assert!(cut, "{client:?} was cut off");
    });
    join_all(each).await;
}
