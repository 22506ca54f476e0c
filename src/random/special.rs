//! Special functions, from `+ − × ÷ √` and the `libm` crate alone.
//!
//! The standard library's `ln`, `exp` and `powf` may differ in the last bit from platform to platform, and a fused
//! multiply-add rounds once where a product and a sum round twice. Results must be the same bytes everywhere, so neither
//! is used here.

/// The standard normal quantile in the lower half: `Φ⁻¹(v)` for `0 < v ≤ 1/2`, not positive. Relative error about 1e-16.
///
/// # Source
///
/// Wichura, "Algorithm AS 241: The percentage points of the normal distribution", Applied Statistics 37 (1988), PPND16.
pub(super) fn normal_quantile(v: f64) -> f64 {
    let q = v - 0.5;
    if q >= -0.425 {
        return q * ratio(0.180_625 - q * q, &CENTRE);
    }
    let r = libm::sqrt(-libm::log(v));
    if r <= 5.0 { -ratio(r - 1.6, &MIDDLE) } else { -ratio(r - 5.0, &FAR) }
}

/// The standard normal distribution function `Φ(z) = erfc(−z/√2) / 2`.
pub(crate) fn normal_cdf(z: f64) -> f64 {
    0.5 * libm::erfc(-z * std::f64::consts::FRAC_1_SQRT_2)
}

/// The standard normal density.
pub(crate) fn normal_pdf(z: f64) -> f64 {
    libm::exp(-0.5 * z * z) / SQRT_TWO_PI
}

/// √(2π).
const SQRT_TWO_PI: f64 = 2.506_628_274_631_000_5;

/// Numerator and denominator of a rational function, from the constant term up.
type Rational = [[f64; 8]; 2];

/// For `|p − 1/2| ≤ 0.425`.
#[expect(clippy::excessive_precision, reason = "the digits as published")]
const CENTRE: Rational = [
    [
        3.387_132_872_796_366_608_0e0,
        1.331_416_678_917_843_774_5e2,
        1.971_590_950_306_551_442_7e3,
        1.373_169_376_550_946_112_5e4,
        4.592_195_393_154_987_145_7e4,
        6.726_577_092_700_870_085_3e4,
        3.343_057_558_358_812_810_5e4,
        2.509_080_928_730_122_672_7e3,
    ],
    [
        1.0,
        4.231_333_070_160_091_125_2e1,
        6.871_870_074_920_579_083_0e2,
        5.394_196_021_424_751_107_7e3,
        2.121_379_430_158_659_586_7e4,
        3.930_789_580_009_271_061_0e4,
        2.872_908_573_572_194_267_4e4,
        5.226_495_278_852_854_561_0e3,
    ],
];

/// For `√(−ln v) ≤ 5`.
#[expect(clippy::excessive_precision, reason = "the digits as published")]
const MIDDLE: Rational = [
    [
        1.423_437_110_749_683_577_34e0,
        4.630_337_846_156_545_295_90e0,
        5.769_497_221_460_691_405_50e0,
        3.647_848_324_763_204_605_04e0,
        1.270_458_252_452_368_382_58e0,
        2.417_807_251_774_506_117_70e-1,
        2.272_384_498_926_918_458_33e-2,
        7.745_450_142_783_414_076_40e-4,
    ],
    [
        1.0,
        2.053_191_626_637_758_821_87e0,
        1.676_384_830_183_803_849_40e0,
        6.897_673_349_851_000_045_50e-1,
        1.481_039_764_274_800_745_90e-1,
        1.519_866_656_361_645_719_66e-2,
        5.475_938_084_995_344_946_00e-4,
        1.050_750_071_644_416_843_24e-9,
    ],
];

/// Beyond.
#[expect(clippy::excessive_precision, reason = "the digits as published")]
const FAR: Rational = [
    [
        6.657_904_643_501_103_777_20e0,
        5.463_784_911_164_114_369_90e0,
        1.784_826_539_917_291_335_80e0,
        2.965_605_718_285_048_912_30e-1,
        2.653_218_952_657_612_309_30e-2,
        1.242_660_947_388_078_438_60e-3,
        2.711_555_568_743_487_578_15e-5,
        2.010_334_399_292_288_132_65e-7,
    ],
    [
        1.0,
        5.998_322_065_558_879_376_90e-1,
        1.369_298_809_227_358_053_10e-1,
        1.487_536_129_085_061_485_25e-2,
        7.868_691_311_456_132_591_00e-4,
        1.846_318_317_510_054_681_80e-5,
        1.421_511_758_316_445_888_70e-7,
        2.044_263_103_389_939_785_64e-15,
    ],
];

fn ratio(x: f64, [numerator, denominator]: &Rational) -> f64 {
    horner(x, numerator) / horner(x, denominator)
}

fn horner(x: f64, coefficients: &[f64]) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, c| sum * x + c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_quantiles_are_those_of_the_tables() {
        // 30-digit values, rounded.
        for (v, z) in [
            (0.5, 0.0),
            (0.25, -0.674_489_750_196_081_7),
            (0.05, -1.644_853_626_951_472_7),
            (0.025, -1.959_963_984_540_054_2),
            (1e-3, -3.090_232_306_167_813_5),
            (1e-9, -5.997_807_015_007_686_9),
            (1e-15, -7.941_345_326_170_998),
        ] {
            assert!((normal_quantile(v) - z).abs() <= 4e-15 * (1.0 + z.abs()), "{v}: {}", normal_quantile(v));
        }
    }

    #[test]
    fn the_normal_quantile_inverts_the_distribution_function() {
        for step in 1..4000 {
            let v = 0.5 * libm::exp(-0.01 * f64::from(step));
            let z = normal_quantile(v);
            let relative = normal_cdf(z) / v - 1.0;
            // A relative error of one rounding in z is about z² of them in the tail's share.
            assert!(relative.abs() < 1e-15 * (1.0 + z * z), "{v}: {relative}");
        }
    }
}
