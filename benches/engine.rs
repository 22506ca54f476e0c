//! The whole event loop, in requests per second, for each limiter at 100 and 10,000 attempts in flight, and its parts.
//!
//! `cargo bench --bench engine`. Machines are noisy: compare figures of one run only. `cargo bench --bench ratio` sets
//! the same scenarios beside the yardstick.

mod support;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use quotasim::admission::{Admission, Gate, Settlement};
use quotasim::engine::{Engine, Unwatched};
use quotasim::model::Distribution;
use quotasim::random::{Key, Purpose, Sampler};
use quotasim::tally::Histogram;
use quotasim::units::{SimSpan, SimTime};
use quotasim::wide::spread;
use std::collections::VecDeque;
use std::hint::black_box;
use support::{LIMITERS, LOADS, SIZES};

/// Requests per measured run.
const REQUESTS: f64 = 200_000.0;

fn whole_loop(criterion: &mut Criterion) {
    for load in LOADS {
        let mut group = criterion.benchmark_group(format!("loop/{load}"));
        group.sample_size(10);
        for size in SIZES {
            for limiter in LIMITERS {
                let scenario = support::scenario(load, size, limiter, &[], REQUESTS);
                let engine = Engine::new(&scenario);
                group.throughput(Throughput::Elements(REQUESTS as u64));
                group.bench_function(BenchmarkId::new(limiter, size), |bencher| {
                    bencher.iter(|| black_box(engine.run(1, 0, &mut Unwatched)));
                });
            }
        }
        group.finish();
    }
}

/// Drawing alone: what no engine can be faster than.
fn variates(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("draw");
    let key = Key::new(1, 0, 0, Purpose::Input);
    let mut block = [0.0; 256];
    group.throughput(Throughput::Elements(block.len() as u64));
    for (name, distribution) in [
        ("lognormal", Distribution::LogNormal { mu: 7.3, sigma: 1.0 }),
        ("gamma", Distribution::Gamma { shape: 0.25, scale: 4.0 }),
        ("exponential", Distribution::Exponential { mean: 1.0 }),
        ("constant", Distribution::Constant(1.0)),
    ] {
        let sampler = Sampler::new(&distribution);
        let mut first = 0;
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                sampler.fill(key, first, &mut block);
                first += block.len() as u64;
                black_box(block[0])
            });
        });
    }
    group.finish();
}

/// One attempt at the gate: admitted, and settled a while later.
fn admission(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("admission");
    for limiter in LIMITERS {
        let scenario = support::scenario("low", SIZES[0], limiter, &[], REQUESTS);
        let mut gate = Gate::new(&scenario.pools[0], scenario.start);
        let mut open = VecDeque::new();
        let mut now = SimTime::ZERO;
        group.throughput(Throughput::Elements(1));
        group.bench_function(limiter, |bencher| {
            bencher.iter(|| {
                now += SimSpan(75_000_000);
                match gate.admit(now, 5_600, None) {
                    Admission::Admitted(reservation) => open.push_back(reservation),
                    Admission::Refused(refusal) => drop(black_box(refusal)),
                }
                if open.len() > SIZES[0] as usize {
                    let reservation = open.pop_front().expect("there are more than none");
                    gate.settle(now, reservation, Settlement { charge: 3_000, billed: 2_000 }, None);
                }
            });
        });
    }
    group.finish();
}

/// One latency into a histogram.
fn tally(criterion: &mut Criterion) {
    let sampler = Sampler::new(&Distribution::LogNormal { mu: 22.5, sigma: 0.8 });
    let mut draws = [0.0; 256];
    sampler.fill(Key::new(1, 0, 0, Purpose::Duration), 0, &mut draws);
    let durations = draws.map(|ns| ns as u64);
    let mut histogram = Histogram::default();
    let mut group = criterion.benchmark_group("tally");
    group.throughput(Throughput::Elements(durations.len() as u64));
    group.bench_function("histogram", |bencher| {
        bencher.iter(|| histogram.record_all(black_box(&durations), spread(&durations)));
    });
    group.finish();
}

criterion_group!(benches, whole_loop, variates, admission, tally);
criterion_main!(benches);
