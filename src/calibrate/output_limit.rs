//! Which `max_tokens` the answers need, and which is asked for.

use super::fit::Fit;
use super::observation::MaxTokens;
use super::sketch::{Record, WorkloadSketch};
use crate::random;
use crate::tally::Histogram;
use serde::Serialize;

/// Output limits as used, and as the lengths of answers suggest.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OutputLimit {
    /// The limits in use, the commonest first; at most five.
    pub used: Vec<Used>,
    /// How many different limits there are.
    pub different: usize,
    /// The share of records that do not tell their limit.
    pub unknown: f64,
    /// The limit for the scenario: the one in use, or where several are, their mean; `None` is unset.
    pub scenario: Option<u64>,
    /// The share of answers that ended at their limit: their natural lengths are longer by an unknown amount.
    pub cut: f64,
    /// The largest limit at which an answer was cut.
    pub largest_cut: Option<u64>,
    /// Limits that would do, by the share of answers that they leave whole.
    pub choices: Vec<Choice>,
    /// The limit to choose: the last of the choices.
    pub recommended: Option<u64>,
}

/// A limit in use.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Used {
    /// The limit; `None` is unset.
    pub max_tokens: Option<u64>,
    /// Its share of the records that tell.
    pub share: f64,
}

/// A limit that would do.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Choice {
    /// The quantile that it rests on.
    pub quantile: f64,
    /// The limit: the quantile, rounded up to two digits.
    pub max_tokens: u64,
    /// The share of answers that it would cut.
    pub cuts: f64,
    /// Whether answers of this length were cut, so that only the law tells.
    pub by_law: bool,
}

/// The quantiles to choose from.
const CHOICES: [f64; 3] = [0.95, 0.99, 0.999];
/// One limit is *the* limit from this share on.
const ONE: f64 = 0.9;
/// A law further off than this is not trusted beyond what was seen.
const TRUSTED: f64 = 0.05;

/// Limits as used and as needed. `maximum` is the model's maximum output, which an unset limit stands for; `law` is what
/// was fitted to the lengths of answers.
pub fn output_limit(workload: &WorkloadSketch, sample: &[Record], maximum: Option<u64>, law: &Fit) -> OutputLimit {
    let mut limits: Vec<MaxTokens> = sample.iter().map(|record| record.max_tokens).collect();
    limits.sort_unstable();
    let known = limits.iter().filter(|limit| **limit != MaxTokens::Unknown).count();
    let mut used: Vec<Used> = limits
        .chunk_by(|a, b| a == b)
        .filter(|group| group[0] != MaxTokens::Unknown)
        .map(|group| Used {
            max_tokens: match group[0] {
                MaxTokens::Set(limit) => Some(u64::from(limit)),
                MaxTokens::Unset | MaxTokens::Unknown => None,
            },
            share: group.len() as f64 / known as f64,
        })
        .collect();
    // The sort is stable: of equal shares the smaller limit comes first.
    used.sort_by(|a, b| b.share.total_cmp(&a.share));
    let lengths = Lengths::new(&workload.whole_outputs, &workload.cut_outputs);
    let mut choices: Vec<Choice> = CHOICES.into_iter().filter_map(|quantile| lengths.choice(quantile)).collect();
    let largest_cut = workload.cut_outputs.max();
    choices.extend(lengths.next_by_law(&choices, law).filter(|choice| {
        Some(choice.max_tokens) > largest_cut && maximum.is_none_or(|maximum| choice.max_tokens <= maximum)
    }));
    OutputLimit {
        different: used.len(),
        unknown: if limits.is_empty() { 1.0 } else { 1.0 - known as f64 / limits.len() as f64 },
        scenario: scenario(&used, maximum),
        cut: workload.totals.cut as f64 / workload.totals.answered.max(1) as f64,
        largest_cut,
        recommended: choices.last().map(|choice| choice.max_tokens),
        choices,
        used: used.into_iter().take(5).collect(),
    }
}

/// The limit in use; of several the mean, which reserves as much in total.
fn scenario(used: &[Used], maximum: Option<u64>) -> Option<u64> {
    let first = used.first()?;
    if first.share >= ONE {
        return first.max_tokens;
    }
    let mean = used.iter().map(|used| Some(used.share * used.max_tokens.or(maximum)? as f64)).sum::<Option<f64>>()?;
    Some((libm::round(mean) as u64).max(1))
}

/// The distribution of natural lengths where some were cut, by Kaplan and Meier's estimate on histograms.
struct Lengths {
    /// Upper end of a bucket and the share at or below it.
    points: Vec<(u64, f64)>,
    answers: u64,
}

impl Lengths {
    fn new(whole: &Histogram, cut: &Histogram) -> Lengths {
        let rows = whole.buckets().map(|(_, above, count)| (above - 1, count, 0));
        let cuts = cut.buckets().map(|(_, above, count)| (above - 1, 0, count));
        let mut rows: Vec<(u64, u64, u64)> = rows.chain(cuts).collect();
        rows.sort_unstable_by_key(|row| row.0);
        let answers = whole.total() + cut.total();
        let (mut at_least, mut surviving) = (answers, 1.0);
        let mut points = Vec::new();
        for bucket in rows.chunk_by(|a, b| a.0 == b.0) {
            let seen: u64 = bucket.iter().map(|row| row.1).sum();
            if seen > 0 {
                surviving *= 1.0 - seen as f64 / at_least as f64;
                points.push((bucket[0].0, 1.0 - surviving));
            }
            at_least -= bucket.iter().map(|row| row.1 + row.2).sum::<u64>();
        }
        Lengths { points, answers }
    }

    /// The limit for a quantile, where there are enough answers to know it and it was not itself cut off.
    fn choice(&self, quantile: f64) -> Option<Choice> {
        if !self.are_enough_for(quantile) {
            return None;
        }
        let place = self.points.partition_point(|point| point.1 < quantile - 1e-12);
        let max_tokens = two_digits(self.points.get(place)?.0.max(1));
        let within = self.points.partition_point(|point| point.0 <= max_tokens);
        let share = within.checked_sub(1).map_or(0.0, |last| self.points[last].1);
        Some(Choice { quantile, max_tokens, cuts: (1.0 - share).max(0.0), by_law: false })
    }

    /// The next limit after those that the answers themselves show, where answers of its length were cut: the law's,
    /// which is trusted one step beyond what was seen and no further.
    fn next_by_law(&self, shown: &[Choice], law: &Fit) -> Option<Choice> {
        let last = shown.last()?.quantile;
        let quantile = CHOICES.into_iter().find(|quantile| *quantile > last)?;
        if !self.are_enough_for(quantile) || law.ks > TRUSTED {
            return None;
        }
        let max_tokens = two_digits((libm::ceil(random::quantile(&law.law, quantile)) as u64).max(1));
        Some(Choice { quantile, max_tokens, cuts: 1.0 - quantile, by_law: true })
    }

    /// Whether some answers lie beyond a quantile.
    fn are_enough_for(&self, quantile: f64) -> bool {
        self.answers as f64 >= 10.0 / (1.0 - quantile)
    }
}

/// The next number of two significant digits.
fn two_digits(value: u64) -> u64 {
    let mut unit = 1;
    while value / unit >= 100 {
        unit *= 10;
    }
    value.div_ceil(unit) * unit
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrate::fit::{Grain, Value, fit};
    use crate::calibrate::observation::{Instant, Observation, Outcome, Source, Usage};
    use crate::calibrate::sketch::{Place, Sketch};

    /// 20,000 answers of 1 to 1,000 tokens; `limit` cuts those that are longer.
    fn seen(limit: impl Fn(u64) -> MaxTokens) -> OutputLimit {
        let mut sketch = Sketch::default();
        for record in 0..20_000_u64 {
            let natural = (record * 7_919 % 1_000) as u32 + 1;
            let limit = limit(record);
            let output = match limit {
                MaxTokens::Set(limit) => natural.min(limit),
                _ => natural,
            };
            let observation = Observation {
                at: Instant(0),
                source: Source::default(),
                outcome: Outcome::Answered { cut: output < natural },
                tokens: Usage { input: Some(9), output: Some(output), ..Usage::default() },
                max_tokens: limit,
                ttft: None,
                latency: None,
                session: None,
                retry: false,
            };
            sketch.add(Place { file: 0, record }, &observation);
        }
        let workload = &sketch.workloads[0].1;
        let sample = workload.sample();
        let lengths =
            sample.iter().map(|record| Value { value: f64::from(record.tokens.output.unwrap()), censored: record.cut });
        let law = fit(&lengths.collect::<Vec<_>>(), Grain::ANSWER);
        output_limit(workload, &sample, Some(64_000), &law)
    }

    #[test]
    fn the_limits_that_would_do_cut_what_they_say() {
        let found = seen(|_| MaxTokens::Unset);
        let choices: Vec<(u64, f64)> = found.choices.iter().map(|choice| (choice.max_tokens, choice.cuts)).collect();
        for ((limit, cuts), (expected, share)) in choices.iter().zip([(950, 0.05), (990, 0.01), (1_000, 0.0)]) {
            assert_eq!(*limit, expected);
            assert!((cuts - share).abs() < 1e-9, "{cuts}");
        }
        assert_eq!((found.recommended, found.scenario, found.cut), (Some(1_000), None, 0.0));
        assert_eq!(found.used, [Used { max_tokens: None, share: 1.0 }]);
    }

    #[test]
    fn answers_cut_at_a_cap_leave_the_tail_unknown() {
        let found = seen(|_| MaxTokens::Set(800));
        assert!((found.cut - 0.2).abs() < 1e-9);
        assert_eq!((found.scenario, found.largest_cut), (Some(800), Some(800)));
        assert!(found.choices.is_empty(), "95 % was never seen: {:?}", found.choices);
        // Half of the requests allow all lengths: they tell the tail.
        let found = seen(|record| MaxTokens::Set(if record % 2 == 0 { 500 } else { 5_000 }));
        assert_eq!(found.choices.last().unwrap().max_tokens, 1_000);
        assert_eq!((found.scenario, found.different), (Some(2_750), 2));
    }

    #[test]
    fn the_law_tells_the_next_limit_where_answers_were_cut() {
        // 3 % are cut: p95 was seen, p99 was not.
        let found = seen(|_| MaxTokens::Set(970));
        let [seen, next] = found.choices.as_slice() else { panic!("{:?}", found.choices) };
        assert_eq!((seen.max_tokens, seen.by_law), (950, false));
        assert!(next.by_law && next.quantile == 0.99 && next.max_tokens > 970, "{next:?}");
        assert_eq!(found.recommended, Some(next.max_tokens));
    }

    #[test]
    fn an_unset_limit_weighs_as_the_models_maximum() {
        let found = seen(|record| if record % 4 == 0 { MaxTokens::Unset } else { MaxTokens::Set(4_000) });
        assert_eq!(found.scenario, Some(64_000 / 4 + 3_000));
        assert_eq!(found.used[0], Used { max_tokens: Some(4_000), share: 0.75 });
        let found = seen(|_| MaxTokens::Unknown);
        assert_eq!((found.unknown, found.scenario), (1.0, None));
    }

    #[test]
    fn limits_are_rounded_up_to_two_digits() {
        assert_eq!([7, 99, 100, 101, 129, 4_096].map(two_digits), [7, 99, 100, 110, 130, 4_100]);
    }
}
