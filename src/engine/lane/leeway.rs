//! Stretches in which the mean of answers does not move, whatever the order of their ends.
//!
//! Departures from a gateway are known as long as it does not. It moves ever more rarely, as it is the mean of all answers
//! so far.

use super::News;
use super::entry::Entry;
use super::hearers::Hearers;
use super::outputs::{Outputs, UNHEARD};
use super::stretch::{Ahead, Passage, Upcoming};
use super::track::{Course, number_of};
use crate::admission::Admit;
use crate::engine::answers::Answers;

/// By how much answers may yet be shorter than the mean together, and longer, before it may move \[tokens\].
struct Leeway {
    mean: i64,
    shorter: i64,
    longer: i64,
}

impl Leeway {
    fn of(answers: &Answers) -> Leeway {
        let [shorter, longer] = answers.leeway();
        Leeway { mean: answers.mean() as i64, shorter: shorter as i64, longer: longer as i64 }
    }

    /// By how much an answer is shorter, and by how much it is longer; by nothing if nobody hears it.
    #[inline(always)]
    fn distance(&self, output: u32) -> [i64; 2] {
        let longer = i64::from(output) - self.mean;
        // By arithmetic: a branch could not be predicted.
        let longer = longer & i64::from(output != UNHEARD).wrapping_neg();
        [(-longer).max(0), longer.max(0)]
    }

    /// Some answers come at any time.
    #[inline(always)]
    fn take(&mut self, [shorter, longer]: [i64; 2]) {
        self.shorter -= shorter;
        self.longer -= longer;
    }

    /// Some answers come before all others that are asked about afterwards: then what is shorter makes up for what is longer.
    #[inline(always)]
    fn pass(&mut self, [shorter, longer]: [i64; 2]) {
        self.shorter += longer - shorter;
        self.longer += shorter - longer;
    }

    /// Whether the mean stays, in whichever order these answers come.
    #[inline(always)]
    fn has_room(&self, [shorter, longer]: [i64; 2]) -> bool {
        self.shorter >= shorter && self.longer >= longer
    }
}

/// What comes in a slice.
#[derive(Debug, Default)]
struct Sum {
    /// By how much its answers are shorter, and longer.
    distance: [i64; 2],
    /// As in [`Told`].
    output: u64,
    answers: u64,
}

impl Sum {
    #[inline(always)]
    fn add(&mut self, output: u32, [shorter, longer]: [i64; 2]) {
        let heard = u64::from(output != UNHEARD);
        self.output += u64::from(output) * heard;
        self.answers += heard;
        self.is_told([shorter, longer]);
    }

    /// The same, of an answer that somebody hears of.
    #[inline(always)]
    fn is_told(&mut self, [shorter, longer]: [i64; 2]) {
        self.distance = [self.distance[0] + shorter, self.distance[1] + longer];
    }
}

/// Somebody who hears of an answer in a stretch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heard {
    /// The slice in which it comes, counted from time zero, and the number of its attempt.
    tick: u64,
    number: u64,
    pub(super) news: News,
}

/// What is heard in a stretch of the attempts that are under way.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Who hears of it.
    pub(super) heard: Vec<Heard>,
    /// Of answers of which nothing matters but their output, all output tokens, and how many there are.
    pub(super) output: u64,
    pub(super) answers: u64,
}

impl<A: Admit> Passage<'_, A> {
    /// As many of the slices ahead as the mean of answers stays the same in, if there are any, and what is heard there of
    /// attempts that are under way; `outputs` are those of the attempts that begin there.
    #[inline(always)]
    pub(super) fn hear_ahead(
        &mut self,
        ahead: Ahead,
        upcoming: Upcoming<'_>,
        outputs: &[u32],
        answers: &Answers,
        (hearers, kept): (&mut Hearers, &Outputs),
        told: &mut Told,
    ) -> Option<Ahead> {
        let Ahead { first, slices, attempts } = ahead;
        let Course { agenda, far, .. } = &mut *self.course;
        let mut leeway = Leeway::of(answers);
        let end = first + slices as u64;
        let until = agenda.start_of(end);
        for (&output, &ends) in outputs.iter().zip(upcoming.ends) {
            leeway.take(leeway.distance(if ends < until { output } else { UNHEARD }));
        }
        let (admissions, nobody_hears) = (self.moved.admissions, hearers.is_empty());
        *told = Told { heard: std::mem::take(&mut told.heard), ..Told::default() };
        let number = |entry: &Entry| number_of(entry.what().slot(), admissions);
        let mut somebody_hears = |number: u64, tick: u64| {
            let news = hearers.take(number).filter(|news| news.client != News::UNHEARD.client);
            told.heard.extend(news.map(|news| Heard { tick, number, news }));
            news.map_or(UNHEARD, |news| news.output)
        };
        agenda.take_far(end - 1, far);
        for &(entry, tick) in far.iter() {
            let mut output = kept.get(number(&entry));
            if output == UNHEARD && !nobody_hears {
                output = somebody_hears(number(&entry), tick);
            }
            leeway.take(leeway.distance(output));
        }
        agenda.put_back(far);
        let mut steady = first;
        while steady < end {
            let mut sum = Sum::default();
            for entry in agenda.entries(steady) {
                let output = kept.get(number(&entry));
                sum.add(output, leeway.distance(output));
                if output == UNHEARD && !nobody_hears {
                    sum.is_told(leeway.distance(somebody_hears(number(&entry), steady)));
                }
            }
            if !leeway.has_room(sum.distance) {
                break;
            }
            leeway.pass(sum.distance);
            told.output += sum.output;
            told.answers += sum.answers;
            steady += 1;
        }
        for (entry, _) in far.iter().filter(|&&(_, tick)| tick < steady) {
            let output = kept.get(number(entry));
            if output != UNHEARD {
                told.output += u64::from(output);
                told.answers += 1;
            }
        }
        if steady == end {
            return Some(ahead);
        }
        told.heard.retain(|heard| {
            let comes = heard.tick < steady;
            if !comes {
                hearers.insert(heard.number, heard.news);
            }
            comes
        });
        let attempts = upcoming.made_before(steady, agenda.shift());
        (steady > first).then_some(Ahead { first, slices: (steady - first) as usize, attempts })
    }
}
