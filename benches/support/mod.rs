//! The yardstick's workloads as scenarios.

use quotasim::model::Scenario;
use quotasim::spec::{self, NoFiles, catalog::Catalog};
use std::path::Path;

/// Shares of the quota that are asked for: a fifth, almost all, half as much again.
pub(crate) const LOADS: [&str; 3] = ["low", "sat", "over"];
/// Attempts in flight, about.
pub(crate) const SIZES: [u32; 2] = [100, 10_000];
/// How the quota is enforced.
pub(crate) const LIMITERS: [&str; 4] = ["token_bucket", "fixed_window", "sliding_window", "in_flight"];

/// One workload under one limiter with some changes, with a horizon for about this many requests.
pub(crate) fn scenario(load: &str, size: u32, limiter: &str, changes: &[(&str, &str)], requests: f64) -> Scenario {
    let name = format!("benches/scenarios/{load}-{size}.yaml");
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(&name)).expect("the file is shipped");
    // The arrival rate of the yardstick: slots over mean duration, and half as much again when overloaded.
    let rate = f64::from(size) / 7.475_831_048_277_331 * if load == "over" { 1.5 } else { 1.0 };
    let mut overrides = vec![
        ("horizon".to_owned(), format!("{:.0}s", requests / rate)),
        ("pools.p.limiter".to_owned(), limiter.to_owned()),
    ];
    overrides.extend(changes.iter().map(|&(path, value)| (path.to_owned(), value.to_owned())));
    match spec::read(&text, &name, &overrides, &NoFiles, Catalog::embedded()) {
        Ok(loaded) => loaded.scenario,
        Err(problems) => panic!("{problems}"),
    }
}
