//! Writes the recording on a thread of its own, so that a slow disk delays no answer.

use super::record::Row;
use std::io::{self, BufWriter, Write};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;
use tokio::sync::watch;

/// A thread that writes rows until their senders are gone.
#[derive(Debug)]
pub(super) struct Recorder(JoinHandle<io::Result<()>>);

impl Recorder {
    /// Starts it; when it cannot write it tells the endpoint to stop.
    pub(super) fn start(file: Box<dyn Write + Send>, stop: watch::Sender<bool>) -> (Recorder, Sender<Row>) {
        let (sender, rows) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let written = write(&rows, file);
            if written.is_err() {
                stop.send_replace(true);
            }
            written
        });
        (Recorder(thread), sender)
    }

    /// Waits until all rows are written.
    pub(super) fn finish(self) -> io::Result<()> {
        self.0.join().unwrap_or_else(|_| Err(io::Error::other("the recorder has panicked")))
    }
}

fn write(rows: &Receiver<Row>, file: Box<dyn Write + Send>) -> io::Result<()> {
    let mut file = BufWriter::new(file);
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

fn write_row(file: &mut impl Write, row: &Row) -> io::Result<()> {
    serde_json::to_writer(&mut *file, row)?;
    file.write_all(b"\n")
}
