//! The state as JSON: what a test asks, and what the page shows.

use super::Served;
use super::counts::Counts;
use super::service::{PoolState, Service};
use crate::model::{PoolQuotas, Quota, QuotaName};
use crate::units::SimTime;
use serde_json::{Map, Value, json};

impl Service {
    /// Everything as of now, and what it rests on.
    pub(super) fn state(&mut self, now: SimTime, speed: Option<f64>) -> Value {
        let mut pools = Map::new();
        for place in 0..self.pools.len() {
            if Service::serves(&self.pools[place].model) {
                let value = self.pool_state(now, place);
                pools.insert(self.pools[place].model.name.clone(), value);
            }
        }
        let accounts = self.account_states(now);
        let assumptions: Vec<&str> =
            self.scenario.assumptions.iter().map(String::as_str).chain(super::ASSUMPTIONS).collect();
        json!({
            "scenario": self.scenario.name,
            "version": env!("CARGO_PKG_VERSION"),
            "time": self.timestamp(now),
            "elapsed_s": self.law_time(now).as_secs_f64(),
            "speed": speed,
            "pools": pools,
            "workloads": self.workload_states(),
            "accounts": accounts,
            "rejected": self.rejected,
            "faults": self.faults.parts().iter().map(|(fault, p)| (fault.key().to_owned(), json!(p.0))).collect::<Map<_, _>>(),
            "assumptions": assumptions,
        })
    }

    /// The samples of the last minutes after an instant, by pool: rows of numbers in the order of `columns`.
    pub(super) fn history(&self, since: Option<SimTime>) -> Value {
        let rows = |state: &PoolState| -> Value {
            let row = |sample: &super::history::Sample| {
                json!([
                    sample.at.as_secs_f64(),
                    sample.available,
                    sample.capacity,
                    sample.reserved,
                    sample.in_flight,
                    sample.attempts,
                    sample.throttled,
                ])
            };
            state.history.since(since).map(row).collect()
        };
        let pools: Map<String, Value> = self
            .pools
            .iter()
            .filter(|state| Service::serves(&state.model))
            .map(|state| (state.model.name.clone(), rows(state)))
            .collect();
        json!({
            "columns": ["time_s", "available", "capacity", "reserved", "in_flight", "attempts", "throttled"],
            "pools": pools,
        })
    }

    /// What was served, in a few numbers.
    pub(super) fn served(&self) -> Served {
        let counts = || self.flows.values().map(|flow| &flow.counts);
        Served {
            attempts: counts().map(|counts| counts.attempts).sum(),
            throttled: counts().map(Counts::throttled).sum(),
            rejected: self.rejected.values().sum(),
        }
    }

    /// The counters of a pool over all workloads.
    fn pool_counts(&self, pool: usize) -> Counts {
        let mut sum = Counts::default();
        for (_, flow) in self.flows.iter().filter(|((_, of), _)| *of == pool) {
            sum.merge(&flow.counts);
        }
        sum
    }

    fn pool_state(&mut self, now: SimTime, place: usize) -> Value {
        let law_now = self.law_time(now);
        let counts = self.pool_counts(place);
        let hung_up = self.flights.values().filter(|flight| flight.is_abandoned_on(place)).count();
        let state = &mut self.pools[place];
        let tokens_level = state.gate.available(law_now);
        let requests_level = state.gate.requests_available(law_now);
        let day_used = state.gate.day_used(law_now);
        let PoolQuotas::Runtime { requests, tokens, .. } = &state.model.quotas else {
            unreachable!("pools of another endpoint are not served")
        };
        let mut value = json!({
            "model": state.model.model,
            "burndown_rate": state.model.burndown.0,
            "max_output_tokens": state.model.max_output.0,
            "tokens_per_minute": quota(tokens.as_ref(), tokens_level, law_now),
            "requests_per_minute": quota(requests.as_ref(), requests_level, law_now),
            "tokens_per_day": day_used.map(|(used, limit)| json!({ "limit": limit, "used": used })),
            "in_flight": state.in_flight,
            "hung_up": hung_up,
            "reserved": state.reserved,
        });
        append(&mut value, counted(&counts));
        value
    }

    fn workload_states(&self) -> Map<String, Value> {
        let state = |place: usize| {
            let mut sum = Counts::default();
            for (_, flow) in self.flows.iter().filter(|((workload, _), _)| *workload == place) {
                sum.merge(&flow.counts);
            }
            let requests = self.requests.made(place);
            let mut value = json!({
                "requests": requests,
                "attempts_per_request": ratio(sum.attempts, requests),
            });
            append(&mut value, counted(&sum));
            value
        };
        let names = self.scenario.workloads.iter().enumerate();
        names.map(|(place, workload)| (workload.name.clone(), state(place))).collect()
    }

    fn account_states(&mut self, now: SimTime) -> Map<String, Value> {
        let now = self.law_time(now);
        let meters = self.scenario.accounts.iter().zip(&mut self.accounts);
        meters
            .map(|(account, meter)| {
                let day = meter.as_mut().map(|day| json!({ "limit": day.capacity(), "used": day.used(now) }));
                (account.name.clone(), json!({ "tokens_per_day": day }))
            })
            .collect()
    }
}

/// A per-minute quota: its limit, the most that fits at once and what fits now.
fn quota(quota: Option<&Quota>, level: Option<(i64, u64)>, now: SimTime) -> Value {
    match (quota, level) {
        (Some(quota), Some((available, capacity))) => {
            json!({ "limit": quota.limit_at(now), "capacity": capacity, "available": available })
        }
        _ => Value::Null,
    }
}

fn counted(counts: &Counts) -> Value {
    let throttles: Map<String, Value> =
        QuotaName::ALL.iter().map(|&limit| (limit.key().to_owned(), json!(counts.throttles[limit as usize]))).collect();
    let mean_ms = |sum: crate::units::SimSpan| ratio(sum.0, counts.responses).map(|ns| ns / 1e6);
    json!({
        "attempts": counts.attempts,
        "throttled": counts.throttled(),
        "attempt_throttle_rate": ratio(counts.throttled(), counts.attempts),
        "throttles_by_limit": throttles,
        "outcomes": counts.outcomes,
        "tokens": {
            "input": counts.tokens.input,
            "cache_read": counts.tokens.cache_read,
            "cache_write": counts.tokens.cache_write,
            "output": counts.tokens.output,
        },
        "ledger": {
            "reserved": counts.ledger.reserved,
            "settled": counts.ledger.settled,
            "refunded": counts.ledger.refunded,
            "overdraft": counts.ledger.overdraft,
            "open": counts.ledger.open(),
        },
        "latency_ms_mean": mean_ms(counts.latency),
        "ttft_ms_mean": mean_ms(counts.ttft),
    })
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn append(value: &mut Value, more: Value) {
    if let (Value::Object(fields), Value::Object(more)) = (value, more) {
        fields.extend(more);
    }
}
