//! An application meets its quota in `cargo test`: `quotasim serve` is a value that stops when it is dropped.

use aws_sdk_bedrockruntime::Client;
use aws_sdk_bedrockruntime::config::retry::RetryConfig;
use aws_sdk_bedrockruntime::config::{BehaviorVersion, Config, Credentials, Region};
use aws_sdk_bedrockruntime::types::{ContentBlock, ConversationRole, InferenceConfiguration, Message};
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

const MODEL: &str = "us.anthropic.claude-haiku-4-5-20251001-v1:0";

/// A local Bedrock with 100,000 tokens per minute, where a minute passes in three seconds.
struct Bedrock {
    server: Child,
    url: String,
}

impl Bedrock {
    fn start() -> Bedrock {
        let quotasim = std::env::var("QUOTASIM").unwrap_or("quotasim".to_owned());
        let mut server = Command::new(quotasim)
            .args(["serve", "--model", MODEL, "--tokens-per-minute", "100k", "--output-tokens", "1000"])
            .args(["--speed", "20x", "--port", "0", "--quiet"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("quotasim is on the path");
        let mut line = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let greeting: serde_json::Value = serde_json::from_str(&line).unwrap();
        Bedrock { server, url: greeting["url"].as_str().unwrap().to_owned() }
    }

    fn client(&self) -> Client {
        let config = Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .endpoint_url(&self.url)
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("quotasim", "quotasim", None, None, "test"))
            .retry_config(RetryConfig::disabled());
        Client::from_conf(config.build())
    }
}

impl Drop for Bedrock {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// The application under test: the length of an answer, or whether it was throttled.
async fn classify(client: Client, max_tokens: Option<i32>) -> Result<i32, bool> {
    let text = ContentBlock::Text("ticket".to_owned());
    let message = Message::builder().role(ConversationRole::User).content(text).build().unwrap();
    let limit = InferenceConfiguration::builder().set_max_tokens(max_tokens).build();
    match client.converse().model_id(MODEL).messages(message).inference_config(limit).send().await {
        Ok(answer) => Ok(answer.usage().unwrap().output_tokens()),
        Err(error) => Err(error.into_service_error().is_throttling_exception()),
    }
}

/// As many calls at once.
async fn at_once(calls: usize, max_tokens: Option<i32>) -> Vec<Result<i32, bool>> {
    let bedrock = Bedrock::start();
    let client = bedrock.client();
    let calls: tokio::task::JoinSet<_> = (0..calls).map(|_| classify(client.clone(), max_tokens)).collect();
    calls.join_all().await
}

#[tokio::test]
async fn ten_at_once_fit_with_a_small_limit() {
    assert!(at_once(10, Some(20)).await.into_iter().all(|answer| answer.is_ok_and(|tokens| tokens <= 20)));
}

#[tokio::test]
async fn without_a_limit_four_at_once_are_throttled() {
    // Each reserves the model's 64,000 tokens while it is answered.
    assert!(at_once(4, None).await.contains(&Err(true)));
}
