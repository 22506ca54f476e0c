//! A connection that ends when its peer does not read.
//!
//! Without it a response that nobody reads, larger than what the system buffers, would keep its connection for ever.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// A stream whose writes fail when the peer has taken nothing for a while.
#[derive(Debug)]
pub(super) struct Impatient<S> {
    stream: S,
    patience: Duration,
    /// When the write that waits has waited long enough.
    limit: Pin<Box<Sleep>>,
    waiting: bool,
}

impl<S> Impatient<S> {
    /// `patience` is on the wall clock.
    pub(super) fn new(stream: S, patience: Duration) -> Impatient<S> {
        Impatient { stream, patience, limit: Box::pin(sleep(patience)), waiting: false }
    }

    /// Bounds how long a write goes on waiting.
    fn bounded(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.waiting = false;
            return written;
        }
        if !self.waiting {
            self.waiting = true;
            self.limit.as_mut().reset(Instant::now() + self.patience);
        }
        self.limit.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Impatient<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Impatient<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.bounded(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.bounded(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    const PATIENCE: Duration = Duration::from_millis(200);

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime").block_on(future)
    }

    #[test]
    fn a_peer_that_does_not_read_ends_the_connection() {
        block_on(async {
            let (ours, theirs) = tokio::io::duplex(16);
            let mut ours = Impatient::new(ours, PATIENCE);
            let error = ours.write_all(&[0; 17]).await.expect_err("nobody reads");
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            drop(theirs);
        });
    }

    #[test]
    fn a_peer_that_reads_slowly_is_waited_for() {
        block_on(async {
            let (ours, mut theirs) = tokio::io::duplex(1);
            let mut ours = Impatient::new(ours, PATIENCE);
            // A pause before the first write is nobody's fault, and all of it takes longer than one write may wait.
            sleep(PATIENCE + Duration::from_millis(50)).await;
            let reader = async {
                let mut bytes = [0; 5];
                for place in 0..bytes.len() {
                    sleep(PATIENCE / 3).await;
                    theirs.read_exact(&mut bytes[place..=place]).await.expect("a byte");
                }
                bytes
            };
            let (written, read) = tokio::join!(ours.write_all(b"hello"), reader);
            written.expect("it was read in time");
            assert_eq!(&read, b"hello");
        });
    }
}
