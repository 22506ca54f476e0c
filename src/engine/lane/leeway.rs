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
use crate::units::SimTime;
use crate::wide::{Loop, widest};

/// By how much answers may yet be shorter than the mean together, and longer, before it may move \[tokens\].
#[derive(Debug, Clone, Copy)]
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

    /// As far as it reaches beyond answers that may come at any time.
    fn beside(self, [shorter, longer]: [i64; 2]) -> Leeway {
        Leeway { shorter: self.shorter - shorter, longer: self.longer - longer, ..self }
    }

    /// Whether it is not less than half of another.
    fn is_half_of(self, all: Leeway) -> bool {
        2 * self.shorter >= all.shorter && 2 * self.longer >= all.longer
    }

    /// Whether the mean stays, in whichever order these answers come.
    #[inline(always)]
    fn has_room(&self, sum: Sum) -> bool {
        // None is shorter than nothing, nor longer than all together.
        self.shorter >= self.mean * sum.answers as i64 && self.longer >= sum.output as i64
    }

    /// These answers have come: then what was shorter makes up for what was longer.
    #[inline(always)]
    fn pass(&mut self, sum: Sum) {
        let longer = sum.output as i64 - self.mean * sum.answers as i64;
        self.shorter += longer;
        self.longer -= longer;
    }
}

/// Of the answers to attempts that begin in a stretch, those that are heard there.
pub(super) struct Begun {
    /// Those that come by its end.
    pub(super) sum: Sum,
    /// By how much those that are longer than the mean are longer together [tokens].
    longer: u64,
    /// How many are heard whenever they come.
    pub(super) heard: u64,
}

impl Begun {
    /// Of these attempts, if the stretch ends then and the mean stays.
    pub(super) fn of(outputs: &[u32], ends: &[SimTime], until: SimTime, mean: u64) -> Begun {
        let mut begun = Begun { sum: Sum::default(), longer: 0, heard: 0 };
        widest(Beginning { outputs, ends, until, mean, begun: &mut begun });
        begun
    }

    /// By how much they are shorter than the mean together, and longer.
    fn distances(&self, mean: i64) -> [i64; 2] {
        let (longer, net) = (self.longer as i64, self.sum.output as i64 - mean * self.sum.answers as i64);
        [longer - net, longer]
    }
}

struct Beginning<'b> {
    outputs: &'b [u32],
    ends: &'b [SimTime],
    until: SimTime,
    mean: u64,
    begun: &'b mut Begun,
}

impl Loop for Beginning<'_> {
    #[inline(always)]
    fn run(self) {
        let (mut output, mut answers, mut longer, mut heard) = (0, 0, 0, 0);
        for (&tokens, &ends) in self.outputs.iter().zip(self.ends) {
            // By arithmetic: a branch could not be predicted.
            let is_heard = u64::from(tokens != UNHEARD);
            let comes = is_heard & u64::from(ends < self.until);
            let tokens = u64::from(tokens) & comes.wrapping_neg();
            output += tokens;
            answers += comes;
            longer += tokens.max(self.mean) - self.mean;
            heard += is_heard;
        }
        *self.begun = Begun { sum: Sum { output, answers }, longer, heard };
    }
}

/// Answers that are heard.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Sum {
    /// All output tokens, and how many there are.
    pub(super) output: u64,
    pub(super) answers: u64,
}

impl Sum {
    /// One more, if it is heard.
    #[inline(always)]
    pub(super) fn add(&mut self, output: u32) {
        self.add_if(true, output);
    }

    /// One more, if it `comes` and is heard; without a branch.
    #[inline(always)]
    pub(super) fn add_if(&mut self, comes: bool, output: u32) {
        let is_heard = output != UNHEARD;
        let heard = u64::from(comes & is_heard);
        self.output += u64::from(output) & heard.wrapping_neg();
        self.answers += heard;
    }

    #[inline(always)]
    pub(super) fn and(self, other: Sum) -> Sum {
        Sum { output: self.output + other.output, answers: self.answers + other.answers }
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
    /// Answers of which nothing matters but their output.
    pub(super) others: Sum,
}

impl<A: Admit> Passage<'_, A> {
    /// As many of the slices ahead as the mean of answers stays the same in, if there are any, and what is heard there;
    /// `outputs` are those of the attempts that begin there.
    #[inline(always)]
    pub(super) fn hear_ahead(
        &mut self,
        ahead: Ahead,
        upcoming: Upcoming<'_>,
        outputs: &[u32],
        answers: &Answers,
        (hearers, kept): (&mut Hearers, &Outputs),
        told: &mut Told,
    ) -> Option<(Ahead, Begun)> {
        let (ahead, begun, mut leeway) = self.leave_leeway(ahead, upcoming, outputs, answers);
        let (first, end) = (ahead.first, ahead.first + ahead.slices as u64);
        let Course { agenda, far, .. } = &mut *self.course;
        let (admissions, nobody_hears) = (self.moved.admissions, hearers.is_empty());
        let number = |entry: &Entry| number_of(entry.what().slot(), admissions);
        let mut somebody_hears = |number: u64, tick: u64| {
            let news = hearers.take(number).filter(|news| news.client != News::UNHEARD.client);
            told.heard.extend(news.map(|news| Heard { tick, number, news }));
            news.map_or(UNHEARD, |news| news.output)
        };
        let mut from_afar = Sum::default();
        agenda.take_far(end - 1, far);
        for &(entry, tick) in far.iter() {
            from_afar.add(kept.get(number(&entry)));
            if !nobody_hears {
                from_afar.add(somebody_hears(number(&entry), tick));
            }
        }
        agenda.put_back(far);
        told.others = Sum::default();
        let mut steady = first;
        while steady < end {
            let (mut others, mut somebodys) = (Sum::default(), Sum::default());
            for entry in agenda.entries(steady) {
                others.add(kept.get(number(&entry)));
                if !nobody_hears {
                    somebodys.add(somebody_hears(number(&entry), steady));
                }
            }
            let sum = others.and(somebodys);
            if !leeway.has_room(sum.and(from_afar)) {
                break;
            }
            leeway.pass(sum);
            told.others = told.others.and(others);
            steady += 1;
        }
        for (entry, tick) in far.iter() {
            told.others.add_if(*tick < steady, kept.get(number(entry)));
        }
        if steady == end {
            return Some((ahead, begun));
        }
        told.heard.retain(|heard| {
            let comes = heard.tick < steady;
            if !comes {
                hearers.insert(heard.number, heard.news);
            }
            comes
        });
        if steady == first {
            return None;
        }
        let attempts = upcoming.made_before(steady, agenda.shift());
        let begun = Begun::of(&outputs[..attempts], upcoming.ends, agenda.start_of(steady), answers.mean());
        Some((Ahead { first, slices: (steady - first) as usize, attempts }, begun))
    }

    /// So many of the slices ahead that what begins there leaves half of the leeway, or the first; and what remains of it.
    #[inline(always)]
    fn leave_leeway(
        &self,
        mut ahead: Ahead,
        upcoming: Upcoming<'_>,
        outputs: &[u32],
        answers: &Answers,
    ) -> (Ahead, Begun, Leeway) {
        let all = Leeway::of(answers);
        loop {
            let begun = Begun::of(&outputs[..ahead.attempts], upcoming.ends, self.end_of(ahead), answers.mean());
            let rest = all.beside(begun.distances(all.mean));
            if ahead.slices == 1 || rest.is_half_of(all) {
                return (ahead, begun, rest);
            }
            ahead.slices = ahead.slices.div_ceil(2);
            let end = ahead.first + ahead.slices as u64;
            ahead.attempts = upcoming.made_before(end, self.course.agenda.shift());
        }
    }
}
