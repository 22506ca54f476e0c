//! Successes that a lane's streams book with their first tokens.
//!
//! A success gives something back to the client's retry quota, up to its capacity; nothing looks at the quota but the
//! decision after a failure. Between two decisions only the sum of what comes back matters, not the order. So a first
//! token is no event: those that have come are booked when the next decision is made, whose class of events comes after
//! all first tokens of its instant. Those of plain requests are not even noted one by one, but found in the block. Where
//! requests stay in their blocks until they are decided, of one client, all are in `refills`.

use super::Lane;
use crate::admission::Admit;
use crate::client::{Call, Client, ClientState};
use crate::engine::first_attempt::Verdict;
use crate::units::{SimSpan, SimTime};
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// How many first tokens of a client are kept at least before those that have come are booked without need.
const ENOUGH: usize = 64;

/// First tokens that are not booked yet.
#[derive(Debug, Default)]
pub(super) struct FirstTokens {
    /// By client.
    coming: Vec<Coming>,
    /// How many requests of the current block have been looked at.
    looked_at: usize,
}

/// The first tokens of one client.
#[derive(Debug, Default)]
struct Coming {
    /// The earliest first.
    tokens: BinaryHeap<FirstToken>,
    /// Those that have come are booked when there are as many as this.
    most: usize,
}

/// When the first token comes, and what the client remembers of the request.
#[derive(Debug, Clone, Copy)]
struct FirstToken {
    at: SimTime,
    call: Call,
}

impl FirstTokens {
    pub(super) fn new(clients: usize) -> FirstTokens {
        FirstTokens { coming: std::iter::repeat_with(Coming::default).take(clients).collect(), looked_at: 0 }
    }
}

impl Coming {
    /// Adds a first token that comes at `at`; `now` is how far the run is.
    fn add(&mut self, at: SimTime, call: Call, now: SimTime, client: &Client, state: &mut ClientState) {
        self.tokens.push(FirstToken { at, call });
        if self.tokens.len() > self.most {
            self.tokens.retain(|token| {
                let comes = token.at > now;
                if !comes {
                    client.after_success(state, &token.call, token.at);
                }
                comes
            });
            self.most = ENOUGH.max(2 * self.tokens.len());
        }
    }

    /// Books those that have come by `now`.
    fn book(&mut self, now: SimTime, client: &Client, state: &mut ClientState) {
        while let Some(token) = self.tokens.peek()
            && token.at <= now
        {
            client.after_success(state, &token.call, token.at);
            self.tokens.pop();
        }
    }
}

impl<A: Admit> Lane<'_, '_, A> {
    /// The first token of this client's request will come at `at`.
    pub(super) fn first_token_comes(&mut self, client: u32, at: SimTime, call: Call, now: SimTime) {
        if let Some(refills) = &mut self.in_progress.refills {
            refills.push_apart(at, call.gives_back());
            refills.keep_few(now, self.states[0].retry_quota());
            return;
        }
        let state = &mut self.states[client as usize];
        self.in_progress.first_tokens.coming[client as usize].add(at, call, now, self.client, state);
    }

    /// Books the first tokens of a client that have come by now: what its next decision depends on.
    #[inline(never)]
    pub(super) fn book_first_tokens(&mut self, client: u32, now: SimTime) {
        let state = &mut self.states[client as usize];
        if let Some(refills) = &mut self.in_progress.refills {
            state.retry_quota().give_back(refills.take(now));
            return;
        }
        self.look_for_first_tokens(now);
        let state = &mut self.states[client as usize];
        self.in_progress.first_tokens.coming[client as usize].book(now, self.client, state);
    }

    /// So many requests will arrive in the next slices, none fails meanwhile.
    #[inline(always)]
    pub(super) fn refill_through(&mut self, requests: usize) {
        let Some(refills) = &mut self.in_progress.refills else { return };
        let agenda = &self.track.course.agenda;
        refills.fit(agenda);
        if let Some(tick) = agenda.next_tick() {
            self.states[0].retry_quota().give_back(refills.take_before(tick));
        }
        self.first_tokens_come(requests);
    }

    /// The next so many requests are admitted as they arrive: their first tokens will come, if they book successes of
    /// requests in blocks.
    #[inline(always)]
    pub(super) fn first_tokens_come(&mut self, requests: usize) {
        let Some(refills) = &mut self.in_progress.refills else { return };
        let (block, place) = (self.track.source.block(), self.track.source.place);
        let times = block.times[place..].iter().zip(&block.timing.ttft[place..]).zip(&block.timing.service[place..]);
        for ((&arrives, &ttft), &service) in times.take(requests) {
            refills.push_if(true, SimTime(arrives).saturating_add(SimSpan(ttft.min(service))), 0);
        }
    }

    /// Looks for first tokens of requests that were admitted at once.
    fn look_for_first_tokens(&mut self, now: SimTime) {
        let (block, next) = (self.track.source.block(), self.track.source.place);
        let verdicts = &block.columns().verdicts;
        let FirstTokens { coming, looked_at } = &mut self.in_progress.first_tokens;
        let new = verdicts.iter().enumerate().take(next).skip(*looked_at);
        for (place, &verdict) in new {
            if verdict == Verdict::Admitted {
                let client = self.workload.client_of(block.first + place as u64) as usize;
                let to_first = block.timing.ttft[place].min(block.timing.service[place]);
                let at = SimTime(block.times[place]).saturating_add(SimSpan(to_first));
                coming[client].add(at, Call::default(), now, self.client, &mut self.states[client]);
            }
        }
        *looked_at = next;
    }

    /// A block ends, and with it what is known of its requests.
    #[inline(never)]
    pub(super) fn block_of_streams_ends(&mut self, now: SimTime) {
        self.look_for_first_tokens(now);
        self.in_progress.first_tokens.looked_at = 0;
    }
}

impl Ord for FirstToken {
    fn cmp(&self, other: &FirstToken) -> Ordering {
        // The first of a heap is its largest.
        other.at.cmp(&self.at)
    }
}

impl PartialOrd for FirstToken {
    fn partial_cmp(&self, other: &FirstToken) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for FirstToken {
    fn eq(&self, other: &FirstToken) -> bool {
        self.at == other.at
    }
}

impl Eq for FirstToken {}
