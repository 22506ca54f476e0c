//! A distribution made ready to be drawn from.

use crate::model::Distribution;

/// A distribution compiled for drawing: one value for 64 uniform bits, increasing in them.
#[derive(Debug, Clone)]
pub struct Sampler(Distribution);

impl Sampler {
    /// Compiles a distribution.
    pub fn new(distribution: &Distribution) -> Sampler {
        Sampler(distribution.clone())
    }

    /// The quantile at the uniform number that `bits` stand for.
    pub fn sample(&self, bits: u64) -> f64 {
        let u = (bits >> 11) as f64 * 2f64.powi(-53);
        match self.0 {
            Distribution::Constant(x) => x,
            Distribution::Exponential { mean } => -mean * libm::log1p(-u),
            _ => unreachable!("only these two so far"),
        }
    }
}
