//! How likely what was seen is under what a reading predicts.

use super::history::{History, minute};
use super::replay::Prediction;
use crate::calibrate::fit::minimise;

/// How well one reading explains a history.
#[derive(Debug, Clone, PartialEq)]
pub struct Explained {
    /// Log-likelihood by minute \[nats\].
    pub by_minute: Vec<f64>,
    /// Refusals that it predicts, by minute.
    pub predicted: Vec<f64>,
    /// Of the refusals seen, the share that it predicts; `None` where only counts by minute are known.
    pub hits: Option<f64>,
    /// Of the answered attempts, the share that it would have refused.
    pub false_alarms: Option<f64>,
}

/// Seen attempt by attempt, or only counted by minute.
pub fn explain(history: &History, prediction: &Prediction) -> Explained {
    match &history.refusals_by_minute {
        Some(counts) => by_counts(history, prediction, counts),
        None => by_attempts(history, prediction),
    }
}

/// Attempt by attempt.
///
/// # Formula
///
/// A prediction `q` is right but for noise: an attempt is refused with probability `b + (a − b)·q`, where `a ≥ b` are
/// what the data make most likely. Timing that is known to a second only, and quotas shared with callers who are not in
/// the log, are such noise.
fn by_attempts(history: &History, prediction: &Prediction) -> Explained {
    let rows: Vec<(f64, bool, usize)> = history
        .attempts
        .iter()
        .zip(&prediction.refused)
        .map(|(past, &q)| (q, past.is_refused(), minute(past.at)))
        .collect();
    // Predictions take few values: counts by value make the search independent of the length of the history.
    let mut sorted: Vec<(f64, bool)> = rows.iter().map(|row| (row.0, row.1)).collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let groups: Vec<(f64, f64, f64)> = sorted
        .chunk_by(|a, b| a.0 == b.0)
        .map(|group| {
            let refused = group.iter().filter(|row| row.1).count() as f64;
            (group[0].0, refused, group.len() as f64 - refused)
        })
        .collect();
    let cost = |point: &[f64; 2]| {
        let noise = Noise::at(*point);
        -groups
            .iter()
            .map(|&(q, refused, answered)| refused * noise.log(q, true) + answered * noise.log(q, false))
            .sum::<f64>()
    };
    let starts = [[3.0, -3.0], [1.0, -6.0]];
    let ends = starts.map(|start| minimise(start, 1.0, cost));
    let best = ends.into_iter().min_by(|a, b| cost(a).total_cmp(&cost(b))).expect("there are two");
    let noise = Noise::at(best);
    let mut explained = Explained {
        by_minute: vec![0.0; history.minutes()],
        predicted: vec![0.0; history.minutes()],
        hits: None,
        false_alarms: None,
    };
    let (mut hits, mut refused, mut alarms, mut answered) = (0.0, 0.0, 0.0, 0.0);
    for (q, was_refused, minute) in rows {
        explained.by_minute[minute] += noise.log(q, was_refused);
        explained.predicted[minute] += q;
        if was_refused {
            (hits, refused) = (hits + q, refused + 1.0);
        } else {
            (alarms, answered) = (alarms + q, answered + 1.0);
        }
    }
    explained.hits = (refused > 0.0).then(|| hits / refused);
    explained.false_alarms = (answered > 0.0).then(|| alarms / answered);
    explained
}

/// How often a prediction of refusal and one of admission end in a refusal.
struct Noise {
    a: f64,
    b: f64,
}

impl Noise {
    /// From two free numbers: `b` is logistic, `a` lies between `b` and 1.
    fn at([high, low]: [f64; 2]) -> Noise {
        let logistic = |x: f64| 1.0 / (1.0 + libm::exp(-x.clamp(-14.0, 14.0)));
        let b = logistic(low);
        Noise { a: b + (1.0 - b) * logistic(high), b }
    }

    fn log(&self, q: f64, refused: bool) -> f64 {
        let p = self.b + (self.a - self.b) * q;
        libm::log(if refused { p } else { 1.0 - p }.max(1e-9))
    }
}

/// Minute by minute, where refusals are only counted.
///
/// # Formula
///
/// Where a usual attempt is refused with probability `p`, `A` answered attempts go with about `A·p/(1 − p)` refused
/// ones; retries multiply these. So a minute's count is Poisson with mean `k·A·p/(1 − p) + c`, with the most likely
/// `k, c ≥ 0`.
fn by_counts(history: &History, prediction: &Prediction, counts: &[u64]) -> Explained {
    let mut answered = vec![0.0; counts.len()];
    for past in &history.attempts {
        if let Some(count) = answered.get_mut(minute(past.at)) {
            *count += 1.0;
        }
    }
    let expected: Vec<f64> = answered
        .iter()
        .zip(&prediction.pressure)
        // A minute in which everything is refused has no answered attempts to go by; the bound keeps it finite.
        .map(|(answered, &p)| answered * p / (1.0 - p).max(0.02))
        .collect();
    let mean = |point: &[f64; 2], minute: usize| {
        let [k, c] = point.map(|x| libm::exp(x.clamp(-12.0, 8.0)));
        k * expected[minute] + c
    };
    let log = |point: &[f64; 2], minute: usize| {
        let (seen, mean) = (counts[minute] as f64, mean(point, minute));
        seen * libm::log(mean) - mean - libm::lgamma(seen + 1.0)
    };
    let cost = |point: &[f64; 2]| -(0..counts.len()).map(|minute| log(point, minute)).sum::<f64>();
    let start = libm::log(counts.iter().sum::<u64>() as f64 / counts.len().max(1) as f64 + 0.01);
    let ends = [[0.0, start], [0.0, -6.0]].map(|from| minimise(from, 1.0, cost));
    let best = ends.into_iter().min_by(|a, b| cost(a).total_cmp(&cost(b))).expect("there are two");
    Explained {
        by_minute: (0..counts.len()).map(|minute| log(&best, minute)).collect(),
        predicted: (0..counts.len()).map(|minute| mean(&best, minute)).collect(),
        hits: None,
        false_alarms: None,
    }
}
