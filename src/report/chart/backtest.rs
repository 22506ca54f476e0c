//! Refusals by minute: as seen, as the best reading of the law predicts them, and as the default does.

use super::Chart;
use super::canvas::{Canvas, Pen, Type};
use super::frame::{Caption, Panel};
use super::scale::Scale;
use super::theme::{BLACK, BLUE, VERMILLION};
use crate::calibrate::backtest::{Backtest, Minute};

/// Steps drawn at most; longer histories are drawn in steps of several minutes.
const STEPS: usize = 240;

/// Refusals per minute over the history.
pub fn backtest(caption: Caption, result: &Backtest) -> Chart {
    Chart::new(caption, |canvas, area| {
        let plot = Panel {
            left: area.left + 52.0,
            top: area.top + 66.0,
            right: area.right - 16.0,
            bottom: area.bottom - 54.0,
        };
        let width = result.minutes.len().div_ceil(STEPS).max(1);
        let steps: Vec<[f64; 3]> = result.minutes.chunks(width).map(step).collect();
        let most = steps.iter().flatten().copied().fold(0.0, f64::max);
        if result.minutes.is_empty() || most == 0.0 {
            return area.note(canvas, "Nothing was refused, and no reading that is left says otherwise.");
        }
        let across = Scale::linear([0.0, (steps.len() * width) as f64 * 60.0], [plot.left, plot.right]);
        let up = Scale::linear([0.0, most * 1.06], [plot.bottom, plot.top]);
        let ticks = across.time_ticks(10);
        plot.columns(canvas, &across, &ticks);
        plot.rows(canvas, &up, &up.ticks(5));
        plot.column_labels(canvas, &across, &ticks, "time since the first attempt");
        plot.title(canvas, plot.left, "Refused attempts per minute");
        let at = |index: usize| across.at((index * width) as f64 * 60.0);
        for (index, &[seen, ..]) in steps.iter().enumerate() {
            if seen > 0.0 {
                let [left, right] = [at(index), at(index + 1).min(plot.right)];
                let gap = if right - left > 5.0 { 1.0 } else { 0.0 };
                canvas.rectangle([left + gap, up.at(seen)], [right - gap, plot.bottom], VERMILLION.fill, 0.45);
            }
        }
        let line = |of: usize| -> Vec<[f64; 2]> {
            let points = steps.iter().enumerate();
            points
                .flat_map(|(index, row)| [[at(index), up.at(row[of])], [at(index + 1).min(plot.right), up.at(row[of])]])
                .collect()
        };
        let best = result.readings.first();
        if best.is_some_and(|best| !best.default) {
            canvas.dashed(&line(2), 6.0, 4.0, Pen::new(BLACK.fill, 1.5));
        }
        canvas.line(&line(1), Pen::new(BLUE.fill, 2.5));
        legend(canvas, plot, result);
    })
}

/// Means over some minutes: seen, best, default.
fn step(minutes: &[Minute]) -> [f64; 3] {
    let mean = |of: fn(&Minute) -> f64| minutes.iter().map(of).sum::<f64>() / minutes.len() as f64;
    [mean(|minute| minute.refused as f64), mean(|minute| minute.best), mean(|minute| minute.default)]
}

/// What the marks are, in one line above the plot.
fn legend(canvas: &Canvas<'_>, plot: Panel, result: &Backtest) {
    let y = plot.top - 34.0;
    let mut x = plot.left;
    let best = result.readings.first();
    let mut entries = vec![("seen".to_owned(), VERMILLION.fill, VERMILLION.ink)];
    entries.extend(best.map(|best| (format!("best reading: {}", best.name), BLUE.fill, BLUE.ink)));
    if let Some(default) = result.readings.iter().find(|reading| reading.default)
        && best.is_some_and(|best| !best.default)
    {
        entries.push((format!("default, dashed: {}", default.name), BLACK.fill, BLACK.ink));
    }
    for (text, fill, ink) in entries {
        canvas.rectangle([x, y - 9.0], [x + 18.0, y + 1.0], fill, 0.8);
        let look = Type::plain(ink).strong();
        let limit = plot.right - x - 24.0;
        if limit < 60.0 {
            break;
        }
        let text = look.shorten(&text, limit);
        canvas.text(&text, [x + 24.0, y], look);
        x += 24.0 + look.width(&text) + 28.0;
    }
}
