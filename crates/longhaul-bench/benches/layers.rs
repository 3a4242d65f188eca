//! The same services and operations as `longhaul-bench cost`, under criterion and without a counting allocator.

#![allow(
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "the program's modules, of which this uses a part"
)]

#[path = "../src/contenders/mod.rs"]
mod contenders;

use std::time::Duration;

use contenders::Answering;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tokio::time::Instant;

/// Operations per batch: making their requests is not measured.
const BATCH: usize = 100;

fn layers(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime of timers alone needs nothing from the system");
    let _timers = runtime.enter();
    let body = contenders::body(1 << 10);
    let operations = [
        ("answered at once", Answering::AtOnce),
        ("timers armed", Answering::AfterOnePoll),
    ];
    for (title, answering) in operations {
        let mut group = criterion.benchmark_group(format!("{BATCH} operations, {title}"));
        group.throughput(Throughput::Elements(BATCH as u64));
        for mut contender in contenders::all(&answering) {
            group.bench_function(contender.name, |bencher| {
                bencher.iter_custom(|batches| {
                    let mut taken = Duration::ZERO;
                    for _ in 0..batches {
                        let calls = contenders::calls(&body, BATCH);
                        let start = Instant::now();
                        contender.pass(calls);
                        taken += start.elapsed();
                        contender.forget();
                    }
                    taken
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, layers);
criterion_main!(benches);
