//! How far the need of the binding limit moves with each input: a bar per input, the longest on top.

use super::Chart;
use super::canvas::{Align, Canvas, Pen, Type};
use super::frame::{Caption, Panel};
use super::scale::Scale;
use super::theme::{AXIS, BLACK, BLUE, LABEL_SIZE, ORANGE, TEXT};
use crate::analysis::sizing::{Sensitivity, Sizing};
use crate::report::number::short;
use crate::report::setting::Setting;
use crate::report::size::footer;
use crate::report::size::tables::signed_percent;

/// The bars of a sizing.
pub fn tornado(sizing: &Sizing, setting: &Setting) -> Chart {
    let need = sizing.decided.as_ref().map_or(0.0, |decided| decided.need as f64);
    let caption = Caption { title: finding(sizing, need), subtitle: subtitle(sizing, setting), footer: footer(sizing) };
    Chart::new(caption, |canvas, area| {
        let name = Type::plain(TEXT).size(LABEL_SIZE).align(Align::Right);
        let wide = sizing.sensitivity.iter().map(|each| name.width(&each.input)).fold(60.0, f64::max);
        let plot = Panel {
            left: area.left + wide + 24.0,
            top: area.top + 44.0,
            right: area.right - 40.0,
            bottom: area.bottom - 52.0,
        };
        if sizing.sensitivity.is_empty() || need <= 0.0 {
            return plot.note(canvas, "No input was moved.");
        }
        let ends = |each: &Sensitivity| [each.less, each.more].into_iter().flatten().map(|end| end as f64);
        let all = || sizing.sensitivity.iter().flat_map(ends).chain([need]);
        let (least, most) = (all().fold(f64::INFINITY, f64::min), all().fold(0.0, f64::max));
        // Room for the values beside the bars.
        let room = ((most - least) * 0.16).max(need * 0.02);
        let across = Scale::linear([(least - room).max(0.0), most + room], [plot.left, plot.right]);
        plot.columns(canvas, &across, &across.ticks(8));
        let of = sizing.binding_pool.as_deref().unwrap_or_default();
        let limit = sizing.binding.as_deref().unwrap_or_default();
        plot.column_labels(canvas, &across, &across.ticks(8), &format!("{limit} of {of} that meets the objectives"));
        let height = ((plot.bottom - plot.top) / sizing.sensitivity.len() as f64).min(72.0);
        for (index, each) in sizing.sensitivity.iter().enumerate() {
            let middle = plot.top + height * (index as f64 + 0.5);
            canvas.text_at_height(&each.input, [plot.left - 12.0, middle], name);
            bar(canvas, &across, middle, height * 0.28, need, each);
        }
        let x = across.at(need);
        let bottom = plot.top + height * sizing.sensitivity.len() as f64;
        canvas.line(&[[x, plot.top - 8.0], [x, bottom]], Pen::new(BLACK.fill, 2.0));
        let label = Type::plain(BLACK.ink).strong().align(Align::Centre);
        canvas.text(&format!("needs {}", short(need)), [x, plot.top - 16.0], label);
        canvas.text("20% less", [plot.left, plot.top - 16.0], Type::plain(BLUE.ink).strong());
        let right = Type::plain(ORANGE.ink).strong().align(Align::Right);
        canvas.text("20% more", [plot.right, plot.top - 16.0], right);
    })
}

fn bar(canvas: &Canvas<'_>, across: &Scale, middle: f64, half: f64, need: f64, each: &Sensitivity) {
    let from = across.at(need);
    let mut free: Vec<[f64; 2]> = Vec::new();
    for (end, colour) in [(each.less, BLUE), (each.more, ORANGE)] {
        let Some(end) = end.map(|end| end as f64) else { continue };
        let to = across.at(end);
        canvas.rectangle([from, middle - half], [to, middle + half], colour.fill, 0.85);
        // What moves by less than is shown stands on the side of its name.
        let still = (end / need - 1.0).abs() < 0.005;
        let left = if still { colour == BLUE } else { to < from };
        let look = Type::plain(colour.ink).align(if left { Align::Right } else { Align::Left });
        let text = format!("{} ({})", short(end), signed_percent(end / need - 1.0));
        let x = if left { to - 8.0 } else { to + 8.0 };
        let extent = if left { [x - look.width(&text), x] } else { [x, x + look.width(&text)] };
        // Both ends on one side: the second label goes below the first.
        let taken = free.iter().any(|other| extent[0] < other[1] && other[0] < extent[1]);
        let y = if taken { middle + half + 9.0 } else { middle };
        canvas.text_at_height(&text, [x, y], look);
        free.push(extent);
    }
    canvas.line(&[[from, middle - half], [from, middle + half]], Pen::new(AXIS, 1.0));
}

fn finding(sizing: &Sizing, need: f64) -> String {
    let Some(first) = sizing.sensitivity.first() else { return "No input was moved".to_owned() };
    let move_of = |end: Option<u64>| match end {
        Some(end) => signed_percent(end as f64 / need - 1.0),
        None => "out of reach".to_owned(),
    };
    format!(
        "A fifth more or less {} moves the quota by {} or {}",
        first.input,
        move_of(first.more),
        move_of(first.less)
    )
}

fn subtitle(sizing: &Sizing, setting: &Setting) -> String {
    let mut parts = setting.foundations();
    parts.push(format!("objectives: {}", sizing.objectives.join(", ")));
    parts.join(" · ")
}
