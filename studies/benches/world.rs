//! How fast the virtual world is, on one core: a steady load with all its measures, short runs, and a bare event loop.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use indoubt_scenario::protocol::Protocol;
use indoubt_studies::{bench_workloads, trial::trial};
use std::{hint::black_box, time::Duration};

fn steady(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("steady load with measures");
    for protocol in [Protocol::TwoPhase, Protocol::Saga] {
        let scenario = bench_workloads::steady(protocol, 2_000);
        let measures = trial(&scenario, protocol, 1);
        let per_txn = measures.measures.messages_per_txn + measures.measures.work_messages_per_txn;
        // One element is one message between nodes that are no clients.
        group.throughput(Throughput::Elements((per_txn * measures.transactions.submitted as f64) as u64));
        group.bench_function(protocol.name(), |bench| bench.iter(|| trial(black_box(&scenario), protocol, 1)));
    }
    group.finish();
}

fn short(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("short run");
    group.throughput(Throughput::Elements(1));
    for protocol in [Protocol::TwoPhase, Protocol::Saga] {
        let scenario = bench_workloads::short(protocol);
        let mut seed = 0;
        group.bench_function(protocol.name(), |bench| {
            bench.iter(|| {
                seed += 1;
                trial(black_box(&scenario), protocol, seed)
            });
        });
    }
    group.finish();
}

fn bare(criterion: &mut Criterion) {
    const EVENTS: u64 = 100_000;
    let mut group = criterion.benchmark_group("bare event loop");
    group.throughput(Throughput::Elements(EVENTS));
    group.bench_function("64 pending", |bench| bench.iter(|| bench_workloads::bare_loop(black_box(EVENTS))));
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = steady, short, bare
}
criterion_main!(benches);
