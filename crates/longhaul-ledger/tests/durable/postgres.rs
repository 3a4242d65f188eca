//! A database that several write to, and that comes and goes.

use std::time::Duration;

use longhaul::{Class, billing::Slot as _};
use longhaul_ledger::{DurableLedger, LedgerErrorKind, WhenUnreachable, recover};
use longhaul_testing::{Hanging, Postgres};

use crate::support::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_late_closing_takes_the_place_of_a_loss() {
    let Some(postgres) = Postgres::shared() else {
        return;
    };
    let url = postgres.database();
    let place = Place::at(&url);
    let ledger = place.open().await;
    let slot = open(&ledger, opening(1)).await;
    deliver(&ledger).await;
    // As if its lease had run out while it was cut off.
    execute(&url, "DELETE FROM writers").await;
    assert_eq!(
        ends(&recover(place.location()).await.expect("it is there")),
        [LOST]
    );

    slot.close(closing(Class::NoImage));
    ledger.flush().await.expect("it is durable");
    let no_image = Some((longhaul::End::Finished, Class::NoImage));
    assert_eq!(ends(&records(&ledger).await), [no_image, DELIVERED]);
    assert_eq!(recover(place.location()).await.expect("it is there"), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recovery_takes_only_what_the_dead_left_and_each_entry_once() {
    let Some(place) = Place::postgres() else {
        return;
    };
    const LEFT: usize = 300;
    let living = place
        .builder()
        .name("the living")
        .lease(Duration::from_secs(60))
        .open()
        .await;
    let living = living.expect("it can be opened");
    let slot = open(&living, opening(1)).await;
    let lease = Duration::from_secs(1);
    place.die_after(lease, |ledger| async move {
        let opened = (0..LEFT).map(|_| open(&ledger, opening(1)));
        for slot in futures_util::future::join_all(opened).await {
            std::mem::forget(slot);
        }
    });
    tokio::time::sleep(lease * 2).await;

    let recovering = (0..4).map(|_| {
        let place = place.clone();
        tokio::spawn(async move { recover(place.location()).await.expect("it is there") })
    });
    let found = futures_util::future::join_all(recovering).await;
    let mut found: Vec<_> = found
        .into_iter()
        .flat_map(|found| found.expect("none panics"))
        .collect();
    found.sort_by_key(|stored| stored.id);
    let mut distinct = ids(&found);
    distinct.dedup();
    assert_eq!((found.len(), distinct.len()), (LEFT, LEFT));

    slot.close(closing(Class::Delivered));
    living.flush().await.expect("it is durable");
    let all = ends(&records(&living).await);
    assert_eq!(all.iter().filter(|end| **end == LOST).count(), LEFT);
    assert_eq!(all.iter().filter(|end| **end == DELIVERED).count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_that_runs_closes_what_another_leaves_when_it_dies() {
    let Some(place) = Place::postgres() else {
        return;
    };
    let lease = Duration::from_secs(1);
    let ledger = place
        .builder()
        .lease(lease)
        .open()
        .await
        .expect("it can be opened");
    place.die_after(lease, |ledger| async move {
        std::mem::forget(open(&ledger, opening(1)).await);
    });
    while !ledger
        .store()
        .running()
        .await
        .expect("it can be read")
        .is_empty()
    {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(ends(&records(&ledger).await), [LOST]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_it_is_away_nothing_is_spent_and_no_closing_is_lost() {
    let Some(mut postgres) = Postgres::start() else {
        return;
    };
    let place = Place::at(&postgres.url());
    let ledger = place
        .builder()
        .patience(Duration::from_secs(2))
        .open()
        .await;
    let ledger = ledger.expect("it can be opened");
    let before = open(&ledger, opening(1)).await;
    postgres.stop();
    before.close(closing(Class::Delivered));
    let (slot, opened) = ledger.open_entry(opening(1));
    let error = opened.await.expect_err("it is refused");
    assert_eq!(*kind(&*error), LedgerErrorKind::Unreachable);
    slot.close(closing(Class::NeverSent));
    assert_eq!(refused(&ledger).await, LedgerErrorKind::Unreachable);
    assert!(ledger.flush().await.is_err(), "nothing can be written");

    // It waits for a database that comes back in time.
    postgres.start_again();
    deliver_when_it_opens(&ledger).await;
    ledger.flush().await.expect("it is durable");

    assert_two_delivered_and_the_rest_never_sent(&ledger).await;
}

/// Opens one as soon as the database can be reached again, and closes it.
async fn deliver_when_it_opens(ledger: &DurableLedger) {
    let mut slot = None;
    while slot.is_none() {
        let (opening, opened) = ledger.open_entry(opening(1));
        slot = opened.await.is_ok().then_some(opening);
    }
    slot.expect("it was opened")
        .close(closing(Class::Delivered));
}

async fn assert_two_delivered_and_the_rest_never_sent(ledger: &DurableLedger) {
    let all = ends(&records(ledger).await);
    assert_eq!(all.iter().filter(|end| **end == DELIVERED).count(), 2);
    let never_sent = Some((longhaul::End::Finished, Class::NeverSent));
    assert!(
        all.iter()
            .all(|end| *end == DELIVERED || *end == never_sent),
        "{all:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_hangs_is_away_and_all_is_written_later() {
    let Some(postgres) = Postgres::shared() else {
        return;
    };
    const PATIENCE: Duration = Duration::from_secs(2);
    let url = postgres.database();
    let hanging = Hanging::before(postgres.port());
    let place = Place::at(&postgres.reached_by(&url, hanging.port()));
    let ledger = place.builder().patience(PATIENCE).open().await;
    let ledger = ledger.expect("it can be opened");
    let before = open(&ledger, opening(1)).await;

    hanging.hang();
    let (during, opened) = ledger.open_entry(opening(1));
    before.close(closing(Class::Delivered));
    // It is refused, and neither at once nor never.
    let waited = tokio::time::timeout(LONG, async {
        let began = tokio::time::Instant::now();
        let error = opened.await.expect_err("it is refused");
        assert_eq!(*kind(&*error), LedgerErrorKind::Unreachable);
        began.elapsed()
    });
    let waited = waited.await.expect("nobody waits for ever");
    assert!(waited >= PATIENCE, "{waited:?}");
    during.close(closing(Class::NeverSent));
    // Also on a new connection, which is taken and not answered.
    assert_eq!(refused(&ledger).await, LedgerErrorKind::Unreachable);
    assert!(ledger.flush().await.is_err(), "nothing can be written");

    hanging.go_on();
    deliver_when_it_opens(&ledger).await;
    while ledger.flush().await.is_err() {}
    assert_two_delivered_and_the_rest_never_sent(&ledger).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spending_goes_on_where_chosen_up_to_the_stated_bound() {
    let Some(mut postgres) = Postgres::start() else {
        return;
    };
    const HELD: usize = 50;
    let place = Place::at(&postgres.url());
    let ledger = place
        .builder()
        .when_unreachable(WhenUnreachable::SpendAndWriteLater)
        .held(HELD)
        .open()
        .await
        .expect("it can be opened");
    deliver(&ledger).await;
    ledger.flush().await.expect("it is durable");
    postgres.stop();
    let mut slots = Vec::new();
    let refusal = loop {
        let (slot, opened) = ledger.open_entry(opening(1));
        match opened.await {
            Ok(()) => slots.push(slot),
            Err(error) => break error,
        }
    };
    assert_eq!(*kind(&*refusal), LedgerErrorKind::Held { entries: HELD });
    assert_eq!(slots.len(), HELD);
    for slot in slots {
        slot.close(closing(Class::Delivered));
    }
    postgres.start_again();
    ledger.flush().await.expect("it is durable");
    assert_eq!(ends(&records(&ledger).await), vec![DELIVERED; HELD + 1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_may_lose_what_it_confirms_is_refused() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    // What a database or a role says of commits does not count beside what the writer asks for.
    execute(
        &postgres.url(),
        "ALTER ROLE CURRENT_USER SET synchronous_commit = off",
    )
    .await;
    let place = Place::at(&postgres.url());
    deliver(&place.open().await).await;

    execute(&postgres.url(), "ALTER SYSTEM SET fsync = off").await;
    execute(&postgres.url(), "SELECT pg_reload_conf()").await;
    let error = loop {
        // The server takes it up in its own time.
        if let Err(error) = place.builder().open().await {
            break error;
        }
    };
    let LedgerErrorKind::NotDurable { setting, found, .. } = error.kind() else {
        panic!("{error}");
    };
    assert_eq!((*setting, found.as_str()), ("fsync", "off"));
}
