//! How long the whole answer of `quotasim size` takes: `cargo bench --bench size`.
//!
//! One workload of 40 requests/s over 30 minutes, 10 replications: the need, what it is under every assumption, how far
//! it moves, what would do instead, a growth of two steps and an inverse question.

#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]

use quotasim::model::Scenario;
use quotasim::planner::size::{Ask, GrowthPoint, size};
use quotasim::planner::solve::{Solve, solve};
use quotasim::planner::{self, Silent};
use quotasim::spec::{self, NoFiles, catalog::Catalog};
use rustix::time::{ClockId, clock_gettime};

fn main() {
    // `cargo test --benches` runs benchmarks with this flag to see that they start.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let scenario = scenario();
    let catalog = Catalog::embedded();
    let identities = scenario.pools.iter().map(|pool| catalog.identity(&pool.model, pool.quotas.endpoint())).collect();
    let ask = Ask {
        confidence: 0.95,
        margin: 0.3,
        growth: Vec::new(),
        identities,
        account_code: None,
        applied: None,
        region: None,
        use_case: None,
        brief: false,
    };
    let growth = [1.5, 2.0].map(|factor| GrowthPoint { month: None, factor }).to_vec();
    println!("{:<44}{:>10}{:>10}", "question", "wall [s]", "CPU [s]");
    row("one run, for comparison", || drop(planner::replicate(&scenario, &Silent)));
    row("size", || drop(size(&scenario, &ask, &Silent)));
    row("size --brief", || drop(size(&scenario, &Ask { brief: true, ..ask.clone() }, &Silent)));
    row("size --growth 1.5x,2x", || drop(size(&scenario, &Ask { growth: growth.clone(), ..ask.clone() }, &Silent)));
    row("size --solve load", || drop(solve(&scenario, Solve::Load, 0.95, &Silent)));
    row("size --solve max_tokens", || drop(solve(&scenario, Solve::MaxTokens(0), 0.95, &Silent)));
}

fn row(name: &str, work: impl FnOnce()) {
    let before = [ClockId::Monotonic, ClockId::ProcessCPUTime].map(seconds);
    work();
    let after = [ClockId::Monotonic, ClockId::ProcessCPUTime].map(seconds);
    println!("{name:<44}{:>10.2}{:>10.2}", after[0] - before[0], after[1] - before[1]);
}

fn seconds(clock: ClockId) -> f64 {
    let now = clock_gettime(clock);
    now.tv_sec as f64 + now.tv_nsec as f64 * 1e-9
}

fn scenario() -> Scenario {
    let text = include_str!("scenarios/chat-40.yaml");
    match spec::read(text, "chat-40.yaml", &[], &NoFiles, Catalog::embedded()) {
        Ok(loaded) => loaded.scenario,
        Err(problems) => panic!("{problems}"),
    }
}
