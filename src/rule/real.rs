//! `Real`: the numbers that CPU twins run in.

use core::fmt::Debug;
use core::ops::{Add, Div, Mul, Neg, Sub};

use num_traits::{One, Zero};

use super::{AnyRule, Twin};

/// A 4-byte scalar of a layout: what the twin computes with, and how the GPU gets it.
pub trait Word: Copy {
    /// The WGSL type.
    const WGSL: &'static str;
    /// The 32 bits that the GPU reads, an f64 being rounded to f32.
    fn to_word(self) -> u32;
    /// The value in f64, exactly.
    fn to_value(self) -> f64;
    /// Becomes `number`, which is off by `error` at most. Words that are no numbers stay.
    fn assign(&mut self, number: f64, error: f64) {
        let _ = (number, error);
    }
}

/// The number that a CPU twin runs in: f64 is the truth that GPUs are measured against, f32 is the CPU backend, and
/// [`Bounded`](super::Bounded) tells how far from the truth a correct f32 run may be.
pub trait Real:
    Word
    + Debug
    + Default
    + PartialOrd
    + Zero
    + One
    + Neg<Output = Self>
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Send
    + Sync
    + 'static
{
    /// The nearest number.
    fn of(x: f64) -> Self;
    /// The number nearest to one that is off by `error` at most.
    fn inexact(x: f64, error: f64) -> Self;
    /// How far it may be off.
    fn error(self) -> f64;
    /// The square root.
    fn sqrt(self) -> Self;
    /// The cube root of `x >= 0`.
    fn cube_root(self) -> Self;
    /// `1 / x`
    fn recip(self) -> Self;
    /// The absolute value.
    fn abs(self) -> Self;
    /// Whether this is a NaN.
    fn is_nan(self) -> bool;
    /// This number, or a NaN if it is infinite.
    fn finite_or_nan(self) -> Self;
    /// The larger one; a NaN if either is, unlike [`f32::max`].
    fn max(self, other: Self) -> Self;
    /// The smaller one; a NaN if either is, unlike [`f32::min`].
    fn min(self, other: Self) -> Self;
    /// `1 / sqrt(x)`
    fn inverse_sqrt(self) -> Self {
        self.sqrt().recip()
    }
    /// The smaller one of two that are not negative; a NaN if either is.
    fn at_most(self, high: Self) -> Self {
        self.min(high)
    }
    /// The sign: -1, 0 or 1; 0 for either zero, a NaN for a NaN.
    fn sign(self) -> Self;
    /// One of three by the sign of this number: below, at or above 0; a NaN stays one.
    fn by_sign(self, below: Self, at: Self, above: Self) -> Self;
    /// `self + weight * (other - self)`.
    fn lerp(self, other: Self, weight: Self) -> Self {
        self + weight * (other - self)
    }
    /// `exp(x) - 1`, accurate near 0.
    fn exp_m1(self) -> Self;
    /// `ln(self / other)` of numbers that are not negative, accurate where they are near; -1e30 for a `self` of 0.
    fn ln_ratio(self, other: Self) -> Self;
    /// `exp(x)` for `x <= 0`.
    fn exp(self) -> Self;
    /// `self^exponent` for a positive number.
    fn powf(self, exponent: Self) -> Self;
    /// A rule's twin in this number.
    fn twin(rule: &dyn AnyRule) -> &dyn Twin<Self>;
    /// Orthogonalizes a matrix of these sizes in its place: see [`Rule::coefficients`](super::Rule::coefficients) and [`Rule::iterates_in_f16`](super::Rule::iterates_in_f16).
    #[cfg(feature = "cpu")]
    #[doc(hidden)]
    fn orthogonalize(x: &mut [Self], height: usize, width: usize, coefficients: &[[f64; 3]], in_f16: bool);
    /// A product with squares of axes, in the states that [`Product::states`](super::Product::states) names.
    #[cfg(feature = "cpu")]
    #[doc(hidden)]
    fn multiply(work: &crate::products::SquareWork, lanes: &mut [Vec<Self>]);
}

macro_rules! real {
    ($float:ty, $cube_root:path) => {
        impl Word for $float {
            const WGSL: &'static str = "f32";
            fn to_word(self) -> u32 {
                (self as f32).to_bits()
            }
            fn to_value(self) -> f64 {
                self as f64
            }
            fn assign(&mut self, number: f64, _error: f64) {
                *self = number as $float;
            }
        }

        impl Real for $float {
            fn of(x: f64) -> Self {
                x as $float
            }
            fn inexact(x: f64, _error: f64) -> Self {
                x as $float
            }
            fn error(self) -> f64 {
                0.0
            }
            fn sqrt(self) -> Self {
                num_traits::Float::sqrt(self)
            }
            fn cube_root(self) -> Self {
                $cube_root(self)
            }
            fn recip(self) -> Self {
                num_traits::Float::recip(self)
            }
            fn abs(self) -> Self {
                num_traits::Float::abs(self)
            }
            fn is_nan(self) -> bool {
                num_traits::Float::is_nan(self)
            }
            fn finite_or_nan(self) -> Self {
                if num_traits::Float::is_finite(self) { self } else { <$float>::NAN }
            }
            // Each comparison is false for a NaN, so that this is two instructions where `other` is known to be a number.
            fn max(self, other: Self) -> Self {
                let larger = if other > self { other } else { self };
                if num_traits::Float::is_nan(other) { other } else { larger }
            }
            fn min(self, other: Self) -> Self {
                let smaller = if other < self { other } else { self };
                if num_traits::Float::is_nan(other) { other } else { smaller }
            }
            fn sign(self) -> Self {
                if self == 0.0 { 0.0 } else { num_traits::Float::signum(self) }
            }
            fn by_sign(self, below: Self, at: Self, above: Self) -> Self {
                if self > 0.0 {
                    return above;
                }
                if self < 0.0 {
                    return below;
                }
                if self == 0.0 { at } else { self }
            }
            fn exp_m1(self) -> Self {
                num_traits::Float::exp_m1(self)
            }
            fn ln_ratio(self, other: Self) -> Self {
                if self == 0.0 { -1e30 } else { num_traits::Float::ln(f64::from(self) / f64::from(other)) as $float }
            }
            fn exp(self) -> Self {
                num_traits::Float::exp(self)
            }
            fn powf(self, exponent: Self) -> Self {
                num_traits::Float::powf(self, exponent)
            }
            fn twin(rule: &dyn AnyRule) -> &dyn Twin<Self> {
                rule
            }
            #[cfg(feature = "cpu")]
            fn orthogonalize(x: &mut [Self], height: usize, width: usize, coefficients: &[[f64; 3]], in_f16: bool) {
                crate::products::orthogonalize(x, height, width, coefficients, crate::products::Precision::of(in_f16));
            }
            #[cfg(feature = "cpu")]
            fn multiply(work: &crate::products::SquareWork, lanes: &mut [Vec<Self>]) {
                work.run(lanes);
            }
        }
    };
}

real!(f32, cube_root);
real!(f64, num_traits::Float::cbrt);

/// The cube root of `x >= 0`, within 0.5001 ulp, without branches so that loops over it are vectorized: a third of the exponent has 5 bits, Halley's
/// iteration in f64 makes 16 of them, and 47 the second time (FreeBSD's `cbrtf`).
#[inline(always)]
fn cube_root(x: f32) -> f32 {
    let wide = f64::from(x);
    let third = (wide.to_bits() >> 32) as u32 / 3 + 715_094_163;
    let closer = |y: f64| y * (wide + wide + y * y * y) / (wide + 2.0 * (y * y * y));
    let root = closer(closer(f64::from_bits(u64::from(third) << 32))) as f32;
    if x > 0.0 && x <= f32::MAX { root } else { x }
}

impl Word for u32 {
    const WGSL: &'static str = "u32";
    fn to_word(self) -> u32 {
        self
    }
    fn to_value(self) -> f64 {
        f64::from(self)
    }
}

#[cfg(test)]
mod tests {
    use super::{Real, cube_root};
    use crate::rule::{Bounded, clamped, larger, sign_of, square};

    /// Every function whose result is one of its operands, or says something about one.
    fn keeps_a_nan<F: Real>() {
        let (nan, two) = (F::of(f64::NAN), F::of(2.0));
        let kept =
            [nan.max(two), two.max(nan), nan.min(two), two.min(nan), nan.sign(), nan.by_sign(two, two, two), nan.abs(), nan.lerp(two, two)];
        assert!(kept.into_iter().all(Real::is_nan), "{kept:?}");
        let kept =
            [larger(two, nan), clamped(nan, -two, two), sign_of(-nan), square(nan), nan.sqrt(), nan.cube_root(), nan.finite_or_nan()];
        assert!(kept.into_iter().all(Real::is_nan), "{kept:?}");
        let infinite = F::of(f64::INFINITY);
        assert!(infinite.finite_or_nan().is_nan() && (-infinite).finite_or_nan().is_nan() && (infinite + -infinite).is_nan());
        assert!(two.finite_or_nan() == two && square(infinite).to_value() < f64::INFINITY && square(infinite).error() < 1e32);
        assert!(clamped(-infinite, -two, two) == -two && clamped(infinite, -two, two) == two && infinite.sign() == F::one());
    }

    #[test]
    fn a_nan_stays_one() {
        keeps_a_nan::<f32>();
        keeps_a_nan::<f64>();
        keeps_a_nan::<Bounded>();
    }

    #[test]
    fn cube_roots_are_the_nearest_ones() {
        let all = (0..f32::INFINITY.to_bits()).step_by(997).map(f32::from_bits);
        for x in all.chain([0.0, f32::MAX, f32::MIN_POSITIVE, f32::from_bits(1), 8.0, 27.0]) {
            let (root, exact) = (cube_root(x), f64::from(x).cbrt());
            let ulp = f64::from(f32::from_bits(root.to_bits() + 1)) - f64::from(root);
            assert!((f64::from(root) - exact).abs() <= 0.501 * ulp, "{x:e}: {root:e}, {exact:e}");
        }
        assert!(cube_root(f32::INFINITY) == f32::INFINITY && cube_root(f32::NAN).is_nan());
    }
}
