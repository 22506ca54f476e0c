//! The charts of a sizing and of an inverse question.

use super::{Across, Lines, Look, Mark, Plot, Rule, Series, Up, css, estimates, hexadecimal};
use crate::analysis::sizing::{Curve, LimitName, Sizing};
use crate::analysis::{Estimate, Solved};
use crate::report::chart::metric_words;
use crate::report::chart::theme::{BLACK, BLUE, Colour, GREEN, ORANGE, variant};
use crate::report::number::{digits, percent, short};

/// The charts of a sizing.
pub(in crate::report::html) fn of_sizing(sizing: &Sizing) -> Vec<Plot> {
    let curve = sizing.curve.as_ref().map(|curve| Plot::Lines(over(curve)));
    let tornado = (!sizing.sensitivity.is_empty()).then(|| Plot::Lines(tornado(sizing)));
    let growth = sizing.growth.as_ref().map(|_| Plot::Lines(growth(sizing)));
    [curve, tornado, growth].into_iter().flatten().collect()
}

/// The chart of an inverse question.
pub(in crate::report::html) fn of_solved(solved: &Solved) -> Vec<Plot> {
    solved.curve.iter().map(|curve| Plot::Lines(over(curve))).collect()
}

fn over(curve: &Curve) -> Lines {
    let values: Vec<Estimate> = curve.points.iter().map(|point| point.value).collect();
    let written = |x: f64| if curve.limit == "load" { digits(x, 3) } else { short(x) };
    let height = |x: f64| {
        let near = curve.points.iter().min_by(|a, b| (a.at - x).abs().total_cmp(&(b.at - x).abs()));
        near.and_then(|point| point.value.mean).unwrap_or(0.0)
    };
    let mark = |x: f64, name: &str, colour: Colour| Mark {
        x,
        y: height(x).max(1e-4),
        colour: css(colour),
        ink: hexadecimal(colour.ink),
        ring: true,
        label: format!("{name} {}", written(x)),
    };
    let mut marks = vec![mark(curve.today, "today", BLACK)];
    marks.extend(curve.answer.map(|answer| mark(answer, "needs", BLUE)).filter(|_| curve.limit.contains("per_")));
    marks.extend(curve.answer.map(|answer| mark(answer, "up to", BLUE)).filter(|_| !curve.limit.contains("per_")));
    marks.extend(curve.request.map(|request| mark(request, "ask for", GREEN)));
    let ends = (curve.points.first(), curve.points.last());
    let wide = matches!(ends, (Some(first), Some(last)) if first.at > 0.0 && last.at / first.at > 8.0);
    Lines {
        id: "curve".to_owned(),
        title: format!("{} by {}", metric_words(&curve.metric), curve.limit),
        note: "Logarithmic; the band is the 95% interval.".to_owned(),
        x: Across {
            label: format!(
                "{} {}",
                curve.limit,
                if curve.of.is_empty() { String::new() } else { format!("of {}", curve.of) }
            ),
            format: "number",
            values: curve.points.iter().map(|point| point.at).collect(),
            log: wide,
            ..Across::default()
        },
        y: Up { format: "percent", log: true, floor: true, ..Up::default() },
        series: vec![estimates(metric_words(&curve.metric).to_lowercase(), BLUE, &values)],
        rules: curve.bound.map(|bound| Rule::up(bound, format!("SLO {}", percent(bound)))).into_iter().collect(),
        marks,
    }
}

fn tornado(sizing: &Sizing) -> Lines {
    let need = sizing.decided.as_ref().map(|decided| decided.need as f64);
    let series = |name: &str, colour, of: fn(&crate::analysis::sizing::Sensitivity) -> Option<u64>| Series {
        name: name.to_owned(),
        colour: css(colour),
        values: sizing.sensitivity.iter().map(|each| of(each).map(|end| end as f64)).collect(),
        look: Look::Dots,
        ..Series::default()
    };
    Lines {
        id: "tornado".to_owned(),
        title: "What is needed if an input turns out otherwise".to_owned(),
        note: "Each input a fifth less, and a fifth more.".to_owned(),
        x: Across {
            label: "input".to_owned(),
            format: "number",
            values: (0..sizing.sensitivity.len()).map(|index| index as f64).collect(),
            categories: Some(sizing.sensitivity.iter().map(|each| each.input.clone()).collect()),
            ..Across::default()
        },
        y: Up { format: "number", ..Up::default() },
        series: vec![series("20% less", BLUE, |each| each.less), series("20% more", ORANGE, |each| each.more)],
        rules: need.map(|need| Rule::up(need, format!("needs {}", short(need)))).into_iter().collect(),
        marks: Vec::new(),
    }
}

fn growth(sizing: &Sizing) -> Lines {
    let steps = sizing.growth.as_ref().map_or(&[][..], |growth| &growth.steps);
    let mut series = Vec::new();
    for (pool, size) in &sizing.pools {
        for name in LimitName::ALL {
            let Some(today) = size.today.get(name).filter(|&today| today > 0) else { continue };
            let share = |step: &crate::analysis::sizing::GrowthStep| {
                Some(step.pools.get(pool)?.get(name)? as f64 / today as f64)
            };
            let values: Vec<Option<f64>> = steps.iter().map(share).collect();
            if values.iter().any(Option::is_some) {
                series.push(Series {
                    name: format!("{pool}: {}", name.words()),
                    colour: css(variant(series.len())),
                    values,
                    look: Look::Dotted,
                    ..Series::default()
                });
            }
        }
    }
    let label = |step: &crate::analysis::sizing::GrowthStep| match &step.month {
        Some(month) => format!("{month} ({}×)", digits(step.factor, 3)),
        None => format!("{}×", digits(step.factor, 3)),
    };
    Lines {
        id: "growth".to_owned(),
        title: "To ask for as the traffic grows, of today's quota".to_owned(),
        note: sizing.growth.as_ref().map(|growth| growth.note.clone()).unwrap_or_default(),
        x: Across {
            label: "traffic".to_owned(),
            format: "number",
            values: (0..steps.len()).map(|index| index as f64).collect(),
            categories: Some(steps.iter().map(label).collect()),
            ..Across::default()
        },
        y: Up { format: "percent", ..Up::default() },
        series,
        rules: vec![Rule::up(1.0, "today's quota".to_owned())],
        marks: Vec::new(),
    }
}
