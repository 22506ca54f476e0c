//! A sensible ladder of `max_tokens`, drawn from the lengths of a workload's answers.

use crate::engine::Engine;
use crate::model::Scenario;

/// How many lengths the quantiles rest on.
const SAMPLE: u64 = 20_000;
/// The quantiles that the ladder covers.
const QUANTILES: [f64; 5] = [0.5, 0.9, 0.95, 0.99, 0.999];
/// Fewer finite values than this are filled up with multiples of the largest.
const FEWEST: usize = 4;

/// Values of `max_tokens` worth comparing, ascending, the last one `None`: unset.
///
/// The quantiles p50, p90, p95, p99 and p99.9 of the workload's natural output, each rounded up to a handy step; where
/// these are few (answers of one length), also four and sixteen times the largest.
pub fn ladder(scenario: &Scenario, workload: usize) -> Vec<Option<u64>> {
    let mut lengths = Engine::new(scenario).output_lengths(workload, SAMPLE);
    lengths.sort_unstable();
    let maximum = scenario.pools[scenario.workloads[workload].pool].max_output.0;
    let mut values: Vec<u64> = QUANTILES.iter().filter_map(|&p| quantile(&lengths, p)).map(handy).collect();
    values.dedup();
    for factor in [4, 16] {
        if values.len() < FEWEST
            && let Some(&most) = values.last()
        {
            values.push(handy(most * 4).max(handy(lengths.last().map_or(1, |&last| last * factor))));
        }
    }
    values.sort_unstable();
    values.dedup();
    values.retain(|&value| value < maximum);
    values.into_iter().map(Some).chain([None]).collect()
}

/// A handy output limit that all but a share of the answers stay below; at most the model's maximum.
pub(super) fn enough_for(scenario: &Scenario, workload: usize, share: f64) -> Option<u64> {
    let mut lengths = Engine::new(scenario).output_lengths(workload, SAMPLE);
    lengths.sort_unstable();
    let maximum = scenario.pools[scenario.workloads[workload].pool].max_output.0;
    quantile(&lengths, 1.0 - share).map(|length| handy(length).min(maximum))
}

/// The value at nearest rank of an ascending list.
fn quantile(ascending: &[u64], p: f64) -> Option<u64> {
    let rank = (libm::ceil(p * ascending.len() as f64) as usize).max(1);
    ascending.get(rank - 1).copied()
}

/// The next power of two, or one and a half of one, from `least` on: 64, 96, 128, 192, 256 …
fn handy(least: u64) -> u64 {
    let power = least.next_power_of_two();
    let between = power / 4 * 3;
    if power >= 8 && between >= least { between } else { power }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handy_steps_lie_at_or_above() {
        let table = [(1, 1), (3, 4), (5, 6), (6, 6), (7, 8), (100, 128), (129, 192), (193, 256), (1_024, 1_024)];
        for (least, step) in table {
            assert_eq!(handy(least), step, "{least}");
        }
    }
}
