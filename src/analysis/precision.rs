//! Whether the intervals of a run are as narrow as its user wants them.

use super::slo;
use super::{Metrics, Summary};
use crate::model::Scenario;
use std::fmt;
use std::str::FromStr;

/// How narrow half the 95 % interval of each figure that decides has to be: within a share of the figure, or, of a rate,
/// within so much of it; whichever is wider.
///
/// ```
/// use quotasim::analysis::precision::Precision;
/// assert_eq!("5%".parse(), Ok(Precision { relative: 0.05, absolute: 0.001 }));
/// assert_eq!("2%,0.05%".parse(), Ok(Precision { relative: 0.02, absolute: 0.0005 }));
/// assert!("0%".parse::<Precision>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Precision {
    /// Of the figure itself.
    pub relative: f64,
    /// Of a rate, which is a share of requests, attempts or answers.
    pub absolute: f64,
}

/// Where only the relative precision is given: a tenth of a percentage point. A rate near nothing is not worth more.
const ABSOLUTE: f64 = 0.001;

/// What decides where the scenario has no objectives with an interval.
const FIGURES: [&str; 3] = ["attempt_throttle_rate", "request_failure_rate", "latency_ms"];

/// A figure that decides, and how far it is from the precision that is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// Its metric, after the name of what it is of, if not of everything.
    pub name: String,
    /// Half the width of its interval.
    pub half_width: f64,
    /// How many times wider than allowed that is.
    pub excess: f64,
}

impl Precision {
    /// The figure of a run that is furthest from this precision; `None` without a figure that has an interval.
    ///
    /// The figures are those of the scenario's objectives or, where none of these has an interval, how much was
    /// throttled, how much failed, and the mean latency. Percentiles have no interval, and cannot decide: the mean
    /// stands for them.
    pub fn worst(&self, scenario: &Scenario, summary: &Summary) -> Option<Figure> {
        let objectives = scenario.slo.iter().filter_map(|requirement| {
            let metrics = slo::metrics_of(requirement, scenario, summary);
            self.figure(metrics, &requirement.metric, &requirement.text)
        });
        let others = FIGURES.iter().filter_map(|metric| self.figure(&summary.total, metric, metric));
        let wider = |a: &Figure, b: &Figure| a.excess.total_cmp(&b.excess);
        objectives.max_by(wider).or_else(|| others.max_by(wider))
    }

    fn figure(&self, metrics: &Metrics, metric: &str, name: &str) -> Option<Figure> {
        let (value, interval) = match slo::measured(metrics, metric) {
            // A percentile is pooled over replications and has no interval of its own.
            (Some(_), None) => slo::measured(metrics, metric.rsplit_once('.').map_or(metric, |(whole, _)| whole)),
            measured => measured,
        };
        let (value, [low, high]) = (value?, interval?);
        let half_width = (value - low).max(high - value);
        let rate = metric.ends_with("_rate");
        let allowed = (self.relative * value.abs()).max(if rate { self.absolute } else { 0.0 });
        // Nothing at all, always: as precise as can be.
        let excess = if half_width == 0.0 { 0.0 } else { half_width / allowed };
        Some(Figure { name: name.to_owned(), half_width, excess })
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A share that was written in percent has no more digits than this, however it was divided by a hundred.
        let percent = |share: f64| libm::round(share * 1e14) / 1e12;
        write!(f, "{}%,{}%", percent(self.relative), percent(self.absolute))
    }
}

impl FromStr for Precision {
    type Err = String;

    fn from_str(text: &str) -> Result<Precision, String> {
        let share = |text: &str| {
            let number = text.trim().strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
            let share = number.map(|percent| percent / 100.0).filter(|share| *share > 0.0 && *share < 1.0);
            share.ok_or_else(|| format!("`{}` is no share between 0% and 100%, like `5%`", text.trim()))
        };
        match text.split_once(',') {
            None => Ok(Precision { relative: share(text)?, absolute: ABSOLUTE }),
            Some((relative, absolute)) => Ok(Precision { relative: share(relative)?, absolute: share(absolute)? }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::{Estimate, objectives};
    use crate::model::scenario::{Load, Start};
    use crate::model::{Requirement, Scope};
    use crate::units::SimTime;

    const FIVE: Precision = Precision { relative: 0.05, absolute: 0.001 };

    fn throttled(mean: f64, half: f64) -> Metrics {
        let interval = Estimate { mean: Some(mean), ci95: Some([mean - half, mean + half]), few_events: false };
        Metrics { attempt_throttle_rate: interval, ..Metrics::default() }
    }

    #[test]
    fn a_rate_is_precise_in_one_way_or_the_other() {
        let excess = |mean, half| {
            let metrics = throttled(mean, half);
            FIVE.figure(&metrics, "attempt_throttle_rate", "it").expect("it has an interval").excess
        };
        assert!((excess(0.2, 0.01) - 1.0).abs() < 1e-9);
        assert!((excess(0.2, 0.02) - 2.0).abs() < 1e-9);
        assert!((excess(0.002, 0.001) - 1.0).abs() < 1e-9, "a tenth of a point will do");
        assert_eq!(excess(0.0, 0.0), 0.0);
    }

    #[test]
    fn a_mean_stands_for_its_percentiles() {
        let mut metrics = Metrics::default();
        metrics.latency_ms.mean = Some(1_000.0);
        metrics.latency_ms.ci95 = Some([900.0, 1_100.0]);
        metrics.latency_ms.p99 = Some(4_000.0);
        let figure = FIVE.figure(&metrics, "latency_ms.p99", "latency_ms.p99 < 5s").expect("the mean has one");
        assert_eq!((figure.half_width, figure.excess), (100.0, 2.0));
    }

    #[test]
    fn the_mean_of_a_part_of_the_wait_stands_for_its_own_percentiles() {
        let mut metrics = Metrics::default();
        (metrics.wait_ms.all.mean, metrics.wait_ms.all.ci95) = (Some(1_000.0), Some([999.0, 1_001.0]));
        (metrics.wait_ms.backoff.mean, metrics.wait_ms.backoff.ci95) = (Some(100.0), Some([50.0, 150.0]));
        metrics.wait_ms.backoff.p99 = Some(4_000.0);
        let figure = FIVE.figure(&metrics, "wait_ms.backoff.p99", "it").expect("the mean has an interval");
        assert_eq!((figure.half_width, figure.excess), (50.0, 10.0));
    }

    #[test]
    fn where_no_objective_has_an_interval_what_is_throttled_decides() {
        let scenario = Scenario {
            name: String::new(),
            start: Start::default(),
            horizon: SimTime(2),
            warmup: SimTime(1),
            replications: 5,
            seed: 1,
            load: Load { numerator: 1, denominator: 1 },
            spike: None,
            episode: false,
            accounts: Vec::new(),
            pools: Vec::new(),
            workloads: Vec::new(),
            slo: vec![objectives::default_on(Scope::Total, Requirement::NO_RECOVERY_RATE)],
            assumptions: Vec::new(),
        };
        let summary = Summary { total: throttled(0.2, 0.02), ..Summary::default() };
        let worst = FIVE.worst(&scenario, &summary).expect("something has an interval");
        assert_eq!(worst.name, "attempt_throttle_rate");
        assert!((worst.excess - 2.0).abs() < 1e-9, "{}", worst.excess);
    }

    #[test]
    fn what_is_printed_is_what_was_asked_for() {
        for percent in 1..100 {
            let text = format!("{percent}%,{percent}.5%");
            assert_eq!(text.parse::<Precision>().map(|precision| precision.to_string()).as_ref(), Ok(&text));
        }
    }

    #[test]
    fn what_is_no_precision_is_refused() {
        for text in ["", "5", "0%", "100%", "-1%", "5%,", "5%,x", "nan%"] {
            assert!(text.parse::<Precision>().is_err(), "{text}");
        }
    }
}
