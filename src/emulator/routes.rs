//! The operations of the Bedrock runtime over HTTP.
//!
//! *Source*: the Bedrock runtime service model 2023-09-30: `POST /model/{modelId}/converse` and its siblings, REST with
//! JSON bodies, the error's name in `x-amzn-ErrorType`.

use super::error::BedrockError;
use super::fault::Fault;
use super::listener::HangUp;
use super::operation::Operation;
use super::prompt::{self, Prompt};
use super::service::{Answer, Break, Call, Overrides, Service, Verdict};
use super::shared::Shared;
use super::stream::{self, Dialect};
use super::{anthropic, converse, credential};
use crate::units::Tokens;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

/// The largest body that is read. *Source*: `InvokeModel`'s `body`, at most 25,000,000 bytes.
const MOST_BYTES: usize = 25_000_000;
/// How long a caller may take to send its body, on the wall clock.
const BODY_TIMEOUT: Duration = Duration::from_mins(1);

/// `POST /model/{modelId}/{operation}`. The id may be an ARN, with its slash encoded or not.
pub(super) async fn operate(
    State(shared): State<Arc<Shared>>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    // A path that is no text.
    let Ok(Path(path)) = path else { return refusal(&BedrockError::invalid_model()) };
    let target = path.rsplit_once('/').and_then(|(model, last)| Some((model, Operation::of_path(last)?)));
    let Some((model, operation)) = target else { return unknown() };
    let call = shared.next_call();
    let (parts, body) = request.into_parts();
    let mut response = match answer(&shared, model, operation, &parts.headers, body).await {
        Ok(response) => response,
        Err(error) => {
            shared.with(|service, _| *service.rejected.entry(error.name).or_default() += 1);
            refusal(&error)
        }
    };
    // SDKs show it with answers and errors alike; it has the form of a UUID, and tells the number of the call.
    let id = format!("00000000-0000-4000-8000-{call:012x}");
    response.headers_mut().insert("x-amzn-requestid", HeaderValue::from_str(&id).expect("letters, digits and hyphens"));
    response
}

/// No operation of Bedrock's.
pub(super) fn unknown() -> Response {
    refusal(&BedrockError::unknown_operation())
}

/// Answers a call; an error is one that Bedrock gives before it asks any quota.
async fn answer(
    shared: &Arc<Shared>,
    model: &str,
    operation: Operation,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, BedrockError> {
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let credential = authorization.and_then(credential::of_header);
    let target = shared.directory.find(model, credential)?;
    let overrides = overrides(headers)?;
    let bytes = read(body, MOST_BYTES).await?;
    let prompt = read_prompt(operation, &bytes)?;
    // What a stream waits for may take minutes: the body is not kept.
    drop(bytes);
    if operation == Operation::CountTokens {
        return Ok(json_response(&json!({ "inputTokens": overrides.input.unwrap_or(prompt.tokens) })));
    }
    let call = Call {
        pool: target.pool,
        workload: target.workload,
        operation,
        model,
        prompt: &prompt,
        overrides,
        invocation: headers.get("amz-sdk-invocation-id").and_then(|value| value.to_str().ok()),
    };
    let verdict = shared.with(|service: &mut Service, now| {
        service.validate(&call)?;
        Ok((service.attempt(now, &call), now))
    })?;
    Ok(match verdict {
        (Verdict::Refused { error, after }, now) => {
            shared.clock.sleep_until(now.saturating_add(after)).await;
            refusal(&error)
        }
        (Verdict::Admitted(answer), _) if operation.streams() => streamed(shared, answer, operation, model).await,
        (Verdict::Admitted(answer), _) => whole(shared, answer, operation, model).await,
    })
}

fn read_prompt(operation: Operation, bytes: &Bytes) -> Result<Prompt, BedrockError> {
    let body: Value = prompt::parse(bytes)?;
    match operation {
        Operation::CountTokens => Prompt::of_count_tokens(&body),
        _ if operation.has_native_body() => Prompt::of_anthropic(&body),
        _ => Prompt::of_converse(&body),
    }
}

/// Reads a body within bounds of length and time.
pub(super) async fn read(body: Body, most: usize) -> Result<Bytes, BedrockError> {
    match tokio::time::timeout(BODY_TIMEOUT, to_bytes(body, most)).await {
        Err(_) => Err(BedrockError::slow_body()),
        Ok(Err(error)) if is_broken(&error) => Err(BedrockError::malformed("the body ended early or is badly framed")),
        Ok(Err(_)) => Err(BedrockError::validation(format!(
            "1 validation error detected: Value at 'body' failed to satisfy constraint: Member must have length less \
             than or equal to {most}"
        ))),
        Ok(Ok(bytes)) => Ok(bytes),
    }
}

/// Whether a body is cut off or badly framed: the error is the connection's then, and that of a long body is not.
fn is_broken(error: &(dyn Error + 'static)) -> bool {
    error.is::<hyper::Error>() || error.source().is_some_and(is_broken)
}

/// The headers that lay down what is otherwise drawn or measured.
fn overrides(headers: &HeaderMap) -> Result<Overrides, BedrockError> {
    let tokens = |name: &str| match headers.get(name) {
        None => Ok(None),
        Some(value) => {
            let count = value.to_str().ok().and_then(|text| text.trim().parse::<u64>().ok());
            let count = count.filter(|&count| count <= Tokens::REQUEST_MAX.0);
            count.map(Some).ok_or_else(|| bad_header(name, value, "a whole number of at most 1000000000"))
        }
    };
    let fault = match headers.get("x-quotasim-fault") {
        None => None,
        Some(value) => Some(
            value
                .to_str()
                .ok()
                .and_then(|key| Fault::of_key(key.trim()))
                .ok_or_else(|| bad_header("x-quotasim-fault", value, &format!("one of {}", Fault::keys())))?,
        ),
    };
    Ok(Overrides {
        input: tokens("x-quotasim-input-tokens")?,
        cache_read: tokens("x-quotasim-cache-read-tokens")?,
        cache_write: tokens("x-quotasim-cache-write-tokens")?,
        output: tokens("x-quotasim-output-tokens")?,
        fault,
    })
}

fn bad_header(name: &str, value: &HeaderValue, expected: &str) -> BedrockError {
    let shown: String = String::from_utf8_lossy(value.as_bytes()).chars().take(40).collect();
    BedrockError::validation(format!("quotasim: the header {name} is `{shown}`, not {expected}"))
}

/// Waits for the whole answer.
async fn whole(shared: &Arc<Shared>, answer: Answer, operation: Operation, model: &str) -> Response {
    let caller = shared.caller(answer.number);
    if let Some((at, _)) = answer.breaks {
        shared.clock.sleep_until(at).await;
        return HangUp::response();
    }
    shared.clock.sleep_until(answer.ends_at()).await;
    let response = if operation.has_native_body() {
        let mut response = json_response(&anthropic::body(&answer, model));
        let demand = &answer.demand;
        for (name, value) in [
            ("x-amzn-bedrock-input-token-count", demand.input.0),
            ("x-amzn-bedrock-output-token-count", demand.output().0),
            ("x-amzn-bedrock-cache-read-input-token-count", demand.cache_read.0),
            ("x-amzn-bedrock-cache-write-input-token-count", demand.cache_write.0),
            ("x-amzn-bedrock-invocation-latency", answer.latency_ms()),
        ] {
            response.headers_mut().insert(name, HeaderValue::from(value));
        }
        response
    } else {
        json_response(&converse::body(&answer))
    };
    caller.served();
    response
}

/// Waits for the first token and then streams: Bedrock's headers come with its first event.
async fn streamed(shared: &Arc<Shared>, answer: Answer, operation: Operation, model: &str) -> Response {
    let caller = shared.caller(answer.number);
    if let Some((at, Break::Disconnect)) = answer.breaks
        && at <= answer.first_token_at()
    {
        shared.clock.sleep_until(at).await;
        return HangUp::response();
    }
    shared.clock.sleep_until(answer.first_token_at()).await;
    let dialect = if operation.has_native_body() { Dialect::Anthropic(model.to_owned()) } else { Dialect::Converse };
    let mut response = Response::new(stream::body(Arc::clone(shared), answer, dialect));
    caller.served();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/vnd.amazon.eventstream"));
    if operation.has_native_body() {
        headers.insert("x-amzn-bedrock-content-type", HeaderValue::from_static("application/json"));
    }
    response
}

/// A JSON body with status 200.
pub(super) fn json_response(body: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

/// An error as Bedrock gives it.
pub(super) fn refusal(error: &BedrockError) -> Response {
    let status = StatusCode::from_u16(error.status).expect("the table of errors holds valid statuses");
    let mut response = json_response(&json!({ "message": error.message }));
    *response.status_mut() = status;
    response.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static(error.name));
    response
}
