//! A spike of the traffic as written.

use super::build::Builder;
use super::context::At;
use super::describe::record;
use super::problem::{Span, shown};
use super::scalar::Fraction;
use crate::model::Spike;
use crate::model::scenario::Load;
use crate::units::{SimSpan, SimTime, format};

record! {
    /// A while with more traffic; the run says whether the system comes back by itself.
    struct SpikeSpec as "spike" {
        /// When it begins, from the start.
        at: SimSpan = required,
        /// How long it lasts.
        r#for: SimSpan = required,
        /// Multiplies the rate of open arrivals while it lasts, on top of the scenario's `load`.
        load: Fraction = required,
        /// The workloads whose traffic spikes; left out, all with open arrivals.
        workloads: Vec<At<String>>,
    }
}

impl SpikeSpec {
    /// The spike; `closed` says which of the named workloads are closed loops.
    pub(crate) fn build(
        &self,
        b: &mut Builder<'_>,
        names: &[String],
        closed: &[bool],
        [warmup, horizon]: [SimTime; 2],
    ) -> Option<Spike> {
        let (at, lasts, load) = (self.at?, self.r#for?, self.load?);
        b.require(lasts.value > SimSpan::ZERO, lasts.at, || "`for` is 0: it must be positive".to_owned())?;
        b.require(load.value.numerator >= load.value.denominator, load.at, || {
            "`load` of a spike is below 1: it multiplies the traffic by at least 1".to_owned()
        })?;
        let chosen = self.chosen(b, at.at, names, closed)?;
        let load = Load { numerator: load.value.numerator, denominator: load.value.denominator };
        let spike = Spike { at: SimTime(at.value.0), lasts: lasts.value, load, workloads: chosen };
        let written = |time: SimTime| format::duration(SimSpan(time.0));
        if spike.at < warmup {
            let message = format!("the spike begins at {}, before requests are counted", written(spike.at));
            b.cx.warn(at.at, message, format!("let it begin after `warmup`, {}", written(warmup)));
        } else if spike.ends() >= horizon {
            let message = format!(
                "the spike ends at {}, and the `horizon`, {}, leaves nothing to come back in",
                written(spike.ends()),
                written(horizon)
            );
            b.cx.warn(at.at, message, "lengthen `horizon`");
        }
        Some(spike)
    }

    /// The workloads that it concerns, as indices.
    fn chosen(&self, b: &mut Builder<'_>, at: Span, names: &[String], closed: &[bool]) -> Option<Vec<usize>> {
        let Some(list) = &self.workloads else {
            let all: Vec<usize> = (0..closed.len()).filter(|&index| !closed[index]).collect();
            b.require(!all.is_empty() || closed.is_empty(), at, || {
                "the spike multiplies the rate of arrivals, and closed loops have none of their own".to_owned()
            })?;
            return Some(all);
        };
        let mut chosen = Vec::new();
        let mut fine = b.require(!list.value.is_empty(), list.at, || "`workloads` of the spike is empty".to_owned());
        for name in &list.value {
            let found = b.index("workload", name, names);
            let usable = found.filter(|&index| {
                if closed[index] {
                    let message = format!("`{}` is a closed loop, whose rate follows its answers", shown(&name.value));
                    b.cx.problem_with(name.at, message, "name workloads with open arrivals");
                }
                !closed[index]
            });
            match usable {
                Some(index) => chosen.push(index),
                None => fine = None,
            }
        }
        fine?;
        chosen.sort_unstable();
        chosen.dedup();
        Some(chosen)
    }
}
