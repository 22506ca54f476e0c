//! `--growth 2x`, `--growth 2026-12=1.2x,2027-06=2x`, or a file with a row per month.

use crate::analysis::growth::month;
use crate::planner::size::GrowthPoint;
use anyhow::{Context, bail};
use std::path::Path;

const EXAMPLE: &str = "write `2x`, `2026-12=1.2x,2027-06=2x`, or the path of a file with rows like `2026-12,1.2`";

/// Reads how traffic grows.
pub(super) fn growth(text: &str) -> anyhow::Result<Vec<GrowthPoint>> {
    let table = looks_like_table(text);
    if !table && Path::new(text).is_file() {
        let file = std::fs::read_to_string(text).with_context(|| format!("cannot read growth table `{text}`"))?;
        return rows(&file).with_context(|| format!("`{text}` is no growth table"));
    }
    if !table {
        bail!("`{text}` is no growth, and no file of that name\n\nhint: {EXAMPLE}");
    }
    let points = text.split(',').map(|part| match part.split_once('=') {
        Some((month, factor)) => point(Some(month.trim()), factor.trim()),
        None => point(None, part.trim()),
    });
    checked(points.collect::<anyhow::Result<_>>()?)
}

/// Whether a text says factors and not a path.
fn looks_like_table(text: &str) -> bool {
    text.split(',').all(|part| {
        let factor = part.split_once('=').map_or(part, |(_, factor)| factor).trim();
        multiple(factor).is_some()
    })
}

fn rows(file: &str) -> anyhow::Result<Vec<GrowthPoint>> {
    let lines = file.trim_start_matches('\u{feff}').lines().map(str::trim).enumerate();
    let mut points = Vec::new();
    let rows = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    for (row, (index, line)) in rows.enumerate() {
        let cells: Vec<&str> = line.split([',', ';', '\t']).map(str::trim).collect();
        let [month, factor] = cells.as_slice() else {
            bail!("line {}: `{line}` is no month and factor\n\nhint: {EXAMPLE}", index + 1);
        };
        if row == 0 && self::month(month).is_none() && multiple(factor).is_none() {
            continue; // The header.
        }
        points.push(point(Some(month), factor).with_context(|| format!("line {}", index + 1))?);
    }
    checked(points)
}

/// A number with or without `x`.
fn multiple(text: &str) -> Option<f64> {
    text.trim_end_matches(['x', 'X', '×']).parse().ok()
}

fn point(written: Option<&str>, factor: &str) -> anyhow::Result<GrowthPoint> {
    if let Some(text) = written.filter(|text| month(text).is_none()) {
        bail!("`{text}` is no month\n\nhint: write it like `2027-02`");
    }
    match multiple(factor).filter(|value| (0.001..=1_000.0).contains(value)) {
        Some(factor) => Ok(GrowthPoint { month: written.map(str::to_owned), factor }),
        None => bail!("`{factor}` is no multiple of the traffic between 0.001 and 1000\n\nhint: {EXAMPLE}"),
    }
}

fn checked(points: Vec<GrowthPoint>) -> anyhow::Result<Vec<GrowthPoint>> {
    if points.is_empty() {
        bail!("the growth table is empty\n\nhint: {EXAMPLE}");
    }
    let dated = points.iter().filter(|point| point.month.is_some()).count();
    if dated != 0 && dated != points.len() {
        bail!("some entries of the growth have a month and some have not\n\nhint: give all of them one, or none");
    }
    if let Some(pair) = points.windows(2).find(|pair| pair[0].month.is_some() && pair[0].month >= pair[1].month) {
        let [first, second] = [0, 1].map(|index| pair[index].month.clone().unwrap_or_default());
        bail!(
            "the months of the growth do not ascend: {first} comes before {second}\n\nhint: put them in order, each once"
        );
    }
    Ok(points)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factors(text: &str) -> String {
        match growth(text) {
            Ok(points) => points
                .iter()
                .map(|point| format!("{}{}", point.month.as_deref().unwrap_or(""), point.factor))
                .collect::<Vec<_>>()
                .join(" "),
            Err(error) => format!("{error:#}"),
        }
    }

    #[test]
    fn factors_with_and_without_months() {
        assert_eq!(factors("2x"), "2");
        assert_eq!(factors("1.5x, 2x,3"), "1.5 2 3");
        assert_eq!(factors("2026-12=1.2x,2027-06=2x"), "2026-121.2 2027-062");
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("growth.csv");
        std::fs::write(&file, "month,factor\n2026-12,1\n\n2027-03,1.8x\n").expect("written");
        assert_eq!(factors(&file.display().to_string()), "2026-121 2027-031.8");
        std::fs::write(&file, "2026-12,twice\n").expect("written");
        assert!(factors(&file.display().to_string()).contains("`twice` is no multiple of the traffic"));
        std::fs::write(&file, "# of the plan\nmonth,times x\n2026-12,1\n").expect("written");
        assert_eq!(factors(&file.display().to_string()), "2026-121");
        std::fs::write(&file, "2026-12,1\n2027-03\n").expect("written");
        assert!(factors(&file.display().to_string()).contains("line 2: `2027-03` is no month and factor"));
        std::fs::write(&file, "").expect("written");
        assert!(factors(&file.display().to_string()).contains("is empty"));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, expected) in [
            ("much", "is no growth, and no file of that name"),
            ("0x", "is no multiple of the traffic"),
            ("-2x", "is no multiple of the traffic"),
            ("2027-13=2x", "`2027-13` is no month"),
            ("2027-02=2x,2027-01=3x", "do not ascend"),
            ("2027-02=2x,3x", "some entries of the growth have a month"),
        ] {
            assert!(factors(text).contains(expected), "{text}: {}", factors(text));
        }
    }
}
