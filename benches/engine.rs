//! The whole event loop, in requests per second, for each limiter at 100 and 10,000 attempts in flight, and its parts.
//!
//! `cargo bench --bench engine`. Machines are noisy: compare figures of one run only. `cargo bench --bench ratio` sets
//! the same scenarios beside the yardstick.

mod support;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use quotasim::engine::{Engine, Unwatched};
use quotasim::model::Distribution;
use quotasim::random::{Key, Purpose, Sampler};
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

criterion_group!(benches, whole_loop, variates);
criterion_main!(benches);
