//! When requests arrived, and how unevenly: over the time watched, and over windows of seconds to minutes.

use super::Chart;
use super::canvas::{Canvas, Pen, Type};
use super::frame::{Caption, Panel};
use super::label::{SideLabel, beside};
use super::scale::{Scale, Tick};
use super::theme::{AXIS, BLUE, MUTED, PURPLE};
use crate::calibrate::traffic::ArrivalFit;
use crate::report::number::short;

/// Space for the names of the curves, in pixels.
const SIDE: f64 = 120.0;

/// Requests per minute over time, and the spread of counts by window as observed and as the process has it.
pub fn arrivals(caption: Caption, fit: &ArrivalFit) -> Chart {
    Chart::new(caption, |canvas, area| {
        let middle = area.left + 0.52 * (area.right - area.left);
        let plot = |left: f64, right: f64| Panel { left, top: area.top + 40.0, right, bottom: area.bottom - 54.0 };
        over_time(canvas, plot(area.left + 52.0, middle), fit);
        by_window(canvas, plot(middle + 90.0, area.right - SIDE), fit);
    })
}

fn over_time(canvas: &Canvas<'_>, plot: Panel, fit: &ArrivalFit) {
    plot.title(canvas, plot.left, "Requests per minute");
    let (Some(last), Some(most)) = (fit.timeline.last(), fit.timeline.iter().map(|row| row[1]).reduce(f64::max)) else {
        return plot.note(canvas, "Times are relative to each conversation.");
    };
    let width = if fit.timeline.len() > 1 { fit.timeline[1][0] } else { 1.0 };
    let across = Scale::linear([0.0, (last[0] + width) * 60.0], [plot.left, plot.right]);
    let up = Scale::linear([0.0, most.max(0.1) * 1.06], [plot.bottom, plot.top]);
    let ticks = across.time_ticks(6);
    plot.columns(canvas, &across, &ticks);
    plot.rows(canvas, &up, &up.ticks(5));
    plot.column_labels(canvas, &across, &ticks, "time since the first request");
    let mut line = Vec::new();
    for &[minute, rate, _] in &fit.timeline {
        let y = up.at(rate);
        line.push([across.at(minute * 60.0), y]);
        line.push([across.at((minute + width) * 60.0).min(plot.right), y]);
    }
    let mut under = line.clone();
    under.extend([[line[line.len() - 1][0], plot.bottom], [plot.left, plot.bottom]]);
    canvas.polygon(&under, BLUE.fill, 0.15);
    canvas.line(&line, Pen::new(BLUE.fill, 2.0));
    let scenario: Vec<[f64; 2]> = fit
        .timeline
        .iter()
        .flat_map(|&[minute, _, rate]| {
            [minute, minute + width].map(|at| [across.at(at * 60.0).min(plot.right), up.clamped(rate)])
        })
        .collect();
    canvas.dashed(&scenario, 7.0, 5.0, Pen::new(PURPLE.fill, 2.0));
    let mean = fit.requests_per_minute;
    if mean > 0.0 && mean < up.range()[1] {
        let y = up.at(mean);
        let varies = fit.timeline.iter().any(|row| row[2] != fit.timeline[0][2]);
        let text = if varies { "scenario, dashed".to_owned() } else { format!("scenario: {}", short(mean)) };
        let look = Type::plain(PURPLE.ink).strong();
        let [x, y] = [plot.right - look.width(&text) - 6.0, if y - plot.top > 30.0 { y - 8.0 } else { y + 18.0 }];
        canvas.rectangle([x - 3.0, y - 14.0], [x + look.width(&text) + 3.0, y + 4.0], super::theme::PAPER, 0.8);
        canvas.text(&text, [x, y], look);
    }
}

fn by_window(canvas: &Canvas<'_>, plot: Panel, fit: &ArrivalFit) {
    plot.title(canvas, plot.left, "Spread of counts: variance ÷ mean, 1 if independent");
    let rows = &fit.dispersion;
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
        let note = if fit.sessions.is_some() { "Conversations open independently." } else { "Too few requests." };
        return plot.note(canvas, note);
    };
    let across = Scale::log([first.window_s as f64 / 1.2, last.window_s as f64 * 1.2], [plot.left, plot.right]);
    let values = || rows.iter().flat_map(|row| [row.observed, row.fitted]).filter(|x| *x > 0.0);
    let [least, most] = [values().fold(0.7, f64::min), values().fold(3.0, f64::max)];
    let up = Scale::log([least / 1.3, most * 1.3], [plot.bottom, plot.top]);
    let ticks: Vec<Tick> = rows
        .iter()
        .filter(|row| [1, 2, 5, 10, 30, 60, 120].contains(&row.window_s))
        .map(|row| Tick { value: row.window_s as f64, label: format!("{} s", row.window_s) })
        .collect();
    plot.columns(canvas, &across, &ticks);
    plot.rows(canvas, &up, &up.ticks(5));
    plot.column_labels(canvas, &across, &ticks, "counted over windows of");
    canvas.line(&[[plot.left, up.at(1.0)], [plot.right, up.at(1.0)]], Pen::new(AXIS, 1.5));
    let mut labels = Vec::new();
    for (name, colour, of) in [
        ("observed", BLUE, (|row| row.observed) as fn(&crate::calibrate::traffic::Dispersion) -> f64),
        ("scenario", PURPLE, |row| row.fitted),
    ] {
        let points: Vec<[f64; 2]> =
            rows.iter().map(|row| [across.at(row.window_s as f64), up.clamped(of(row).max(1e-9))]).collect();
        canvas.line(&points, Pen::new(colour.fill, 2.5));
        for &point in &points {
            canvas.dot(point, 4.5, colour.fill);
        }
        let end = points[points.len() - 1];
        labels.push(SideLabel {
            y: end[1],
            name: name.to_owned(),
            detail: vec![format!("{} at {} s", short(of(last)), last.window_s)],
            ink: colour.ink,
        });
    }
    canvas.text("independent", [plot.left + 6.0, up.at(1.0) + 18.0], Type::plain(MUTED));
    beside(canvas, plot.right + 10.0, SIDE - 10.0, [plot.top - 10.0, plot.bottom + 10.0], labels);
}

#[cfg(test)]
mod tests {
    use super::super::tidy::assert_tidy;
    use super::*;
    use crate::calibrate::traffic::Dispersion;
    use crate::model::Arrivals;

    fn fit(timeline: Vec<[f64; 3]>, dispersion: Vec<Dispersion>) -> ArrivalFit {
        ArrivalFit {
            process: Arrivals::Poisson { rate: crate::units::parse::rate("5/s").unwrap() },
            requests_per_minute: timeline.iter().map(|row| row[1]).sum::<f64>() / timeline.len().max(1) as f64,
            reason: String::new(),
            dispersion,
            candidates: Vec::new(),
            profile: None,
            sessions: None,
            relative: false,
            timeline,
        }
    }

    #[test]
    fn the_chart_is_tidy_whatever_the_data() {
        let spread = |scale: f64| -> Vec<Dispersion> {
            [1, 2, 5, 10, 20, 30, 60, 120]
                .into_iter()
                .map(|window_s| Dispersion { window_s, observed: scale * window_s as f64, fitted: scale * 1.1 })
                .collect()
        };
        let line = |n: u32, most: f64| {
            (0..n).map(|i| [f64::from(i), most * f64::from(i % 7) / 6.0, most / 2.0]).collect::<Vec<_>>()
        };
        for timeline in [vec![], line(1, 5.0), line(57, 400.0), line(360, 90_000.0), line(20, 0.0)] {
            for spread in [vec![], spread(0.001), spread(1.0), spread(900.0), spread(1.0)[..1].to_vec()] {
                let caption = Caption { title: "a".into(), subtitle: "b".into(), footer: "c".into() };
                assert_tidy(&arrivals(caption, &fit(timeline.clone(), spread)));
            }
        }
    }
}
