//! A PostgreSQL server of its own for a test.
//!
//! The server is real because what a durable ledger relies on (commits that survive a crash, locks, replication) is
//! what a replacement would have to make up. It is started once for a test program where possible
//! ([`Postgres::shared`]), since `initdb` takes longer than most tests.
//!
//! It is run by a shell that waits for the end of its input. When the test's process ends, however it ends, the kernel
//! closes the pipe; the shell then ends the server and removes its folder. A `Drop` alone would leave both behind when
//! a test is killed.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::fs::chown,
    path::PathBuf,
    process::{Child, ChildStderr, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    thread,
};

use tempfile::TempDir;

use crate::{
    program::{find, free_port},
    user::User,
};

/// A PostgreSQL server on a free port of loopback, with its data in a folder of its own; `fsync` stays on.
///
/// It ends, and its folder with it, when it is dropped, and when the process ends, however it ends.
///
/// ```no_run
/// use longhaul_testing::Postgres;
///
/// let Some(postgres) = Postgres::shared() else { return };
/// let url = postgres.database();
/// assert!(url.starts_with("postgres://"));
/// ```
#[derive(Debug)]
pub struct Postgres {
    /// The folder in which PostgreSQL's programs lie.
    programs: PathBuf,
    /// Data and nothing else; it goes with the server.
    folder: TempDir,
    // PostgreSQL refuses to run as root.
    user: Option<User>,
    port: u16,
    /// How many databases were made, of which each has a number.
    databases: AtomicU32,
    // `None` while it is stopped.
    supervisor: Option<Child>,
}

/// The superuser of the server; loopback is trusted.
const USER: &str = "longhaul";

/// Somebody else may take a port between its finding and its use.
const TRIES: usize = 5;

/// Runs the server `$@` until a line comes in, or the end of input: that comes also when the test is killed. Then
/// nobody needs the folder `$0` any more.
const SUPERVISOR: &str = r#"
"$@" &
server=$!
exec >&- 2>&-
read -r line && keep=yes
kill -QUIT $server
wait $server
[ "$keep" ] || rm -rf "$0"
"#;

impl Postgres {
    /// Starts one, and waits until it answers; `None`, said aloud, where the machine has no PostgreSQL.
    ///
    /// # Panics
    ///
    /// If it does not start, and under `CI=true` where there is none.
    pub fn start() -> Option<Self> {
        // Its other programs lie beside it, also where this one is a link.
        let initdb = fs::canonicalize(find("initdb")?).expect("it was found");
        let programs = initdb.parent().expect("a program lies in a folder");
        let mut postgres = Self::nowhere(programs.to_owned());
        postgres.run("initdb", |initdb| {
            initdb
                .args([
                    "--auth=trust",
                    "--no-locale",
                    "--encoding=UTF8",
                    "--no-sync",
                ])
                .args(["--username", USER, "--pgdata"])
                .arg(postgres.data())
        });
        postgres.launch(free_port);
        Some(postgres)
    }

    /// Starts another that follows this one, with the same databases, until it is [promoted](Self::promote).
    ///
    /// # Panics
    ///
    /// If it does not start.
    ///
    /// What is committed here arrives there a moment later, so a test waits for it.
    ///
    /// ```no_run
    /// use longhaul_testing::Postgres;
    ///
    /// let Some(mut primary) = Postgres::start() else { return };
    /// let standby = primary.standby();
    /// primary.stop();
    /// standby.promote();
    /// ```
    pub fn standby(&self) -> Self {
        let mut standby = Self::nowhere(self.programs.clone());
        standby.run("pg_basebackup", |copy| {
            copy.args(["-R", "--checkpoint=fast", "--host=127.0.0.1", "--username"])
                .args([USER, "--port", &self.port.to_string(), "--pgdata"])
                .arg(standby.data())
        });
        standby.launch(free_port);
        standby
    }

    /// Makes a standby a server of its own, and waits until it takes writes.
    ///
    /// # Panics
    ///
    /// If it is none.
    pub fn promote(&self) {
        self.run("pg_ctl", |pg_ctl| {
            pg_ctl.args(["promote", "-w", "-D"]).arg(self.data())
        });
    }

    /// One that is not there yet, in an empty folder.
    fn nowhere(programs: PathBuf) -> Self {
        let folder =
            TempDir::with_prefix("longhaul-postgres-").expect("there is room for a folder");
        let user = User::instead_of_root(folder.path());
        if let Some(User { user, group }) = user {
            chown(folder.path(), Some(user), Some(group)).expect("root may do that");
        }
        Self {
            programs,
            folder,
            user,
            port: 0,
            databases: AtomicU32::new(0),
            supervisor: None,
        }
    }

    /// One server for all tests of a program; each takes a [database](Self::database) of its own.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Postgres>> = OnceLock::new();
        SHARED.get_or_init(Self::start).as_ref()
    }

    /// The URL of the database that every server begins with; the same at every call.
    pub fn url(&self) -> String {
        self.url_of("postgres")
    }

    /// Where it listens on loopback.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Makes a new, empty database; its URL.
    ///
    /// # Panics
    ///
    /// If the server does not run.
    ///
    /// Tests that run at once in one program do not see each other's rows in it.
    pub fn database(&self) -> String {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("test{number}");
        self.run("createdb", |createdb| {
            createdb
                .args(["--host=127.0.0.1", "--username", USER, "--port"])
                .args([&self.port.to_string(), &name])
        });
        self.url_of(&name)
    }

    /// `url`, one of its databases, as it is reached by what stands before it at `port`.
    ///
    /// For [`Hanging`](crate::Hanging) or a pooler before it.
    pub fn reached_by(&self, url: &str, port: u16) -> String {
        let [server, before_it] = [self.port, port].map(|port| format!("127.0.0.1:{port}/"));
        url.replace(&server, &before_it)
    }

    /// Stops it at once, as if it crashed: it breaks off what runs, and recovers when it is
    /// [started again](Self::start_again).
    ///
    /// What was committed is there afterwards: `fsync` is on.
    pub fn stop(&mut self) {
        if let Some(mut supervisor) = self.supervisor.take() {
            let mut line = supervisor.stdin.take().expect("it was asked for");
            line.write_all(b"stop\n").expect("it listens");
            supervisor.wait().expect("it is our child");
        }
    }

    /// Starts it on the same port, with the same data, and waits until it answers.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn start_again(&mut self) {
        self.stop();
        let port = self.port;
        self.launch(|| port);
    }

    /// Starts the server with the data in its folder; another port is tried where this one is taken.
    fn launch(&mut self, port: impl Fn() -> u16) {
        let mut log = String::new();
        for _ in 0..TRIES {
            self.port = port();
            let mut command = self.command("sh");
            command
                .args(["-c", SUPERVISOR])
                .arg(self.folder.path())
                .arg(self.programs.join("postgres"))
                .arg("-D")
                .arg(self.data())
                .args(["-p", &self.port.to_string()])
                .args(["-c", "listen_addresses=127.0.0.1"])
                .args(["-c", "unix_socket_directories="])
                .args(["-c", "lc_messages=C"])
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::piped());
            let mut supervisor = command.spawn().expect("every system has a shell");
            let lines = supervisor.stderr.take().expect("it was asked for");
            self.supervisor = Some(supervisor);
            match ready(lines) {
                Ok(()) => return,
                Err(said) => log = said,
            }
            self.stop();
        }
        panic!("PostgreSQL does not start:\n{log}");
    }

    /// Runs one of PostgreSQL's programs to its end.
    fn run(&self, program: &str, arguments: impl FnOnce(&mut Command) -> &mut Command) {
        let mut command = self.command(self.programs.join(program));
        let output = arguments(&mut command).output();
        let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program}: {said}");
    }

    /// A command in the server's folder, by the server's user.
    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.folder.path());
        if let Some(user) = self.user {
            user.runs(&mut command);
        }
        command
    }

    /// Where PostgreSQL has its files.
    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The URL of a database; no password is needed on loopback.
    fn url_of(&self, database: &str) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/{database}", self.port)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Waits until the server says that it answers; if it ends first, what it said.
fn ready(stderr: ChildStderr) -> Result<(), String> {
    let mut lines = BufReader::new(stderr).lines();
    let mut log = String::new();
    while let Some(Ok(line)) = lines.next() {
        if line.contains("database system is ready to accept") {
            // A pipe that nobody reads would stop the server.
            thread::spawn(move || lines.for_each(drop));
            return Ok(());
        }
        log.push_str(&line);
        log.push('\n');
    }
    Err(log)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(postgres: &Postgres) -> bool {
        let mut psql = postgres.command(postgres.programs.join("psql"));
        psql.arg(postgres.url()).args(["-Atc", "SHOW fsync"]);
        psql.output().expect("it is there").stdout == b"on\n"
    }

    #[test]
    fn a_server_that_was_stopped_answers_once_started_again() {
        let Some(mut postgres) = Postgres::start() else {
            return;
        };
        assert!(answers(&postgres));
        let url = postgres.database();
        assert_ne!(url, postgres.database(), "each is a new one");
        postgres.stop();
        assert!(!answers(&postgres));
        postgres.start_again();
        assert!(answers(&postgres));

        let folder = postgres.folder.path().to_owned();
        drop(postgres);
        assert!(!folder.exists(), "nothing is left behind");
    }

    #[test]
    fn a_killed_tests_server_ends_and_leaves_nothing_behind() {
        let Some(mut postgres) = Postgres::start() else {
            return;
        };
        let mut supervisor = postgres.supervisor.take().expect("it runs");
        // What happens to our end of the pipe when we die.
        drop(supervisor.stdin.take());
        supervisor.wait().expect("it is our child");
        let there = std::net::TcpStream::connect(("127.0.0.1", postgres.port));
        assert!(there.is_err(), "the server ended");
        assert!(!postgres.folder.path().exists(), "and left nothing behind");
    }
}
