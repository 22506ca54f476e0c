//! The case for a quota increase as Markdown, to paste into AWS's form or a ticket.

use crate::analysis::increase::{Increase, PerMinute};
use crate::report::markdown::escape;
use crate::report::number::{DASH, count, percent};
use std::fmt::Write as _;

/// What a case says, in the order of AWS's form: title and value.
pub fn fields(increase: &Increase) -> Vec<(&'static str, String)> {
    let unknown = || "(fill in)".to_owned();
    let of_pool = increase.average_input_tokens.is_some();
    let mut fields = vec![
        ("Use case", increase.use_case.clone().unwrap_or_else(unknown)),
        ("Model", increase.model.clone().unwrap_or_else(unknown)),
        ("Model ID", increase.model_id.clone()),
        ("Region", increase.region.clone().unwrap_or_else(unknown)),
        ("Inference profile", increase.profile.clone()),
        ("Endpoint", increase.endpoint.clone()),
    ];
    for quota in &increase.quotas {
        let code = quota.code.as_ref().map_or_else(String::new, |code| format!(" ({code})"));
        fields.push(("Quota", format!("{}{code}", quota.name)));
        fields.push(("Current value", count(quota.current)));
        fields.push(("Desired value", count(quota.desired)));
    }
    if of_pool {
        fields.extend([
            ("Tokens per minute, steady (p50)", whole(increase.tokens_per_minute.p50)),
            ("Tokens per minute, peak (p90, max)", peak(increase.tokens_per_minute)),
            ("Requests per minute, steady (p50)", whole(increase.requests_per_minute.p50)),
            ("Requests per minute, peak (p90, max)", peak(increase.requests_per_minute)),
            ("Average input tokens per request", input(increase)),
            ("Average output tokens per request", whole(increase.average_output_tokens)),
            (
                "Requests with more than 25K input tokens",
                increase.share_above_25k_input.map_or_else(|| DASH.to_owned(), percent),
            ),
            ("Cross-Region inference acceptable", increase.cross_region.clone()),
        ]);
    }
    fields.push(("Growth", increase.growth.clone()));
    if of_pool {
        fields.push(("Monitoring", increase.monitoring.clone()));
        fields.push(("Retries", increase.retries.clone()));
    }
    fields
}

fn whole(value: Option<f64>) -> String {
    value.map_or_else(|| DASH.to_owned(), |value| count(libm::round(value) as u64))
}

fn peak(of: PerMinute) -> String {
    format!("{}, {}", whole(of.p90), whole(of.max))
}

fn input(increase: &Increase) -> String {
    let read = increase.average_cache_read_tokens.filter(|read| *read > 0.0);
    let cached =
        read.map_or_else(String::new, |read| format!(", of which {} are read from the cache", whole(Some(read))));
    format!("{}{cached}", whole(increase.average_input_tokens))
}

/// All cases as one document.
pub fn markdown(increases: &[Increase]) -> String {
    let mut text = String::new();
    for increase in increases {
        if !text.is_empty() {
            text += "\n";
        }
        let _ = writeln!(text, "## Quota increase: {}\n\n| | |\n|:--|:--|", escape(&increase.of));
        for (title, value) in fields(increase) {
            let _ = writeln!(text, "| {title} | {} |", escape(&value.replace('`', "")));
        }
        for note in &increase.notes {
            let _ = write!(text, "\n> {}\n", escape(&note.replace('`', "")));
        }
        text += "\n```sh\n";
        for quota in &increase.quotas {
            if quota.code.is_none() {
                text += "# The code is not in the catalogue; this finds it:\n";
            }
            text += &quota.command;
            text += "\n";
        }
        text += "```\n";
    }
    text
}
