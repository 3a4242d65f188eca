//! The provider inside the namespace: this very program, started a second time with an order in its environment.

use std::{
    env,
    io::{BufRead, Write, stdin, stdout},
    net::{Ipv4Addr, SocketAddr},
    process::{ExitCode, Stdio},
};

use longhaul_sim::{Provider, Weight, server::Server};
use longhaul_testing::{Network, harness::SPEED};
use serde::Deserialize;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    net::TcpSocket,
    process::{Child, ChildStdin, ChildStdout, Command},
};

/// The script of the provider to be; or [`DEAF`].
const ORDER: &str = "LONGHAUL_TEST_INSIDE";
/// The address to listen at.
const LISTEN: &str = "LONGHAUL_TEST_LISTEN";
/// No provider, but a listener that never reads.
const DEAF: &str = "deaf";

/// Serves, if this process was started for that.
pub(crate) fn run_if_asked() -> Option<ExitCode> {
    let order = env::var(ORDER).ok()?;
    let listen: Ipv4Addr = env::var(LISTEN).ok()?.parse().ok()?;
    let listen = SocketAddr::from((listen, 0));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    if order == DEAF {
        runtime.block_on(listen_and_never_read(listen));
    } else {
        runtime.block_on(serve(listen, &order));
    }
    Some(ExitCode::SUCCESS)
}

/// Says its URL; after each line that it is sent, once all has settled, the totals; and ends with its input.
async fn serve(listen: SocketAddr, script: &str) {
    let provider = Provider::builder()
        .speed(SPEED)
        .script(script.parse().expect("a script"))
        .image_weight(Weight::Tiny);
    let provider = provider.build().expect("valid settings");
    let server = Server::builder(provider.clone()).listen(listen).start();
    let server = server.await.expect("an address of this namespace");
    say(&server.url());
    while next_line().await {
        provider.oracle().settled().await;
        let totals = provider.oracle().totals();
        say(&serde_json::to_string(&totals).expect("numbers"));
    }
}

async fn listen_and_never_read(listen: SocketAddr) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("settable");
    socket.bind(listen).expect("an address of this namespace");
    let listener = socket.listen(1).expect("a listener");
    say(&format!("http://{}", listener.local_addr().expect("bound")));
    while next_line().await {}
}

fn say(line: &str) {
    let mut stdout = stdout().lock();
    writeln!(stdout, "{line}").expect("somebody listens");
    stdout.flush().expect("somebody listens");
}

async fn next_line() -> bool {
    let read = tokio::task::spawn_blocking(|| stdin().lock().read_line(&mut String::new()));
    read.await.expect("no panic").is_ok_and(|bytes| bytes > 0)
}

/// A provider that runs inside a network until this is dropped.
#[derive(Debug)]
pub(crate) struct Inside {
    pub(crate) url: String,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    // Killed when dropped.
    _child: Child,
}

/// What the provider's oracle counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
pub(crate) struct Counts {
    pub(crate) requests: u64,
    pub(crate) read_whole: u64,
    pub(crate) charged: u64,
}

impl Inside {
    /// A provider with this script.
    pub(crate) async fn provider(network: &Network, script: &str) -> Self {
        Self::start(network, script).await
    }

    /// A listener that never reads.
    pub(crate) async fn deaf(network: &Network) -> Self {
        Self::start(network, DEAF).await
    }

    async fn start(network: &Network, order: &str) -> Self {
        let this = env::current_exe().expect("it runs");
        let mut command = network.command(this.to_str().expect("a plain path"));
        command
            .env(ORDER, order)
            .env(LISTEN, network.inside().to_string());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = Command::from(command)
            .kill_on_drop(true)
            .spawn()
            .expect("it starts");
        let input = child.stdin.take().expect("piped");
        let mut output = BufReader::new(child.stdout.take().expect("piped")).lines();
        let url = output.next_line().await.expect("readable");
        Self {
            url: url.expect("it says where it listens"),
            input,
            output,
            _child: child,
        }
    }

    /// What reached the provider, once nothing more changes there.
    pub(crate) async fn counts(&mut self) -> Counts {
        self.input.write_all(b"totals\n").await.expect("it listens");
        let line = self.output.next_line().await.expect("readable");
        serde_json::from_str(&line.expect("it answers")).expect("totals")
    }
}
