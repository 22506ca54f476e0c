//! Which variant to take, and the sentence that says why.
//!
//! *Rule*: a variant that meets every objective is better than one that does not, and one that surely does (no
//! objective within its interval) better than one that may. Among those, the one that uses the least of its allowance:
//! the largest of value ÷ bound over the objectives that bound a rate from above, to the nearest tenth, and a tenth
//! counting as none. What is left equal goes to the smallest reservation, which sustains the most load; variants that
//! are no ladder of `max_tokens` stay in the order of their writing. Where none meets, the closest is the one with the
//! least product of value ÷ bound over the objectives that it misses, differences below a tenth counting as none.

use crate::analysis::{Metrics, Recommendation, SloOutcome, Tried, VariantResult, slo};
use crate::model::{Comparison, Requirement};
use crate::units::format;

/// The grain in which the use of an allowance is told apart; so much counts as none of it.
const COMFORTABLE: f64 = 0.1;

/// Distances from the objectives within this step of a logarithm are alike: chance decides between them.
const ALIKE: f64 = 0.1;

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
    /// How it fares under each assumption.
    pub tried: Vec<Tried>,
    /// What would make it meet the objectives, if it does not.
    pub remedies: Vec<Remedy>,
}

/// What would make a variant meet the objectives, tried by simulation. Each remedy is enough on its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Remedy {
    /// What to change.
    pub change: Change,
    /// The output limit that it needs beside it, where the variant's cuts too many answers short.
    pub with_max_tokens: Option<u64>,
}

/// One change of a scenario.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// The output limit beside it, and nothing more.
    Nothing,
    /// The quotas that refuse attempts, multiplied.
    Quota {
        /// By how much.
        factor: f64,
        /// What they then are: `pool haiku: 340k tokens per minute`.
        words: String,
    },
    /// No more than this load.
    Load(f64),
    /// This share of the input read from the prompt cache.
    Cached(f64),
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

/// Smaller is better: how far objectives are missed, as the logarithm of a product of ratios; whether one is in doubt;
/// the allowance used of those that are met.
fn rank(objectives: &[Requirement], variant: &VariantResult) -> (f64, bool, f64) {
    let each = || objectives.iter().zip(&variant.slo);
    let missed = each().filter(|(_, outcome)| !outcome.met).map(|(objective, outcome)| severity(objective, outcome));
    let met = each().filter(|(_, outcome)| outcome.met);
    let strain = met.filter_map(|(objective, outcome)| slo::strain(objective, outcome)).fold(0.0, f64::max);
    // What was never seen is in no doubt: the length of the run alone bounds it, the same for every variant.
    let doubt = variant.slo.iter().any(|outcome| outcome.met && outcome.in_doubt());
    let distance: f64 = missed.map(libm::log).sum();
    ((distance / ALIKE).ceil(), doubt, libm::round(strain / COMFORTABLE).max(1.0))
}

/// How far a missed objective is from its bound, as a ratio of more than 1.
fn severity(objective: &Requirement, outcome: &SloOutcome) -> f64 {
    let Some(value) = outcome.value else { return f64::INFINITY };
    let ratio = match objective.comparison {
        Comparison::Less | Comparison::AtMost => value / objective.bound,
        Comparison::Greater | Comparison::AtLeast => objective.bound / value,
    };
    // One that lies on its bound is missed all the same.
    if ratio.is_nan() { f64::INFINITY } else { ratio.max(1.0 + f64::EPSILON) }
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
    let remedies: Vec<String> = findings.remedies.iter().map(remedy).collect();
    let mut sentences = Vec::new();
    if choice.meets {
        sentences.push(verdict(chosen, workload));
        sentences.extend(steps(choice, variants, workload));
        sentences.extend(others(choice, variants));
        sentences.extend(endurance(findings));
        sentences.extend(survival(&findings.tried, variants));
    } else {
        sentences.push(refusal(chosen, variants.len()));
        let unmeasured = chosen.slo.iter().any(|outcome| outcome.value.is_none());
        sentences.push(match remedies.as_slice() {
            _ if unmeasured => "The run is too short to tell: lengthen `horizon` or raise `--replications`.".to_owned(),
            [] => "Nothing that was tried would change that: eight times the quotas that refuse, a sixteenth of the \
                   load, or input read from the prompt cache."
                .to_owned(),
            [one] => format!("It would with {one}."),
            several => format!("It would with {}.", several.join(", or with ")),
        });
        sentences.extend(rescue(&findings.tried));
    }
    sentences.extend(spending(chosen));
    let holds_under = || findings.tried.iter().map(|each| (each.assumption.clone(), each.holds)).collect();
    Recommendation {
        variant: choice.meets.then(|| chosen.name.clone()),
        closest: (!choice.meets).then(|| chosen.name.clone()),
        reason: sentences.join(" "),
        holds_under: if choice.meets { holds_under() } else { Vec::new() },
        sustains_load: findings.sustained.and_then(Sustained::load),
        tried: findings.tried.clone(),
        remedies,
    }
}

fn verdict(chosen: &VariantResult, workload: Option<&str>) -> String {
    let doubt = if chosen.slo.iter().any(SloOutcome::in_doubt) {
        ", though an objective lies within its interval: raise `--replications` to be sure"
    } else {
        ""
    };
    format!("Take {}: {}{doubt}.", title(chosen), harm(chosen, workload))
}

/// `max_tokens 1,024`, or the name of a variant.
fn title(variant: &VariantResult) -> String {
    match (variant.output_limit, variant.max_tokens) {
        (_, Some(limit)) if is_value(variant) => format!("max_tokens {}", format::count(limit)),
        (Some(limit), None) if variant.name == "unset" => format!("max_tokens unset ({})", format::count(limit)),
        _ => format!("`{}`", variant.name),
    }
}

/// Whether it is called by its value of `max_tokens`.
fn is_value(variant: &VariantResult) -> bool {
    variant.max_tokens.is_some_and(|limit| variant.name.parse() == Ok(limit))
}

/// `0.5% of attempts throttled, 0.1% of answers cut short, $11.3 per thousand good ones`.
fn harm(variant: &VariantResult, workload: Option<&str>) -> String {
    let metrics: &Metrics = workload.and_then(|name| variant.workloads.get(name)).unwrap_or(&variant.total);
    let share = |value: Option<f64>| value.map_or_else(|| "an unknown share".to_owned(), format::share);
    let mut words = vec![
        format!("{} of attempts throttled", share(metrics.attempt_throttle_rate.mean)),
        format!("{} of answers cut short", share(metrics.truncation_rate.mean)),
    ];
    // Values of `max_tokens` trade throttles for truncation; other variants change what becomes of a throttle.
    if let Some(failed) = metrics.request_failure_rate.mean.filter(|_| !is_value(variant) && variant.name != "unset") {
        words.insert(1, format!("{} of requests failed", format::share(failed)));
    }
    if let Some(by_quota) = metrics.quota_truncation_rate.mean.filter(|&rate| rate > 0.0) {
        words.push(format!("{} of them by the output quota", format::share(by_quota)));
    }
    if let Some(cost) = variant.cost_usd_per_1000_good.mean {
        words.push(format!("${} per thousand good ones", format::approximate(cost)));
    }
    words.join(", ")
}

fn steps(choice: Choice, variants: &[VariantResult], workload: Option<&str>) -> Vec<String> {
    let steps = [("lower", choice.lower), ("higher", choice.higher)];
    let words = steps.into_iter().filter_map(|(way, index)| {
        let step = &variants[index?];
        Some(format!("One step {way}, {}: {}.", title(step), harm(step, workload)))
    });
    words.collect()
}

/// The variants beside the chosen one and its neighbours that meet the objectives, too.
fn others(choice: Choice, variants: &[VariantResult]) -> Option<String> {
    let said = [Some(choice.index), choice.lower, choice.higher];
    let names: Vec<String> = variants
        .iter()
        .enumerate()
        .filter(|(index, each)| each.meets && !said.contains(&Some(*index)))
        .map(|(_, each)| each.max_tokens.filter(|_| is_value(each)).map_or_else(|| title(each), format::count))
        .collect();
    (!names.is_empty()).then(|| format!("The objectives are also met by {}.", format::list(&names)))
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

/// `Holds under 5 of 7 assumptions tried: …`, and what to take under the others.
fn survival(tried: &[Tried], variants: &[VariantResult]) -> Option<String> {
    let all = tried.len();
    let flips: Vec<&Tried> = tried.iter().filter(|each| !each.holds).collect();
    match flips.len() {
        _ if all == 0 => None,
        0 => Some(format!("Holds under all {all} assumptions tried.")),
        _ => Some(format!(
            "Holds under {} of {all} assumptions tried: {}.",
            all - flips.len(),
            flipped(&flips, variants)
        )),
    }
}

/// `fixed_window and sliding_window flip it (then take max_tokens 512)`, those with the same outcome together.
fn flipped(flips: &[&Tried], variants: &[VariantResult]) -> String {
    let mut groups: Vec<(&Option<String>, Vec<String>)> = Vec::new();
    for each in flips {
        let name = format!("`{}`", each.assumption);
        match groups.iter_mut().find(|(instead, _)| **instead == each.instead) {
            Some((_, names)) => names.push(name),
            None => groups.push((&each.instead, vec![name])),
        }
    }
    let words = groups.into_iter().map(|(instead, names)| {
        let verb = if names.len() == 1 { "flips" } else { "flip" };
        let then = match instead.as_ref().and_then(|name| variants.iter().find(|each| each.name == *name)) {
            Some(other) => format!(" (then take {})", title(other)),
            None if variants.len() > 1 => " (then none meets the objectives)".to_owned(),
            None => String::new(),
        };
        format!("{} {verb} it{then}", format::list(&names))
    });
    words.collect::<Vec<_>>().join("; ")
}

/// The assumptions under which the closest would meet the objectives after all.
fn rescue(tried: &[Tried]) -> Option<String> {
    let names: Vec<String> =
        tried.iter().filter(|each| each.holds).map(|each| format!("`{}`", each.assumption)).collect();
    (!names.is_empty()).then(|| {
        format!("Under {} of {} other assumptions it does: {}.", names.len(), tried.len(), format::list(&names))
    })
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
    let which = match variants {
        1 => format!("{} misses the objectives", title(closest)),
        _ => format!("None of them meets the objectives; the closest is {}", title(closest)),
    };
    format!("{which}: {}.", format::list(&missed))
}

fn measured(outcome: &SloOutcome, value: f64) -> String {
    match outcome.text.as_str() {
        text if text.contains("_rate") => format::share(value),
        text if text.contains("_ms") => format::seconds(value * 1e-3),
        _ => format::approximate(value),
    }
}

fn remedy(remedy: &Remedy) -> String {
    let change = match &remedy.change {
        Change::Nothing => None,
        Change::Quota { factor, words } => Some(format!("{} times the quota ({words})", format::approximate(*factor))),
        Change::Load(load) => Some(format!("a load of at most {}", format::approximate(*load))),
        Change::Cached(share) => Some(format!("{} of the input read from the prompt cache", format::share(*share))),
    };
    let limit = remedy.with_max_tokens.map(|limit| format!("max_tokens {}", format::count(limit)));
    limit.into_iter().chain(change).collect::<Vec<_>>().join(" and ")
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
        variant.meets = throttled < 0.01 && truncated < 0.01;
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
        let ladder = vec![
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
    fn where_none_meets_the_closest_is_named_with_what_would() {
        let missed =
            [variant("128", 128, 0.0, 0.4), variant("512", 512, 0.03, 0.005), variant("unset", 8_192, 0.6, 0.0)];
        assert_eq!(chosen(&missed, true), ("512", false));
        let quota = Change::Quota { factor: 1.7, words: "pool `haiku`: 340k tokens per minute".to_owned() };
        let remedy = |change| Remedy { change, with_max_tokens: None };
        let findings = Findings {
            load: 1.0,
            remedies: vec![remedy(quota), remedy(Change::Load(0.58)), remedy(Change::Cached(0.35))],
            tried: vec![tried("fixed_window", true, None), tried("burst_seconds_1", false, None)],
            ..Findings::default()
        };
        let recommendation = conclude(choose(&objectives(), &missed, true), &missed, None, &findings);
        assert_eq!(recommendation.variant, None);
        assert_eq!(recommendation.closest.as_deref(), Some("512"));
        assert_eq!(recommendation.holds_under, []);
        assert_eq!(recommendation.remedies.len(), 3);
        assert_eq!(
            recommendation.reason,
            "None of them meets the objectives; the closest is max_tokens 512: `attempt_throttle_rate < 1%` comes out at \
             3%. It would with 1.7 times the quota (pool `haiku`: 340k tokens per minute), or with a load of at most \
             0.58, or with 35% of the input read from the prompt cache. Under 1 of 2 other assumptions it does: \
             `fixed_window`."
        );
    }

    #[test]
    fn where_answers_are_cut_short_nothing_helps_without_a_larger_limit() {
        let missed = [variant("128", 128, 0.0, 0.4)];
        let remedy = |change| Remedy { change, with_max_tokens: Some(1_024) };
        let findings =
            Findings { remedies: vec![remedy(Change::Nothing), remedy(Change::Load(0.5))], ..Findings::default() };
        let recommendation = conclude(choose(&objectives(), &missed, true), &missed, None, &findings);
        assert_eq!(
            recommendation.reason,
            "max_tokens 128 misses the objectives: `truncation_rate < 1%` comes out at 40%. It would with max_tokens \
             1,024, or with max_tokens 1,024 and a load of at most 0.5."
        );
    }

    #[test]
    fn a_little_less_throttling_is_not_worth_a_third_of_the_answers() {
        let missed =
            [variant("384", 384, 0.497, 0.337), variant("2048", 2_048, 0.501, 0.0), variant("unset", 64_000, 0.5, 0.0)];
        // Nor does a difference by chance make the largest limit the closest.
        assert_eq!(chosen(&missed, true), ("2048", false));
    }

    fn tried(assumption: &str, holds: bool, instead: Option<&str>) -> Tried {
        Tried { assumption: assumption.to_owned(), holds, instead: instead.map(str::to_owned), ..Tried::default() }
    }

    #[test]
    fn the_reason_says_what_a_step_costs_and_which_assumption_flips_it() {
        let mut ladder = vec![
            variant("256", 256, 0.0, 0.05),
            variant("512", 512, 0.002, 0.0001),
            variant("1024", 1_024, 0.009, 0.0),
            variant("768", 768, 0.008, 0.0),
            variant("unset", 8_192, 0.6, 0.0),
        ];
        ladder[1].still_spending = vec!["haiku".to_owned()];
        ladder[1].cost_usd_per_1000_good.mean = Some(11.33);
        let findings = Findings {
            load: 1.0,
            sustained: Some(Sustained::UpTo(1.84)),
            tried: vec![
                tried("fixed_window", true, None),
                tried("sliding_window", false, Some("256")),
                tried("burst_seconds_1", false, None),
                tried("burst_seconds_10", false, None),
            ],
            ..Findings::default()
        };
        let recommendation = conclude(choose(&objectives(), &ladder, true), &ladder, None, &findings);
        assert_eq!(recommendation.variant.as_deref(), Some("512"));
        assert_eq!(recommendation.sustains_load, Some(1.84));
        assert_eq!(recommendation.holds_under[0], ("fixed_window".to_owned(), true));
        assert_eq!(
            recommendation.reason,
            "Take max_tokens 512: 0.2% of attempts throttled, 0.01% of answers cut short, $11.3 per thousand good ones. \
             One step lower, max_tokens 256: 0% of attempts throttled, 5% of answers cut short. One step higher, \
             max_tokens 768: 0.8% of attempts throttled, 0% of answers cut short. The objectives are also met by 1,024. \
             It meets the objectives up to a load of 1.84. Holds under 1 of 4 assumptions tried: `sliding_window` flips \
             it (then take max_tokens 256); `burst_seconds_1` and `burst_seconds_10` flip it (then none meets the \
             objectives). The run was too short to say for sure: pool `haiku` was still spending its burst, so the \
             long-run bound decides; lengthen `horizon` and `warmup`."
        );
    }

    #[test]
    fn nothing_to_judge_by_is_said() {
        assert_eq!(choose(&[], &[variant("1", 1, 0.0, 0.0)], true), None);
        assert!(conclude(None, &[], None, &Findings::default()).reason.contains("in_flight"));
    }
}
