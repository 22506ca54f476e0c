//! Attempts whose time is far from that of all others: a clock that was wrong, or a year that was mistyped.
//!
//! One such attempt stretches what was watched to decades, and every mean rate with it. Its tokens are as good as any;
//! only its time is set aside, and the reader is told.

use super::sketch::Sketch;
use super::window::written;
use crate::units::{SimSpan, format};
use std::collections::BTreeMap;

/// Of this many attempts one at either end may be astray.
const ONE_OF: u64 = 1_000;
/// Fewer attempts than this do not tell what is usual.
const ENOUGH: u64 = 100;
/// A stray is this many times as far from the others as they are from each other …
const TIMES: i64 = 10;
/// … and a month at least: a test call weeks before the launch is part of the story.
const MONTH: i64 = 30 * 24 * 60;

/// What was set aside.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Strays {
    /// Attempts.
    pub attempts: u64,
    /// Minutes since 1970 of the first and the last of them.
    pub span: Option<[i64; 2]>,
}

/// Takes the times of strays out of a sketch.
///
/// *Rule*: without the first and the last thousandth of the attempts, one each at least, the others span some time. What
/// lies ten times that span and a month beyond it is astray.
pub fn set_aside(sketch: &mut Sketch) -> Strays {
    let mut strays = Strays::default();
    let Some([from, to]) = usual(sketch) else { return strays };
    for (_, workload) in &mut sketch.workloads {
        let far: Vec<i64> = workload.minutes.keys().copied().filter(|minute| !(from..=to).contains(minute)).collect();
        for minute in far {
            let counts = workload.minutes.remove(&minute).unwrap_or_default();
            strays.attempts += u64::from(counts.attempts());
            let [first, last] = strays.span.unwrap_or([minute; 2]);
            strays.span = Some([first.min(minute), last.max(minute)]);
        }
        workload.arrivals.retain(|at| (from..=to).contains(&at.minute()));
        let ends = [workload.minutes.first_key_value(), workload.minutes.last_key_value()].map(|end| end.map(|e| *e.0));
        if let ([Some(first), Some(last)], Some(span)) = (ends, &mut workload.totals.span) {
            let minute = SimSpan::MINUTE.0 as i64;
            span[0].0 = span[0].0.max(first * minute);
            span[1].0 = span[1].0.min((last + 1) * minute - 1);
        }
    }
    // Of a caller of nothing but strays it is not known when it calls.
    sketch.workloads.retain(|(_, workload)| !workload.minutes.is_empty());
    strays
}

/// The first and the last minute that are not astray; `None` where too little was seen to tell.
fn usual(sketch: &Sketch) -> Option<[i64; 2]> {
    let mut minutes: BTreeMap<i64, u64> = BTreeMap::new();
    for (&minute, counts) in sketch.workloads.iter().flat_map(|(_, workload)| &workload.minutes) {
        *minutes.entry(minute).or_default() += u64::from(counts.attempts());
    }
    let attempts: u64 = minutes.values().sum();
    if attempts < ENOUGH {
        return None;
    }
    let few = (attempts / ONE_OF).max(1);
    let first = beyond(minutes.iter(), few)?;
    let last = beyond(minutes.iter().rev(), few)?;
    let reach = TIMES.saturating_mul((last - first).max(1)).max(MONTH);
    Some([first.saturating_sub(reach), last.saturating_add(reach)])
}

/// The first minute behind `few` attempts.
fn beyond<'a>(minutes: impl Iterator<Item = (&'a i64, &'a u64)>, few: u64) -> Option<i64> {
    let mut seen = 0;
    for (&minute, &attempts) in minutes {
        seen += attempts;
        if seen > few {
            return Some(minute);
        }
    }
    None
}

impl Strays {
    /// What the reader should know, if anything was set aside.
    pub fn note(&self) -> Option<String> {
        let [first, last] = self.span?;
        let when = if first == last { written(first) } else { format!("{} to {}", written(first), written(last)) };
        let attempts = if self.attempts == 1 {
            "1 attempt is".to_owned()
        } else {
            format!("{} attempts are", format::count(self.attempts))
        };
        Some(format!(
            "{attempts} far from all others in time ({when}) and left out of the rates. Is a clock or a year wrong?"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrate::observation::{Instant, MaxTokens, Observation, Outcome, Source, Usage};
    use crate::calibrate::sketch::Place;

    const MINUTE: i64 = SimSpan::MINUTE.0 as i64;
    /// 2026-10-01 12:34 UTC in minutes since 1970.
    const START: i64 = 29_847_634;

    /// A sketch of one attempt at each of these minutes.
    fn sketch(minutes: impl Iterator<Item = i64>) -> Sketch {
        let mut sketch = Sketch::default();
        for (record, minute) in (0..).zip(minutes) {
            let observation = Observation {
                at: Instant(minute * MINUTE + 5),
                source: Source::default(),
                outcome: Outcome::Answered { cut: false },
                tokens: Usage { input: Some(1), output: Some(1), ..Usage::default() },
                max_tokens: MaxTokens::Unknown,
                ttft: None,
                latency: None,
                session: None,
                retry: false,
            };
            sketch.add(Place { file: 0, record }, &observation);
        }
        sketch
    }

    #[test]
    fn a_wrong_year_does_not_stretch_what_was_watched() {
        let years = 365 * 24 * 60;
        let mut seen = sketch((START..START + 600).chain([START - 27 * years, START + 60 * years]));
        let strays = set_aside(&mut seen);
        assert_eq!(strays, Strays { attempts: 2, span: Some([START - 27 * years, START + 60 * years]) });
        assert!(strays.note().unwrap().starts_with("2 attempts are far from all others in time (1999-"));
        let workload = &seen.workloads[0].1;
        assert_eq!((workload.minutes.len(), workload.totals.attempts), (600, 602));
        assert_eq!(workload.totals.span, Some([START * MINUTE, (START + 600) * MINUTE - 1].map(Instant)));
        assert_eq!(workload.arrivals.items().count(), 600);
    }

    #[test]
    fn gaps_that_happen_are_left_alone() {
        let day = 24 * 60;
        let week_before = [START - 7 * day].into_iter().chain(START..START + 600);
        let sparse = (0..200).map(|call| START + call * 3 * day);
        let two_launches = (START..START + 300).chain(START + 400 * day..START + 400 * day + 300);
        let few = [0].into_iter().chain(START..START + 50);
        for mut seen in [sketch(week_before), sketch(sparse), sketch(two_launches), sketch(few)] {
            let before = seen.workloads[0].1.minutes.clone();
            assert_eq!(set_aside(&mut seen), Strays::default());
            assert_eq!(seen.workloads[0].1.minutes, before);
        }
    }
}
