//! Bedrock's operations and errors on the wire.

use super::endpoint::{Endpoint, HAIKU, Reply, converse_body};
use aws_smithy_eventstream::frame::{DecodedFrame, MessageFrameDecoder};
use serde_json::{Value, json};

const SCENARIO: &str = "
version: 1
pools:
  haiku: { model: us.anthropic.claude-haiku-4-5-20251001-v1:0, tokens_per_minute: 100k, requests_per_minute: none,
           latency: { ttft: 20ms, output_tokens_per_second: 1000 } }
  nova: { model: amazon.nova-lite-v1:0, tokens_per_minute: 100k, requests_per_minute: 2, latency: { duration: 10ms } }
workloads:
  triage: { pool: haiku, arrivals: { poisson: { rate: 5/s } }, input_tokens: 10, output_tokens: 30, max_tokens: 100 }
  batch: { pool: nova, arrivals: { poisson: { rate: 5/s } }, input_tokens: 10, output_tokens: 7, max_tokens: 100 }
  night: { pool: haiku, arrivals: { poisson: { rate: 5/s } }, input_tokens: 10, output_tokens: 60, max_tokens: 100 }
";

/// `:` and `/` as SDKs write them in a path.
fn encoded(id: &str) -> String {
    id.replace(':', "%3A").replace('/', "%2F")
}

fn post(endpoint: &Endpoint, id: &str, operation: &str, headers: &[(&str, &str)], body: &str) -> Reply {
    endpoint.send("POST", &format!("/model/{id}/{operation}"), headers, body)
}

/// The events of a stream: their kinds and payloads.
fn events(reply: &Reply) -> Vec<(String, Value)> {
    assert_eq!(reply.header("content-type"), Some("application/vnd.amazon.eventstream"));
    // The body is chunked: the sizes between the pieces go out first.
    let mut bytes = Vec::new();
    let mut rest = &reply.body[..];
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&rest[..end]).ok().and_then(|hex| usize::from_str_radix(hex, 16).ok());
        let size = size.expect("the size of a chunk");
        bytes.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 2 + size + 2..];
    }
    let mut decoder = MessageFrameDecoder::new();
    let mut buffer = &bytes[..];
    let mut events = Vec::new();
    while let DecodedFrame::Complete(message) = decoder.decode_frame(&mut buffer).expect("valid frames") {
        let header = |name: &str| {
            let found = message.headers().iter().find(|header| header.name().as_str() == name)?;
            Some(found.value().as_string().ok()?.as_str().to_owned())
        };
        let kind = header(":event-type").or_else(|| header(":exception-type")).expect("a kind");
        events.push((kind, serde_json::from_slice(message.payload()).expect("a JSON payload")));
    }
    assert!(buffer.is_empty(), "nothing follows the last frame");
    events
}

#[test]
fn converse_answers_with_usage_and_metrics() {
    let endpoint = Endpoint::of(SCENARIO, &["--quiet"]);
    let body = endpoint.converse(&[], 100).json();
    assert_eq!(body["stopReason"], "end_turn");
    assert_eq!(body["output"]["message"]["role"], "assistant");
    assert!(body["output"]["message"]["content"][0]["text"].as_str().is_some_and(|text| text.len() > 50));
    assert_eq!(
        body["usage"],
        json!({ "inputTokens": 10, "outputTokens": 30, "totalTokens": 40, "cacheReadInputTokens": 0, "cacheWriteInputTokens": 0 })
    );
    assert_eq!(body["metrics"]["latencyMs"], 50, "20 ms and 30 tokens at 1,000 a second");

    let cut =
        endpoint.converse(&[("x-quotasim-output-tokens", "5000"), ("x-quotasim-cache-write-tokens", "4")], 20).json();
    assert_eq!((&cut["stopReason"], &cut["usage"]["outputTokens"]), (&"max_tokens".into(), &20.into()));
    assert_eq!((&cut["usage"]["cacheWriteInputTokens"], &cut["usage"]["totalTokens"]), (&4.into(), &34.into()));
    assert_eq!(cut["usage"]["cacheDetails"], json!([{ "ttl": "5m", "inputTokens": 4 }]));
}

#[test]
fn ids_come_as_model_profile_or_arn_encoded_or_not() {
    let endpoint = Endpoint::of(SCENARIO, &["--quiet"]);
    let arn = format!("arn:aws:bedrock:us-east-1:111122223333:inference-profile/{HAIKU}");
    for id in [HAIKU.to_owned(), encoded(HAIKU), encoded(&arn), arn.clone(), arn.replace('/', "%2f")] {
        assert_eq!(post(&endpoint, &id, "converse", &[], &converse_body(50)).status, 200, "{id}");
    }
}

#[test]
fn converse_streams_events_in_frames() {
    let endpoint = Endpoint::of(SCENARIO, &["--quiet"]);
    let reply = post(
        &endpoint,
        &encoded(HAIKU),
        "converse-stream",
        &[("x-quotasim-output-tokens", "500")],
        &converse_body(400),
    );
    let events = events(&reply);
    let kinds: Vec<&str> = events.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds.first(), Some(&"messageStart"));
    assert_eq!(kinds[kinds.len() - 3..], ["contentBlockStop", "messageStop", "metadata"]);
    let deltas: Vec<&Value> =
        events.iter().filter(|(kind, _)| kind == "contentBlockDelta").map(|(_, payload)| payload).collect();
    assert!(deltas.len() > 3 && deltas.len() == events.len() - 4, "{kinds:?}");
    let streamed: String = deltas.iter().map(|delta| delta["delta"]["text"].as_str().expect("text")).collect();
    let headers = [("x-quotasim-output-tokens", "500")];
    let whole = post(&endpoint, HAIKU, "converse", &headers, &converse_body(400)).json();
    assert_eq!(streamed, whole["output"]["message"]["content"][0]["text"]);
    let (_, stop) = &events[events.len() - 2];
    let (_, metadata) = &events[events.len() - 1];
    assert_eq!(stop["stopReason"], "max_tokens");
    assert_eq!(metadata["usage"]["outputTokens"], 400);
    assert_eq!(metadata["metrics"]["latencyMs"], 420);
}

#[test]
fn anthropic_bodies_are_answered_in_kind() {
    let endpoint = Endpoint::of(SCENARIO, &["--quiet"]);
    let body = json!({
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 40,
        "messages": [{ "role": "user", "content": "x".repeat(40) }],
    })
    .to_string();
    let reply = post(&endpoint, &encoded(HAIKU), "invoke", &[], &body);
    assert_eq!(reply.header("X-Amzn-Bedrock-Output-Token-Count"), Some("30"));
    assert_eq!(reply.header("X-Amzn-Bedrock-Invocation-Latency"), Some("50"));
    let whole = reply.json();
    assert_eq!((&whole["type"], &whole["stop_reason"]), (&"message".into(), &"end_turn".into()));
    assert_eq!(
        whole["usage"],
        json!({
            "input_tokens": 10, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 30,
            "cache_creation": { "ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0 }
        })
    );

    let system = json!([
        { "type": "text", "text": "y".repeat(8_000), "cache_control": { "type": "ephemeral", "ttl": "1h" } }
    ]);
    let mut cached: Value = serde_json::from_str(&body).expect("JSON");
    cached["system"] = system;
    let usage = post(&endpoint, HAIKU, "invoke", &[], &cached.to_string()).json()["usage"].clone();
    assert_eq!((&usage["input_tokens"], &usage["cache_creation_input_tokens"]), (&10.into(), &2_000.into()));
    assert_eq!(usage["cache_creation"]["ephemeral_1h_input_tokens"], 2_000);

    let reply = post(&endpoint, &encoded(HAIKU), "invoke-with-response-stream", &[], &body);
    assert_eq!(reply.header("x-amzn-bedrock-content-type"), Some("application/json"));
    let events: Vec<Value> = events(&reply)
        .iter()
        .map(|(kind, payload)| {
            assert_eq!(kind, "chunk");
            let bytes = aws_smithy_types::base64::decode(payload["bytes"].as_str().expect("bytes")).expect("base64");
            serde_json::from_slice(&bytes).expect("JSON")
        })
        .collect();
    let kinds: Vec<&str> = events.iter().map(|event| event["type"].as_str().expect("a type")).collect();
    assert_eq!(kinds[..2], ["message_start", "content_block_start"]);
    assert_eq!(kinds[kinds.len() - 3..], ["content_block_stop", "message_delta", "message_stop"]);
    assert_eq!(events[kinds.len() - 2]["usage"]["output_tokens"], 30);
    let metrics = &events[kinds.len() - 1]["amazon-bedrock-invocationMetrics"];
    assert_eq!((&metrics["outputTokenCount"], &metrics["firstByteLatency"]), (&30.into(), &20.into()));
    let text: String = events.iter().filter_map(|event| event["delta"]["text"].as_str()).collect();
    assert_eq!(text, whole["content"][0]["text"]);
}

#[test]
fn tokens_are_counted_without_any_quota() {
    let endpoint = Endpoint::of(SCENARIO, &["--quiet"]);
    let converse: Value = serde_json::from_str(&converse_body(50)).expect("JSON");
    let body = json!({ "input": { "converse": { "messages": converse["messages"] } } }).to_string();
    assert_eq!(post(&endpoint, HAIKU, "count-tokens", &[], &body).json(), json!({ "inputTokens": 10 }));
    assert_eq!(endpoint.state()["pools"]["haiku"]["attempts"], 0);
}

#[test]
fn errors_are_bedrocks() {
    let endpoint = Endpoint::of(SCENARIO, &["--quiet"]);
    let error = |id: &str, body: &str| post(&endpoint, &encoded(id), "converse", &[], body).error();
    let body = converse_body(50);
    for (id, status, name, message) in [
        (
            "anthropic.claude-haiku-4-5-20251001-v1:0",
            400,
            "ValidationException",
            "Invocation of model ID anthropic.claude-haiku-4-5-20251001-v1:0 with on-demand throughput isn’t supported.",
        ),
        ("us.anthropic.claude-opus-4-20250514-v1:0", 404, "ResourceNotFoundException", "marked by provider as Legacy"),
        ("us.anthropic.claude-sonnet-4-6", 403, "AccessDeniedException", "You don't have access to the model"),
        ("no.such-model", 400, "ValidationException", "The provided model identifier is invalid."),
    ] {
        let (got_status, got_name, got_message) = error(id, &body);
        assert_eq!((got_status, got_name.as_str()), (status, name), "{id}");
        assert!(got_message.contains(message), "{got_message}");
    }
    let reply = post(&endpoint, "no.such-model", "converse", &[], &body);
    assert_eq!(reply.header("x-amzn-RequestId"), Some("00000000-0000-4000-8000-000000000005"), "the fifth call");
    for (body, message) in [
        (
            converse_body(64_001),
            "The maximum tokens you requested exceeds the model limit of 64000. Try again with a maximum tokens value \
             that is lower than 64000.",
        ),
        (converse_body(0), "Value '0' at 'inferenceConfig.maxTokens' failed to satisfy constraint"),
        ("{".to_owned(), "Malformed input request"),
        ("{}".to_owned(), "no messages"),
    ] {
        let (status, name, got) = error(HAIKU, &body);
        assert_eq!((status, name.as_str()), (400, "ValidationException"), "{body}");
        assert!(got.contains(message), "{got}");
    }
    let no_text = endpoint.send("POST", "/model/%ff/converse", &[], &body);
    assert_eq!((no_text.status, no_text.error().1.as_str()), (400, "ValidationException"));
    let reply = endpoint.converse(&[("x-quotasim-output-tokens", "many")], 50);
    assert!(reply.error().2.contains("x-quotasim-output-tokens is `many`"), "{reply:?}");
    assert_eq!(endpoint.send("POST", "/model/x/y/z", &[], "").error().1, "UnknownOperationException");
    assert_eq!(endpoint.send("GET", &format!("/model/{HAIKU}/converse"), &[], "").status, 404);
    assert_eq!(endpoint.state()["pools"]["haiku"]["attempts"], 0, "none of them asked a quota");
    assert_eq!(endpoint.state()["rejected"]["ValidationException"], 8);
}

#[test]
fn throttles_name_the_quota_that_refused() {
    let endpoint = Endpoint::of(SCENARIO, &["--quiet"]);
    let nova = |_: u64| post(&endpoint, "amazon.nova-lite-v1:0", "converse", &[], &converse_body(50));
    assert_eq!((0..2).map(nova).map(|reply| reply.status).collect::<Vec<_>>(), [200, 200]);
    let throttled = (429, "ThrottlingException".to_owned());
    let requests = nova(2).error();
    assert_eq!((requests.0, requests.1), throttled);
    assert_eq!(requests.2, "Too many requests, please wait before trying again.");
    // 60,010 of 100,000 are held while the answer streams; a second one does not fit beside it.
    let statuses: Vec<Reply> = std::thread::scope(|scope| {
        let call = || endpoint.converse(&[("x-quotasim-output-tokens", "1000")], 60_000);
        let calls: Vec<_> = (0..2).map(|_| scope.spawn(call)).collect();
        calls.into_iter().map(|call| call.join().expect("no panic")).collect()
    });
    let refused: Vec<&Reply> = statuses.iter().filter(|reply| reply.status == 429).collect();
    assert_eq!(refused.len(), 1, "{statuses:?}");
    assert_eq!(refused[0].error().2, "Too many tokens, please wait before trying again.");
    let state = endpoint.state();
    assert_eq!(state["pools"]["haiku"]["throttles_by_limit"]["tokens_per_minute"], 1);
    assert_eq!(state["pools"]["nova"]["throttles_by_limit"]["requests_per_minute"], 1);
    assert_eq!(state["workloads"]["batch"]["attempts"], 3);
}

#[test]
fn the_credential_chooses_the_workload() {
    let endpoint = Endpoint::of(SCENARIO, &["--quiet", "--credential", "AKIDNIGHT=night"]);
    let signed = |key: &str| {
        format!(
            "AWS4-HMAC-SHA256 Credential={key}/20261125/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature=00"
        )
    };
    for (authorization, output) in [
        (signed("anybody"), 30),
        (signed("night"), 60),
        (signed("AKIDNIGHT"), 60),
        ("Bearer night".to_owned(), 60),
        ("Bearer bedrock-api-key-abc".to_owned(), 30),
    ] {
        let body = endpoint.converse(&[("authorization", &authorization)], 100).json();
        assert_eq!(body["usage"]["outputTokens"], output, "{authorization}");
    }
    let state = endpoint.state();
    assert_eq!(
        (&state["workloads"]["triage"]["attempts"], &state["workloads"]["night"]["attempts"]),
        (&2.into(), &3.into())
    );
}

#[test]
fn faults_can_be_asked_for() {
    let endpoint = Endpoint::of(SCENARIO, &["--quiet"]);
    for (fault, status, name) in [
        ("too_many_requests", 429, "ThrottlingException"),
        ("too_many_tokens_per_day", 429, "ThrottlingException"),
        ("overloaded", 429, "ThrottlingException"),
        ("model_not_ready", 429, "ModelNotReadyException"),
        ("unavailable", 503, "ServiceUnavailableException"),
        ("internal", 500, "InternalServerException"),
        ("model_timeout", 408, "ModelTimeoutException"),
        ("model_error", 424, "ModelErrorException"),
        ("access_denied", 403, "AccessDeniedException"),
        ("stream_error", 424, "ModelErrorException"),
    ] {
        let error = endpoint.converse(&[("x-quotasim-fault", fault)], 50).error();
        assert_eq!((error.0, error.1.as_str()), (status, name), "{fault}");
    }
    let headers = [("x-quotasim-fault", "stream_error"), ("x-quotasim-output-tokens", "200")];
    let events = events(&post(&endpoint, HAIKU, "converse-stream", &headers, &converse_body(400)));
    let (kind, payload) = events.last().expect("events");
    assert_eq!(kind, "modelStreamErrorException");
    assert!(payload["message"].is_string() && events.iter().any(|(kind, _)| kind == "contentBlockDelta"));
}

#[test]
fn an_injected_disconnect_closes_the_connection() {
    use std::io::{Read as _, Write as _};
    let endpoint = Endpoint::of(SCENARIO, &["--quiet"]);
    for (operation, comes) in [("converse", false), ("converse-stream", true)] {
        let headers = [("x-quotasim-fault", "disconnect"), ("x-quotasim-output-tokens", "300")];
        let path = format!("/model/{HAIKU}/{operation}");
        let mut stream = endpoint.connect();
        let request = super::endpoint::request("POST", &path, &headers, &converse_body(400));
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut bytes = Vec::new();
        // A reset is as good as an end.
        let _ = stream.read_to_end(&mut bytes);
        assert_eq!(!bytes.is_empty(), comes, "{operation}: {}", String::from_utf8_lossy(&bytes));
        assert!(!bytes.ends_with(b"0\r\n\r\n"), "the stream does not end as if it were whole");
    }
}
