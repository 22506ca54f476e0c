//! What the bodies of Bedrock's operations say about tokens and times, whichever model's form they have.

use super::is_cut;
use super::lenient::{Number, Object, Text, nothing_else};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer};
use std::fmt;

/// A request body: only its output limit.
///
/// *Source*: Converse `inferenceConfig.maxTokens`; Claude `max_tokens`, formerly `max_tokens_to_sample`; Nova
/// `inferenceConfig.max_new_tokens`; Llama `max_gen_len`; Titan `textGenerationConfig.maxTokenCount`; OpenAI's form
/// `max_completion_tokens`; AI21 `maxTokens` (AWS user guide, inference parameters of each).
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(super) struct RequestBody {
    #[serde(default, rename = "inferenceConfig")]
    inference_config: Object<InferenceConfig>,
    #[serde(default)]
    max_tokens: Number,
    #[serde(default)]
    max_tokens_to_sample: Number,
    #[serde(default)]
    max_gen_len: Number,
    #[serde(default)]
    max_completion_tokens: Number,
    #[serde(default, rename = "maxTokens")]
    ai21: Number,
    #[serde(default, rename = "textGenerationConfig")]
    titan: Object<Titan>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
struct InferenceConfig {
    #[serde(default, rename = "maxTokens")]
    max_tokens: Number,
    #[serde(default)]
    max_new_tokens: Number,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
struct Titan {
    #[serde(default, rename = "maxTokenCount")]
    max_token_count: Number,
}

impl RequestBody {
    /// The output limit, where one is set.
    pub(super) fn max_tokens(&self) -> Option<u32> {
        let Object(config) = self.inference_config;
        [
            config.max_tokens,
            config.max_new_tokens,
            self.max_tokens,
            self.max_completion_tokens,
            self.max_tokens_to_sample,
            self.max_gen_len,
            self.ai21,
            self.titan.0.max_token_count,
        ]
        .into_iter()
        .find_map(Number::tokens)
        .filter(|&limit| limit > 0)
    }
}

/// A response body, or the events of a stream: usage, times, and whether the answer was cut.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct ResponseBody {
    pub(super) input: Number,
    pub(super) output: Number,
    pub(super) cache_read: Number,
    pub(super) cache_write: Number,
    pub(super) latency_ms: Number,
    pub(super) ttft_ms: Number,
    pub(super) cut: bool,
    /// Whether there was a body at all.
    pub(super) seen: bool,
}

impl ResponseBody {
    /// Later words about the same thing replace earlier ones: a stream counts output up.
    fn take(&mut self, usage: &Usage) {
        self.input = usage.input().or(self.input);
        self.output = usage.output().or(self.output);
        self.cache_read = usage.cache_read().or(self.cache_read);
        self.cache_write = usage.cache_write().or(self.cache_write);
    }

    fn fold(&mut self, piece: &Piece<'_>) {
        self.seen = true;
        for usage in [&piece.message.0.usage.0, &piece.metadata.0.usage.0, &piece.usage.0] {
            self.take(usage);
        }
        self.input = piece.prompt_token_count.or(piece.titan_input).or(self.input);
        self.output = piece.generation_token_count.or(piece.results.output).or(self.output);
        let metrics = piece.metadata.0.metrics.0;
        self.latency_ms = piece.metrics.0.latency_ms.or(metrics.latency_ms).or(self.latency_ms);
        self.ttft_ms = piece.metrics.0.first_byte_ms.or(metrics.first_byte_ms).or(self.ttft_ms);
        let invocation = &piece.invocation.0;
        self.take(&Usage {
            input_token_count: invocation.input_token_count,
            output_token_count: invocation.output_token_count,
            cache_read_count: invocation.cache_read,
            cache_write_count: invocation.cache_write,
            ..Usage::default()
        });
        self.latency_ms = invocation.latency.or(self.latency_ms);
        self.ttft_ms = invocation.first_byte.or(self.ttft_ms);
        let reasons = [&piece.stop_reason, &piece.snake_stop_reason, &piece.message_stop.0.stop_reason];
        self.cut |= reasons.into_iter().any(|reason| is_cut(&reason.0));
        self.cut |= is_cut(&piece.delta.0.stop_reason.0) || piece.choices.cut || piece.results.cut || piece.outputs.cut;
    }
}

impl<'de> Deserialize<'de> for ResponseBody {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Seen;
        impl<'de> Visitor<'de> for Seen {
            type Value = ResponseBody;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a response, or the events of a stream")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ResponseBody, A::Error> {
                let mut body = ResponseBody::default();
                body.fold(&Piece::deserialize(MapAccessDeserializer::new(map))?);
                Ok(body)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut events: A) -> Result<ResponseBody, A::Error> {
                let mut body = ResponseBody::default();
                while let Some(Object(piece)) = events.next_element::<Object<Piece<'de>>>()? {
                    body.fold(&piece);
                }
                Ok(body)
            }
            nothing_else! { ResponseBody::default(); bool number text null }
        }
        deserializer.deserialize_any(Seen)
    }
}

/// A response, or one event of a stream.
#[derive(Debug, Clone, Default, Deserialize)]
struct Piece<'a> {
    #[serde(default)]
    usage: Object<Usage>,
    #[serde(default)]
    metrics: Object<Metrics>,
    #[serde(default, borrow, rename = "stopReason")]
    stop_reason: Text<'a>,
    #[serde(default, borrow, rename = "stop_reason")]
    snake_stop_reason: Text<'a>,
    /// Converse's last event.
    #[serde(default)]
    metadata: Object<Metadata>,
    #[serde(default, borrow, rename = "messageStop")]
    message_stop: Object<MessageStop<'a>>,
    /// Claude's first event.
    #[serde(default)]
    message: Object<Message>,
    /// Claude's last but one.
    #[serde(default, borrow)]
    delta: Object<Delta<'a>>,
    #[serde(default, rename = "amazon-bedrock-invocationMetrics")]
    invocation: Object<InvocationMetrics>,
    /// Llama.
    #[serde(default)]
    prompt_token_count: Number,
    #[serde(default)]
    generation_token_count: Number,
    /// Titan.
    #[serde(default, rename = "inputTextTokenCount")]
    titan_input: Number,
    #[serde(default)]
    results: Endings,
    /// OpenAI's form, Mistral.
    #[serde(default)]
    choices: Endings,
    #[serde(default)]
    outputs: Endings,
}

/// Token counts under any of their names.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
struct Usage {
    #[serde(default, rename = "inputTokens")]
    input_tokens: Number,
    #[serde(default, rename = "outputTokens")]
    output_tokens: Number,
    #[serde(default, rename = "cacheReadInputTokens")]
    cache_read_input_tokens: Number,
    #[serde(default, rename = "cacheReadInputTokenCount")]
    cache_read_count: Number,
    #[serde(default, rename = "cacheWriteInputTokens")]
    cache_write_input_tokens: Number,
    #[serde(default, rename = "cacheWriteInputTokenCount")]
    cache_write_count: Number,
    #[serde(default, rename = "input_tokens")]
    snake_input: Number,
    #[serde(default, rename = "output_tokens")]
    snake_output: Number,
    #[serde(default, rename = "cache_read_input_tokens")]
    snake_cache_read: Number,
    #[serde(default, rename = "cache_creation_input_tokens")]
    snake_cache_write: Number,
    #[serde(default)]
    prompt_tokens: Number,
    #[serde(default)]
    completion_tokens: Number,
    #[serde(default, rename = "inputTokenCount")]
    input_token_count: Number,
    #[serde(default, rename = "outputTokenCount")]
    output_token_count: Number,
}

impl Usage {
    fn input(&self) -> Number {
        self.input_tokens.or(self.snake_input).or(self.prompt_tokens).or(self.input_token_count)
    }

    fn output(&self) -> Number {
        self.output_tokens.or(self.snake_output).or(self.completion_tokens).or(self.output_token_count)
    }

    fn cache_read(&self) -> Number {
        self.cache_read_input_tokens.or(self.snake_cache_read).or(self.cache_read_count)
    }

    fn cache_write(&self) -> Number {
        self.cache_write_input_tokens.or(self.snake_cache_write).or(self.cache_write_count)
    }
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
struct Metrics {
    #[serde(default, rename = "latencyMs")]
    latency_ms: Number,
    #[serde(default, rename = "timeToFirstByteMs")]
    first_byte_ms: Number,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
struct Metadata {
    #[serde(default)]
    usage: Object<Usage>,
    #[serde(default)]
    metrics: Object<Metrics>,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct MessageStop<'a> {
    #[serde(default, borrow, rename = "stopReason")]
    stop_reason: Text<'a>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
struct Message {
    #[serde(default)]
    usage: Object<Usage>,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Delta<'a> {
    #[serde(default, borrow)]
    stop_reason: Text<'a>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
struct InvocationMetrics {
    #[serde(default, rename = "inputTokenCount")]
    input_token_count: Number,
    #[serde(default, rename = "outputTokenCount")]
    output_token_count: Number,
    #[serde(default, rename = "invocationLatency")]
    latency: Number,
    #[serde(default, rename = "firstByteLatency")]
    first_byte: Number,
    #[serde(default, rename = "cacheReadInputTokenCount")]
    cache_read: Number,
    #[serde(default, rename = "cacheWriteInputTokenCount")]
    cache_write: Number,
}

/// A list of alternatives, each with how it ended and perhaps how long it is.
#[derive(Debug, Clone, Copy, Default)]
struct Endings {
    cut: bool,
    output: Number,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Ending<'a> {
    #[serde(default, borrow)]
    finish_reason: Text<'a>,
    #[serde(default, borrow)]
    stop_reason: Text<'a>,
    #[serde(default, borrow, rename = "completionReason")]
    completion_reason: Text<'a>,
    #[serde(default, rename = "tokenCount")]
    token_count: Number,
}

impl<'de> Deserialize<'de> for Endings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Seen;
        impl<'de> Visitor<'de> for Seen {
            type Value = Endings;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of alternatives")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Endings, A::Error> {
                let mut endings = Endings::default();
                while let Some(Object(one)) = list.next_element::<Object<Ending<'de>>>()? {
                    let reasons = [&one.finish_reason, &one.stop_reason, &one.completion_reason];
                    endings.cut |= reasons.into_iter().any(|reason| is_cut(&reason.0));
                    endings.output = one.token_count.or(endings.output);
                }
                Ok(endings)
            }
            nothing_else! { Endings::default(); bool number text null map }
        }
        deserializer.deserialize_any(Seen)
    }
}
