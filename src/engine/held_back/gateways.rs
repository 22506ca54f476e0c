//! What holds attempts back, and what it knows: gateways, lines, and how long answers are.

use crate::admission::{Limiter as _, TokenBucket};
use crate::engine::answers::Answers;
use crate::engine::compiled::Engine;
use crate::engine::line::Line;
use crate::engine::slab::MOST_LINES;
use crate::model::{Demand, Pool, Workload};
use crate::units::{Probability, SimSpan, SimTime, Tokens};

/// How many requests the first estimate of an answer's length rests on.
const FIRST_ESTIMATE: u64 = 4_096;

/// The state of everything that holds attempts back.
#[derive(Debug)]
pub(in crate::engine) struct HeldBack {
    /// One per pool, for its gateway; then, for each workload with a limiter, one per client.
    pub(in crate::engine) lines: Vec<Line>,
    /// By pool, if a workload is paced there: a bucket that never holds anything, so that what a request took must
    /// have flowed in before the next may go.
    pub(super) gateways: Vec<Option<TokenBucket>>,
    /// By workload: the place of its first client's line.
    first_lines: Vec<usize>,
    /// By workload.
    answers: Vec<Answers>,
}

impl HeldBack {
    pub(in crate::engine) fn new(engine: &Engine<'_>) -> HeldBack {
        let scenario = engine.scenario;
        let mut gateways: Vec<Option<TokenBucket>> = scenario.pools.iter().map(|_| None).collect();
        let mut answers = Vec::new();
        let (mut first_lines, mut lines) = (Vec::new(), scenario.pools.len());
        for (index, workload) in engine.workloads.iter().enumerate() {
            let pool = workload.model.pool;
            let mut expected = Answers::new(0, 1);
            if let (Some(_), Some(quota)) = (workload.model.pace, scenario.pools[pool].quotas.reserved_from()) {
                let limit = quota.limit_at(SimTime::ZERO);
                gateways[pool] = Some(TokenBucket::new(limit, SimSpan::ZERO, Probability(1.0)));
                expected = first_estimate(engine, index);
            }
            answers.push(expected);
            first_lines.push(lines);
            if workload.client.has_limiter() {
                lines += workload.model.clients as usize;
            }
        }
        assert!(lines <= MOST_LINES as usize, "more than 67 million client limiters");
        let lines = std::iter::repeat_with(Line::default).take(lines).collect();
        HeldBack { lines, gateways, first_lines, answers }
    }

    pub(in crate::engine) fn gateway(&mut self, pool: usize) -> &mut TokenBucket {
        self.gateways[pool].as_mut().expect("a paced workload's pool has a gateway")
    }

    /// When the gateway of a pool lets the next request through; never without a quota.
    pub(in crate::engine) fn opens(&mut self, pool: usize, now: SimTime) -> SimTime {
        self.gateway(pool).retry_at(now, 0).unwrap_or(SimTime::MAX)
    }

    /// The line of a client's limiter.
    pub(in crate::engine) fn line_of(&self, workload: usize, client: u32) -> usize {
        self.first_lines[workload] + client as usize
    }

    /// The workload and the client whose limiter a line waits for; `None` if it waits for a gateway.
    pub(super) fn whose(&self, line: usize) -> Option<(usize, u32)> {
        if line < self.gateways.len() {
            return None;
        }
        let workload = self.first_lines.partition_point(|&first| first <= line) - 1;
        Some((workload, (line - self.first_lines[workload]) as u32))
    }

    /// What a request of a workload takes from the gateway of its pool, if answers have this length; `demand` is what it
    /// would ask for.
    #[inline(always)]
    fn price(workload: &Workload, mean: u64, pool: &Pool, demand: Demand) -> u64 {
        let estimate = pool.charge(&Demand { natural_output: Tokens(mean), ..demand }).0;
        HeldBack::price_of(estimate, workload.pace.map_or(1.0, |pace| pace.0))
    }

    /// What a request of this estimate takes from a gateway that lets through this share of a quota.
    #[inline(always)]
    pub(in crate::engine) fn price_of(estimate: u64, share: f64) -> u64 {
        // The gateway fills at the whole quota: a share of it takes longer for as much.
        let exact = estimate as f64 / share;
        let whole = exact as u64;
        whole.saturating_add(u64::from((whole as f64) < exact))
    }

    /// How long the answers of a workload are on average [tokens].
    #[inline(always)]
    pub(in crate::engine) fn mean_answer(&self, index: usize) -> u64 {
        self.answers[index].mean()
    }

    /// Keeps the gateway of a pool busy with a request of a workload; `demand` is what it would ask for.
    pub(in crate::engine) fn keep_busy(
        &mut self,
        workload: &Workload,
        index: usize,
        pool: &Pool,
        demand: Demand,
        now: SimTime,
    ) {
        let cost = HeldBack::price(workload, self.mean_answer(index), pool, demand);
        self.take(workload.pool, cost, now);
    }

    /// Keeps the gateway of a pool busy with a request of this price.
    pub(in crate::engine) fn take(&mut self, pool: usize, cost: u64, now: SimTime) {
        let gateway = self.gateway(pool);
        // What has flowed in by now comes first.
        let open = gateway.fits(now, 0);
        debug_assert!(open, "somebody goes");
        let _ = gateway.take(now, cost);
    }

    /// What is known of the answers of a workload.
    #[inline(always)]
    pub(in crate::engine) fn answers(&mut self, index: usize) -> &mut Answers {
        &mut self.answers[index]
    }

    /// An answer of this length has come.
    #[inline(always)]
    pub(in crate::engine) fn learn(&mut self, workload: usize, output: u32) {
        self.answers[workload].learn(output);
    }
}

/// The mean output of a workload's first requests, as the output of one.
fn first_estimate(engine: &Engine<'_>, workload: usize) -> Answers {
    let limit = engine.max_tokens(workload);
    let lengths = engine.output_lengths(workload, FIRST_ESTIMATE);
    let sum: u64 = lengths.iter().map(|&length| length.min(limit)).sum();
    let count = lengths.len().max(1) as u64;
    Answers::new(Answers::new(sum, count).mean(), 1)
}
