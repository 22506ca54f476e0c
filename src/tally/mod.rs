//! Whole-number counts of one replication: what the engine fills and the analysis folds.
//!
//! Nothing here grows with the number of requests: counters, sums and histograms, per *flow* (one workload on one
//! pool), per pool, and for everything together. *Measured time* is `[warmup, horizon)`; a *counted* request arrived
//! in it.

mod batch;
mod chosen;
mod failures;
mod health;
mod histogram;
mod ledger;

pub use chosen::Chosen;
pub use failures::{FailureCause, Wasted};
pub use health::{Health, LONG_WAIT, Moment};
pub use histogram::Histogram;
pub use ledger::Ledger;

use crate::model::QuotaName;
use crate::units::SimSpan;
use crate::wide::Spread;

/// One replication of a scenario.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// How long the batch is that this is of, where measured time is cut into batches; `None` is all of it.
    pub batch: Option<SimSpan>,
    /// One per workload and pool that it may call, in the order of [`FlowTally::workload`], [`FlowTally::pool`].
    pub flows: Vec<FlowTally>,
    /// The most attempts in progress in measured time, by workload.
    pub workloads_in_flight_max: Vec<u64>,
    /// The most attempts in progress in measured time, over all workloads.
    pub in_flight_max: u64,
    /// One per pool.
    pub pools: Vec<PoolTally>,
    /// Counted requests that had not ended when the run stopped waiting for them.
    pub unfinished: u64,
    /// How requests fared over time, where the scenario is disturbed for a while.
    pub health: Option<Health>,
    /// The same of the scenario left in peace, on the same random numbers.
    pub undisturbed: Option<Health>,
    /// Instants that the engine handled: arrivals, retries, ends, adjustments and the rest, but no first tokens.
    pub events: u64,
}

/// One workload on one pool.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FlowTally {
    /// Index of the workload.
    pub workload: usize,
    /// Index of the pool.
    pub pool: usize,
    /// Counted requests whose last attempt went to this pool.
    pub requests: u64,
    /// Their attempts on this pool.
    pub attempts: u64,
    /// Attempts refused with a 429, by the limit that refused.
    pub throttles: [u64; QuotaName::ALL.len()],
    /// Counted requests with a throttled attempt.
    pub requests_throttled: u64,
    /// Counted requests that ended in an answer.
    pub succeeded: u64,
    /// Counted requests that ended without one.
    pub failed: u64,
    /// Of these, by [`FailureCause`].
    pub failures: [u64; FailureCause::ALL.len()],
    /// Attempts that met a fault of the service: before admission, or in place of an answer.
    pub faulted: u64,
    /// Counted attempts that nobody heard the end of.
    pub wasted: Wasted,
    /// Answers cut short by `max_tokens`.
    pub truncated: u64,
    /// Answers cut short by an exhausted output quota.
    pub quota_truncated: u64,
    /// Answers that were complete, and in time where there is a deadline.
    pub good: u64,
    /// Their output tokens.
    pub good_output: u64,
    /// What the counted requests would be charged if all were served [quota tokens].
    pub offered_charge: u64,
    /// Reservations of counted attempts [quota tokens].
    pub reserved: u64,
    /// Charges of counted attempts [quota tokens].
    pub charged: u64,
    /// Billed tokens of counted attempts.
    pub billed: Billed,
    /// Quota tokens of all attempts, from the start of the run.
    pub ledger: Ledger,
    /// Arrival to end of successes, in ns.
    pub latency: Durations,
    /// Arrival to first token of successes, in ns.
    pub ttft: Durations,
    /// Arrival to the start of the last attempt, of all counted requests, in ns.
    pub wait: Durations,
    /// The part of the wait spent in backoff, in ns.
    pub wait_backoff: Durations,
    /// The part spent in the client's rate limiter, in ns.
    pub wait_limiter: Durations,
    /// The part spent in the queue for a concurrency slot, in ns.
    pub wait_queue: Durations,
    /// Attempts in progress, summed over measured time [attempt·ns].
    pub in_flight_ns: u128,
}

/// Tokens that appear on the bill, by price.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Billed {
    /// Uncached input.
    pub input: u64,
    /// Output.
    pub output: u64,
    /// Read from the cache.
    pub cache_read: u64,
    /// Written to the cache.
    pub cache_write: u64,
}

impl Billed {
    /// Adds the tokens of another bill.
    #[inline]
    pub fn add(&mut self, other: &Billed) {
        self.input += other.input;
        self.output += other.output;
        self.cache_read += other.cache_read;
        self.cache_write += other.cache_write;
    }
}

/// A pool over measured time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PoolTally {
    /// Charges booked in measured time [quota tokens].
    pub charged: u64,
    /// What the tokens quota allows in measured time [token·ns per minute]; zero without a quota.
    pub allowed: u128,
    /// Open reservations summed over measured time [token·ns].
    pub reservation_ns: u128,
    /// Highest open reservation in measured time, in tokens.
    pub reservation_peak: u64,
    /// The most attempts in progress in measured time.
    pub in_flight_max: u64,
    /// Tokens charged in each whole minute of measured time.
    pub tokens_by_minute: Minutes,
    /// Attempts admitted in each whole minute of measured time.
    pub requests_by_minute: Minutes,
    /// The bucket's level, sampled through the first and last quarter of measured time; `None` for other limiters,
    /// and for all batches of a run but the first.
    pub level_drift: Option<LevelDrift>,
    /// The pool in equal intervals from the start to the horizon; with the first batch of a run that is cut.
    pub timeline: Vec<Probe>,
}

/// Durations, in ns: a histogram of the nonzero ones, and their sum.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Durations {
    /// The nonzero durations.
    pub histogram: Histogram,
    /// Their sum.
    pub sum: u128,
    /// All durations, zeros included.
    pub count: u64,
}

impl Durations {
    /// Counts one duration.
    #[inline]
    pub fn record(&mut self, ns: u64) {
        self.count += 1;
        if ns > 0 {
            self.sum += u128::from(ns);
            self.histogram.record(ns);
        }
    }

    /// Counts many durations, none of them zero, whose spread is known.
    #[inline]
    pub fn record_all(&mut self, durations: &[u64], spread: Spread) {
        self.count += durations.len() as u64;
        self.sum += spread.sum;
        self.histogram.record_all(durations, spread);
    }

    /// Counts in each the chosen durations that are not zero.
    #[inline]
    pub fn record_chosen<const N: usize>(mut books: [&mut Durations; N], chosen: &Chosen<'_>) {
        for durations in &mut books {
            durations.count += chosen.nonzero;
            durations.sum += chosen.spread.sum;
        }
        Histogram::record_chosen(books.map(|durations| &mut durations.histogram), chosen);
    }

    /// Counts durations of zero.
    #[inline]
    pub fn record_zeros(&mut self, count: u64) {
        self.count += count;
    }

    /// The value at nearest rank among `count` durations, of which those not recorded are zero.
    pub fn quantile_among(&self, p: f64, count: u64) -> Option<u64> {
        self.histogram.quantile(p, count - self.histogram.total())
    }

    /// Adds the counts of another.
    pub fn merge(&mut self, other: &Durations) {
        self.histogram.merge(&other.histogram);
        self.sum += other.sum;
        self.count += other.count;
    }
}

/// Totals by minute.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Minutes {
    /// The totals of the minutes, as a distribution.
    pub histogram: Histogram,
    /// Their sum.
    pub sum: u128,
}

impl Minutes {
    /// Closes a minute with this total.
    pub fn record(&mut self, total: u64) {
        self.histogram.record(total);
        self.sum += u128::from(total);
    }

    /// Adds the minutes of another replication.
    pub fn merge(&mut self, other: &Minutes) {
        self.histogram.merge(&other.histogram);
        self.sum += other.sum;
    }
}

/// The mean level of a bucket at both ends of measured time, for the warning that it is still spending its burst.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LevelDrift {
    /// Sum of the samples of the first quarter, in tokens.
    pub first_quarter: i128,
    /// Sum of the samples of the last quarter, in tokens.
    pub last_quarter: i128,
    /// Samples per quarter.
    pub samples: u32,
    /// The bucket's capacity at the horizon, in tokens.
    pub capacity: u64,
}

/// A pool at the end of an interval; counters run from the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Probe {
    /// The end of the interval, in ns.
    pub at: u64,
    /// The tokens quota in force before it [per minute].
    pub quota: Option<u64>,
    /// Attempts admitted so far.
    pub admitted: u64,
    /// Attempts throttled so far.
    pub throttled: u64,
    /// Tokens charged so far.
    pub charged: u64,
    /// Open reservations, in tokens.
    pub reserved_open: u64,
    /// What the tokens limiter would admit at once.
    pub available: Option<i64>,
    /// The most that it can be.
    pub capacity: Option<u64>,
    /// Attempts in progress.
    pub in_flight: u64,
}

impl FlowTally {
    /// A counted attempt was admitted with this reservation, and will be charged and billed so.
    #[inline]
    pub fn admitted(&mut self, reservation: u64, charge: u64, billed: &Billed) {
        self.reserved += reservation;
        self.charged += charge;
        self.billed.add(billed);
    }

    /// A counted attempt is admitted that its client will have no use for; `faulted` where the service is to blame.
    pub fn wasted(&mut self, charge: u64, billed: &Billed, faulted: bool) {
        self.wasted.attempts += 1;
        self.wasted.charged += charge;
        self.wasted.billed.add(billed);
        self.faulted += u64::from(faulted);
    }

    /// A counted request ends without an answer.
    pub fn failed(&mut self, cause: FailureCause, offered_charge: u64, throttled: bool) {
        self.requests += 1;
        self.failed += 1;
        self.failures[cause as usize] += 1;
        self.requests_throttled += u64::from(throttled);
        self.offered_charge += offered_charge;
    }

    /// A counted request has waited so long for its last attempt, and of that in backoff, limiter and queue \[ns\].
    #[inline]
    pub fn waited(&mut self, waited: u64, causes: [u64; 3]) {
        self.wait.record(waited);
        if waited > 0 {
            self.wait_backoff.record(causes[0]);
            self.wait_limiter.record(causes[1]);
            self.wait_queue.record(causes[2]);
        }
    }

    /// A counted request has its answer, `latency` ns after it arrived.
    #[inline]
    pub fn succeeded(&mut self, latency: u64, charge: u64, throttled: bool) {
        self.requests += 1;
        self.requests_throttled += u64::from(throttled);
        self.succeeded += 1;
        self.offered_charge += charge;
        self.latency.record(latency);
    }

    /// Attempts refused with a 429, under whatever limit.
    pub fn throttled(&self) -> u64 {
        self.throttles.iter().sum()
    }

    /// Adds the counts of another flow, histograms included.
    pub fn merge(&mut self, other: &FlowTally) {
        self.requests += other.requests;
        self.attempts += other.attempts;
        for (mine, theirs) in self.throttles.iter_mut().zip(other.throttles) {
            *mine += theirs;
        }
        self.requests_throttled += other.requests_throttled;
        self.succeeded += other.succeeded;
        self.failed += other.failed;
        for (mine, theirs) in self.failures.iter_mut().zip(other.failures) {
            *mine += theirs;
        }
        self.faulted += other.faulted;
        self.wasted.merge(&other.wasted);
        self.truncated += other.truncated;
        self.quota_truncated += other.quota_truncated;
        self.good += other.good;
        self.good_output += other.good_output;
        self.offered_charge += other.offered_charge;
        self.reserved += other.reserved;
        self.charged += other.charged;
        self.billed.add(&other.billed);
        self.ledger.merge(&other.ledger);
        self.in_flight_ns += other.in_flight_ns;
        for (mine, theirs) in self.durations_mut().into_iter().zip(other.durations()) {
            mine.merge(theirs);
        }
    }

    /// Adds the histograms of another flow, and not its counts.
    pub fn merge_histograms(&mut self, other: &FlowTally) {
        for (mine, theirs) in self.durations_mut().into_iter().zip(other.durations()) {
            mine.histogram.merge(&theirs.histogram);
        }
    }

    /// Forgets the histograms and keeps the counts and sums.
    pub fn drop_histograms(&mut self) {
        for durations in self.durations_mut() {
            durations.histogram = Histogram::default();
        }
    }

    fn durations(&self) -> [&Durations; 6] {
        [&self.latency, &self.ttft, &self.wait, &self.wait_backoff, &self.wait_limiter, &self.wait_queue]
    }

    fn durations_mut(&mut self) -> [&mut Durations; 6] {
        [
            &mut self.latency,
            &mut self.ttft,
            &mut self.wait,
            &mut self.wait_backoff,
            &mut self.wait_limiter,
            &mut self.wait_queue,
        ]
    }
}
