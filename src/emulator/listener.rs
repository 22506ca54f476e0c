//! Accepts connections and keeps them within bounds: how many there are, how long a head may be and may take, and how
//! long a response waits for its reader.
//!
//! Each connection is a task of its own, so one that is slow, silent or malformed delays no other.

use super::impatient::Impatient;
use axum::Router;
use axum::body::Body;
use axum::response::Response;
use hyper::server::conn::{http1, http2};
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

/// How long a caller may take to send the head of a request, and a connection may be idle.
const HEAD_TIMEOUT: Duration = Duration::from_secs(75);
/// How long a response waits for a reader that takes nothing of it. AWS's own limit is not published; what the system
/// buffers holds most answers whole, so that a debugger may stop a client for longer. One stream of HTTP/2 that nobody
/// takes waits as long as its connection lives, whose other streams may go on.
const READER_TIMEOUT: Duration = Duration::from_mins(2);
/// The longest head, about: one that arrives in large pieces may be twice as long. AWS's own limit is not published; SDKs
/// send about 2 kB.
const MOST_HEAD_BYTES: usize = 64 * 1024;
/// How many requests one HTTP/2 connection may have under way.
const MOST_STREAMS: u32 = 1_000;
/// Files that the process needs besides its connections.
const OTHER_FILES: u64 = 64;
/// The most connections, however many files the system allows.
const MOST_CONNECTIONS: u64 = 65_536;

/// Marks a response that is never sent: the connection closes instead.
#[derive(Debug, Clone, Copy)]
pub(super) struct HangUp;

impl HangUp {
    /// A response that stands for closing the connection.
    pub(super) fn response() -> Response {
        let mut response = Response::new(Body::empty());
        response.extensions_mut().insert(HangUp);
        response
    }
}

/// Serves until told to stop, then lets what is under way end within the grace time.
pub(super) async fn serve(listener: TcpListener, router: Router, mut stop: watch::Receiver<bool>, grace: Duration) {
    let places = Arc::new(Semaphore::new(connection_limit()));
    let mut connections = JoinSet::new();
    let of_connections = stop.clone();
    loop {
        tokio::select! {
            accepted = listener.accept() => match (accepted, Arc::clone(&places).try_acquire_owned()) {
                (Ok((stream, _)), Ok(place)) => {
                    connections.spawn(connection(stream, router.clone(), of_connections.clone(), place));
                }
                // No place left: the caller sees its connection closed.
                (Ok(_), Err(_)) => {}
                // Out of files, most likely: some will be closed soon.
                (Err(_), _) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
            Some(_) = connections.join_next() => {}
            _ = stop.wait_for(|stop| *stop) => break,
        }
    }
    drop(listener);
    let all_ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(grace, all_ended).await.is_err() {
        connections.shutdown().await;
    }
}

async fn connection(stream: TcpStream, router: Router, mut stop: watch::Receiver<bool>, _place: OwnedSemaphorePermit) {
    // Without it small events of a stream would wait for acknowledgements.
    let _ = stream.set_nodelay(true);
    let inner = TowerToHyperService::new(router);
    let service = service_fn(move |request| {
        let answer = inner.call(request);
        async move {
            let response = answer.await.map_err(io::Error::other)?;
            match response.extensions().get::<HangUp>() {
                Some(HangUp) => Err(io::Error::new(io::ErrorKind::ConnectionAborted, "an injected disconnect")),
                None => Ok(response),
            }
        }
    });
    let spoken = tokio::select! {
        biased;
        spoken = tokio::time::timeout(HEAD_TIMEOUT, is_http2(&stream)) => spoken,
        // Browsers open connections in advance: one on which nothing has come holds up no stop.
        _ = stop.wait_for(|stop| *stop) => return,
    };
    // An error of a connection is its caller's: it hung up, or what it sent is no HTTP. It concerns nobody else.
    match spoken {
        Ok(Ok(true)) => {
            let connection = http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .max_header_list_size(MOST_HEAD_BYTES as u32)
                .max_concurrent_streams(MOST_STREAMS)
                .keep_alive_interval(HEAD_TIMEOUT)
                .serve_connection(TokioIo::new(Impatient::new(stream, READER_TIMEOUT)), service);
            tokio::pin!(connection);
            until_ended(connection, http2::Connection::graceful_shutdown, stop).await;
        }
        Ok(Ok(false)) => {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIMEOUT)
                .max_buf_size(MOST_HEAD_BYTES)
                .serve_connection(TokioIo::new(Impatient::new(stream, READER_TIMEOUT)), service);
            tokio::pin!(connection);
            until_ended(connection, http1::Connection::graceful_shutdown, stop).await;
        }
        // Silent, or gone.
        Ok(Err(_)) | Err(_) => {}
    }
}

/// Drives a connection to its end; when the endpoint stops, what is under way on it is the last.
async fn until_ended<C: Future>(
    mut connection: Pin<&mut C>,
    finish: impl Fn(Pin<&mut C>),
    mut stop: watch::Receiver<bool>,
) {
    let mut stopping = false;
    loop {
        tokio::select! {
            _ = connection.as_mut() => break,
            _ = stop.wait_for(|stop| *stop), if !stopping => {
                stopping = true;
                finish(connection.as_mut());
            }
        }
    }
}

/// Whether a connection begins with HTTP/2's preface: the SDK for JavaScript speaks it without asking.
///
/// *Source*: RFC 9113 §3.3 and §3.4, "starting HTTP/2 with prior knowledge".
async fn is_http2(stream: &TcpStream) -> io::Result<bool> {
    const PREFACE: &[u8] = b"PRI ";
    let mut seen = [0; PREFACE.len()];
    loop {
        match stream.peek(&mut seen).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count if seen[..count] != PREFACE[..count] => return Ok(false),
            count if count == PREFACE.len() => return Ok(true),
            // So far it could be either.
            _ => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

/// How many connections there may be: as many as the process may open files, up to a bound.
#[cfg(unix)]
fn connection_limit() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.unwrap_or(u64::MAX).min(MOST_CONNECTIONS + OTHER_FILES);
    // A soft limit is often 1,024; a process may raise its own.
    let raised = Rlimit { current: Some(wanted), ..limit };
    let files = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => wanted,
        Err(_) => getrlimit(Resource::Nofile).current.unwrap_or(MOST_CONNECTIONS),
    };
    files.saturating_sub(OTHER_FILES).clamp(1, MOST_CONNECTIONS) as usize
}

/// How many connections there may be.
#[cfg(not(unix))]
fn connection_limit() -> usize {
    MOST_CONNECTIONS as usize
}
