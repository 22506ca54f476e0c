//! Streams an answer at its pace: the first token at the time to first token, the others at the model's speed.
//!
//! Where a token stands in time is fixed at admission, so a reader that falls behind gets more at once and is level
//! again; it never shifts what comes later, and never waits for other readers.

use super::service::{Answer, Break};
use super::shared::Shared;
use super::{anthropic, converse, frames, text};
use crate::units::SimSpan;
use axum::body::Body;
use hyper::body::{Bytes, Frame};
use serde_json::json;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use tokio::sync::mpsc;

/// Time between two pieces of an answer while few are under way, on the wall clock.
const PIECE: SimSpan = SimSpan(40 * SimSpan::MILLISECOND.0);
/// With many streams pieces come less often and are larger: about this many a second over all streams.
const PIECES_PER_SECOND: u64 = 20_000;

/// The form in which an answer is streamed.
#[derive(Debug, Clone)]
pub(super) enum Dialect {
    /// `ConverseStream`.
    Converse,
    /// `InvokeModelWithResponseStream`, with the model as the caller named it.
    Anthropic(String),
}

impl Dialect {
    fn begin(&self, answer: &Answer) -> Vec<u8> {
        match self {
            Dialect::Converse => converse::begin(),
            Dialect::Anthropic(model) => anthropic::begin(answer, model),
        }
    }

    fn delta(&self, text: &str) -> Vec<u8> {
        match self {
            Dialect::Converse => converse::delta(text),
            Dialect::Anthropic(_) => anthropic::delta(text),
        }
    }

    fn end(&self, answer: &Answer) -> Vec<u8> {
        match self {
            Dialect::Converse => converse::end(answer),
            Dialect::Anthropic(_) => anthropic::end(answer),
        }
    }
}

/// Streams an answer whose first token is due; the caller holds back the head of the response until then.
pub(super) fn body(shared: Arc<Shared>, answer: Answer, dialect: Dialect) -> Body {
    let (pieces, receiver) = mpsc::channel(4);
    tokio::spawn(async move {
        let _live = Live::of(&shared.streams);
        let caller = shared.caller(answer.number);
        if stream(&shared, &answer, &dialect, &pieces).await.is_ok() {
            caller.served();
        }
    });
    Body::new(Pieces(receiver))
}

/// What the channel carries: bytes, or the break of the connection.
type Piece = io::Result<Bytes>;

/// The reader has gone.
#[derive(Debug)]
struct Gone;

async fn stream(shared: &Shared, answer: &Answer, dialect: &Dialect, pieces: &mpsc::Sender<Piece>) -> Result<(), Gone> {
    let send = async |bytes: Vec<u8>| pieces.send(Ok(bytes.into())).await.map_err(|_| Gone);
    send(dialect.begin(answer)).await?;
    let output = answer.demand.output();
    let mut at = answer.first_token_at();
    let mut sent = 0;
    loop {
        if let Some((breaks_at, what)) = answer.breaks
            && breaks_at <= at
        {
            wait(shared, pieces, breaks_at).await?;
            break_off(what, pieces).await;
            return Ok(());
        }
        wait(shared, pieces, at).await?;
        let ended = at >= answer.ends_at();
        let generated = if ended { output } else { answer.timing.generated(output, at - answer.admitted_at) };
        // The first token is there when its time has come.
        let generated = generated.0.max(1);
        if generated > sent {
            send(dialect.delta(&text::tokens(sent, generated))).await?;
            sent = generated;
        }
        if ended {
            return send(dialect.end(answer)).await;
        }
        at = at.saturating_add(between_pieces(shared)).min(answer.ends_at());
    }
}

/// Waits for an instant, or finds that the reader has gone.
async fn wait(shared: &Shared, pieces: &mpsc::Sender<Piece>, at: crate::units::SimTime) -> Result<(), Gone> {
    tokio::select! {
        () = shared.clock.sleep_until(at) => Ok(()),
        () = pieces.closed() => Err(Gone),
    }
}

async fn break_off(what: Break, pieces: &mpsc::Sender<Piece>) {
    let piece = match what {
        Break::Disconnect => Err(io::Error::new(io::ErrorKind::ConnectionReset, "an injected disconnect")),
        Break::StreamError => {
            let error = super::error::BedrockError::model_stream_error();
            Ok(frames::exception("modelStreamErrorException", &json!({ "message": error.message })).into())
        }
    };
    // A reader that has gone meanwhile misses nothing.
    let _ = pieces.send(piece).await;
}

fn between_pieces(shared: &Shared) -> SimSpan {
    let live = shared.streams.load(Ordering::Relaxed) as u64;
    let crowded = SimSpan(live * SimSpan::SECOND.0 / PIECES_PER_SECOND);
    shared.clock.stretched(PIECE.max(crowded))
}

/// One of the streams under way.
struct Live<'a>(&'a AtomicUsize);

impl Live<'_> {
    fn of(streams: &AtomicUsize) -> Live<'_> {
        streams.fetch_add(1, Ordering::Relaxed);
        Live(streams)
    }
}

impl Drop for Live<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A body that hands on what comes through a channel.
struct Pieces(mpsc::Receiver<Piece>);

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.0.poll_recv(cx).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}
