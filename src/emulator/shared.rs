//! What all connections share: the state behind one lock, the clock, the recorder.
//!
//! One lock is enough: a decision takes microseconds, and nothing waits or writes while it is held. The time is read
//! under it, so instants never go back.

use super::clock::Clock;
use super::directory::Directory;
use super::recorder::Rows;
use super::service::Service;
use crate::units::{SimSpan, SimTime};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

/// The endpoint as its connections see it.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) clock: Clock,
    pub(super) directory: Directory,
    /// Streams under way.
    pub(super) streams: AtomicUsize,
    /// Calls of Bedrock's operations so far, whatever became of them.
    calls: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    service: Service,
    /// Where rows go, until the endpoint closes.
    recorder: Option<Rows>,
}

impl State {
    /// Handles what is due by `now`, does something, and hands on what is to be recorded.
    fn act<T>(&mut self, now: SimTime, act: impl FnOnce(&mut Service, SimTime) -> T) -> T {
        self.service.advance(now);
        let result = act(&mut self.service, now);
        for row in self.service.rows.drain(..) {
            if let Some(recorder) = &self.recorder {
                recorder.push(row);
            }
        }
        result
    }
}

impl Shared {
    pub(super) fn new(clock: Clock, directory: Directory, service: Service, recorder: Option<Rows>) -> Shared {
        let state = Mutex::new(State { service, recorder });
        Shared { clock, directory, streams: AtomicUsize::new(0), calls: AtomicU64::new(0), state }
    }

    /// The number of the next call, from 1.
    pub(super) fn next_call(&self) -> u64 {
        self.calls.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Does something to the state as of now, after what has fallen due.
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut Service, SimTime) -> T) -> T {
        let mut state = self.lock();
        let now = self.clock.now();
        state.act(now, act)
    }

    /// Moves stepped time on, and does on the way what falls due.
    pub(super) fn step(&self, by: SimSpan) -> Result<SimTime, String> {
        let mut state = self.lock();
        let at = self.clock.now().saturating_add(by);
        self.clock.step_to(at)?;
        state.act(at, |_, _| ());
        Ok(at)
    }

    /// The caller of an admitted attempt.
    pub(super) fn caller(self: &Arc<Self>, number: u64) -> Caller {
        Caller { shared: Arc::clone(self), number, served: false }
    }

    /// Books what is still open and lets the recorder end.
    pub(super) fn close(&self) {
        self.with(Service::forget_all);
        self.lock().recorder = None;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics under the lock")
    }
}

/// The caller of an admitted attempt. Dropped before it is served, it has hung up.
#[derive(Debug)]
pub(super) struct Caller {
    shared: Arc<Shared>,
    number: u64,
    served: bool,
}

impl Caller {
    /// It has its answer.
    pub(super) fn served(mut self) {
        self.served = true;
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        if !self.served {
            self.shared.with(|service, _| service.abandon(self.number));
        }
    }
}
