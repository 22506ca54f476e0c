//! What a reader of a calibration should know, in sentences.

use super::calibration::WorkloadFit;
use super::fit::{Family, Fit};
use super::window::Window;
use crate::units::format;

/// A law further off than this is worth a word.
const FAR: f64 = 0.05;
/// Arrivals whose unevenness differs by more than a factor of two, root mean square, are.
const UNEVEN: f64 = 0.693;
/// More unevenness than this over a minute is lost in a profile by the hour.
const BURSTY: f64 = 3.0;

/// The notes on workloads.
pub(super) fn notes(workloads: &[WorkloadFit], window: Window) -> Vec<String> {
    workloads.iter().flat_map(|workload| of_workload(workload, window)).collect()
}

fn of_workload(workload: &WorkloadFit, window: Window) -> Vec<String> {
    let name = &workload.name;
    let mut notes = Vec::new();
    let limit = &workload.max_tokens;
    if limit.cut > 0.0 {
        let beyond = limit.largest_cut.map_or_else(String::new, |cut| format!(" beyond {}", format::count(cut)));
        notes.push(format!(
            "{} of {name}'s answers were cut at max_tokens: their natural lengths are known from below only, and the \
             law{beyond} is an extrapolation.",
            format::share(limit.cut)
        ));
    }
    if limit.different > 1 && limit.used.first().is_some_and(|used| used.share < 0.9) {
        notes.push(format!(
            "{name} asks for {} different max_tokens; the scenario has their mean, which reserves as much. `--by \
             max-tokens` makes a workload of each.",
            limit.different
        ));
    }
    if limit.used.is_empty() {
        notes.push(format!(
            "The records do not tell {name}'s max_tokens: the scenario leaves it unset, which reserves the model's \
             maximum. Set what your code asks for."
        ));
    }
    for (what, fit) in [("input tokens", &workload.input_tokens), ("output tokens", &workload.output_tokens)] {
        notes.extend(of_law(name, what, fit));
    }
    match &workload.latency {
        None => notes.push(format!(
            "The records do not tell how long {name}'s answers take: the scenario has the catalogue's assumption."
        )),
        Some(latency) if latency.ks > 2.0 * FAR => notes.push(format!(
            "{name}'s durations are {} off the model (Kolmogorov–Smirnov): they depend on more than sizes.",
            format::share(latency.ks)
        )),
        Some(_) => {}
    }
    let arrivals = &workload.arrivals;
    if matches!(window, Window::Day | Window::Week)
        && let Some(minute) = arrivals.dispersion.iter().find(|row| row.window_s == 60 && row.observed > BURSTY)
    {
        notes.push(format!(
            "{name} comes in bursts (counts by minute spread {} times as much as independent ones), which rates by the \
             hour smooth away: `--window hour` keeps them.",
            format::approximate(minute.observed)
        ));
    } else if let Some(best) = arrivals.candidates.iter().map(|tried| tried.error).reduce(f64::min)
        && best > UNEVEN
    {
        notes.push(format!(
            "No arrival process of the language is as uneven as {name}: the best differs by a factor of {} over windows \
             of 1 s to 2 min. A trace (`arrivals: {{ trace: … }}`) replays it exactly.",
            format::approximate(libm::exp(best))
        ));
    }
    if workload.totals.throttled > 0 {
        notes.push(format!(
            "{} of {name}'s attempts were throttled. Attempts that are not known to be retries count as requests of \
             their own, so the scenario may have more of them than there were.",
            format::count(workload.totals.throttled)
        ));
    }
    notes
}

fn of_law(name: &str, what: &str, fit: &Fit) -> Option<String> {
    if fit.observations < 100 {
        return Some(format!("{name}: {} answers say little about {what}.", format::count(fit.observations)));
    }
    let known = matches!(fit.family, Family::Constant | Family::Discrete);
    (fit.ks > FAR && !known).then(|| {
        format!("{name}: the law of {what} is {} off (Kolmogorov–Smirnov); see its chart.", format::share(fit.ks))
    })
}
