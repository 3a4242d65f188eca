//! The same bodies and readers as `longhaul-bench workload`, under criterion.

#![allow(
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "the program's modules, of which this uses a part"
)]

#[path = "../src/workload/bodies.rs"]
mod bodies;
#[path = "../src/workload/readers.rs"]
mod readers;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn workload(criterion: &mut Criterion) {
    for body in bodies::all() {
        let mut group = criterion.benchmark_group(body.title());
        group.throughput(Throughput::Bytes(body.json.len() as u64));
        for reader in &readers::READERS {
            group.bench_function(reader.title, |bencher| {
                bencher.iter(|| (reader.read)(black_box(&body.head), black_box(&body.json)));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, workload);
criterion_main!(benches);
