//! Who hears that an attempt has ended, by the number of the admission.
//!
//! Numbers in flight are close together, so that most have a place of their own in a ring of twice as many places; those
//! that outlast a whole turn of it move aside.

use super::load::Load;
use super::outputs::UNHEARD;
use super::{Lane, News};
use crate::admission::Admit;
use crate::client::Call;
use crate::engine::held_back::HoldsBack as _;
use crate::engine::request::NOWHERE;
use crate::units::SimTime;
use std::collections::BTreeMap;

/// Places of the smallest ring.
const FEWEST: usize = 64;
/// At least so many have a place of their own for one that has moved aside.
const FEW_ASIDE: usize = 16;
/// The number of a place that is free.
const FREE: u64 = u64::MAX;

/// What is to be said at the ends of attempts.
#[derive(Debug, Default)]
pub(super) struct Hearers {
    /// A power of two, or none; by the low bits of the number.
    ring: Vec<(u64, News)>,
    outlasting: BTreeMap<u64, News>,
    /// In both.
    len: usize,
}

impl Hearers {
    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    #[inline(always)]
    pub(super) fn insert(&mut self, number: u64, news: News) {
        self.len += 1;
        if (2 * self.len).max(FEW_ASIDE * self.outlasting.len()) > self.ring.len() {
            self.grow();
        }
        let place = number as usize & (self.ring.len() - 1);
        let (older, its) = std::mem::replace(&mut self.ring[place], (number, news));
        if older != FREE {
            self.outlasting.insert(older, its);
        }
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self) {
        let places = (2 * self.ring.len()).max(FEWEST);
        let older = std::mem::replace(&mut self.ring, vec![(FREE, News::default()); places]);
        let aside = std::mem::take(&mut self.outlasting);
        // Two may still meet: the last one stays.
        for (number, news) in aside.into_iter().chain(older.into_iter().filter(|&(number, _)| number != FREE)) {
            let (met, its) = std::mem::replace(&mut self.ring[number as usize & (places - 1)], (number, news));
            if met != FREE {
                self.outlasting.insert(met, its);
            }
        }
    }

    /// Whether anything is to be said at the end of this attempt.
    #[inline(always)]
    pub(super) fn has(&self, number: u64) -> bool {
        self.get(number).is_some()
    }

    /// What is to be said at the end of this attempt, if there is anything.
    #[inline(always)]
    pub(super) fn get(&self, number: u64) -> Option<&News> {
        if self.len == 0 {
            return None;
        }
        let (at, news) = &self.ring[number as usize & (self.ring.len() - 1)];
        if *at == number { Some(news) } else { self.outlasting.get(&number) }
    }

    /// What is to be said at the end of this attempt, if there is anything; only once.
    #[inline(always)]
    pub(super) fn take(&mut self, number: u64) -> Option<News> {
        if self.len == 0 {
            return None;
        }
        let place = number as usize & (self.ring.len() - 1);
        let (at, news) = self.ring[place];
        let news = if at == number {
            self.ring[place].0 = FREE;
            Some(news)
        } else if self.outlasting.is_empty() {
            None
        } else {
            self.outlasting.remove(&number)
        };
        self.len -= usize::from(news.is_some());
        news
    }
}

impl<A: Admit> Lane<'_, '_, A> {
    /// Who hears that an attempt has succeeded where nobody is said to.
    #[inline(always)]
    fn unsaid(&mut self, number: u64) -> News {
        if self.all_alike {
            return News::default();
        }
        match self.in_progress.outputs.take(number) {
            UNHEARD => News::UNHEARD,
            output => News { output, ..News::default() },
        }
    }

    /// A client hears that an attempt has succeeded.
    #[inline(never)]
    pub(super) fn answered(&mut self, number: u64, load: Load, now: SimTime) {
        let news = self.in_progress.hearers.take(number);
        let News { client, request, output } = news.unwrap_or_else(|| self.unsaid(number));
        if client == News::UNHEARD.client {
            return;
        }
        if self.workload.books_end() {
            let call = if request == NOWHERE {
                Call::retried(load.retries() * self.retry_cost)
            } else {
                self.in_progress.waiting.get(request).call
            };
            self.client.after_success(&mut self.states[client as usize], &call, now);
        }
        if request != NOWHERE {
            self.in_progress.waiting.free(request);
        }
        if self.workload.held_back {
            self.rate_moved(0, client, now);
            self.held_back.learn(0, output);
        }
        if self.repeating.is_none() && !self.slots.is_empty() {
            self.give_slot_back(client, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Against a map, with stragglers of any age.
        #[test]
        fn whoever_is_to_hear_hears_once(ages in prop::collection::vec((0u64..2000, any::<bool>()), 1..2000)) {
            let (mut hearers, mut expected) = (Hearers::default(), BTreeMap::new());
            for (number, &(age, heard)) in (1_000_000u64..).zip(&ages) {
                if heard {
                    let news = News { client: number as u32, ..News::default() };
                    hearers.insert(number, news);
                    expected.insert(number, news.client);
                }
                let other = number - age;
                prop_assert_eq!(hearers.has(other), expected.contains_key(&other));
                prop_assert_eq!(hearers.take(other).map(|news| news.client), expected.remove(&other));
                prop_assert_eq!(hearers.is_empty(), expected.is_empty());
            }
            for (number, client) in expected {
                prop_assert_eq!(hearers.take(number).map(|news| news.client), Some(client));
            }
            prop_assert!(hearers.is_empty());
        }
    }
}
