//! PostgreSQL's servers and what they do to each other.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    os::unix::{fs::chown, process::CommandExt as _},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    thread,
    time::Duration,
};

use longhaul::{Class, billing::Slot as _};
use longhaul_ledger::{Access, LedgerErrorKind, Location, Store, recover};
use longhaul_testing::{Postgres, find, free_port};
use sqlx::{Connection as _, PgConnection};
use tempfile::TempDir;
use tokio::time::{Instant, timeout};

use crate::support::*;

/// Leads to one server, and then to another; connections stay where they are.
struct Address {
    port: u16,
    server: Arc<AtomicU16>,
}

impl Address {
    fn of(server: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let server = Arc::new(AtomicU16::new(server));
        let now = server.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let server = TcpStream::connect(("127.0.0.1", now.load(Ordering::SeqCst)));
                let Ok(server) = server else { continue };
                let ways = [(&client, &server), (&server, &client)].map(|(from, to)| {
                    (
                        from.try_clone().expect("it is open"),
                        to.try_clone().expect("it is open"),
                    )
                });
                for (mut from, mut to) in ways {
                    thread::spawn(move || {
                        let mut bytes = [0; 8192];
                        while let Ok(read @ 1..) = from.read(&mut bytes) {
                            if to.write_all(&bytes[..read]).is_err() {
                                break;
                            }
                        }
                        let _ = to.shutdown(Shutdown::Both);
                    });
                }
            }
        });
        Self { port, server }
    }
}

/// A server that follows another, until it is promoted.
struct Standby {
    programs: PathBuf,
    folder: TempDir,
    user: Option<(u32, u32)>,
    port: u16,
    server: Option<Child>,
}

impl Standby {
    fn of(primary: u16) -> Self {
        let initdb = find("initdb").expect("the primary has it");
        let initdb = fs::canonicalize(initdb).expect("it was found");
        let folder = TempDir::with_prefix("longhaul-standby-").expect("there is room");
        let user = instead_of_root();
        if let Some((user, group)) = user {
            chown(folder.path(), Some(user), Some(group)).expect("root may do that");
        }
        let mut standby = Self {
            programs: initdb.parent().expect("it lies in a folder").to_owned(),
            folder,
            user,
            port: free_port(),
            server: None,
        };
        let data = standby.folder.path().join("data");
        standby.run(
            standby
                .command("pg_basebackup")
                .args([
                    "-R",
                    "--checkpoint=fast",
                    "-h",
                    "127.0.0.1",
                    "-U",
                    "longhaul",
                ])
                .args(["-p", &primary.to_string(), "-D"])
                .arg(&data),
        );
        let mut server = standby
            .command("postgres")
            .arg("-D")
            .arg(&data)
            .args([
                "-p",
                &standby.port.to_string(),
                "-c",
                "listen_addresses=127.0.0.1",
            ])
            .args(["-c", "unix_socket_directories=", "-c", "lc_messages=C"])
            .stderr(Stdio::piped())
            .spawn()
            .expect("it was found");
        let mut lines = BufReader::new(server.stderr.take().expect("it was asked for")).lines();
        let ready = lines.any(|line| {
            line.is_ok_and(|line| line.contains("ready to accept read-only connections"))
        });
        assert!(ready, "the standby does not start");
        thread::spawn(move || lines.for_each(drop));
        standby.server = Some(server);
        standby
    }

    fn promote(&self) {
        let data = self.folder.path().join("data");
        self.run(
            self.command("pg_ctl")
                .args(["promote", "-w", "-D"])
                .arg(data),
        );
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.current_dir(self.folder.path());
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        command
    }

    fn run(&self, command: &mut Command) {
        let output = command.output().expect("it lies beside the other programs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
    }
}

impl Drop for Standby {
    fn drop(&mut self) {
        let data = self.folder.path().join("data");
        let _ = self
            .command("pg_ctl")
            .args(["stop", "-m", "immediate", "-D"])
            .arg(data)
            .output();
        if let Some(mut server) = self.server.take() {
            let _ = server.wait();
        }
    }
}

/// PostgreSQL refuses to run as root.
fn instead_of_root() -> Option<(u32, u32)> {
    use std::os::unix::fs::MetadataExt as _;

    let ours = tempfile::tempfile()
        .and_then(|file| file.metadata())
        .expect("there is room");
    if ours.uid() != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").expect("everybody may read it");
    ["postgres", "nobody"].iter().find_map(|wanted| {
        users.lines().find_map(|line| {
            let fields: Vec<_> = line.split(':').collect();
            let [name, _, user, group, ..] = fields[..] else {
                return None;
            };
            (name == *wanted).then_some((user.parse().ok()?, group.parse().ok()?))
        })
    })
}

async fn query<T>(url: &str, statement: &'static str) -> T
where
    T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + Send + Unpin,
{
    let mut connection = PgConnection::connect(url).await.expect("it is there");
    sqlx::query_scalar(statement)
        .fetch_one(&mut connection)
        .await
        .expect("it can be asked")
}

async fn execute(url: &str, statement: &'static str) {
    let mut connection = PgConnection::connect(url).await.expect("it is there");
    sqlx::query(statement)
        .execute(&mut connection)
        .await
        .expect("it can be done");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failover_leaves_the_read_only_server() {
    let Some(primary) = Postgres::start() else {
        return;
    };
    let url = primary.url();
    let address = Address::of(primary.port());
    let through = url.replace(
        &format!(":{}/", primary.port()),
        &format!(":{}/", address.port),
    );
    let place = Place::at(&through);
    let ledger = place
        .builder()
        .patience(Duration::from_secs(20))
        .open()
        .await;
    let ledger = ledger.expect("it can be opened");
    for _ in 0..5 {
        deliver(&ledger).await;
    }
    let before = open(&ledger, opening(1)).await;
    ledger.flush().await.expect("it is durable");

    let standby = Standby::of(primary.port());
    standby.promote();
    // The old one still answers, and takes no writes any more.
    execute(&url, "ALTER SYSTEM SET default_transaction_read_only = on").await;
    execute(&url, "SELECT pg_reload_conf()").await;
    while query::<String>(&url, "SELECT current_setting('transaction_read_only')").await != "on" {}
    address.server.store(standby.port, Ordering::SeqCst);

    before.close(closing(Class::Delivered));
    let moved = async {
        loop {
            let (slot, opened) = ledger.open_entry(opening(1));
            if opened.await.is_ok() {
                return slot;
            }
        }
    };
    let slot = timeout(LONG, moved).await.expect("it moves over");
    slot.close(closing(Class::Delivered));
    ledger.flush().await.expect("it is durable");
    let there = url.replace(
        &format!(":{}/", primary.port()),
        &format!(":{}/", standby.port),
    );
    let found: i64 = query(
        &there,
        "SELECT COUNT(*) FROM attempts WHERE class = 'Delivered'",
    )
    .await;
    assert_eq!(found, 7);
    // Nothing of the reading side holds on to the old one either.
    assert_eq!(recover(place.location()).await.expect("it is there"), []);
    ledger
        .store()
        .mark_exported(&[], std::time::SystemTime::UNIX_EPOCH, false)
        .await
        .expect("it takes writes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_backends_pile_up() {
    let Some(postgres) = Postgres::shared() else {
        return;
    };
    const PATIENCE: Duration = Duration::from_secs(2);
    let url = postgres.database();
    let place = Place::at(&url);
    place
        .open()
        .await
        .close()
        .await
        .expect("the tables are there");
    // A slow machine may need more than one try.
    let ledger = loop {
        let builder = place.builder().patience(PATIENCE);
        if let Ok(ledger) = builder.lease(Duration::from_secs(600)).open().await {
            break ledger;
        }
    };
    while ledger.flush().await.is_err() {}
    deliver(&ledger).await;
    ledger.flush().await.expect("it is durable");

    let mut holder = PgConnection::connect(&url).await.expect("it is there");
    sqlx::raw_sql("BEGIN; LOCK TABLE running IN ACCESS EXCLUSIVE MODE")
        .execute(&mut holder)
        .await
        .expect("nobody has it");
    let mut most = 0;
    for _ in 0..5 {
        refused(&ledger).await;
        let waiting = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() \
             AND application_name = 'longhaul-ledger' AND wait_event_type = 'Lock'";
        most = most.max(query::<i64>(&url, waiting).await);
    }
    assert!(most <= 2, "{most} backends wait for the lock");
    holder.close().await.expect("it is there");
    while ledger.flush().await.is_err() {}
    deliver(&ledger).await;
    ledger.flush().await.expect("it is durable");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn opening_has_an_end() {
    // Takes connections, and says nothing.
    let silent = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
    let port = silent.local_addr().expect("it is bound").port();
    let location: Location = format!("postgres://ledger@127.0.0.1:{port}/spend")
        .parse()
        .expect("it is a URL");
    const PATIENCE: Duration = Duration::from_millis(300);
    let began = Instant::now();
    let opened = longhaul_ledger::DurableLedger::builder(location.clone())
        .patience(PATIENCE)
        .open();
    let error = timeout(LONG, opened)
        .await
        .expect("it has an end")
        .map(drop)
        .expect_err("nobody answers");
    assert_eq!(*error.kind(), LedgerErrorKind::Unreachable);
    assert!(began.elapsed() >= PATIENCE);
    for access in [Access::Read, Access::Write, Access::Create] {
        let opened = Store::open_with(&location, access, PATIENCE);
        let error = timeout(LONG, opened)
            .await
            .expect("it has an end")
            .expect_err("nobody answers");
        assert_eq!(*error.kind(), LedgerErrorKind::Unreachable);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_ends_where_the_server_falls_silent() {
    let Some(postgres) = Postgres::shared() else {
        return;
    };
    let url = postgres.database();
    deliver(&Place::at(&url).open().await).await;
    let hanging = longhaul_testing::Hanging::before(postgres.port());
    let through = url.replace(
        &format!(":{}/", postgres.port()),
        &format!(":{}/", hanging.port()),
    );
    let location = through.parse().expect("it is a URL");
    const PATIENCE: Duration = Duration::from_secs(5);
    let store = Store::open_with(&location, Access::Read, PATIENCE)
        .await
        .expect("it answers");
    let filter = Default::default();
    store.records(&filter).await.expect("it answers");
    hanging.hang();
    let read = timeout(LONG, store.records(&filter));
    let error = read
        .await
        .expect("it has an end")
        .expect_err("nobody answers");
    assert_eq!(*error.kind(), LedgerErrorKind::Unreachable);
    hanging.go_on();
    // A server is not asked in vain for ever.
    while store.records(&filter).await.is_err() {}
}
