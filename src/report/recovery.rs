//! What became of a system after a spike or an outage, in words.

use super::compare::capital;
use super::number::{DASH, digits, duration_ms, or_dash, percent};
use super::sweep::{over_both, over_both_legend};
use super::table::Table;
use crate::analysis::recovery::{Afterwards, Recovery, State, StateCounts, Trigger};
use crate::analysis::{Comparison, Sweep};

/// What *in trouble* means, for readers of a [`sentence`].
pub const LEGEND: &str = "in trouble: failed, or held up for more than a second";

/// A state as it is read.
pub fn state_word(state: State) -> &'static str {
    match state {
        State::Stable => "stable",
        State::Degraded => "degraded",
        State::DoesNotRecover => "does not recover",
    }
}

/// Whether it comes back by itself, one sentence that stands alone.
pub fn sentence(recovery: &Recovery) -> String {
    let trouble = &recovery.trouble_rate;
    let [during, end, without] =
        [trouble.during, trouble.end, trouble.end_undisturbed].map(|estimate| or_dash(estimate.mean, percent));
    let (what, when) = (trigger(recovery.trigger), when(recovery));
    match recovery.state {
        State::Stable => format!(
            "After {what} {when} it comes back by itself {} ({}): {during} of requests are in trouble meanwhile, {end} at \
             the end, {without} without {}.",
            in_time(recovery),
            tally(recovery, State::Stable),
            pronoun(recovery.trigger),
        ),
        State::Degraded => format!(
            "{} {when} leave{} no lasting harm ({}), but the load itself is too much: {end} of requests are in trouble at \
             the end, {without} without {}.",
            capital(what),
            if recovery.trigger == Trigger::Spike { "s" } else { "" },
            tally(recovery, State::Degraded),
            pronoun(recovery.trigger),
        ),
        State::DoesNotRecover => format!(
            "It does not come back by itself after {what} {when} ({}): at the end {end} of requests are in trouble, \
             {without} without {}{}.",
            tally(recovery, State::DoesNotRecover),
            pronoun(recovery.trigger),
            amplification(recovery),
        ),
    }
}

fn trigger(trigger: Trigger) -> &'static str {
    match trigger {
        Trigger::Spike => "the spike",
        Trigger::Faults => "the faults",
        Trigger::SpikeAndFaults => "the spike and the faults",
    }
}

fn pronoun(trigger: Trigger) -> &'static str {
    if trigger == Trigger::Spike { "it" } else { "them" }
}

fn when(recovery: &Recovery) -> String {
    let [from, to] = [recovery.from_s, recovery.to_s].map(|seconds| duration_ms(seconds * 1e3));
    format!("from {from} to {to}")
}

/// `in 42 s, at most 65 s`.
fn in_time(recovery: &Recovery) -> String {
    let time = &recovery.time_to_recover_s;
    match (time.mean, time.max) {
        (Some(_), Some(0.0)) => "at once".to_owned(),
        (Some(mean), Some(max)) => {
            let [mean, max] = [mean, max].map(|seconds| duration_ms(seconds * 1e3));
            if mean == max { format!("in {mean}") } else { format!("in {mean} on average, {max} at most") }
        }
        _ => "before the end".to_owned(),
    }
}

/// `10 of 10 replications`, and what the others do.
fn tally(recovery: &Recovery, state: State) -> String {
    let StateCounts { stable, degraded, does_not_recover } = recovery.replications;
    let counts = [(State::Stable, stable), (State::Degraded, degraded), (State::DoesNotRecover, does_not_recover)];
    let (all, own) = (recovery.replications.all(), recovery.replications.of(state));
    let verb = |state, count: u32| match (state, count) {
        (State::Stable, 1) => "comes back",
        (State::Stable, _) => "come back",
        (State::Degraded, _) => "degraded",
        (State::DoesNotRecover, 1) => "does not come back",
        (State::DoesNotRecover, _) => "do not come back",
    };
    let others = counts.iter().filter(|(of, count)| *of != state && *count > 0);
    let others: Vec<String> = others.map(|&(of, count)| format!("{count} {}", verb(of, count))).collect();
    let replications = if all == 1 { "replication" } else { "replications" };
    let rest = if others.is_empty() { String::new() } else { format!("; {}", others.join(", ")) };
    format!("{own} of {all} {replications}{rest}")
}

/// `, and each takes 3.1 attempts instead of 1`, if retries multiply the traffic.
fn amplification(recovery: &Recovery) -> String {
    let attempts = &recovery.attempts_per_request;
    match (attempts.end.mean, attempts.end_undisturbed.mean) {
        (Some(with), Some(without)) if with > without * 1.05 => {
            format!(", and there are {} attempts to a request instead of {}", digits(with, 2), digits(without, 2))
        }
        _ => String::new(),
    }
}

/// A state in a cell, with how many replications are in it where not all are: `stable`, `stable 8/10`.
pub fn cell(of: Afterwards) -> String {
    let word = state_word(of.state);
    if of.replications.agree() {
        return word.to_owned();
    }
    format!("{word} {}/{}", of.replications.of(of.state), of.replications.all())
}

/// What becomes of each variant after the disturbance; no rows where there is none.
pub fn of_variants(comparison: &Comparison) -> Table {
    let seconds = |value: Option<f64>| or_dash(value.map(|seconds| seconds * 1e3), duration_ms);
    let row = |name: &str, after: Afterwards| {
        let time = after.time_to_recover_s;
        vec![name.to_owned(), cell(after), seconds(time.mean), seconds(time.max)]
    };
    Table {
        header: vec!["afterwards", "state", "time to recover", "at most"],
        rows: comparison.variants.iter().filter_map(|each| Some(row(&each.name, each.recovery?))).collect(),
        words: vec![0, 1],
    }
}

/// The columns of a sweep's table about the time after the disturbance.
pub const CSV_HEADER: [&str; 5] =
    ["recovery.state", "recovery.stable", "recovery.degraded", "recovery.does_not_recover", "recovery.time_s"];

/// Their cells; empty where nothing disturbs.
pub fn csv_cells(after: Option<Afterwards>) -> [String; 5] {
    let Some(after) = after else { return [const { String::new() }; 5] };
    let StateCounts { stable, degraded, does_not_recover } = after.replications;
    let state = serde_json::to_value(after.state).ok().and_then(|value| value.as_str().map(str::to_owned));
    let time = after.time_to_recover_s.mean.map_or_else(String::new, |seconds| seconds.to_string());
    [state.unwrap_or_default(), stable.to_string(), degraded.to_string(), does_not_recover.to_string(), time]
}

/// At how many of a sweep's points it does not come back, as the rest of a sentence; `None` where nothing disturbs.
pub fn finding(sweep: &Sweep) -> Option<String> {
    let states: Vec<State> =
        sweep.points.iter().filter(|point| !point.added).filter_map(|point| Some(point.recovery?.state)).collect();
    let down = states.iter().filter(|state| **state == State::DoesNotRecover).count();
    match (down, states.len()) {
        (_, 0) => None,
        (0, 1) => Some("the disturbance does no lasting harm".to_owned()),
        (1, 1) => Some("it does not come back by itself".to_owned()),
        (0, all) => Some(format!("the disturbance does no lasting harm at any of {all} points")),
        (down, all) if down == all => Some(format!("it does not come back by itself at any of {all} points")),
        (down, all) => Some(format!("it does not come back by itself at {down} of {all} points")),
    }
}

/// What becomes of each point of a sweep over one field, as a column more; a sweep over two has a [`map`].
pub fn add_column(table: &mut Table, sweep: &Sweep) {
    if sweep.axes.len() == 1 && sweep.points.iter().any(|point| point.recovery.is_some()) {
        table.words.push(table.header.len());
        table.header.push("afterwards");
        for (row, point) in table.rows.iter_mut().zip(&sweep.points) {
            row.push(point.recovery.map_or_else(|| DASH.to_owned(), |after| word(after).to_owned()));
        }
    }
}

/// What the words of [`add_column`] mean.
pub const WORDS_LEGEND: &str =
    "stable · degraded, with the disturbance or without · down: does not recover · ?: not in all replications";

/// The states of a sweep over two fields, a word each; `None` where it has no two, or nothing that disturbs.
pub fn map(sweep: &Sweep) -> Option<Table<String>> {
    sweep.points.iter().find(|point| point.recovery.is_some())?;
    over_both(sweep, |point| point.recovery.map_or(DASH, word).to_owned())
}

/// What [`map`] shows.
pub fn map_legend(sweep: &Sweep) -> String {
    over_both_legend(sweep, &format!("afterwards: {WORDS_LEGEND}"))
}

/// A state in a word, with a question mark where not all replications are in it.
pub fn word(after: Afterwards) -> &'static str {
    match (after.state, after.replications.agree()) {
        (State::Stable, true) => "stable",
        (State::Stable, false) => "stable?",
        (State::Degraded, true) => "degraded",
        (State::Degraded, false) => "degraded?",
        (State::DoesNotRecover, true) => "down",
        (State::DoesNotRecover, false) => "down?",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn each_state_has_its_sentence() {
        let mut recovery = fixture::recovery();
        let mut said = vec![sentence(&recovery)];
        recovery.state = State::Degraded;
        recovery.trigger = Trigger::Faults;
        recovery.replications = StateCounts { stable: 1, degraded: 9, does_not_recover: 0 };
        said.push(sentence(&recovery));
        recovery.state = State::DoesNotRecover;
        recovery.trigger = Trigger::SpikeAndFaults;
        recovery.replications = StateCounts { stable: 1, degraded: 0, does_not_recover: 9 };
        recovery.trouble_rate.end.mean = Some(0.64);
        recovery.attempts_per_request.end.mean = Some(3.12);
        said.push(sentence(&recovery));
        assert_eq!(
            said,
            [
                "After the spike from 10 min to 10.5 min it comes back by itself in 42 s on average, 65 s at most (10 of 10 \
                 replications): 38.1% of requests are in trouble meanwhile, 0.2% at the end, 0.1% without it.",
                "The faults from 10 min to 10.5 min leave no lasting harm (9 of 10 replications; 1 comes back), but the load \
                 itself is too much: 0.2% of requests are in trouble at the end, 0.1% without them.",
                "It does not come back by itself after the spike and the faults from 10 min to 10.5 min (9 of 10 \
                 replications; 1 comes back): at the end 64% of requests are in trouble, 0.1% without them, and there are \
                 3.1 attempts to a request instead of 1.",
            ]
        );
    }

    #[test]
    fn a_cell_says_how_many_agree() {
        let replications = StateCounts { stable: 8, degraded: 0, does_not_recover: 2 };
        let after = Afterwards { replications, ..Afterwards::default() };
        assert_eq!(cell(after), "stable 8/10");
        let replications = StateCounts { does_not_recover: 0, ..replications };
        assert_eq!(cell(Afterwards { replications, ..after }), "stable");
    }

    #[test]
    fn a_map_has_a_word_for_each_point() {
        let sweep = fixture::states(&[0.5, 1.0, 1.5], &[1.0, 4.0]);
        let table = map(&sweep).expect("two axes and a spike");
        assert_eq!(table.header, ["load", "1", "4"]);
        let rows: Vec<String> = table.rows.iter().map(|row| row.join(" | ")).collect();
        assert_eq!(rows, ["0.5 | stable * | stable *", "1 | stable * | down? *", "1.5 | degraded * | degraded"]);
        assert_eq!(map(&fixture::sweep(&[1.0], &["unset"])), None);
    }

    #[test]
    fn a_sweep_says_how_often_it_does_not_come_back() {
        let said = |loads: &[f64]| finding(&fixture::states(loads, &[4.0])).expect("a spike");
        assert_eq!(said(&[0.5, 1.0, 1.5]), "it does not come back by itself at 1 of 3 points");
        assert_eq!(said(&[0.5]), "the disturbance does no lasting harm");
        assert_eq!(finding(&fixture::sweep(&[1.0], &["unset"])), None);
    }

    #[test]
    fn one_field_has_a_column_instead_of_a_map() {
        let mut sweep = fixture::states(&[0.5, 1.0, 1.5], &[4.0]);
        sweep.axes.truncate(1);
        let table = crate::report::sweep::points(&sweep);
        assert_eq!(table.header.last(), Some(&"afterwards"));
        let afterwards: Vec<&str> = table.rows.iter().filter_map(|row| row.last()).map(String::as_str).collect();
        assert_eq!(afterwards, ["stable", "down?", "degraded"]);
    }
}
