//! Folds the tallies of all replications into a summary.

use crate::analysis::confidence::Watched;
use crate::analysis::estimate::{Kind, Part, ratio};
use crate::analysis::recovery::{self, Recovery};
use crate::analysis::{
    ByMinute, Counts, Estimate, FailuresByCause, Gauge, LedgerTotals, Metrics, Percentiles, PoolMetrics, Summary,
    ThrottlesByLimit, Wait, Wasted, slo, warnings,
};
use crate::model::{Prices, QuotaName, Requirement, Scenario};
use crate::tally::{Billed, Durations, FailureCause, FlowTally, Health, Histogram, Minutes, PoolTally, Tally};
use crate::units::SimSpan;

/// The tallies of replications as they come in, in any order; or those of the batches of one run, which count like
/// replications.
///
/// Histograms are pooled at once; what is kept of each replication is a few hundred bytes, so memory does not grow
/// with the number of requests and hardly with the number of replications.
#[derive(Debug, Default)]
pub struct Replications {
    /// By index of the replication: its tally without histograms.
    tallies: Vec<Option<Tally>>,
    /// Histograms pooled over replications, by flow.
    pooled_flows: Vec<FlowTally>,
    /// By pool: tokens and requests by minute.
    pooled_minutes: Vec<(Minutes, Minutes)>,
    /// By index of the replication: its percentiles, which need the histograms; of all requests, then by workload.
    typical: Vec<Option<Vec<Typical>>>,
    /// By objective: the percentile it speaks of, and its values by index of the replication.
    watched: Vec<Option<(Watched, Vec<Option<f64>>)>>,
    /// By index of the replication: what became of it after a disturbance.
    outcomes: Vec<Option<recovery::Outcome>>,
    /// How requests fared over time with a disturbance and without it, over all replications.
    pooled_health: [Health; 2],
}

/// Percentiles of one replication [ns]; `None` with nothing observed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Typical {
    /// Median and 99th percentile of latency.
    pub(super) latency: [Option<u64>; 2],
    /// Median and 99th percentile of the wait.
    pub(super) wait: [Option<u64>; 2],
}

impl Typical {
    fn of<'a>(flows: impl Iterator<Item = &'a FlowTally>) -> Typical {
        let (mut latency, mut wait) = (Durations::default(), Durations::default());
        for flow in flows {
            latency.merge(&flow.latency);
            wait.merge(&flow.wait);
        }
        let ends = |of: &Durations| [0.5, 0.99].map(|p| of.quantile_among(p, of.count));
        Typical { latency: ends(&latency), wait: ends(&wait) }
    }

    /// Of all requests, then of each workload's.
    fn all(tally: &Tally) -> Vec<Typical> {
        let workloads = tally.flows.iter().map(|flow| flow.workload + 1).max().unwrap_or(0);
        let of_workload = |index| Typical::of(tally.flows.iter().filter(move |flow| flow.workload == index));
        std::iter::once(Typical::of(tally.flows.iter())).chain((0..workloads).map(of_workload)).collect()
    }
}

impl Replications {
    /// Replications of which the percentiles that objectives speak of are kept one by one.
    pub fn watching(objectives: &[Requirement]) -> Replications {
        let watched = objectives.iter().map(|objective| Some((Watched::of(objective)?, Vec::new()))).collect();
        Replications { watched, ..Replications::default() }
    }

    /// Takes in one replication.
    pub fn add(&mut self, index: u32, mut tally: Tally) {
        let typical = Typical::all(&tally);
        for (watched, values) in self.watched.iter_mut().flatten() {
            values.resize(values.len().max(index as usize + 1), None);
            values[index as usize] = watched.read(&tally);
        }
        self.pooled_flows.resize_with(tally.flows.len(), FlowTally::default);
        for (pooled, flow) in self.pooled_flows.iter_mut().zip(&mut tally.flows) {
            pooled.merge_histograms(flow);
            flow.drop_histograms();
        }
        self.pooled_minutes.resize_with(tally.pools.len(), Default::default);
        for ((tokens, requests), pool) in self.pooled_minutes.iter_mut().zip(&mut tally.pools) {
            tokens.merge(&pool.tokens_by_minute);
            requests.merge(&pool.requests_by_minute);
            // The mean of a replication's minutes needs their sum; how many there are, its measured time tells.
            pool.tokens_by_minute.histogram = Histogram::default();
            pool.requests_by_minute.histogram = Histogram::default();
        }
        let index = index as usize;
        self.add_health(index, &mut tally);
        if self.tallies.len() <= index {
            self.tallies.resize_with(index + 1, || None);
            self.typical.resize_with(index + 1, || None);
        }
        // Only the first replication's path over time is ever drawn.
        match self.tallies.iter().position(Option::is_some) {
            Some(first) if first < index => drop_timelines(&mut tally),
            Some(first) => self.tallies[first].iter_mut().for_each(drop_timelines),
            None => {}
        }
        self.tallies[index] = Some(tally);
        self.typical[index] = Some(typical);
    }

    /// Keeps what became of a replication after a disturbance, and drops its course.
    fn add_health(&mut self, index: usize, tally: &mut Tally) {
        let Some(outcome) = recovery::Outcome::of(tally) else { return };
        if self.outcomes.len() <= index {
            self.outcomes.resize(index + 1, None);
        }
        self.outcomes[index] = Some(outcome);
        for (pooled, health) in self.pooled_health.iter_mut().zip([tally.health.take(), tally.undisturbed.take()]) {
            if let Some(health) = &health {
                pooled.merge(health);
            }
        }
    }

    /// What became of the scenario after its disturbance, if it has one.
    pub fn recovery(&self, scenario: &Scenario) -> Option<Recovery> {
        let outcomes: Vec<recovery::Outcome> = self.outcomes.iter().flatten().copied().collect();
        let disturbance = scenario.disturbance().filter(|_| !outcomes.is_empty())?;
        Some(recovery::fold(&outcomes, disturbance, &self.pooled_health))
    }

    /// Into how many batches the measured time of the one run was cut; `None` if these are replications.
    pub fn batches(&self) -> Option<u32> {
        self.first().and_then(|tally| tally.batch).map(|_| self.len() as u32)
    }

    /// How many runs these are of: one for each replication, one for all batches.
    fn runs(&self) -> u32 {
        if self.batches().is_some() { 1 } else { self.len() as u32 }
    }

    /// How many replications or batches have come in.
    pub fn len(&self) -> usize {
        self.tallies.iter().flatten().count()
    }

    /// Whether none has.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The tally of the first replication, whose path over time the charts show.
    pub fn first(&self) -> Option<&Tally> {
        self.tallies.iter().flatten().next()
    }

    /// The summary of what has come in.
    pub fn summary(&self, scenario: &Scenario, seed: u64) -> Summary {
        let mut summary = Summary {
            schema_version: Summary::SCHEMA_VERSION,
            quotasim_version: env!("CARGO_PKG_VERSION").to_owned(),
            scenario: scenario.name.clone(),
            seed,
            replications: self.runs(),
            batches: self.batches(),
            horizon_s: scenario.horizon.as_secs_f64(),
            warmup_s: scenario.warmup.as_secs_f64(),
            total: self.metrics(scenario, |_| true, |tally| tally.in_flight_max),
            recovery: self.recovery(scenario),
            assumptions: scenario.assumptions.clone(),
            ..Summary::default()
        };
        for (index, workload) in scenario.workloads.iter().enumerate() {
            let metrics = self.metrics(
                scenario,
                |flow| flow.workload == index,
                |tally| tally.workloads_in_flight_max.get(index).copied().unwrap_or(0),
            );
            summary.workloads.insert(workload.name.clone(), metrics);
        }
        for (index, pool) in scenario.pools.iter().enumerate() {
            let mut metrics =
                self.metrics(scenario, |flow| flow.pool == index, |tally| tally.pools[index].in_flight_max);
            metrics.pool = Some(self.pool_metrics(scenario, index));
            summary.pools.insert(pool.name.clone(), metrics);
        }
        summary.slo = slo::judge(scenario, &summary);
        summary.warnings = warnings::of_run(scenario, &summary, self);
        summary
    }

    /// The values, one per replication \[ms\], of the percentile that the objective of this index speaks of; `None` if
    /// it speaks of none, was not watched, or a replication had nothing to observe.
    pub(super) fn spread(&self, objective: usize) -> Option<Vec<f64>> {
        let (_, values) = self.watched.get(objective)?.as_ref()?;
        values.iter().copied().collect()
    }

    /// Each of them alone, in order and without percentiles.
    pub(super) fn one_by_one(&self) -> impl Iterator<Item = Replications> {
        self.tallies().map(|tally| Replications {
            tallies: vec![Some(tally.clone())],
            pooled_flows: vec![FlowTally::default(); tally.flows.len()],
            pooled_minutes: vec![Default::default(); tally.pools.len()],
            ..Replications::default()
        })
    }

    /// The measured time that each is of.
    fn spans(&self, scenario: &Scenario) -> Vec<SimSpan> {
        self.tallies().map(|tally| span(scenario, tally)).collect()
    }

    /// The tallies that have come in, in order of replication.
    pub(super) fn tallies(&self) -> impl Iterator<Item = &Tally> {
        self.tallies.iter().flatten()
    }

    /// The percentiles of the replications that have come in, in order: of one workload or of all.
    pub(super) fn typical(&self, workload: Option<usize>) -> impl Iterator<Item = &Typical> {
        self.typical.iter().flatten().map(move |each| &each[workload.map_or(0, |index| index + 1)])
    }

    fn metrics(
        &self,
        scenario: &Scenario,
        belongs: impl Fn(&FlowTally) -> bool,
        in_flight_max: impl Fn(&Tally) -> u64,
    ) -> Metrics {
        let merged: Vec<FlowTally> =
            self.tallies().map(|tally| merge(tally.flows.iter().filter(|f| belongs(f)))).collect();
        let mut whole = merge(&merged);
        for (pooled, flow) in self.pooled_flows.iter().zip(self.first().map_or(&[][..], |tally| &tally.flows)) {
            if belongs(flow) {
                whole.merge_histograms(pooled);
            }
        }
        let spans = self.spans(scenario);
        let rate = Kind::Rate { minutes: scenario.measured().as_minutes_f64() * f64::from(self.runs()) };
        let of = |kind: Kind, numerator: fn(&FlowTally) -> u64, denominator: fn(&FlowTally) -> u64| {
            let part =
                |flow: &FlowTally| Part { numerator: numerator(flow) as f64, denominator: denominator(flow) as f64 };
            ratio(&merged.iter().map(part).collect::<Vec<_>>(), kind)
        };
        let per_minute = |count: &dyn Fn(&FlowTally) -> u64| per(&merged, &spans, count);
        let throttles = |limit: QuotaName| per_minute(&|flow: &FlowTally| flow.throttles[limit as usize]);
        let failures = |cause: FailureCause| per_minute(&|flow: &FlowTally| flow.failures[cause as usize]);
        Metrics {
            counts: Counts {
                requests: whole.requests,
                attempts: whole.attempts,
                throttled: whole.throttled(),
                succeeded: whole.succeeded,
                failed: whole.failed,
                truncated: whole.truncated,
            },
            ledger: LedgerTotals {
                reserved: whole.ledger.reserved,
                settled: whole.ledger.settled,
                refunded: whole.ledger.refunded,
                overdraft: whole.ledger.overdraft,
                open: whole.ledger.open(),
            },
            offered_requests_per_minute: per_minute(&|flow| flow.requests),
            offered_tokens_per_minute: per_minute(&|flow| flow.offered_charge),
            attempts_per_request: of(Kind::Mean, |flow| flow.attempts, |flow| flow.requests),
            attempt_throttle_rate: of(rate, FlowTally::throttled, |flow| flow.attempts),
            request_throttle_rate: of(rate, |flow| flow.requests_throttled, |flow| flow.requests),
            request_failure_rate: of(rate, |flow| flow.failed, |flow| flow.requests),
            truncation_rate: of(rate, |flow| flow.truncated, |flow| flow.succeeded),
            quota_truncation_rate: of(rate, |flow| flow.quota_truncated, |flow| flow.succeeded),
            goodput_requests_per_minute: per_minute(&|flow| flow.good),
            goodput_output_tokens_per_minute: per_minute(&|flow| flow.good_output),
            latency_ms: percentiles(&merged, &whole.latency, |flow| &flow.latency),
            ttft_ms: percentiles(&merged, &whole.ttft, |flow| &flow.ttft),
            wait_ms: Wait {
                all: percentiles(&merged, &whole.wait, |flow| &flow.wait),
                backoff: wait_cause(&merged, &whole, |flow| &flow.wait_backoff),
                limiter: wait_cause(&merged, &whole, |flow| &flow.wait_limiter),
                queue: wait_cause(&merged, &whole, |flow| &flow.wait_queue),
            },
            throttles_by_limit: ThrottlesByLimit {
                requests_per_minute: throttles(QuotaName::RequestsPerMinute),
                tokens_per_minute: throttles(QuotaName::TokensPerMinute),
                tokens_per_day: throttles(QuotaName::TokensPerDay),
                account_tokens_per_day: throttles(QuotaName::AccountTokensPerDay),
                input_tokens_per_minute: throttles(QuotaName::InputTokensPerMinute),
                unsatisfiable: throttles(QuotaName::Unsatisfiable),
                model_capacity: throttles(QuotaName::ModelCapacity),
            },
            attempt_fault_rate: of(rate, |flow| flow.faulted, |flow| flow.attempts),
            failures_by_cause: FailuresByCause {
                throttled: failures(FailureCause::Throttled),
                model_capacity: failures(FailureCause::ModelCapacity),
                unavailable: failures(FailureCause::Unavailable),
                timed_out: failures(FailureCause::TimedOut),
                disconnected: failures(FailureCause::Disconnected),
                deadline_exceeded: failures(FailureCause::DeadlineExceeded),
                shed: failures(FailureCause::Shed),
            },
            wasted: Wasted {
                attempts_per_minute: per_minute(&|flow| flow.wasted.attempts),
                tokens_per_minute: per_minute(&|flow| flow.wasted.charged),
                share: of(Kind::Mean, |flow| flow.wasted.charged, |flow| flow.charged),
                cost_usd_per_hour: self.cost(scenario, &belongs, |flow| &flow.wasted.billed),
            },
            in_flight: self.in_flight(scenario, &merged, in_flight_max),
            cost_usd_per_hour: self.cost(scenario, &belongs, |flow| &flow.billed),
            pool: None,
        }
    }

    fn in_flight(&self, scenario: &Scenario, merged: &[FlowTally], max: impl Fn(&Tally) -> u64) -> Gauge {
        let part = |(flow, span): (&FlowTally, &SimSpan)| Part {
            numerator: flow.in_flight_ns as f64,
            denominator: span.0 as f64,
        };
        let parts: Vec<Part> = merged.iter().zip(&self.spans(scenario)).map(part).collect();
        let mean = ratio(&parts, Kind::Mean);
        Gauge { mean: mean.mean, ci95: mean.ci95, max: self.tallies().map(max).max().map(|max| max as f64) }
    }

    /// Dollars per hour of measured time, null if something was billed whose price is unknown.
    fn cost(
        &self,
        scenario: &Scenario,
        belongs: &impl Fn(&FlowTally) -> bool,
        billed: fn(&FlowTally) -> &Billed,
    ) -> Estimate {
        let parts: Option<Vec<Part>> = self
            .tallies()
            .map(|tally| {
                let costs = tally.flows.iter().filter(|flow| belongs(flow));
                let numerator =
                    costs.map(|flow| billed(flow).cost_usd(&scenario.pools[flow.pool].prices)).sum::<Option<f64>>()?;
                Some(Part { numerator, denominator: span(scenario, tally).as_secs_f64() / 3600.0 })
            })
            .collect();
        parts.map_or_else(Estimate::default, |parts| ratio(&parts, Kind::Mean))
    }

    fn pool_metrics(&self, scenario: &Scenario, index: usize) -> PoolMetrics {
        let pools: Vec<&PoolTally> = self.tallies().map(|tally| &tally.pools[index]).collect();
        let parts = |part: &dyn Fn(&PoolTally) -> Part| pools.iter().map(|pool| part(pool)).collect::<Vec<_>>();
        let spans = self.spans(scenario);
        let utilization =
            parts(&|pool| Part { numerator: pool.charged as f64, denominator: pool.allowed as f64 / 60e9 });
        let over = |count: fn(&PoolTally) -> f64, time: fn(&SimSpan) -> f64| {
            let part = |(pool, span): (&&PoolTally, &SimSpan)| Part { numerator: count(pool), denominator: time(span) };
            pools.iter().zip(&spans).map(part).collect::<Vec<_>>()
        };
        let reserved = over(|pool| pool.reservation_ns as f64, |span| span.0 as f64);
        let used: Vec<Part> = self
            .tallies()
            .map(|tally| {
                let flow = merge(tally.flows.iter().filter(|flow| flow.pool == index));
                Part { numerator: flow.charged as f64, denominator: flow.reserved as f64 }
            })
            .collect();
        let (tokens, requests) = &self.pooled_minutes[index];
        let closed = |span: &SimSpan| (span.0 / SimSpan::MINUTE.0).max(1) as f64;
        PoolMetrics {
            quota_utilization: ratio(&utilization, Kind::Mean),
            reservation_mean: ratio(&reserved, Kind::Mean),
            reservation_peak: pools.iter().map(|pool| pool.reservation_peak).max().unwrap_or(0),
            tokens_per_minute: by_minute(tokens, &over(|pool| pool.tokens_by_minute.sum as f64, closed)),
            requests_per_minute: by_minute(requests, &over(|pool| pool.requests_by_minute.sum as f64, closed)),
            reservation_waste: waste(ratio(&used, Kind::Mean)),
            quota_per_minute: pools
                .first()
                .zip(spans.first())
                .map(|(pool, span)| pool.allowed as f64 / span.0 as f64)
                .filter(|&quota| quota > 0.0),
        }
    }
}

/// The measured time that a tally is of.
fn span(scenario: &Scenario, tally: &Tally) -> SimSpan {
    tally.batch.unwrap_or(scenario.measured())
}

fn drop_timelines(tally: &mut Tally) {
    for pool in &mut tally.pools {
        pool.timeline = Vec::new();
    }
}

fn per(merged: &[FlowTally], spans: &[SimSpan], count: &dyn Fn(&FlowTally) -> u64) -> Estimate {
    let part = |(flow, span): (&FlowTally, &SimSpan)| Part {
        numerator: count(flow) as f64,
        denominator: span.as_minutes_f64(),
    };
    ratio(&merged.iter().zip(spans).map(part).collect::<Vec<_>>(), Kind::Mean)
}

/// The part of reservations that was not used: `1 − Σcharge/ΣR`, at least 0.
fn waste(used: Estimate) -> Estimate {
    let unused = |share: f64| (1.0 - share).max(0.0);
    Estimate {
        mean: used.mean.map(unused),
        ci95: used.ci95.map(|[low, high]| [unused(high), unused(low)]),
        few_events: false,
    }
}

fn by_minute(minutes: &Minutes, parts: &[Part]) -> ByMinute {
    let mean = ratio(parts, Kind::Mean);
    // A minute is a total, not one observation of many: its percentiles stand however few the minutes are.
    let quantile = |p| minutes.histogram.quantile(p, 0).map(|value| value as f64);
    ByMinute {
        mean: mean.mean,
        ci95: mean.ci95,
        p50: quantile(0.5),
        p90: quantile(0.9),
        max: minutes.histogram.max().map(|value| value as f64),
    }
}

fn percentiles(merged: &[FlowTally], pooled: &Durations, of: fn(&FlowTally) -> &Durations) -> Percentiles {
    percentiles_among(merged, pooled, of, |flow| of(flow).count, pooled.count)
}

/// A cause of waiting is recorded only of requests that waited at all, and its statistics are over all.
fn wait_cause(merged: &[FlowTally], whole: &FlowTally, of: fn(&FlowTally) -> &Durations) -> Percentiles {
    percentiles_among(merged, of(whole), of, |flow| flow.wait.count, whole.wait.count)
}

/// The mean and percentiles of durations among `count` of them, of which those not recorded are zero.
fn percentiles_among(
    merged: &[FlowTally],
    pooled: &Durations,
    of: fn(&FlowTally) -> &Durations,
    count_of: impl Fn(&FlowTally) -> u64,
    count: u64,
) -> Percentiles {
    let parts: Vec<Part> = merged
        .iter()
        .map(|flow| Part { numerator: of(flow).sum as f64 * 1e-6, denominator: count_of(flow) as f64 })
        .collect();
    let mean = ratio(&parts, Kind::Mean);
    // Below 10/(1−p) observations the percentile would rest on fewer than ten of them.
    let quantile = |p: f64, least: u64| {
        if count < least { None } else { pooled.quantile_among(p, count).map(|ns| ns as f64 * 1e-6) }
    };
    Percentiles {
        mean: mean.mean,
        ci95: mean.ci95,
        p50: quantile(0.5, 20),
        p90: quantile(0.9, 100),
        p95: quantile(0.95, 200),
        p99: quantile(0.99, 1_000),
        p999: quantile(0.999, 10_000),
    }
}

pub(super) fn merge<'a>(flows: impl IntoIterator<Item = &'a FlowTally>) -> FlowTally {
    let mut whole = FlowTally::default();
    flows.into_iter().for_each(|flow| whole.merge(flow));
    whole
}

impl Billed {
    /// Dollars; `None` if a price is unknown of which something was billed.
    pub(super) fn cost_usd(&self, prices: &Prices) -> Option<f64> {
        let part = |tokens: u64, price: Option<f64>| match (tokens, price) {
            (0, _) => Some(0.0),
            (tokens, price) => Some(tokens as f64 * price? * 1e-6),
        };
        Some(
            part(self.input, prices.input)?
                + part(self.output, prices.output)?
                + part(self.cache_read, prices.cache_read)?
                + part(self.cache_write, prices.cache_write)?,
        )
    }
}

impl FlowTally {
    /// Dollars billed; `None` if a price is unknown of which something was billed.
    pub(super) fn cost_usd(&self, prices: &Prices) -> Option<f64> {
        self.billed.cost_usd(prices)
    }
}
