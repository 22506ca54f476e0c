//! Makes the cases for quota increases from what was simulated and what the catalogue knows.

use super::growth::expected;
use super::target::Target;
use crate::analysis::increase::{Increase, PerMinute, QuotaRequest};
use crate::analysis::sizing::{Growth, LimitName, PoolSize};
use crate::analysis::{ByMinute, Replications, Summary, traffic};
use crate::engine::{AttemptRow, Engine, Observer};
use crate::model::catalog::ProfileKind;
use crate::model::client::{RetryMode, Sdk};
use crate::model::service_quota::{ACCOUNT_TOKENS_PER_DAY, Counted, PoolIdentity};
use crate::model::{Arrivals, ClientPolicy, Endpoint, ReservationRules, Scenario};
use crate::units::SimTime;
use std::ops::ControlFlow;

/// What AWS asks about: requests with more input than this.
const LONG_INPUT: u64 = 25_000;

/// What a case is made from.
pub(super) struct Basis<'a> {
    /// The scenario with the quotas that are asked for.
    pub(super) scenario: &'a Scenario,
    /// What it does with them.
    pub(super) summary: &'a Summary,
    /// The replications behind that.
    pub(super) replications: &'a Replications,
    /// By pool.
    pub(super) identities: &'a [PoolIdentity],
    /// In the words of the scenario's author.
    pub(super) use_case: Option<&'a str>,
    /// The Region of the calls.
    pub(super) region: Option<&'a str>,
    /// What is expected of the future.
    pub(super) growth: Option<&'a Growth>,
}

impl Basis<'_> {
    /// The case for a pool, if it needs one.
    pub(super) fn of_pool(&self, pool: usize, size: &PoolSize) -> Option<Increase> {
        let identity = &self.identities[pool];
        let quotas: Vec<QuotaRequest> = size
            .request
            .present()
            .map(|(name, desired)| {
                let quota = identity.quotas.iter().find(|quota| quota.counted == counted(name));
                let (title, code) =
                    quota.map_or((name.words(), None), |quota| (quota.name.clone(), quota.code.clone()));
                let current = size.today.get(name).unwrap_or(0);
                self.request(name.key(), title, code, current, desired)
            })
            .collect();
        if quotas.is_empty() {
            return None;
        }
        let model = &self.scenario.pools[pool];
        let metrics = self.summary.pools.get(&model.name)?.pool.clone()?;
        let averages = traffic::of_pool(self.replications, pool);
        let mut notes = notes(identity, size);
        if self.region.is_none() {
            notes.push("Fill in the Region that the calls are made from (`--region` does).".to_owned());
        }
        Some(Increase {
            of: model.name.clone(),
            use_case: self.use_case.map(str::to_owned),
            model: identity.model.clone(),
            model_id: model.model.clone(),
            region: self.region.map(str::to_owned),
            profile: profile(identity),
            endpoint: endpoint(identity.endpoint).to_owned(),
            quotas,
            tokens_per_minute: per_minute(metrics.tokens_per_minute),
            requests_per_minute: per_minute(metrics.requests_per_minute),
            average_input_tokens: averages.input,
            average_cache_read_tokens: averages.cache_read,
            average_output_tokens: averages.output,
            share_above_25k_input: self.share_of_long_inputs(pool),
            cross_region: cross_region(identity),
            growth: self.growth(Some(&model.name)),
            monitoring:
                "CloudWatch metrics EstimatedTPMQuotaUsage, InvocationThrottles and Invocations by minute, with \
                         alarms at 70% and 80% of the quota; the first does not show reservations, so throttles are \
                         watched beside it."
                    .to_owned(),
            retries: self.retries(pool),
            notes,
        })
    }

    /// The case for the daily quota of an account.
    pub(super) fn of_account(&self, account: usize, current: u64, desired: u64, code: Option<&str>) -> Increase {
        let name = self.scenario.accounts[account].name.clone();
        let pools = self.scenario.pools.iter().filter(|pool| pool.account == Some(account));
        let mut models: Vec<String> = pools.map(|pool| pool.model.clone()).collect();
        models.dedup();
        let title = ACCOUNT_TOKENS_PER_DAY.to_owned();
        Increase {
            of: name,
            use_case: self.use_case.map(str::to_owned),
            model_id: models.join(", "),
            region: self.region.map(str::to_owned),
            profile: "all models of the account".to_owned(),
            endpoint: endpoint(Endpoint::Runtime).to_owned(),
            quotas: vec![self.request("tokens_per_day", title, code.map(str::to_owned), current, desired)],
            growth: self.growth(None),
            notes: vec!["This quota cannot be raised in the console: AWS Support raises it.".to_owned()],
            ..Increase::default()
        }
    }

    fn request(&self, limit: &str, name: String, code: Option<String>, current: u64, desired: u64) -> QuotaRequest {
        let region = self.region.unwrap_or("REGION");
        let command = match &code {
            Some(code) => format!(
                "aws service-quotas request-service-quota-increase --service-code bedrock --quota-code {code} \
                 --desired-value {desired} --region {region}"
            ),
            None => format!(
                "aws service-quotas list-service-quotas --service-code bedrock --region {region} --output table --query \
                 \"Quotas[?QuotaName=='{}'].[QuotaCode,Value]\"",
                name.replace('\'', "\\'")
            ),
        };
        QuotaRequest { limit: limit.to_owned(), name, code, current, desired, command }
    }

    /// What is expected of the traffic, and of a pool's tokens.
    fn growth(&self, pool: Option<&str>) -> String {
        match self.growth {
            Some(growth) => expected(growth, pool),
            None => "Steady; no growth was given (`--growth` adds it).".to_owned(),
        }
    }

    /// What callers of a pool do about throttles.
    fn retries(&self, pool: usize) -> String {
        let callers = self.scenario.workloads.iter().filter(|workload| workload.pool == pool);
        let words = callers.map(|workload| {
            let paced = workload
                .pace
                .map_or_else(String::new, |pace| format!(", paced at {}% of the quota", libm::round(pace.0 * 100.0)));
            format!("{}: {}{paced}", workload.name, client_words(&workload.client))
        });
        words.collect::<Vec<_>>().join("; ")
    }

    /// The share of a pool's requests whose whole prompt is longer than AWS asks about; `None` without requests.
    fn share_of_long_inputs(&self, pool: usize) -> Option<f64> {
        let mut open = self.scenario.clone();
        let pools: Vec<usize> = (0..open.pools.len()).collect();
        for target in Target::of_pools(self.scenario, &pools, true) {
            target.lift(&mut open);
        }
        for each in &mut open.pools {
            // What a reservation holds beside the output limit is then the whole prompt.
            each.rules = ReservationRules { reserve_cache_reads: true, ..ReservationRules::default() };
        }
        let engine = Engine::new(&open);
        let limits: Vec<u64> = (0..open.workloads.len()).map(|workload| engine.max_tokens(workload)).collect();
        let own_limits = |workload: usize| match &open.workloads[workload].arrivals {
            Arrivals::Trace(trace) => trace.has_max_tokens,
            _ => false,
        };
        let own_limits: Vec<bool> = (0..open.workloads.len()).map(own_limits).collect();
        let mut prompts = Prompts { limits: &limits, own_limits: &own_limits, pools: &open, pool, all: 0, long: 0 };
        engine.run(open.seed, 0, &mut prompts)?;
        for (workload, _) in own_limits.iter().enumerate().filter(|(_, own)| **own) {
            if let (Arrivals::Trace(trace), true) =
                (&open.workloads[workload].arrivals, open.workloads[workload].pool == pool)
            {
                prompts.all += trace.rows.len() as u64;
                let long =
                    |row: &&crate::model::TraceRow| u64::from(row.input) + u64::from(row.cache_read) > LONG_INPUT;
                prompts.long += trace.rows.iter().filter(long).count() as u64;
            }
        }
        (prompts.all > 0).then(|| prompts.long as f64 / prompts.all as f64)
    }
}

/// Counts the prompts of first attempts.
struct Prompts<'a> {
    limits: &'a [u64],
    own_limits: &'a [bool],
    pools: &'a Scenario,
    pool: usize,
    all: u64,
    long: u64,
}

impl Observer for Prompts<'_> {
    const ATTEMPTS: bool = true;

    fn attempt(&mut self, row: &AttemptRow) {
        let of_pool = self.pools.workloads[row.workload].pool == self.pool;
        if of_pool && row.attempt == 1 && !self.own_limits[row.workload] {
            self.all += 1;
            let prompt = row.reservation.saturating_sub(self.limits[row.workload]);
            self.long += u64::from(prompt > LONG_INPUT);
        }
    }

    fn reached(&mut self, _: SimTime) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// What a limit counts, as Service Quotas names it.
pub(super) fn counted(name: LimitName) -> Counted {
    match name {
        LimitName::TokensPerMinute => Counted::TokensPerMinute,
        LimitName::RequestsPerMinute => Counted::RequestsPerMinute,
        LimitName::TokensPerDay => Counted::TokensPerDay,
        LimitName::InputTokensPerMinute => Counted::InputTokensPerMinute,
        LimitName::OutputTokensPerMinute => Counted::OutputTokensPerMinute,
    }
}

fn per_minute(of: ByMinute) -> PerMinute {
    PerMinute { p50: of.p50, p90: of.p90, max: of.max }
}

fn endpoint(endpoint: Endpoint) -> &'static str {
    match endpoint {
        Endpoint::Runtime => "bedrock-runtime",
        Endpoint::Mantle => "bedrock-mantle",
    }
}

fn profile(identity: &PoolIdentity) -> String {
    match identity.kind {
        ProfileKind::OnDemand => "none: on demand in one Region".to_owned(),
        ProfileKind::Geo => format!("`{}.` inference profile (geographic cross-Region)", identity.prefix),
        ProfileKind::Global => "`global.` inference profile (global cross-Region)".to_owned(),
    }
}

fn cross_region(identity: &PoolIdentity) -> String {
    match identity.kind {
        ProfileKind::OnDemand => {
            "Not used. Say whether it is acceptable: it has a quota of its own, which AWS raises more readily."
                .to_owned()
        }
        ProfileKind::Geo => format!("Yes, within the geography of the `{}.` profile.", identity.prefix),
        ProfileKind::Global => "Yes, in all commercial Regions.".to_owned(),
    }
}

/// What stands in the way, or is to be known.
///
/// *Source*: AWS user guide, `quotas-increase`, `quotas-runtime`, `quotas-mantle`, and the general reference, autumn
/// 2026.
fn notes(identity: &PoolIdentity, size: &PoolSize) -> Vec<String> {
    let mut notes = Vec::new();
    if identity.closed {
        notes.push("AWS refuses increases for legacy models: move to a current one.".to_owned());
    }
    if identity.endpoint == Endpoint::Mantle {
        notes.push(
            "AWS Support raises quotas of the mantle endpoint: its form wants endpoint, Region, model, quota and recent \
             usage."
                .to_owned(),
        );
    } else if identity.kind == ProfileKind::OnDemand && size.request.tokens_per_minute.is_some() {
        notes.push(
            "On-demand quotas are not adjustable in Service Quotas: ask for the cross-Region quota of the model, or AWS \
             Support."
                .to_owned(),
        );
    }
    if size.request.present().count() == 1 && identity.endpoint == Endpoint::Runtime {
        notes.push(
            "AWS Support raises related quotas together: name the requests per minute and the tokens per day that go \
             with it."
                .to_owned(),
        );
    }
    notes
}

/// What a client does about throttles, in words.
fn client_words(client: &ClientPolicy) -> String {
    match client {
        ClientPolicy::None => "no retries".to_owned(),
        ClientPolicy::Custom(policy) => match policy.max_attempts {
            Some(attempts) => format!("own retries, up to {attempts} attempts"),
            None => "own retries until it is answered".to_owned(),
        },
        ClientPolicy::Sdk(policy) => {
            let sdk = match policy.sdk {
                Sdk::Boto3 => "boto3",
                Sdk::JavaScript => "AWS SDK for JavaScript",
                Sdk::Rust => "AWS SDK for Rust",
                Sdk::Java => "AWS SDK for Java",
                Sdk::Anthropic => "Anthropic SDK",
            };
            let mode = match (policy.sdk, policy.mode) {
                (Sdk::Anthropic, _) => "",
                (_, RetryMode::Legacy) => " in legacy mode",
                (_, RetryMode::Standard) => " in standard mode",
                (_, RetryMode::Adaptive) => " in adaptive mode",
            };
            format!("{sdk}{mode}, up to {} attempts with exponential backoff and jitter", policy.max_attempts)
        }
    }
}
