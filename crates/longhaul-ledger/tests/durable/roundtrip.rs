//! Whatever is written is read back the same.

use std::time::{Duration, SystemTime};

use http::{StatusCode, Version};
use longhaul::{
    Class, Currency, End, Exposure, Money, OperationId, Outcome, Phase, Resolution,
    billing::{Closing, Opening, ProviderClock, Slot as _},
    classify::{Evidence, Probability, RequestId},
};
use longhaul_ledger::DurableLedger;
use proptest::{
    collection::vec,
    option::of,
    prelude::*,
    sample::select,
    strategy::ValueTree as _,
    test_runner::{Config, TestRunner},
};

use crate::support::*;

/// What a column holds: no NUL, which PostgreSQL does not store.
const TEXT: &str = "[^\0]{0,40}";

fn time() -> impl Strategy<Value = SystemTime> {
    // From 1900 to 2200; stored in microseconds.
    (-2_208_988_800_000_000i64..7_258_118_400_000_000).prop_map(|micros| {
        let since = Duration::from_micros(micros.unsigned_abs());
        if micros < 0 {
            SystemTime::UNIX_EPOCH - since
        } else {
            SystemTime::UNIX_EPOCH + since
        }
    })
}

fn span() -> impl Strategy<Value = Duration> {
    (0..=i64::MAX as u64).prop_map(Duration::from_micros)
}

fn money() -> impl Strategy<Value = Money> {
    (any::<i64>(), "[A-Z]{3}").prop_map(|(micros, currency)| {
        let currency: Currency = currency.parse().expect("three capitals are a currency");
        Money { micros, currency }
    })
}

prop_compose! {
    fn an_opening()(
        operation in any::<u128>(),
        attempt in any::<u32>(),
        opened_at in time(),
        texts in (of(TEXT), of(TEXT), of(TEXT), of(TEXT), TEXT),
        resolution in select(&Resolution::ALL[..]),
        images in any::<u32>(),
        price in of(money()),
    ) -> Opening {
        let mut opening = Opening::new(OperationId::from_u128(operation), attempt);
        let (idempotency_key, provider, model, host, path) = texts;
        opening.opened_at = opened_at;
        opening.idempotency_key = idempotency_key.map(Into::into);
        opening.provider = provider.map(Into::into);
        opening.model = model.map(Into::into);
        opening.resolution = resolution;
        opening.images = images;
        opening.price = price;
        opening.host = host.map(Into::into);
        opening.path = path.into();
        opening
    }
}

prop_compose! {
    fn an_evidence()(
        ids in vec((select(&["x-request-id", "cf-ray", "body", "message"][..]), "[!-~]{1,128}"), 0..4),
        (images, drafts) in any::<(u32, u32)>(),
        (finish_reason, block_reason) in (of(TEXT), of(TEXT)),
        output_tokens in of(0..=i64::MAX as u64),
        cost_micros in of(any::<i64>()),
        bytes in 0..=i64::MAX as u64,
    ) -> Evidence {
        let mut evidence = Evidence::default();
        let ids = ids.iter().filter_map(|(from, id)| RequestId::found(from, id));
        evidence.request_ids.extend(ids);
        evidence.images = images;
        evidence.drafts = drafts;
        evidence.finish_reason = finish_reason.map(Into::into);
        evidence.block_reason = block_reason.map(Into::into);
        evidence.output_tokens = output_tokens;
        evidence.cost_micros = cost_micros;
        evidence.bytes = bytes;
        evidence
    }
}

prop_compose! {
    /// Its exposure has the opening's price.
    fn a_closing()(
        (end, class, phase) in (select(&End::ALL[..]), select(&Class::ALL[..]), select(&Phase::ALL[..])),
        duration in span(),
        probability in 0u16..=1000,
        closed_at in time(),
        status in of(100u16..1000),
        http_version in of(select(&[Version::HTTP_10, Version::HTTP_11, Version::HTTP_2][..])),
        (flushed, head, provider_clock) in (of(span()), of(span()), of((span(), span()))),
        evidence in an_evidence(),
    ) -> Closing {
        let exposure = Exposure::new(Probability::permille(probability), None);
        let mut closing = Closing::new(Outcome::new(end, class, phase, duration, exposure));
        closing.closed_at = closed_at;
        closing.status = status.map(|status| StatusCode::from_u16(status).expect("it is in range"));
        closing.http_version = http_version;
        closing.flushed = flushed;
        closing.head = head;
        closing.provider_clock = provider_clock.map(|(at_least, at_most)| ProviderClock { at_least, at_most });
        closing.evidence = evidence;
        closing
    }
}

fn an_entry() -> impl Strategy<Value = (Opening, Option<Closing>)> {
    (an_opening(), of(a_closing()), of(any::<i64>())).prop_map(|(opening, closing, drafts)| {
        let drafts = drafts.zip(opening.price);
        let drafts = drafts.map(|(micros, price)| Money { micros, ..price });
        let closing = closing.map(|mut closing| {
            closing.outcome.exposure.price = opening.price;
            closing.outcome.exposure = closing.outcome.exposure.with_drafts(drafts);
            closing
        });
        (opening, closing)
    })
}

/// Writes them, and reads them back, in the same order.
async fn through(
    ledger: &DurableLedger,
    entries: &[(Opening, Option<Closing>)],
) -> Vec<(Opening, Option<Closing>)> {
    let mut open_ones = Vec::new();
    for (opening, closing) in entries {
        let slot = open(ledger, opening.clone()).await;
        match closing {
            Some(closing) => slot.close(closing.clone()),
            None => open_ones.push(slot),
        }
    }
    ledger.flush().await.expect("it is durable");
    let found = records(ledger).await;
    std::mem::forget(open_ones);
    found
        .into_iter()
        .map(|stored| (stored.record.opening, stored.record.closing))
        .collect()
}

on_both! {
    async fn an_entry_is_read_back_as_it_was_written(place: Place) {
        let mut runner = TestRunner::new(Config::default());
        let entries = vec(an_entry(), 256).new_tree(&mut runner).expect("there are entries").current();
        let ledger = place.open().await;
        for (written, read) in entries.iter().zip(through(&ledger, &entries).await) {
            assert_eq!(*written, read);
        }
        assert_eq!(records(&ledger).await.len(), entries.len());
    }

    async fn what_drafts_cost_is_a_line_of_its_own(place: Place) {
        let ledger = place.open().await;
        let (mut opening, mut closing) = (opening(1), closing(Class::UnknownOutcome));
        let price = Some(Money::usd_micros(240_000));
        opening.price = price;
        closing.outcome.exposure.price = price;
        closing.outcome.exposure = closing.outcome.exposure.with_drafts(Some(Money::usd_micros(9_000)));
        let found = through(&ledger, &[(opening.clone(), Some(closing.clone()))]).await;
        let (price, exposure) = (found[0].0.price, found[0].1.as_ref().expect("it was closed").outcome.exposure);
        assert_eq!((price, exposure), (opening.price, closing.outcome.exposure));
        let figures = figures(&ledger).await;
        assert_eq!((figures.certain_micros, figures.possible_micros), (0, 249_000));
        assert_eq!((figures.expected_micros, figures.drafts_micros), (224_100, 8_100));
        let health = ledger.store().check().await.expect("it can be read");
        assert!(health.is_sound() && health.with_checksum == 1, "{health:?}");
    }

    async fn what_an_answer_says_that_it_cost_is_what_counts(place: Place) {
        let ledger = place.open().await;
        let told = Money::usd_micros(134_000);
        let entry = |attempt, table: Option<Money>| {
            let (mut opening, mut closing) = (opening(attempt), closing(Class::Delivered));
            opening.price = table;
            closing.outcome.exposure = Exposure::new(Probability::ONE, Some(told));
            (opening, Some(closing))
        };
        // By a table that says more, and without a row in it.
        let entries = [entry(1, Some(Money::usd_micros(240_000))), entry(2, None)];
        for (opening, closing) in through(&ledger, &entries).await {
            assert_eq!(opening.price, Some(told));
            assert_eq!(closing.expect("it was closed").outcome.exposure.price, Some(told));
        }
        let figures = figures(&ledger).await;
        assert_eq!((figures.certain_micros, figures.possible_micros), (268_000, 268_000));
        let health = ledger.store().check().await.expect("it can be read");
        assert!(health.is_sound() && health.with_checksum == 2, "{health:?}");
    }

    async fn long_paths(place: Place) {
        let ledger = place.open().await;
        let mut opening = opening(1);
        opening.path = "/ü".repeat(20_000).into();
        let found = through(&ledger, &[(opening, Some(closing(Class::Delivered)))]).await;
        let path = &found[0].0.path;
        assert!(path.len() <= 2048 && path.len() > 2040 && path.ends_with('…'), "{} bytes", path.len());
        let health = ledger.store().check().await.expect("it can be read");
        assert!(health.is_sound(), "{health:?}");
    }

    async fn what_no_column_holds_is_cut_or_replaced_and_not_refused(place: Place) {
        let ledger = place.open().await;
        let mut opening = opening(1);
        opening.model = Some("nano\0banana".into());
        let mut closing = closing(Class::Delivered);
        closing.outcome.duration = Duration::MAX;
        closing.evidence.output_tokens = Some(u64::MAX);
        let found = through(&ledger, &[(opening, Some(closing))]).await;
        let (opening, closing) = found.into_iter().next().expect("it was written");
        let closing = closing.expect("it was closed");
        assert_eq!(opening.model.as_deref(), Some("nano\u{fffd}banana"));
        let most = i64::MAX as u64;
        assert_eq!(closing.outcome.duration, Duration::from_micros(most));
        assert_eq!(closing.evidence.output_tokens, Some(most));
    }
}
