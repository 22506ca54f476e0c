//! The regularised incomplete gamma function and its inverse.

use super::law::Side;
use super::special::normal_quantile;

/// Above this shape the Cornish–Fisher expansion of the quantile is as good as its inverse, and far cheaper.
const LARGE_SHAPE: f64 = 1_000.0;

/// The quantile of the gamma law with unit scale: the `x` with `P(shape, x) = u`.
pub(super) fn gamma_quantile(shape: f64, side: Side, v: f64) -> f64 {
    if shape >= LARGE_SHAPE {
        return cornish_fisher(shape, side, v);
    }
    solve(shape, side, v, first_guess(shape, side, v))
}

/// The share of the unit-scale gamma law on a side of `x`: `P(a, x)` below or `Q(a, x) = 1 − P(a, x)` above.
///
/// # Formula
///
/// Below `a + 1` the series `P = D·Σ xⁿ / ((a+1)…(a+n))`, above it the continued fraction
/// `Q = D·a / (x+1−a − 1·(1−a)/(x+3−a − 2·(2−a)/(x+5−a − …)))`, with `D = xᵃ e⁻ˣ / Γ(a+1)`.
///
/// # Source
///
/// Abramowitz and Stegun 6.5.29 and 6.5.31; Lentz's evaluation, Thompson and Barnett (1986).
pub(super) fn gamma_share(a: f64, side: Side, x: f64) -> f64 {
    let front = libm::exp(log_front(a, x));
    let (share, of) =
        if x < a + 1.0 { (front * series(a, x), Side::Lower) } else { (front * a * fraction(a, x), Side::Upper) };
    if of == side { share } else { 1.0 - share }
}

/// `ln(xᵃ e⁻ˣ / Γ(a+1))`, without cancellation between its terms when the shape is large.
fn log_front(a: f64, x: f64) -> f64 {
    if a < 20.0 {
        return a * libm::log(x) - x - libm::lgamma(a + 1.0);
    }
    let d = (x - a) / a;
    // Stirling's series, Abramowitz and Stegun 6.1.41; the next term is below 1e-17 here.
    let r = 1.0 / (a * a);
    let stirling = (1.0 / 12.0 - r * (1.0 / 360.0 - r * (1.0 / 1260.0 - r * (1.0 / 1680.0 - r / 1188.0)))) / a;
    a * (libm::log1p(d) - d) - 0.5 * libm::log(std::f64::consts::TAU * a) - stirling
}

fn series(a: f64, x: f64) -> f64 {
    let (mut term, mut sum, mut n) = (1.0, 1.0, a);
    while term > sum * 1e-17 {
        n += 1.0;
        term *= x / n;
        sum += term;
    }
    sum
}

fn fraction(a: f64, x: f64) -> f64 {
    // Where a quotient would be divided by zero, Lentz divides by next to nothing.
    let nonzero = |y: f64| if y.abs() < 1e-300 { 1e-300 } else { y };
    let mut base = x + 1.0 - a;
    let mut forward = 1e300;
    let mut backward = 1.0 / base;
    let mut value = backward;
    for i in 1..100_000 {
        let i = f64::from(i);
        let numerator = -i * (i - a);
        base += 2.0;
        backward = 1.0 / nonzero(numerator * backward + base);
        forward = nonzero(base + numerator / forward);
        let factor = forward * backward;
        value *= factor;
        if (factor - 1.0).abs() < 3e-16 {
            break;
        }
    }
    value
}

/// Wilson and Hilferty's cube root for the body, the leading term of the series for the lower tail.
fn first_guess(a: f64, side: Side, v: f64) -> f64 {
    let z = match side {
        Side::Lower => normal_quantile(v),
        Side::Upper => -normal_quantile(v),
    };
    let u = if side == Side::Lower { v } else { 1.0 - v };
    let root = 1.0 - 1.0 / (9.0 * a) + z / (3.0 * libm::sqrt(a));
    let body = a * root * root * root;
    let lower_tail = libm::exp((libm::log(u) + libm::lgamma(a + 1.0)) / a);
    if root < 0.3 || a < 0.5 && lower_tail < 0.5 { lower_tail.max(f64::MIN_POSITIVE) } else { body.max(1e-3 * a) }
}

/// Solves `ln share(eʸ) = ln v` for `y = ln x` by Newton steps that a bracket keeps in check.
pub(super) fn solve(a: f64, side: Side, v: f64, guess: f64) -> f64 {
    let sign = if side == Side::Lower { 1.0 } else { -1.0 };
    // Below the smallest normal number the quantile is zero for every purpose of ours.
    let (mut low, mut high) = (-708.0, 12.0 + libm::log(a + 1.0));
    let mut y = libm::log(guess).clamp(low, high);
    for _ in 0..200 {
        let x = libm::exp(y);
        let share = gamma_share(a, side, x);
        let excess = sign * (share - v);
        if excess > 0.0 {
            high = y;
        } else {
            low = y;
        }
        // d ln share / dy = ± x · density / share, and x · density = a · front.
        let slope = a * libm::exp(log_front(a, x));
        let newton = y - sign * share * libm::log(share / v) / slope;
        let next = if newton > low && newton < high { newton } else { 0.5 * (low + high) };
        if (next - y).abs() <= 4e-16 * y.abs().max(0.25) {
            return if next <= -707.0 { 0.0 } else { libm::exp(next) };
        }
        y = next;
    }
    libm::exp(y)
}

/// The quantile for a large shape `a`, by the powers of `1/√a`. Relative error below 2e-8 up to eight deviations.
///
/// # Formula
///
/// `a + z√a + (z²−1)/3 + (z³−7z)/(36√a) − (3z⁴+7z²−16)/(810a) + (9z⁵+256z³−433z)/(38880 a√a)`, `z = Φ⁻¹(u)`.
///
/// # Source
///
/// Goldberg and Levine, "Approximate formulas for the percentage points and normalization of t and χ²", Annals of
/// Mathematical Statistics 17 (1946), for χ² with `2a` degrees of freedom, halved.
fn cornish_fisher(a: f64, side: Side, v: f64) -> f64 {
    let z = match side {
        Side::Lower => normal_quantile(v),
        Side::Upper => -normal_quantile(v),
    };
    let root = libm::sqrt(a);
    let z2 = z * z;
    a + root * z + (z2 - 1.0) / 3.0 + z * (z2 - 7.0) / (36.0 * root) - (z2 * (3.0 * z2 + 7.0) - 16.0) / (810.0 * a)
        + z * (z2 * (9.0 * z2 + 256.0) - 433.0) / (38_880.0 * a * root)
}

/// Walks along the gamma quantile function with unit scale, from the end of a side to the middle, in steps that need
/// no incomplete gamma function.
///
/// # Formula
///
/// As a function of `v`, the quantile `x` obeys `x′ = ±1/f(x)` with the density `f`, hence
/// `x·x″ = (x − (a−1))·x′²`, which gives all coefficients of its Taylor series from the first two.
///
/// # Source
///
/// Steinbrecher and Shaw, "Quantile mechanics", European Journal of Applied Mathematics 19 (2008).
#[derive(Debug)]
pub(super) struct Walk {
    shape: f64,
    sign: f64,
    x: f64,
}

impl Walk {
    /// Terms of the series after the constant one: with steps of `v/16` the rest is below 1e-14 in the laws walked.
    const ORDER: usize = 14;

    /// Shapes outside have cheaper or safer ways.
    pub(super) fn suits(shape: f64) -> bool {
        (0.05..LARGE_SHAPE).contains(&shape)
    }

    /// Starts at distance `v` from the end of a side.
    pub(super) fn new(shape: f64, side: Side, v: f64) -> Walk {
        let sign = if side == Side::Lower { 1.0 } else { -1.0 };
        Walk { shape, sign, x: gamma_quantile(shape, side, v) }
    }

    /// Advances `v` by `h`, and returns the quantile at the given shares of the step, the last of which must be one.
    pub(super) fn step<const N: usize>(&mut self, h: f64, shares: &[f64; N]) -> [f64; N] {
        let a = self.shape;
        // Coefficients in s = (v − start)/h of x, x′ and x″.
        let mut x = [0.0; Self::ORDER + 1];
        let mut first = [0.0; Self::ORDER];
        let mut second = [0.0; Self::ORDER];
        let mut square = [0.0; Self::ORDER];
        x[0] = self.x;
        // The density is a · front / x.
        x[1] = self.sign * h * self.x * libm::exp(-log_front(a, self.x)) / a;
        first[0] = x[1];
        for n in 0..Self::ORDER - 1 {
            square[n] = (0..=n).map(|j| first[j] * first[n - j]).sum();
            let curve: f64 = (0..=n).map(|j| x[j] * square[n - j]).sum::<f64>() - (a - 1.0) * square[n];
            let known: f64 = (1..=n).map(|j| x[j] * second[n - j]).sum();
            second[n] = (curve - known) / x[0];
            first[n + 1] = second[n] / (n + 1) as f64;
            x[n + 2] = first[n + 1] / (n + 2) as f64;
        }
        let values = shares.map(|s| x.iter().rev().fold(0.0, |sum, c| sum * s + c));
        self.x = values[N - 1];
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `P(a, x)` for half-integer and integer shapes in closed form, from `P(a+1, x) = P(a, x) − xᵃe⁻ˣ/Γ(a+1)`.
    fn closed_form(twice_shape: u32, x: f64) -> f64 {
        let (mut p, mut a) =
            if twice_shape.is_multiple_of(2) { (-libm::expm1(-x), 1.0) } else { (libm::erf(x.sqrt()), 0.5) };
        while a < f64::from(twice_shape) / 2.0 {
            p -= x.powf(a) * (-x).exp() / libm::tgamma(a + 1.0);
            a += 1.0;
        }
        p
    }

    #[test]
    fn the_incomplete_gamma_function_has_its_closed_forms() {
        for twice_shape in 1..40 {
            for step in 1..100 {
                let x = 0.3 * f64::from(step);
                let exact = closed_form(twice_shape, x);
                let a = f64::from(twice_shape) / 2.0;
                let lower = gamma_share(a, Side::Lower, x);
                assert!((lower - exact).abs() < 1e-13, "P({a}, {x}) = {lower}, not {exact}");
                assert!((lower + gamma_share(a, Side::Upper, x) - 1.0).abs() < 1e-15);
            }
        }
    }

    #[test]
    fn the_quantile_inverts_the_incomplete_gamma_function() {
        for shape in [0.01, 0.04, 0.1, 0.25, 0.5, 1.0, 2.0, 3.7, 10.0, 99.0, 640.0] {
            for side in [Side::Lower, Side::Upper] {
                for step in 0..60 {
                    let v = 0.5 * libm::exp(-0.7 * f64::from(step));
                    let x = gamma_quantile(shape, side, v);
                    if x > 1e-290 {
                        let relative = gamma_share(shape, side, x) / v - 1.0;
                        // A quantile rounded to the nearest number moves the share by its elasticity.
                        assert!(relative.abs() < 1e-12 * (1.0 + x), "shape {shape}, {side:?} {v}: {relative}");
                    }
                }
            }
        }
    }

    #[test]
    fn large_shapes_continue_small_ones() {
        for shape in [1_000.0, 5_000.0] {
            for side in [Side::Lower, Side::Upper] {
                for v in [0.5, 0.1, 1e-3, 1e-6, 1e-9, 1e-15] {
                    let fast = gamma_quantile(shape, side, v);
                    let exact = solve(shape, side, v, fast);
                    assert!((fast / exact - 1.0).abs() < 2e-8, "shape {shape}, {side:?} {v}: {fast} {exact}");
                }
            }
        }
    }

    #[test]
    fn a_walk_stays_on_the_quantile_function() {
        for shape in [0.05, 0.25, 1.0, 2.5, 30.0, 900.0] {
            for side in [Side::Lower, Side::Upper] {
                let mut v = libm::exp2(-25.0);
                let mut walk = Walk::new(shape, side, v);
                while v < 0.25 {
                    for _ in 0..16 {
                        let h = v / 16.0;
                        let [_, end] = walk.step(h, &[0.5, 1.0]);
                        v += h;
                        let exact = gamma_quantile(shape, side, v);
                        assert!((end / exact - 1.0).abs() < 1e-11, "shape {shape}, {side:?} {v}: {end} {exact}");
                    }
                }
            }
        }
    }
}
