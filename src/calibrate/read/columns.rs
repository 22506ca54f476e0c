//! Which column holds what: as the user says, or guessed from the names that logs use.

use crate::calibrate::reading::Column;
use crate::units::SimSpan;

/// What a column may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// When the attempt was sent.
    Time,
    /// When its answer ended.
    End,
    /// Uncached prompt tokens.
    Input,
    /// Tokens of the answer.
    Output,
    /// Prompt tokens read from the cache.
    CacheRead,
    /// Prompt tokens written to the cache.
    CacheWrite,
    /// The output limit.
    MaxTokens,
    /// Time to the first token.
    Ttft,
    /// Time to the end of the answer.
    Latency,
    /// The model.
    Model,
    /// The Region.
    Region,
    /// The account.
    Account,
    /// The application or user that called.
    Caller,
    /// The operation.
    Operation,
    /// The conversation.
    Session,
    /// What became of the attempt.
    Outcome,
    /// The quota that refused it.
    Limit,
    /// Why the answer ended.
    StopReason,
    /// The request that the attempt is of.
    Request,
    /// Which attempt of its request it is, from 1.
    Attempt,
    /// Quota tokens reserved.
    Reservation,
    /// Quota tokens charged.
    Charge,
    /// The replication of a simulation.
    Replication,
}

impl Field {
    /// Every field with the name that options take, and the names that logs use; letters and digits only, as they are
    /// compared without the rest.
    ///
    /// *Source*: Bedrock's `usage` and CloudWatch metrics; Anthropic's and OpenAI's usage objects; OpenTelemetry's
    /// semantic conventions for GenAI (`gen_ai.usage.…`, 2026); the headers of the Azure (`ContextTokens`), Mooncake
    /// (`input_length`) and `BurstGPT` (`Request tokens`) traces; quotasim's own recordings.
    const NAMES: [(Field, &'static str, &'static [&'static str]); 23] = [
        (
            Field::Time,
            "time",
            &[
                "time",
                "timestamp",
                "ts",
                "t",
                "tsec",
                "tseconds",
                "ats",
                "atms",
                "timens",
                "starttime",
                "start",
                "starttimeunixnano",
                "createdat",
                "created",
                "createdtime",
                "requesttime",
                "arrivaltime",
                "arrivedat",
                "datetime",
                "date",
                "startedat",
                "eventtime",
                "trelative",
                "timesec",
                "times",
                "timems",
                "arrivaltimestamp",
            ],
        ),
        (Field::End, "end", &["endtime", "endtimeunixnano", "endedat", "finishedat", "completedat"]),
        (
            Field::Input,
            "input",
            &[
                "inputtokens",
                "inputtokencount",
                "prompttokens",
                "contexttokens",
                "inputlength",
                "inputlen",
                "requesttokens",
                "totalinputtokens",
                "promptlen",
                "tokensin",
                "numprefilltokens",
                "input",
                "usageinputtokens",
                "usageprompttokens",
                "promptlength",
            ],
        ),
        (
            Field::Output,
            "output",
            &[
                "outputtokens",
                "outputtokencount",
                "completiontokens",
                "generatedtokens",
                "outputlength",
                "outputlen",
                "responsetokens",
                "tokensout",
                "numdecodetokens",
                "output",
                "usageoutputtokens",
                "usagecompletiontokens",
            ],
        ),
        (
            Field::CacheRead,
            "cache-read",
            &[
                "cachereadtokens",
                "cachereadinputtokens",
                "cachereadinputtokencount",
                "cachedtokens",
                "cachedprefixtokens",
                "cachedinputtokens",
                "inputtokenscached",
                "prompttokensdetailscachedtokens",
                "inputtokensdetailscachedtokens",
                "usagecachereadinputtokens",
                "cacheread",
            ],
        ),
        (
            Field::CacheWrite,
            "cache-write",
            &[
                "cachewritetokens",
                "cachewriteinputtokens",
                "cachewriteinputtokencount",
                "cachecreationinputtokens",
                "cachecreationtokens",
                "inputtokenscachewrite",
                "usagecachecreationinputtokens",
                "cachewrite",
            ],
        ),
        (
            Field::MaxTokens,
            "max-tokens",
            &["maxtokens", "maxoutputtokens", "maxcompletiontokens", "requestmaxtokens", "inferenceconfigmaxtokens"],
        ),
        (
            Field::Ttft,
            "ttft",
            &[
                "ttft",
                "ttftms",
                "ttfts",
                "timetofirsttoken",
                "timetofirsttokenms",
                "timetofirsttokens",
                "firstbytelatency",
                "firsttokenlatency",
                "timetofirsttokenseconds",
                "timetofirstbytems",
            ],
        ),
        (
            Field::Latency,
            "latency",
            &[
                "latency",
                "latencyms",
                "latencys",
                "duration",
                "durationms",
                "durations",
                "apitime",
                "apitimes",
                "apitimems",
                "invocationlatency",
                "elapsed",
                "elapsedms",
                "elapseds",
                "responsetime",
                "responsetimems",
                "elapsedtime",
                "durationseconds",
                "latencyseconds",
            ],
        ),
        (Field::Model, "model", &["model", "modelid", "modelname", "requestmodel", "responsemodel"]),
        (Field::Region, "region", &["region", "awsregion", "cloudregion"]),
        (Field::Account, "account", &["account", "accountid", "awsaccount", "cloudaccountid"]),
        (
            Field::Caller,
            "caller",
            &[
                "workload",
                "caller",
                "app",
                "application",
                "service",
                "servicename",
                "tenant",
                "team",
                "client",
                "feature",
                "usecase",
            ],
        ),
        (Field::Operation, "operation", &["operation", "operationname", "api"]),
        (
            Field::Session,
            "session",
            &["session", "sessionid", "conversation", "conversationid", "conv", "chatid", "threadid"],
        ),
        (
            Field::Outcome,
            "outcome",
            &["outcome", "status", "statuscode", "httpstatus", "httpstatuscode", "errortype", "error", "errorcode"],
        ),
        (Field::Limit, "limit", &["limit"]),
        (
            Field::StopReason,
            "stop-reason",
            &["stopreason", "finishreason", "finishreasons", "responsefinishreasons", "stop"],
        ),
        (Field::Request, "request", &["request", "requestid"]),
        (Field::Attempt, "attempt", &["attempt", "attemptnumber"]),
        (Field::Reservation, "reservation", &["reservation"]),
        (Field::Charge, "charge", &["charge"]),
        (Field::Replication, "replication", &["replication"]),
    ];

    /// The name that options and reports use.
    pub fn name(self) -> &'static str {
        Field::NAMES.iter().find(|row| row.0 == self).map_or("", |row| row.1)
    }

    /// The field of such a name.
    pub fn of_name(name: &str) -> Option<Field> {
        Field::NAMES.iter().find(|row| row.1 == name.replace('_', "-")).map(|row| row.0)
    }

    /// The names of all fields, for a message.
    pub fn all_names() -> Vec<&'static str> {
        Field::NAMES.iter().map(|row| row.1).collect()
    }
}

/// Columns by what they hold, as the user names them.
pub type Fields = Vec<(Field, String)>;

/// The columns of one file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Columns {
    found: Vec<Found>,
}

/// A column that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    field: Field,
    /// Its place in the header.
    place: usize,
    name: String,
    guessed: bool,
    unit: Option<(SimSpan, &'static str)>,
}

impl Columns {
    /// Finds the columns among the names of a header. A name that the user gives must be there: `Err` is the one that
    /// is not.
    pub(super) fn find(header: &[String], given: &Fields) -> Result<Columns, String> {
        let mut columns = Columns::default();
        for (field, name) in given {
            let place = header.iter().position(|known| known == name).ok_or_else(|| name.clone())?;
            columns.found.push(Found { field: *field, place, name: name.clone(), guessed: false, unit: None });
        }
        // Of several columns that might be one field, the one whose name says most is it.
        let mut guesses: Vec<(usize, Field, usize)> = header
            .iter()
            .enumerate()
            .filter_map(|(place, name)| guess(name).map(|(field, said)| (said, field, place)))
            .collect();
        guesses.sort_by(|a, b| b.0.cmp(&a.0).then(a.2.cmp(&b.2)));
        for (_, field, place) in guesses {
            let taken = columns.found.iter().any(|found| found.field == field || found.place == place);
            if !taken {
                let name = header[place].clone();
                columns.found.push(Found { field, place, name, guessed: true, unit: None });
            }
        }
        columns.found.sort_by_key(|found| found.field);
        Ok(columns)
    }

    /// The place of a field's column.
    pub(super) fn place(&self, field: Field) -> Option<usize> {
        self.found.iter().find(|found| found.field == field).map(|found| found.place)
    }

    /// Whether there is such a column.
    pub(super) fn has(&self, field: Field) -> bool {
        self.place(field).is_some()
    }

    /// The name of a field's column.
    pub(super) fn name(&self, field: Field) -> Option<&str> {
        self.found.iter().find(|found| found.field == field).map(|found| found.name.as_str())
    }

    /// What one unit of a field's plain numbers is.
    pub(super) fn unit(&self, field: Field) -> Option<SimSpan> {
        self.found.iter().find(|found| found.field == field)?.unit.map(|unit| unit.0)
    }

    /// Settles the unit of a field's plain numbers.
    pub(super) fn set_unit(&mut self, field: Field, unit: (SimSpan, &'static str)) {
        if let Some(found) = self.found.iter_mut().find(|found| found.field == field) {
            found.unit = Some(unit);
        }
    }

    /// For the report: which column was taken for what.
    pub(super) fn report(&self) -> Vec<Column> {
        let column = |found: &Found| Column {
            field: found.field.name(),
            column: found.name.clone(),
            unit: found.unit.map(|unit| unit.1),
            guessed: found.guessed,
        };
        self.found.iter().map(column).collect()
    }
}

/// The field that a column's name suggests, and how many letters of the name say so.
fn guess(name: &str) -> Option<(Field, usize)> {
    let parts: Vec<String> = name.split(['.', '/']).map(letters).filter(|part| !part.is_empty()).collect();
    let endings = (0..parts.len()).map(|from| parts[from..].concat());
    let mut best: Option<(Field, usize)> = None;
    for ending in endings {
        for (field, _, names) in Field::NAMES {
            if names.contains(&ending.as_str()) && best.is_none_or(|(_, said)| ending.len() > said) {
                best = Some((field, ending.len()));
            }
        }
    }
    best
}

fn letters(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The unit that the end of a column's name tells.
pub(super) fn unit_of_name(name: &str) -> Option<(SimSpan, &'static str)> {
    let last = name.rsplit(['.', '/', ' ']).next().unwrap_or(name);
    let small = last.to_ascii_lowercase();
    let ends = |ends: &[&str]| ends.iter().any(|end| small.ends_with(end));
    if ends(&["nano", "nanos", "_ns", "nanoseconds"]) || last.ends_with("Ns") {
        Some((SimSpan(1), "ns"))
    } else if ends(&["_us", "micros", "microseconds"]) {
        Some((SimSpan(1_000), "us"))
    } else if ends(&["_ms", "millis", "milliseconds", "latency_ms"]) || last.ends_with("Ms") {
        Some((SimSpan::MILLISECOND, "ms"))
    } else if ends(&["_s", "_sec", "_secs", "seconds"]) {
        Some((SimSpan::SECOND, "s"))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(header: &[&str]) -> Vec<(&'static str, String)> {
        let header: Vec<String> = header.iter().map(|&name| name.to_owned()).collect();
        let columns = Columns::find(&header, &Vec::new()).unwrap();
        columns.report().into_iter().map(|column| (column.field, column.column)).collect()
    }

    fn named(pairs: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
        pairs.iter().map(|&(field, name)| (field, name.to_owned())).collect()
    }

    #[test]
    fn the_columns_of_public_traces_are_recognised() {
        assert_eq!(
            found(&["TIMESTAMP", "ContextTokens", "GeneratedTokens"]),
            named(&[("time", "TIMESTAMP"), ("input", "ContextTokens"), ("output", "GeneratedTokens")])
        );
        assert_eq!(
            found(&["timestamp", "input_length", "output_length", "hash_ids"]),
            named(&[("time", "timestamp"), ("input", "input_length"), ("output", "output_length")])
        );
        assert_eq!(
            found(&[
                "trace",
                "conv",
                "t_s",
                "model",
                "total_input_tokens",
                "cached_prefix_tokens",
                "output_tokens",
                "api_time",
                "think_time",
                "stop",
                "type"
            ]),
            named(&[
                ("time", "t_s"),
                ("input", "total_input_tokens"),
                ("output", "output_tokens"),
                ("cache-read", "cached_prefix_tokens"),
                ("latency", "api_time"),
                ("model", "model"),
                ("session", "conv"),
                ("stop-reason", "stop"),
            ])
        );
    }

    #[test]
    fn spans_and_usage_objects_are_recognised() {
        let spans = found(&[
            "startTimeUnixNano",
            "endTimeUnixNano",
            "gen_ai.usage.input_tokens",
            "gen_ai.usage.cache_read.input_tokens",
            "gen_ai.usage.output_tokens",
            "gen_ai.request.max_tokens",
            "gen_ai.response.finish_reasons",
            "gen_ai.request.model",
            "service.name",
            "error.type",
        ]);
        let expected = [
            ("time", "startTimeUnixNano"),
            ("end", "endTimeUnixNano"),
            ("input", "gen_ai.usage.input_tokens"),
            ("output", "gen_ai.usage.output_tokens"),
            ("cache-read", "gen_ai.usage.cache_read.input_tokens"),
            ("max-tokens", "gen_ai.request.max_tokens"),
            ("model", "gen_ai.request.model"),
            ("caller", "service.name"),
            ("outcome", "error.type"),
            ("stop-reason", "gen_ai.response.finish_reasons"),
        ];
        assert_eq!(spans, named(&expected));
        let log =
            found(&["ts", "response.usage.cacheReadInputTokens", "response.usage.inputTokens", "usage.outputTokens"]);
        assert!(log.contains(&("cache-read", "response.usage.cacheReadInputTokens".to_owned())), "{log:?}");
        assert!(log.contains(&("input", "response.usage.inputTokens".to_owned())), "{log:?}");
    }

    #[test]
    fn what_the_user_names_comes_first() {
        let header = ["when", "input_tokens", "n_in", "output_tokens"].map(str::to_owned);
        let given = vec![(Field::Time, "when".to_owned()), (Field::Input, "n_in".to_owned())];
        let columns = Columns::find(&header, &given).unwrap();
        assert_eq!(
            [Field::Time, Field::Input, Field::Output].map(|field| columns.place(field)),
            [Some(0), Some(2), Some(3)]
        );
        assert_eq!(Columns::find(&header, &vec![(Field::Time, "then".to_owned())]), Err("then".to_owned()));
    }

    #[test]
    fn every_field_has_a_name_for_options() {
        for name in Field::all_names() {
            assert_eq!(Field::of_name(name).map(Field::name), Some(name));
        }
        assert_eq!(Field::of_name("max_tokens"), Some(Field::MaxTokens));
        assert_eq!(Field::of_name("nonsense"), None);
    }

    #[test]
    fn names_tell_units() {
        let unit = |name| unit_of_name(name).map(|unit| unit.1);
        assert_eq!(
            ["latency_ms", "latencyMs", "t_s", "startTimeUnixNano", "duration", "metrics.latencyMs"].map(unit),
            [Some("ms"), Some("ms"), Some("s"), Some("ns"), None, Some("ms")]
        );
    }
}
