//! Which attempts belong to one request: SDKs name it in `amz-sdk-invocation-id`, the same for all its attempts.
//!
//! So a repeated attempt asks for the same tokens as the first, as in a simulation, and attempts per request can be
//! counted. A call without that header is a request of its own.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

/// How many requests are remembered; older ones are forgotten, and a late attempt of theirs counts as a new request.
const MOST: usize = 1 << 16;

/// An attempt's place among the requests of its workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Attempt {
    /// The number of the request, from 0.
    pub(super) request: u64,
    /// The number of the attempt within it, from 1.
    pub(super) number: u32,
    /// How many of its attempts were admitted before.
    pub(super) sent: u32,
    name: Option<(usize, u64)>,
}

/// The requests seen so far.
#[derive(Debug, Default)]
pub(super) struct Requests {
    /// How many each workload has made.
    made: BTreeMap<usize, u64>,
    named: BTreeMap<(usize, u64), Attempt>,
    oldest_first: VecDeque<(usize, u64)>,
}

impl Requests {
    /// Books an attempt of a workload.
    pub(super) fn attempt(&mut self, workload: usize, invocation: Option<&str>) -> Attempt {
        let name = invocation.map(|id| {
            let mut hasher = DefaultHasher::new();
            id.hash(&mut hasher);
            (workload, hasher.finish())
        });
        if let Some(known) = name.and_then(|name| self.named.get_mut(&name)) {
            known.number += 1;
            return *known;
        }
        let made = self.made.entry(workload).or_default();
        let first = Attempt { request: *made, number: 1, sent: 0, name };
        *made += 1;
        if let Some(name) = name {
            self.named.insert(name, first);
            self.oldest_first.push_back(name);
            if self.oldest_first.len() > MOST
                && let Some(oldest) = self.oldest_first.pop_front()
            {
                self.named.remove(&oldest);
            }
        }
        first
    }

    /// The attempt was admitted.
    pub(super) fn admitted(&mut self, attempt: Attempt) {
        if let Some(known) = attempt.name.and_then(|name| self.named.get_mut(&name)) {
            known.sent += 1;
        }
    }

    /// How many requests a workload has made.
    pub(super) fn made(&self, workload: usize) -> u64 {
        self.made.get(&workload).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(attempt: Attempt) -> (u64, u32, u32) {
        (attempt.request, attempt.number, attempt.sent)
    }

    #[test]
    fn attempts_of_one_invocation_are_one_request() {
        let mut requests = Requests::default();
        let first = requests.attempt(0, Some("a"));
        assert_eq!(place(first), (0, 1, 0));
        assert_eq!(place(requests.attempt(0, Some("b"))), (1, 1, 0));
        requests.admitted(first);
        assert_eq!(place(requests.attempt(0, Some("a"))), (0, 2, 1));
        assert_eq!(place(requests.attempt(0, None)), (2, 1, 0));
        assert_eq!(place(requests.attempt(1, Some("a"))), (0, 1, 0), "another workload");
        assert_eq!((requests.made(0), requests.made(1), requests.made(2)), (3, 1, 0));
    }

    #[test]
    fn memory_is_bounded() {
        let mut requests = Requests::default();
        for id in 0..=MOST {
            requests.attempt(0, Some(&id.to_string()));
        }
        assert_eq!(requests.named.len(), MOST);
        assert_eq!(requests.attempt(0, Some("0")).request, MOST as u64 + 1, "forgotten");
    }
}
