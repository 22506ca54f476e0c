//! The door from the file as written to cards that hold: collects every problem instead of stopping at the first.

use super::text::{BurndownText, CardText, FigureText, FileText, PriceText, ProfileText, QuotasText, SourceText};
use super::{Catalog, CatalogError, CatalogProblem};
use crate::model::Prices;
use crate::model::catalog::{
    Card, DatedBurndown, DefaultQuotas, Figure, LatencyDefault, PROFILE_PREFIXES, ProfileKind, Source, Status,
};
use crate::units::{BurndownRate, Tokens};
use std::collections::{BTreeMap, BTreeSet};

/// Lays a catalogue file over `base`.
pub(super) fn over(base: &Catalog, text: &str) -> Result<Catalog, CatalogError> {
    let file: FileText = serde_yaml::from_str(text).map_err(|error| syntax(&error))?;
    let cited = |(key, text): (&String, &SourceText)| {
        (key.clone(), Source { title: text.title.clone(), read: text.read.clone() })
    };
    let sources = file.sources.iter().map(cited).collect();
    let mut door = Door { sources, line: 0, id: String::new(), problems: Vec::new() };
    if file.version != 1 {
        door.problem(format!("version {} of the catalogue is not known: write `version: 1`", file.version));
    }
    let mut catalog = base.clone();
    if let Some(day) = file.compiled {
        door.day("compiled", &day);
        catalog.compiled = day;
    }
    if let Some(FigureText(figure)) = file.account_tokens_per_day {
        catalog.account_tokens_per_day = door.figure("account_tokens_per_day", figure);
    }
    let mut seen = BTreeSet::new();
    for model in file.models {
        door.line = model.id.defined.line();
        door.id.clone_from(&model.id.value);
        if !seen.insert(model.id.value.clone()) {
            door.problem("this model stands in the file twice".to_owned());
        }
        let known = catalog.cards.iter().position(|card| card.id == model.id.value);
        let before = known.map_or_else(|| Card::unknown(&model.id.value), |at| catalog.cards[at].clone());
        let card = door.card(before, model);
        match known {
            Some(at) => catalog.cards[at] = card,
            None => catalog.cards.push(card),
        }
    }
    if door.problems.is_empty() { Ok(catalog) } else { Err(CatalogError { problems: door.problems }) }
}

fn syntax(error: &serde_yaml::Error) -> CatalogError {
    // The message of the YAML reader already shows the line, the column and the text around them.
    CatalogError { problems: vec![CatalogProblem { line: 0, message: error.to_string() }] }
}

/// Checks one model after another and remembers what is wrong with each.
struct Door {
    sources: BTreeMap<String, Source>,
    line: u64,
    id: String,
    problems: Vec<CatalogProblem>,
}

impl Door {
    fn problem(&mut self, message: String) {
        let message = if self.id.is_empty() { message } else { format!("model `{}`: {message}", self.id) };
        self.problems.push(CatalogProblem { line: self.line, message });
    }

    fn card(&mut self, mut card: Card, text: CardText) -> Card {
        self.check_id();
        if let Some(name) = text.name {
            card.name = name;
        }
        if let Some(status) = text.status {
            card.status = self.status(status.0);
        }
        if let Some(profiles) = text.profiles {
            self.check_prefixes("profiles", &profiles);
            card.profiles = profiles;
        }
        card.in_region = text.in_region.unwrap_or(card.in_region);
        card.runtime = text.runtime.unwrap_or(card.runtime);
        for (key, field, given) in [
            ("context_window", &mut card.context_window, text.context_window),
            ("max_output", &mut card.max_output, text.max_output),
        ] {
            if let Some(tokens) = given {
                if tokens.0 == 0 || Tokens(tokens.0) > Tokens::REQUEST_MAX {
                    self.problem(format!(
                        "`{key}` is {}: it must lie between 1 and {}",
                        tokens.0,
                        Tokens::REQUEST_MAX.0
                    ));
                }
                *field = Some(Tokens(tokens.0));
            }
        }
        if let Some(rates) = text.burndown {
            card.burndown = self.burndown(rates);
        }
        for row in text.quotas {
            self.quotas(&mut card, row);
        }
        if let Some(mantle) = text.mantle {
            let input = mantle.input_tokens_per_minute.map(|f| self.figure("mantle.input_tokens_per_minute", f.0));
            let output = mantle.output_tokens_per_minute.map(|f| self.figure("mantle.output_tokens_per_minute", f.0));
            mantle_rows(&mut card, input.as_ref(), output.as_ref());
        }
        if let Some(FigureText(figure)) = text.historical_tokens_per_day {
            card.historical_tokens_per_day = self.figure("historical_tokens_per_day", figure);
        }
        for (kind, price) in [
            (ProfileKind::OnDemand, text.prices.on_demand),
            (ProfileKind::Geo, text.prices.geo),
            (ProfileKind::Global, text.prices.global),
        ] {
            if let Some(price) = price {
                self.price(&mut card, kind, &price);
            }
        }
        if let Some(latency) = text.latency {
            self.check_positive("latency.ttft", latency.ttft);
            self.check_positive("latency.output_tokens_per_second", latency.output_tokens_per_second);
            card.latency = Some(LatencyDefault {
                ttft_s: latency.ttft,
                output_tokens_per_second: latency.output_tokens_per_second,
            });
        }
        self.cite(&mut card, text.sources);
        if let Some(notes) = text.notes {
            card.notes = notes;
        }
        card
    }

    fn check_id(&mut self) {
        if self.id.is_empty() || self.id.chars().any(|c| c.is_whitespace() || c == '/') {
            self.problem("an `id` is a base model id such as `amazon.nova-lite-v1:0`".to_owned());
        }
        let prefix = self.id.split('.').next().unwrap_or_default();
        if ProfileKind::of_prefix(prefix).is_some() {
            self.problem(format!("an `id` is the base model id: leave out the profile prefix `{prefix}.`"));
        }
    }

    fn status(&mut self, status: Status) -> Status {
        match &status {
            Status::Legacy { end_of_life: Some(day) } => self.day("status.legacy", day),
            Status::Retired { since } => self.day("status.retired", since),
            Status::Active | Status::Legacy { end_of_life: None } => {}
        }
        status
    }

    fn burndown(&mut self, rates: Vec<BurndownText>) -> Vec<DatedBurndown> {
        let mut dated: Vec<DatedBurndown> = Vec::with_capacity(rates.len());
        for text in rates {
            if !(1..=1_000).contains(&text.rate) {
                self.problem(format!("a burndown rate of {}: it must lie between 1 and 1000", text.rate));
            }
            if !text.since.is_empty() {
                self.day("burndown.since", &text.since);
            }
            if dated.last().is_some_and(|last| last.since >= text.since) {
                self.problem(format!("burndown rates stand oldest first: `{}` comes too late", text.since));
            }
            let (since, rate) = (text.since, BurndownRate(text.rate));
            dated.push(DatedBurndown { since, rate, verified: text.verified });
        }
        dated
    }

    /// Lays one row of quotas over the row that the card has for the same profiles.
    fn quotas(&mut self, card: &mut Card, text: QuotasText) {
        let kind = match text.profile {
            ProfileText::OnDemand => ProfileKind::OnDemand,
            ProfileText::Geo => ProfileKind::Geo,
            ProfileText::Global => ProfileKind::Global,
        };
        self.check_prefixes("only", &text.only);
        let tokens = text.tokens_per_minute.map(|f| self.figure("tokens_per_minute", f.0));
        let requests = text.requests_per_minute.map(|f| self.figure("requests_per_minute", f.0));
        let row = quota_row(card, kind, text.only);
        row.tokens_per_minute = tokens.unwrap_or_else(|| row.tokens_per_minute.clone());
        row.requests_per_minute = requests.unwrap_or_else(|| row.requests_per_minute.clone());
    }

    fn price(&mut self, card: &mut Card, kind: ProfileKind, text: &PriceText) {
        let before = card.prices_for(kind);
        let mut pick = |key: &str, given: Option<f64>, kept: Option<f64>| {
            if let Some(usd) = given
                && !(usd.is_finite() && usd >= 0.0)
            {
                self.problem(format!("the {} price of `{key}` is {usd}: it must be 0 or more", kind.key()));
            }
            given.or(kept)
        };
        let prices = Prices {
            input: pick("input", text.input, before.input),
            output: pick("output", text.output, before.output),
            cache_read: pick("cache_read", text.cache_read, before.cache_read),
            cache_write: pick("cache_write", text.cache_write, before.cache_write),
        };
        match card.prices.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, kept)) => *kept = prices,
            None => card.prices.push((kind, prices)),
        }
    }

    /// Names where the card comes from; a card that cites nothing says that it comes from the user's file.
    fn cite(&mut self, card: &mut Card, keys: Option<Vec<String>>) {
        let Some(keys) = keys else {
            card.sources.push(Source { title: "catalogue file given by the user".to_owned(), read: String::new() });
            return;
        };
        card.sources.clear();
        for key in keys {
            match self.sources.get(&key) {
                Some(source) => card.sources.push(source.clone()),
                None => {
                    self.problem(format!("`sources` names `{key}`, which the file's `sources:` map does not define"));
                }
            }
        }
    }

    fn figure(&mut self, key: &str, figure: Figure) -> Figure {
        if let Figure::Limit { value, code } = &figure {
            if *value == 0 {
                self.problem(format!("`{key}` is 0: write `none` for no quota, leave it out if it is unknown"));
            }
            if let Some(code) = code.as_ref().filter(|code| !well_formed(code)) {
                self.problem(format!("`{code}` is no quota code: they look like `L-58BE175A`"));
            }
        }
        figure
    }

    fn check_prefixes(&mut self, key: &str, prefixes: &[String]) {
        for prefix in prefixes.iter().filter(|prefix| ProfileKind::of_prefix(prefix).is_none()) {
            let known: Vec<&str> = PROFILE_PREFIXES.iter().map(|(known, _)| *known).collect();
            self.problem(format!("`{key}` has `{prefix}`, which is no profile prefix: {}", known.join(", ")));
        }
    }

    fn check_positive(&mut self, key: &str, value: f64) {
        if !(value.is_finite() && value > 0.0) {
            self.problem(format!("`{key}` is {value}: it must be more than 0"));
        }
    }

    /// A day or a month; text that orders by time.
    fn day(&mut self, key: &str, day: &str) {
        let shaped = |pattern: &str| {
            day.len() == pattern.len()
                && day.bytes().zip(pattern.bytes()).all(|(b, p)| if p == b'-' { b == b'-' } else { b.is_ascii_digit() })
        };
        if !shaped("0000-00-00") && !shaped("0000-00") {
            self.problem(format!("`{key}` is `{day}`: write a day as `2026-09-22`"));
        }
    }
}

/// `L-` and eight hexadecimal capitals.
pub(super) fn well_formed(code: &str) -> bool {
    code.strip_prefix("L-").is_some_and(|digits| {
        digits.len() == 8 && digits.bytes().all(|b| b.is_ascii_digit() || (b'A'..=b'F').contains(&b))
    })
}

/// The card's row for these profiles, made if it has none.
fn quota_row(card: &mut Card, kind: ProfileKind, only: Vec<String>) -> &mut DefaultQuotas {
    let at = card.quotas.iter().position(|row| row.kind == kind && row.only == only).unwrap_or_else(|| {
        // The mantle endpoint does not know profiles: each row repeats what the card knows of it.
        let mantle = card.quotas.first().map_or((Figure::Unknown, Figure::Unknown), |row| {
            (row.mantle_input_tokens_per_minute.clone(), row.mantle_output_tokens_per_minute.clone())
        });
        card.quotas.push(DefaultQuotas {
            kind,
            only,
            tokens_per_minute: Figure::Unknown,
            requests_per_minute: Figure::Unknown,
            mantle_input_tokens_per_minute: mantle.0,
            mantle_output_tokens_per_minute: mantle.1,
        });
        card.quotas.len() - 1
    });
    &mut card.quotas[at]
}

/// Writes the quotas of the mantle endpoint into every row, and into a row for the bare id that mantle calls use.
fn mantle_rows(card: &mut Card, input: Option<&Figure>, output: Option<&Figure>) {
    quota_row(card, ProfileKind::OnDemand, Vec::new());
    for row in &mut card.quotas {
        if let Some(figure) = input {
            row.mantle_input_tokens_per_minute = figure.clone();
        }
        if let Some(figure) = output {
            row.mantle_output_tokens_per_minute = figure.clone();
        }
    }
}
