//! How a quota may be enforced: the readings of the law among which history decides.

use crate::model::{Limiter, ReservationRules};
use crate::units::{Probability, SimSpan, Tokens, format};

/// One reading of the law.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hypothesis {
    /// How quotas are enforced over time.
    pub limiter: Limiter,
    /// How a reservation is computed.
    pub rules: ReservationRules,
}

/// Bursts that buckets are tried with, in s. Published tests on Bedrock fit about 60 on one endpoint and far less on
/// another.
const BURSTS: [u64; 6] = [1, 5, 10, 30, 60, 120];
/// The floor of the `max_tokens` part that one user report gives.
const FLOOR: Tokens = Tokens(4_096);

impl Hypothesis {
    /// The default: what AWS publishes, and a bucket of a minute.
    pub fn published() -> Hypothesis {
        Hypothesis { limiter: Limiter::DEFAULT, rules: ReservationRules::default() }
    }

    /// Every reading, the default first. Rules that cannot matter (cache reads where nothing was read, say) are left
    /// out by the caller, who knows the history.
    pub fn all(cache_reads: bool, burndown: bool, short_limits: bool) -> Vec<Hypothesis> {
        let plain = ReservationRules::default();
        let mut rules = vec![plain];
        if cache_reads {
            rules.push(ReservationRules { reserve_cache_reads: true, ..plain });
        }
        if burndown {
            rules.push(ReservationRules { reserve_burndown: true, ..plain });
        }
        if short_limits {
            rules.push(ReservationRules { reservation_floor: FLOOR, ..plain });
        }
        let bucket = |seconds: u64| Limiter::TokenBucket {
            burst: SimSpan(seconds * SimSpan::SECOND.0),
            initial_level: Probability(1.0),
        };
        let mut limiters = vec![Limiter::DEFAULT];
        limiters.extend(BURSTS.into_iter().filter(|&seconds| seconds != 60).map(bucket));
        limiters.extend([Limiter::FixedWindow { phase: SimSpan::ZERO }, Limiter::SlidingWindow]);
        let each = |limiter: Limiter| rules.iter().map(move |&rules| Hypothesis { limiter, rules });
        limiters.into_iter().flat_map(each).collect()
    }

    /// In words.
    pub fn name(&self) -> String {
        let limiter = match self.limiter {
            Limiter::TokenBucket { burst, .. } => {
                format!("bucket of {}", format::duration(burst).replace("1m", "60 s").replace("2m", "120 s"))
            }
            Limiter::FixedWindow { .. } => "fixed minute".to_owned(),
            Limiter::SlidingWindow => "sliding minute".to_owned(),
            Limiter::InFlight => "open reservations".to_owned(),
        };
        match self.rule() {
            "" => limiter,
            rule => format!("{limiter}, {rule}"),
        }
    }

    /// What its reservation counts besides the published law; empty for that law.
    pub fn rule(&self) -> &'static str {
        match self.rules {
            ReservationRules { reserve_cache_reads: true, .. } => "cache reads reserved",
            ReservationRules { reserve_burndown: true, .. } => "max_tokens × burndown",
            ReservationRules { reservation_floor: FLOOR, .. } => "at least 4,096 reserved",
            _ => "",
        }
    }

    /// What a pool of a scenario says to assume it, as the scenario language writes it.
    pub fn written(&self) -> String {
        let limiter = match self.limiter {
            Limiter::TokenBucket { burst, .. } => {
                format!("limiter: {{ token_bucket: {{ burst_seconds: {} }} }}", burst.0 / SimSpan::SECOND.0)
            }
            Limiter::FixedWindow { .. } => "limiter: fixed_window".to_owned(),
            Limiter::SlidingWindow => "limiter: sliding_window".to_owned(),
            Limiter::InFlight => "limiter: in_flight".to_owned(),
        };
        let rule = match self.rules {
            ReservationRules { reserve_cache_reads: true, .. } => ", assumptions: { reserve_cache_reads: true }",
            ReservationRules { reserve_burndown: true, .. } => ", assumptions: { reserve_burndown: true }",
            ReservationRules { reservation_floor: FLOOR, .. } => ", assumptions: { reservation_floor: 4_096 }",
            _ => "",
        };
        format!("{limiter}{rule}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::catalog::Catalog;
    use crate::spec::{NoFiles, read};

    #[test]
    fn the_default_comes_first_and_none_twice() {
        let all = Hypothesis::all(true, true, true);
        assert_eq!(all[0], Hypothesis::published());
        assert_eq!(all.len(), 8 * 4);
        let mut names: Vec<String> = all.iter().map(Hypothesis::name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all.len());
        assert_eq!(Hypothesis::all(false, false, false).len(), 8);
    }

    #[test]
    fn what_is_written_reads_back() {
        for hypothesis in Hypothesis::all(true, true, true) {
            let text = format!(
                "version: 1\npools:\n  p: {{ model: us.anthropic.claude-haiku-4-5-20251001-v1:0, {} }}\nworkloads:\n  \
                 w: {{ pool: p, arrivals: {{ poisson: {{ rate: 1/s }} }}, input_tokens: 1, output_tokens: 1 }}\n",
                hypothesis.written()
            );
            let scenario = read(&text, "x.yaml", &[], &NoFiles, Catalog::embedded()).unwrap().scenario;
            assert_eq!(scenario.pools[0].rules, hypothesis.rules, "{text}");
            assert_eq!(scenario.pools[0].quotas.reserved_from().unwrap().limiter, hypothesis.limiter, "{text}");
        }
    }
}
