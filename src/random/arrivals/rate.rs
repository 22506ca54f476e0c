//! Cumulative rates and their inverses.

use super::per_nanosecond;
use crate::model::arrivals::Interpolation;
use crate::model::scenario::Load;
use crate::random::address::{Key, TWO_POW_64};
use crate::random::law::Law;
use crate::random::quantile_table::far_tail;
use crate::units::{Rate, SimSpan, SimTime};
use crate::wide::{Loop, widest};
use std::f64::consts::TAU;

/// `Λ(t) = ∫₀ᵗ rate`, the expected number of arrivals before `t`, walked through in order of time.
///
/// # Source
///
/// The inverse transform of a unit Poisson process: Çınlar, "Introduction to stochastic processes", 1975, §4.7.
#[derive(Debug, Clone)]
pub(super) enum CumulativeRate {
    /// Nanoseconds per event; infinite at rate zero.
    Constant(f64),
    OnOff(OnOff),
    Sinusoid(Sinusoid),
    Piecewise(Piecewise),
}

impl CumulativeRate {
    pub(super) fn constant(rate: Rate, load: Load) -> CumulativeRate {
        CumulativeRate::Constant(1.0 / per_nanosecond(rate, load))
    }

    /// A constant rate whose gap is rounded once, for arrivals at equal distances.
    pub(super) fn regular(rate: Rate, load: Load) -> CumulativeRate {
        let gap = rate.per.0 as f64 * load.denominator as f64 / (rate.events as f64 * load.numerator as f64);
        CumulativeRate::Constant(gap)
    }

    /// Rates [events/ns] and mean stays [ns], each of the off and of the on state.
    pub(super) fn on_off(rates: [f64; 2], mean_stays: [f64; 2], key: Key, horizon: SimTime) -> CumulativeRate {
        CumulativeRate::OnOff(OnOff::new(rates, mean_stays, key, horizon.0 as f64))
    }

    /// A mean rate [events/ns] and its relative swing.
    pub(super) fn sinusoid(rate: f64, amplitude: f64, period: SimSpan, phase: SimSpan) -> CumulativeRate {
        CumulativeRate::Sinusoid(Sinusoid::new(rate, amplitude, period, phase))
    }

    pub(super) fn piecewise(points: &[(SimTime, Rate)], interpolation: Interpolation, load: Load) -> CumulativeRate {
        let points = points.iter().map(|&(time, rate)| (time.0 as f64, per_nanosecond(rate, load))).collect();
        CumulativeRate::Piecewise(Piecewise { points, interpolation, segment: 0, count_at_start: 0.0 })
    }

    /// `Λ` at an instant [ns], of a rate that has not been walked through yet.
    pub(super) fn count_at(&self, time: f64) -> f64 {
        match self {
            CumulativeRate::Constant(gap) => time / gap,
            CumulativeRate::OnOff(on_off) => on_off.clone().count_at(time),
            CumulativeRate::Sinusoid(sinusoid) => sinusoid.count_at(time),
            CumulativeRate::Piecewise(piecewise) => piecewise.count_at(time),
        }
    }

    /// When `Λ` reaches each of the counts, which increase from call to call [ns]; `u64::MAX` if never.
    pub(super) fn reach_all(&mut self, counts: &[f64], out: &mut [u64]) {
        match self {
            CumulativeRate::Constant(gap) => widest(Steady { gap: *gap, counts, out }),
            CumulativeRate::OnOff(on_off) => each(counts, out, |count| on_off.reach(count)),
            CumulativeRate::Sinusoid(sinusoid) => each(counts, out, |count| sinusoid.reach(count)),
            CumulativeRate::Piecewise(piecewise) => each(counts, out, |count| piecewise.reach(count)),
        }
    }
}

/// When counts are reached at a constant rate.
struct Steady<'a> {
    /// Nanoseconds per event.
    gap: f64,
    counts: &'a [f64],
    out: &'a mut [u64],
}

impl Loop for Steady<'_> {
    #[inline(always)]
    fn run(self) {
        // From 2⁵² on an f64 has no fraction: adding it leaves the nearest integer in the low bits.
        const NO_FRACTION: f64 = 4_503_599_627_370_496.0;
        let Steady { gap, counts, out } = self;
        // Counts increase.
        if counts.last().is_some_and(|&last| last * gap < NO_FRACTION) {
            for (slot, count) in out.iter_mut().zip(counts) {
                let time = count * gap;
                let shifted = time + NO_FRACTION;
                let went_up = shifted - NO_FRACTION > time;
                *slot = (shifted.to_bits() & (NO_FRACTION as u64 - 1)) - u64::from(went_up);
            }
        } else {
            each(counts, out, |count| count * gap);
        }
    }
}

fn each(counts: &[f64], out: &mut [u64], mut reach: impl FnMut(f64) -> f64) {
    for (slot, count) in out.iter_mut().zip(counts) {
        // Casting saturates at infinity.
        *slot = reach(*count) as u64;
    }
}

/// Two rates in turn. Stay `j` has the draw of phase `j`, and phase 0 draws the first state, so the load moves no phase.
#[derive(Debug, Clone)]
pub(super) struct OnOff {
    rates: [f64; 2],
    mean_stays: [f64; 2],
    key: Key,
    horizon: f64,
    on: bool,
    phase: u64,
    start: f64,
    end: f64,
    count_at_start: f64,
}

impl OnOff {
    /// Starts in its stationary state: on with probability `mean_on / (mean_on + mean_off)`. What remains of an
    /// exponential stay has the law of a whole one.
    fn new(rates: [f64; 2], mean_stays: [f64; 2], key: Key, horizon: f64) -> OnOff {
        let [mean_off, mean_on] = mean_stays;
        let on = (key.bits(0) as f64 + 0.5) / TWO_POW_64 < mean_on / (mean_on + mean_off);
        let mut on_off =
            OnOff { rates, mean_stays, key, horizon, on: !on, phase: 0, start: 0.0, end: 0.0, count_at_start: 0.0 };
        on_off.turn();
        on_off
    }

    fn turn(&mut self) {
        self.count_at_start = self.count_at_end();
        self.start = self.end;
        self.on = !self.on;
        self.phase += 1;
        let mean = self.mean_stays[usize::from(self.on)];
        self.end = self.start + far_tail(&Law::Exponential { mean }, self.key.bits(self.phase));
    }

    fn count_at_end(&self) -> f64 {
        self.count_at_start + self.rates[usize::from(self.on)] * (self.end - self.start)
    }

    fn count_at(mut self, time: f64) -> f64 {
        while self.end < time {
            self.turn();
        }
        self.count_at_start + self.rates[usize::from(self.on)] * (time - self.start)
    }

    fn reach(&mut self, count: f64) -> f64 {
        while count > self.count_at_end() {
            if self.end >= self.horizon {
                return f64::INFINITY;
            }
            self.turn();
        }
        (self.start + (count - self.count_at_start) / self.rates[usize::from(self.on)]).min(self.end)
    }
}

/// `rate · (1 + a·sin θ)` with `θ = 2π(t + phase)/period`.
///
/// # Formula
///
/// With `x = 2πt/period` and `θ₀` the angle of the start, `Λ = (rate·period/2π) · (x + a·(cos θ₀ − cos(θ₀ + x)))`: one
/// cycle has `rate·period` arrivals, and within it the equation is solved by Halley's steps, kept in a bracket.
#[derive(Debug, Clone)]
pub(super) struct Sinusoid {
    amplitude: f64,
    period: f64,
    per_cycle: f64,
    start_angle: f64,
    start_cosine: f64,
    /// The last solution: its angle, its count on the scale of angles, and the relative rate there.
    last: (f64, f64, f64),
}

impl Sinusoid {
    fn new(rate: f64, amplitude: f64, period: SimSpan, phase: SimSpan) -> Sinusoid {
        let start_angle = TAU * ((phase.0 % period.0) as f64 / period.0 as f64);
        Sinusoid {
            amplitude,
            period: period.0 as f64,
            per_cycle: rate * period.0 as f64,
            start_angle,
            start_cosine: libm::cos(start_angle),
            last: (0.0, 0.0, 1.0),
        }
    }

    fn count_at(&self, time: f64) -> f64 {
        let cycles = time / self.period;
        let x = TAU * (cycles - libm::floor(cycles));
        let swing = self.amplitude * (self.start_cosine - libm::cos(self.start_angle + x));
        self.per_cycle * (cycles + swing / TAU)
    }

    fn reach(&mut self, count: f64) -> f64 {
        let cycles = count / self.per_cycle;
        if !cycles.is_finite() {
            return f64::INFINITY;
        }
        let whole = libm::floor(cycles);
        let x = self.solve(TAU * (cycles - whole));
        self.period * (whole + x / TAU)
    }

    /// The angle `x` in a cycle with `x + a·(cos θ₀ − cos(θ₀ + x)) = y`.
    fn solve(&mut self, y: f64) -> f64 {
        let a = self.amplitude;
        let (mut low, mut high) = ((y - 2.0 * a).max(0.0), (y + 2.0 * a).min(TAU));
        let (last_x, last_y, last_rate) = self.last;
        let mut x = (last_x + (y - last_y) / last_rate).clamp(low, high);
        for _ in 0..100 {
            let (sine, cosine) = libm::sincos(self.start_angle + x);
            let excess = x + a * (self.start_cosine - cosine) - y;
            let rate = 1.0 + a * sine;
            if excess > 0.0 {
                high = x;
            } else {
                low = x;
            }
            let halley = x - 2.0 * excess * rate / (2.0 * rate * rate - excess * a * cosine);
            let inside = halley >= low && halley <= high;
            let next = if inside { halley } else { 0.5 * (low + high) };
            // A step of d leaves an error of about (d/rate)²·d, or there is no number left between the ends.
            let done = inside && (next - x).abs() <= 1e-5 * rate || next <= low && next >= high;
            x = next;
            if done {
                self.last = (x, y, rate.max(1e-3));
                return x;
            }
        }
        self.last = (x, y, 1.0);
        x
    }
}

/// A rate given by points, constant after the last.
///
/// # Formula
///
/// Along a segment from rate `r₀` with slope `m`, the count `y` is reached after `2y / (r₀ + √(r₀² + 2my))`.
#[derive(Debug, Clone)]
pub(super) struct Piecewise {
    /// Time [ns] and rate [events/ns].
    points: Vec<(f64, f64)>,
    interpolation: Interpolation,
    segment: usize,
    count_at_start: f64,
}

impl Piecewise {
    fn count_at(&self, time: f64) -> f64 {
        let mut count = 0.0;
        for (place, &(start, rate)) in self.points.iter().enumerate().take_while(|(_, point)| point.0 < time) {
            let next = self.points.get(place + 1);
            let end = next.map_or(time, |&(end, _)| end.min(time));
            let slope = match (self.interpolation, next) {
                (Interpolation::Linear, Some(&(end, next_rate))) => (next_rate - rate) / (end - start),
                _ => 0.0,
            };
            count += (rate + 0.5 * slope * (end - start)) * (end - start);
        }
        count
    }

    fn reach(&mut self, count: f64) -> f64 {
        let Some(&(mut start, mut rate)) = self.points.get(self.segment) else { return f64::INFINITY };
        while let Some(&(end, next_rate)) = self.points.get(self.segment + 1) {
            let end_rate = match self.interpolation {
                Interpolation::Linear => next_rate,
                Interpolation::Step => rate,
            };
            let span = end - start;
            let inside = count - self.count_at_start;
            let whole = 0.5 * (rate + end_rate) * span;
            if inside <= whole {
                let square = rate * rate + 2.0 * (end_rate - rate) / span * inside;
                return (start + 2.0 * inside / (rate + libm::sqrt(square.max(0.0)))).min(end);
            }
            self.count_at_start += whole;
            self.segment += 1;
            (start, rate) = (end, next_rate);
        }
        if rate > 0.0 { start + (count - self.count_at_start) / rate } else { f64::INFINITY }
    }
}
