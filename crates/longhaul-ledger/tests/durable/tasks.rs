//! A task that was submitted is found again, whatever happens to its process.

use std::time::{Duration, SystemTime};

use longhaul::{
    Attempt, Class, End, Exposure, Money,
    attempt::{self, TaskEnd},
    billing::{Ledger, Slot as _},
};
use longhaul_ledger::{LedgerErrorKind, TaskHandle, TaskState};

use crate::support::*;

on_both! {
    async fn a_task_is_open_until_it_is_said_to_be_not(place: Place) {
        let ledger = place.open().await;
        let slot = open(&ledger, opening(1)).await;
        let mut handle = TaskHandle::new(slot.id(), "ark", "cgt-2026-1");
        handle.poll_url = Some("https://relay.example.com/v1/tasks/cgt-2026-1".into());
        handle.expires_at = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(2_000_000_000));
        ledger.note_task(handle.clone()).await.expect("it is durable");
        let other = TaskHandle::new(slot.id(), "ark", "cgt-2026-2");
        ledger.note_task(other.clone()).await.expect("it is durable");
        let open = ledger.store().open_tasks().await.expect("they can be read");
        assert_eq!(open, [handle.clone(), other.clone()]);

        handle.state = TaskState::Collected;
        ledger.note_task(handle).await.expect("it is durable");
        slot.close(closing(Class::Delivered));
        let open = ledger.store().open_tasks().await.expect("they can be read");
        assert_eq!(open, [other]);
    }

    async fn an_attempt_keeps_the_handle_of_its_task_under_its_entry(place: Place) {
        let ledger = place.open().await;
        let left = attempt::TaskHandle::new("fal", "req-1", "https://queue.fal.run/req-1", None);
        let ended = attempt::TaskHandle::new("fal", "req-2", "https://queue.fal.run/req-2", Some(2_000_000_000));
        for (handle, end) in [(&left, None), (&ended, Some(TaskEnd::Collected))] {
            let (attempt, _) = Attempt::enter(&mut http::Extensions::new());
            let (entry, opened) = Ledger::open(&ledger, &attempt, opening(1));
            opened.await.expect("it is durable");
            attempt.note_task(handle.clone()).await.expect("it is durable");
            let open = ledger.store().open_tasks().await.expect("they can be read");
            assert!(open.iter().any(|task| *task.task == *handle.id), "{open:?}");
            if let Some(end) = end {
                attempt.note_task_end(end);
            }
            entry.close();
        }
        ledger.flush().await.expect("it is written");
        let open = ledger.store().open_tasks().await.expect("they can be read");
        assert_eq!(open.len(), 1, "{open:?}");
        assert_eq!((&*open[0].dialect, &*open[0].task), ("fal", "req-1"));
        assert_eq!(open[0].poll_url.as_deref(), Some("https://queue.fal.run/req-1"));
    }

    async fn a_task_outlives_the_process_that_submitted_it(place: Place) {
        place.die_after(Duration::from_secs(1), |ledger| async move {
            let slot = open(&ledger, opening(1)).await;
            let handle = TaskHandle::new(slot.id(), "fal", "req-1");
            ledger.note_task(handle).await.expect("it is durable");
            std::mem::forget(slot);
        });
        if matches!(place.location(), longhaul_ledger::Location::Postgres(_)) {
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        let ledger = place.open().await;
        let lost = ledger.recovered();
        let open = ledger.store().open_tasks().await.expect("they can be read");
        assert_eq!((lost.len(), open.len()), (1, 1));
        assert_eq!((open[0].entry, &*open[0].task), (lost[0].id, "req-1"));
    }

    async fn what_a_task_tells_later_is_written_once(place: Place) {
        let ledger = place.open().await;
        let slot = open(&ledger, opening(1)).await;
        let mut handle = TaskHandle::new(slot.id(), "ark", "cgt-1");
        ledger.note_task(handle.clone()).await.expect("it is durable");
        slot.close(closing(Class::UnknownOutcome));
        ledger.flush().await.expect("it is written");
        let stored = ledger.store().entry(handle.entry).await.expect("it can be read");
        let opening = stored.expect("it is there").record.opening;

        // Two collect it at once, and learn different things.
        handle.state = TaskState::Collected;
        let mut lost = handle.clone();
        lost.state = TaskState::Expired;
        let both = tokio::join!(
            ledger.close_task(handle.clone(), opening.clone(), closing(Class::Delivered)),
            ledger.close_task(lost, opening, closing(Class::Undelivered)),
        );
        assert!(both.0.is_ok() && both.1.is_ok(), "{both:?}");
        let stored = ledger.store().entry(handle.entry).await.expect("it can be read");
        let known = stored.expect("it is there").record.closing.expect("it has ended");
        assert_eq!(known.outcome.class, Class::Delivered);
        assert!(ledger.store().open_tasks().await.expect("they can be read").is_empty());
        let health = ledger.store().check().await.expect("it can be read");
        assert!(health.is_sound() && health.with_checksum == 1, "{health:?}");

        // What comes late changes nothing.
        ledger.note_task(TaskHandle::new(handle.entry, "ark", "cgt-1")).await.expect("it is durable");
        assert!(ledger.store().open_tasks().await.expect("they can be read").is_empty());
    }

    async fn the_price_that_a_task_tells_later_counts(place: Place) {
        let ledger = place.open().await;
        let mut opening = opening(1);
        opening.price = Some(Money::usd_micros(240_000));
        let slot = open(&ledger, opening.clone()).await;
        let mut handle = TaskHandle::new(slot.id(), "ark", "cgt-1");
        slot.close(closing(Class::UnknownOutcome));
        handle.state = TaskState::Collected;
        let told = Some(Money::usd_micros(134_000));
        let mut known = closing(Class::Delivered);
        known.outcome.exposure = Exposure::new(Class::Delivered.charge_probability(), told);
        ledger.close_task(handle.clone(), opening, known).await.expect("it is durable");
        let stored = ledger.store().entry(handle.entry).await.expect("it can be read");
        assert_eq!(stored.expect("it is there").record.opening.price, told);
        let health = ledger.store().check().await.expect("it can be read");
        assert!(health.is_sound() && health.with_checksum == 1, "{health:?}");
    }

    async fn what_a_later_attempt_collects_closes_the_first_ones_entry(place: Place) {
        let ledger = place.open().await;
        let begin = || Attempt::enter(&mut http::Extensions::new()).0;
        let (first, second) = (begin(), begin());
        let of_first = opening(1);
        let (entry, opened) = Ledger::open(&ledger, &first, of_first.clone());
        opened.await.expect("it is durable");
        let handle = attempt::TaskHandle::new("fal", "req-1", "https://queue.fal.run/req-1", None);
        first.note_task(handle).await.expect("it is durable");
        entry.close();
        let (entry, opened) = Ledger::open(&ledger, &second, opening(1));
        opened.await.expect("it is durable");
        second.resume_task(&first);
        second.classify(Class::Delivered);
        second.note_task_end(TaskEnd::Collected);
        entry.close();
        ledger.flush().await.expect("it is written");

        assert!(ledger.store().open_tasks().await.expect("they can be read").is_empty());
        assert!(ledger.store().running().await.expect("they can be read").is_empty());
        let found = ledger.store().records(&Default::default()).await.expect("they can be read");
        let [stored] = &found[..] else {
            panic!("one generation is one entry: {found:?}");
        };
        assert_eq!(stored.record.opening.operation, of_first.operation);
        let outcome = stored.record.closing.as_ref().expect("it has ended").outcome;
        assert_eq!((outcome.class, outcome.exposure.probability.as_permille()), (Class::Delivered, 1000));
        let figures = figures(&ledger).await;
        assert_eq!((figures.operations, figures.attempts, figures.delivered), (1, 1, 1));
    }

    async fn a_submit_without_an_answer_is_found_with_its_dialect(place: Place) {
        place.die_after(Duration::from_secs(1), |ledger| async move {
            let mut entries = Vec::new();
            for task in [None, Some("req-1")] {
                let (attempt, _) = Attempt::enter(&mut http::Extensions::new());
                let (entry, opened) = Ledger::open(&ledger, &attempt, opening(1));
                opened.await.expect("it is durable");
                attempt.note_submit(Some("fal")).await.expect("it is durable");
                if let Some(id) = task {
                    let handle = attempt::TaskHandle::new("fal", id, "https://queue.fal.run/x", None);
                    attempt.note_task(handle).await.expect("it is durable");
                }
                entries.push(entry);
            }
            // One of which the provider says that it takes no tasks.
            let (attempt, _) = Attempt::enter(&mut http::Extensions::new());
            let (entry, opened) = Ledger::open(&ledger, &attempt, opening(1));
            opened.await.expect("it is durable");
            attempt.note_submit(Some("fal")).await.expect("it is durable");
            attempt.note_submit(None).await.expect("it is durable");
            entries.push(entry);
            std::mem::forget(entries);
        });
        if matches!(place.location(), longhaul_ledger::Location::Postgres(_)) {
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        let ledger = place.open().await;
        assert_eq!(ledger.recovered().len(), 3);
        let lost = ledger.store().lost_submits().await.expect("they can be read");
        assert_eq!(lost.len(), 1, "{lost:?}");
        assert_eq!(&*lost[0].dialect, "fal");
        let stored = ledger.store().entry(lost[0].entry).await.expect("it can be read");
        let record = stored.expect("it is there").record;
        assert!(lost[0].submitted_at >= record.opening.opened_at);
        let ended = record.closing.expect("it is closed").outcome.end;
        assert_eq!(ended, End::Lost);
    }

    async fn a_handle_without_a_place_is_refused_by_its_field(place: Place) {
        let ledger = place.open().await;
        let slot = open(&ledger, opening(1)).await;
        let handle = |dialect: &str, task: &str| TaskHandle::new(slot.id(), dialect, task);
        let mut with_user = handle("ark", "1");
        with_user.poll_url = Some("https://user:password@relay.example.com/1".into());
        for (handle, field) in [
            (handle("", "1"), "dialect"),
            (handle("ark", &"1".repeat(513)), "task"),
            (handle("ark", "1\0"), "task"),
            (with_user, "poll_url"),
        ] {
            let error = ledger.note_task(handle).await.expect_err("it has no place");
            let LedgerErrorKind::Setting { name, .. } = error.kind() else {
                panic!("{error}");
            };
            assert_eq!(name, field);
            assert!(!error.to_string().contains("user:password"), "{error}");
        }
    }
}
