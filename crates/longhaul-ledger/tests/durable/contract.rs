//! What a durable ledger promises, wherever it is.

use std::sync::Arc;

use futures_util::future::join_all;
use longhaul::{Class, Phase, billing::Slot as _};
use longhaul_ledger::{LedgerErrorKind, recover};
use tokio::sync::Semaphore;

use crate::support::*;

on_both! {
    async fn an_entry_is_open_until_it_is_closed_and_then_closed_once(place: Place) {
        let ledger = place.open().await;
        let opening = opening(2);
        let slot = open(&ledger, opening.clone()).await;
        let found = records(&ledger).await;
        assert!(found.len() == 1 && found[0].record.is_open());

        let closing = closing(Class::NoImage);
        slot.close(closing.clone());
        ledger.flush().await.expect("it is durable");
        let found = records(&ledger).await;
        assert_eq!(ends(&found), [Some((longhaul::End::Finished, Class::NoImage))]);
        assert_eq!(found[0].record.opening.operation, opening.operation);
        assert_eq!(ledger.store().running().await.expect("it can be read"), []);
        assert_eq!(ledger.recovered(), []);
    }

    async fn a_dead_process_loses_what_it_left_open_and_nothing_it_closed(place: Place) {
        place.die_after(LEASE, |ledger| async move {
            deliver(&ledger).await;
            ledger.flush().await.expect("it is durable");
            // Never closed: the process ends before.
            std::mem::forget(open(&ledger, opening(1)).await);
        });
        wait_for_the_lease(&place).await;

        let ledger = place.open().await;
        let found = ledger.recovered();
        assert_eq!(ends(found), [LOST]);
        let outcome = found[0].record.closing.as_ref().expect("it is closed").outcome;
        assert_eq!((outcome.phase, outcome.exposure.probability), (Phase::Unknown, unknown()));
        assert_eq!(found[0].record.opening.provider.as_deref(), Some("relay"));
        assert_eq!(ends(&records(&ledger).await), [DELIVERED, LOST]);
        ledger.close().await.expect("it is durable");

        // It is reported once.
        assert_eq!(recover(place.location()).await.expect("nobody writes"), []);
        assert_eq!(place.open().await.recovered(), []);
    }

    async fn a_ledger_is_recovered_without_writing_into_it(place: Place) {
        place.die_after(LEASE, |ledger| async move {
            std::mem::forget(open(&ledger, opening(1)).await);
        });
        wait_for_the_lease(&place).await;
        let found = recover(place.location()).await.expect("nobody writes");
        assert_eq!(ends(&found), [LOST]);
        assert_eq!(place.open().await.recovered(), []);
    }

    async fn many_at_once_are_written_once_each_and_share_their_commits(place: Place) {
        const ATTEMPTS: usize = 500;
        let commits = Arc::new(Semaphore::new(0));
        let ledger = place.builder().hold_commits(commits.clone()).open().await.expect("it can be opened");
        let attempts: Vec<_> = (0..ATTEMPTS)
            .map(|_| {
                let ledger = ledger.clone();
                tokio::spawn(async move { deliver(&ledger).await })
            })
            .collect();
        const ENOUGH: usize = 100_000;
        commits.add_permits(ENOUGH);
        for done in join_all(attempts).await {
            done.expect("none panics");
        }
        ledger.flush().await.expect("it is durable");

        let found = records(&ledger).await;
        assert_eq!(ends(&found), vec![DELIVERED; ATTEMPTS]);
        let mut distinct = ids(&found);
        distinct.dedup();
        assert_eq!(distinct.len(), ATTEMPTS);
        let used = ENOUGH - commits.available_permits();
        assert!(used < ATTEMPTS, "{used} commits for {ATTEMPTS} attempts");
    }

    async fn an_attempt_left_before_its_opening_is_durable_has_one_entry(place: Place) {
        let commits = Arc::new(Semaphore::new(0));
        let ledger = place.builder().hold_commits(commits.clone()).open().await.expect("it can be opened");
        // One that is being written, one that waits behind it.
        for _ in 0..2 {
            let (slot, opened) = ledger.open_entry(opening(1));
            tokio::task::yield_now().await;
            drop(opened);
            slot.close(closing(Class::NeverSent));
        }
        commits.add_permits(100);
        ledger.flush().await.expect("it is durable");
        let never_sent = Some((longhaul::End::Finished, Class::NeverSent));
        assert_eq!(ends(&records(&ledger).await), [never_sent; 2]);
    }

    async fn a_closed_ledger_refuses_to_spend_and_its_slots_do_no_harm(place: Place) {
        let ledger = place.open().await;
        let slot = open(&ledger, opening(1)).await;
        let other = open(&ledger, opening(1)).await;
        other.close(closing(Class::Delivered));
        ledger.close().await.expect("it is durable");

        slot.close(closing(Class::Delivered));
        assert_eq!(refused(&ledger).await, LedgerErrorKind::Closed);
        let again = ledger.close().await.expect_err("it is closed");
        assert_eq!(*again.kind(), LedgerErrorKind::Closed);

        // What was open when it was closed is lost, and said to be.
        let next = place.open().await;
        assert_eq!(ends(next.recovered()), [LOST]);
        assert_eq!(ends(&records(&next).await), [LOST, DELIVERED]);
    }

    async fn an_entry_can_be_closed_where_there_is_no_runtime(place: Place) {
        let ledger = place.open().await;
        let slot = open(&ledger, opening(1)).await;
        let elsewhere = std::thread::spawn(move || slot.close(closing(Class::Delivered)));
        elsewhere.join().expect("it does not panic");
        ledger.flush().await.expect("it is durable");
        assert_eq!(ends(&records(&ledger).await), [DELIVERED]);
    }

    async fn what_was_handed_over_is_written_when_the_ledger_is_dropped(place: Place) {
        let ledger = place.open().await;
        let store = ledger.store().clone();
        let slot = open(&ledger, opening(1)).await;
        drop(ledger);
        slot.close(closing(Class::Delivered));
        for _ in 0..600 {
            if store.running().await.expect("it can be read").is_empty() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        let found = store.records(&Default::default()).await.expect("it can be read");
        assert_eq!(ends(&found), [DELIVERED]);
    }
}

/// The clock stands still but for waiting: nobody looks at how long the machine takes.
async fn closing_writes_what_waited_behind_a_hung_commit(place: Place) {
    // More than one commit takes, so that some wait behind the one that hangs.
    const ATTEMPTS: usize = 1500;
    const ENOUGH: usize = 100_000;
    let commits = Arc::new(Semaphore::new(ENOUGH));
    // Nothing else is done meanwhile.
    let builder = place.builder().lease(LONG * 100);
    let ledger = builder.hold_commits(commits.clone()).open().await;
    let ledger = ledger.expect("it can be opened");
    let slots = join_all((0..ATTEMPTS).map(|_| open(&ledger, opening(1)))).await;
    commits.forget_permits(ENOUGH);
    for slot in slots {
        slot.close(closing(Class::Delivered));
    }
    tokio::time::pause();
    let goes_on = async {
        // For so long that the writer has been asked to stop.
        tokio::time::sleep(LONG * 4).await;
        tokio::time::resume();
        commits.add_permits(ENOUGH);
    };
    let (closed, ()) = tokio::join!(ledger.close(), goes_on);
    let store = longhaul_ledger::Store::open(place.location()).await;
    let found = store
        .expect("it is there")
        .records(&Default::default())
        .await;
    assert_eq!(
        ends(&found.expect("it can be read")),
        vec![DELIVERED; ATTEMPTS]
    );
    closed.expect("all of it is durable");
}

#[tokio::test]
async fn closing_writes_what_waited_behind_a_hung_commit_in_sqlite() {
    closing_writes_what_waited_behind_a_hung_commit(Place::sqlite()).await;
}

#[tokio::test]
async fn closing_writes_what_waited_behind_a_hung_commit_in_postgres() {
    if let Some(place) = Place::postgres() {
        closing_writes_what_waited_behind_a_hung_commit(place).await;
    }
}

const LEASE: std::time::Duration = std::time::Duration::from_secs(1);

/// The lock of a file ends with its process; a lease runs on for as long as it was taken.
async fn wait_for_the_lease(place: &Place) {
    if matches!(place.location(), longhaul_ledger::Location::Postgres(_)) {
        tokio::time::sleep(LEASE * 2).await;
    }
}
