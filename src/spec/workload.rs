//! Workloads as written.

use super::arrivals::ArrivalsSpec;
use super::build::{Builder, Built};
use super::client_name::WrittenClient;
use super::context::At;
use super::decode::Record;
use super::describe::{choice, record};
use super::distribution::DistributionSpec;
use super::faults::FaultsSpec;
use super::latency::{Gaps, LatencySpec};
use super::moments::{mean, support};
use super::problem::shown;
use super::scalar::Signed;
use crate::model::{
    Arrivals, ClientPolicy, Concurrency, Distribution, Fallback, FallbackAfter, Faults, Latency, Pool, TokenDemand,
    Workload,
};
use crate::units::{Probability, SimSpan, Tokens, format};

record! {
    /// One traffic class: arrivals × tokens × latency × client, calling one pool.
    struct WorkloadSpec as "workload" {
        /// The pool it calls.
        pool: String = required,
        /// When requests arrive.
        arrivals: ArrivalsSpec = required,
        /// Uncached input tokens of a request; a trace has its own.
        input_tokens: DistributionSpec<f64>,
        /// The natural length of the answer in tokens; a trace has its own.
        output_tokens: DistributionSpec<f64>,
        /// Input tokens read from the prompt cache.
        cache_read_tokens: DistributionSpec<f64>,
        /// Input tokens written to the prompt cache.
        cache_write_tokens: DistributionSpec<f64>,
        /// Spearman's rank correlation of input and output, -1 to 1.
        correlation: Signed = "0",
        /// The output limit, or `unset`: the model's maximum.
        max_tokens: MaxTokensSpec = "unset",
        /// How long responses take, instead of the pool's latency.
        latency: LatencySpec,
        /// What goes wrong besides quotas.
        faults: FaultsSpec,
        /// Whether responses stream, as with `ConverseStream`: retries end and successes count with the first token.
        stream: bool = "false",
        /// How long a refusal takes to come back.
        throttle_latency: SimSpan = "0ms",
        /// What the caller does about a failed attempt.
        client: WrittenClient = "none",
        /// How many separate clients; request i belongs to client i mod N.
        clients: u32 = "1",
        /// A cap on requests in progress per client.
        concurrency: ConcurrencySpec,
        /// A client-side token-aware limiter at this share of the pool's tokens quota, one for all paced workloads of a
        /// pool: requests start evenly, by their estimated charge.
        pace: Probability,
        /// From arrival; then the request has failed.
        deadline: SimSpan,
        /// How long an attempt may take before the client gives it up, of a stream until the first token; left out,
        /// the client's default.
        read_timeout: TimeoutSpec,
        /// Lower goes first where paced requests wait for the same pool.
        priority: u32 = "0",
        /// Other pools to try.
        fallback: FallbackSpec,
    }
}

choice! {
    /// An output limit.
    enum MaxTokensSpec as "output limit", or Limit(u64) {
        /// The model's maximum.
        unset: Unset,
    }
}

choice! {
    /// A timeout.
    enum TimeoutSpec as "timeout", or After(SimSpan) {
        /// The client waits for ever.
        none: None,
    }
}

choice! {
    /// How many requests may wait.
    enum QueueSpec as "queue length", or Length(u32) {
        /// As many as come.
        unlimited: Unlimited,
    }
}

record! {
    /// A cap on requests in progress per client, first in first out; the slot is held through backoff.
    struct ConcurrencySpec as "concurrency", or limit {
        /// Most requests in progress.
        limit: u32 = required,
        /// Most requests waiting.
        queue: QueueSpec = "unlimited",
    }
}

record! {
    /// Other pools to try, in order.
    struct FallbackSpec as "fallback", or pools {
        /// Their names.
        pools: Vec<At<String>> = required,
        /// What sends a request on.
        after: AfterSpec = "failure",
    }
}

choice! {
    /// What sends a request to the next pool.
    enum AfterSpec as "reason to fall back" {
        /// Its client has given up.
        failure: Failure,
        /// Its first throttle.
        throttle: Throttle,
    }
}

impl WorkloadSpec {
    /// The workload; `pools` holds those that could be built, by their place in the file.
    pub(crate) fn build(
        &self,
        b: &mut Builder<'_>,
        name: &At<String>,
        pool_names: &[String],
        pools: &[Option<Pool>],
    ) -> Option<Workload> {
        let pool = self.pool.as_ref().and_then(|pool| b.index("pool", pool, pool_names));
        let arrivals = self.arrivals.as_ref().and_then(|arrivals| arrivals.value.build(b));
        let traced = matches!(self.arrivals.as_ref().map(|a| &a.value), Some(ArrivalsSpec::Trace(_)));
        let tokens = self.tokens(b, name, traced);
        let fallback = self.fallback(b, pool, pool_names);
        let called =
            pool.into_iter().chain(fallback.iter().flatten().flat_map(|fallback| fallback.pools.iter().copied()));
        let called: Vec<&Pool> = called.filter_map(|pool| pools[pool].as_ref()).collect();
        let max_tokens = self.max_tokens(b, &called);
        let latency = match (&self.latency, called.first()) {
            (None, _) => Some(None),
            (Some(written), Some(first)) => written.value.build(b, &first.latency).map(Some),
            (Some(written), None) => {
                // Without a pool there is no workload; what is wrong with the latency is worth saying all the same.
                let any = crate::model::Latency::Duration(Distribution::Constant(0.0));
                written.value.build(b, &any).map(Some)
            }
        };
        let faults = self.faults.as_ref().map_or(Some((Faults::NONE, Vec::new())), |faults| faults.value.build(b));
        let client = self.client.as_ref().and_then(|client| client.value.build(b));
        let clients = self.clients?;
        // Each client has a state of its own; the bound keeps them within memory.
        b.require((1..=1_000_000).contains(&clients.value), clients.at, || {
            format!("`clients` is {}: it must lie between 1 and 1,000,000", format::count(clients.value.into()))
        })?;
        let concurrency = self.concurrency(b);
        let pace = self.pace(b, &called);
        if let (Some(priority), None) = (self.priority.filter(|priority| priority.value > 0), self.pace) {
            b.cx.warn(
                priority.at,
                "`priority` acts where paced requests of several workloads wait for one pool, and this workload has no `pace`",
                "give it a `pace`, or remove `priority`",
            );
        }
        let deadline = positive_span(b, "deadline", self.deadline);
        let read_timeout = match (&self.read_timeout, &client) {
            (Some(At { value: TimeoutSpec::After(after), .. }), _) => positive_span(b, "read_timeout", Some(*after)),
            (None, Some(ClientPolicy::Sdk(policy))) => Some(policy.sdk.default_read_timeout()),
            _ => Some(None),
        };
        let throttle_latency = self.throttle_latency?.value;
        if let Some(arrivals) = &arrivals {
            self.endless(b, arrivals, throttle_latency, latency.as_ref().and_then(Option::as_ref))?;
        }
        let (faults, fault_episodes) = faults?;
        let workload = Workload {
            name: name.value.clone(),
            pool: pool?,
            fallback: fallback?,
            arrivals: arrivals?,
            tokens: tokens?,
            max_tokens: max_tokens?,
            latency: latency?,
            faults,
            fault_episodes,
            stream: self.stream?.value,
            throttle_latency,
            client: client?,
            clients: clients.value,
            concurrency: concurrency?,
            pace: pace?,
            deadline: deadline?,
            read_timeout: read_timeout?,
            priority: self.priority?.value,
        };
        if self.read_timeout.is_none()
            && let (Some(timeout), ClientPolicy::Sdk(_)) = (workload.read_timeout, &workload.client)
        {
            let what = if workload.stream {
                "the first token of a stream must arrive in that time"
            } else {
                "the whole response must arrive in that time, as in a call that does not stream"
            };
            let after = format::duration(timeout);
            b.assume(format!(
                "The client of `{}` gives an attempt up after {after}, its SDK's default; {what}.",
                name.value
            ));
        }
        self.silence(b, name, &workload, &called)?;
        self.first_token(b, &workload, &called);
        Some(workload)
    }

    /// Refuses attempts without a response for a client that would wait for it for ever.
    fn silence(&self, b: &mut Builder<'_>, name: &At<String>, workload: &Workload, called: &[&Pool]) -> Option<()> {
        let of_pools = called
            .iter()
            .flat_map(|pool| pool.fault_episodes.iter().map(|episode| &episode.faults).chain([&pool.faults]));
        let own = workload.fault_episodes.iter().map(|episode| &episode.faults).chain([&workload.faults]);
        let silent = own.chain(of_pools).any(|faults| faults.timeout.0 > 0.0);
        if silent && workload.read_timeout.is_none() && workload.deadline.is_none() {
            b.cx.problem_with(
                self.faults.as_ref().map_or(name.at, |faults| faults.at),
                format!("attempts of `{}` may get no response, and its client would wait for ever", shown(&name.value)),
                "give the workload a `read_timeout` or a `deadline`",
            );
            return None;
        }
        Some(())
    }

    /// Warns of a stream whose first token nobody knows the time of.
    fn first_token(&self, b: &mut Builder<'_>, workload: &Workload, called: &[&Pool]) {
        let unknown = match (&workload.latency, called.first()) {
            (Some(latency), _) => matches!(latency, Latency::Duration(_)),
            (None, Some(pool)) => matches!(pool.latency, Latency::Duration(_)),
            (None, None) => false,
        };
        if let (true, true, Some(stream)) = (workload.stream, unknown, self.stream) {
            b.cx.warn(
                stream.at,
                "`stream` needs the time of the first token, and a latency of one `duration` has none: it counts as coming at once",
                "write the latency as `ttft` and `output_tokens_per_second`",
            );
        }
    }

    fn tokens(&self, b: &mut Builder<'_>, name: &At<String>, traced: bool) -> Option<TokenDemand> {
        let own = [("input_tokens", &self.input_tokens), ("output_tokens", &self.output_tokens)];
        for (field, written) in own {
            match written {
                Some(written) if traced => {
                    b.cx.problem_with(written.at, format!("`{field}` comes from the trace"), "remove one of the two");
                }
                None if !traced && self.arrivals.is_some() && !self.broken().contains(&field) => {
                    b.cx.problem_with(
                        name.at,
                        format!("missing field `{field}` in `workloads.{}`", shown(&name.value)),
                        format!("add `{field}: …`, a distribution such as `420` or `{{ lognormal: {{ median: 420, p95: 1200 }} }}`"),
                    );
                }
                _ => {}
            }
        }
        if let (Some(At { value: ArrivalsSpec::Trace(trace), .. }), Some(written)) =
            (&self.arrivals, &self.cache_read_tokens)
            && trace.value.cache_read_tokens.is_some()
        {
            b.cx.problem_with(written.at, "`cache_read_tokens` comes from the trace", "remove one of the two");
        }
        let correlation = self.correlation?;
        if traced && correlation.value.0 != 0.0 {
            b.cx.problem_with(
                correlation.at,
                "`correlation` has no meaning with a trace, whose rows hold input and output together",
                "remove it",
            );
        }
        let correlated = b.require((-1.0..=1.0).contains(&correlation.value.0), correlation.at, || {
            format!("`correlation` is {}: it must lie between -1 and 1", correlation.value.0)
        });
        let mut build = |name: &str, field: &Option<At<DistributionSpec<f64>>>, default: bool| match field {
            Some(written) => token_counts(b, name, written),
            None if default => Some(Distribution::Constant(0.0)),
            None => None,
        };
        let input = build("input_tokens", &self.input_tokens, traced);
        let output = build("output_tokens", &self.output_tokens, traced);
        let cache_read = build("cache_read_tokens", &self.cache_read_tokens, true);
        let cache_write = build("cache_write_tokens", &self.cache_write_tokens, true);
        correlated?;
        Some(TokenDemand {
            input: input?,
            cache_read: cache_read?,
            cache_write: cache_write?,
            output: output?,
            correlation: correlation.value.0,
        })
    }

    fn max_tokens(&self, b: &mut Builder<'_>, called: &[&Pool]) -> Built<Option<Tokens>> {
        let MaxTokensSpec::Limit(written) = &self.max_tokens.as_ref()?.value else { return Some(None) };
        for pool in called {
            if !(1..=pool.max_output.0).contains(&written.value) {
                b.cx.problem_with(
                    written.at,
                    format!(
                        "`max_tokens` is {}: it must lie between 1 and {}, the maximum output of `{}`",
                        format::count(written.value),
                        format::count(pool.max_output.0),
                        shown(&pool.model)
                    ),
                    "choose a value that most answers stay below, or write `unset` for the maximum",
                );
                return None;
            }
        }
        super::pool::bounded(b, "max_tokens", *written).map(Some)
    }

    /// What it leaves open of its latency, by the names of the pools that fill it in.
    pub(crate) fn asks_latency_of(&self) -> Vec<(&str, Gaps)> {
        let own = self.pool.iter().map(|pool| pool.value.as_str());
        if let Some(written) = &self.latency {
            // Its own pool completes it, whatever pool is called.
            return own.map(|pool| (pool, written.value.gaps())).collect();
        }
        let fallback = self.fallback.iter().filter_map(|fallback| fallback.value.pools.as_ref());
        let others = fallback.flat_map(|pools| &pools.value).map(|pool| pool.value.as_str());
        own.chain(others).map(|pool| (pool, Gaps::ALL)).collect()
    }

    fn fallback(&self, b: &mut Builder<'_>, pool: Option<usize>, names: &[String]) -> Built<Option<Fallback>> {
        let Some(written) = &self.fallback else { return Some(None) };
        let list = written.value.pools.as_ref()?;
        b.require(!list.value.is_empty(), list.at, || "`fallback` names no pool".to_owned())?;
        let mut pools: Vec<usize> = Vec::new();
        let mut fine = true;
        for name in &list.value {
            let Some(index) = b.index("pool", name, names) else {
                fine = false;
                continue;
            };
            if pool == Some(index) || pools.contains(&index) {
                let message = format!("`fallback` comes back to pool `{}`: a cycle", shown(&name.value));
                b.cx.problem_with(name.at, message, "name each pool once, and not the workload's own");
                fine = false;
            }
            pools.push(index);
        }
        let after = match written.value.after.as_ref().map(|after| &after.value) {
            Some(AfterSpec::Throttle) => FallbackAfter::Throttle,
            _ => FallbackAfter::Failure,
        };
        fine.then_some(Some(Fallback { pools, after }))
    }

    fn concurrency(&self, b: &mut Builder<'_>) -> Built<Option<Concurrency>> {
        let Some(written) = &self.concurrency else { return Some(None) };
        let limit = written.value.limit?;
        b.require(limit.value > 0, limit.at, || "`concurrency` is 0: nothing would ever run".to_owned())?;
        let queue = match &written.value.queue {
            Some(At { value: QueueSpec::Length(length), .. }) => Some(length.value),
            _ => None,
        };
        Some(Some(Concurrency { limit: limit.value, queue }))
    }

    fn pace(&self, b: &mut Builder<'_>, called: &[&Pool]) -> Built<Option<Probability>> {
        let Some(pace) = self.pace else { return Some(None) };
        b.require(pace.value.0 > 0.0, pace.at, || "`pace` is 0: it must be positive".to_owned())?;
        if let Some(first) = called.first()
            && first.quotas.reserved_from().is_none()
        {
            b.cx.problem_with(
                pace.at,
                format!("`pace` is a share of the tokens quota, and pool `{}` has none", shown(&first.name)),
                "give the pool a quota, or remove `pace`",
            );
            return None;
        }
        Some(Some(pace.value))
    }

    /// Refuses a closed loop that could throttle and come back without end at one instant.
    fn endless(
        &self,
        b: &mut Builder<'_>,
        arrivals: &Arrivals,
        throttle_latency: SimSpan,
        answer: Option<&Latency>,
    ) -> Option<()> {
        let Arrivals::ClosedLoop { think_time, .. } = arrivals else { return Some(()) };
        // What a full queue sheds comes back at once, and so does what is answered in no time.
        let sheds = matches!(&self.concurrency, Some(At { value: ConcurrencySpec { queue: Some(_), .. }, .. }));
        let instant = matches!(answer, Some(Latency::Duration(duration)) if mean(duration) == 0.0);
        let latency = if sheds || instant { 0.0 } else { throttle_latency.as_secs_f64() };
        let pause = mean(think_time) + latency;
        if pause < 1e-6 {
            b.cx.problem_with(
                self.arrivals.as_ref()?.at,
                format!("a worker may come back after {pause} s on average: it would ask without end at one instant"),
                "give it a `think_time` of a millisecond or more",
            );
            return None;
        }
        Some(())
    }
}

/// A distribution of tokens of a request. Only a long tail may reach beyond what a request can carry; it is clamped.
fn token_counts(b: &mut Builder<'_>, name: &str, written: &At<DistributionSpec<f64>>) -> Option<Distribution> {
    let distribution = written.value.build(b)?;
    let (end, mean) = (support(&distribution).1, mean(&distribution));
    let (word, value) = if end.is_finite() { ("reaches", end) } else { ("has a mean of", mean) };
    b.require(value.is_infinite() || value <= Tokens::REQUEST_MAX.0 as f64, written.at, || {
        format!("`{name}` {word} {value:e}: a request has at most 1,000,000,000 tokens of a kind")
    })?;
    Some(distribution)
}

fn positive_span(b: &mut Builder<'_>, name: &str, written: Option<At<SimSpan>>) -> Built<Option<SimSpan>> {
    let Some(written) = written else { return Some(None) };
    b.require(written.value > SimSpan::ZERO, written.at, || format!("`{name}` is 0: it must be positive"))?;
    Some(Some(written.value))
}
