//! The twins of `shaders/lib/numerics.wgsl`: same names, same meaning.

use super::Real;

/// `ln(beta)` for [`one_minus_pow`], formed on the host in f64, as a number and what its rounding left over; finite for `beta = 0`, where
/// `beta^t` is below f64's smallest number.
pub fn ln_beta<F: Real>(beta: f64) -> (F, F) {
    parts(beta.ln().max(-1e3))
}

/// A number and what its rounding left over.
pub(crate) fn parts<F: Real>(exact: f64) -> (F, F) {
    let high = F::of(exact);
    (high, F::of(exact - high.to_value()))
}

/// `1 - beta^step` from the two parts of `ln(beta)`, without the cancellation that this form has for `beta` near 1.
///
/// In f32 on a GPU, `1 - pow(beta, step)` is off by up to 3,000 ulp; this is within 2.2.
pub fn one_minus_pow<F: Real>(ln_beta: F, ln_beta_low: F, step: F) -> F {
    -(step * ln_beta + step * ln_beta_low).exp_m1()
}

/// `beta^step` from the two parts of `ln(beta)`.
pub fn step_pow<F: Real>(ln_beta: F, ln_beta_low: F, step: F) -> F {
    (step * ln_beta + step * ln_beta_low).exp()
}

/// An exponent for [`power`], as a number of 12 bits, whose product with an exponent of f32 is exact, and what that leaves over.
pub fn exponent_parts<F: Real>(exponent: f64) -> (F, F) {
    let high = f64::from(f32::from_bits((exponent as f32).to_bits() & !0xfff));
    (F::of(high), F::of(exponent - high))
}

/// `x^exponent` for `x > 0`, from the two parts of the exponent.
///
/// WGSL's `pow` inherits the errors of `exp2` and `log2`, hundreds of ulp; this is off by `2 + 2 |exponent|` at most.
pub fn power<F: Real>(x: F, exponent: F, exponent_low: F) -> F {
    x.powf(exponent) * x.powf(exponent_low)
}

/// `ln(a / b)` of numbers that are not negative, without the cancellation of the quotient's logarithm for `a` near `b`; -1e30 for an `a` of 0.
pub fn ln_ratio<F: Real>(a: F, b: F) -> F {
    a.ln_ratio(b)
}

/// `a + weight * (b - a)`.
#[inline(always)]
pub fn lerp<F: Real>(a: F, b: F, weight: F) -> F {
    a.lerp(b, weight)
}

/// `x`, or a NaN where it is infinite.
#[inline(always)]
pub fn finite_or_nan<F: Real>(x: F) -> F {
    x.finite_or_nan()
}

/// -1, 0 or 1 by the sign of `x`; a NaN stays one, which WGSL's `sign` does not promise.
#[inline(always)]
pub fn sign_of<F: Real>(x: F) -> F {
    x.sign()
}

/// The larger of two that are not negative; a NaN stays one, which WGSL's `max` does not promise.
#[inline(always)]
pub fn larger<F: Real>(a: F, b: F) -> F {
    a.max(b)
}

/// The larger magnitude of two; a NaN stays one.
#[inline(always)]
pub fn larger_magnitude<F: Real>(a: F, b: F) -> F {
    larger(a.abs(), b.abs())
}

/// The smaller of two that are not negative; a NaN stays one, which WGSL's `min` does not promise.
#[inline(always)]
pub fn smaller<F: Real>(a: F, b: F) -> F {
    a.min(b)
}

/// `x`, but no less than `low`; a NaN stays one.
#[inline(always)]
pub fn at_least<F: Real>(x: F, low: F) -> F {
    x.max(low)
}

/// `x >= 0`, but no more than `high`; a NaN stays one.
#[inline(always)]
pub fn at_most<F: Real>(x: F, high: F) -> F {
    x.at_most(high)
}

/// `x`, but no less than `low` and no more than `high`; a NaN stays one, which WGSL's `min`, `max` and `clamp` do not promise.
#[inline(always)]
pub fn clamped<F: Real>(x: F, low: F, high: F) -> F {
    x.max(low).min(high)
}

/// One of three by the sign of `x`: below, at or above 0; a NaN stays one.
#[inline(always)]
pub fn by_sign<F: Real>(x: F, below: F, at: F, above: F) -> F {
    x.by_sign(below, at, above)
}

/// `x` where both `a` and `b` are negative or neither is, else 0; either where one of them is a NaN.
#[inline(always)]
pub fn where_same_side<F: Real>(x: F, a: F, b: F) -> F {
    let (negative, other) = (b.by_sign(x, F::zero(), F::zero()), b.by_sign(F::zero(), x, x));
    a.by_sign(negative, other, other)
}

/// `x` where `a` and `b` are both above or both below 0, else 0; `x` or 0 where one of them is a NaN. Signs are compared, so it does not matter whether f32
/// can hold `a * b`.
#[inline(always)]
pub fn where_agreeing<F: Real>(x: F, a: F, b: F) -> F {
    let zero = F::zero();
    b.by_sign(a.by_sign(x, zero, zero), zero, a.by_sign(zero, zero, x))
}

/// `x * x`, or f32's largest square where that would be infinite there: an infinite mean would make NaN of its next value. (torch's f32 mean
/// becomes infinite, and the element stays where it is for ever.)
#[inline(always)]
pub fn square<F: Real>(x: F) -> F {
    let most = F::of(f64::from(1.844_674_3e19_f32));
    let y = x.max(-most).min(most);
    y * y
}

/// [`square`], but 0 where f32 has no normal number for it: some adapters keep these, and some make them 0, so a norm that is compared with 0 needs to know.
#[inline(always)]
pub fn normal_square<F: Real>(x: F) -> F {
    let y = square(x);
    if y < F::of(f64::from(f32::MIN_POSITIVE)) { F::zero() } else { y }
}

/// `1 / sqrt(x)` for `x >= 0`, which counts as f32's smallest normal number at least, so that the root of 0 is no infinity.
#[inline(always)]
pub fn reciprocal_root<F: Real>(x: F) -> F {
    at_least(x, F::of(f64::from(f32::MIN_POSITIVE))).inverse_sqrt()
}

/// `1 / sqrt(x / mean)`.
#[inline(always)]
pub fn reciprocal_root_over<F: Real>(x: F, mean: F) -> F {
    reciprocal_root(x / at_least(mean, F::of(f64::from(f32::MIN_POSITIVE))))
}

/// `1 / sqrt(row * column)` from what a matrix keeps of rows and of columns, each as `1 / sqrt`, so that no root is taken of elements; `1 / sqrt(each)` for tensors
/// without rows, where `row_root` is 0.
#[inline(always)]
pub fn factored_root<F: Real>(row_root: F, column_root: F, each: F) -> F {
    where_zero(row_root, reciprocal_root(each), row_root * column_root)
}

/// `at_zero` where `x >= 0` is 0, else `other`, which is to be a NaN where `x` is one.
#[inline(always)]
pub fn where_zero<F: Real>(x: F, at_zero: F, other: F) -> F {
    by_sign(x, at_zero, at_zero, other)
}

/// Whether a sum of squares is beyond f32, so that it says nothing but that its root is 1.8e19 or more.
#[inline(always)]
pub fn is_beyond<F: Real>(sum: F) -> bool {
    sum >= F::of(f64::from(3.4e38_f32))
}

/// `x`, or f32's largest number with its sign where that is beyond it: for sums of squares and of gradients, which an infinity would make NaN of later.
#[inline(always)]
pub fn saturated<F: Real>(x: F) -> F {
    let most = F::of(f64::from(f32::MAX));
    x.max(-most).min(most)
}

/// `g + decay * p`; without decay just `g`, whatever `p` is, as in torch: an infinite `p` times 0 would be NaN.
#[inline(always)]
pub fn penalized<F: Real>(g: F, p: F, decay: F) -> F {
    if decay == F::zero() {
        return g;
    }
    g + decay * p
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

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::*;

    #[test]
    fn one_minus_pow_does_not_cancel() {
        for (beta, step) in [(0.9, 1.0), (0.999, 1.0), (0.9999999, 3.0), (0.999, 20_000.0), (0.0, 1.0)] {
            let truth = -(step * f64::ln(beta)).exp_m1();
            let (high, low) = ln_beta::<f64>(beta);
            assert_relative_eq!(one_minus_pow(high, low, step), truth, max_relative = 1e-14);
            let (high, low) = ln_beta::<f32>(beta);
            assert_relative_eq!(f64::from(one_minus_pow(high, low, step as f32)), truth, max_relative = 3e-7);
        }
    }

    #[test]
    fn a_constant_is_a_fixed_point_of_its_average() {
        for beta in [0.999_f64, 0.1] {
            let mut average = 0.0_f32;
            for _ in 0..30_000 {
                average = moving_average(average, 0.7, beta as f32, (1.0 - beta) as f32);
            }
            assert_relative_eq!(average, 0.7, max_relative = 5e-5);
        }
    }
}
