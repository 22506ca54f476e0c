//! Observed values in cells: what a fit needs of a sample, in a few hundred numbers.
//!
//! A recorded quantity is rounded: tokens to whole numbers, durations to milliseconds. A value therefore says that the
//! quantity lay in a cell around it, and its likelihood is the probability of that cell. So a law that puts much mass
//! on one number is never infinitely likely, and laws with and without density are compared on one scale. Large values
//! share cells of a few percent, within which every law considered here is flat.
//!
//! An answer that was cut at `max_tokens` is *censored*: its natural length is known only to lie above.

/// How finely large values are divided: cells per doubling.
const PER_OCTAVE: f64 = 24.0;

/// A value and how often it was seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cell {
    /// Lower edge.
    pub from: f64,
    /// Upper edge; what is larger belongs to the next cell.
    pub to: f64,
    /// Mean of the values in it.
    pub mean: f64,
    /// How many there are.
    pub count: f64,
}

/// Values that were cut at one length.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cut {
    /// The true values lie above.
    pub above: f64,
    /// How many there are.
    pub count: f64,
}

/// How a quantity was rounded when it was recorded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grain {
    /// Values are multiples of this.
    pub step: f64,
    /// What would be smaller was recorded as this.
    pub least: f64,
}

impl Grain {
    /// Tokens of a prompt.
    pub const TOKENS: Grain = Grain { step: 1.0, least: 0.0 };
    /// Tokens of an answer, which has at least one.
    pub const ANSWER: Grain = Grain { step: 1.0, least: 1.0 };
    /// Seconds, measured in milliseconds.
    pub const MILLISECONDS: Grain = Grain { step: 1e-3, least: 0.0 };

    /// The values that are recorded as `value`, from and to.
    pub fn around(self, value: f64) -> [f64; 2] {
        let half = self.step / 2.0;
        [if value > self.least { value - half } else { 0.0 }, value + half]
    }
}

/// One observation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Value {
    /// What was seen.
    pub value: f64,
    /// Whether the true value lies above, by an unknown amount.
    pub censored: bool,
}

impl Value {
    /// A value that was seen whole.
    pub fn exact(value: f64) -> Value {
        Value { value, censored: false }
    }
}

/// A sample in cells.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Cells {
    /// What was seen whole, in increasing order; no cell is empty.
    pub seen: Vec<Cell>,
    /// What was cut, in increasing order.
    pub cuts: Vec<Cut>,
    /// How many values there are, the cut ones included.
    pub total: f64,
}

impl Cells {
    /// Groups positive values.
    pub(super) fn new(values: &[Value], grain: Grain) -> Cells {
        let grid = Grid { grain };
        let caps = caps(values, grid);
        // Sums are taken in one order, whatever the order of the values.
        let mut sorted: Vec<(bool, i64, usize, f64)> = values
            .iter()
            .map(|value| {
                let between = caps.partition_point(|&cap| cap < value.value);
                (value.censored, grid.key(value.value), between, value.value)
            })
            .collect();
        sorted.sort_by(|a, b| (a.0, a.1, a.2).cmp(&(b.0, b.1, b.2)).then(a.3.total_cmp(&b.3)));
        let mut sample = Cells { total: values.len() as f64, ..Cells::default() };
        for group in sorted.chunk_by(|a, b| (a.0, a.1, a.2) == (b.0, b.1, b.2)) {
            let count = group.len() as f64;
            let mean = group.iter().map(|value| value.3).sum::<f64>() / count;
            match group[0] {
                (true, ..) => sample.cuts.push(Cut { above: mean + grain.step / 2.0, count }),
                (false, key, between, _) => {
                    let [from, to] = grid.edges(key);
                    let edge = |cap: Option<&f64>| cap.map(|cap| cap + grain.step / 2.0);
                    let from = edge(between.checked_sub(1).and_then(|below| caps.get(below)))
                        .map_or(from, |edge| edge.max(from));
                    let to = edge(caps.get(between)).map_or(to, |edge| edge.min(to));
                    sample.seen.push(Cell { from, to, mean, count });
                }
            }
        }
        sample
    }
}

/// The lengths at which values were cut, increasing. What lies above a cap was not seen, so no cell may reach across
/// one; where caps are nearly as many as values, the grid's cells are as good.
fn caps(values: &[Value], grid: Grid) -> Vec<f64> {
    const MANY: usize = 64;
    let mut caps: Vec<f64> = values.iter().filter(|value| value.censored).map(|value| value.value).collect();
    caps.sort_by(f64::total_cmp);
    caps.dedup();
    if caps.len() > MANY {
        caps.dedup_by_key(|cap| grid.key(*cap));
    }
    caps
}

/// Where the edges of cells lie: midway between multiples of the step, and never closer than a 24th of an octave.
#[derive(Debug, Clone, Copy)]
struct Grid {
    grain: Grain,
}

impl Grid {
    /// Below this many steps each multiple has its own cell.
    const EXACT: f64 = 34.0;

    fn key(self, value: f64) -> i64 {
        let units = libm::floor(value / self.grain.step + 0.5);
        if units < Self::EXACT { units as i64 } else { Self::EXACT as i64 + Self::octave_cell(units) }
    }

    fn octave_cell(units: f64) -> i64 {
        libm::floor(libm::log2(units / Self::EXACT) * PER_OCTAVE) as i64
    }

    fn edges(self, key: i64) -> [f64; 2] {
        let first = |key: i64| {
            let exact = Self::EXACT as i64;
            if key <= exact {
                return key as f64;
            }
            // The first whole number of units in the cell.
            let guess = libm::ceil(Self::EXACT * libm::exp2((key - exact) as f64 / PER_OCTAVE) - 1.0);
            (0..4)
                .map(|step| guess + f64::from(step))
                .find(|&units| Self::octave_cell(units) >= key - exact)
                .unwrap_or(guess)
        };
        let [from, to] = [first(key), first(key + 1)].map(|units| ((units - 0.5) * self.grain.step).max(0.0));
        [if from < self.grain.least { 0.0 } else { from }, to]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(values: impl IntoIterator<Item = f64>) -> Vec<Value> {
        values.into_iter().map(Value::exact).collect()
    }

    #[test]
    fn small_whole_numbers_have_cells_of_their_own() {
        let cells = Cells::new(&exact([5.0, 5.0, 6.0, 1.0]), Grain::TOKENS);
        let seen: Vec<_> = cells.seen.iter().map(|cell| (cell.from, cell.to, cell.count)).collect();
        assert_eq!(seen, [(0.5, 1.5, 1.0), (4.5, 5.5, 2.0), (5.5, 6.5, 1.0)]);
        assert_eq!(cells.total, 4.0);
    }

    #[test]
    fn cells_meet_and_hold_their_values() {
        for step in [1.0, 0.001, 0.25] {
            let values = (0..20_000).map(|i| f64::from(i) * step);
            let cells = Cells::new(&exact(values), Grain { step, least: 0.0 }).seen;
            assert!(cells.len() < 300, "{}", cells.len());
            for pair in cells.windows(2) {
                assert!((pair[0].to - pair[1].from).abs() < 1e-9 * pair[1].from.max(1e-9), "{pair:?}");
            }
            for cell in cells {
                assert!(cell.from <= cell.mean && cell.mean <= cell.to, "{cell:?}");
                assert!(cell.to - cell.from < 0.04 * cell.to + step, "{cell:?}");
            }
        }
    }

    #[test]
    fn what_was_rounded_up_to_the_least_value_lies_anywhere_below() {
        let answers = Cells::new(&exact([1.0, 2.0]), Grain::ANSWER).seen;
        assert_eq!([answers[0].from, answers[1].from], [0.0, 1.5]);
        assert_eq!(Grain::ANSWER.around(1.0), [0.0, 1.5]);
        assert_eq!(Grain::ANSWER.around(2.0), [1.5, 2.5]);
    }

    #[test]
    fn what_was_cut_is_counted_apart() {
        let sample = Cells::new(&[Value::exact(100.0), Value { value: 100.0, censored: true }], Grain::TOKENS);
        assert_eq!(sample.seen.len(), 1);
        assert_eq!((sample.seen[0].count, sample.seen[0].mean), (1.0, 100.0));
        assert_eq!(sample.cuts, [Cut { above: 100.5, count: 1.0 }]);
        assert_eq!(sample.total, 2.0);
        // A cell ends where a cap hides what follows; 99 and 101 share theirs otherwise.
        let values = [99.0, 101.0].map(Value::exact);
        let one = Cells::new(&values, Grain::TOKENS).seen;
        let two = Cells::new(&[&values[..], &[Value { value: 100.0, censored: true }]].concat(), Grain::TOKENS).seen;
        assert_eq!(one.len(), 1);
        assert_eq!([two[0].to, two[1].from], [100.5, 100.5]);
        assert_eq!([two[0].from, two[1].to], [one[0].from, one[0].to]);
    }
}
