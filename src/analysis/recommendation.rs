//! Which variant to take, and the sentence that says why.
//!
//! *Rule*: a variant that meets every objective is better than one that does not, and one that surely does (no
//! objective within its interval) better than one that may. Among those, the one that uses the least of its allowance:
//! the largest of value ÷ bound over the objectives that bound a rate from above, anything up to a tenth counting as
//! none. What is left equal goes to the smallest reservation, which sustains the most load; variants that are no
//! ladder of `max_tokens` stay in the order of their writing.

use crate::analysis::{Metrics, Recommendation, SloOutcome, VariantResult, slo};
use crate::model::{Comparison, Requirement};
use crate::units::format;

/// Less than this share of an allowance counts as none of it.
const COMFORTABLE: f64 = 0.1;

/// The outcome of the choice, as indices into the variants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// The best of those that meet the objectives, or the one that comes closest to them.
    pub index: usize,
    /// Whether it meets them.
    pub meets: bool,
    /// The next smaller output limit, on a ladder.
    pub lower: Option<usize>,
    /// The next larger.
    pub higher: Option<usize>,
}

/// The highest load at which objectives are met.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sustained {
    /// Up to here.
    UpTo(f64),
    /// At least here; beyond was not tried.
    AtLeast(f64),
    /// Not even at the smallest load tried, this one.
    NotAt(f64),
}

impl Sustained {
    /// The load, where it is known to be the highest.
    pub fn load(self) -> Option<f64> {
        match self {
            Sustained::UpTo(load) => Some(load),
            Sustained::AtLeast(_) | Sustained::NotAt(_) => None,
        }
    }
}

/// What was found out about the chosen variant beyond the comparison itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Findings {
    /// The scenario's own load.
    pub load: f64,
    /// The highest load that it sustains.
    pub sustained: Option<Sustained>,
    /// Whether it meets the objectives under each assumption.
    pub holds_under: Vec<(String, bool)>,
    /// The factor on all per-minute quotas that would make it meet them.
    pub quota_factor: Option<f64>,
    /// The quotas times that factor, in words.
    pub quota_words: String,
    /// The share of input read from the cache that would make it meet them.
    pub cached_share: Option<f64>,
    /// The output limit that all but the accepted share of answers stay below.
    pub enough_tokens: Option<u64>,
}

/// Chooses among variants; `ladder` where they are values of `max_tokens`. `None` without variants or objectives.
pub fn choose(objectives: &[Requirement], variants: &[VariantResult], ladder: bool) -> Option<Choice> {
    if objectives.is_empty() {
        return None;
    }
    let order = |a: &usize, b: &usize| {
        let (one, other) = (&variants[*a], &variants[*b]);
        rank(objectives, one)
            .partial_cmp(&rank(objectives, other))
            .expect("ranks are no NaN")
            .then_with(|| if ladder { one.output_limit.cmp(&other.output_limit) } else { a.cmp(b) })
    };
    let index = (0..variants.len()).min_by(order)?;
    let limit = variants[index].output_limit;
    let others = || (0..variants.len()).filter(|&other| ladder && variants[other].output_limit.is_some());
    Some(Choice {
        index,
        meets: variants[index].slo.iter().all(|outcome| outcome.met),
        lower: others().filter(|&at| variants[at].output_limit < limit).max_by_key(|&at| variants[at].output_limit),
        higher: others().filter(|&at| variants[at].output_limit > limit).min_by_key(|&at| variants[at].output_limit),
    })
}

/// Smaller is better: how badly the worst objective is missed, whether one is in doubt, the allowance used.
fn rank(objectives: &[Requirement], variant: &VariantResult) -> (f64, bool, f64) {
    let each = || objectives.iter().zip(&variant.slo);
    let missed = each().filter(|(_, outcome)| !outcome.met).map(|(objective, outcome)| severity(objective, outcome));
    let strain = each().filter_map(|(objective, outcome)| slo::strain(objective, outcome)).fold(0.0, f64::max);
    let doubt = variant.slo.iter().any(doubtful);
    (missed.fold(0.0, f64::max), doubt, strain.max(COMFORTABLE))
}

/// Whether a met objective lies within its interval. What was never seen is in no doubt: the rule of three bounds it by
/// the length of the run alone, the same for every variant.
fn doubtful(outcome: &SloOutcome) -> bool {
    outcome.met && outcome.uncertain && outcome.value != Some(0.0)
}

/// How far a missed objective is from its bound, as a ratio of at least 1.
fn severity(objective: &Requirement, outcome: &SloOutcome) -> f64 {
    let Some(value) = outcome.value else { return f64::INFINITY };
    let ratio = match objective.comparison {
        Comparison::Less | Comparison::AtMost => value / objective.bound,
        Comparison::Greater | Comparison::AtLeast => objective.bound / value,
    };
    if ratio.is_nan() { f64::INFINITY } else { ratio.max(1.0) }
}

/// Puts the choice and what was found about it into words.
pub fn conclude(
    choice: Option<Choice>,
    variants: &[VariantResult],
    workload: Option<&str>,
    findings: &Findings,
) -> Recommendation {
    let Some(choice) = choice else {
        return Recommendation {
            reason: "Nothing to judge by: every objective is measured on pools with the `in_flight` limiter, which is \
                     for theory and has no vote; choose another limiter."
                .to_owned(),
            ..Recommendation::default()
        };
    };
    let chosen = &variants[choice.index];
    let remedies = if choice.meets { Vec::new() } else { remedies(findings, chosen) };
    let mut sentences = Vec::new();
    if choice.meets {
        sentences.push(verdict(chosen, workload));
        sentences.extend(steps(choice, variants, workload));
        sentences.extend(endurance(findings));
        sentences.extend(survival(&findings.holds_under));
    } else {
        sentences.push(refusal(chosen, variants.len()));
        let unmeasured = chosen.slo.iter().any(|outcome| outcome.value.is_none());
        sentences.push(match remedies.as_slice() {
            _ if unmeasured => "The run is too short to tell: lengthen `horizon` or raise `--replications`.".to_owned(),
            [] => "Neither eight times the quota nor a sixteenth of the load would change that.".to_owned(),
            [one] => format!("It would with {one}."),
            several => format!("It would with {}.", several.join(", or with ")),
        });
    }
    sentences.extend(spending(chosen));
    Recommendation {
        variant: choice.meets.then(|| chosen.name.clone()),
        reason: sentences.join(" "),
        holds_under: if choice.meets { findings.holds_under.clone() } else { Vec::new() },
        sustains_load: findings.sustained.and_then(Sustained::load),
        remedies,
    }
}

fn verdict(chosen: &VariantResult, workload: Option<&str>) -> String {
    let doubt = if chosen.slo.iter().any(doubtful) {
        ", though an objective lies within its interval: raise `--replications` to be sure"
    } else {
        ""
    };
    format!("Take {}: {}{doubt}.", title(chosen), harm(chosen, workload))
}

/// `max_tokens 1,024`, or the name of a variant.
fn title(variant: &VariantResult) -> String {
    match (variant.output_limit, variant.max_tokens) {
        (Some(_), Some(limit)) if variant.name.parse() == Ok(limit) => format!("max_tokens {}", format::count(limit)),
        (Some(limit), None) if variant.name == "unset" => format!("max_tokens unset ({})", format::count(limit)),
        _ => format!("`{}`", variant.name),
    }
}

/// `0.5% of attempts throttled, 0.1% of answers cut short`.
fn harm(variant: &VariantResult, workload: Option<&str>) -> String {
    let metrics: &Metrics = workload.and_then(|name| variant.workloads.get(name)).unwrap_or(&variant.total);
    let share = |value: Option<f64>| value.map_or_else(|| "an unknown share".to_owned(), format::share);
    format!(
        "{} of attempts throttled, {} of answers cut short",
        share(metrics.attempt_throttle_rate.mean),
        share(metrics.truncation_rate.mean)
    )
}

fn steps(choice: Choice, variants: &[VariantResult], workload: Option<&str>) -> Vec<String> {
    let steps = [("lower", choice.lower), ("higher", choice.higher)];
    let words = steps.into_iter().filter_map(|(way, index)| {
        let step = &variants[index?];
        Some(format!("One step {way}, {}: {}.", title(step), harm(step, workload)))
    });
    words.collect()
}

fn endurance(findings: &Findings) -> Option<String> {
    let own = match findings.load {
        1.0 => String::new(),
        load => format!(" (the scenario's is {})", format::approximate(load)),
    };
    match findings.sustained? {
        Sustained::UpTo(load) => {
            Some(format!("It meets the objectives up to a load of {}{own}.", format::approximate(load)))
        }
        Sustained::AtLeast(load) => {
            Some(format!("It meets the objectives at a load of {}{own} and beyond.", format::approximate(load)))
        }
        Sustained::NotAt(_) => None,
    }
}

fn survival(holds_under: &[(String, bool)]) -> Option<String> {
    let flips: Vec<String> =
        holds_under.iter().filter(|(_, holds)| !holds).map(|(name, _)| format!("`{name}`")).collect();
    match (flips.as_slice(), holds_under.len()) {
        (_, 0) => None,
        ([], all) => Some(format!("Holds under all {all} assumptions tried.")),
        ([one], all) => Some(format!("Holds under {} of {all} assumptions tried: {one} flips it.", all - 1)),
        (several, all) => Some(format!(
            "Holds under {} of {all} assumptions tried: {} flip it.",
            all - several.len(),
            several.join(", ")
        )),
    }
}

fn refusal(closest: &VariantResult, variants: usize) -> String {
    let missed: Vec<String> = closest
        .slo
        .iter()
        .filter(|outcome| !outcome.met)
        .map(|outcome| match outcome.value {
            Some(value) => format!("`{}` comes out at {}", outcome.text, measured(outcome, value)),
            None => format!("`{}` has too few answers to be measured on", outcome.text),
        })
        .collect();
    let which = if variants == 1 { "It misses" } else { "None of them meets" };
    format!("{which} the objectives; the closest is {}, where {}.", title(closest), missed.join(" and "))
}

fn measured(outcome: &SloOutcome, value: f64) -> String {
    match outcome.text.as_str() {
        text if text.contains("_rate") => format::share(value),
        text if text.contains("_ms") => format::seconds(value * 1e-3),
        _ => format::approximate(value),
    }
}

fn remedies(findings: &Findings, chosen: &VariantResult) -> Vec<String> {
    let mut remedies = Vec::new();
    if let Some(factor) = findings.quota_factor {
        remedies.push(format!("{} times the quota ({})", format::approximate(factor), findings.quota_words));
    }
    if let Some(load) = findings.sustained.and_then(Sustained::load) {
        remedies.push(format!("a load of at most {}", format::approximate(load)));
    }
    if let Some(share) = findings.cached_share {
        remedies.push(format!("{} of the input read from the prompt cache", format::share(share)));
    }
    if let Some(tokens) = findings.enough_tokens.filter(|&tokens| Some(tokens) > chosen.output_limit) {
        remedies.push(format!("`max_tokens` of about {}", format::count(tokens)));
    }
    remedies
}

fn spending(chosen: &VariantResult) -> Option<String> {
    if chosen.still_spending.is_empty() {
        return None;
    }
    let pools: Vec<String> = chosen.still_spending.iter().map(|name| format!("`{name}`")).collect();
    Some(format!(
        "The run was too short to say for sure: pool {} was still spending its burst, so the long-run bound decides; \
         lengthen `horizon` and `warmup`.",
        pools.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::Estimate;
    use crate::model::Scope;

    fn objectives() -> Vec<Requirement> {
        let below = |metric: &str| Requirement {
            text: format!("{metric} < 1%"),
            scope: Scope::Total,
            metric: metric.to_owned(),
            comparison: Comparison::Less,
            bound: 0.01,
        };
        vec![below("attempt_throttle_rate"), below("truncation_rate")]
    }

    /// A variant with these shares of throttled attempts and truncated answers.
    fn variant(name: &str, limit: u64, throttled: f64, truncated: f64) -> VariantResult {
        let estimate = |mean| Estimate { mean: Some(mean), ..Estimate::default() };
        let mut variant = VariantResult {
            name: name.to_owned(),
            max_tokens: name.parse().ok(),
            output_limit: Some(limit),
            ..VariantResult::default()
        };
        variant.total.attempt_throttle_rate = estimate(throttled);
        variant.total.truncation_rate = estimate(truncated);
        variant.slo = objectives()
            .iter()
            .zip([throttled, truncated])
            .map(|(objective, value)| SloOutcome {
                text: objective.text.clone(),
                value: Some(value),
                bound: objective.bound,
                met: value < objective.bound,
                uncertain: false,
            })
            .collect();
        variant
    }

    fn chosen(variants: &[VariantResult], ladder: bool) -> (&str, bool) {
        let choice = choose(&objectives(), variants, ladder).expect("objectives and variants");
        (&variants[choice.index].name, choice.meets)
    }

    #[test]
    fn the_value_with_most_room_on_both_sides_wins() {
        let ladder = [
            variant("unset", 64_000, 0.6, 0.0),
            variant("256", 256, 0.0, 0.1),
            variant("512", 512, 0.0, 0.008),
            variant("1024", 1_024, 0.001, 0.0002),
            variant("4096", 4_096, 0.005, 0.0),
        ];
        assert_eq!(chosen(&ladder, true), ("1024", true));
        let choice = choose(&objectives(), &ladder, true).expect("a choice");
        assert_eq!((choice.lower, choice.higher), (Some(2), Some(4)));
    }

    #[test]
    fn among_comfortable_values_the_smallest_wins_on_a_ladder_and_the_first_elsewhere() {
        let equals = [
            variant("4096", 4_096, 0.0, 0.0),
            variant("1024", 1_024, 0.0, 0.0009),
            variant("2048", 2_048, 0.0001, 0.0),
        ];
        assert_eq!(chosen(&equals, true), ("1024", true));
        assert_eq!(chosen(&equals, false), ("4096", true));
    }

    #[test]
    fn doubt_loses_against_certainty() {
        let mut doubtful = variant("256", 256, 0.0, 0.002);
        doubtful.slo[1].uncertain = true;
        assert_eq!(chosen(&[doubtful, variant("512", 512, 0.009, 0.0)], true), ("512", true));
    }

    #[test]
    fn what_was_never_seen_is_in_no_doubt() {
        let mut unseen = variant("512", 512, 0.0, 0.0);
        unseen.slo.iter_mut().for_each(|outcome| outcome.uncertain = true);
        assert_eq!(chosen(&[unseen, variant("1024", 1_024, 0.0, 0.0)], true), ("512", true));
    }

    #[test]
    fn where_none_meets_the_closest_is_named() {
        let missed =
            [variant("128", 128, 0.0, 0.4), variant("512", 512, 0.03, 0.005), variant("unset", 8_192, 0.6, 0.0)];
        assert_eq!(chosen(&missed, true), ("512", false));
        let findings = Findings {
            load: 1.0,
            sustained: Some(Sustained::UpTo(0.58)),
            quota_factor: Some(1.7),
            quota_words: "pool `haiku`: 340k tokens per minute".to_owned(),
            ..Findings::default()
        };
        let choice = choose(&objectives(), &missed, true);
        let recommendation = conclude(choice, &missed, None, &findings);
        assert_eq!(recommendation.variant, None);
        assert_eq!(
            recommendation.reason,
            "None of them meets the objectives; the closest is max_tokens 512, where `attempt_throttle_rate < 1%` comes \
             out at 3%. It would with 1.7 times the quota (pool `haiku`: 340k tokens per minute), or with a load of at \
             most 0.58."
        );
    }

    #[test]
    fn the_reason_says_what_a_step_costs_and_which_assumption_flips_it() {
        let mut ladder =
            [variant("256", 256, 0.0, 0.05), variant("512", 512, 0.002, 0.001), variant("unset", 8_192, 0.6, 0.0)];
        ladder[1].still_spending = vec!["haiku".to_owned()];
        let holds = |name: &str, holds: bool| (name.to_owned(), holds);
        let findings = Findings {
            load: 1.0,
            sustained: Some(Sustained::UpTo(1.84)),
            holds_under: vec![holds("fixed_window", true), holds("burst_seconds_1", false)],
            ..Findings::default()
        };
        let recommendation = conclude(choose(&objectives(), &ladder, true), &ladder, None, &findings);
        assert_eq!(recommendation.variant.as_deref(), Some("512"));
        assert_eq!(recommendation.sustains_load, Some(1.84));
        assert_eq!(
            recommendation.reason,
            "Take max_tokens 512: 0.2% of attempts throttled, 0.1% of answers cut short. One step lower, max_tokens 256: \
             0% of attempts throttled, 5% of answers cut short. One step higher, max_tokens unset (8,192): 60% of \
             attempts throttled, 0% of answers cut short. It meets the objectives up to a load of 1.84. Holds under 1 \
             of 2 assumptions tried: `burst_seconds_1` flips it. The run was too short to say for sure: pool `haiku` \
             was still spending its burst, so the long-run bound decides; lengthen `horizon` and `warmup`."
        );
    }

    #[test]
    fn nothing_to_judge_by_is_said() {
        assert_eq!(choose(&[], &[variant("1", 1, 0.0, 0.0)], true), None);
        assert!(conclude(None, &[], None, &Findings::default()).reason.contains("in_flight"));
    }
}
