//! Sends a plan of Converse calls with the AWS SDK for Rust, each at its time.
//!
//! Says `ready` when it could start and starts when it reads a line. Then it says, as JSON, how its calls ended and how
//! late they were sent \[s\]. It is a process of its own because the SDK's retry quota and limiter are the process's.

use aws_sdk_bedrockruntime::Client;
use aws_sdk_bedrockruntime::config::retry::{RetryConfig, RetryPartition};
use aws_sdk_bedrockruntime::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_bedrockruntime::operation::converse::ConverseError;
use aws_sdk_bedrockruntime::types::{
    ContentBlock, ConversationRole, ConverseTokensRequest, CountTokensInput, InferenceConfiguration, Message,
};
use std::io::BufRead as _;
use std::time::Duration;
use tokio::time::Instant;

const MODEL: &str = "us.anthropic.claude-haiku-4-5-20251001-v1:0";

/// Runs as the client: `rust_client URL MODE PLAN.csv MAX_TOKENS`.
pub(crate) fn main(arguments: &[String]) {
    let [url, mode, plan, max_tokens] = arguments else { panic!("URL MODE PLAN.csv MAX_TOKENS, not {arguments:?}") };
    let retries = match mode.as_str() {
        "standard" => RetryConfig::standard(),
        "adaptive" => RetryConfig::adaptive(),
        other => panic!("the SDK has no mode {other}"),
    };
    let plan = read(plan);
    let max_tokens = max_tokens.parse().expect("a number of tokens");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("threads").block_on(async {
        // Opens the first connection; its success stays out of the retry quota and the limiter.
        let warm_up = client(url, RetryConfig::standard(), Some(RetryPartition::new("warm-up")));
        let input = CountTokensInput::Converse(ConverseTokensRequest::builder().messages(prompt()).build());
        warm_up.count_tokens().model_id(MODEL).input(input).send().await.expect("tokens are counted");
        println!("ready");
        std::io::stdin().lock().read_line(&mut String::new()).expect("a line");
        println!("{}", send(client(url, retries, None), plan, max_tokens).await);
    });
}

/// A client as applications make it, but for the address.
fn client(url: &str, retries: RetryConfig, partition: Option<RetryPartition>) -> Client {
    let mut config = aws_sdk_bedrockruntime::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .endpoint_url(url)
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("app", "quotasim", None, None, "test"))
        .retry_config(retries);
    config.set_retry_partition(partition);
    Client::from_conf(config.build())
}

fn prompt() -> Message {
    let text = ContentBlock::Text("What does the quota say?".to_owned());
    Message::builder().role(ConversationRole::User).content(text).build().expect("complete")
}

fn read(path: &str) -> Vec<(f64, String, String)> {
    let mut reader = csv::Reader::from_path(path).expect("a plan");
    let rows = reader.records().map(|row| row.expect("a row"));
    rows.map(|row| (row[0].parse().expect("a time"), row[1].to_owned(), row[2].to_owned())).collect()
}

async fn send(client: Client, plan: Vec<(f64, String, String)>, max_tokens: i32) -> serde_json::Value {
    let started = Instant::now();
    let mut calls = tokio::task::JoinSet::new();
    for (at, input, output) in plan {
        let planned = started + Duration::from_secs_f64(at);
        tokio::time::sleep_until(planned).await;
        let limit = InferenceConfiguration::builder().max_tokens(max_tokens).build();
        let call = client.converse().model_id(MODEL).messages(prompt()).inference_config(limit).customize();
        let call = call.mutate_request(move |request| {
            request.headers_mut().insert("x-quotasim-input-tokens", input.clone());
            request.headers_mut().insert("x-quotasim-output-tokens", output.clone());
        });
        calls.spawn(async move {
            let late = planned.elapsed().as_secs_f64();
            let outcome = call.send().await;
            if let Err(error) = &outcome {
                let throttled = error.as_service_error().is_some_and(ConverseError::is_throttling_exception);
                assert!(throttled, "{error:?}");
            }
            (outcome.is_ok(), late)
        });
    }
    let ended = calls.join_all().await;
    let succeeded = ended.iter().filter(|(succeeded, _)| *succeeded).count();
    let mut late: Vec<f64> = ended.iter().map(|(_, late)| *late).collect();
    late.sort_by(f64::total_cmp);
    serde_json::json!({ "succeeded": succeeded, "failed": ended.len() - succeeded, "late_s": late })
}
