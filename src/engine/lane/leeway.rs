//! Stretches in which the mean of answers does not move, whatever the order of their ends.
//!
//! Departures from a gateway are known as long as it does not. It moves ever more rarely, as it is the mean of all answers
//! so far.

use super::News;
use super::departures::CUT_OFF;
use super::entry::Entry;
use super::hearers::Hearers;
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

    /// By how much an answer is shorter, and by how much it is longer.
    #[inline(always)]
    fn distance(&self, output: u32) -> [i64; 2] {
        let longer = i64::from(output) - self.mean;
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

/// An answer that is heard in a stretch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heard {
    /// The slice in which it comes, counted from time zero, and the number of its attempt.
    tick: u64,
    number: u64,
    pub(super) news: News,
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
        hearers: &mut Hearers,
        heard: &mut Vec<Heard>,
    ) -> Option<Ahead> {
        let Ahead { first, slices, attempts } = ahead;
        let Course { agenda, far, .. } = &mut *self.course;
        let mut leeway = Leeway::of(answers);
        let end = first + slices as u64;
        let until = agenda.start_of(end);
        for (&output, &ends) in outputs.iter().zip(upcoming.ends) {
            // By arithmetic: a branch could not be predicted.
            let comes = i64::from((output != CUT_OFF) & (ends < until));
            leeway.take(leeway.distance(output).map(|distance| distance * comes));
        }
        let (admissions, is_silent) = (self.moved.admissions, hearers.is_empty());
        let mut hear = |leeway: &Leeway, entry: Entry, tick: u64| {
            let number = number_of(entry.what().slot(), admissions);
            match hearers.take(number) {
                Some(news) if news.client != News::UNHEARD.client => {
                    heard.push(Heard { tick, number, news });
                    leeway.distance(news.output)
                }
                _ => [0, 0],
            }
        };
        if !is_silent {
            agenda.take_far(end - 1, far);
            for &(entry, tick) in far.iter() {
                leeway.take(hear(&leeway, entry, tick));
            }
            agenda.put_back(far);
        }
        let mut steady = first;
        while steady < end {
            let mut sum = [0, 0];
            if !is_silent {
                for entry in agenda.entries(steady) {
                    let [shorter, longer] = hear(&leeway, entry, steady);
                    sum = [sum[0] + shorter, sum[1] + longer];
                }
            }
            if !leeway.has_room(sum) {
                break;
            }
            leeway.pass(sum);
            steady += 1;
        }
        if steady == end {
            return Some(ahead);
        }
        heard.retain(|heard| {
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
