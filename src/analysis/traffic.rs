//! What requests and answers of a pool are like on average: what a case for a quota increase says of them.

use crate::analysis::Replications;
use crate::model::Scenario;
use crate::tally::FlowTally;

/// Averages over the answered requests of a pool.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Traffic {
    /// Input tokens of an average answered request, cached or not.
    pub input: Option<f64>,
    /// Of these, read from the prompt cache.
    pub cache_read: Option<f64>,
    /// Output tokens of an average answer.
    pub output: Option<f64>,
}

/// The averages of a pool.
pub fn of_pool(replications: &Replications, pool: usize) -> Traffic {
    let (mut input, mut cache_read, mut output, mut answers) = (0, 0, 0, 0);
    for flow in flows(replications).filter(|flow| flow.pool == pool) {
        input += flow.billed.input + flow.billed.cache_read + flow.billed.cache_write;
        cache_read += flow.billed.cache_read;
        output += flow.billed.output;
        answers += flow.succeeded;
    }
    let average = |sum: u64| (answers > 0).then(|| sum as f64 / answers as f64);
    Traffic { input: average(input), cache_read: average(cache_read), output: average(output) }
}

/// Tokens billed per minute of measured time by all pools of an account.
pub fn billed_per_minute(replications: &Replications, scenario: &Scenario, account: usize) -> f64 {
    let of_account = |flow: &&FlowTally| scenario.pools[flow.pool].account == Some(account);
    let billed =
        |flow: &FlowTally| flow.billed.input + flow.billed.cache_read + flow.billed.cache_write + flow.billed.output;
    let sum: u64 = flows(replications).filter(of_account).map(billed).sum();
    sum as f64 / (scenario.measured().as_minutes_f64() * replications.len().max(1) as f64)
}

fn flows(replications: &Replications) -> impl Iterator<Item = &FlowTally> {
    replications.tallies().flat_map(|tally| &tally.flows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tally::{Billed, Tally};

    #[test]
    fn averages_are_over_answers_and_inputs_count_whole() {
        let flow = |pool, input, succeeded| FlowTally {
            pool,
            succeeded,
            billed: Billed { input, output: 50, cache_read: 100, cache_write: 20 },
            ..FlowTally::default()
        };
        let mut replications = Replications::default();
        replications.add(0, Tally { flows: vec![flow(0, 80, 10), flow(1, 9_999, 1)], ..Tally::default() });
        let traffic = of_pool(&replications, 0);
        assert_eq!(traffic, Traffic { input: Some(20.0), cache_read: Some(10.0), output: Some(5.0) });
        assert_eq!(of_pool(&replications, 7), Traffic::default());
    }
}
