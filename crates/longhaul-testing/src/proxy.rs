//! What nginx and HAProxy have in common: a configuration, a port, and a moment until they listen.
//!
//! Each finds a free port by binding and releasing one, so another program may take it first. Then the server ends at
//! once, and the next port is tried, five times in all. Whether it listens is found by connecting: no server tells it
//! in a way that all share.

use std::{
    fs,
    net::TcpStream,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use tempfile::TempDir;

use crate::{Running, free_port};

/// A proxy that listens.
#[derive(Debug)]
pub(crate) struct Proxy {
    /// Where it listens on loopback.
    pub(crate) port: u16,
    /// All that it writes.
    pub(crate) folder: TempDir,
    // Stopped before its folder goes.
    running: Option<Running>,
}

impl Proxy {
    /// Starts what `command` makes of a configuration file in its folder, on a free port that is told to
    /// `configuration`.
    ///
    /// # Panics
    ///
    /// If it does not come to listen.
    ///
    /// The panic shows what the server wrote to its standard error, since a mistyped setting is the usual reason.
    pub(crate) fn start(
        configuration: impl Fn(u16, &Path) -> String,
        command: impl Fn(&Path) -> Command,
    ) -> Self {
        let folder = TempDir::new().expect("a folder for temporary files");
        let started = listening(|| {
            let port = free_port();
            let file = folder.path().join("configuration");
            fs::write(&file, configuration(port, folder.path())).expect("it can be written");
            let mut command = command(&file);
            let log = fs::File::create(folder.path().join("log")).expect("it can be written");
            command.stdout(Stdio::null()).stderr(log);
            (port, command)
        });
        let Some((port, running)) = started else {
            let log = fs::read_to_string(folder.path().join("log")).unwrap_or_default();
            panic!("the proxy does not start:\n{log}");
        };
        Self {
            port,
            folder,
            running: Some(running),
        }
    }
}

impl Proxy {
    /// The id of its process.
    pub(crate) fn process(&self) -> u32 {
        self.running.as_ref().map_or(0, Running::id)
    }
}

/// Starts what `command` says until it listens at its port; `None` where it does not come to.
pub(crate) fn listening(command: impl Fn() -> (u16, Command)) -> Option<(u16, Running)> {
    // Somebody else may take the free port first.
    const TRIES: usize = 5;
    (0..TRIES).find_map(|_| {
        let (port, mut command) = command();
        let mut running = Running::start(&mut command);
        listens(port, &mut running).then_some((port, running))
    })
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.running.take();
    }
}

/// Waits until somebody listens at `port`, or the program has ended.
///
/// Up to 20 s (2,000 pauses of 10 ms): far more than any of them takes on a busy machine.
fn listens(port: u16, running: &mut Running) -> bool {
    const PAUSE: Duration = Duration::from_millis(10);
    const PATIENCE: u32 = 2000;
    for _ in 0..PATIENCE {
        if !running.is_running() {
            return false;
        }
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return true;
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "a test's own thread waits for another program"
        )]
        thread::sleep(PAUSE);
    }
    false
}
