//! Open arrival processes: request 0, 1, 2 … of a workload and when each arrives.
//!
//! A random process is a *unit process*, whose mean gap is one, mapped through the inverse of the cumulative rate: the
//! load changes the rate and not the unit process, so the same requests come sooner or later. Constant, burst and cron
//! arrivals are exact integers and draw nothing; a trace draws only to thin a fractional copy. Memory does not grow
//! with the number of requests.

mod cron;
mod rate;
mod regular;
mod renewal;
mod replay;
mod surge;
#[cfg(test)]
mod tests;

use super::address::{Purpose, Streams};
use crate::model::scenario::{Load, Start};
use crate::model::{Arrivals, Spike};
use crate::units::{Rate, SimTime};
use crate::wide::{Loop, widest};
use cron::Cron;
use rate::CumulativeRate;
use regular::{Regular, scaled_count};
use renewal::UnitProcess;
use replay::Replay;
use surge::{Surge, Units};

/// The arrivals of a workload before the horizon, a block at a time.
///
/// Closed loops have none. Of sessions these are the openings; their later turns depend on what happens.
///
/// ```
/// use quotasim::model::Arrivals;
/// use quotasim::model::scenario::{Load, Start};
/// use quotasim::random::{OpenArrivals, Streams};
/// use quotasim::units::{Rate, SimSpan, SimTime};
///
/// let three_per_second = Arrivals::Constant { rate: Rate { events: 3, per: SimSpan::SECOND } };
/// let streams = Streams { seed: 1, replication: 0, workload: 0 };
/// let mut arrivals =
///     OpenArrivals::new(&three_per_second, Load::ONE, Start::default(), streams, SimTime(1_000_000_000));
/// let mut block = [0; 8];
/// assert_eq!(arrivals.fill(&mut block), 3);
/// assert_eq!(block[..3], [0, 333_333_333, 666_666_666]);
/// ```
#[derive(Debug, Clone)]
pub struct OpenArrivals {
    process: Process,
    horizon: u64,
    last: u64,
}

#[derive(Debug, Clone)]
enum Process {
    Ended,
    Regular(Regular),
    Burst { at: u64, left: u64 },
    Rated(Box<(UnitProcess, CumulativeRate)>),
    Surging(Box<Surge>),
    Cron(Box<Cron>),
    Replay(Replay),
}

impl OpenArrivals {
    /// Prepares the arrivals of a workload from the scenario's start to the horizon, which is excluded.
    ///
    /// `load` multiplies rates and the scale of a trace; of a burst or a firing of a schedule it multiplies the count,
    /// which is then rounded to the nearest whole number, halves up.
    pub fn new(arrivals: &Arrivals, load: Load, start: Start, streams: Streams, horizon: SimTime) -> OpenArrivals {
        OpenArrivals::under_spike(arrivals, load, start, streams, horizon, None)
    }

    /// As [`OpenArrivals::new`], with a spike in which `spike.load` times as many arrive.
    ///
    /// Of a trace, that is further copies of the rows in the spike; of a burst or a firing in it, a larger count.
    pub fn under_spike(
        arrivals: &Arrivals,
        load: Load,
        start: Start,
        streams: Streams,
        horizon: SimTime,
        spike: Option<&Spike>,
    ) -> OpenArrivals {
        let rated = |unit: UnitProcess, rate: CumulativeRate| match spike {
            None => Process::Rated(Box::new((unit, rate))),
            Some(spike) => Process::Surging(Box::new(Surge::new(Units::Renewal(Box::new(unit)), rate, spike))),
        };
        let poisson = |rate| rated(UnitProcess::poisson(streams), rate);
        let process = match arrivals {
            Arrivals::Constant { rate } => match spike {
                None => Regular::new(*rate, load).map_or(Process::Ended, Process::Regular),
                Some(spike) => {
                    let rate = CumulativeRate::regular(*rate, load);
                    Process::Surging(Box::new(Surge::new(Units::Regular(0), rate, spike)))
                }
            },
            Arrivals::Burst { at, count } => {
                let surged = spike.filter(|spike| spike.covers(*at)).map_or(load, |spike| load.times(spike.load));
                Process::Burst { at: at.0, left: scaled_count(*count, surged) }
            }
            Arrivals::Poisson { rate } => poisson(CumulativeRate::constant(*rate, load)),
            Arrivals::Sessions(sessions) => poisson(CumulativeRate::constant(sessions.rate, load)),
            Arrivals::Gamma { rate, cv } => {
                rated(UnitProcess::gamma(streams, *cv), CumulativeRate::constant(*rate, load))
            }
            Arrivals::Weibull { rate, cv } => {
                rated(UnitProcess::weibull(streams, *cv), CumulativeRate::constant(*rate, load))
            }
            Arrivals::OnOff { on_rate, off_rate, mean_on, mean_off } => {
                let rates = [*off_rate, *on_rate].map(|rate| per_nanosecond(rate, load));
                let stays = [mean_off.0 as f64, mean_on.0 as f64];
                let key = streams.key(Purpose::Phase);
                poisson(CumulativeRate::on_off(rates, stays, key, horizon))
            }
            Arrivals::Sinusoidal { rate, amplitude, period, phase } => {
                let rate = per_nanosecond(*rate, load);
                poisson(CumulativeRate::sinusoid(rate, amplitude.0, *period, *phase))
            }
            Arrivals::Piecewise { points, interpolation } => {
                poisson(CumulativeRate::piecewise(points, *interpolation, load))
            }
            Arrivals::Cron { schedule, count, over } => {
                let surge = spike.map(|spike| (spike.clone(), scaled_count(*count, load.times(spike.load))));
                Process::Cron(Box::new(Cron::new(*schedule, scaled_count(*count, load), *over, start, horizon, surge)))
            }
            Arrivals::Trace(trace) => {
                Process::Replay(Replay::new(trace, load, streams.key(Purpose::Thinning), horizon, spike))
            }
            Arrivals::ClosedLoop { .. } => Process::Ended,
        };
        OpenArrivals { process, horizon: horizon.0, last: 0 }
    }

    /// Writes the next arrival times, in ns, nondecreasing, and returns how many; fewer than asked for only at the end.
    ///
    /// However the requests are divided into blocks, their times are the same.
    pub fn fill(&mut self, out: &mut [u64]) -> usize {
        let written = match &mut self.process {
            Process::Ended => 0,
            Process::Regular(regular) => regular.fill(out),
            Process::Burst { at, left } => {
                let count = out.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                out[..count].fill(*at);
                *left -= count as u64;
                count
            }
            Process::Rated(parts) => {
                let (unit, rate) = &mut **parts;
                fill_rated(unit, rate, &mut self.last, out)
            }
            Process::Surging(surge) => surge.fill(&mut self.last, out),
            Process::Cron(cron) => fill_from(|| cron.next(), out),
            Process::Replay(replay) => fill_from(|| replay.next().map(|(time, _)| time), out),
        };
        self.end_at_horizon(written, out)
    }

    /// As [`OpenArrivals::fill`], with the row of the trace that each request repeats; zero for other processes.
    pub fn fill_rows(&mut self, out: &mut [u64], rows: &mut [u32]) -> usize {
        assert_eq!(out.len(), rows.len(), "one row for each time");
        let Process::Replay(replay) = &mut self.process else {
            rows.fill(0);
            return self.fill(out);
        };
        let mut rows = rows.iter_mut();
        let next = || {
            let (time, row) = replay.next()?;
            *rows.next()? = row;
            Some(time)
        };
        let written = fill_from(next, out);
        self.end_at_horizon(written, out)
    }

    /// Drops what comes at the horizon or later, and with it all that would follow.
    fn end_at_horizon(&mut self, written: usize, out: &[u64]) -> usize {
        let before = out[..written].partition_point(|&time| time < self.horizon);
        if before < out.len() {
            self.process = Process::Ended;
        }
        before
    }
}

/// Maps a block of the unit process through the inverse cumulative rate.
fn fill_rated(unit: &mut UnitProcess, rate: &mut CumulativeRate, last: &mut u64, out: &mut [u64]) -> usize {
    let mut counts = [0.0; 256];
    for block in out.chunks_mut(counts.len()) {
        let counts = &mut counts[..block.len()];
        unit.fill(counts);
        rate.reach_all(counts, block);
        // Roundings in the inverse may not turn time back.
        let (mut in_order, first) = (false, block.first().is_some_and(|first| first >= last));
        widest(InOrder { times: block, so: &mut in_order });
        if !(in_order && first) {
            let mut latest = *last;
            for time in &mut *block {
                latest = latest.max(*time);
                *time = latest;
            }
        }
        *last = block.last().copied().unwrap_or(*last);
    }
    out.len()
}

/// Whether no time is before the one that it follows.
struct InOrder<'a> {
    times: &'a [u64],
    so: &'a mut bool,
}

impl Loop for InOrder<'_> {
    #[inline(always)]
    fn run(self) {
        let back: u64 =
            self.times.iter().zip(self.times.iter().skip(1)).map(|(time, next)| u64::from(next < time)).sum();
        *self.so = back == 0;
    }
}

fn fill_from(mut next: impl FnMut() -> Option<u64>, out: &mut [u64]) -> usize {
    for (written, slot) in out.iter_mut().enumerate() {
        match next() {
            Some(time) => *slot = time,
            None => return written,
        }
    }
    out.len()
}

/// A rate times the load [events/ns].
fn per_nanosecond(rate: Rate, load: Load) -> f64 {
    rate.events as f64 / rate.per.0 as f64 * load.as_f64()
}
