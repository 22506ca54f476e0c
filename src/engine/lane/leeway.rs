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

    #[inline(always)]
    fn take(&mut self, output: u32) {
        let by = i64::from(output) - self.mean;
        self.shorter -= (-by).max(0);
        self.longer -= by.max(0);
    }

    #[inline(always)]
    fn is_kept(&self) -> bool {
        self.shorter >= 0 && self.longer >= 0
    }
}

impl<A: Admit> Passage<'_, A> {
    /// As many of the slices ahead as the mean of answers stays the same in, if there are any; `outputs` are those of the
    /// attempts that begin there.
    #[inline(always)]
    pub(super) fn while_the_mean_stays(
        &mut self,
        ahead: Ahead,
        upcoming: Upcoming<'_>,
        outputs: &[u32],
        answers: &Answers,
        hearers: &Hearers,
    ) -> Option<Ahead> {
        let Ahead { first, slices, attempts } = ahead;
        let Course { agenda, far, .. } = &mut *self.course;
        let mut leeway = Leeway::of(answers);
        let end = first + slices as u64;
        let until = agenda.start_of(end);
        for (&output, &ends) in outputs.iter().zip(upcoming.ends) {
            if output != CUT_OFF && ends < until {
                leeway.take(output);
            }
        }
        let admissions = self.moved.admissions;
        let hears_of = |leeway: &mut Leeway, entry: Entry| {
            let news = hearers.get(number_of(entry.what().slot(), admissions));
            if let Some(news) = news.filter(|news| news.client != News::UNHEARD.client) {
                leeway.take(news.output);
            }
        };
        if !hearers.is_empty() {
            agenda.take_far(end - 1, far);
            far.iter().for_each(|&(entry, _)| hears_of(&mut leeway, entry));
            agenda.put_back(far);
        }
        let mut steady = first;
        while steady < end && leeway.is_kept() {
            if !hearers.is_empty() {
                agenda.entries(steady).for_each(|entry| hears_of(&mut leeway, entry));
            }
            steady += u64::from(leeway.is_kept());
        }
        if steady == first {
            return None;
        }
        let attempts = if steady == end { attempts } else { upcoming.made_before(steady, agenda.shift()) };
        Some(Ahead { first, slices: (steady - first) as usize, attempts })
    }
}
