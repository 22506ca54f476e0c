//! A spike over a process with a rate: more of the same traffic for a while.

use super::rate::CumulativeRate;
use super::renewal::UnitProcess;
use crate::model::Spike;

/// A process whose rate is multiplied between two instants.
///
/// # Formula
///
/// With the cumulative rate `Λ`, `a = Λ(from)`, `w = Λ(to) − a` and the factor `m`, the count `y` is reached when `Λ`
/// reaches `y` up to `a`, `a + (y − a)/m` up to `a + m·w`, and `y − (m − 1)·w` from there on. So the requests before a
/// spike are those of the scenario without it.
#[derive(Debug, Clone)]
pub(super) struct Surge {
    units: Units,
    rate: CumulativeRate,
    before: f64,
    within: f64,
    factor: f64,
}

/// What is mapped through the inverse of the cumulative rate.
#[derive(Debug, Clone)]
pub(super) enum Units {
    Renewal(Box<UnitProcess>),
    /// The next of 0, 1, 2 …
    Regular(u64),
}

impl Surge {
    pub(super) fn new(units: Units, rate: CumulativeRate, spike: &Spike) -> Surge {
        let before = rate.count_at(spike.at.0 as f64);
        let within = rate.count_at(spike.ends().0 as f64) - before;
        Surge { units, rate, before, within, factor: spike.load.as_f64() }
    }

    /// The next arrival times.
    pub(super) fn fill(&mut self, last: &mut u64, out: &mut [u64]) -> usize {
        let mut counts = [0.0; 256];
        for block in out.chunks_mut(counts.len()) {
            let counts = &mut counts[..block.len()];
            self.units.fill(counts);
            for count in &mut *counts {
                *count = self.without_spike(*count);
            }
            self.rate.reach_all(counts, block);
            for time in block {
                // Roundings in the inverse may not turn time back.
                *time = (*time).max(*last);
                *last = *time;
            }
        }
        out.len()
    }

    /// The count that `Λ` without the spike has reached when it has reached `count` with it.
    fn without_spike(&self, count: f64) -> f64 {
        let in_spike = count - self.before;
        if in_spike <= 0.0 {
            count
        } else if in_spike <= self.factor * self.within {
            self.before + in_spike / self.factor
        } else {
            count - (self.factor - 1.0) * self.within
        }
    }
}

impl Units {
    fn fill(&mut self, out: &mut [f64]) {
        match self {
            Units::Renewal(process) => process.fill(out),
            Units::Regular(next) => {
                for count in out {
                    *count = *next as f64;
                    *next += 1;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::model::arrivals::{Interpolation, Sessions, TraceRow};
    use crate::model::scenario::{Load, Start};
    use crate::model::{Arrivals, Distribution, Spike, Trace};
    use crate::random::{OpenArrivals, Streams};
    use crate::units::{Probability, Rate, SimSpan, SimTime};

    const SECOND: u64 = 1_000_000_000;
    const HORIZON: SimTime = SimTime(300 * SECOND);

    fn spike(load: u64) -> Spike {
        let load = Load { numerator: load, denominator: 1 };
        Spike { at: SimTime(100 * SECOND), lasts: SimSpan(50 * SECOND), load, workloads: vec![0] }
    }

    fn times(arrivals: &Arrivals, replication: u32, spike: Option<&Spike>) -> Vec<u64> {
        let streams = Streams { seed: 1, replication, workload: 0 };
        let mut open = OpenArrivals::under_spike(arrivals, Load::ONE, Start::default(), streams, HORIZON, spike);
        let (mut times, mut block) = (Vec::new(), [0; 100]);
        loop {
            let written = open.fill(&mut block);
            times.extend(&block[..written]);
            if written < block.len() {
                return times;
            }
        }
    }

    fn per_second(rate: u64) -> Rate {
        Rate { events: rate, per: SimSpan::SECOND }
    }

    /// Before, during and after the spike.
    fn counts(times: &[u64]) -> [usize; 3] {
        let until = |end: u64| times.partition_point(|&time| time < end * SECOND);
        [until(100), until(150) - until(100), times.len() - until(150)]
    }

    fn every_open_process() -> Vec<Arrivals> {
        let points = vec![(SimTime(0), per_second(5)), (SimTime(120 * SECOND), per_second(20))];
        let mut rows = Vec::new();
        for second in 0..300 {
            rows.push(TraceRow { at: SimTime(second * SECOND), input: 1, output: 1, cache_read: 0, max_tokens: 0 });
        }
        vec![
            Arrivals::Constant { rate: per_second(10) },
            Arrivals::Poisson { rate: per_second(10) },
            Arrivals::Gamma { rate: per_second(10), cv: 2.0 },
            Arrivals::Weibull { rate: per_second(10), cv: 0.5 },
            Arrivals::OnOff {
                on_rate: per_second(15),
                off_rate: per_second(5),
                mean_on: SimSpan(10 * SECOND),
                mean_off: SimSpan(10 * SECOND),
            },
            Arrivals::Sinusoidal {
                rate: per_second(10),
                amplitude: Probability(0.8),
                period: SimSpan(70 * SECOND),
                phase: SimSpan(13 * SECOND),
            },
            Arrivals::Piecewise { points: points.clone(), interpolation: Interpolation::Linear },
            Arrivals::Piecewise { points, interpolation: Interpolation::Step },
            Arrivals::Sessions(Sessions {
                rate: per_second(10),
                turns: Distribution::Constant(1.0),
                think_time: Distribution::Constant(1.0),
                cache_ttl: SimSpan(SECOND),
                continue_on_failure: false,
            }),
            Arrivals::Trace(Trace { rows: rows.into(), has_max_tokens: false, scale: 10.0, repeat: false }),
        ]
    }

    /// The mean count in each phase over replications, against the same without a spike.
    #[test]
    fn a_spike_multiplies_what_arrives_in_it_and_nothing_else() {
        let replications = 40;
        for arrivals in every_open_process() {
            let mut sums = [[0.0; 3]; 2];
            for replication in 0..replications {
                for (sum, spike) in sums.iter_mut().zip([None, Some(&spike(3))]) {
                    let counted = counts(&times(&arrivals, replication, spike));
                    sum.iter_mut().zip(counted).for_each(|(sum, count)| *sum += count as f64);
                }
            }
            let [calm, surged] = sums;
            // The requests before are the very same; the others are as many up to five standard errors of a bursty
            // process.
            assert_eq!(calm[0], surged[0], "{arrivals:?}");
            for (phase, factor) in [(1, 3.0), (2, 1.0)] {
                let ratio = surged[phase] / calm[phase];
                assert!((ratio / factor - 1.0).abs() < 0.06, "{arrivals:?}: {ratio} in phase {phase}");
            }
        }
    }

    #[test]
    fn constant_arrivals_come_at_once_three_times_as_fast_and_slow_down_again() {
        let constant = Arrivals::Constant { rate: per_second(1) };
        let times = times(&constant, 0, Some(&spike(2)));
        let seconds: Vec<f64> = times.iter().map(|&time| time as f64 / SECOND as f64).collect();
        assert_eq!(seconds[99..104], [99.0, 100.0, 100.5, 101.0, 101.5]);
        assert_eq!(seconds[198..203], [149.0, 149.5, 150.0, 151.0, 152.0]);
        assert_eq!(seconds.len(), 350);
    }

    #[test]
    fn a_spike_of_one_changes_no_random_process() {
        for arrivals in every_open_process() {
            let [calm, same] = [None, Some(&spike(1))].map(|spike| times(&arrivals, 3, spike));
            assert_eq!(calm.len(), same.len());
            let apart = calm.iter().zip(&same).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(apart < Some(10), "{arrivals:?}: {apart:?} ns apart");
        }
    }

    #[test]
    fn firings_and_bursts_within_a_spike_are_larger() {
        let minutes = 0b111;
        let schedule = crate::model::arrivals::CronSchedule {
            minutes,
            hours: u32::MAX,
            days: u32::MAX,
            months: u16::MAX,
            weekdays: u8::MAX,
            either_day: false,
        };
        // Firings at 0, 60 and 120 s; the last is in the spike.
        let cron = Arrivals::Cron { schedule, count: 4, over: SimSpan::ZERO };
        assert_eq!(counts(&times(&cron, 0, Some(&spike(3)))), [8, 12, 0]);
        for (at, count) in [(99, 7), (100, 21), (149, 21), (150, 7)] {
            let burst = Arrivals::Burst { at: SimTime(at * SECOND), count: 7 };
            assert_eq!(times(&burst, 0, Some(&spike(3))).len(), count, "at {at} s");
        }
    }

    /// A factor of 2.5 on one copy of a trace: one copy more and one thinned by half, and only within the spike.
    #[test]
    fn a_trace_gets_further_copies_in_a_spike() {
        let rows: Vec<TraceRow> = (0..3_000)
            .map(|i| TraceRow { at: SimTime(i * SECOND / 10), input: 1, output: 1, cache_read: 0, max_tokens: 0 })
            .collect();
        let trace = Arrivals::Trace(Trace { rows: rows.into(), has_max_tokens: false, scale: 1.0, repeat: false });
        let half = Spike { load: Load { numerator: 5, denominator: 2 }, ..spike(1) };
        let counted = counts(&times(&trace, 0, Some(&half)));
        assert_eq!([counted[0], counted[2]], [1_000, 1_500]);
        // 500 rows of which a quarter of the variance of 500 coins: five standard errors are 56.
        assert!(counted[1].abs_diff(1_250) < 56, "{counted:?}");
    }
}
