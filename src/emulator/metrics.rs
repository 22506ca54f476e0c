//! The counters in Prometheus's text form.
//!
//! *Source*: Prometheus, "Exposition formats", text format 0.0.4.

use super::counts::Counts;
use super::service::{PoolState, Service};
use crate::model::QuotaName;
use crate::units::SimTime;
use std::fmt::Write;

/// Labels of a sample: names and values.
type Labels<'a> = [(&'static str, &'a str)];
/// Reads a level of a pool, where it has one.
type Level = fn(&mut PoolState, SimTime) -> Option<f64>;

impl Service {
    /// Every counter and level, as a scrape wants them.
    pub(super) fn metrics(&mut self, now: SimTime) -> String {
        let mut page = Page::default();
        self.flow_metrics(&mut page);
        self.pool_metrics(now, &mut page);
        page.family("quotasim_requests_total", "counter", "Requests, each with all its attempts");
        for (place, workload) in self.scenario.workloads.iter().enumerate() {
            page.sample("", &[("workload", &workload.name)], self.requests.made(place) as f64);
        }
        page.family("quotasim_rejected_calls_total", "counter", "Calls refused before any quota was asked");
        for (error, &count) in &self.rejected {
            page.sample("", &[("error", error)], count as f64);
        }
        page.family("quotasim_time_seconds", "counter", "The endpoint's time since its start or last reset");
        page.sample("", &[], self.law_time(now).as_secs_f64());
        page.text
    }

    fn flow_metrics(&self, page: &mut Page) {
        let names = |workload: usize, pool: usize| {
            [self.scenario.workloads[workload].name.as_str(), self.pools[pool].model.name.as_str()]
        };
        let flows: Vec<_> =
            self.flows.iter().map(|(&(workload, pool), flow)| (names(workload, pool), &flow.counts)).collect();
        page.flows(&flows, "quotasim_attempts_total", "Ended attempts by outcome", "outcome", |counts| {
            counts.outcomes.iter().map(|(&outcome, &count)| (outcome, count)).collect()
        });
        page.flows(
            &flows,
            "quotasim_throttles_total",
            "Refusals with a 429 by the limit that refused",
            "limit",
            |counts| QuotaName::ALL.iter().map(|&limit| (limit.key(), counts.throttles[limit as usize])).collect(),
        );
        page.flows(&flows, "quotasim_tokens_total", "Tokens of ended responses", "kind", |counts| {
            let tokens = &counts.tokens;
            vec![
                ("input", tokens.input),
                ("cache_read", tokens.cache_read),
                ("cache_write", tokens.cache_write),
                ("output", tokens.output),
            ]
        });
        page.flows(&flows, "quotasim_quota_tokens_total", "Quota tokens by what became of them", "entry", |counts| {
            let ledger = &counts.ledger;
            vec![
                ("reserved", ledger.reserved),
                ("settled", ledger.settled),
                ("refunded", ledger.refunded),
                ("overdraft", ledger.overdraft),
            ]
        });
        page.family("quotasim_response_seconds", "summary", "Admission to last token, in the endpoint's time");
        for ([workload, pool], counts) in &flows {
            let labels = [("workload", *workload), ("pool", *pool)];
            page.sample("_sum", &labels, counts.latency.as_secs_f64());
            page.sample("_count", &labels, counts.responses as f64);
        }
    }

    fn pool_metrics(&mut self, now: SimTime, page: &mut Page) {
        let now = self.law_time(now);
        let gauges: [(&str, &str, Level); 5] = [
            ("quotasim_in_flight", "Open responses", |state, _| Some(state.in_flight as f64)),
            ("quotasim_reserved_tokens", "Quota tokens of open responses", |state, _| Some(state.reserved as f64)),
            ("quotasim_available_tokens", "What the tokens quota would admit at once", |state, now| {
                state.gate.available(now).map(|(level, _)| level as f64)
            }),
            ("quotasim_capacity_tokens", "The most that the tokens quota ever admits at once", |state, now| {
                state.gate.available(now).map(|(_, most)| most as f64)
            }),
            ("quotasim_available_requests", "What the requests quota would admit at once", |state, now| {
                state.gate.requests_available(now).map(|(level, _)| level as f64)
            }),
        ];
        for (name, help, read) in gauges {
            page.family(name, "gauge", help);
            for state in self.pools.iter_mut().filter(|state| Service::serves(&state.model)) {
                if let Some(value) = read(state, now) {
                    page.sample("", &[("pool", &state.model.name)], value);
                }
            }
        }
    }
}

/// A page of metrics in the making.
#[derive(Debug, Default)]
struct Page {
    text: String,
    /// The family whose samples follow.
    family: &'static str,
}

impl Page {
    fn family(&mut self, name: &'static str, kind: &str, help: &str) {
        self.family = name;
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, suffix: &str, labels: &Labels<'_>, value: f64) {
        let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.text, "{}{suffix}{labels} {value}", self.family);
    }

    /// A family of counters with a sample for each workload on each pool and each value of one more label.
    fn flows(
        &mut self,
        flows: &[([&str; 2], &Counts)],
        name: &'static str,
        help: &str,
        label: &'static str,
        read: fn(&Counts) -> Vec<(&'static str, u64)>,
    ) {
        self.family(name, "counter", help);
        for ([workload, pool], counts) in flows {
            for (value, count) in read(counts) {
                self.sample("", &[("workload", workload), ("pool", pool), (label, value)], count as f64);
            }
        }
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped() {
        let mut page = Page::default();
        page.family("x_total", "counter", "What");
        page.sample("", &[("pool", "a\"b\\c\nd")], 3.0);
        assert_eq!(page.text, "# HELP x_total What\n# TYPE x_total counter\nx_total{pool=\"a\\\"b\\\\c\\nd\"} 3\n");
    }
}
