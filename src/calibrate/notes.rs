//! What a reader of a calibration should know, in sentences; what is true of several workloads is said once.

use super::calibration::WorkloadFit;
use super::fit::{Family, Fit};
use super::models::{Found, Model};
use super::window::Window;
use crate::units::format;

/// A law further off than this is worth a word.
const FAR: f64 = 0.05;
/// Arrivals whose unevenness differs by more than a factor of two, root mean square, are.
const UNEVEN: f64 = 0.693;
/// More unevenness than this over a minute is lost in a profile by the hour.
const BURSTY: f64 = 3.0;
/// Fewer cut answers than this leave the law of their lengths as it is.
const SOME: f64 = 0.001;
/// Fewer answers than this say little.
const FEW: u64 = 100;

/// The notes on a calibration.
pub(super) fn notes(workloads: &[WorkloadFit], models: &[Model], window: Window) -> Vec<String> {
    let mut notes = of_models(models);
    notes.extend(of_records(workloads));
    notes.extend(of_limits(workloads));
    notes.extend(of_laws(workloads));
    notes.extend(of_arrivals(workloads, window));
    notes
}

fn of_models(models: &[Model]) -> Vec<String> {
    let found = |found: Found| {
        let mut of: Vec<&Model> = models.iter().filter(|model| model.found == found).collect();
        of.dedup_by(|a, b| a.recorded == b.recorded);
        of
    };
    let names =
        |models: &[&Model]| models.iter().map(|model| format!("`{}`", model.recorded)).collect::<Vec<_>>().join(", ");
    let mut notes = Vec::new();
    if let [one, ..] = found(Found::Unnamed).as_slice() {
        notes.push(format!("The records name no model: {} stands in. `--model` names yours.", one.id));
    }
    let renamed = found(Found::ByAnotherName);
    if !renamed.is_empty() {
        let pairs: Vec<String> = renamed.iter().map(|model| format!("{} is {}", model.recorded, model.id)).collect();
        notes.push(format!("Names were taken for Bedrock's: {}. `--model NAME=ID` says otherwise.", pairs.join(", ")));
    }
    for (kind, why) in [
        (Found::Unknown, "not in the catalogue"),
        (Found::ApplicationProfile, "an application inference profile, whose model only your account knows"),
    ] {
        let of = found(kind);
        if let [one, ..] = of.as_slice() {
            notes.push(format!("{} is {why}: {} stands in. `--model NAME=ID` names the model.", names(&of), one.id));
        }
    }
    notes
}

/// The names of the workloads that something is true of.
fn whose(workloads: &[WorkloadFit], is: impl Fn(&WorkloadFit) -> bool) -> Option<String> {
    let names: Vec<&str> =
        workloads.iter().filter(|workload| is(workload)).map(|workload| workload.name.as_str()).collect();
    match names.len() {
        0 => None,
        all if all == workloads.len() && all > 1 => Some("all workloads".to_owned()),
        _ => Some(names.join(", ")),
    }
}

/// What the records leave open.
fn of_records(workloads: &[WorkloadFit]) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(names) = whose(workloads, |workload| workload.max_tokens.used.is_empty()) {
        notes.push(format!(
            "The records do not tell the max_tokens of {names}: the scenario leaves it unset, which reserves the model's \
             maximum. Set what your code asks for."
        ));
    }
    if let Some(names) = whose(workloads, |workload| workload.latency.is_none()) {
        notes.push(format!(
            "The records do not tell how long answers take for {names}: the scenario has the catalogue's assumption."
        ));
    }
    let throttled: Vec<String> = workloads
        .iter()
        .filter(|workload| workload.totals.throttled > 0)
        .map(|workload| format!("{} attempts of {}", format::count(workload.totals.throttled), workload.name))
        .collect();
    if !throttled.is_empty() {
        notes.push(format!(
            "{} were throttled. Attempts that are not known to be retries count as requests of their own, so \
             the scenario may have more of them than there were; `quotasim calibrate backtest` asks which limiter \
             refused them.",
            throttled.join(", ")
        ));
    }
    if let Some(names) = whose(workloads, |workload| workload.output_tokens.observations < FEW) {
        notes.push(format!("Fewer than {FEW} answers say little about {names}."));
    }
    notes
}

fn of_limits(workloads: &[WorkloadFit]) -> Vec<String> {
    let mut notes = Vec::new();
    for workload in workloads.iter().filter(|workload| workload.max_tokens.cut >= SOME) {
        let beyond =
            workload.max_tokens.largest_cut.map_or_else(String::new, |cut| format!(" beyond {}", format::count(cut)));
        notes.push(format!(
            "{} of the answers of {} were cut at max_tokens: their natural lengths are known from below only, and the \
             law{beyond} is an extrapolation.",
            format::share(workload.max_tokens.cut),
            workload.name
        ));
    }
    let several = |workload: &WorkloadFit| workload.max_tokens.used.first().is_some_and(|used| used.share < 0.9);
    if let Some(names) = whose(workloads, several) {
        notes.push(format!(
            "Several max_tokens are in use in {names}; the scenario has their mean, which reserves as much. `--by \
             identity,max-tokens` makes a workload of each."
        ));
    }
    notes
}

fn of_laws(workloads: &[WorkloadFit]) -> Vec<String> {
    let mut notes = Vec::new();
    for (what, of) in [
        ("input", (|workload| &workload.input_tokens) as fn(&WorkloadFit) -> &Fit),
        ("output", |workload| &workload.output_tokens),
    ] {
        let far = |workload: &WorkloadFit| {
            let fit = of(workload);
            let listed = matches!(fit.family, Family::Constant | Family::Discrete);
            fit.ks > FAR && fit.observations >= FEW && !listed
        };
        if let Some(names) = whose(workloads, far) {
            notes.push(format!("The law of {what} tokens is more than 5% off for {names}: see its chart."));
        }
    }
    let odd = |workload: &WorkloadFit| workload.latency.as_ref().is_some_and(|latency| latency.ks > 2.0 * FAR);
    if let Some(names) = whose(workloads, odd) {
        notes.push(format!("Durations of {names} are more than 10% off the model: they depend on more than sizes."));
    }
    notes
}

fn of_arrivals(workloads: &[WorkloadFit], window: Window) -> Vec<String> {
    let minute = |workload: &WorkloadFit| {
        let row = workload.arrivals.dispersion.iter().find(|row| row.window_s == 60);
        row.map_or(1.0, |row| row.observed)
    };
    let hourly = matches!(window, Window::Day | Window::Week);
    let best = |workload: &WorkloadFit| workload.arrivals.candidates.iter().map(|tried| tried.error).reduce(f64::min);
    let mut notes = Vec::new();
    if let Some(names) = whose(workloads, |workload| hourly && minute(workload) > BURSTY) {
        notes.push(format!(
            "{names}: requests come in bursts, which rates by the hour smooth away. `--window hour` keeps them."
        ));
    }
    if let Some(names) = whose(workloads, |workload| !hourly && best(workload).is_some_and(|error| error > UNEVEN)) {
        notes.push(format!(
            "{names}: no arrival process of the language is as uneven within a factor of 2. A trace (`arrivals: {{ \
             trace: … }}`) replays it exactly."
        ));
    }
    notes
}
