//! What is asked of the endpoint itself, beside Bedrock's operations: state, metrics, reset, quotas, faults, time.

use super::fault::{Fault, FaultMix};
use super::page;
use super::routes::{self, json_response, operate};
use super::shared::Shared;
use crate::units::{Probability, SimSpan, SimTime, parse};
use axum::Router;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post, put};
use serde_json::{Value, json};
use std::sync::Arc;

/// The longest body of a request to the endpoint itself.
const MOST_BYTES: usize = 1_000_000;
/// What the endpoint itself answers, for whoever asks something else.
const PATHS: &str = "GET /_quotasim/, /_quotasim/state, /_quotasim/history or /metrics, POST /_quotasim/reset or \
                     /_quotasim/clock, PUT /_quotasim/quotas or /_quotasim/faults";

/// All paths.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/model/{*path}", post(operate))
        .route("/", get(async || Redirect::temporary("/_quotasim/")))
        .route("/_quotasim/", get(page::html))
        .route("/_quotasim/live.css", get(page::css))
        .route("/_quotasim/live.js", get(page::js))
        .route("/_quotasim/state", get(state))
        .route("/_quotasim/history", get(history))
        .route("/_quotasim/reset", post(reset))
        .route("/_quotasim/quotas", put(quotas))
        .route("/_quotasim/faults", put(faults))
        .route("/_quotasim/clock", post(clock))
        .route("/metrics", get(metrics))
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .with_state(shared)
}

/// A request that cannot be done: what is wrong and how to mend it.
struct Refusal(StatusCode, String);

impl Refusal {
    fn bad(message: impl Into<String>) -> Refusal {
        Refusal(StatusCode::BAD_REQUEST, message.into())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = json_response(&json!({ "message": self.1 }));
        *response.status_mut() = self.0;
        response
    }
}

/// Any other path or method: Bedrock's answer, or ours to who means the endpoint itself.
async fn unknown(method: Method, uri: Uri) -> Response {
    let path = uri.path();
    if path != "/metrics" && !path.starts_with("/_quotasim") {
        return routes::unknown();
    }
    let message = format!("{method} {path} is not answered here, but {PATHS}");
    Refusal(StatusCode::NOT_FOUND, message).into_response()
}

async fn state(State(shared): State<Arc<Shared>>) -> Response {
    let speed = shared.clock.speed();
    json_response(&shared.with(|service, now| service.state(now, speed)))
}

/// `?since=SECONDS`: only samples after that instant.
async fn history(State(shared): State<Arc<Shared>>, RawQuery(query): RawQuery) -> Response {
    let since = query.as_deref().and_then(|query| query.strip_prefix("since=")?.parse::<f64>().ok());
    let since = since.map(|seconds| SimTime(SimSpan::from_secs_f64(seconds).0));
    json_response(&shared.with(|service, _| service.history(since)))
}

async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    let text = shared.with(super::service::Service::metrics);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

/// Full quotas as the scenario has them, no open responses, counters at zero. Faults stay.
async fn reset(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Result<Response, Refusal> {
    same_origin(&headers)?;
    shared.with(super::service::Service::reset);
    Ok(state(State(shared)).await)
}

/// `{"pool": "haiku", "tokens_per_minute": "300k"}`: quotas change at once, until a reset; levels as in the simulator.
async fn quotas(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Body) -> Result<Response, Refusal> {
    same_origin(&headers)?;
    let mut changes = fields(body).await?;
    let pool = match changes.shift_remove("pool") {
        None => None,
        Some(Value::String(name)) => Some(name),
        Some(_) => return Err(Refusal::bad("`pool` must be the name of a pool")),
    };
    let limits: Vec<(String, u64)> = changes
        .into_iter()
        .map(|(quota, limit)| Ok((quota.clone(), whole(&limit).map_err(|why| format!("`{quota}` is {limit}: {why}"))?)))
        .collect::<Result<_, String>>()
        .map_err(Refusal::bad)?;
    shared.with(|service, now| service.set_quotas(now, pool.as_deref(), &limits)).map_err(Refusal::bad)?;
    Ok(state(State(shared)).await)
}

/// `{"model_not_ready": "1%"}`: takes the place of all faults set before; `{}` ends them.
async fn faults(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Body) -> Result<Response, Refusal> {
    same_origin(&headers)?;
    let mut parts = Vec::new();
    for (name, value) in fields(body).await? {
        let fault = Fault::of_key(&name)
            .ok_or_else(|| Refusal::bad(format!("there is no fault `{name}`; there are {}", Fault::keys())))?;
        parts.push((fault, probability(&value).map_err(|why| Refusal::bad(format!("`{name}` is {value}: {why}")))?));
    }
    let mix = FaultMix::new(parts).map_err(Refusal::bad)?;
    shared.with(|service, _| service.faults = mix);
    Ok(state(State(shared)).await)
}

/// `{"advance": "30s"}`: stepped time moves on.
async fn clock(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Body) -> Result<Response, Refusal> {
    same_origin(&headers)?;
    let fields = fields(body).await?;
    let Some((Value::String(text), 1)) = fields.get("advance").map(|value| (value, fields.len())) else {
        return Err(Refusal::bad("the body must be like `{\"advance\": \"30s\"}`"));
    };
    let by = parse::duration(text).map_err(|why| Refusal::bad(format!("`advance` is `{text}`: {why}")))?;
    shared.step(by).map_err(|why| Refusal(StatusCode::CONFLICT, why))?;
    Ok(state(State(shared)).await)
}

/// Refuses what a page of another site makes a browser send: this endpoint has no password.
fn same_origin(headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let host = headers.get(header::HOST).map_or(&b""[..], |host| host.as_bytes());
    match origin.as_bytes().strip_prefix(b"http://") {
        Some(from) if from == host => Ok(()),
        _ => Err(Refusal(StatusCode::FORBIDDEN, "a page of another site may not change this endpoint".to_owned())),
    }
}

async fn fields(body: Body) -> Result<serde_json::Map<String, Value>, Refusal> {
    let bytes = routes::read(body, MOST_BYTES).await.map_err(|error| Refusal::bad(error.message))?;
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(Refusal::bad("the body must be a JSON object")),
        Err(error) => Err(Refusal::bad(format!("the body is no JSON: {error}"))),
    }
}

/// How a limit is written.
const HOW: &str = "write a whole number, or a text like \"300k\"";

fn whole(value: &Value) -> Result<u64, String> {
    match value {
        Value::String(text) => parse::quantity(text).map_err(|why| format!("{why}; {HOW}")),
        value => value.as_u64().ok_or_else(|| HOW.to_owned()),
    }
}

fn probability(value: &Value) -> Result<Probability, String> {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    parse::share(&text).map_err(|why| why.to_string())
}
