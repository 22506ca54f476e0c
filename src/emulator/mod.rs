//! A loopback endpoint that speaks Bedrock runtime and enforces the quota law on the wall clock.
//!
//! ```text
//!   TCP ─► listener ─► routes ─► directory (which pool?) ─► prompt (how many tokens?) ─► service ─► answer or 429
//!            bounds                                                                   │ one lock, no waiting
//!                                        admission::Gate, the simulator's own law ◄───┘ calendar of settlements
//! ```
//!
//! *Promises.* The law is that of [`admission`](crate::admission) and the draws are the engine's: request `n` of a
//! workload meets here what it meets in replication 0. `service` does no input or output and takes the time as an
//! argument; what falls due is handled at the instant at which it is due, however late the machine is. Heads, bodies,
//! connections and what is remembered are bounded. Credentials are read, never verified or kept.
//!
//! *Words.* The endpoint's *time* is the wall clock's, compressed, or stepped by hand ([`Speed`]); spans that are said
//! to be on the wall clock are not compressed. A *fault* is a failure that was asked for ([`Fault`]).
//!
//! *Assumptions*, beside those of the scenario: see [`ASSUMPTIONS`].

mod anthropic;
mod clock;
mod control;
mod converse;
mod counts;
mod credential;
mod directory;
mod error;
mod fault;
mod frames;
mod history;
mod impatient;
mod listener;
mod metrics;
mod operation;
mod page;
mod prompt;
mod prompt_cache;
mod quotas;
mod record;
mod recorder;
mod requests;
mod routes;
mod service;
mod settle;
mod shared;
mod state;
mod stream;
#[cfg(test)]
mod tests;
mod text;

pub use clock::Speed;
pub use fault::{Fault, FaultMix};

use crate::model::Scenario;
use crate::spec::catalog::Catalog;
use crate::units::{SimSpan, SimTime};
use clock::Clock;
use directory::Directory;
use recorder::Recorder;
use service::{Service, Setup};
use shared::Shared;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// What the endpoint rests on besides the scenario's assumptions, one sentence each.
pub const ASSUMPTIONS: [&str; 4] = [
    "A prompt has a token per 4 bytes of text and 1,600 per image, unless the header x-quotasim-input-tokens says otherwise; Bedrock's tokenizers are not public.",
    "A prefix of at least 1,024 tokens before a cache point is cached from the admission of its first attempt, for five minutes from its last use, or an hour where the cache point says so.",
    "Max_tokens above the model's limit and prompts above its context window are refused before any quota is asked.",
    "Clients wait by their own clocks: at a speed other than 1 their backoff and timeouts are not compressed.",
];

/// How often what is due is booked even if nobody calls, on the wall clock.
const HEARTBEAT: Duration = Duration::from_millis(250);
/// How often the levels are sampled for the page, on the wall clock.
const SAMPLE_EVERY: SimSpan = SimSpan(500 * SimSpan::MILLISECOND.0);

/// How the endpoint runs.
pub struct Settings {
    /// How its time passes.
    pub speed: Speed,
    /// The instant that its time zero stands for, in recordings and states.
    pub epoch: jiff::Timestamp,
    /// The models that ids are looked up in.
    pub catalog: Catalog,
    /// Credentials that choose a workload, given by its place in the scenario, besides the workloads' names.
    pub credentials: Vec<(String, usize)>,
    /// Faults that the scenario does not have.
    pub faults: FaultMix,
    /// Where the recording goes.
    pub recording: Option<Box<dyn Write + Send>>,
    /// How long responses under way may go on after a stop, on the wall clock.
    pub grace: Duration,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("speed", &self.speed)
            .field("epoch", &self.epoch)
            .field("credentials", &self.credentials)
            .field("faults", &self.faults)
            .field("recording", &self.recording.is_some())
            .field("grace", &self.grace)
            .finish_non_exhaustive()
    }
}

/// What was served.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Served {
    /// Attempts that asked the quotas.
    pub attempts: u64,
    /// Of these, refused with a 429.
    pub throttled: u64,
    /// Calls refused before any quota was asked.
    pub rejected: u64,
}

/// Serves a scenario on a listener until `stop` says true.
///
/// # Errors
///
/// The recording cannot be written; the endpoint stops at once when that happens.
pub async fn serve(
    scenario: Scenario,
    settings: Settings,
    listener: TcpListener,
    stop: watch::Sender<bool>,
) -> io::Result<Served> {
    let (recorder, sender) = match settings.recording {
        Some(file) => {
            let (recorder, sender) = Recorder::start(file, stop.clone());
            (Some(recorder), Some(sender))
        }
        None => (None, None),
    };
    let clock = Clock::start(settings.speed);
    let directory = Directory::new(&scenario, settings.catalog, &settings.credentials);
    let setup = Setup {
        epoch: settings.epoch,
        recording: sender.is_some(),
        sample_every: clock.stretched(SAMPLE_EVERY).max(SimSpan::MILLISECOND),
    };
    let service = Service::new(scenario, settings.faults, setup);
    let shared = Arc::new(Shared::new(clock, directory, service, sender));
    let router = control::router(Arc::clone(&shared));

    let heart = tokio::spawn(beat(Arc::clone(&shared)));
    listener::serve(listener, router, stop.subscribe(), settings.grace).await;
    heart.abort();
    shared.close();
    let served = shared.with(|service, _| service.served());
    if let Some(recorder) = recorder {
        tokio::task::spawn_blocking(|| recorder.finish()).await.map_err(io::Error::other)??;
    }
    Ok(served)
}

/// Books what is due though nobody calls, so that recording and levels follow the time.
async fn beat(shared: Arc<Shared>) {
    let mut beats = tokio::time::interval(HEARTBEAT);
    beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        beats.tick().await;
        shared.with(|_, _: SimTime| ());
    }
}
