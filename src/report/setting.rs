//! What charts say of the scenario beneath a result: models, limiters, limits, objectives.
//!
//! A [`Summary`](crate::analysis::Summary) has the numbers; these are the words. They can be saved beside a result,
//! so that it can be drawn again without its scenario.

use super::number::{count, duration_ms, percent};
use crate::model::{Limiter, Pool, PoolQuotas, Requirement, ReservationRules, Scenario, Scope, Workload};
use serde::{Deserialize, Serialize};

/// What a token bucket has left.
pub(super) const BUCKET_LEVEL: &str = "bucket level";

/// The words for everything in a scenario.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Setting {
    /// Pools, in file order.
    pub pools: Vec<PoolSetting>,
    /// Workloads, in file order.
    pub workloads: Vec<WorkloadSetting>,
    /// Objectives that have a percentile of latency or time to first token in them.
    pub objectives: Vec<LatencyObjective>,
}

/// A pool in words.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PoolSetting {
    /// Its name.
    pub name: String,
    /// The model id.
    pub model: String,
    /// How its tokens quota is enforced, `token bucket of 60 s`; `None` without one.
    pub limiter: Option<String>,
    /// What the limiter has left is called: `bucket level`.
    pub available: String,
    /// The reservation rules that differ from AWS's text, each in words.
    pub rules: Vec<String>,
    /// Quota tokens per output token.
    pub burndown: u32,
    /// Whether the pool has separate input and output quotas, of which the timeline shows the input's.
    pub mantle: bool,
}

/// A workload in words.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct WorkloadSetting {
    /// Its name.
    pub name: String,
    /// The name of the pool that it calls first.
    pub pool: String,
    /// That pool's model id.
    pub model: String,
}

/// A bound on a percentile of latency, to be drawn as a line.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LatencyObjective {
    /// The workload it speaks of; `None` is all.
    pub workload: Option<String>,
    /// `p99`.
    pub percentile: String,
    /// The bound, in milliseconds.
    pub bound_ms: f64,
    /// Whether it speaks of the first token and not of the whole answer.
    pub first_token: bool,
}

impl Setting {
    /// The words for `scenario`.
    pub fn of(scenario: &Scenario) -> Setting {
        Setting {
            pools: scenario.pools.iter().map(pool).collect(),
            workloads: scenario.workloads.iter().map(|each| workload(each, scenario)).collect(),
            objectives: scenario.slo.iter().filter_map(|each| objective(each, scenario)).collect(),
        }
    }

    /// The pool of that name.
    pub fn pool(&self, name: &str) -> Option<&PoolSetting> {
        self.pools.iter().find(|pool| pool.name == name)
    }

    /// The workload of that name.
    pub fn workload(&self, name: &str) -> Option<&WorkloadSetting> {
        self.workloads.iter().find(|workload| workload.name == name)
    }

    /// How the pools' tokens quotas are assumed to be enforced, those alike together:
    /// `haiku, sonnet: token bucket of 60 s (assumption)`.
    pub fn limiters(&self) -> Vec<String> {
        let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
        for pool in &self.pools {
            let words: Vec<&str> = pool.limiter.iter().chain(&pool.rules).map(String::as_str).collect();
            let words = words.join(", ");
            match groups.iter_mut().find(|(known, _)| *known == words) {
                Some((_, names)) => names.push(&pool.name),
                None => groups.push((words, vec![&pool.name])),
            }
        }
        groups.retain(|(words, _)| !words.is_empty());
        groups.into_iter().map(|(words, names)| format!("{}: {words} (assumption)", names.join(", "))).collect()
    }

    /// What a chart rests on: the models, and how each pool's quota is enforced.
    pub fn foundations(&self) -> Vec<String> {
        let models = Some(self.models().join(", ")).filter(|models| !models.is_empty());
        models.into_iter().chain(self.limiters()).collect()
    }

    /// The models in use, each once, in file order.
    pub fn models(&self) -> Vec<&str> {
        let mut models: Vec<&str> = Vec::new();
        for pool in &self.pools {
            if !models.contains(&pool.model.as_str()) {
                models.push(&pool.model);
            }
        }
        models
    }
}

fn pool(pool: &Pool) -> PoolSetting {
    let limiter = pool.quotas.reserved_from().map(|quota| quota.limiter);
    PoolSetting {
        name: pool.name.clone(),
        model: pool.model.clone(),
        limiter: limiter.map(limiter_words),
        available: limiter.map_or("left", available_words).to_owned(),
        rules: rule_words(&pool.rules),
        burndown: pool.burndown.0,
        mantle: matches!(pool.quotas, PoolQuotas::Mantle { .. }),
    }
}

fn workload(workload: &Workload, scenario: &Scenario) -> WorkloadSetting {
    let pool = &scenario.pools[workload.pool];
    WorkloadSetting { name: workload.name.clone(), pool: pool.name.clone(), model: pool.model.clone() }
}

fn objective(requirement: &Requirement, scenario: &Scenario) -> Option<LatencyObjective> {
    let (metric, percentile) = requirement.metric.split_once('.')?;
    let first_token = match metric {
        "latency_ms" => false,
        "ttft_ms" => true,
        _ => return None,
    };
    let workload = match requirement.scope {
        Scope::Total => None,
        Scope::Workload(index) => Some(scenario.workloads[index].name.clone()),
        Scope::Pool(_) => return None,
    };
    let percentile = percentile.to_owned();
    Some(LatencyObjective { workload, percentile, bound_ms: requirement.bound, first_token })
}

fn limiter_words(limiter: Limiter) -> String {
    match limiter {
        Limiter::TokenBucket { burst, initial_level } => {
            let full = if initial_level.0 == 1.0 {
                String::new()
            } else {
                format!(", {} full at the start", percent(initial_level.0))
            };
            format!("token bucket of {}{full}", duration_ms(burst.as_secs_f64() * 1e3))
        }
        Limiter::FixedWindow { .. } => "fixed one-minute window".to_owned(),
        Limiter::SlidingWindow => "sliding one-minute window".to_owned(),
        Limiter::InFlight => "open reservations only".to_owned(),
    }
}

fn available_words(limiter: Limiter) -> &'static str {
    match limiter {
        Limiter::TokenBucket { .. } => BUCKET_LEVEL,
        Limiter::FixedWindow { .. } | Limiter::SlidingWindow => "left in the window",
        Limiter::InFlight => "not reserved",
    }
}

/// The rules that differ from AWS's text.
fn rule_words(rules: &ReservationRules) -> Vec<String> {
    let mut words = Vec::new();
    if rules.reserve_cache_reads {
        words.push("cache reads reserved".to_owned());
    }
    if rules.reserve_burndown {
        words.push("burndown reserved".to_owned());
    }
    if rules.reservation_floor.0 > 0 {
        words.push(format!("at least {} reserved for output", count(rules.reservation_floor.0)));
    }
    if rules.rejections_consume_requests {
        words.push("rejections count as requests".to_owned());
    }
    if let Some(every) = rules.adjust_every {
        words.push(format!("adjusted every {}", duration_ms(every.as_secs_f64() * 1e3)));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::scenario::{Load, Start};
    use crate::model::{Arrivals, ClientPolicy, Comparison, Distribution, Faults, Latency, Prices, Quota, TokenDemand};
    use crate::units::{BurndownRate, Probability, SimSpan, SimTime, Tokens};

    fn pool(name: &str, quotas: PoolQuotas, rules: ReservationRules) -> Pool {
        Pool {
            name: name.into(),
            model: "us.amazon.nova-lite-v1:0".into(),
            account: None,
            quotas,
            rules,
            burndown: BurndownRate(1),
            max_output: Tokens(10_000),
            context_window: None,
            prices: Prices::default(),
            latency: Latency::Duration(Distribution::Constant(1.0)),
            faults: Faults::NONE,
            fault_episodes: Vec::new(),
        }
    }

    fn workload(name: &str, pool: usize) -> Workload {
        let constant = || Distribution::Constant(1.0);
        Workload {
            name: name.into(),
            pool,
            fallback: None,
            arrivals: Arrivals::Burst { at: SimTime::ZERO, count: 1 },
            tokens: TokenDemand {
                input: constant(),
                cache_read: constant(),
                cache_write: constant(),
                output: constant(),
                correlation: 0.0,
            },
            max_tokens: None,
            latency: None,
            faults: Faults::NONE,
            fault_episodes: Vec::new(),
            stream: false,
            throttle_latency: SimSpan::ZERO,
            client: ClientPolicy::None,
            clients: 1,
            concurrency: None,
            pace: None,
            deadline: None,
            read_timeout: None,
            priority: 0,
        }
    }

    fn bound(scope: Scope, metric: &str) -> Requirement {
        let text = format!("{metric} < 5");
        Requirement { text, scope, metric: metric.into(), comparison: Comparison::Less, bound: 5.0 }
    }

    #[test]
    fn a_scenario_in_words() {
        let window = Quota { limiter: Limiter::SlidingWindow, ..Quota::constant(9) };
        let burst = Limiter::TokenBucket { burst: SimSpan(10_000_000_000), initial_level: Probability(0.25) };
        let tokens = Some(Quota { limiter: burst, ..Quota::constant(9) });
        let rules = ReservationRules {
            reserve_burndown: true,
            reservation_floor: Tokens(4_096),
            adjust_every: Some(SimSpan::SECOND),
            ..ReservationRules::default()
        };
        let scenario = Scenario {
            name: "words".into(),
            start: Start::default(),
            horizon: SimTime(1),
            horizon_given: true,
            warmup: SimTime::ZERO,
            replications: 1,
            seed: 1,
            load: Load::ONE,
            spike: None,
            episode: false,
            accounts: Vec::new(),
            pools: vec![
                pool("b", PoolQuotas::Runtime { requests: None, tokens, tokens_per_day: None }, rules),
                pool("a", PoolQuotas::Mantle { input: Some(window), output: None }, ReservationRules::default()),
                pool(
                    "c",
                    PoolQuotas::Runtime { requests: None, tokens: None, tokens_per_day: None },
                    ReservationRules::default(),
                ),
            ],
            workloads: vec![workload("w", 1)],
            slo: vec![
                bound(Scope::Total, "attempt_throttle_rate"),
                bound(Scope::Workload(0), "ttft_ms.p90"),
                bound(Scope::Total, "latency_ms.p99"),
            ],
            assumptions: Vec::new(),
        };
        let setting = Setting::of(&scenario);
        let limiters: Vec<_> = setting.pools.iter().map(|pool| pool.limiter.as_deref()).collect();
        assert_eq!(
            limiters,
            [Some("token bucket of 10 s, 25% full at the start"), Some("sliding one-minute window"), None]
        );
        assert_eq!(
            setting.pools[0].rules,
            ["burndown reserved", "at least 4,096 reserved for output", "adjusted every 1 s"]
        );
        assert!(setting.pools[1].mantle && setting.pools[1].rules.is_empty());
        assert_eq!(setting.workload("w").map(|workload| workload.pool.as_str()), Some("a"));
        assert_eq!(setting.models(), ["us.amazon.nova-lite-v1:0"]);
        assert_eq!(
            setting.limiters(),
            [
                "b: token bucket of 10 s, 25% full at the start, burndown reserved, at least 4,096 reserved for output, \
                 adjusted every 1 s (assumption)",
                "a: sliding one-minute window (assumption)"
            ]
        );
        let objectives: Vec<_> =
            setting.objectives.iter().map(|each| (each.workload.as_deref(), each.first_token)).collect();
        assert_eq!(objectives, [(Some("w"), true), (None, false)]);
    }
}
