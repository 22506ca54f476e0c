//! The share of requests in trouble over time, with the disturbance and without it.

use super::Chart;
use super::canvas::{Align, Canvas, Pen, Type};
use super::frame::{Caption, Panel};
use super::label::{SideLabel, beside};
use super::scale::Scale;
use super::theme::{BLUE, MUTED, SHADE, VERMILLION};
use crate::analysis::Summary;
use crate::analysis::recovery::{Recovery, State, Trigger, Trouble};
use crate::report::number::{duration_ms, or_dash, percent};
use crate::report::recovery::{LEGEND, state_word};
use crate::report::setting::Setting;
use crate::report::table::provenance;

/// Space for the names right of the plot, in pixels.
const SIDE: f64 = 190.0;

/// The course of requests in trouble through the disturbance and after it, over all replications.
pub fn recovery(summary: &Summary, recovery: &Recovery, setting: &Setting) -> Chart {
    let caption = Caption {
        title: finding(recovery),
        subtitle: format!("{} · {LEGEND} · all replications", setting.models().join(", ")),
        footer: provenance(summary).join(" · "),
    };
    Chart::new(caption, |canvas, area| {
        if recovery.curve.is_empty() {
            return area.note(canvas, "No course of it was kept.");
        }
        let plot = Panel {
            left: area.left + 52.0,
            top: area.top + 30.0,
            right: area.right - SIDE,
            bottom: area.bottom - 56.0,
        };
        let across = Scale::linear([0.0, summary.horizon_s], [plot.left, plot.right]);
        let up = Scale::linear([0.0, highest(&recovery.curve)], [plot.bottom, plot.top]);
        draw_disturbance(canvas, plot, &across, recovery);
        plot.title(canvas, plot.left, "Requests in trouble");
        plot.rows(canvas, &up, &up.percent_ticks(5));
        plot.column_labels(canvas, &across, &across.time_ticks(8), "simulated time at which they arrive");
        let lines: [fn(&Trouble) -> Option<f64>; 2] = [|point| point.undisturbed, |point| point.share];
        let names = ["left in peace", "disturbed"];
        let looks = [BLUE, VERMILLION];
        let mut labels = Vec::new();
        for ((of, name), look) in lines.into_iter().zip(names).zip(looks) {
            let points = points(&recovery.curve, of, &across, &up);
            canvas.line(&points, Pen::new(look.fill, 2.5));
            let rate = &recovery.trouble_rate;
            let end = if name == "disturbed" { rate.end } else { rate.end_undisturbed };
            let detail = vec![format!("{} at the end", or_dash(end.mean, percent))];
            let y = points.last().map_or(plot.bottom, |point| point[1]);
            labels.push(SideLabel { y, name: name.to_owned(), detail, ink: look.ink });
        }
        beside(canvas, plot.right + 14.0, SIDE - 14.0, [plot.top, plot.bottom - 4.0], labels);
    })
}

/// What begins in an interval counts from its start.
fn points(curve: &[Trouble], of: fn(&Trouble) -> Option<f64>, across: &Scale, up: &Scale) -> Vec<[f64; 2]> {
    curve.iter().filter_map(|point| Some([across.clamped(point.from_s), up.clamped(of(point)?)])).collect()
}

fn highest(curve: &[Trouble]) -> f64 {
    let most = curve.iter().flat_map(|point| [point.share, point.undisturbed]).flatten().fold(0.05, f64::max);
    (most * 1.08).min(1.0)
}

/// A band over the time that the disturbance lasts.
fn draw_disturbance(canvas: &Canvas<'_>, plot: Panel, across: &Scale, recovery: &Recovery) {
    let [from, to] = [recovery.from_s, recovery.to_s].map(|seconds| across.clamped(seconds));
    canvas.rectangle([from, plot.top], [to.max(from + 1.5), plot.bottom], SHADE, 1.0);
    let look = Type::plain(MUTED);
    let word = match recovery.trigger {
        Trigger::Spike => "spike",
        Trigger::Faults => "faults",
        Trigger::SpikeAndFaults => "spike and faults",
    };
    // Above the plot, where no line runs; left of the middle it reads on to the right.
    let middle = f64::midpoint(plot.left, plot.right);
    let (x, align) = if from < middle { (from.max(plot.left + 180.0), Align::Left) } else { (to, Align::Right) };
    canvas.text(word, [x, plot.top - 8.0], look.align(align));
}

fn finding(recovery: &Recovery) -> String {
    let counts = recovery.replications;
    let all = counts.stable + counts.degraded + counts.does_not_recover;
    match (recovery.state, recovery.time_to_recover_s.mean) {
        (State::Stable, Some(0.0)) => "It comes back at once".to_owned(),
        (State::Stable, Some(mean)) => format!("It comes back by itself in {} on average", duration_ms(mean * 1e3)),
        (State::DoesNotRecover, _) => {
            format!("It does not come back by itself in {} of {all} replications", counts.does_not_recover)
        }
        (state, _) => format!("Afterwards it is {}", state_word(state)),
    }
}
