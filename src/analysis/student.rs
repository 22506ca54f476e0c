//! Student's t distribution, for confidences other than 95 %.

/// The quantile of Student's t with `degrees` of freedom, for a `probability` between one half and one.
///
/// *Formula*: the distribution function is a finite sum for whole degrees of freedom; with θ = atan(t/√ν) it is
/// `½ + θ/π + …` for odd ν and `½ + ½·sin θ·(1 + ½·cos² θ + 1·3/(2·4)·cos⁴ θ + …)` for even ν. It is inverted by
/// bisection.
///
/// *Source*: Abramowitz and Stegun, 26.7.3 and 26.7.4.
///
/// ```
/// use quotasim::analysis::student::quantile;
/// assert!((quantile(0.95, 9) - 1.833_113).abs() < 1e-6);
/// ```
pub fn quantile(probability: f64, degrees: usize) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    while below(high, degrees) < probability && high < 1e9 {
        high *= 2.0;
    }
    for _ in 0..200 {
        let middle = f64::midpoint(low, high);
        if middle <= low || middle >= high {
            break;
        }
        *(if below(middle, degrees) < probability { &mut low } else { &mut high }) = middle;
    }
    high
}

/// The probability of a value below `t`, for `t` of at least zero.
fn below(t: f64, degrees: usize) -> f64 {
    let v = degrees.max(1);
    let theta = libm::atan(t / (v as f64).sqrt());
    let (sin, cos) = (libm::sin(theta), libm::cos(theta));
    // The sum over every second power of the cosine, each term from the last.
    let (first, mut term) = if v.is_multiple_of(2) { (2, 1.0) } else { (3, cos) };
    let mut sum = if v == 1 { 0.0 } else { term };
    for n in (first..v.saturating_sub(1)).step_by(2) {
        term *= (n - 1) as f64 / n as f64 * cos * cos;
        sum += term;
    }
    let within = if v.is_multiple_of(2) { sin * sum } else { (theta + sin * sum) * std::f64::consts::FRAC_2_PI };
    f64::midpoint(1.0, within)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::estimate::t975;

    #[test]
    fn the_quantiles_of_the_tables() {
        // Abramowitz and Stegun, table 26.10.
        let table = [
            (0.95, 1, 6.313_752),
            (0.95, 2, 2.919_986),
            (0.95, 4, 2.131_847),
            (0.99, 3, 4.540_703),
            (0.995, 9, 3.249_836),
            (0.999, 2, 22.327_125),
            (0.9, 30, 1.310_415),
        ];
        for (probability, degrees, expected) in table {
            let found = quantile(probability, degrees);
            assert!((found - expected).abs() < 2e-6, "t({probability}, {degrees}) = {found}");
        }
    }

    #[test]
    fn it_agrees_with_the_table_of_the_estimates() {
        for degrees in [1, 2, 3, 7, 8, 29, 30, 31, 99, 1_000] {
            // Beyond the table the other is an expansion.
            let tolerance = if degrees <= 30 { 6e-6 } else { 1e-4 };
            assert!((quantile(0.975, degrees) - t975(degrees)).abs() < tolerance, "{degrees}");
        }
    }
}
