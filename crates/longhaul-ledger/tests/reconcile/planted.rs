//! Whole stacks against the simulated provider, whose log is then tampered with: every planted discrepancy is found,
//! none is invented.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    future::Ready,
    time::{Duration, SystemTime},
};

use http_body_util::{BodyExt as _, Full};
use longhaul::{
    Attempt, BoxError, OperationId, Resolution, Stack,
    billing::{
        Entry, Ledger, MemoryLedger, MemorySlot, Opening, PriceRow, Provider as Named, Record,
    },
    policy::Policy,
};
use longhaul_ledger::reconcile::{FindingKind as Kind, Reconciliation};
use longhaul_sim::{
    Provider, Script, Weight,
    log::{CONSUMED, Log, REFUNDED, Row},
};
use tokio::time::Instant;
use tower::{Layer as _, ServiceExt as _};

use crate::{
    books::{Book, EPOCH, PROVIDER, at},
    logs::{charge, file, options},
};

/// A ledger whose time of day is tokio's clock, which stands still but for waiting.
#[derive(Clone)]
struct Clocked {
    ledger: MemoryLedger,
    origin: Instant,
}

impl Ledger for Clocked {
    type Slot = MemorySlot;
    type Opened = Ready<Result<(), BoxError>>;

    fn open(&self, attempt: &Attempt, mut opening: Opening) -> (Entry<MemorySlot>, Self::Opened) {
        opening.opened_at = at(self.origin.elapsed().as_secs_f64());
        self.ledger.open(attempt, opening)
    }
}

const FAULTS: [&str; 19] = [
    "none",
    "none",
    "none",
    "none+takes@185",
    "none+takes@240",
    "overloaded",
    "rate-limited@30",
    "server-error",
    "gateway-timeout@60",
    "cloudflare-524@100",
    "refused",
    "reset-reading@1",
    "reset@30",
    "cut@60",
    "truncated",
    "stalled",
    "no-image",
    "silence",
    "goaway@30",
];

/// What the ledger has, and what the provider knows.
struct Scene {
    records: Vec<Record>,
    oracle: Vec<longhaul_sim::Entry>,
}

/// Some twenty operations in the course of an hour, many of them beside each other; some callers go away.
async fn scene(rng: &mut fastrand::Rng) -> Scene {
    let faults: Vec<_> = (0..80)
        .map(|_| *rng.choice(FAULTS.iter()).unwrap())
        .collect();
    let script: Script = faults.join(",").parse().unwrap();
    let provider = Provider::builder()
        .image_weight(Weight::Tiny)
        .seed(rng.u64(..))
        .script(script)
        .build()
        .unwrap();
    let ledger = Clocked {
        ledger: MemoryLedger::new(),
        origin: Instant::now(),
    };
    let stack = Stack::new(policy()).unwrap().with_ledger(ledger.clone());
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let client = stack.layer(provider.clone());
        let start = Duration::from_millis(rng.u64(..3_600_000));
        let patience = match rng.u8(..4) {
            0 => Duration::from_millis(rng.u64(1000..400_000)),
            _ => Duration::from_secs(86_400),
        };
        let (path, body) = if rng.bool() {
            let body = r#"{"model":"nano-banana-pro","prompt":"a hat","size":"4096x4096"}"#;
            ("v1/images/generations", body)
        } else {
            let body = r#"{"contents":[{"parts":[{"text":"a hat"}]}],"generationConfig":{"imageConfig":{"imageSize":"2K"}}}"#;
            ("v1beta/models/gemini-3-pro-image:generateContent", body)
        };
        let mut request = http::Request::post(format!("https://{PROVIDER}/{path}"))
            .header("content-type", "application/json")
            .body(Full::<bytes::Bytes>::from(body))
            .unwrap();
        request.extensions_mut().insert(Named::new(PROVIDER));
        calls.spawn(async move {
            tokio::time::sleep(start).await;
            // How it ends is in the ledger.
            let _ = tokio::time::timeout(patience, async {
                let answer = client.oneshot(request).await.ok()?;
                answer.into_body().collect().await.ok()
            })
            .await;
        });
    }
    calls.join_all().await;
    provider.oracle().settled().await;
    Scene {
        records: ledger.ledger.records(),
        oracle: provider.oracle().entries(),
    }
}

fn policy() -> Policy {
    let mut policy = Policy::nano_banana_pro();
    policy.retry.schedule.jitter = 0.0;
    policy.retry.attempt_header = Some(http::HeaderName::from_static("x-longhaul-attempt"));
    policy.billing.prices = [
        (Resolution::K2, longhaul_sim::Resolution::K2),
        (Resolution::K4, longhaul_sim::Resolution::K4),
    ]
    .map(|(resolution, theirs)| {
        let micros = i64::try_from(theirs.list_price_micros()).unwrap();
        PriceRow::new("*", "*", longhaul::Money::usd_micros(micros)).for_resolution(resolution)
    })
    .to_vec();
    policy
}

/// What a finding is about: an attempt, or a row that belongs to none.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum About {
    Attempt(OperationId, u32),
    Row(String),
}

type Findings = BTreeSet<(Kind, About)>;

/// The request that reached the provider for this attempt.
fn request_of<'a>(
    record: &Record,
    oracle: &'a [longhaul_sim::Entry],
) -> Option<&'a longhaul_sim::Entry> {
    let key = record.opening.idempotency_key.as_deref();
    oracle
        .iter()
        .find(|entry| entry.key.as_deref() == key && entry.attempt == Some(record.opening.attempt))
}

/// Changes the log at random; where no id joins the two sides, only in ways that can be seen without.
fn tamper(log: &mut Log, scene: &Scene, with_ids: bool, rng: &mut fastrand::Rng) {
    // Rows that were never written.
    log.rows
        .retain(|row| row.kind != CONSUMED || rng.u8(..100) >= 12);
    let mut more = Vec::new();
    for row in &mut log.rows {
        match (row.kind, rng.u8(..100)) {
            (CONSUMED, 0..6) => row.quota += 5000,
            // One call, charged again.
            (CONSUMED, 6..10) if with_ids => more.push(Row {
                created_at: row.created_at + 1,
                ..row.clone()
            }),
            (CONSUMED, 10..20) if with_ids => more.push(Row {
                kind: REFUNDED,
                created_at: row.created_at + 3600,
                quota: if rng.bool() { row.quota } else { row.quota / 2 },
                use_time: 0,
                ..row.clone()
            }),
            // A refusal, charged all the same.
            (kind, 0..30) if kind != CONSUMED => more.push(Row {
                kind: CONSUMED,
                quota: 60_000,
                ..row.clone()
            }),
            _ => {}
        }
    }
    // Somebody else's calls, far enough from ours to be told apart.
    for number in 0..rng.i64(..4) {
        let start = loop {
            let start = rng.i64(..4000);
            let far = scene.records.iter().all(|record| {
                let theirs = at(start as f64);
                let [a, b] = [
                    theirs.min(record.opening.opened_at),
                    theirs.max(record.opening.opened_at),
                ];
                b.duration_since(a).unwrap() > Duration::from_secs(12)
            });
            if far {
                break start;
            }
        };
        more.push(charge(start, 77, &format!("foreign {number}")));
    }
    log.rows.append(&mut more);
    log.rows
        .sort_by_key(|row| std::cmp::Reverse(row.created_at));
}

/// What there is to find, by what the provider really did and what the log says of it.
fn expected(scene: &Scene, log: &Log) -> Findings {
    let mut rows: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in log
        .rows
        .iter()
        .filter(|row| [CONSUMED, REFUNDED].contains(&row.kind))
    {
        rows.entry(&row.request_id).or_default().push(row);
    }
    let mut expected = Findings::new();
    for record in &scene.records {
        let about = About::Attempt(record.opening.operation, record.opening.attempt);
        let mut find = |kind| expected.insert((kind, about.clone()));
        let permille = record
            .closing
            .as_ref()
            .unwrap()
            .outcome
            .exposure
            .probability
            .as_permille();
        let request = request_of(record, &scene.oracle);
        let Some(rows) = request.and_then(|request| rows.remove(&*request.request_id)) else {
            match permille {
                0 => {}
                1000 => {
                    find(Kind::NotCharged);
                }
                _ => {
                    find(Kind::WithoutRow);
                }
            }
            continue;
        };
        let quota = |kind| {
            rows.iter()
                .filter(|row| row.kind == kind)
                .map(|row| row.quota)
                .sum::<i64>()
        };
        let charges: Vec<_> = rows.iter().filter(|row| row.kind == CONSUMED).collect();
        if quota(CONSUMED) <= quota(REFUNDED) {
            continue;
        }
        if permille == 0 {
            find(Kind::ChargedThoughFree);
        }
        if charges.len() > 1 {
            find(Kind::ChargedTwice);
        } else if record
            .opening
            .price
            .is_some_and(|price| price.micros != 2 * quota(CONSUMED))
        {
            find(Kind::AmountDiffers);
        }
        if charges.iter().any(|row| row.use_time > 180) {
            find(Kind::TookTooLong);
        }
    }
    let rest = rows.into_values().flatten();
    expected.extend(rest.map(|row| {
        let kind = if row.kind == REFUNDED {
            Kind::CreditWithoutAttempt
        } else {
            Kind::WithoutAttempt
        };
        (kind, About::Row(row.request_id.clone()))
    }));
    expected
}

fn found(reconciliation: &Reconciliation) -> Findings {
    let plain = reconciliation
        .findings
        .iter()
        .filter(|finding| finding.kind != Kind::Ambiguous);
    plain
        .map(|finding| {
            let about = match &finding.attempts[..] {
                [attempt] => About::Attempt(attempt.operation, attempt.attempt),
                _ => About::Row(
                    finding.rows[0]
                        .name
                        .as_deref()
                        .unwrap_or_default()
                        .to_owned(),
                ),
            };
            (finding.kind, about)
        })
        .collect()
}

/// What is ambiguous: attempts, and the attempts that the rows really belong to.
fn ambiguous(reconciliation: &Reconciliation, scene: &Scene) -> BTreeSet<About> {
    let mut ambiguous = BTreeSet::new();
    let by_request: HashMap<_, _> = scene
        .records
        .iter()
        .filter_map(|record| {
            let about = About::Attempt(record.opening.operation, record.opening.attempt);
            Some((request_of(record, &scene.oracle)?.request_id.clone(), about))
        })
        .collect();
    for finding in reconciliation
        .findings
        .iter()
        .filter(|finding| finding.kind == Kind::Ambiguous)
    {
        assert!(
            finding.attempts.len() > 1 || finding.rows.len() > 1,
            "{finding:#?}"
        );
        // Only what began together can be taken for each other.
        let starts = || finding.attempts.iter().map(|attempt| attempt.opened_at);
        let mut starts: Vec<SystemTime> = starts().collect();
        starts.sort();
        for pair in starts.windows(2) {
            assert!(
                pair[1].duration_since(pair[0]).unwrap() < Duration::from_secs(11),
                "{finding:#?}"
            );
        }
        ambiguous.extend(
            finding
                .attempts
                .iter()
                .map(|attempt| About::Attempt(attempt.operation, attempt.attempt)),
        );
        let names = finding.rows.iter().filter_map(|row| row.name.as_deref());
        ambiguous.extend(names.filter_map(|name| by_request.get(name).cloned()));
    }
    ambiguous
}

/// One seed: with the ids that answers carried, or without any in the ledger. How many discrepancies there were, and how
/// many attempts could not be told apart.
async fn planted(seed: u64, with_ids: bool) -> (usize, usize) {
    let mut rng = fastrand::Rng::with_seed(seed);
    tokio::time::pause();
    let mut scene = scene(&mut rng).await;
    // A database does not wait for a clock that leaps.
    tokio::time::resume();
    if !with_ids {
        for record in &mut scene.records {
            record.closing.as_mut().unwrap().evidence.request_ids = Default::default();
        }
    }
    let mut log = Log::of(&scene.oracle, EPOCH);
    tamper(&mut log, &scene, with_ids, &mut rng);
    let skew = rng.i64(-240..240);
    log.skew(skew);
    let pages = log.pages(rng.usize(5..120));
    let mut answers = pages.clone();
    let mut duplicates = 0;
    for _ in 0..rng.u8(..3) {
        let again = rng.choice(&pages).unwrap();
        duplicates += again.data.items.len();
        answers.insert(rng.usize(..=answers.len()), again.clone());
    }
    let mut options = options();
    // Whatever the skew.
    options.covers = Some(at(-600.0)..at(30.0 * 86_400.0));
    if !with_ids {
        options.skew_us = Some(skew * 1_000_000);
    }

    let book = Book::sqlite(&scene.records).await;
    let result =
        longhaul_ledger::reconcile::reconcile(&book.store, file(&answers), &options, |_| {})
            .await
            .unwrap();
    assert_eq!(result.duplicates.len(), duplicates, "seed {seed}");
    assert!(result.whole, "seed {seed}");
    assert!(
        (result.skew_us - skew * 1_000_000).abs() < 2_000_000,
        "seed {seed}: {} µs instead of {skew} s",
        result.skew_us
    );

    let unclear = ambiguous(&result, &scene);
    let clear = |findings: Findings| -> Findings {
        findings
            .into_iter()
            .filter(|(_, about)| !unclear.contains(about))
            .collect()
    };
    let (expected, found) = (clear(expected(&scene, &log)), clear(found(&result)));
    let missed: Vec<_> = expected.difference(&found).collect();
    let invented: Vec<_> = found.difference(&expected).collect();
    assert!(
        missed.is_empty() && invented.is_empty(),
        "seed {seed}: missed {missed:#?}, invented {invented:#?}"
    );

    // All the log's money is somewhere.
    let sums = result.amounts["USD"];
    let unclear_micros: i64 = result
        .findings
        .iter()
        .filter(|finding| finding.kind == Kind::Ambiguous)
        .map(|finding| finding.amount.unwrap().micros)
        .sum();
    assert_eq!(
        sums.charged,
        sums.found + sums.without_attempt + unclear_micros,
        "seed {seed}"
    );
    (expected.len(), unclear.len())
}

async fn seeds(seeds: std::ops::Range<u64>, with_ids: bool) {
    let (mut findings, mut unclear) = (0, 0);
    for seed in seeds.clone() {
        let (found, ambiguous) = planted(seed, with_ids).await;
        findings += found;
        unclear += ambiguous;
    }
    let number = usize::try_from(seeds.end - seeds.start).unwrap();
    println!(
        "{findings} discrepancies in {number} logs, {unclear} attempts could not be told apart"
    );
    // The test would pass for nothing found in nothing planted.
    assert!(findings > 5 * number, "{findings}");
    assert!(unclear < findings / 5, "{unclear}");
}

#[tokio::test]
async fn every_planted_discrepancy_is_found_and_none_is_invented() {
    seeds(0..40, true).await;
}

#[tokio::test]
async fn every_planted_discrepancy_is_found_by_time_and_model_alone() {
    seeds(100..130, false).await;
}
