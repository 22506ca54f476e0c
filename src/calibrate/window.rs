//! Which time the scenario stands for.

use super::arrivals::Profile;
use crate::units::SimSpan;
use serde::Serialize;

/// The time that the scenario stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// All that was watched, at its mean rate.
    Whole,
    /// The busiest clock hour.
    Hour {
        /// Its first minute, counted from 1970.
        first_minute: i64,
    },
    /// A day, with the mean rate of each hour.
    Day,
    /// A week, with the mean rate of each hour of it.
    Week,
}

/// What the user asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Asked {
    /// What fits the data.
    #[default]
    Auto,
    /// All that was watched, at its mean rate.
    Whole,
    /// The busiest clock hour.
    Hour,
    /// A day.
    Day,
    /// A week.
    Week,
}

/// Less than this was watched: there is no busy hour to speak of.
const SHORT: i64 = 180;
/// Enough for a profile of the day, and of the week.
const A_DAY: i64 = 20 * 60;
const TWO_WEEKS: i64 = 13 * 24 * 60;
/// More unevenness than this within an hour is bursts, which an hourly rate would smooth away.
const BURSTY: f64 = 3.0;

/// The window for what was watched, and why.
///
/// *Rule*: a profile over the day or the week is a Poisson process in the scenario language, so it is taken where
/// arrivals within the hour are about independent; where they come in bursts, the busiest hour with its bursts is the
/// better question to ask of a quota.
pub fn window(asked: Asked, profile: &Profile, watched_minutes: i64) -> (Window, String) {
    let hour = Window::Hour { first_minute: profile.busiest_hour.first_minute };
    let bursty = profile.minute_dispersion.unwrap_or(1.0) > BURSTY;
    let (window, reason) = match asked {
        Asked::Whole => (Window::Whole, "asked for"),
        Asked::Hour => (hour, "asked for"),
        Asked::Day => (Window::Day, "asked for"),
        Asked::Week => (Window::Week, "asked for"),
        Asked::Auto if watched_minutes < SHORT => (Window::Whole, "less than three hours were watched"),
        Asked::Auto if bursty => {
            (hour, "its minutes differ, by bursts or a trend, which a profile by the hour would smooth away")
        }
        Asked::Auto if watched_minutes >= TWO_WEEKS => {
            (Window::Week, "two weeks show what each hour of a week is like")
        }
        Asked::Auto if watched_minutes >= A_DAY => (Window::Day, "a day shows what each hour is like"),
        Asked::Auto => (hour, "less than a day was watched"),
    };
    (window, reason.to_owned())
}

impl Window {
    /// How long the scenario runs.
    pub fn horizon(self) -> SimSpan {
        match self {
            Window::Whole | Window::Hour { .. } => SimSpan::HOUR,
            Window::Day => SimSpan::DAY,
            Window::Week => SimSpan(7 * SimSpan::DAY.0),
        }
    }

    /// The time of day of its start, as the language writes it; `None` where it does not matter or is midnight, as by
    /// default. The date stays out: what a model burns down and what it costs is to be today's.
    pub fn start(self) -> Option<String> {
        match self {
            Window::Hour { first_minute } => Some(written(first_minute)[11..].to_owned()),
            Window::Whole | Window::Day | Window::Week => None,
        }
    }
}

/// A minute since 1970 in words.
pub fn written(minute: i64) -> String {
    let instant = jiff::Timestamp::from_second(minute * 60).expect("a minute of this millennium");
    format!("{} UTC", instant.strftime("%Y-%m-%d %H:%M"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrate::sketch::Minute;
    use std::collections::BTreeMap;

    fn profile(minutes: i64, requests: impl Fn(i64) -> u32) -> Profile {
        let rows: BTreeMap<i64, Minute> =
            (0..minutes).map(|m| (29_460_000 + m, Minute { requests: requests(m), throttled: 0 })).collect();
        Profile::new(&rows).unwrap()
    }

    fn chosen(minutes: i64, requests: impl Fn(i64) -> u32) -> Window {
        window(Asked::Auto, &profile(minutes, requests), minutes).0
    }

    #[test]
    fn calm_traffic_has_a_profile_and_bursts_have_an_hour() {
        let calm = |_| 40;
        let bursts = |minute: i64| if minute % 30 == 0 { 600 } else { 2 };
        assert_eq!(chosen(100, calm), Window::Whole);
        assert!(matches!(chosen(600, calm), Window::Hour { .. }));
        assert_eq!(chosen(2 * 1_440, calm), Window::Day);
        assert_eq!(chosen(15 * 1_440, calm), Window::Week);
        assert!(matches!(chosen(15 * 1_440, bursts), Window::Hour { .. }));
        assert_eq!(window(Asked::Week, &profile(5, calm), 5).0, Window::Week);
    }

    #[test]
    fn instants_are_written_as_people_read_them() {
        let minute = 20_458 * 24 * 60 + 9 * 60 + 5;
        assert_eq!(written(minute), "2026-01-05 09:05 UTC");
        assert_eq!(Window::Hour { first_minute: minute }.start().as_deref(), Some("09:05 UTC"));
    }
}
