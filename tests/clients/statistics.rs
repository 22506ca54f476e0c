//! Whether two samples of runs could be of one kind.

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
}

/// What is compared.
pub(crate) const METRICS: [Metric; 3] = [
    Metric { name: "throttled", of: |run| run.throttle_rate, show: |x| format!("{:.1}%", 100.0 * x) },
    Metric { name: "attempts per request", of: |run| run.attempts_per_request, show: |x| format!("{x:.2}") },
    Metric { name: "good per minute", of: |run| run.goodput, show: |x| format!("{x:.0}") },
];

/// A sample of runs in one metric.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) runs: f64,
    pub(crate) mean: f64,
    /// Unbiased variance.
    pub(crate) variance: f64,
}

impl Sample {
    pub(crate) fn of(runs: &[Run], metric: &Metric) -> Sample {
        let count = runs.len() as f64;
        let values = || runs.iter().map(metric.of);
        let mean = values().sum::<f64>() / count;
        let variance = values().map(|x| (x - mean) * (x - mean)).sum::<f64>() / (count - 1.0);
        Sample { runs: count, mean, variance }
    }

    /// Standard deviation over runs.
    pub(crate) fn sd(&self) -> f64 {
        self.variance.sqrt()
    }
}

/// By how many standard errors two means differ.
///
/// *Formula*: `(a − b) / √(s² (1/n + 1/m))` with the pooled variance `s²`. With few runs on one side, the spread of the
/// other steadies it.
pub(crate) fn z(a: &Sample, b: &Sample) -> f64 {
    let pooled = ((a.runs - 1.0) * a.variance + (b.runs - 1.0) * b.variance) / (a.runs + b.runs - 2.0);
    (a.mean - b.mean) / (pooled * (1.0 / a.runs + 1.0 / b.runs)).sqrt()
}
