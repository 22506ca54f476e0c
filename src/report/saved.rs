//! A result as a file: what `-o` saves, and from which everything can be drawn again without its scenario.
//!
//! The document is the one that `--format json` prints, with one more key, `drawing`: the words of the scenario, what
//! happened over time, and how to repeat it.

use super::setting::Setting;
use super::{bundle, csv, html, json};
use crate::analysis::{Comparison, OutputHistogram, PoolTimeline, Sizing, Solved, Summary, Sweep};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

/// A result with all that its charts and its report need.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "there is one of it, and it is passed by reference")]
pub enum Saved {
    /// Of `run`.
    Run {
        /// The result.
        summary: Summary,
        /// The scenario in words.
        setting: Setting,
        /// The first replication over time.
        timelines: Vec<PoolTimeline>,
        /// The lengths of answers.
        outputs: Vec<OutputHistogram>,
        /// Where it came from.
        origin: Origin,
    },
    /// Of `compare`.
    Compare {
        /// The result.
        comparison: Comparison,
        /// The first variant's scenario in words.
        setting: Setting,
        /// The variant that is recommended, or comes closest, by index.
        chosen: usize,
        /// The first variant over time; empty where it is the chosen one.
        before: Vec<PoolTimeline>,
        /// The chosen variant over time.
        after: Vec<PoolTimeline>,
        /// Where it came from.
        origin: Origin,
    },
    /// Of `sweep`.
    Sweep {
        /// The result.
        sweep: Sweep,
        /// The scenario in words.
        setting: Setting,
        /// Where it came from.
        origin: Origin,
    },
    /// Of `size`.
    Size {
        /// The result.
        sizing: Sizing,
        /// The scenario in words.
        setting: Setting,
        /// Where it came from.
        origin: Origin,
    },
    /// Of `size --solve`.
    Solve {
        /// The result.
        solved: Solved,
        /// The scenario in words.
        setting: Setting,
        /// Where it came from.
        origin: Origin,
    },
}

/// Where a result came from: enough to repeat it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The command.
    pub command: String,
    /// The question that the scenario answers, in its author's words.
    pub question: Option<String>,
    /// The scenario file as it was.
    pub scenario: String,
    /// What was changed in it from the command line.
    pub changes: Vec<String>,
    /// The file of variants as it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variants: Option<String>,
}

/// The key `drawing` of a saved result.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Drawing {
    verb: String,
    setting: Setting,
    #[serde(default)]
    chosen: usize,
    #[serde(default)]
    before: Vec<PoolTimeline>,
    #[serde(default)]
    timelines: Vec<PoolTimeline>,
    #[serde(default)]
    outputs: Vec<OutputHistogram>,
    #[serde(default)]
    origin: Origin,
}

impl Drawing {
    /// Of a result that holds all that is drawn.
    fn plain(verb: &str, setting: &Setting, origin: &Origin) -> Drawing {
        Drawing { verb: verb.to_owned(), setting: setting.clone(), origin: origin.clone(), ..Drawing::default() }
    }
}

/// Why a file is no saved result.
#[derive(Debug, Error)]
pub enum Unreadable {
    /// It is not JSON, or not of this shape.
    #[error("it does not read as one")]
    Json(#[from] serde_json::Error),
    /// It is a result without what a drawing needs.
    #[error("it has no key `drawing`\n\nhint: results saved with `-o` have; what `--format json` prints has not")]
    NoDrawing,
    /// A later version wrote it.
    #[error("its schema_version is {0}, and this program reads {known}\n\nhint: use the version that wrote it", known = Summary::SCHEMA_VERSION)]
    Version(u64),
    /// It is none of ours.
    #[error("its verb is `{0}`, which cannot be drawn")]
    Verb(String),
}

impl Saved {
    /// Reads a saved result.
    pub fn read(text: &str) -> Result<Saved, Unreadable> {
        let mut document: Value = serde_json::from_str(text)?;
        let version = document.get("schema_version").and_then(Value::as_u64);
        if let Some(version) = version.filter(|&version| version != u64::from(Summary::SCHEMA_VERSION)) {
            return Err(Unreadable::Version(version));
        }
        let drawing = document.as_object_mut().and_then(|fields| fields.shift_remove("drawing"));
        let drawing: Drawing = serde_json::from_value(drawing.ok_or(Unreadable::NoDrawing)?)?;
        let Drawing { verb, setting, chosen, before, timelines, outputs, origin } = drawing;
        match verb.as_str() {
            "run" => Ok(Saved::Run { summary: serde_json::from_value(document)?, setting, timelines, outputs, origin }),
            "compare" => {
                let comparison: Comparison = serde_json::from_value(document)?;
                let chosen = chosen.min(comparison.variants.len().saturating_sub(1));
                Ok(Saved::Compare { comparison, setting, chosen, before, after: timelines, origin })
            }
            "sweep" => Ok(Saved::Sweep { sweep: serde_json::from_value(document)?, setting, origin }),
            "size" => Ok(Saved::Size { sizing: serde_json::from_value(document)?, setting, origin }),
            "solve" => Ok(Saved::Solve { solved: serde_json::from_value(document)?, setting, origin }),
            _ => Err(Unreadable::Verb(verb)),
        }
    }

    /// The document to save.
    pub fn json(&self) -> String {
        let (result, drawing) = match self {
            Saved::Run { summary, setting, timelines, outputs, origin } => (
                serde_json::to_value(summary),
                Drawing {
                    verb: "run".to_owned(),
                    setting: setting.clone(),
                    timelines: timelines.clone(),
                    outputs: outputs.clone(),
                    origin: origin.clone(),
                    ..Drawing::default()
                },
            ),
            Saved::Compare { comparison, setting, chosen, before, after, origin } => (
                serde_json::to_value(comparison),
                Drawing {
                    verb: "compare".to_owned(),
                    setting: setting.clone(),
                    chosen: *chosen,
                    before: before.clone(),
                    timelines: after.clone(),
                    origin: origin.clone(),
                    ..Drawing::default()
                },
            ),
            Saved::Sweep { sweep, setting, origin } => {
                (serde_json::to_value(sweep), Drawing::plain("sweep", setting, origin))
            }
            Saved::Size { sizing, setting, origin } => {
                (serde_json::to_value(sizing), Drawing::plain("size", setting, origin))
            }
            Saved::Solve { solved, setting, origin } => {
                (serde_json::to_value(solved), Drawing::plain("solve", setting, origin))
            }
        };
        let mut document = result.expect(STRING_KEYS);
        let fields = document.as_object_mut().expect("a result is a map");
        fields.insert("drawing".to_owned(), serde_json::to_value(drawing).expect(STRING_KEYS));
        json::document(&document)
    }
}

const STRING_KEYS: &str = "a result has string keys and no failing serializer";

/// Everything that `-o` writes for a result, as file names and bytes: the result to draw again, tables, charts as SVG
/// and PNG, and `report.html`.
pub fn files(saved: &Saved) -> Vec<(String, Vec<u8>)> {
    let json = saved.json().into_bytes();
    let page = ("report.html".to_owned(), html::page(saved).into_bytes());
    let mut files = match saved {
        Saved::Run { summary, setting, timelines, outputs, .. } => {
            let mut files = bundle::bundle(summary, setting, timelines, outputs);
            files[0].1 = json;
            files
        }
        Saved::Compare { comparison, setting, chosen, before, after, .. } => {
            let mut files = vec![
                ("compare.json".to_owned(), json),
                ("compare.csv".to_owned(), super::compare::csv(comparison).into_bytes()),
                ("timeline.csv".to_owned(), csv::timeline(after).into_bytes()),
            ];
            bundle::of_comparison(&mut files, comparison, setting, *chosen, before, after);
            files
        }
        Saved::Sweep { sweep, setting, .. } => {
            let mut files =
                vec![("sweep.json".to_owned(), json), ("sweep.csv".to_owned(), super::sweep::csv(sweep).into_bytes())];
            bundle::of_sweep(&mut files, sweep, setting);
            files
        }
        Saved::Size { sizing, setting, .. } => {
            let mut files =
                vec![("size.json".to_owned(), json), ("size.csv".to_owned(), super::size::csv(sizing).into_bytes())];
            if !sizing.increases.is_empty() {
                let case = super::size::increase::markdown(&sizing.increases).into_bytes();
                files.push(("quota-increase.md".to_owned(), case));
                files.push(("quota-increase.json".to_owned(), json::document(&sizing.increases).into_bytes()));
            }
            bundle::of_sizing(&mut files, sizing, setting);
            files
        }
        Saved::Solve { solved, setting, .. } => {
            let mut files =
                vec![("solve.json".to_owned(), json), ("solve.csv".to_owned(), super::solve::csv(solved).into_bytes())];
            bundle::of_solved(&mut files, solved, setting);
            files
        }
    };
    files.push(page);
    files
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    fn all() -> Vec<Saved> {
        let (setting, origin) = (fixture::setting(), Origin { command: "quotasim".into(), ..Origin::default() });
        let timelines = vec![fixture::timeline("haiku", 60.0, 10.0, Some(9))];
        let comparison = fixture::comparison(&[("unset", 64_000, 0.4, 0.0), ("16", 16, 0.0, 0.0)]);
        vec![
            Saved::Run {
                summary: fixture::busy(),
                setting: setting.clone(),
                timelines: timelines.clone(),
                outputs: vec![fixture::histogram("triage", [1, 9], 1, None)],
                origin: origin.clone(),
            },
            Saved::Compare {
                comparison,
                setting: setting.clone(),
                chosen: 1,
                before: timelines.clone(),
                after: timelines,
                origin: origin.clone(),
            },
            Saved::Sweep {
                sweep: fixture::sweep(&[0.5, 1.0, 3.0], &["256", "unset"]),
                setting: setting.clone(),
                origin: origin.clone(),
            },
            Saved::Size {
                sizing: crate::report::size::fixture::too_small(),
                setting: setting.clone(),
                origin: origin.clone(),
            },
            Saved::Solve { solved: crate::report::size::fixture::load(), setting, origin },
        ]
    }

    #[test]
    fn what_is_saved_draws_the_same_again() {
        for saved in all() {
            let back = Saved::read(&saved.json()).expect("it was just saved");
            assert!(back == saved, "{} reads back otherwise", &saved.json()[..200]);
            assert!(files(&back) == files(&saved), "other bytes the second time");
        }
    }

    #[test]
    fn every_result_has_its_files() {
        let names: Vec<Vec<String>> =
            all().iter().map(|saved| files(saved).into_iter().map(|(name, _)| name).collect()).collect();
        assert_eq!(names[0][0], "summary.json");
        assert_eq!(
            names[1].join(" "),
            "compare.json compare.csv timeline.csv trade-off.svg trade-off.png latency.svg latency.png \
             before-after-haiku.svg before-after-haiku.png report.html"
        );
        assert_eq!(
            names[2].join(" "),
            "sweep.json sweep.csv throttle-curve.svg throttle-curve.png heat-map.svg heat-map.png report.html"
        );
        assert_eq!(
            names[3].join(" "),
            "size.json size.csv quota-increase.md quota-increase.json quota-curve.svg quota-curve.png tornado.svg \
             tornado.png growth.svg growth.png report.html"
        );
        assert_eq!(names[4].join(" "), "solve.json solve.csv curve.svg curve.png report.html");
    }

    #[test]
    fn what_is_no_saved_result_is_refused_with_its_reason() {
        let table = [
            ("{", "it does not read as one"),
            ("{}", "no key `drawing`"),
            ("{\"schema_version\": 99}", "schema_version is 99"),
            (
                "{\"drawing\": {\"verb\": \"guess\", \"setting\": {\"pools\": [], \"workloads\": [], \"objectives\": []}}}",
                "`guess`",
            ),
        ];
        for (text, reason) in table {
            let error = Saved::read(text).expect_err(text).to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
