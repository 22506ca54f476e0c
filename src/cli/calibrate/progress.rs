//! A progress bar over bytes read, and Ctrl-C.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, IsTerminal, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A bar on stderr if that is a terminal; Ctrl-C stops the reading.
#[derive(Debug, Clone)]
pub(super) struct Bar {
    drawn: ProgressBar,
    stop: Arc<AtomicBool>,
}

impl Bar {
    /// A bar for this many bytes, with a word for what is done.
    pub(super) fn new(bytes: u64, quiet: bool, doing: &str) -> Bar {
        let drawn = if quiet || !io::stderr().is_terminal() {
            ProgressBar::hidden()
        } else {
            // The first redraw comes after a second, so short work shows nothing.
            ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::stderr_with_hz(1))
        };
        let style =
            ProgressStyle::with_template(&format!("{doing} {{bar:30}} {{bytes}} of {{total_bytes}}  {{eta}} left"))
                .expect("the template is valid");
        drawn.set_style(style);
        drawn.enable_steady_tick(Duration::from_secs(1));
        let stop = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stop);
        // A second handler in one process is refused; the first one serves.
        let _ = ctrlc::set_handler(move || {
            if flag.swap(true, Ordering::Relaxed) {
                std::process::exit(2);
            }
        });
        Bar { drawn, stop }
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        self.drawn.finish_and_clear();
    }

    /// Whether Ctrl-C was pressed.
    pub(super) fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// A reader that moves the bar, and ends when it is stopped.
    pub(super) fn watch<R: Read>(&self, reader: R) -> Watched<'_, R> {
        Watched { bar: self, reader }
    }
}

/// See [`Bar::watch`].
#[derive(Debug)]
pub(super) struct Watched<'a, R> {
    bar: &'a Bar,
    reader: R,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.bar.stopped() {
            return Err(io::Error::other("interrupted"));
        }
        let read = self.reader.read(buffer)?;
        self.bar.drawn.inc(read as u64);
        Ok(read)
    }
}
