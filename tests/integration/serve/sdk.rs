//! The AWS SDK for Rust, as applications use it, against the endpoint.

use super::endpoint::{Endpoint, HAIKU};
use aws_sdk_bedrockruntime::config::retry::{RetryConfig, RetryPartition};
use aws_sdk_bedrockruntime::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_bedrockruntime::error::ProvideErrorMetadata as _;
use aws_sdk_bedrockruntime::operation::converse::builders::ConverseFluentBuilder;
use aws_sdk_bedrockruntime::primitives::Blob;
use aws_sdk_bedrockruntime::types::{
    CachePointBlock, CachePointType, ContentBlock, ConversationRole, ConverseStreamMetrics, ConverseStreamOutput,
    ConverseTokensRequest, CountTokensInput, InferenceConfiguration, Message, ResponseStream, StopReason,
    SystemContentBlock, TokenUsage,
};
use aws_sdk_bedrockruntime::{Client, Config};
use std::time::Duration;
use tokio::time::Instant;

/// A pool for 3,000 tokens at once; an answer of 50 tokens takes 0.8 s.
const SMALL: &str = "
version: 1
pools:
  p: { model: us.anthropic.claude-haiku-4-5-20251001-v1:0, tokens_per_minute: 3k, requests_per_minute: none,
       latency: { ttft: 300ms, output_tokens_per_second: 100 } }
workloads:
  app: { pool: p, arrivals: { poisson: { rate: 5/s } }, input_tokens: 10, output_tokens: 50, max_tokens: 100 }
  other: { pool: p, arrivals: { poisson: { rate: 5/s } }, input_tokens: 10, output_tokens: 20, max_tokens: 100 }
";

/// A client with this access key. Retry quotas belong to partitions of the process: each test has its own.
fn client(endpoint: &Endpoint, key: &str, retries: RetryConfig) -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .endpoint_url(endpoint.url())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new(key, "quotasim", None, None, "test"))
        .retry_partition(RetryPartition::new(endpoint.address.clone()))
        .retry_config(retries);
    Client::from_conf(config.build())
}

fn message(text: &str) -> Message {
    let text = ContentBlock::Text(text.to_owned());
    Message::builder().role(ConversationRole::User).content(text).build().expect("complete")
}

fn converse(client: &Client, max_tokens: i32) -> ConverseFluentBuilder {
    let limit = InferenceConfiguration::builder().max_tokens(max_tokens).build();
    client.converse().model_id(HAIKU).messages(message(&"x".repeat(40))).inference_config(limit)
}

fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("threads").block_on(test);
}

#[test]
fn converse_is_answered_and_metered() {
    let endpoint = Endpoint::of(SMALL, &["--quiet"]);
    run(async {
        let output =
            converse(&client(&endpoint, "anybody", RetryConfig::disabled()), 100).send().await.expect("admitted");
        assert_eq!(output.stop_reason(), &StopReason::EndTurn);
        let usage = output.usage().expect("usage");
        assert_eq!((usage.input_tokens(), usage.output_tokens(), usage.total_tokens()), (10, 50, 60));
        assert_eq!((usage.cache_read_input_tokens(), usage.cache_write_input_tokens()), (Some(0), Some(0)));
        assert_eq!(output.metrics().expect("metrics").latency_ms(), 800);
        let other = converse(&client(&endpoint, "other", RetryConfig::disabled()), 10).send().await.expect("admitted");
        assert_eq!(other.stop_reason(), &StopReason::MaxTokens);
        assert_eq!(other.usage().expect("usage").output_tokens(), 10);
    });
    assert_eq!(endpoint.state()["workloads"]["other"]["attempts"], 1, "the access key is a workload's name");
}

#[test]
fn a_stream_keeps_its_pace() {
    let endpoint = Endpoint::of(SMALL, &["--quiet"]);
    run(async {
        let client = client(&endpoint, "app", RetryConfig::disabled());
        let limit = InferenceConfiguration::builder().max_tokens(100).build();
        let sent = Instant::now();
        let call = client.converse_stream().model_id(HAIKU).messages(message("hello")).inference_config(limit);
        let mut stream = call.send().await.expect("admitted").stream;
        let (mut text, mut pieces, mut kinds) = (String::new(), Vec::new(), Vec::new());
        while let Some(event) = stream.recv().await.expect("valid frames") {
            match event {
                ConverseStreamOutput::MessageStart(_) => kinds.push("start"),
                ConverseStreamOutput::ContentBlockDelta(delta) => {
                    text += delta.delta().and_then(|delta| delta.as_text().ok()).expect("text");
                    pieces.push(sent.elapsed());
                }
                ConverseStreamOutput::ContentBlockStop(_) => kinds.push("block"),
                ConverseStreamOutput::MessageStop(stop) => {
                    assert_eq!(stop.stop_reason(), &StopReason::EndTurn);
                    kinds.push("stop");
                }
                ConverseStreamOutput::Metadata(metadata) => {
                    assert_eq!(metadata.usage().map(TokenUsage::output_tokens), Some(50));
                    assert_eq!(metadata.metrics().map(ConverseStreamMetrics::latency_ms), Some(800));
                    kinds.push("metadata");
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(kinds, ["start", "block", "stop", "metadata"]);
        assert!(text.len() > 100 && pieces.len() >= 3, "{pieces:?}");
        // Nothing comes before its time; how much later is the machine's affair.
        assert!(pieces[0] >= Duration::from_millis(300), "{pieces:?}");
        assert!(*pieces.last().expect("pieces") >= Duration::from_millis(800), "{pieces:?}");
    });
}

#[test]
fn anthropic_bodies_go_both_ways() {
    let endpoint = Endpoint::of(SMALL, &["--quiet"]);
    run(async {
        let client = client(&endpoint, "app", RetryConfig::disabled());
        let body = serde_json::json!({
            "anthropic_version": "bedrock-2023-05-31",
            "max_tokens": 40,
            "messages": [{ "role": "user", "content": "hello" }],
        });
        let body = Blob::new(body.to_string());
        let output = client.invoke_model().model_id(HAIKU).body(body.clone()).send().await.expect("admitted");
        let answer: serde_json::Value = serde_json::from_slice(output.body().as_ref()).expect("JSON");
        assert_eq!((&answer["stop_reason"], &answer["usage"]["output_tokens"]), (&"max_tokens".into(), &40.into()));
        let call = client.invoke_model_with_response_stream().model_id(HAIKU).body(body);
        let mut stream = call.send().await.expect("admitted").body;
        let mut kinds = Vec::new();
        while let Some(ResponseStream::Chunk(chunk)) = stream.recv().await.expect("valid frames") {
            let event: serde_json::Value =
                serde_json::from_slice(chunk.bytes().expect("bytes").as_ref()).expect("JSON");
            kinds.push(event["type"].as_str().expect("a type").to_owned());
        }
        assert_eq!(
            (kinds.first().map(String::as_str), kinds.last().map(String::as_str)),
            (Some("message_start"), Some("message_stop"))
        );
    });
}

#[test]
fn errors_are_the_sdks_own_types() {
    let endpoint = Endpoint::of(SMALL, &["--quiet"]);
    run(async {
        let client = client(&endpoint, "app", RetryConfig::disabled());
        let throttled = converse(&client, 60_000).send().await.expect_err("it never fits").into_service_error();
        assert!(throttled.is_throttling_exception(), "{throttled:?}");
        assert_eq!(throttled.message(), Some("Too many tokens, please wait before trying again."));
        let invalid = converse(&client, 64_001).send().await.expect_err("too many").into_service_error();
        assert!(invalid.is_validation_exception(), "{invalid:?}");
        for (id, code) in [
            ("anthropic.claude-haiku-4-5-20251001-v1:0", "ValidationException"),
            ("us.anthropic.claude-opus-4-20250514-v1:0", "ResourceNotFoundException"),
            ("us.amazon.nova-pro-v1:0", "AccessDeniedException"),
        ] {
            let refused = converse(&client, 10).model_id(id).send().await.expect_err("refused").into_service_error();
            assert_eq!(refused.code(), Some(code), "{id}: {refused:?}");
        }
        let fault = |name: &'static str| {
            converse(&client, 10).customize().mutate_request(move |request| {
                request.headers_mut().insert("x-quotasim-fault", name);
            })
        };
        let error = async |name| fault(name).send().await.expect_err("a fault");
        assert!(error("model_not_ready").await.into_service_error().is_model_not_ready_exception());
        assert!(error("unavailable").await.into_service_error().is_service_unavailable_exception());
        assert!(error("model_timeout").await.into_service_error().is_model_timeout_exception());
        assert!(error("disconnect").await.as_service_error().is_none(), "the connection broke");
    });
}

#[test]
fn the_sdk_retries_one_request_in_several_attempts() {
    let endpoint = Endpoint::of(SMALL, &["--quiet"]);
    run(async {
        let client = client(&endpoint, "app", RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)));
        let error = converse(&client, 60_000).send().await.expect_err("it never fits");
        assert!(error.into_service_error().is_throttling_exception());
        let workload = &endpoint.state()["workloads"]["app"];
        assert_eq!(
            (&workload["requests"], &workload["attempts"], &workload["throttled"]),
            (&1.into(), &3.into(), &3.into())
        );
    });
}

#[test]
fn tokens_are_counted_and_prefixes_cached() {
    let endpoint = Endpoint::of(&SMALL.replace("3k", "100k"), &["--quiet"]);
    run(async {
        let client = client(&endpoint, "app", RetryConfig::disabled());
        let request = ConverseTokensRequest::builder().messages(message(&"x".repeat(400))).build();
        let counted = client.count_tokens().model_id(HAIKU).input(CountTokensInput::Converse(request)).send().await;
        assert_eq!(counted.expect("counted").input_tokens(), 100);
        let mut seen = Vec::new();
        for _ in 0..2 {
            let point = CachePointBlock::builder().r#type(CachePointType::Default).build().expect("complete");
            let call = converse(&client, 100)
                .system(SystemContentBlock::Text("x".repeat(8_000)))
                .system(SystemContentBlock::CachePoint(point));
            let output = call.send().await.expect("admitted");
            let usage = output.usage().expect("usage");
            seen.push((usage.input_tokens(), usage.cache_read_input_tokens(), usage.cache_write_input_tokens()));
        }
        assert_eq!(seen, [(10, Some(0), Some(2_000)), (10, Some(2_000), Some(0))]);
    });
}
