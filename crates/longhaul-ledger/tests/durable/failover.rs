//! PostgreSQL's servers and what they do to each other.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    thread,
    time::Duration,
};

use longhaul::{Class, billing::Slot as _};
use longhaul_ledger::{Access, LedgerErrorKind, Location, Store, recover};
use longhaul_testing::{Hanging, Postgres};
use sqlx::{Connection as _, PgConnection};
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failover_leaves_the_read_only_server() {
    let Some(primary) = Postgres::start() else {
        return;
    };
    let url = primary.url();
    let address = Address::of(primary.port());
    let place = Place::at(&primary.reached_by(&url, address.port));
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

    let standby = primary.standby();
    standby.promote();
    // The old one still answers, and takes no writes any more.
    execute(&url, "ALTER SYSTEM SET default_transaction_read_only = on").await;
    execute(&url, "SELECT pg_reload_conf()").await;
    while query::<String>(&url, "SELECT current_setting('transaction_read_only')").await != "on" {}
    address.server.store(standby.port(), Ordering::SeqCst);

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
    let found: i64 = query(
        &standby.url(),
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
    let hanging = Hanging::before(postgres.port());
    let through = postgres.reached_by(&url, hanging.port());
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
