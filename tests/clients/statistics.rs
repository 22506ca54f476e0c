//! How far two samples of runs are apart.

/// What one run gave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Run {
    /// Throttled attempts among all.
    pub(crate) throttle_rate: f64,
    /// Attempts per request.
    pub(crate) attempts_per_request: f64,
    /// Complete answers [per minute].
    pub(crate) goodput: f64,
}

/// A metric of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Metric {
    pub(crate) name: &'static str,
    pub(crate) of: fn(&Run) -> f64,
    pub(crate) show: fn(f64) -> String,
    /// The most that the means may differ by, whatever the spread: far more than runs of the same arrivals do.
    pub(crate) most: f64,
}

/// What is compared.
pub(crate) const METRICS: [Metric; 3] = [
    Metric {
        name: "attempts throttled",
        of: |run| run.throttle_rate,
        show: |x| format!("{:.1}%", 100.0 * x),
        most: 0.03,
    },
    Metric { name: "attempts per request", of: |run| run.attempts_per_request, show: |x| format!("{x:.2}"), most: 0.1 },
    Metric { name: "good answers per minute", of: |run| run.goodput, show: |x| format!("{x:.0}"), most: 15.0 },
];

/// Mean and unbiased standard deviation of a sample.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moments {
    pub(crate) count: f64,
    pub(crate) mean: f64,
    pub(crate) sd: f64,
}

impl Moments {
    fn of(values: &[f64]) -> Moments {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|x| (x - mean) * (x - mean)).sum();
        Moments { count, mean, sd: (squares / (count - 1.0)).sqrt() }
    }
}

/// One metric of two samples; run `i` and replication `i` met the same arrivals.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Contrast {
    pub(crate) served: Moments,
    pub(crate) simulated: Moments,
    /// The difference of the two means in standard errors.
    ///
    /// *Formula*: `(a − b) / √(s² (1/n + 1/m))` with the pooled variance `s²`: the many replications steady what the few
    /// runs say of the spread.
    pub(crate) z: f64,
    /// The differences of the pairs.
    pub(crate) paired: Moments,
}

impl Contrast {
    pub(crate) fn of(served: &[Run], simulated: &[Run], metric: &Metric) -> Contrast {
        let values = |runs: &[Run]| runs.iter().map(metric.of).collect::<Vec<f64>>();
        let (a, b) = (values(served), values(simulated));
        let pairs: Vec<f64> = a.iter().zip(&b).map(|(a, b)| a - b).collect();
        let (served, simulated) = (Moments::of(&a), Moments::of(&b));
        let squares = |of: Moments| (of.count - 1.0) * of.sd * of.sd;
        let pooled = (squares(served) + squares(simulated)) / (served.count + simulated.count - 2.0);
        let error = (pooled * (1.0 / served.count + 1.0 / simulated.count)).sqrt();
        Contrast { served, simulated, z: (served.mean - simulated.mean) / error, paired: Moments::of(&pairs) }
    }

    /// Whether the metric tells the two apart.
    pub(crate) fn differs(&self, metric: &Metric) -> bool {
        self.z.abs() >= MOST || self.paired.mean.abs() > metric.most
    }
}

/// The most standard errors that two means may lie apart.
pub(crate) const MOST: f64 = 3.0;
