//! A disk without room.

use longhaul::{Class, billing::Slot as _};
use longhaul_ledger::LedgerErrorKind;

use crate::support::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_room_nothing_is_spent_and_no_closing_is_lost() {
    let place = Place::sqlite();
    let ledger = place.open().await;
    let mut slots = Vec::new();
    for _ in 0..200 {
        slots.push(open(&ledger, opening(1)).await);
    }
    // SQLite takes the number of pages that there are, where that is more.
    ledger.limit_pages(1);
    let mut refusals = 0;
    while refusals == 0 {
        let (slot, opened) = ledger.open_entry(opening(1));
        match opened.await {
            Ok(()) => slots.push(slot),
            Err(error) => {
                let error: Box<longhaul_ledger::LedgerError> =
                    error.downcast().expect("it is ours");
                assert_eq!(*error.kind(), LedgerErrorKind::Full, "{error}");
                refusals += 1;
                // As a caller's destructor does: nothing is owed for it.
                slot.close(closing(Class::NeverSent));
            }
        }
    }
    let attempts = slots.len();
    for slot in slots {
        slot.close(closing(Class::Delivered));
    }
    let error = ledger.flush().await.expect_err("there is no room");
    assert_eq!(*error.kind(), LedgerErrorKind::Full);
    assert_eq!(refused(&ledger).await, LedgerErrorKind::Full);

    ledger.limit_pages(1_000_000);
    while ledger.flush().await.is_err() {}
    deliver(&ledger).await;
    ledger.flush().await.expect("there is room");
    assert_eq!(ends(&records(&ledger).await), vec![DELIVERED; attempts + 1]);
}
