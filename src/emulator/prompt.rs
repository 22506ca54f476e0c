//! What a request body asks: how long its prompt is, where it may be cached, and how much it lets the model write.
//!
//! *Assumption*: a token per 4 bytes of text, 1,600 per image, as no tokenizer of Bedrock's models is public. The
//! header `x-quotasim-input-tokens` says better.

use super::error::BedrockError;
use crate::units::SimSpan;
use serde_json::Value;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Bytes of text per token (*assumption*).
const BYTES_PER_TOKEN: u64 = 4;
/// Tokens of an image or a video frame (*assumption*): Anthropic's vision guide of 2026 names about 1,600 for the
/// largest image that is not scaled down.
const IMAGE_TOKENS: u64 = 1_600;
/// How long a cached prefix lives unless its checkpoint says `1h`. *Source*: AWS user guide, `prompt-caching`.
const CACHE_TTL: SimSpan = SimSpan(5 * SimSpan::MINUTE.0);
/// What `"ttl": "1h"` means.
const LONG_CACHE_TTL: SimSpan = SimSpan::HOUR;
/// The most cache points of a request. *Source*: AWS user guide, `prompt-caching`.
const MOST_CHECKPOINTS: usize = 4;
/// Fields that name or describe and are no text of the prompt.
const STRUCTURE: [&str; 11] = [
    "type",
    "role",
    "format",
    "media_type",
    "status",
    "id",
    "toolUseId",
    "tool_use_id",
    "cachePoint",
    "cache_control",
    "signature",
];

/// A request body, as far as it matters here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Prompt {
    /// All its input tokens, cached or not.
    pub(super) tokens: u64,
    /// Where a prefix may be cached, from the front.
    pub(super) checkpoints: Vec<Checkpoint>,
    /// The output limit, where the caller sets one.
    pub(super) max_tokens: Option<u64>,
}

/// The end of a prefix that the caller wants cached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Checkpoint {
    /// Tokens up to here.
    pub(super) tokens: u64,
    /// Tells prefixes apart.
    pub(super) fingerprint: u64,
    /// How long it is kept after its last use.
    pub(super) ttl: SimSpan,
}

impl Prompt {
    /// Reads the body of Converse or `ConverseStream`.
    pub(super) fn of_converse(body: &Value) -> Result<Prompt, BedrockError> {
        let max_tokens = body.get("inferenceConfig").and_then(|config| config.get("maxTokens"));
        let prompt =
            Prompt { max_tokens: positive("inferenceConfig.maxTokens", max_tokens)?, ..measure_converse(body)? };
        Ok(prompt)
    }

    /// Reads a body in Anthropic's form, as `InvokeModel` takes it.
    pub(super) fn of_anthropic(body: &Value) -> Result<Prompt, BedrockError> {
        if !body.get("anthropic_version").is_some_and(Value::is_string) {
            return Err(BedrockError::malformed(
                "#: required key [anthropic_version] not found (quotasim answers InvokeModel for Anthropic bodies; for \
                 other models use Converse)",
            ));
        }
        let max_tokens = positive("max_tokens", body.get("max_tokens"))?;
        if max_tokens.is_none() {
            return Err(BedrockError::validation("max_tokens: Field required"));
        }
        Ok(Prompt { max_tokens, ..measure_anthropic(body)? })
    }

    /// How long the prefixes that it writes are cached, in the words of `usage`.
    pub(super) fn cache_ttl(&self) -> &'static str {
        match self.checkpoints.last() {
            Some(checkpoint) if checkpoint.ttl == LONG_CACHE_TTL => "1h",
            _ => "5m",
        }
    }

    /// Reads the body of `CountTokens`: one of the two forms, wrapped.
    pub(super) fn of_count_tokens(body: &Value) -> Result<Prompt, BedrockError> {
        let input = body.get("input").ok_or_else(|| BedrockError::malformed("#: required key [input] not found"))?;
        if let Some(converse) = input.get("converse") {
            return measure_converse(converse);
        }
        let wrapped = input.get("invokeModel").and_then(|invoke| invoke.get("body")).and_then(Value::as_str);
        let wrapped = wrapped
            .ok_or_else(|| BedrockError::malformed("#/input: required key [converse] or [invokeModel] not found"))?;
        let bytes = aws_smithy_types::base64::decode(wrapped)
            .map_err(|_| BedrockError::malformed("#/input/invokeModel/body: not base64"))?;
        measure_anthropic(&parse(&bytes)?)
    }
}

/// Reads a body as JSON.
pub(super) fn parse(bytes: &[u8]) -> Result<Value, BedrockError> {
    match serde_json::from_slice(bytes) {
        Ok(body @ Value::Object(_)) => Ok(body),
        Ok(_) => Err(BedrockError::malformed("#: expected type: JSONObject")),
        Err(error) => Err(BedrockError::malformed(&error.to_string())),
    }
}

/// A whole number of at least 1, where there is one.
fn positive(field: &str, value: Option<&Value>) -> Result<Option<u64>, BedrockError> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_u64() {
            Some(0) => Err(BedrockError::below_minimum(field, "0", 1)),
            Some(count) => Ok(Some(count)),
            None if value.as_i64().is_some() => Err(BedrockError::below_minimum(field, &value.to_string(), 1)),
            None => Err(BedrockError::malformed(&format!("#/{}: expected type: Integer", field.replace('.', "/")))),
        },
    }
}

fn measure_converse(body: &Value) -> Result<Prompt, BedrockError> {
    let mut ruler = Ruler::default();
    let tools = body.get("toolConfig").and_then(|config| config.get("tools"));
    ruler.blocks(tools.unwrap_or(&Value::Null));
    ruler.blocks(body.get("system").unwrap_or(&Value::Null));
    ruler.messages(body)?;
    ruler.prompt()
}

fn measure_anthropic(body: &Value) -> Result<Prompt, BedrockError> {
    let mut ruler = Ruler::default();
    ruler.blocks(body.get("tools").unwrap_or(&Value::Null));
    ruler.blocks(body.get("system").unwrap_or(&Value::Null));
    ruler.messages(body)?;
    ruler.prompt()
}

/// Measures a prompt from the front to the back: tools, system, messages, the order in which prefixes are cached.
#[derive(Debug, Default)]
struct Ruler {
    bytes: u64,
    hasher: DefaultHasher,
    checkpoints: Vec<Checkpoint>,
}

impl Ruler {
    fn messages(&mut self, body: &Value) -> Result<(), BedrockError> {
        let messages = body.get("messages").and_then(Value::as_array).filter(|messages| !messages.is_empty());
        let messages = messages.ok_or_else(|| {
            BedrockError::validation("The request has no messages: `messages` must hold at least one.")
        })?;
        for message in messages {
            message.get("role").and_then(Value::as_str).unwrap_or_default().hash(&mut self.hasher);
            self.blocks(message.get("content").unwrap_or(&Value::Null));
        }
        Ok(())
    }

    /// A text, or a list of blocks.
    fn blocks(&mut self, content: &Value) {
        match content {
            Value::Array(blocks) => blocks.iter().for_each(|block| self.block(block)),
            Value::Null => {}
            other => self.block(other),
        }
    }

    fn block(&mut self, block: &Value) {
        if let Some(point) = block.get("cachePoint") {
            self.checkpoint(point);
            return;
        }
        self.bytes += weight(block);
        block.to_string().hash(&mut self.hasher);
        if let Some(control) = block.get("cache_control").filter(|control| !control.is_null()) {
            self.checkpoint(control);
        }
    }

    fn checkpoint(&mut self, point: &Value) {
        let long = point.get("ttl").and_then(Value::as_str) == Some("1h");
        self.checkpoints.push(Checkpoint {
            tokens: self.tokens(),
            fingerprint: self.hasher.finish(),
            ttl: if long { LONG_CACHE_TTL } else { CACHE_TTL },
        });
    }

    fn tokens(&self) -> u64 {
        self.bytes.div_ceil(BYTES_PER_TOKEN)
    }

    fn prompt(self) -> Result<Prompt, BedrockError> {
        match self.checkpoints.len() {
            ..=MOST_CHECKPOINTS => {
                Ok(Prompt { tokens: self.tokens().max(1), checkpoints: self.checkpoints, max_tokens: None })
            }
            found => Err(BedrockError::too_many_cache_points(MOST_CHECKPOINTS, found)),
        }
    }
}

/// What a part of the prompt weighs, in bytes of text.
fn weight(value: &Value) -> u64 {
    match value {
        Value::String(text) => text.len() as u64,
        Value::Array(items) => items.iter().map(weight).sum(),
        Value::Object(fields) => {
            if matches!(fields.get("type").and_then(Value::as_str), Some("image")) {
                return IMAGE_TOKENS * BYTES_PER_TOKEN;
            }
            fields.iter().map(|(name, value)| field_weight(name, value)).sum()
        }
        Value::Number(number) => number.to_string().len() as u64,
        Value::Null | Value::Bool(_) => 0,
    }
}

fn field_weight(name: &str, value: &Value) -> u64 {
    match name {
        "image" | "video" => IMAGE_TOKENS * BYTES_PER_TOKEN,
        // Documents come in base64, three bytes to four letters.
        "bytes" | "data" => value.as_str().map_or(0, |text| text.len() as u64 * 3 / 4),
        name if STRUCTURE.contains(&name) => 0,
        _ => weight(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn text(bytes: usize) -> String {
        "x".repeat(bytes)
    }

    #[test]
    fn four_bytes_of_text_are_a_token_in_both_forms() {
        let converse = json!({
            "system": [{ "text": text(40) }],
            "messages": [{ "role": "user", "content": [{ "text": text(359) }] }],
            "inferenceConfig": { "maxTokens": 100 },
        });
        let prompt = Prompt::of_converse(&converse).expect("a good body");
        assert_eq!((prompt.tokens, prompt.max_tokens), (100, Some(100)), "399 bytes, rounded up");
        let anthropic = json!({
            "anthropic_version": "bedrock-2023-05-31",
            "max_tokens": 7,
            "system": text(40),
            "messages": [{ "role": "user", "content": text(359) }],
        });
        let prompt = Prompt::of_anthropic(&anthropic).expect("a good body");
        assert_eq!((prompt.tokens, prompt.max_tokens), (100, Some(7)));
    }

    #[test]
    fn images_and_documents_have_their_own_weight() {
        let prompt = |block: Value| {
            Prompt::of_converse(&json!({ "messages": [{ "role": "user", "content": [block] }] })).expect("good").tokens
        };
        assert_eq!(prompt(json!({ "image": { "format": "png", "source": { "bytes": text(90_000) } } })), 1_600);
        assert_eq!(
            prompt(json!({ "document": { "format": "pdf", "name": "abcd", "source": { "bytes": text(400) } } })),
            76
        );
        assert_eq!(prompt(json!({ "type": "image", "source": { "type": "base64", "data": text(90_000) } })), 1_600);
        assert_eq!(prompt(json!({ "toolResult": { "toolUseId": "x", "content": [{ "text": text(40) }] } })), 10);
    }

    #[test]
    fn checkpoints_see_the_prefix_and_nothing_behind_it() {
        let body = |system: &str, question: &str| {
            json!({
                "system": [{ "text": system }, { "cachePoint": { "type": "default" } }],
                "messages": [{ "role": "user", "content": [{ "text": question }] }],
            })
        };
        let read = |system: &str, question: &str| {
            Prompt::of_converse(&body(system, question)).expect("a good body").checkpoints
        };
        let one = read(&text(4_000), "what?");
        assert_eq!(one.len(), 1);
        assert_eq!((one[0].tokens, one[0].ttl), (1_000, CACHE_TTL));
        assert_eq!(one, read(&text(4_000), "why?"));
        assert_ne!(one[0].fingerprint, read(&text(3_999), "what?")[0].fingerprint);
        let anthropic = Prompt::of_anthropic(&json!({
            "anthropic_version": "bedrock-2023-05-31",
            "max_tokens": 7,
            "system": [{ "type": "text", "text": text(400), "cache_control": { "type": "ephemeral", "ttl": "1h" } }],
            "messages": [{ "role": "user", "content": "why?" }],
        }));
        let checkpoints = anthropic.expect("a good body").checkpoints;
        assert_eq!((checkpoints[0].tokens, checkpoints[0].ttl), (100, LONG_CACHE_TTL));
    }

    #[test]
    fn bad_bodies_are_refused_with_the_reason() {
        let says = |prompt: Result<Prompt, BedrockError>| prompt.expect_err("a bad body").message;
        assert!(says(Prompt::of_converse(&json!({ "messages": [] }))).contains("no messages"));
        let limit = |limit: Value| json!({ "messages": [{}], "inferenceConfig": { "maxTokens": limit } });
        assert!(says(Prompt::of_converse(&limit(json!(0)))).contains("Value '0' at 'inferenceConfig.maxTokens'"));
        assert!(says(Prompt::of_converse(&limit(json!(-3)))).contains("Value '-3'"));
        assert!(says(Prompt::of_converse(&limit(json!("8k")))).contains("expected type: Integer"));
        assert!(says(Prompt::of_anthropic(&json!({ "messages": [{}] }))).contains("anthropic_version"));
        let no_limit = json!({ "anthropic_version": "bedrock-2023-05-31", "messages": [{}] });
        assert_eq!(says(Prompt::of_anthropic(&no_limit)), "max_tokens: Field required");
        let points = vec![json!({ "cachePoint": { "type": "default" } }); 5];
        let five = json!({ "messages": [{ "role": "user", "content": points }] });
        assert_eq!(
            says(Prompt::of_converse(&five)),
            "A maximum of 4 blocks with cache_control may be provided. Found 5."
        );
        assert!(says(parse(b"{").map(|_| Prompt::default())).starts_with("Malformed input request: "));
        assert!(says(parse(b"[]").map(|_| Prompt::default())).contains("JSONObject"));
    }

    #[test]
    fn tokens_are_counted_in_both_wrappings() {
        let converse =
            json!({ "input": { "converse": { "messages": [{ "role": "user", "content": [{ "text": text(40) }] }] } } });
        assert_eq!(Prompt::of_count_tokens(&converse).expect("a good body").tokens, 10);
        let inner = json!({ "anthropic_version": "bedrock-2023-05-31", "max_tokens": 5, "messages": [{ "role": "user", "content": text(80) }] });
        let wrapped =
            json!({ "input": { "invokeModel": { "body": aws_smithy_types::base64::encode(inner.to_string()) } } });
        assert_eq!(Prompt::of_count_tokens(&wrapped).expect("a good body").tokens, 20);
        assert!(Prompt::of_count_tokens(&json!({ "input": {} })).is_err());
    }
}
