//! Scales: from a quantity to pixels, with the ticks that a person would have chosen.

use crate::report::number::{duration_ms, percent, short};

/// A mapping of `[from, to]` onto pixels, linear or logarithmic.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    from: f64,
    to: f64,
    pixels: [f64; 2],
    log: bool,
}

/// A place on a scale and what is written there.
#[derive(Debug, Clone, PartialEq)]
pub struct Tick {
    /// The quantity.
    pub value: f64,
    /// Its label.
    pub label: String,
}

impl Scale {
    /// A linear scale; an empty range is widened.
    pub fn linear([from, to]: [f64; 2], pixels: [f64; 2]) -> Scale {
        let to = if to > from { to } else { from + 1.0 };
        Scale { from, to, pixels, log: false }
    }

    /// A logarithmic scale of positive quantities; an empty range is widened to a decade.
    pub fn log([from, to]: [f64; 2], pixels: [f64; 2]) -> Scale {
        assert!(from > 0.0, "a logarithm needs a positive quantity, not {from}");
        let to = if to > from { to } else { from * 10.0 };
        Scale { from, to, pixels, log: true }
    }

    /// The pixel where `value` lies; beyond the ends outside the range.
    pub fn at(&self, value: f64) -> f64 {
        let share = if self.log {
            libm::log10(value.max(f64::MIN_POSITIVE) / self.from) / libm::log10(self.to / self.from)
        } else {
            (value - self.from) / (self.to - self.from)
        };
        self.pixels[0] + share * (self.pixels[1] - self.pixels[0])
    }

    /// The pixel where `value` lies, or the nearer end if it lies outside.
    pub fn clamped(&self, value: f64) -> f64 {
        self.at(value.clamp(self.from, self.to))
    }

    /// The quantities at the ends.
    pub fn range(&self) -> [f64; 2] {
        [self.from, self.to]
    }

    /// Ticks of a quantity, about `count` of them: `0`, `100k`, `200k`.
    pub fn ticks(&self, count: usize) -> Vec<Tick> {
        if self.log { ticks_at(decades(self.from, self.to, count), short) } else { self.steps(nice_step, count, short) }
    }

    /// Ticks of a share: `0%`, `20%`.
    pub fn percent_ticks(&self, count: usize) -> Vec<Tick> {
        self.steps(nice_step, count, percent)
    }

    /// Ticks of simulated time in seconds: `0`, `5 min`, `10 min`.
    pub fn time_ticks(&self, count: usize) -> Vec<Tick> {
        let step = time_step((self.to - self.from) / count as f64);
        let (unit, name) = match step {
            step if step >= 86_400.0 => (86_400.0, "d"),
            step if step >= 3_600.0 => (3_600.0, "h"),
            step if step >= 60.0 => (60.0, "min"),
            _ => (1.0, "s"),
        };
        self.steps(time_step, count, short)
            .into_iter()
            .map(|tick| {
                let label = if tick.value == 0.0 { "0".into() } else { format!("{} {name}", short(tick.value / unit)) };
                Tick { label, ..tick }
            })
            .collect()
    }

    /// Ticks of a logarithmic scale of milliseconds, about `count` of them: `100 ms`, `1 s`, `10 s`, `1 min`.
    pub fn duration_ticks(&self, count: usize) -> Vec<Tick> {
        let label = |ms: f64| match ms {
            ms if ms >= 3_600_000.0 => format!("{} h", short(ms / 3_600_000.0)),
            ms if ms >= 60_000.0 => format!("{} min", short(ms / 60_000.0)),
            ms => duration_ms(ms),
        };
        ticks_at(durations(self.from, self.to, count), label)
    }

    fn steps(&self, step: fn(f64) -> f64, count: usize, label: fn(f64) -> String) -> Vec<Tick> {
        let step = step((self.to - self.from) / count.max(1) as f64);
        // Counting in whole steps keeps rounding errors out of the labels.
        let first = (self.from / step - 1e-9).ceil() as i64;
        let last = (self.to / step + 1e-9).floor() as i64;
        ticks_at((first..=last).map(|index| index as f64 * step).collect(), label)
    }
}

fn ticks_at(values: Vec<f64>, label: impl Fn(f64) -> String) -> Vec<Tick> {
    values.into_iter().map(|value| Tick { value, label: label(value) }).collect()
}

/// The smallest of 1, 2, 2.5 and 5 times a power of ten that is at least `least`.
pub fn nice_step(least: f64) -> f64 {
    let power = libm::exp10(libm::floor(libm::log10(least)));
    [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|step| step * power).find(|&step| step >= least * 0.999).unwrap_or(least)
}

/// The smallest step of a clock, in seconds, that is at least `least`.
fn time_step(least: f64) -> f64 {
    const CLOCK: [f64; 17] = [
        1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0, 3_600.0, 7_200.0, 10_800.0,
        14_400.0, 21_600.0,
    ];
    if least < 1.0 {
        return nice_step(least);
    }
    let clock = CLOCK.into_iter().find(|&step| step >= least);
    clock.unwrap_or_else(|| match least {
        least if least <= 43_200.0 => 43_200.0,
        least => nice_step(least / 86_400.0).max(1.0) * 86_400.0,
    })
}

/// Powers of ten within the range and, where no more than about `count` come of it, their doubles and fivefolds.
fn decades(from: f64, to: f64, count: usize) -> Vec<f64> {
    let [first, last] = [libm::log10(from).floor() as i32, libm::log10(to).ceil() as i32];
    let groups = (first..=last).map(|exponent| {
        let power = libm::exp10(f64::from(exponent));
        (power, [power, 2.0 * power, 5.0 * power])
    });
    thin(groups, from, to, count)
}

/// Round durations, in milliseconds, within the range, in the units of a clock.
fn durations(from: f64, to: f64, count: usize) -> Vec<f64> {
    const CLOCK: [(f64, [f64; 3]); 12] = [
        (0.01, [0.01, 0.02, 0.05]),
        (0.1, [0.1, 0.2, 0.5]),
        (1.0, [1.0, 2.0, 5.0]),
        (10.0, [10.0, 20.0, 50.0]),
        (100.0, [100.0, 200.0, 500.0]),
        (1e3, [1e3, 2e3, 5e3]),
        (10e3, [10e3, 20e3, 30e3]),
        (60e3, [60e3, 120e3, 300e3]),
        (600e3, [600e3, 1_200e3, 1_800e3]),
        (3.6e6, [3.6e6, 7.2e6, 18e6]),
        (36e6, [36e6, 72e6, 180e6]),
        (360e6, [360e6, 720e6, 1_800e6]),
    ];
    thin(CLOCK.into_iter(), from, to, count)
}

/// All values within the range, or the leading ones where all were many more than `count`.
fn thin(groups: impl Iterator<Item = (f64, [f64; 3])> + Clone, from: f64, to: f64, count: usize) -> Vec<f64> {
    let within = |value: &f64| (from * 0.999_999..=to * 1.000_001).contains(value);
    let all: Vec<f64> = groups.clone().flat_map(|(_, all)| all).filter(within).collect();
    if all.len() <= count + 2 { all } else { groups.map(|(first, _)| first).filter(within).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(ticks: Vec<Tick>) -> Vec<String> {
        ticks.into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn ticks_are_the_numbers_that_people_pick() {
        let scale = |to| Scale::linear([0.0, to], [0.0, 500.0]);
        assert_eq!(labels(scale(440_000.0).ticks(5)), ["0", "100k", "200k", "300k", "400k"]);
        assert_eq!(labels(scale(7.0).ticks(4)), ["0", "2", "4", "6"]);
        assert_eq!(labels(scale(1.0).percent_ticks(5)), ["0%", "20%", "40%", "60%", "80%", "100%"]);
        assert_eq!(labels(scale(60.0).time_ticks(6)), ["0", "10 s", "20 s", "30 s", "40 s", "50 s", "60 s"]);
        assert_eq!(
            labels(scale(1_800.0).time_ticks(6)),
            ["0", "5 min", "10 min", "15 min", "20 min", "25 min", "30 min"]
        );
        assert_eq!(
            labels(scale(86_400.0).time_ticks(8)),
            ["0", "3 h", "6 h", "9 h", "12 h", "15 h", "18 h", "21 h", "24 h"]
        );
    }

    #[test]
    fn logarithmic_ticks_fill_in_where_decades_are_few() {
        let log = |from, to| Scale::log([from, to], [0.0, 500.0]);
        assert_eq!(labels(log(0.5, 10_000.0).ticks(5)), ["1", "10", "100", "1k", "10k"]);
        assert_eq!(labels(log(80.0, 900.0).ticks(5)), ["100", "200", "500"]);
        assert_eq!(labels(log(700.0, 9_000.0).duration_ticks(5)), ["1 s", "2 s", "5 s"]);
        assert_eq!(labels(log(50.0, 90_000.0).duration_ticks(5)), ["100 ms", "1 s", "10 s", "1 min"]);
    }

    #[test]
    fn a_scale_maps_its_ends_to_its_pixels() {
        let scale = Scale::log([10.0, 1_000.0], [300.0, 100.0]);
        assert_eq!([scale.at(10.0), scale.at(100.0), scale.at(1_000.0)], [300.0, 200.0, 100.0]);
        assert_eq!(scale.clamped(1e9), 100.0);
        assert_eq!(Scale::linear([5.0, 5.0], [0.0, 10.0]).at(5.0), 0.0);
    }
}
