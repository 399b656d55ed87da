//! `Beta`: the decay of a mean, as kernels and twins read it.

use super::{Layout, Member, Real, ln_beta, moving_average, one_minus_pow};
use crate::layout;

layout! {
    /// The decay of a mean, for a [`layout!`](crate::layout), with what follows from it and is formed in f64: f32 has `1 - 0.999` 1.3e-5 off.
    ///
    /// ```
    /// use wgpu_optim::{layout, rule::{Beta, Layout}};
    /// layout! {
    ///     /// What the kernel reads.
    ///     pub struct Hyper<F> { lr: F, beta1: Beta<F> }
    /// }
    /// let hyper = Hyper { lr: 0.5_f64, beta1: Beta::of(0.9) };
    /// assert_eq!(hyper.numbers()[..3], [0.5, 0.9, 1.0 - 0.9]);
    /// assert_eq!(Hyper::<f64>::FIELDS[1].words(), ["beta1.beta", "beta1.rest", "beta1.ln", "beta1.ln_low"]);
    /// ```
    ///
    /// In WGSL, `h.beta1` has the members too, and [`decayed_average`] and [`bias_correction`] take it.
    pub struct Beta<F> {
        /// The decay itself.
        beta: F,
        /// `1 - beta`.
        rest: F,
        /// Its logarithm, at least -1000.
        ln: F,
        /// What the rounding of the logarithm left over.
        ln_low: F,
    }
}

impl<F: Real> Beta<F> {
    /// From the decay, which is at least 0 and below 1.
    pub fn of(beta: f64) -> Self {
        let (ln, ln_low) = ln_beta(beta);
        Beta { beta: F::of(beta), rest: F::of(1.0 - beta), ln, ln_low }
    }
}

impl<F: Real> Member for Beta<F> {
    const WGSL: &'static str = "Beta";
    const WORDS: usize = Self::FIELDS.len();
    fn push_words(self, words: &mut Vec<u32>) {
        words.extend(Layout::words(&self));
    }
    fn push_numbers(self, numbers: &mut Vec<f64>) {
        numbers.extend(Layout::numbers(&self));
    }
    fn assign(&mut self, word: usize, number: f64, error: f64) {
        Layout::assign(self, word, number, error);
    }
}

/// `beta * average + (1 - beta) * x`; see [`moving_average`].
#[inline(always)]
pub fn decayed_average<F: Real>(average: F, x: F, beta: Beta<F>) -> F {
    moving_average(average, x, beta.beta, beta.rest)
}

/// `1 - beta^step`, by which a mean that began at 0 is divided; see [`one_minus_pow`].
pub fn bias_correction<F: Real>(beta: Beta<F>, step: F) -> F {
    one_minus_pow(beta.ln, beta.ln_low, step)
}
