//! The endpoint's time: the wall clock, the wall clock compressed, or steps by hand.

use crate::units::{SimSpan, SimTime};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// How the endpoint's time passes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Speed {
    /// This many times as fast as the wall clock.
    Times(f64),
    /// Not at all, except by steps.
    Stepped,
}

/// The endpoint's clock; its time counts from its start.
#[derive(Debug)]
pub(super) enum Clock {
    Running { started: Instant, speed: f64 },
    Stepped(watch::Sender<SimTime>),
}

impl Clock {
    /// A clock that starts now.
    pub(super) fn start(speed: Speed) -> Clock {
        match speed {
            Speed::Times(speed) => Clock::Running { started: Instant::now(), speed },
            Speed::Stepped => Clock::Stepped(watch::Sender::new(SimTime::ZERO)),
        }
    }

    /// The time.
    pub(super) fn now(&self) -> SimTime {
        match self {
            Clock::Running { started, speed } => {
                let elapsed = started.elapsed();
                if *speed == 1.0 {
                    SimTime(elapsed.as_nanos() as u64)
                } else {
                    SimTime(SimSpan::from_secs_f64(elapsed.as_secs_f64() * speed).0)
                }
            }
            Clock::Stepped(time) => *time.borrow(),
        }
    }

    /// Waits for an instant; returns at once if it has passed.
    pub(super) async fn sleep_until(&self, at: SimTime) {
        match self {
            Clock::Running { started, speed } => {
                let after = Duration::from_secs_f64(at.as_secs_f64() / speed);
                tokio::time::sleep_until(*started + after).await;
            }
            Clock::Stepped(time) => {
                // The sender lives as long as the clock, so waiting cannot fail.
                let _ = time.subscribe().wait_for(|now| *now >= at).await;
            }
        }
    }

    /// Moves stepped time on; a running clock refuses.
    pub(super) fn step_to(&self, at: SimTime) -> Result<(), String> {
        match self {
            Clock::Running { .. } => Err("time runs by itself; start with `--step` to step it by hand".to_owned()),
            Clock::Stepped(time) => {
                time.send_replace(at);
                Ok(())
            }
        }
    }

    /// How much of the endpoint's time passes in a span of the wall clock; of stepped time, the span itself.
    pub(super) fn stretched(&self, span: SimSpan) -> SimSpan {
        match self {
            Clock::Running { speed, .. } => SimSpan::from_secs_f64(span.as_secs_f64() * speed),
            Clock::Stepped(_) => span,
        }
    }

    /// How many times as fast as the wall clock it runs; `None` where it is stepped.
    pub(super) fn speed(&self) -> Option<f64> {
        match self {
            Clock::Running { speed, .. } => Some(*speed),
            Clock::Stepped(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paused() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime")
    }

    #[test]
    fn compressed_time_passes_faster() {
        paused().block_on(async {
            let clock = Clock::start(Speed::Times(1_000.0));
            let before = clock.now();
            clock.sleep_until(before.saturating_add(SimSpan(20 * SimSpan::SECOND.0))).await;
            assert!(clock.now() >= before.saturating_add(SimSpan(20 * SimSpan::SECOND.0)));
            assert_eq!(clock.stretched(SimSpan::MILLISECOND), SimSpan::SECOND);
            assert!(clock.step_to(SimTime::MAX).is_err());
        });
    }

    #[test]
    fn stepped_time_wakes_those_whose_instant_has_come() {
        paused().block_on(async {
            let clock = Clock::start(Speed::Stepped);
            clock.sleep_until(SimTime::ZERO).await;
            let (early, late) = (SimTime(1), SimTime(3));
            tokio::join!(clock.sleep_until(early), async { clock.step_to(SimTime(2)).expect("stepped") });
            let waiting = clock.sleep_until(late);
            tokio::pin!(waiting);
            let still = tokio::time::timeout(Duration::from_millis(20), &mut waiting).await;
            assert!(still.is_err(), "not yet");
            clock.step_to(late).expect("stepped");
            waiting.await;
        });
    }
}
