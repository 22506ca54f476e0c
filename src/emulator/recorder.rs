//! Writes the recording on a thread of its own, so that a slow disk delays no answer.

use super::record::Row;
use std::io::{self, BufWriter, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;
use tokio::sync::watch;

/// How many rows may wait to be written, of some 400 bytes each. No disk falls so far behind; a pipe that nobody reads
/// does.
const MOST_WAITING: usize = 1 << 18;

/// A thread that writes rows until their sender is gone.
#[derive(Debug)]
pub(super) struct Recorder {
    thread: JoinHandle<io::Result<()>>,
    backlog: Arc<Backlog>,
}

/// Takes rows, never waits.
#[derive(Debug)]
pub(super) struct Rows {
    sender: Sender<Row>,
    backlog: Arc<Backlog>,
    stop: watch::Sender<bool>,
}

/// What is still to be written.
#[derive(Debug, Default)]
struct Backlog {
    rows: AtomicUsize,
    /// Rows were lost because too many were waiting.
    overflowed: AtomicBool,
}

impl Rows {
    /// Hands on a row; if too many wait, tells the endpoint to stop.
    pub(super) fn push(&self, row: Row) {
        if self.backlog.rows.fetch_add(1, Ordering::Relaxed) >= MOST_WAITING {
            self.backlog.overflowed.store(true, Ordering::Relaxed);
            self.stop.send_replace(true);
        } else {
            // A recorder that failed has said so, and the endpoint is closing.
            let _ = self.sender.send(row);
        }
    }
}

impl Recorder {
    /// Starts it; when it cannot write it tells the endpoint to stop.
    pub(super) fn start(file: Box<dyn Write + Send>, stop: watch::Sender<bool>) -> (Recorder, Rows) {
        let (sender, rows) = mpsc::channel();
        let backlog = Arc::new(Backlog::default());
        let taker = Rows { sender, backlog: Arc::clone(&backlog), stop: stop.clone() };
        let written = Arc::clone(&backlog);
        let thread = std::thread::spawn(move || {
            let result = write(&rows, &written, file);
            if result.is_err() {
                stop.send_replace(true);
            }
            result
        });
        (Recorder { thread, backlog }, taker)
    }

    /// Waits until all rows are written, unless some are lost already.
    pub(super) fn finish(self) -> io::Result<()> {
        if self.backlog.overflowed.load(Ordering::Relaxed) && !self.thread.is_finished() {
            return Err(io::Error::other(format!("it takes rows too slowly: {MOST_WAITING} of them were waiting")));
        }
        self.thread.join().unwrap_or_else(|_| Err(io::Error::other("the recorder has panicked")))
    }
}

fn write(rows: &Receiver<Row>, backlog: &Backlog, file: Box<dyn Write + Send>) -> io::Result<()> {
    let mut file = BufWriter::new(file);
    let write_row = |file: &mut BufWriter<_>, row: &Row| {
        backlog.rows.fetch_sub(1, Ordering::Relaxed);
        serde_json::to_writer(&mut *file, row)?;
        file.write_all(b"\n")
    };
    while let Ok(row) = rows.recv() {
        write_row(&mut file, &row)?;
        while let Ok(row) = rows.try_recv() {
            write_row(&mut file, &row)?;
        }
        // Nothing more waits: whoever follows the file sees all there is.
        file.flush()?;
    }
    file.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pipe that nobody reads.
    struct Stuck;

    impl Write for Stuck {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            loop {
                std::thread::park();
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn row() -> Row {
        Row {
            time: String::new(),
            pool: String::new(),
            workload: String::new(),
            model: String::new(),
            operation: "Converse",
            request: 0,
            attempt: 1,
            outcome: "succeeded",
            limit: None,
            status: Some(200),
            error: None,
            input_tokens: 1,
            output_tokens: 1,
            cache_read_tokens: 0,
            cache_write_tokens: 0,
            max_tokens: None,
            reservation: 1,
            charge: 1,
            ttft_ms: None,
            latency_ms: 1.0,
            stop_reason: None,
        }
    }

    #[test]
    fn a_recording_that_nobody_takes_stops_the_endpoint_and_holds_up_no_end() {
        let (stop, stopped) = watch::channel(false);
        let (recorder, rows) = Recorder::start(Box::new(Stuck), stop);
        // What the buffer of the file takes is written, as far as it knows.
        for _ in 0..MOST_WAITING + 1_000 {
            rows.push(row());
        }
        assert!(*stopped.borrow());
        let error = recorder.finish().expect_err("rows are lost");
        assert!(error.to_string().contains("too slowly"), "{error}");
    }
}
