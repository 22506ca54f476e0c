//! The whole of it: from a sketch of what was seen to fitted workloads, piece by piece so that threads may share them.

use super::arrivals::{Kind, Profile};
use super::dependence::spearman;
use super::fit::{Fit, Grain, Value, fit, significant};
use super::latency::{LatencyFit, latency};
use super::models::{self, Model, slug};
use super::observation::Source;
use super::output_limit::{OutputLimit, output_limit};
use super::reading::Reading;
use super::sketch::{Minute, Record, Sketch, Totals, WorkloadSketch};
use super::strays;
use super::traffic::{ArrivalFit, Relative, relative, traffic};
use super::window::{self, Asked, Window};
use crate::spec::catalog::Catalog;
use serde::Serialize;
use std::collections::BTreeMap;

/// What the user chooses.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Choices {
    /// The time that the scenario stands for.
    pub window: Asked,
    /// The only arrival process to consider.
    pub arrivals: Option<Kind>,
    /// Models by what the records call them; the entry of an empty name is for records without one.
    pub models: Vec<(String, String)>,
    /// Workloads at most; smaller ones are put together.
    pub workloads: usize,
    /// The quota of tokens per minute of every pool, as the language writes it; left out, the catalogue's.
    pub tokens_per_minute: Option<String>,
    /// The quota of requests per minute.
    pub requests_per_minute: Option<String>,
    /// The client of every workload, as the language writes it.
    pub client: String,
}

/// A calibrated scenario with everything that speaks for it and against it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calibration {
    /// The version of this document.
    pub schema_version: u32,
    /// The program that made it.
    pub quotasim_version: String,
    /// The files in words.
    pub sources: String,
    /// What reading the records was like.
    pub reading: Reading,
    /// The first and the last attempt, RFC 3339; `None` where times are relative.
    pub span: Option<[String; 2]>,
    /// Minutes between them.
    pub watched_minutes: f64,
    /// The time that the scenario stands for.
    pub window: Window,
    /// Why.
    pub window_reason: String,
    /// Sets of quotas that were called.
    pub pools: Vec<PoolFit>,
    /// Who called.
    pub workloads: Vec<WorkloadFit>,
    /// What should be known, a sentence each.
    pub notes: Vec<String>,
}

/// A pool as recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PoolFit {
    /// Its name in the scenario.
    pub name: String,
    /// The model id in the scenario.
    pub model: String,
    /// What the records call the model; empty where they do not.
    pub recorded_as: String,
    /// The Region, where recorded.
    pub region: String,
    /// The account, where recorded.
    pub account: String,
}

/// A workload as fitted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WorkloadFit {
    /// Its name in the scenario.
    pub name: String,
    /// Its pool.
    pub pool: String,
    /// The caller, as the records name it.
    pub caller: String,
    /// Exact counts and sums.
    pub totals: Totals,
    /// Answers that the laws rest on.
    pub sampled: u64,
    /// Uncached input tokens.
    pub input_tokens: Fit,
    /// Natural lengths of answers.
    pub output_tokens: Fit,
    /// Input tokens read from the cache.
    pub cache_read_tokens: Fit,
    /// Input tokens written to the cache.
    pub cache_write_tokens: Fit,
    /// The share of prompt tokens that the cache served.
    pub cached_share: f64,
    /// Rank correlation of input and output; `None` where one does not vary.
    pub correlation: Option<f64>,
    /// The correlation that the scenario has: rounded, and zero where it may be chance.
    pub correlation_used: f64,
    /// How long answers take; `None` where that was not recorded.
    pub latency: Option<LatencyFit>,
    /// When requests arrive.
    pub arrivals: ArrivalFit,
    /// Output limits as used and as needed.
    pub max_tokens: OutputLimit,
}

/// A piece of the work.
#[derive(Debug)]
pub struct Job<'a> {
    workload: usize,
    what: What,
    sketch: &'a WorkloadSketch,
    plan: &'a Plan,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Input,
    Output,
    CacheRead,
    CacheWrite,
    Latency,
    Arrivals,
}

/// The result of a [`Job`].
#[derive(Debug)]
pub struct Done {
    workload: usize,
    piece: Piece,
}

#[derive(Debug)]
enum Piece {
    Law(What, Fit),
    Latency(Option<Box<LatencyFit>>),
    Arrivals(Option<Box<ArrivalFit>>),
}

/// What is decided before the work begins.
#[derive(Debug)]
pub struct Plan {
    choices: Choices,
    window: Window,
    window_reason: String,
    watched_minutes: f64,
    models: Vec<Model>,
    /// Conversations, where times are relative to each.
    relative: Option<Relative>,
    /// What became of records before the work began, a sentence each.
    notes: Vec<String>,
}

impl Plan {
    /// Decides what the scenario stands for; small workloads of the sketch are put together.
    pub fn new(sketch: &mut Sketch, choices: Choices, catalog: &Catalog) -> Plan {
        sketch.fold_small(choices.workloads.max(1));
        let mut notes: Vec<String> = unanswered(sketch).into_iter().collect();
        let relative = relative(sketch.workloads.iter().map(|(_, workload)| workload));
        if relative.is_none() {
            notes.extend(strays::set_aside(sketch).note());
        }
        let profile = Profile::new(&all_minutes(sketch));
        let span = sketch.workloads.iter().filter_map(|(_, workload)| workload.totals.span);
        let span = span.reduce(|[a, b], [c, d]| [a.min(c), b.max(d)]);
        let watched_minutes = span.map_or(0.0, |[first, last]| last.seconds_since(first) / 60.0);
        let (window, window_reason) = match profile {
            Some(profile) if relative.is_none() => window::window(choices.window, &profile, watched_minutes as i64),
            _ => (Window::Whole, "times are relative to each conversation".to_owned()),
        };
        let model = |source: &Source<'_>| models::model(&source.model, &choices.models, catalog);
        let models = sketch.workloads.iter().map(|(source, _)| model(source)).collect();
        Plan { choices, window, window_reason, watched_minutes, models, relative, notes }
    }

    /// The pieces of work; any order and any number of threads gives the same result.
    pub fn jobs<'a>(&'a self, sketch: &'a Sketch) -> Vec<Job<'a>> {
        const ALL: [What; 6] =
            [What::Output, What::Input, What::Latency, What::Arrivals, What::CacheRead, What::CacheWrite];
        let workloads = sketch.workloads.iter().enumerate();
        let of = |(workload, (_, sketch)): (usize, &'a (Source<'static>, WorkloadSketch))| {
            ALL.into_iter().map(move |what| Job { workload, what, sketch, plan: self })
        };
        workloads.flat_map(of).collect()
    }

    /// Puts the pieces together; `sources` are the files in words.
    pub fn finish(self, sketch: &Sketch, (sources, reading): (&str, Reading), done: Vec<Done>) -> Calibration {
        let mut pieces: Vec<Pieces> = sketch.workloads.iter().map(|_| Pieces::default()).collect();
        for Done { workload, piece } in done {
            pieces[workload].take(piece);
        }
        let (pools, pool_of) = pools(sketch, &self.models);
        let names = workload_names(sketch, &pools, &pool_of);
        let workloads: Vec<WorkloadFit> = sketch
            .workloads
            .iter()
            .zip(pieces)
            .enumerate()
            .filter_map(|(index, ((source, seen), pieces))| {
                let sample = seen.sample();
                pieces.workload(
                    source,
                    seen,
                    &sample,
                    Named {
                        name: names[index].clone(),
                        pool: pools[pool_of[index]].name.clone(),
                        max_output: self.models[index].max_output,
                    },
                )
            })
            .collect();
        let mut notes = self.notes;
        notes.extend(super::notes::notes(&workloads, &self.models, self.window));
        let span = workloads.iter().filter_map(|workload| workload.totals.span);
        let span = span
            .reduce(|[a, b], [c, d]| [a.min(c), b.max(d)])
            .filter(|[first, _]| self.relative.is_none() && first.0 > YEAR_1980);
        Calibration {
            schema_version: 1,
            quotasim_version: env!("CARGO_PKG_VERSION").to_owned(),
            sources: sources.to_owned(),
            reading,
            span: span.map(|ends| ends.map(|end| timestamp(end.0))),
            watched_minutes: significant(self.watched_minutes, 6),
            window: self.window,
            window_reason: self.window_reason,
            pools,
            workloads,
            notes,
        }
    }

    /// What the user chose.
    pub fn choices(&self) -> &Choices {
        &self.choices
    }
}

impl Job<'_> {
    /// Does the work.
    pub fn run(&self) -> Done {
        let piece = match self.what {
            What::Latency => Piece::Latency(latency(&self.sketch.sample()).map(Box::new)),
            What::Arrivals => {
                let only = self.plan.choices.arrivals;
                Piece::Arrivals(traffic(self.sketch, self.plan.window, only, self.plan.relative).map(Box::new))
            }
            what => Piece::Law(what, law(what, &self.sketch.sample())),
        };
        Done { workload: self.workload, piece }
    }
}

fn law(what: What, sample: &[Record]) -> Fit {
    let tokens = |of: fn(&Record) -> Option<u32>| -> Vec<Value> {
        sample.iter().filter_map(of).map(|tokens| Value::exact(f64::from(tokens))).collect()
    };
    match what {
        What::Input => fit(&tokens(|record| record.tokens.input), Grain::TOKENS),
        What::CacheRead => fit(&tokens(|record| Some(record.tokens.cache_read)), Grain::TOKENS),
        What::CacheWrite => fit(&tokens(|record| Some(record.tokens.cache_write)), Grain::TOKENS),
        What::Output | What::Latency | What::Arrivals => {
            let lengths = sample.iter().filter_map(|record| {
                // An answer has at least one token, whatever a record of an empty one says.
                let length = f64::from(record.tokens.output?.max(1));
                Some(Value { value: length, censored: record.cut })
            });
            fit(&lengths.collect::<Vec<_>>(), Grain::ANSWER)
        }
    }
}

/// The finished pieces of one workload.
#[derive(Debug, Default)]
struct Pieces {
    input: Option<Fit>,
    output: Option<Fit>,
    cache_read: Option<Fit>,
    cache_write: Option<Fit>,
    latency: Option<LatencyFit>,
    arrivals: Option<ArrivalFit>,
}

/// What a workload is called.
struct Named {
    name: String,
    pool: String,
    max_output: Option<u64>,
}

impl Pieces {
    fn take(&mut self, piece: Piece) {
        match piece {
            Piece::Law(What::Input, fit) => self.input = Some(fit),
            Piece::Law(What::CacheRead, fit) => self.cache_read = Some(fit),
            Piece::Law(What::CacheWrite, fit) => self.cache_write = Some(fit),
            Piece::Law(_, fit) => self.output = Some(fit),
            Piece::Latency(latency) => self.latency = latency.map(|latency| *latency),
            Piece::Arrivals(arrivals) => self.arrivals = arrivals.map(|arrivals| *arrivals),
        }
    }

    fn workload(
        self,
        source: &Source<'_>,
        seen: &WorkloadSketch,
        sample: &[Record],
        named: Named,
    ) -> Option<WorkloadFit> {
        let totals = seen.totals;
        let prompt = totals.input + totals.cache_read + totals.cache_write;
        let pairs: Vec<(f64, f64)> = sample
            .iter()
            .filter_map(|record| Some((f64::from(record.tokens.input?), f64::from(record.tokens.output?))))
            .collect();
        let correlation = spearman(&pairs);
        // Twice the standard error of no correlation, 1/√n, may be chance.
        let chance = 2.0 / libm::sqrt(pairs.len().max(1) as f64);
        let rounded = correlation.map_or(0.0, |rho| libm::round(rho * 100.0) / 100.0);
        let output_tokens = self.output?;
        let max_tokens = output_limit(seen, sample, named.max_output, &output_tokens);
        Some(WorkloadFit {
            name: named.name,
            pool: named.pool,
            caller: source.caller.to_string(),
            totals,
            sampled: sample.len() as u64,
            input_tokens: self.input?,
            output_tokens,
            cache_read_tokens: self.cache_read?,
            cache_write_tokens: self.cache_write?,
            cached_share: totals.cache_read as f64 / prompt.max(1) as f64,
            correlation,
            correlation_used: if rounded.abs() > chance { rounded } else { 0.0 },
            latency: self.latency,
            arrivals: self.arrivals?,
            max_tokens,
        })
    }
}

/// Takes out callers whose attempts were all refused or failed: there is nothing to fit. What the reader should know.
fn unanswered(sketch: &mut Sketch) -> Option<String> {
    let before = sketch.workloads.len();
    let attempts = |sketch: &Sketch| sketch.workloads.iter().map(|(_, workload)| workload.totals.attempts).sum::<u64>();
    let all = attempts(sketch);
    sketch.workloads.retain(|(_, workload)| workload.totals.answered > 0);
    let left_out = all - attempts(sketch);
    (left_out > 0).then(|| {
        format!(
            "The scenario leaves out {} attempts of {} that never got an answer.",
            crate::units::format::count(left_out),
            match before - sketch.workloads.len() {
                1 => "a caller".to_owned(),
                many => format!("{many} callers"),
            }
        )
    })
}

/// Requests of all workloads by minute.
fn all_minutes(sketch: &Sketch) -> BTreeMap<i64, Minute> {
    let mut all: BTreeMap<i64, Minute> = BTreeMap::new();
    for (minute, counts) in sketch.workloads.iter().flat_map(|(_, workload)| &workload.minutes) {
        let sum = all.entry(*minute).or_default();
        sum.requests += counts.requests;
        sum.throttled += counts.throttled;
    }
    all
}

/// The pools that sources call, and which source calls which. One set of quotas is one model, Region and account.
fn pools(sketch: &Sketch, models: &[Model]) -> (Vec<PoolFit>, Vec<usize>) {
    let mut pools: Vec<PoolFit> = Vec::new();
    let mut pool_of = Vec::new();
    for ((source, _), model) in sketch.workloads.iter().zip(models) {
        let same =
            |pool: &PoolFit| pool.model == model.id && pool.region == source.region && pool.account == source.account;
        let found = pools.iter().position(same).unwrap_or_else(|| {
            pools.push(PoolFit {
                name: slug(model.name.trim_start_matches("Claude ")),
                model: model.id.clone(),
                recorded_as: source.model.to_string(),
                region: source.region.to_string(),
                account: source.account.to_string(),
            });
            pools.len() - 1
        });
        pool_of.push(found);
    }
    // Where one name is not enough, the profile, the Region and the account tell pools apart.
    for suffix in [
        |pool: &PoolFit| prefix(&pool.model),
        |pool: &PoolFit| pool.region.clone(),
        |pool: &PoolFit| pool.account.clone(),
    ] {
        let names: Vec<String> = pools.iter().map(|pool| pool.name.clone()).collect();
        for pool in &mut pools {
            let suffix = slug(&suffix(pool));
            if names.iter().filter(|name| **name == pool.name).count() > 1 && !suffix.is_empty() {
                pool.name = format!("{}-{suffix}", pool.name);
            }
        }
    }
    unique(pools.iter_mut().map(|pool| &mut pool.name));
    (pools, pool_of)
}

/// The profile prefix of a model id: `us` of `us.anthropic.…`.
fn prefix(id: &str) -> String {
    let known = crate::model::catalog::ProfileKind::of_prefix;
    id.split_once('.').filter(|(prefix, _)| known(prefix).is_some()).map_or("regional", |(prefix, _)| prefix).to_owned()
}

fn workload_names(sketch: &Sketch, pools: &[PoolFit], pool_of: &[usize]) -> Vec<String> {
    let callers: Vec<String> = sketch.workloads.iter().map(|(source, _)| slug(&source.caller)).collect();
    let mut names: Vec<String> = callers
        .iter()
        .zip(pool_of)
        .map(|(caller, &pool)| match caller.as_str() {
            "" => pools[pool].name.clone(),
            // A caller of several pools is a workload on each.
            caller if callers.iter().filter(|other| *other == caller).count() > 1 => {
                format!("{caller}-{}", pools[pool].name)
            }
            caller => caller.to_owned(),
        })
        .collect();
    unique(names.iter_mut());
    names
}

/// Numbers the names that come again.
fn unique<'a>(names: impl Iterator<Item = &'a mut String>) {
    let mut taken: Vec<String> = Vec::new();
    for name in names {
        if name.is_empty() {
            "all".clone_into(name);
        }
        if taken.contains(name) {
            let numbered = (2..).map(|number| format!("{name}-{number}"));
            *name = numbered.into_iter().find(|other| !taken.contains(other)).expect("numbers do not run out");
        }
        taken.push(name.clone());
    }
}

/// What is earlier than 1980 counts from the start of a record, not from 1970 [ns].
const YEAR_1980: i64 = 315_532_800_000_000_000;

/// Nanoseconds since 1970 as RFC 3339.
fn timestamp(nanoseconds: i64) -> String {
    let instant = jiff::Timestamp::from_nanosecond(i128::from(nanoseconds)).expect("64 bits of nanoseconds are near");
    instant.to_string()
}
