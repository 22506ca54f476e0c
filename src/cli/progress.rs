//! A progress bar for anything longer than a second, and Ctrl-C.

use crate::planner::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

/// One replication in the bar's own unit.
const WHOLE: f64 = 1000.0;

/// A bar on stderr if that is a terminal; Ctrl-C once stops after what is done, twice at once.
#[derive(Debug)]
pub(super) struct Bar {
    drawn: ProgressBar,
    replications: Vec<AtomicU32>,
    stop: Arc<AtomicBool>,
}

impl Bar {
    /// A bar for this many replications.
    pub(super) fn new(replications: u32, quiet: bool) -> Bar {
        let bar = if quiet || !std::io::stderr().is_terminal() {
            ProgressBar::hidden()
        } else {
            ProgressBar::with_draw_target(
                Some(u64::from(replications) * WHOLE as u64),
                // The first redraw comes after a second, so short runs show nothing.
                ProgressDrawTarget::stderr_with_hz(1),
            )
        };
        let style = ProgressStyle::with_template("simulating {bar:30} {percent:>3}%  {eta} left");
        bar.set_style(style.expect("the template is valid"));
        bar.enable_steady_tick(Duration::from_secs(1));
        let stop = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stop);
        // A second handler in one process is refused; the first one serves.
        let _ = ctrlc::set_handler(move || {
            if flag.swap(true, Ordering::Relaxed) {
                std::process::exit(2);
            }
        });
        Bar { drawn: bar, replications: (0..replications).map(|_| AtomicU32::new(0)).collect(), stop }
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        self.drawn.finish_and_clear();
    }
}

impl Progress for Bar {
    fn stage(&self, words: &str) {
        let style = ProgressStyle::with_template("{spinner} {msg} {elapsed}").expect("the template is valid");
        self.drawn.set_style(style);
        self.drawn.set_message(words.to_owned());
    }

    fn reached(&self, replication: u32, share: f64) {
        if self.drawn.is_hidden() {
            return;
        }
        let now = (share.min(1.0) * WHOLE) as u32;
        // Of replications beyond those known at the start only the stage tells.
        let Some(so_far) = self.replications.get(replication as usize) else { return };
        let before = so_far.swap(now, Ordering::Relaxed);
        self.drawn.inc(u64::from(now.saturating_sub(before)));
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}
