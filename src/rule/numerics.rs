//! The twins of `shaders/lib/numerics.wgsl`: same names, same meaning.

use super::Real;

/// `ln(beta)` for [`one_minus_pow`], formed on the host in f64, as a number and what its rounding left over; finite for `beta = 0`, where
/// `beta^t` is below f64's smallest number.
pub fn ln_beta<F: Real>(beta: f64) -> (F, F) {
    let exact = beta.ln().max(-1e3);
    let high = F::of(exact);
    (high, F::of(exact - high.to_value()))
}

/// `1 - beta^step` from the two parts of `ln(beta)`, without the cancellation that this form has for `beta` near 1.
///
/// In f32 on a GPU, `1 - pow(beta, step)` is off by up to 3,000 ulp; this is within 2.2.
pub fn one_minus_pow<F: Real>(ln_beta: F, ln_beta_low: F, step: F) -> F {
    -(step * ln_beta + step * ln_beta_low).exp_m1()
}

/// `beta * average + (1 - beta) * x`, where `rest` is `1 - beta` formed in f64.
///
/// The form is torch's `lerp`: from the nearer end, so that a constant `x` is a fixed point and `beta`'s rounding to f32 does
/// not bias the average (for 0.999, `average * beta + rest * x` settles 1.3e-5 away).
#[inline(always)]
pub fn moving_average<F: Real>(average: F, x: F, beta: F, rest: F) -> F {
    if rest < F::of(0.5) {
        return average + rest * (x - average);
    }
    x - beta * (x - average)
}
