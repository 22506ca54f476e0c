//! A quantile function as a table of polynomials, for draws of a few nanoseconds.

use super::gamma::Walk;
use super::law::{Law, Side};

/// A quantile function tabulated over the uniform numbers between its far tails.
///
/// Cells are spaced geometrically towards both ends of the unit interval, as quantile functions bend there: with `v`
/// the distance to the nearer end, each octave of `v` from 2⁻²⁵ to 1/2 has 16 cells, found by the exponent and the
/// first bits of the mantissa of `v`. In each a polynomial of degree five interpolates the exact quantile function at
/// six points; the ends of the cell are among them, so the table is continuous, and increasing but for rounding. The
/// far tails, one draw in 17 million, are computed exactly.
#[derive(Debug, Clone)]
pub(super) struct QuantileTable {
    law: Law,
    /// Of each cell the polynomial of the lower and of the upper side.
    cells: Box<[[Polynomial; 2]]>,
}

/// Coefficients of 1, t … t⁵ for `t` from 0 to 1 across the cell.
type Polynomial = [f64; 6];

/// Binary digits of `v` after the first that choose a cell.
const CELL_BITS: u32 = 4;
/// Octaves of `v` in the table, the last ending at 1/2.
const OCTAVES: u32 = 24;
/// The smallest `v` in the table.
const SMALLEST: f64 = 1.0 / 33_554_432.0;
/// Stored bits of a mantissa.
const MANTISSA_BITS: u32 = f64::MANTISSA_DIGITS - 1;
/// The number of the first cell, were all binary exponents of `v·2⁵³` in the table.
const FIRST_CELL: u64 = (1023 + 52 - OCTAVES as u64) << CELL_BITS;

/// Where in its cell a polynomial meets the quantile function: the zeros of a Chebyshev polynomial of degree six,
/// stretched until the outer ones touch the ends, `(1 ± x)/2` with `x = 1, √3 − 1, 2 − √3`.
const NODES: Polynomial =
    [0.0, 0.133_974_596_215_561_35, 0.366_025_403_784_438_65, 0.633_974_596_215_561_4, 0.866_025_403_784_438_6, 1.0];

/// The error a table may have, relative to the quantile or to a thousandth of the mean if that is larger.
const TOLERANCE: f64 = 1e-7;

impl QuantileTable {
    /// Tabulates a law; none when its parameters are so extreme that the table would miss [`TOLERANCE`].
    pub(super) fn new(law: Law) -> Option<QuantileTable> {
        let lower = side_cells(&law, Side::Lower);
        let upper = side_cells(&law, Side::Upper);
        let cells = lower.into_iter().zip(upper).map(|(lower, upper)| [lower, upper]).collect();
        let table = QuantileTable { law, cells };
        table.is_accurate().then_some(table)
    }

    /// The quantile at the uniform number that 64 bits stand for, `(bits + ½) / 2⁶⁴`.
    #[inline]
    pub(super) fn sample(&self, bits: u64) -> f64 {
        let side = bits >> 63;
        let distance = bits ^ side.wrapping_neg();
        // 52 bits and a half are exact in an f64 and never zero.
        let pattern = ((distance >> 11) as f64 + 0.5).to_bits();
        let cell = (pattern >> (MANTISSA_BITS - CELL_BITS)).wrapping_sub(FIRST_CELL);
        match self.cells.get(cell as usize) {
            Some(sides) => evaluate(&sides[side as usize], place_in_cell(pattern)),
            None => far_tail(&self.law, bits),
        }
    }

    /// The law behind the table.
    pub(super) fn law(&self) -> &Law {
        &self.law
    }

    /// Checks the middle of a cell in every sixth octave, the first of its octave as that is the widest for its place.
    fn is_accurate(&self) -> bool {
        [1, 7, 13, 19, 24].into_iter().all(|octave| {
            let v = libm::ldexp(1.0 + 1.0 / 32.0, -1 - octave);
            let cell = (OCTAVES as i32 - octave) as usize * (1 << CELL_BITS);
            [Side::Lower, Side::Upper].into_iter().all(|side| {
                let exact = self.law.quantile(side, v);
                let error = evaluate(&self.cells[cell][side as usize], 0.5) - exact;
                error.abs() <= TOLERANCE * magnitude(&self.law, exact)
            })
        })
    }
}

/// What the error of a value is compared with: the value, or a thousandth of the mean for smaller ones.
fn magnitude(law: &Law, value: f64) -> f64 {
    let mean = law.mean();
    if mean.is_finite() { value.abs().max(1e-3 * mean) } else { value.abs() }
}

/// The quantile of a law at 64 bits, without a table.
#[cold]
pub(super) fn far_tail(law: &Law, bits: u64) -> f64 {
    let (side, distance) = if bits >> 63 == 0 { (Side::Lower, bits) } else { (Side::Upper, !bits) };
    law.quantile(side, (distance as f64 + 0.5) / super::address::TWO_POW_64)
}

/// The digits of `v` below those that choose the cell, as a number from 0 to 1.
#[inline]
fn place_in_cell(pattern: u64) -> f64 {
    const ONE: u64 = 1023 << MANTISSA_BITS;
    f64::from_bits(((pattern << CELL_BITS) & ((1 << MANTISSA_BITS) - 1)) | ONE) - 1.0
}

#[inline]
fn evaluate(c: &Polynomial, t: f64) -> f64 {
    // Estrin's order: three short chains instead of a long one.
    let t2 = t * t;
    (c[0] + c[1] * t) + ((c[2] + c[3] * t) + (c[4] + c[5] * t) * t2) * t2
}

/// The polynomials of one side, from the tail to the middle.
fn side_cells(law: &Law, side: Side) -> Vec<Polynomial> {
    let mut walk = match *law {
        Law::Gamma { shape, scale } if Walk::suits(shape) => Some((Walk::new(shape, side, SMALLEST), scale)),
        _ => None,
    };
    let mut cells = Vec::with_capacity((OCTAVES as usize) << CELL_BITS);
    let mut end = law.quantile(side, SMALLEST);
    for octave in 0..OCTAVES {
        let start_of_octave = libm::ldexp(SMALLEST, octave as i32);
        let width = start_of_octave / 16.0;
        for place in 0..1 << CELL_BITS {
            let [_, shares @ ..] = NODES;
            let values = match &mut walk {
                Some((walk, scale)) => walk.step(width, &shares).map(|x| *scale * x),
                None => shares.map(|share| law.quantile(side, start_of_octave + (f64::from(place) + share) * width)),
            };
            let mut nodes = [end; 6];
            nodes[1..].copy_from_slice(&values);
            cells.push(interpolate(nodes));
            end = nodes[5];
        }
    }
    cells
}

/// The polynomial through values at [`NODES`], by Newton's divided differences.
fn interpolate(mut values: Polynomial) -> Polynomial {
    for order in 1..6 {
        for i in (order..6).rev() {
            values[i] = (values[i] - values[i - 1]) / (NODES[i] - NODES[i - order]);
        }
    }
    // Multiply out (…((d₅)(t − t₄) + d₄)(t − t₃) + …) + d₀.
    let mut polynomial = [0.0; 6];
    polynomial[0] = values[5];
    for i in (0..5).rev() {
        for power in (1..6).rev() {
            polynomial[power] = polynomial[power - 1] - NODES[i] * polynomial[power];
        }
        polynomial[0] = values[i] - NODES[i] * polynomial[0];
    }
    polynomial
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Key, Purpose};

    /// Laws of all kinds, ordinary and strange.
    const LAWS: [Law; 16] = [
        Law::Exponential { mean: 3.0 },
        Law::LogNormal { mu: 6.0, sigma: 0.64 },
        Law::LogNormal { mu: 0.0, sigma: 3.0 },
        Law::Gamma { shape: 0.06, scale: 2.0 },
        Law::Gamma { shape: 0.25, scale: 4.0 },
        Law::Gamma { shape: 1.0, scale: 1.0 },
        Law::Gamma { shape: 7.3, scale: 0.5 },
        Law::Gamma { shape: 640.0, scale: 0.5 },
        Law::Gamma { shape: 1e6, scale: 1.0 },
        Law::Weibull { shape: 0.3, scale: 1.0 },
        Law::Weibull { shape: 1.5, scale: 2.0 },
        Law::Weibull { shape: 40.0, scale: 2.0 },
        Law::Pareto { min: 2.0, alpha: 0.5 },
        Law::Pareto { min: 2.0, alpha: 1.0 },
        Law::Pareto { min: 2.0, alpha: 2.5 },
        Law::Pareto { min: 1.0, alpha: 20.0 },
    ];

    fn other_laws() -> [Law; 5] {
        [
            Law::truncated_normal(10.0, 2.0),
            Law::truncated_normal(1.0, 1.0),
            Law::truncated_normal(-1.0, 1.0),
            Law::bounded_pareto(1.0, 1.1, 1e6),
            Law::bounded_pareto(1.0, 0.2, 10.0),
        ]
    }

    /// Bits over all octaves of both tails, many per octave.
    fn probes() -> impl Iterator<Item = u64> {
        let key = Key::new(9, 0, 0, Purpose::Input);
        (0..64_u32).flat_map(move |octave| {
            (0..400).map(move |i| {
                let bits = key.bits(u64::from(octave) * 400 + i);
                let small = (bits | 1 << 63) >> octave;
                if bits & 1 == 0 { small } else { !small }
            })
        })
    }

    #[test]
    fn tables_are_the_exact_quantile_functions_to_one_part_in_ten_million() {
        for law in LAWS.into_iter().chain(other_laws()) {
            let table = QuantileTable::new(law).expect("these parameters are not extreme");
            let (mut worst, mut at) = (0.0, 0);
            for bits in probes() {
                let exact = far_tail(&law, bits);
                let error = (table.sample(bits) - exact).abs() / magnitude(&law, exact);
                if error > worst {
                    (worst, at) = (error, bits);
                }
            }
            assert!(worst < 1e-7, "{law:?}: {worst:e} at {at:x}");
        }
    }

    #[test]
    fn tables_increase() {
        for law in LAWS.into_iter().chain(other_laws()) {
            let table = QuantileTable::new(law).expect("these parameters are not extreme");
            let mut bits: Vec<u64> = probes().collect();
            bits.sort_unstable();
            for pair in bits.windows(2) {
                let (x, y) = (table.sample(pair[0]), table.sample(pair[1]));
                assert!(y >= x - 1e-12 * magnitude(&law, x), "{law:?}: {x} then {y}");
            }
        }
    }

    #[test]
    fn extreme_parameters_have_no_table() {
        assert!(QuantileTable::new(Law::Pareto { min: 1.0, alpha: 0.01 }).is_none());
        assert!(QuantileTable::new(Law::LogNormal { mu: 0.0, sigma: 300.0 }).is_none());
    }
}
