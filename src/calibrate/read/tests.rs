//! Records of every form that is read, each as its source writes it, and what becomes of broken ones.

use super::{By, Feed, Field, Options, Seen, invocation_log, usage};
use crate::calibrate::observation::{MaxTokens, Observation, Outcome, Source};
use crate::calibrate::reading::Reading;
use crate::model::QuotaName;
use crate::units::SimSpan;

/// What a reader makes of a text.
fn read(text: &str, with: impl Fn(&[u8], &mut Feed<'_>)) -> (Vec<Observation<'static>>, Reading) {
    let mut seen = Vec::new();
    let mut keep = |_, observation: &Observation<'_>| seen.push(owned(observation));
    let mut feed = Feed::new(0, "log", &mut keep);
    with(text.as_bytes(), &mut feed);
    let reading = feed.finish();
    (seen, reading)
}

fn owned(observation: &Observation<'_>) -> Observation<'static> {
    let Observation { at, ref source, outcome, tokens, max_tokens, ttft, latency, session, retry } = *observation;
    let source: Source<'static> = source.clone().into_owned();
    Observation { at, source, outcome, tokens, max_tokens, ttft, latency, session, retry }
}

fn logged(text: &str) -> (Vec<Observation<'static>>, Reading) {
    logged_by(text, "identity")
}

fn logged_by(text: &str, by: &str) -> (Vec<Observation<'static>>, Reading) {
    let options = Options { by: by.parse().unwrap(), ..Options::default() };
    read(text, |bytes, feed| invocation_log(bytes, &options, feed))
}

fn used(text: &str, options: &Options) -> (Vec<Observation<'static>>, Reading) {
    read(text, |bytes, feed| usage(bytes, options, &mut Seen::default(), feed).unwrap())
}

fn guessed(text: &str) -> (Vec<Observation<'static>>, Reading) {
    used(text, &Options { by: By::identity(), ..Options::default() })
}

/// A record of the log with these bodies.
fn record(operation: &str, input: &str, output: &str) -> String {
    format!(
        r#"{{"schemaType":"ModelInvocationLog","schemaVersion":"1.0","timestamp":"2026-10-01T12:34:56Z",
        "accountId":"111122223333","identity":{{"arn":"arn:aws:sts::111122223333:assumed-role/App/i-1"}},
        "region":"us-east-1","requestId":"r","operation":"{operation}","modelId":"us.anthropic.claude-sonnet-4-6",
        "requestMetadata":{{"tenant":"acme"}},"input":{input},"output":{output}}}"#
    )
    .replace('\n', "")
}

const CONVERSE_INPUT: &str = r#"{"inputContentType":"application/json","inputBodyJson":{"messages":[{"role":"user",
    "content":[{"text":"a secret"}]}],"inferenceConfig":{"maxTokens":4096}},"inputTokenCount":30}"#;
const CONVERSE_OUTPUT: &str = r#"{"outputBodyJson":{"output":{"message":{"content":[{"text":"an answer"}]}},
    "stopReason":"end_turn","metrics":{"latencyMs":1275},"usage":{"inputTokens":30,"outputTokens":628,
    "totalTokens":658,"cacheReadInputTokens":100,"cacheWriteInputTokens":7}},"outputTokenCount":628}"#;

#[test]
fn converse_has_everything() {
    let (seen, reading) = logged(&record("Converse", CONVERSE_INPUT, CONVERSE_OUTPUT));
    let [one] = seen.as_slice() else { panic!("{reading:?}") };
    assert_eq!(one.source.model, "us.anthropic.claude-sonnet-4-6");
    assert_eq!((one.source.caller.as_ref(), one.source.region.as_ref()), ("App", "us-east-1"));
    assert_eq!(one.outcome, Outcome::Answered { cut: false });
    let tokens = one.tokens;
    assert_eq!((tokens.input, tokens.cache_read, tokens.cache_write, tokens.output), (Some(30), 100, 7, Some(628)));
    assert_eq!((one.max_tokens, one.latency), (MaxTokens::Set(4_096), Some(SimSpan(1_275_000_000))));
    assert_eq!(one.at.0, 1_790_858_096_000_000_000);
    assert_eq!((reading.records, reading.used), (1, 1));
}

#[test]
fn streams_end_with_their_usage() {
    let events = r#"{"outputBodyJson":[{"messageStart":{"role":"assistant"}},{"contentBlockDelta":{"delta":{"text":"x"}}},
        {"messageStop":{"stopReason":"max_tokens"}},
        {"metadata":{"usage":{"inputTokens":12,"outputTokens":256},"metrics":{"latencyMs":3000}}}]}"#;
    let (seen, _) = logged(&record("ConverseStream", r#"{"inputBodyJson":{"messages":[]}}"#, events));
    assert_eq!(seen[0].outcome, Outcome::Answered { cut: true });
    assert_eq!((seen[0].tokens.input, seen[0].tokens.output), (Some(12), Some(256)));
    assert_eq!(seen[0].max_tokens, MaxTokens::Unset);

    let events = r#"{"outputBodyJson":[{"type":"message_start","message":{"usage":{"input_tokens":50,
        "cache_read_input_tokens":9,"cache_creation_input_tokens":4,"output_tokens":1}}},
        {"type":"content_block_delta","delta":{"text":"x"}},{"type":"message_delta","delta":{"stop_reason":"end_turn"},
        "usage":{"output_tokens":80}},{"type":"message_stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":50,
        "outputTokenCount":80,"invocationLatency":2500,"firstByteLatency":700,"cacheReadInputTokenCount":9}}]}"#;
    let input = r#"{"inputBodyJson":{"anthropic_version":"bedrock-2023-05-31","max_tokens":1000,"messages":[]}}"#;
    let (seen, _) = logged(&record("InvokeModelWithResponseStream", input, events));
    let tokens = seen[0].tokens;
    assert_eq!((tokens.input, tokens.cache_read, tokens.cache_write, tokens.output), (Some(50), 9, 4, Some(80)));
    assert_eq!(seen[0].max_tokens, MaxTokens::Set(1_000));
    assert_eq!((seen[0].ttft, seen[0].latency), (Some(SimSpan(700_000_000)), Some(SimSpan(2_500_000_000))));
}

#[test]
fn every_vendors_body_is_understood() {
    let table = [
        (
            r#"{"max_tokens":300}"#,
            r#"{"usage":{"input_tokens":5,"output_tokens":6},"stop_reason":"max_tokens"}"#,
            300,
            true,
        ),
        (
            r#"{"max_gen_len":300}"#,
            r#"{"prompt_token_count":5,"generation_token_count":6,"stop_reason":"length"}"#,
            300,
            true,
        ),
        (
            r#"{"inferenceConfig":{"max_new_tokens":300}}"#,
            r#"{"usage":{"inputTokens":5,"outputTokens":6},"stopReason":"end_turn"}"#,
            300,
            false,
        ),
        (
            r#"{"textGenerationConfig":{"maxTokenCount":300}}"#,
            r#"{"inputTextTokenCount":5,"results":[{"tokenCount":6,"completionReason":"LENGTH"}]}"#,
            300,
            true,
        ),
        (
            r#"{"max_completion_tokens":300}"#,
            r#"{"usage":{"prompt_tokens":5,"completion_tokens":6},"choices":[{"finish_reason":"stop"}]}"#,
            300,
            false,
        ),
    ];
    for (request, response, limit, cut) in table {
        let input = format!(r#"{{"inputBodyJson":{request}}}"#);
        let output = format!(r#"{{"outputBodyJson":{response}}}"#);
        let (seen, reading) = logged(&record("InvokeModel", &input, &output));
        assert_eq!(seen.len(), 1, "{response}: {reading:?}");
        assert_eq!((seen[0].tokens.input, seen[0].tokens.output), (Some(5), Some(6)), "{response}");
        assert_eq!(
            (seen[0].max_tokens, seen[0].outcome),
            (MaxTokens::Set(limit), Outcome::Answered { cut }),
            "{response}"
        );
    }
}

#[test]
fn counts_serve_where_bodies_are_kept_elsewhere() {
    let input = r#"{"inputBodyS3Path":"s3://b/k","inputTokenCount":30100,"cacheWriteInputTokenCount":30000}"#;
    let output = r#"{"outputBodyS3Path":"s3://b/k","outputTokenCount":50}"#;
    let (seen, _) = logged(&record("Converse", input, output));
    let tokens = seen[0].tokens;
    assert_eq!((tokens.input, tokens.cache_write, tokens.output), (Some(100), 30_000, Some(50)));
    assert_eq!(seen[0].max_tokens, MaxTokens::Unknown);
}

#[test]
fn refusals_and_embeddings_are_told_apart() {
    let refused = record("Converse", CONVERSE_INPUT, "{}").replace(
        r#""requestId""#,
        r#""errorCode":"ThrottlingException","errorMessage":"Too many tokens, please wait","requestId""#,
    );
    let embedding = record("InvokeModel", r#"{"inputTokenCount":9}"#, r#"{"outputBodyJson":{"embedding":[0.5]}}"#);
    let (seen, reading) = logged(&format!("{refused}\n{embedding}\n"));
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].outcome, Outcome::Throttled(Some(QuotaName::TokensPerMinute)));
    assert_eq!(reading.broken(), 0, "an embedding is fine, but no answer: {reading:?}");
    assert_eq!(reading.unused.values().map(|unused| unused.count).sum::<u64>(), 1);
}

#[test]
fn cloudwatch_wraps_records_in_many_ways() {
    let one = record("Converse", CONVERSE_INPUT, CONVERSE_OUTPUT);
    let text = serde_json::Value::from(one.as_str()).to_string();
    let quoted = format!("\"{}\"", one.replace('"', "\"\""));
    let pretty =
        |value: &str| serde_json::to_string_pretty(&serde_json::from_str::<serde_json::Value>(value).unwrap()).unwrap();
    let events =
        format!(r#"{{"events":[{{"timestamp":1,"message":{text}}},{{"message":{text}}}],"searchedLogStreams":[]}}"#);
    let insights =
        format!(r#"{{"results":[[{{"field":"@timestamp","value":"x"}},{{"field":"@message","value":{text}}}]]}}"#);
    let batch = format!(r#"{{"messageType":"DATA_MESSAGE","logEvents":[{{"id":"1","message":{text}}}]}}"#);
    let table = [
        (format!("2026-10-01T12:34:56.000Z {one}\n"), 1),
        (events.clone(), 2),
        (pretty(&events), 2),
        (pretty(&insights), 1),
        (format!("{batch}{batch}\n{batch}"), 3),
        (format!("[{one},{one}]"), 2),
        (pretty(&one), 1),
        (format!("{}\n{}", pretty(&one), pretty(&one)), 2),
        (format!("\n{one}\r\n\n{one}"), 2),
        (format!("@timestamp,@message\n2026-10-01 12:34:56.000,{quoted}\n2026-10-01 12:34:57.000,{quoted}\n"), 2),
        (format!("\u{feff}\"timestamp\",\"message\"\r\n1790858096000,{quoted}\r\n"), 1),
    ];
    for (wrapped, expected) in table {
        let (seen, reading) = logged(&wrapped);
        assert_eq!((seen.len(), reading.broken()), (expected, 0), "{wrapped}\n{reading:?}");
        assert!(seen.iter().all(|one| one.tokens.output == Some(628)));
    }
}

#[test]
fn broken_records_are_counted_where_they_stand_and_not_repeated() {
    let one = record("Converse", CONVERSE_INPUT, CONVERSE_OUTPUT);
    let no_time = one.replace("2026-10-01T12:34:56Z", "yesterday");
    let text = format!("{one}\nnot json, with a secret\n{}\n{no_time}\n{{\"a\":1}}\n{one}\n", &one[..200]);
    let (seen, reading) = logged(&text);
    assert_eq!((seen.len(), reading.records, reading.broken()), (2, 6, 4));
    let places: Vec<u64> = reading.unused.values().flat_map(|unused| unused.first.iter().map(|at| at.line)).collect();
    assert_eq!(
        {
            let mut sorted = places;
            sorted.sort_unstable();
            sorted
        },
        [2, 3, 4, 5]
    );
    let said = format!("{reading:?}");
    assert!(!said.contains("secret") && !said.contains("yesterday"), "{said}");
    // A document that breaks off keeps what came before.
    let whole = format!("[{one},\n{one},\n{}", &one[..100]);
    let (seen, reading) = logged(&whole);
    assert_eq!((seen.len(), reading.broken()), (2, 1), "{reading:?}");
}

#[test]
fn callers_are_divided_as_asked() {
    let one = record("Converse", CONVERSE_INPUT, CONVERSE_OUTPUT);
    for (by, expected) in [
        ("identity", "App"),
        ("metadata:tenant", "acme"),
        ("metadata:missing", ""),
        ("none", ""),
        ("identity,operation,max-tokens", "App Converse max 4096"),
    ] {
        assert_eq!(logged_by(&one, by).0[0].source.caller, expected, "{by}");
    }
}

#[test]
fn a_timestamp_may_be_the_end() {
    let options = Options { timestamps_at_end: true, ..Options::default() };
    let one = record("Converse", CONVERSE_INPUT, CONVERSE_OUTPUT);
    let (seen, _) = read(&one, |bytes, feed| invocation_log(bytes, &options, feed));
    assert_eq!(seen[0].at.0, 1_790_858_096_000_000_000 - 1_275_000_000);
}

#[test]
fn public_traces_are_read_by_their_headers() {
    let azure =
        "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.9799600,4808,10\n2023-11-16 18:17:04,31,8\n";
    let (seen, reading) = guessed(azure);
    assert_eq!(seen.len(), 2);
    assert_eq!((seen[0].tokens.input, seen[0].tokens.output), (Some(4_808), Some(10)));
    assert_eq!(seen[1].at.0 - seen[0].at.0, 20_040_000);
    assert!(reading.columns.iter().all(|column| column.guessed));

    let mooncake = "{\"timestamp\": 27482, \"input_length\": 6955, \"output_length\": 52, \"hash_ids\": [46, 47]}\n\
                    {\"timestamp\": 30535, \"input_length\": 6472, \"output_length\": 26, \"hash_ids\": [46, 47]}\n";
    let (seen, reading) = guessed(mooncake);
    assert_eq!(seen[1].at.0 - seen[0].at.0, 3_053_000_000);
    assert_eq!(reading.columns[0].unit, Some("ms"));
    assert_eq!(seen[0].max_tokens, MaxTokens::Unknown);
}

#[test]
fn recordings_of_the_local_endpoint_are_read_whole() {
    let rows = r#"{"time":"2026-11-25T10:00:00.125Z","model":"us.amazon.nova-lite-v1:0","workload":"triage","operation":"Converse","outcome":"succeeded","limit":null,"status":200,"input_tokens":420,"output_tokens":5,"cache_read_tokens":0,"cache_write_tokens":0,"max_tokens":100,"reservation":520,"charge":425,"ttft_ms":210,"latency_ms":260,"stop_reason":"end_turn"}
{"time":"2026-11-25T10:00:00.5Z","model":"us.amazon.nova-lite-v1:0","workload":"triage","operation":"Converse","outcome":"throttled","limit":"tokens_per_minute","status":429,"input_tokens":420,"output_tokens":null,"cache_read_tokens":0,"cache_write_tokens":0,"max_tokens":100,"reservation":520,"charge":0,"ttft_ms":null,"latency_ms":null,"stop_reason":null}
"#;
    let (seen, reading) = guessed(rows);
    assert_eq!((seen.len(), reading.broken()), (2, 0), "{reading:?}");
    assert_eq!(seen[0].ttft, Some(SimSpan(210_000_000)));
    assert_eq!(seen[0].max_tokens, MaxTokens::Set(100));
    assert_eq!(seen[1].outcome, Outcome::Throttled(Some(QuotaName::TokensPerMinute)));
    assert_eq!((seen[1].tokens.input, seen[1].tokens.output), (Some(420), None));
    assert_eq!(seen[0].source.caller, "triage");
}

#[test]
fn usage_of_an_application_log_is_found_in_its_depth() {
    let log = r#"{"ts":1767603600.5,"level":"info","request":{"modelId":"us.amazon.nova-lite-v1:0","inferenceConfig":{"maxTokens":512}},"response":{"usage":{"inputTokens":10,"outputTokens":20,"cacheReadInputTokens":30},"stopReason":"max_tokens","metrics":{"latencyMs":900}},"metadata":{"tenant":"acme"}}
{"ts":1767603601,"level":"info","message":"something else"}
"#;
    let options = Options { by: "metadata:tenant".parse().unwrap(), ..Options::default() };
    let (seen, reading) = used(log, &options);
    assert_eq!(seen.len(), 1);
    let one = &seen[0];
    assert_eq!((one.tokens.input, one.tokens.cache_read, one.tokens.output), (Some(10), 30, Some(20)));
    assert_eq!(one.outcome, Outcome::Answered { cut: true });
    assert_eq!((one.latency, one.source.caller.as_ref()), (Some(SimSpan(900_000_000)), "acme"));
    assert_eq!(one.at.0, 1_767_603_600_500_000_000);
    assert_eq!((reading.broken(), reading.records), (0, 2));
}

#[test]
fn spans_count_the_cached_part_which_is_taken_off() {
    let attribute = |name: &str, value: &str| format!(r#"{{"key":"{name}","value":{{"intValue":"{value}"}}}}"#);
    let attributes = [
        attribute("gen_ai.usage.input_tokens", "1000"),
        attribute("gen_ai.usage.cache_read.input_tokens", "900"),
        attribute("gen_ai.usage.output_tokens", "50"),
    ]
    .join(",");
    let export = format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"startTimeUnixNano":"1767603600000000000",
        "endTimeUnixNano":"1767603601500000000","attributes":[{attributes}]}}]}}]}}]}}"#
    )
    .replace('\n', "");
    let (seen, reading) = guessed(&format!("{export}\n{export}\n"));
    assert_eq!(seen.len(), 2, "{reading:?}");
    assert_eq!((seen[0].tokens.input, seen[0].tokens.cache_read), (Some(100), 900));
    assert_eq!(seen[0].latency, Some(SimSpan(1_500_000_000)));
    assert!(reading.input_includes_cache);
}

#[test]
fn answers_of_claude_code_are_counted_once() {
    let line = |kind: &str, second: u32, rest: &str| {
        format!(
            r#"{{"type":"{kind}","sessionId":"s1","timestamp":"2026-01-05T09:00:{second:02}.000Z","uuid":"u{second}"{rest}}}"#
        )
    };
    let message = |id: &str, output: u32| {
        format!(
            r#","requestId":"r","message":{{"id":"{id}","model":"claude-opus-4-5-20251101","stop_reason":"tool_use","content":[{{"text":"secret"}}],"usage":{{"input_tokens":3,"cache_creation_input_tokens":500,"cache_read_input_tokens":9000,"output_tokens":{output}}}}}"#
        )
    };
    let lines = [
        line("user", 0, r#","message":{"role":"user","content":"secret"}"#),
        line("assistant", 4, &message("m1", 1)),
        line("assistant", 5, &message("m1", 120)),
        line("user", 9, r#","message":{"role":"user","content":"result"}"#),
        line("assistant", 15, &message("m2", 60)),
        r#"{"type":"summary","summary":"secret","leafUuid":"x"}"#.to_owned(),
    ]
    .join("\n");
    let (seen, reading) = guessed(&lines);
    assert_eq!(seen.len(), 2, "{reading:?}");
    assert_eq!((seen[0].tokens.output, seen[0].latency), (Some(120), Some(SimSpan(5_000_000_000))));
    assert_eq!((seen[1].tokens.cache_read, seen[1].latency), (9_000, Some(SimSpan(6_000_000_000))));
    assert_eq!(seen[0].session, seen[1].session);
    assert_eq!(reading.broken(), 0);
    // A resumed session repeats its past.
    let mut shared = Seen::default();
    let mut count = 0;
    for name in ["a", "b"] {
        let mut sink = |_, _: &Observation<'_>| count += 1;
        let mut feed = Feed::new(0, name, &mut sink);
        usage(lines.as_bytes(), &Options::default(), &mut shared, &mut feed).unwrap();
    }
    assert_eq!(count, 2);
}

#[test]
fn attempts_of_a_simulation_are_taken_apart() {
    let rows = "replication,workload,request,attempt,time_ns,outcome,limit,reservation,charge\n\
                0,triage,0,1,1500,throttled,tokens_per_minute,142,0\n\
                0,triage,0,2,2500,succeeded,,142,67\n\
                1,triage,0,1,1600,succeeded,,142,67\n";
    let options = Options { max_tokens: Some(100), burndown: Some(5), by: By::identity(), ..Options::default() };
    let (seen, reading) = used(rows, &options);
    assert_eq!(seen.len(), 2, "{reading:?}");
    assert_eq!((seen[1].tokens.input, seen[1].tokens.output), (Some(42), Some(5)));
    assert!(!seen[0].retry && seen[1].retry);
    assert_eq!(seen[0].outcome, Outcome::Throttled(Some(QuotaName::TokensPerMinute)));
    assert_eq!(seen[0].at.0, 1_500);
    let error = read_error(rows, &Options::default());
    assert!(error.contains("--max-tokens"), "{error}");
}

fn read_error(text: &str, options: &Options) -> String {
    let mut sink = |_, _: &Observation<'_>| {};
    usage(text.as_bytes(), options, &mut Seen::default(), &mut Feed::new(0, "x", &mut sink)).unwrap_err()
}

#[test]
fn what_cannot_be_recognised_is_asked_for() {
    let error = read_error("when,in,out\n1,2,3\n", &Options::default());
    assert!(error.contains("time or input or output") && error.contains("`when`, `in`, `out`"), "{error}");
    let given = vec![(Field::Time, "nothing".to_owned())];
    let error = read_error("when,in,out\n1,2,3\n", &Options { columns: given, ..Options::default() });
    assert!(error.contains("`nothing`"), "{error}");
    assert!(read_error("", &Options::default()).contains("empty"));
    let named =
        vec![(Field::Time, "when".to_owned()), (Field::Input, "in".to_owned()), (Field::Output, "out".to_owned())];
    let (seen, reading) =
        used("when,in,out\n1,2,3\nx,2,3\n2,2.5,3\n3,,4\n", &Options { columns: named, ..Options::default() });
    assert_eq!((seen.len(), reading.broken()), (2, 2), "{reading:?}");
}

#[test]
fn no_text_makes_a_reader_panic() {
    let one = record("Converse", CONVERSE_INPUT, CONVERSE_OUTPUT);
    let texts = [
        "",
        "\n\n",
        "{",
        "[",
        "]",
        "[[[[",
        "\u{feff}",
        "a,b\n\"",
        "null",
        "{\"events\":7}",
        "[1,2,\"x\"]",
        "{}{}{}",
        "\0\0",
    ];
    for text in texts.into_iter().map(str::to_owned).chain((0..one.len()).step_by(7).map(|end| one[..end].to_owned())) {
        let _ = logged(&text);
        let mut sink = |_, _: &Observation<'_>| {};
        let _ = usage(text.as_bytes(), &Options::default(), &mut Seen::default(), &mut Feed::new(0, "x", &mut sink));
    }
}

/// A file whose compression breaks off behind this text.
fn broken_off(text: &'static str) -> impl std::io::BufRead {
    use std::io::{BufReader, Read};
    struct Breaks;
    impl Read for Breaks {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::UnexpectedEof.into())
        }
    }
    BufReader::new(text.as_bytes().chain(Breaks))
}

#[test]
fn a_file_that_breaks_off_is_read_up_to_there() {
    let options = Options { by: By::identity(), ..Options::default() };
    let table = "time,input,output\n2026-01-02T00:00:00Z,1,2\n2026-01-02T00:00:01Z,3,4\n";
    let lines = "{\"time\":1,\"input\":1,\"output\":2}\n{\"time\":2,\"input\":1,\"output\":2}\n";
    for text in [table, lines] {
        let (seen, reading) =
            read("", |_, feed| usage(broken_off(text), &options, &mut Seen::default(), feed).unwrap());
        assert_eq!(seen.len(), 2, "{text}");
        let reasons: Vec<&str> = reading.unused.keys().map(String::as_str).collect();
        assert_eq!(reasons, ["the file ends within a record or cannot be decompressed"], "{text}");
    }
}
