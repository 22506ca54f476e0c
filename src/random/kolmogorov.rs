//! The Kolmogorov–Smirnov test, for the tests of this module.

/// Fails when draws do not follow a continuous distribution function, at significance 10⁻⁴.
///
/// # Formula
///
/// `D = sup |Fₙ − F|` exceeds `√(−ln(α/2)/2) / √n` with probability about `α`.
///
/// # Source
///
/// Massart, "The tight constant in the Dvoretzky–Kiefer–Wolfowitz inequality", Annals of Probability 18 (1990).
pub(super) fn assert_follows(name: &str, mut draws: Vec<f64>, cdf: impl Fn(f64) -> f64) {
    let n = draws.len() as f64;
    draws.sort_unstable_by(f64::total_cmp);
    let (mut distance, mut at) = (0.0, 0.0);
    for (i, &x) in draws.iter().enumerate() {
        let share = cdf(x);
        let gap = (share - i as f64 / n).max((i + 1) as f64 / n - share);
        if gap > distance {
            (distance, at) = (gap, x);
        }
    }
    assert!(distance < critical() / n.sqrt(), "{name}: D = {distance} at {at}, n = {n}");
}

/// Fails when two sets of draws do not come from one distribution, at significance 10⁻⁴.
pub(super) fn assert_same_law(name: &str, mut one: Vec<f64>, mut two: Vec<f64>) {
    one.sort_unstable_by(f64::total_cmp);
    two.sort_unstable_by(f64::total_cmp);
    let (n, m) = (one.len() as f64, two.len() as f64);
    let mut j = 0;
    let mut distance: f64 = 0.0;
    for (i, x) in one.iter().enumerate() {
        while j < two.len() && two[j] <= *x {
            j += 1;
        }
        distance = distance.max(((i + 1) as f64 / n - j as f64 / m).abs());
    }
    assert!(distance < critical() * ((n + m) / (n * m)).sqrt(), "{name}: D = {distance}");
}

fn critical() -> f64 {
    (-(1e-4_f64 / 2.0).ln() / 2.0).sqrt()
}
