//! Whether the intervals of a run are as narrow as its user wants them, and how much longer it would have to be.

use super::{Metrics, Replications, Summary};
use super::{batch_means, slo};
use crate::model::{Scenario, Scope};
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
    /// What it counts was never seen.
    pub never_seen: bool,
    /// What it is of.
    scope: Scope,
    /// The path of what has the interval: of a percentile, that of its mean.
    path: String,
}

impl Figure {
    /// How many times as much measured time would be precise enough.
    ///
    /// *Formula*: half the width of an interval falls with the root of the measured time, but the bound on what was never
    /// seen, three per measured time, with the time itself.
    pub fn needed(&self) -> f64 {
        if self.never_seen { self.excess } else { self.excess * self.excess }
    }

    /// Whether neighbouring batches are so much alike that the interval may be wider in truth than is allowed.
    ///
    /// *Formula*: where the likeness fades geometrically from batch to batch, with correlation c between neighbours, the
    /// variance of the mean is `(1 + c)/(1 − c)` times what it is of independent batches.
    ///
    /// *Source*: Steiger et al., "ASAP3: a batch means procedure for steady-state simulation analysis", ACM Transactions
    /// on Modeling and Computer Simulation 15 (2005) 39–73, which fits the same autoregression to batch means.
    fn alike(&self, scenario: &Scenario, batches: &Replications) -> Option<Alike> {
        let correlation = batch_means::correlation(&self.by_batch(scenario, batches))?;
        let needed = self.needed() * (1.0 + correlation) / (1.0 - correlation);
        (needed > 1.0).then(|| Alike { name: self.name.clone(), correlation, needed })
    }

    /// Its values in the batches of a run, in order of time; a batch with nothing to observe has none.
    fn by_batch(&self, scenario: &Scenario, batches: &Replications) -> Vec<f64> {
        let value = |alone: Replications| {
            let summary = alone.summary(scenario, scenario.seed);
            slo::measured(slo::metrics_at(&self.scope, scenario, &summary), &self.path).0
        };
        batches.one_by_one().filter_map(value).collect()
    }
}

/// Whether a run is precise enough, and what it is short of.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The figure that is furthest from the precision, if any has an interval.
    pub worst: Option<Figure>,
    /// How many times as much measured time the precision needs, as far as the spread of the results tells.
    pub by_spread: f64,
    /// The same of what was never seen, which is no estimate.
    pub by_absence: f64,
    /// Of the figures that decide, the one whose batches are too much alike.
    pub alike: Option<Alike>,
}

/// A figure whose batches are alike, so that its interval is narrower than it should be, and cannot be trusted.
#[derive(Debug, Clone, PartialEq)]
pub struct Alike {
    /// The figure's name.
    pub name: String,
    /// The correlation of batches that follow one another.
    pub correlation: f64,
    /// How many times as much measured time the precision needs, if the likeness fades from batch to batch.
    pub needed: f64,
}

impl Verdict {
    /// How many times as much measured time the precision needs; at most 1 is enough.
    pub fn needed(&self) -> f64 {
        self.by_spread.max(self.by_absence)
    }

    /// Whether there is nothing left to do.
    pub fn is_enough(&self) -> bool {
        self.needed() <= 1.0 && self.alike.is_none()
    }
}

impl Precision {
    /// Judges what has come in, the batches of a run also by whether they are long enough.
    pub fn judge(&self, scenario: &Scenario, done: &Replications) -> Verdict {
        let summary = done.summary(scenario, scenario.seed);
        let figures = self.figures(scenario, &summary);
        let needed = |never_seen| {
            let these = figures.iter().filter(|figure| figure.never_seen == never_seen);
            these.map(Figure::needed).fold(0.0, f64::max)
        };
        let alike = figures.iter().filter_map(|figure| figure.alike(scenario, done));
        let most_alike = |one: &Alike, other: &Alike| one.needed.total_cmp(&other.needed);
        Verdict {
            by_spread: needed(false),
            by_absence: needed(true),
            alike: done.batches().and_then(|_| alike.max_by(most_alike)),
            worst: worst(&figures).cloned(),
        }
    }

    /// The figures of a run that decide and have an interval.
    ///
    /// They are those of the scenario's objectives or, where none of these has an interval, how much was throttled, how
    /// much failed, and the mean latency. Percentiles have no interval, and cannot decide: the mean stands for them.
    fn figures(&self, scenario: &Scenario, summary: &Summary) -> Vec<Figure> {
        let objectives: Vec<Figure> = scenario
            .slo
            .iter()
            .filter_map(|requirement| {
                let metrics = slo::metrics_of(requirement, scenario, summary);
                let figure = self.figure(metrics, &requirement.metric, &requirement.text)?;
                Some(Figure { scope: requirement.scope.clone(), ..figure })
            })
            .collect();
        if !objectives.is_empty() {
            return objectives;
        }
        FIGURES.iter().filter_map(|metric| self.figure(&summary.total, metric, metric)).collect()
    }

    /// A figure of everything.
    fn figure(&self, metrics: &Metrics, metric: &str, name: &str) -> Option<Figure> {
        let (mut path, (mut value, mut interval)) = (metric, slo::measured(metrics, metric));
        if let (Some(_), None, Some((whole, _))) = (value, interval, metric.rsplit_once('.')) {
            // A percentile is pooled over replications and has no interval of its own.
            path = whole;
            (value, interval) = slo::measured(metrics, whole);
        }
        let (value, [low, high]) = (value?, interval?);
        let half_width = (value - low).max(high - value);
        let rate = metric.ends_with("_rate");
        let allowed = (self.relative * value.abs()).max(if rate { self.absolute } else { 0.0 });
        // Nothing at all, always: as precise as can be.
        let excess = if half_width == 0.0 { 0.0 } else { half_width / allowed };
        let (name, path) = (name.to_owned(), path.to_owned());
        Some(Figure { name, half_width, excess, never_seen: rate && value == 0.0, scope: Scope::Total, path })
    }
}

/// The figure that is furthest from the precision.
fn worst(figures: &[Figure]) -> Option<&Figure> {
    figures.iter().max_by(|a, b| a.excess.total_cmp(&b.excess))
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
    use crate::model::Requirement;
    use crate::model::scenario::{Load, Start};
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
            horizon_given: true,
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
        let figures = FIVE.figures(&scenario, &summary);
        let worst = worst(&figures).expect("something has an interval");
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
