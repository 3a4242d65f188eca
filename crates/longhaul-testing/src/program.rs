//! Programs of this machine: where they lie, and how they are ended.

use std::{
    env,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command},
};

/// Where programs of servers lie that are not in everybody's `PATH`.
const ELSEWHERE: [&str; 3] = ["/usr/sbin", "/usr/local/sbin", "/usr/local/bin"];

/// Where Debian keeps PostgreSQL's: a folder for each version.
const POSTGRESQL: &str = "/usr/lib/postgresql";

/// Where `program` lies; `None`, said aloud, where the machine does not have it.
///
/// # Panics
///
/// Under `CI=true`, where a test that is skipped would pass for one that holds.
///
/// ```no_run
/// let Some(nginx) = longhaul_testing::find("nginx") else {
///     return; // It has been said aloud why.
/// };
/// ```
pub fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path)
        .chain(ELSEWHERE.map(PathBuf::from))
        .chain(postgresql())
        .map(|folder| folder.join(program))
        .find(|path| path.is_file());
    if found.is_none() {
        let missing = format!("{program} is not installed");
        assert!(env::var_os("CI").is_none_or(|ci| ci != "true"), "{missing}");
        eprintln!("SKIPPED: {missing}");
    }
    found
}

/// The newest first.
///
/// Its folders of programs. Debian does not put them into `PATH`, since several versions may be installed.
fn postgresql() -> Vec<PathBuf> {
    let versions = Path::new(POSTGRESQL).read_dir().into_iter().flatten();
    let mut folders: Vec<_> = versions
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .collect();
    folders.sort();
    folders.reverse();
    folders
}

/// A port of loopback that was free a moment ago.
///
/// # Panics
///
/// Where there is none.
///
/// Nothing keeps it free: whoever binds it may find it taken, and has to try another.
///
/// ```
/// let port = longhaul_testing::free_port();
/// assert_ne!(port, 0);
/// ```
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
    listener.local_addr().expect("it is bound").port()
}

/// A program that runs until it is dropped.
///
/// Its `Drop` runs when a test panics too, so that no server is left behind; only a test that is killed leaves one.
///
/// ```no_run
/// use std::process::Command;
/// use longhaul_testing::Running;
///
/// let mut program = Running::start(Command::new("sleep").arg("60"));
/// assert!(program.is_running());
/// program.kill();
/// assert!(!program.is_running());
/// ```
#[derive(Debug)]
pub struct Running(Child);

impl Running {
    /// Starts it.
    ///
    /// # Panics
    ///
    /// If it cannot be started.
    pub fn start(command: &mut Command) -> Self {
        match command.spawn() {
            Ok(child) => Self(child),
            Err(error) => panic!("{command:?}: {error}"),
        }
    }

    /// Its process id.
    ///
    /// For tools that look at a process, such as its memory under `/proc`.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Whether it still runs.
    ///
    /// # Panics
    ///
    /// If the system does not tell.
    pub fn is_running(&mut self) -> bool {
        self.0.try_wait().expect("it is our child").is_none()
    }

    /// Kills it, with no time to put anything in order, and waits until it is gone.
    pub fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}
