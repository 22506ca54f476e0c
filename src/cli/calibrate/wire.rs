//! Live calls through the AWS SDK: the only file that names it.
//!
//! Retries are off, so that each attempt is one call and a throttle is seen rather than hidden. A few calls may be in
//! progress at once; each is recorded when it ends, and the file is whole after every line.

use super::converse::{Args, Order, Sent};
use crate::calibrate::live::{Failure, Prompt, Recorded, Role, ceiling, cost, explain};
use crate::calibrate::observation::Outcome;
use crate::cli::output::reason;
use crate::model::Prices;
use anyhow::Context;
use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_bedrockruntime::Client;
use aws_sdk_bedrockruntime::config::http::HttpResponse;
use aws_sdk_bedrockruntime::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_bedrockruntime::types::{
    ContentBlock, ConversationRole, ConverseStreamOutput, InferenceConfiguration, Message, StopReason,
    SystemContentBlock, TokenUsage, error::ConverseStreamOutputError,
};
use std::fs::File;
use std::io::Write;
use std::time::{Duration, Instant, SystemTime};
use tokio::task::JoinSet;

/// Sends the calls of an order, at most so many at once, and records each.
pub(super) fn send(args: &Args, order: &Order) -> anyhow::Result<Sent> {
    let mut file = File::create(&args.record)
        .map_err(|error| anyhow::anyhow!("cannot write `{}`: {}", args.record.display(), reason(&error)))?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the runtime")?;
    runtime.block_on(async {
        let client = client(args).await;
        let mut sent = Sent::default();
        let mut open: JoinSet<(u64, Called)> = JoinSet::new();
        let mut budget = Budget { spent: 0.0, committed: 0.0, most: order.max_spend };
        let mut next = order.prompts.iter().enumerate().peekable();
        let mut hopeless = false;
        loop {
            while open.len() < args.concurrency as usize
                && !hopeless
                && let Some(&(number, prompt)) = next.peek()
            {
                let most = ceiling(std::iter::once(prompt), args.max_tokens, order.prices).cost_usd.unwrap_or(0.0);
                if !budget.allows(most) {
                    break;
                }
                budget.committed += most;
                next.next();
                open.spawn(call(
                    client.clone(),
                    args.model.clone(),
                    prompt.clone(),
                    args.max_tokens,
                    args.stream,
                    (number as u64, most),
                ));
            }
            let Some(ended) = open.join_next().await else { break };
            let (number, called) = ended.context("a call ended abnormally")?;
            budget.settle(&called, order.prices);
            hopeless |= called.failure.as_ref().is_some_and(|failure| failure.hopeless);
            let row = called.recorded(args, order, number);
            file.write_all(row.line().as_bytes()).and_then(|()| file.flush()).context("cannot write the recording")?;
            take(&mut sent, called);
        }
        // What is left was held back by the budget, unless nothing could have come of it.
        sent.held_back = if hopeless { 0 } else { next.count() as u64 };
        Ok(sent)
    })
}

async fn client(args: &Args) -> Client {
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12()).retry_config(RetryConfig::disabled());
    if let Some(profile) = &args.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(region) = &args.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(url) = &args.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    Client::new(&loader.load().await)
}

/// What may still be spent.
struct Budget {
    spent: f64,
    /// The ceilings of calls in progress.
    committed: f64,
    most: f64,
}

impl Budget {
    fn allows(&self, more: f64) -> bool {
        self.spent + self.committed + more <= self.most
    }

    fn settle(&mut self, called: &Called, prices: Prices) {
        self.committed -= called.ceiling;
        // A stream that broke off may be billed, and its tokens are unknown. There, and where a price is unknown, the
        // ceiling stands, to be safe; a refusal with a status costs nothing.
        let untold = called.tokens == [0; 4] && called.status.is_none_or(|status| status == 200);
        let known = cost(prices, called.tokens).filter(|_| !untold);
        self.spent += known.unwrap_or(called.ceiling);
    }
}

/// A call that has ended.
struct Called {
    began: SystemTime,
    ttft: Option<Duration>,
    lasted: Duration,
    outcome: Outcome,
    /// Input, cache reads, cache writes, output.
    tokens: [u64; 4],
    stop_reason: Option<String>,
    max_tokens: u64,
    status: Option<u16>,
    code: Option<String>,
    failure: Option<Failure>,
    ceiling: f64,
}

/// An answer as the service gives it.
#[derive(Default)]
struct Answered {
    ttft: Option<Duration>,
    usage: Option<TokenUsage>,
    stop_reason: Option<StopReason>,
}

/// An error by code, status and message.
struct Refused {
    code: String,
    status: Option<u16>,
    message: String,
}

#[expect(clippy::disallowed_methods, reason = "how long a live call takes is what is measured")]
async fn call(
    client: Client,
    model: String,
    prompt: Prompt,
    max_tokens: u32,
    stream: bool,
    (number, ceiling): (u64, f64),
) -> (u64, Called) {
    let limit = prompt.max_tokens.unwrap_or(max_tokens);
    let (began, start) = (SystemTime::now(), Instant::now());
    let answered = match request(&prompt, limit) {
        Some(request) if stream => streamed(&client, &model, request, start).await,
        Some(request) => whole(&client, &model, request).await,
        None => Err(Refused { code: "ValidationException".to_owned(), status: None, message: "empty".to_owned() }),
    };
    let lasted = start.elapsed();
    let mut called = Called {
        began,
        ttft: None,
        lasted,
        outcome: Outcome::Failed,
        tokens: [0; 4],
        stop_reason: None,
        max_tokens: u64::from(limit),
        status: Some(200),
        code: None,
        failure: None,
        ceiling,
    };
    match answered {
        Ok(answer) => {
            let cut =
                matches!(answer.stop_reason, Some(StopReason::MaxTokens | StopReason::ModelContextWindowExceeded));
            called.outcome = Outcome::Answered { cut };
            called.ttft = answer.ttft;
            called.stop_reason = answer.stop_reason.map(|reason| reason.as_str().to_owned());
            let count = |tokens: i32| u64::try_from(tokens).unwrap_or(0);
            if let Some(usage) = answer.usage {
                called.tokens = [
                    count(usage.input_tokens()),
                    count(usage.cache_read_input_tokens().unwrap_or(0)),
                    count(usage.cache_write_input_tokens().unwrap_or(0)),
                    count(usage.output_tokens()),
                ];
            }
        }
        Err(refused) => {
            let failure = explain(&refused.code, refused.status, &refused.message, &model);
            called.outcome = failure.outcome;
            called.status = refused.status;
            called.code = Some(refused.code);
            called.failure = Some(failure);
        }
    }
    (number, called)
}

/// The parts of a request; `None` where the SDK would not build it.
struct Request {
    system: Vec<SystemContentBlock>,
    messages: Vec<Message>,
    config: InferenceConfiguration,
}

fn request(prompt: &Prompt, limit: u32) -> Option<Request> {
    let message = |(role, text): &(Role, String)| {
        let role = match role {
            Role::User => ConversationRole::User,
            Role::Assistant => ConversationRole::Assistant,
        };
        Message::builder().role(role).content(ContentBlock::Text(text.clone())).build().ok()
    };
    Some(Request {
        system: prompt.system.iter().map(|text| SystemContentBlock::Text(text.clone())).collect(),
        messages: prompt.turns.iter().map(message).collect::<Option<_>>()?,
        config: InferenceConfiguration::builder().max_tokens(i32::try_from(limit).unwrap_or(i32::MAX)).build(),
    })
}

async fn whole(client: &Client, model: &str, request: Request) -> Result<Answered, Refused> {
    let call = client.converse().model_id(model).set_messages(Some(request.messages)).inference_config(request.config);
    let system = (!request.system.is_empty()).then_some(request.system);
    let output =
        call.set_system(system).send().await.map_err(|error| refused(&error, |response| Some(status(response))))?;
    Ok(Answered { ttft: None, stop_reason: Some(output.stop_reason), usage: output.usage })
}

async fn streamed(client: &Client, model: &str, request: Request, start: Instant) -> Result<Answered, Refused> {
    let call =
        client.converse_stream().model_id(model).set_messages(Some(request.messages)).inference_config(request.config);
    let system = (!request.system.is_empty()).then_some(request.system);
    let mut output =
        call.set_system(system).send().await.map_err(|error| refused(&error, |response| Some(status(response))))?;
    let mut answer = Answered::default();
    loop {
        let event = match output.stream.recv().await {
            Ok(Some(event)) => event,
            Ok(None) => break,
            Err(error) => return Err(within_stream(&error)),
        };
        match event {
            ConverseStreamOutput::ContentBlockDelta(_) => {
                answer.ttft.get_or_insert_with(|| start.elapsed());
            }
            ConverseStreamOutput::MessageStop(stop) => answer.stop_reason = Some(stop.stop_reason),
            ConverseStreamOutput::Metadata(metadata) => answer.usage = metadata.usage,
            _ => {}
        }
    }
    Ok(answer)
}

/// Code, status and message of any error of the SDK; `status` is that of a response, where it has one.
fn refused<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>, status: impl Fn(&R) -> Option<u16>) -> Refused {
    let (kind, status) = match error {
        SdkError::ConstructionFailure(_) => ("ConstructionFailure", None),
        SdkError::TimeoutError(_) => ("TimeoutError", None),
        SdkError::DispatchFailure(_) => ("DispatchFailure", None),
        SdkError::ResponseError(error) => ("ResponseError", status(error.raw())),
        SdkError::ServiceError(error) => ("Unknown", status(error.raw())),
        _ => ("Unknown", None),
    };
    Refused {
        code: error.code().unwrap_or(kind).to_owned(),
        status,
        message: error.message().unwrap_or_default().to_owned(),
    }
}

/// An error within a stream: a frame, which has no status, and whose code is its type.
fn within_stream<R>(error: &SdkError<ConverseStreamOutputError, R>) -> Refused {
    use ConverseStreamOutputError as Frame;
    let code = match error.as_service_error() {
        Some(Frame::ThrottlingException(_)) => Some("ThrottlingException"),
        Some(Frame::ServiceUnavailableException(_)) => Some("ServiceUnavailableException"),
        Some(Frame::ModelStreamErrorException(_)) => Some("ModelStreamErrorException"),
        Some(Frame::InternalServerException(_)) => Some("InternalServerException"),
        Some(Frame::ValidationException(_)) => Some("ValidationException"),
        _ => None,
    };
    let refused = refused(error, |_| None);
    Refused { code: code.map_or(refused.code, str::to_owned), ..refused }
}

/// The status of an HTTP response.
fn status(response: &HttpResponse) -> u16 {
    response.status().as_u16()
}

/// Counts a call and notes what its error means.
fn take(sent: &mut Sent, called: Called) {
    sent.count(called.outcome);
    for (sum, tokens) in sent.tokens.iter_mut().zip(called.tokens) {
        *sum += tokens;
    }
    if let Some(failure) = called.failure {
        sent.note(failure.meaning);
    }
}

impl Called {
    /// The line of the recording.
    fn recorded(&self, args: &Args, order: &Order, number: u64) -> Recorded {
        let began = jiff::Timestamp::try_from(self.began).expect("the clock is within the calendar");
        let [input, read, written, output] = self.tokens;
        let answered = matches!(self.outcome, Outcome::Answered { .. });
        let seen = |tokens: u64| answered.then_some(tokens);
        let milliseconds = |span: Duration| (span.as_secs_f64() * 1e5).round() / 1e2;
        Recorded {
            time: format!("{began:.3}"),
            model: args.model.clone(),
            workload: "converse".to_owned(),
            operation: if args.stream { "ConverseStream" } else { "Converse" },
            request: number,
            outcome: Recorded::word(self.outcome),
            limit: match self.outcome {
                Outcome::Throttled(limit) => limit.map(crate::model::QuotaName::key),
                _ => None,
            },
            status: self.status,
            error: self.code.clone(),
            input_tokens: seen(input),
            output_tokens: seen(output),
            cache_read_tokens: seen(read),
            cache_write_tokens: seen(written),
            max_tokens: Some(self.max_tokens),
            reservation: seen(input + written + self.max_tokens),
            charge: order.burndown.and_then(|rate| seen(input + written + output * u64::from(rate))),
            ttft_ms: self.ttft.map(milliseconds),
            latency_ms: milliseconds(self.lasted),
            stop_reason: self.stop_reason.clone(),
        }
    }
}
