//! Which arrival process is as bursty as what was seen.
//!
//! A candidate is simulated by the simulator's own arrival processes, cut into the same stretches, and judged by its
//! curve of dispersion: a process that is as uneven over every window from a second to two minutes fills a quota as
//! unevenly. Gaps alone would not do: two processes with the same gaps may differ in everything that a minute sees, and
//! a log with whole seconds has hardly any gaps.

use super::dispersion::{Stretch, difference, dispersion};
use crate::calibrate::fit::{minimise, significant};
use crate::model::Arrivals;
use crate::model::scenario::{Load, Start};
use crate::random::{OpenArrivals, Streams};
use crate::units::{Rate, SimSpan, SimTime, parse};
use serde::Serialize;

/// A kind of process, the plainest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Independent arrivals.
    Poisson,
    /// Gamma gaps.
    Gamma,
    /// Weibull gaps.
    Weibull,
    /// Bursts with pauses between.
    OnOff,
}

/// The shape of a process at whatever rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape {
    /// Independent arrivals.
    Poisson,
    /// Gamma gaps with this coefficient of variation.
    Gamma(f64),
    /// Weibull gaps with this coefficient of variation.
    Weibull(f64),
    /// Poisson for a mean stay, then nothing for another; in s.
    OnOff {
        /// Mean stay on.
        on: f64,
        /// Mean stay off.
        off: f64,
    },
}

impl Shape {
    /// Its kind.
    pub fn kind(self) -> Kind {
        match self {
            Shape::Poisson => Kind::Poisson,
            Shape::Gamma(_) => Kind::Gamma,
            Shape::Weibull(_) => Kind::Weibull,
            Shape::OnOff { .. } => Kind::OnOff,
        }
    }

    /// The process of this shape at a mean rate [1/s], its figures in the digits that a scenario shows.
    pub fn at(self, per_second: f64) -> Arrivals {
        let rate = rate(per_second);
        match self {
            Shape::Poisson => Arrivals::Poisson { rate },
            Shape::Gamma(cv) => Arrivals::Gamma { rate, cv },
            Shape::Weibull(cv) => Arrivals::Weibull { rate, cv },
            Shape::OnOff { on, off } => Arrivals::OnOff {
                on_rate: self::rate(per_second * (on + off) / on),
                off_rate: Rate { events: 0, per: SimSpan::SECOND },
                mean_on: SimSpan::from_secs_f64(on),
                mean_off: SimSpan::from_secs_f64(off),
            },
        }
    }
}

/// A rate of four significant digits in the unit that people would use.
pub fn rate(per_second: f64) -> Rate {
    let (scaled, unit) = match per_second {
        rate if rate >= 1.0 => (rate, "s"),
        rate if rate >= 1.0 / 60.0 => (rate * 60.0, "min"),
        rate => (rate * 3_600.0, "h"),
    };
    // Less than one request in four days is no rate to plan with, and the language keeps rates exactly.
    let text = format!("{}/{unit}", significant(scaled.max(0.01), 4));
    parse::rate(&text).expect("a positive number and a unit")
}

/// A candidate and how its curve compares.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Its shape.
    pub shape: Shape,
    /// Its dispersion by window.
    pub dispersion: Vec<(u64, f64)>,
    /// Root mean square difference of the logarithms from what was seen.
    pub error: f64,
}

/// A plainer process within this of the best, and the sampling error of the curve, is as good.
const AS_GOOD: f64 = 0.05;
/// Fewer arrivals than this have no curve.
const FEW: usize = 100;
/// Coefficients of variation that are searched, and that the language takes.
const CV: [f64; 2] = [0.1, 30.0];

/// Every candidate at its best, in the order of their kinds, and which to take.
pub fn choose(seen: &[Stretch]) -> (Vec<Candidate>, usize) {
    let observed = dispersion(seen);
    let watched: f64 = seen.iter().map(|stretch| stretch.length.as_secs_f64()).sum();
    let arrivals = seen.iter().map(|stretch| stretch.times.len()).sum::<usize>();
    let per_second = arrivals as f64 / watched.max(1.0);
    let length = seen.iter().map(|stretch| stretch.length).max().unwrap_or(SimSpan::MINUTE);
    let judge = |shape: Shape| {
        let dispersion = dispersion(&simulated(shape, per_second, length));
        let error = difference(&observed, &dispersion);
        Candidate { shape, dispersion, error }
    };
    let mut candidates = vec![judge(Shape::Poisson)];
    if observed.len() >= 3 && arrivals >= FEW {
        for renewal in [Shape::Gamma as fn(f64) -> Shape, Shape::Weibull] {
            let shape = |log_cv: f64| renewal(significant(libm::exp(log_cv).clamp(CV[0], CV[1]), 3));
            let start = libm::log(observed.last().map_or(1.0, |row| row.1).max(0.05)) / 2.0;
            let [best] = minimise([start], 0.4, |&[log_cv]| judge(shape(log_cv)).error);
            candidates.push(judge(shape(best)));
        }
        candidates.extend(on_off(&observed, per_second).map(judge));
    }
    let least = candidates.iter().map(|candidate| candidate.error).fold(f64::INFINITY, f64::min);
    let enough = least + AS_GOOD + sampling_error(&observed, watched);
    let chosen = candidates.iter().position(|candidate| candidate.error <= enough);
    (candidates, chosen.expect("the best is as good as itself"))
}

/// The root mean square error that chance alone gives a curve.
///
/// *Formula*: an index over `m` windows has a relative standard error of about `√(2/m)`, that of a variance.
fn sampling_error(observed: &[(u64, f64)], watched: f64) -> f64 {
    let variances: Vec<f64> = observed.iter().map(|&(window, _)| 2.0 * window as f64 / watched).collect();
    if variances.is_empty() { 0.0 } else { libm::sqrt(variances.iter().sum::<f64>() / variances.len() as f64) }
}

/// The on-off process whose dispersion runs nearest to the curve; none where nothing bursts.
///
/// # Formula
///
/// With mean rate λ, share `p` of time on and `r = 1/on + 1/off`, the index over a window `w` is
/// `1 + A·(1 − (1 − e^(−r·w))/(r·w))` with `A = 2λ(1 − p)/(p·r)`; hence `p = 2λ/(A·r + 2λ)`.
///
/// # Source
///
/// Heffes and Lucantoni, "A Markov modulated characterization of packetized voice and data traffic", IEEE JSAC 4
/// (1986), the interrupted Poisson process.
fn on_off(observed: &[(u64, f64)], per_second: f64) -> Option<Shape> {
    let largest = observed.iter().map(|row| row.1).fold(0.0, f64::max);
    if largest < 1.2 {
        return None;
    }
    let curve = |[log_a, log_r]: [f64; 2]| -> Vec<(u64, f64)> {
        let (a, r) = (libm::exp(log_a.clamp(-10.0, 20.0)), libm::exp(log_r.clamp(-9.0, 7.0)));
        observed.iter().map(|&(w, _)| (w, 1.0 + a * (1.0 + libm::expm1(-r * w as f64) / (r * w as f64)))).collect()
    };
    let starts = [-4.0, -2.0, 0.0].map(|log_r| [libm::log(largest), log_r]);
    let ends = starts.map(|start| minimise(start, 0.5, |&point| difference(observed, &curve(point))));
    let cost = |point: &[f64; 2]| difference(observed, &curve(*point));
    let [log_a, log_r] = ends.into_iter().min_by(|a, b| cost(a).total_cmp(&cost(b))).expect("there are three");
    let (a, r) = (libm::exp(log_a.clamp(-10.0, 20.0)), libm::exp(log_r.clamp(-9.0, 7.0)));
    let p = 2.0 * per_second / (a * r + 2.0 * per_second);
    let [on, off] = [1.0 / ((1.0 - p) * r), 1.0 / (p * r)].map(|stay| significant(stay, 3));
    // Stays of less than a millisecond are no bursts but batches, which the language does not have.
    (p < 1.0 && on >= 1e-3 && (1e-3..1e7).contains(&off)).then_some(Shape::OnOff { on, off })
}

/// Stretches of a process at a rate, about as many arrivals as a curve needs.
fn simulated(shape: Shape, per_second: f64, length: SimSpan) -> Vec<Stretch> {
    const ARRIVALS: f64 = 40_000.0;
    const STRETCHES: [f64; 2] = [30.0, 600.0];
    let per_stretch = (per_second * length.as_secs_f64()).max(1e-3);
    let count = (ARRIVALS / per_stretch).clamp(STRETCHES[0], STRETCHES[1]) as u64;
    let horizon = SimTime(count * length.0);
    let streams = Streams { seed: 1, replication: 0, workload: 0 };
    let mut arrivals = OpenArrivals::new(&shape.at(per_second), Load::ONE, Start::default(), streams, horizon);
    let mut stretches = vec![Stretch { times: Vec::new(), length }; count as usize];
    let mut block = [0; 1_024];
    loop {
        let written = arrivals.fill(&mut block);
        for &time in &block[..written] {
            stretches[(time / length.0) as usize].times.push(SimSpan(time % length.0));
        }
        if written < block.len() {
            return stretches;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stretches of a process with other luck than [`simulated`] has.
    fn history(arrivals: &Arrivals, stretches: u64) -> Vec<Stretch> {
        let length = SimSpan(600 * SimSpan::SECOND.0);
        let streams = Streams { seed: 77, replication: 0, workload: 0 };
        let horizon = SimTime(stretches * length.0);
        let mut process = OpenArrivals::new(arrivals, Load::ONE, Start::default(), streams, horizon);
        let mut times = vec![0; 1_000_000];
        let written = process.fill(&mut times);
        let mut seen = vec![Stretch { times: Vec::new(), length }; stretches as usize];
        times[..written].iter().for_each(|time| seen[(time / length.0) as usize].times.push(SimSpan(time % length.0)));
        seen
    }

    fn chosen(arrivals: &Arrivals) -> Candidate {
        let (candidates, best) = choose(&history(arrivals, 60));
        candidates[best].clone()
    }

    #[test]
    fn processes_are_recognised() {
        let rate = rate(3.0);
        let found = chosen(&Arrivals::Poisson { rate });
        assert_eq!(found.shape, Shape::Poisson, "{found:?}");
        let found = chosen(&Arrivals::Gamma { rate, cv: 2.5 });
        let (Shape::Gamma(cv) | Shape::Weibull(cv)) = found.shape else { panic!("{found:?}") };
        assert!((cv / 2.5 - 1.0).abs() < 0.12, "{found:?}");
        let found = chosen(&Shape::OnOff { on: 8.0, off: 40.0 }.at(3.0));
        let Shape::OnOff { on, off } = found.shape else { panic!("{found:?}") };
        assert!((on / 8.0 - 1.0).abs() < 0.35 && (off / 40.0 - 1.0).abs() < 0.35, "{found:?}");
    }

    #[test]
    fn what_is_chosen_is_as_bursty() {
        for shape in [Shape::Weibull(6.0), Shape::Gamma(0.4), Shape::OnOff { on: 2.0, off: 30.0 }] {
            let found = chosen(&shape.at(3.0));
            assert!(found.error < 0.25, "{shape:?}: {found:?}");
        }
    }

    #[test]
    fn rates_are_written_in_handy_units() {
        let written = [12.345_678, 0.5, 0.001].map(|per_second| crate::units::format::rate(rate(per_second)));
        assert_eq!(written, ["12.35/s", "30/min", "3.6/h"]);
    }

    #[test]
    fn next_to_nothing_is_poisson() {
        let few = Stretch { times: vec![SimSpan(5), SimSpan(7_000_000_000)], length: SimSpan(20_000_000_000) };
        let (candidates, best) = choose(&[few]);
        assert_eq!(candidates[best].shape, Shape::Poisson);
        assert_eq!(choose(&[]).1, 0);
    }
}
