//! Writes a scenario: the way back from what it means to what a user writes.
//!
//! For programs that make scenarios. What is written reads back as the same values, to the digits that are shown;
//! numbers that were rounded before (to five significant digits, say) come back exactly.

use crate::model::arrivals::Interpolation;
use crate::model::{Arrivals, Distribution, Latency};
use crate::units::{Rate, SimSpan, format};
use std::fmt::Write as _;

/// A scenario to be written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Draft {
    /// Comment lines at the head, without `#`; an empty one makes a paragraph.
    pub head: Vec<String>,
    /// Its name.
    pub name: String,
    /// Pools, in order.
    pub pools: Vec<DraftPool>,
    /// Workloads, in order.
    pub workloads: Vec<DraftWorkload>,
    /// When it begins, as the language writes it: `2026-03-02 09:00 UTC`.
    pub start: Option<String>,
    /// How long requests arrive.
    pub horizon: Option<SimSpan>,
    /// How long to wait before counting.
    pub warmup: Option<SimSpan>,
}

/// A pool to be written. A figure that is `None` is left to the catalogue.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DraftPool {
    /// Its name.
    pub name: String,
    /// Comment lines above its fields.
    pub comments: Vec<String>,
    /// Model or inference-profile id.
    pub model: String,
    /// The quota of tokens, as the language writes it: `2M`, `none`.
    pub tokens_per_minute: Option<String>,
    /// The quota of requests.
    pub requests_per_minute: Option<String>,
}

/// A workload to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct DraftWorkload {
    /// Its name.
    pub name: String,
    /// The name of its pool.
    pub pool: String,
    /// When requests arrive; not a trace.
    pub arrivals: Arrivals,
    /// What is said of the arrivals, beside them.
    pub arrivals_comment: String,
    /// Uncached input tokens.
    pub input_tokens: Distribution,
    /// Natural lengths of answers.
    pub output_tokens: Distribution,
    /// Input tokens read from the cache.
    pub cache_read_tokens: Distribution,
    /// Input tokens written to it.
    pub cache_write_tokens: Distribution,
    /// Rank correlation of input and output.
    pub correlation: f64,
    /// The output limit; `None` is unset.
    pub max_tokens: Option<u64>,
    /// What is said of the limit, beside it.
    pub max_tokens_comment: String,
    /// How long answers take; `None` is the model's default.
    pub latency: Option<Latency>,
    /// The client, as the language writes it.
    pub client: String,
}

impl Draft {
    /// The scenario as YAML.
    ///
    /// ```
    /// use quotasim::spec::draft::{Draft, DraftPool};
    /// let pool = DraftPool { name: "haiku".into(), model: "mine".into(), ..DraftPool::default() };
    /// let text = Draft { name: "small".into(), pools: vec![pool], ..Draft::default() }.yaml();
    /// assert!(text.starts_with("version: 1\nname: small\n"));
    /// ```
    pub fn yaml(&self) -> String {
        let mut text = String::new();
        for line in &self.head {
            comment(&mut text, "", line);
        }
        text += "version: 1\n";
        line(&mut text, 0, "name", &quoted(&self.name), "");
        text += "\npools:\n";
        self.pools.iter().for_each(|pool| pool.write(&mut text));
        text += "\nworkloads:\n";
        self.workloads.iter().for_each(|workload| workload.write(&mut text));
        text.push('\n');
        if let Some(start) = &self.start {
            line(&mut text, 0, "start", start, "");
        }
        if let Some(horizon) = self.horizon {
            line(&mut text, 0, "horizon", &span(horizon), "");
        }
        if let Some(warmup) = self.warmup {
            line(&mut text, 0, "warmup", &span(warmup), "");
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
        text
    }
}

impl DraftPool {
    fn write(&self, text: &mut String) {
        let _ = writeln!(text, "  {}:", quoted(&self.name));
        for said in &self.comments {
            comment(text, "    ", said);
        }
        line(text, 4, "model", &quoted(&self.model), "");
        for (name, quota) in
            [("tokens_per_minute", &self.tokens_per_minute), ("requests_per_minute", &self.requests_per_minute)]
        {
            if let Some(quota) = quota {
                line(text, 4, name, quota, "");
            }
        }
    }
}

impl DraftWorkload {
    fn write(&self, text: &mut String) {
        let _ = writeln!(text, "  {}:", quoted(&self.name));
        line(text, 4, "pool", &quoted(&self.pool), "");
        if !self.arrivals_comment.is_empty() {
            comment(text, "    ", &self.arrivals_comment);
        }
        let _ = writeln!(text, "    arrivals:{}", arrivals(&self.arrivals));
        law(text, 4, "input_tokens", &self.input_tokens, &count);
        for (name, of) in
            [("cache_read_tokens", &self.cache_read_tokens), ("cache_write_tokens", &self.cache_write_tokens)]
        {
            if *of != Distribution::Constant(0.0) {
                law(text, 4, name, of, &count);
            }
        }
        law(text, 4, "output_tokens", &self.output_tokens, &count);
        if self.correlation != 0.0 {
            line(text, 4, "correlation", &number(self.correlation), "");
        }
        let limit = self.max_tokens.map_or_else(|| "unset".to_owned(), |limit| limit.to_string());
        line(text, 4, "max_tokens", &limit, &self.max_tokens_comment);
        match &self.latency {
            None => {}
            Some(Latency::Duration(duration)) => {
                text.push_str("    latency:\n");
                law(text, 6, "duration", duration, &seconds);
            }
            Some(Latency::Streaming { ttft, ttft_per_1k_input, output_tokens_per_second }) => {
                text.push_str("    latency:\n");
                law(text, 6, "ttft", ttft, &seconds);
                if *ttft_per_1k_input != Distribution::Constant(0.0) {
                    law(text, 6, "ttft_per_1k_input", ttft_per_1k_input, &seconds);
                }
                law(text, 6, "output_tokens_per_second", output_tokens_per_second, &number);
            }
        }
        line(text, 4, "client", &self.client, "");
    }
}

/// How wide comments are set.
const WIDTH: usize = 100;

fn comment(text: &mut String, indent: &str, said: &str) {
    if said.is_empty() {
        let _ = writeln!(text, "{indent}#");
        return;
    }
    // An item of a list goes on under its own text.
    let hanging = if said.starts_with("- ") { "  " } else { "" };
    let mut row = format!("{indent}#");
    for word in said.split_whitespace() {
        if row.chars().count() + 1 + word.chars().count() > WIDTH && row.len() > indent.len() + 1 {
            let _ = writeln!(text, "{row}");
            row = format!("{indent}#{hanging}");
        }
        row.push(' ');
        row.push_str(word);
    }
    let _ = writeln!(text, "{row}");
}

fn line(text: &mut String, indent: usize, name: &str, value: &str, said: &str) {
    let _ = match said {
        "" => writeln!(text, "{:indent$}{name}: {value}", ""),
        said => writeln!(text, "{:indent$}{name}: {value}  # {said}", ""),
    };
}

/// A field that is a distribution: on one line, or a line for each part of a mixture.
fn law(text: &mut String, indent: usize, name: &str, of: &Distribution, unit: &dyn Fn(f64) -> String) {
    match of {
        Distribution::Mixture(parts) => {
            let _ = writeln!(text, "{:indent$}{name}:", "");
            let _ = writeln!(text, "{:indent$}  mixture:", "");
            for (weight, part) in parts {
                let _ =
                    writeln!(text, "{:indent$}    - {{ weight: {}, of: {} }}", "", number(*weight), flow(part, unit));
            }
        }
        Distribution::Histogram(bins) if bins.len() > 3 => {
            let _ = writeln!(text, "{:indent$}{name}:", "");
            let _ = writeln!(text, "{:indent$}  histogram:", "");
            for bin in bins {
                let [from, to] = [bin.from, bin.to].map(unit);
                let _ =
                    writeln!(text, "{:indent$}    - {{ from: {from}, to: {to}, count: {} }}", "", number(bin.count));
            }
        }
        Distribution::Quantiles(points) => {
            let _ = writeln!(text, "{:indent$}{name}:", "");
            let _ = writeln!(text, "{:indent$}  quantiles:", "");
            for (share, value) in points {
                let _ = writeln!(text, "{:indent$}    {}%: {}", "", number(percent(*share)), unit(*value));
            }
        }
        other => line(text, indent, name, &flow(other, unit), ""),
    }
}

/// A share as a percentage, free of the noise of the multiplication.
fn percent(share: f64) -> f64 {
    libm::round(share * 1e8) / 1e6
}

/// The standard normal quantile at 95 %, as the language has it.
const Z95: f64 = 1.644854;

/// A distribution of plain numbers on one line, as the language writes it.
///
/// ```
/// use quotasim::model::Distribution;
/// use quotasim::spec::draft::written;
/// assert_eq!(written(&Distribution::Exponential { mean: 2.5 }), "{ exponential: { mean: 2.5 } }");
/// ```
pub fn written(of: &Distribution) -> String {
    flow(of, &number)
}

/// An arrival process on one line, as the language writes it.
pub fn written_arrivals(of: &Arrivals) -> String {
    arrivals(of).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A distribution on one line.
fn flow(of: &Distribution, unit: &dyn Fn(f64) -> String) -> String {
    match of {
        Distribution::Constant(x) => unit(*x),
        Distribution::Uniform { min, max } => format!("{{ uniform: {{ min: {}, max: {} }} }}", unit(*min), unit(*max)),
        Distribution::Exponential { mean } => format!("{{ exponential: {{ mean: {} }} }}", unit(*mean)),
        Distribution::Normal { mean, sd } => format!("{{ normal: {{ mean: {}, sd: {} }} }}", unit(*mean), unit(*sd)),
        Distribution::LogNormal { mu, sigma } => {
            let [median, p95] = [libm::exp(*mu), libm::exp(mu + Z95 * sigma)].map(six_digits).map(unit);
            format!("{{ lognormal: {{ median: {median}, p95: {p95} }} }}")
        }
        Distribution::Gamma { shape, scale } => {
            format!("{{ gamma: {{ shape: {}, scale: {} }} }}", number(*shape), unit(*scale))
        }
        Distribution::Weibull { shape, scale } => {
            format!("{{ weibull: {{ shape: {}, scale: {} }} }}", number(*shape), unit(*scale))
        }
        Distribution::Pareto { min, alpha, max } => {
            let max = max.map_or_else(String::new, |max| format!(", max: {}", unit(max)));
            format!("{{ pareto: {{ min: {}, alpha: {}{max} }} }}", unit(*min), number(*alpha))
        }
        Distribution::Zipf { n, exponent } => format!("{{ zipf: {{ n: {n}, exponent: {} }} }}", number(*exponent)),
        Distribution::Mixture(parts) => {
            let parts = parts.iter().map(|(w, part)| format!("{{ weight: {}, of: {} }}", number(*w), flow(part, unit)));
            format!("{{ mixture: [{}] }}", parts.collect::<Vec<_>>().join(", "))
        }
        Distribution::Quantiles(points) => {
            let points = points.iter().map(|(p, x)| format!("{}%: {}", number(percent(*p)), unit(*x)));
            format!("{{ quantiles: {{ {} }} }}", points.collect::<Vec<_>>().join(", "))
        }
        Distribution::Histogram(bins) => {
            let bins = bins.iter().map(|bin| {
                format!("{{ from: {}, to: {}, count: {} }}", unit(bin.from), unit(bin.to), number(bin.count))
            });
            format!("{{ histogram: [{}] }}", bins.collect::<Vec<_>>().join(", "))
        }
        Distribution::Column(values) => {
            // A column is its file; without one, its values are as many bins.
            let bins = values.iter().map(|x| format!("{{ from: {0}, to: {0}, count: 1 }}", unit(*x)));
            format!("{{ histogram: [{}] }}", bins.collect::<Vec<_>>().join(", "))
        }
    }
}

/// A parameter that went through a logarithm, in the digits that it had before.
fn six_digits(x: f64) -> f64 {
    format!("{x:.5e}").parse().expect("a number that was just written")
}

/// A number as short as it goes without loss, never with an exponent, which the language does not have.
fn number(x: f64) -> String {
    format!("{x}")
}

/// A count, its thousands apart as the language allows.
fn count(x: f64) -> String {
    if x < 10_000.0 || x.fract() != 0.0 || x >= 1e15 {
        return number(x);
    }
    format::count(x as u64).replace(',', "_")
}

fn seconds(x: f64) -> String {
    span(SimSpan::from_secs_f64(x))
}

fn span(span: SimSpan) -> String {
    format::duration(span).replace(' ', "")
}

fn rate(of: Rate) -> String {
    format::rate(of)
}

/// An arrival process, after `arrivals:`.
fn arrivals(of: &Arrivals) -> String {
    match of {
        Arrivals::Constant { rate: r } => format!(" {{ constant: {{ rate: {} }} }}", rate(*r)),
        Arrivals::Burst { at, count } => {
            format!(" {{ burst: {{ at: {}, count: {count} }} }}", span(SimSpan(at.0)))
        }
        Arrivals::Poisson { rate: r } => format!(" {{ poisson: {{ rate: {} }} }}", rate(*r)),
        Arrivals::Gamma { rate: r, cv } => format!(" {{ gamma: {{ rate: {}, cv: {} }} }}", rate(*r), number(*cv)),
        Arrivals::Weibull { rate: r, cv } => format!(" {{ weibull: {{ rate: {}, cv: {} }} }}", rate(*r), number(*cv)),
        Arrivals::OnOff { on_rate, off_rate, mean_on, mean_off } => format!(
            " {{ on_off: {{ on_rate: {}, off_rate: {}, mean_on: {}, mean_off: {} }} }}",
            rate(*on_rate),
            rate(*off_rate),
            span(*mean_on),
            span(*mean_off)
        ),
        Arrivals::Sinusoidal { rate: r, amplitude, period, phase } => format!(
            " {{ sinusoidal: {{ rate: {}, amplitude: {}%, period: {}, phase: {} }} }}",
            rate(*r),
            number(percent(amplitude.0)),
            span(*period),
            span(*phase)
        ),
        Arrivals::Piecewise { points, interpolation } => {
            let word = match interpolation {
                Interpolation::Linear => "linear",
                Interpolation::Step => "step",
            };
            let mut text = format!("\n      piecewise:\n        interpolation: {word}\n        points:\n");
            for (at, r) in points {
                let _ = writeln!(text, "          - [{}, {}]", span(SimSpan(at.0)), rate(*r));
            }
            text.truncate(text.trim_end().len());
            text
        }
        Arrivals::ClosedLoop { workers, think_time } => {
            let mut text = format!("\n      closed_loop:\n        workers: {workers}\n");
            law(&mut text, 8, "think_time", think_time, &seconds);
            text.truncate(text.trim_end().len());
            text
        }
        Arrivals::Sessions(sessions) => {
            let mut text = format!("\n      sessions:\n        rate: {}\n", rate(sessions.rate));
            law(&mut text, 8, "turns", &sessions.turns, &count);
            law(&mut text, 8, "think_time", &sessions.think_time, &seconds);
            line(&mut text, 8, "cache_ttl", &span(sessions.cache_ttl), "");
            line(&mut text, 8, "on_failure", if sessions.continue_on_failure { "continue" } else { "end" }, "");
            text.truncate(text.trim_end().len());
            text
        }
        Arrivals::Cron { .. } | Arrivals::Trace(_) => {
            panic!("a schedule and a trace are known by their text and their file, which their meaning does not keep")
        }
    }
}

/// Text as one YAML scalar.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:+@".contains(c);
    let starts_well = text.starts_with(|c: char| c.is_ascii_alphabetic());
    let word = !matches!(text, "null" | "true" | "false" | "yes" | "no" | "on" | "off" | "Null" | "True" | "False");
    if !text.is_empty() && starts_well && word && !text.ends_with(':') && text.chars().all(plain) {
        return text.to_owned();
    }
    // JSON's quoting is YAML's.
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::arrivals::Sessions;
    use crate::model::distribution::Bin;
    use crate::spec::catalog::Catalog;
    use crate::spec::{NoFiles, read};
    use crate::units::SimTime;

    fn workload(name: &str, arrivals: Arrivals, input_tokens: Distribution) -> DraftWorkload {
        DraftWorkload {
            name: name.to_owned(),
            pool: "haiku".to_owned(),
            arrivals,
            arrivals_comment: "as often as it was seen".to_owned(),
            input_tokens,
            output_tokens: Distribution::Constant(5.0),
            cache_read_tokens: Distribution::Constant(0.0),
            cache_write_tokens: Distribution::Mixture(vec![
                (0.25, Distribution::Constant(0.0)),
                (0.75, lognormal(1_000.0, 20_000.0)),
            ]),
            correlation: -0.07,
            max_tokens: Some(4_096),
            max_tokens_comment: "260 would do".to_owned(),
            latency: Some(Latency::Streaming {
                ttft: lognormal(0.8, 1.9),
                ttft_per_1k_input: Distribution::Constant(0.039),
                output_tokens_per_second: Distribution::Gamma { shape: 9.5, scale: 12.25 },
            }),
            client: "boto3".to_owned(),
        }
    }

    fn lognormal(median: f64, p95: f64) -> Distribution {
        Distribution::LogNormal { mu: libm::log(median), sigma: libm::log(p95 / median) / Z95 }
    }

    /// What the text means.
    fn again(draft: &Draft) -> crate::model::Scenario {
        let text = draft.yaml();
        read(&text, "draft.yaml", &[], &NoFiles, Catalog::embedded()).unwrap_or_else(|e| panic!("{e}\n{text}")).scenario
    }

    fn draft(workloads: Vec<DraftWorkload>) -> Draft {
        let pool = DraftPool {
            name: "haiku".to_owned(),
            model: "us.anthropic.claude-haiku-4-5-20251001-v1:0".to_owned(),
            tokens_per_minute: Some("200k".to_owned()),
            requests_per_minute: Some("none".to_owned()),
            comments: vec!["what Service Quotas shows".to_owned()],
        };
        Draft {
            head: vec!["a draft".to_owned(), String::new(), "word ".repeat(60)],
            name: "draft".to_owned(),
            pools: vec![pool],
            workloads,
            start: Some("2026-03-02 09:00 UTC".to_owned()),
            horizon: Some(SimSpan::HOUR),
            warmup: Some(SimSpan(90_500_000_000)),
        }
    }

    fn rate(text: &str) -> Rate {
        crate::units::parse::rate(text).unwrap()
    }

    #[test]
    fn every_distribution_reads_back_as_it_was() {
        let laws = vec![
            Distribution::Constant(1_234_567.0),
            Distribution::Uniform { min: 2.5, max: 80_000.0 },
            Distribution::Exponential { mean: 12.345 },
            Distribution::Normal { mean: 100.0, sd: 7.5 },
            lognormal(420.0, 1_200.0),
            Distribution::Gamma { shape: 0.93, scale: 2_201.0 },
            Distribution::Weibull { shape: 0.000_123, scale: 0.5 },
            Distribution::Pareto { min: 3.0, alpha: 1.25, max: None },
            Distribution::Pareto { min: 3.0, alpha: 1.25, max: Some(90_000.0) },
            Distribution::Zipf { n: 1_000, exponent: 1.1 },
            Distribution::Mixture(vec![(0.3, lognormal(10.0, 20.0)), (0.7, Distribution::Constant(3.0))]),
            Distribution::Quantiles(vec![(0.0, 1.0), (0.005, 2.5), (0.999, 13.0), (1.0, 900.0)]),
            Distribution::Histogram(vec![
                Bin { from: 5.0, to: 5.0, count: 0.25 },
                Bin { from: 6.0, to: 7.0, count: 3.0 },
            ]),
            Distribution::Histogram((0..9).map(|i| Bin { from: f64::from(i), to: f64::from(i), count: 1.0 }).collect()),
        ];
        let poisson = Arrivals::Poisson { rate: rate("5/s") };
        let names: Vec<String> = (0..laws.len()).map(|i| format!("w{i}")).collect();
        let all = laws.iter().zip(&names).map(|(law, name)| workload(name, poisson.clone(), law.clone())).collect();
        let scenario = again(&draft(all));
        for (law, workload) in laws.iter().zip(&scenario.workloads) {
            assert_near(law, &workload.tokens.input);
        }
        let first = &scenario.workloads[0];
        assert_eq!((first.tokens.correlation, first.max_tokens.map(|limit| limit.0)), (-0.07, Some(4_096)));
        let Some(Latency::Streaming { ttft, ttft_per_1k_input, .. }) = &first.latency else { panic!("{first:?}") };
        assert_near(ttft, &lognormal(0.8, 1.9));
        assert_eq!(*ttft_per_1k_input, Distribution::Constant(0.039));
        assert_eq!((scenario.horizon, scenario.warmup), (SimTime(SimSpan::HOUR.0), SimTime(90_500_000_000)));
    }

    /// Equal, but for the last digits of a lognormal, which is written by its quantiles.
    fn assert_near(one: &Distribution, other: &Distribution) {
        match (one, other) {
            (Distribution::LogNormal { mu, sigma }, Distribution::LogNormal { mu: m, sigma: s }) => {
                assert!((mu - m).abs() < 1e-12 && (sigma - s).abs() < 1e-12, "{one:?} {other:?}");
            }
            (Distribution::Mixture(one), Distribution::Mixture(other)) => {
                assert_eq!(one.len(), other.len());
                for ((weight, part), (w, p)) in one.iter().zip(other) {
                    assert_eq!(weight, w);
                    assert_near(part, p);
                }
            }
            _ => assert_eq!(one, other),
        }
    }

    #[test]
    fn every_arrival_process_reads_back_as_it_was() {
        let seconds = |s: f64| SimSpan::from_secs_f64(s);
        let processes = vec![
            Arrivals::Constant { rate: rate("12.35/s") },
            Arrivals::Burst { at: SimTime(5_000_000_000), count: 60 },
            Arrivals::Gamma { rate: rate("30/min"), cv: 2.5 },
            Arrivals::Weibull { rate: rate("0.25/h"), cv: 13.2 },
            Arrivals::OnOff {
                on_rate: rate("7/s"),
                off_rate: rate("0/s"),
                mean_on: seconds(8.25),
                mean_off: seconds(90.5),
            },
            Arrivals::Sinusoidal {
                rate: rate("5/s"),
                amplitude: crate::units::Probability(0.8),
                period: SimSpan::DAY,
                phase: SimSpan::HOUR,
            },
            Arrivals::Piecewise {
                points: vec![(SimTime(0), rate("5/s")), (SimTime(SimSpan::HOUR.0), rate("1.5/min"))],
                interpolation: Interpolation::Step,
            },
            Arrivals::ClosedLoop { workers: 12, think_time: lognormal(3.0, 9.0) },
            Arrivals::Sessions(Sessions {
                rate: rate("20/h"),
                turns: Distribution::Weibull { shape: 0.8, scale: 40.0 },
                think_time: Distribution::Mixture(vec![(1.0, Distribution::Exponential { mean: 30.0 })]),
                cache_ttl: seconds(300.0),
                continue_on_failure: true,
            }),
        ];
        let names: Vec<String> = (0..processes.len()).map(|i| format!("w{i}")).collect();
        let law = Distribution::Constant(10.0);
        let all = processes.iter().zip(&names).map(|(process, name)| workload(name, process.clone(), law.clone()));
        let scenario = again(&draft(all.collect()));
        for (process, workload) in processes.iter().zip(&scenario.workloads) {
            match (process, &workload.arrivals) {
                (Arrivals::ClosedLoop { think_time, .. }, Arrivals::ClosedLoop { think_time: found, .. }) => {
                    assert_near(think_time, found);
                }
                (one, other) => assert_eq!(one, other),
            }
        }
    }

    #[test]
    fn names_are_quoted_where_yaml_would_misread_them() {
        assert_eq!(quoted("us.anthropic.claude:0"), "us.anthropic.claude:0");
        assert_eq!(quoted("no"), "\"no\"");
        assert_eq!(quoted("12"), "\"12\"");
        assert_eq!(quoted("it's \"x\""), "\"it's \\\"x\\\"\"");
        let mut odd =
            draft(vec![workload("a: b # c", Arrivals::Poisson { rate: rate("1/s") }, Distribution::Constant(1.0))]);
        odd.name = "off".to_owned();
        assert_eq!(again(&odd).workloads[0].name, "a: b # c");
        assert_eq!(again(&odd).name, "off");
    }
}
