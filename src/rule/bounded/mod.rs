//! `Bounded`: a number that carries the error that WGSL allows its computation.

mod operators;

use num_traits::One;

use super::{AnyRule, Real, Twin, Word};

/// The unit roundoff of f32: half an ulp of 1.
const UNIT: f64 = 1.0 / (1_u64 << 24) as f64;

/// How far WGSL lets each operation be off, in [`UNIT`]s of the result (WGSL, "Floating point accuracy", where 1 ulp is up to two units; an
/// inherited accuracy is the sum of its parts). This is the one table of tolerances: every other is propagated from it.
mod units {
    /// `x + y`, `x - y`, `x * y`: correctly rounded. Fusing them only lowers the error.
    pub const ROUNDED: f64 = 1.0;
    /// `x / y`: 2.5 ulp.
    pub const DIVIDED: f64 = 5.0;
    /// `sqrt(x)`: inherited from `1 / inverseSqrt(x)`, 2 ulp and 2.5 ulp.
    pub const ROOT: f64 = 9.0;
    /// `inverseSqrt(x)`: 2 ulp.
    pub const INVERSE_ROOT: f64 = 4.0;
    /// `cube_root(x)`: our own Newton step, `y - (y - x / (y * y)) / 3`, of whose quotient a third counts: 3.4 measured, with
    /// every quotient off by 2.5 ulp.
    pub const CUBE_ROOT: f64 = 4.0;
    /// `exp(x) - 1`: our own series, see `one_minus_pow`; measured 1.5 ulp.
    pub const SERIES: f64 = 4.0;
    /// `x^y`, see `power`: the series, the roundings of the exponent of 2 and, times `|y|`, those of the logarithm of the significand: a
    /// quotient and four more operations on at most half a unit.
    pub const POWER: f64 = 5.0;
    pub const LOGARITHM: f64 = 4.0;
}

/// A number together with a bound on how far a correct f32 computation of it may be off: running error analysis (Higham, "Accuracy and
/// Stability of Numerical Algorithms", section 3.3).
///
/// A twin that runs in this number yields the truth and, element by element, the tolerance within which a GPU must agree. So there are no
/// tolerances to choose, and none to widen.
///
/// NaN and infinities are exact: they come from such gradients, which f32 keeps. Numbers beyond f32's largest are not modelled: they
/// stay numbers, which no f32 result agrees with, but for [`Real::finite_or_nan`].
///
/// ```
/// use wgpu_optim::rule::Bounded;
///
/// let third = Bounded::given(1.0) / Bounded::given(3.0);
/// let gpu = 1.0_f32 / 3.0; // or what a GPU makes of it
/// assert!((f64::from(gpu) - third.value).abs() <= third.error && third.error < 1.1e-7);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Bounded {
    /// The value in f64.
    pub value: f64,
    /// The largest absolute error of a correct f32 result.
    pub error: f64,
}

impl Bounded {
    /// A number that the f32 computation is given. One that is subnormal there may count as 0.
    pub fn given(x: f32) -> Self {
        Bounded { value: f64::from(x), error: if x.is_subnormal() { f64::from(x.abs()) } else { 0.0 } }
    }

    /// The result of an operation on inexact operands: their propagated error and the operation's own, which for a result that is
    /// subnormal in f32 may be all of it.
    fn result(value: f64, propagated: f64, units: f64) -> Self {
        if !value.is_finite() {
            return Bounded { value, error: 0.0 };
        }
        let magnitude = value.abs() + propagated;
        let flushed = if magnitude < f64::from(f32::MIN_POSITIVE) { magnitude } else { 0.0 };
        Bounded { value, error: propagated + units * UNIT * magnitude + flushed }
    }

    /// The magnitude that it has at least.
    fn least(self) -> f64 {
        (self.value.abs() - self.error).max(0.0)
    }
}

impl Word for Bounded {
    const WGSL: &'static str = "f32";
    fn to_word(self) -> u32 {
        self.value.to_word()
    }
    fn to_value(self) -> f64 {
        self.value
    }
    fn assign(&mut self, number: f64, error: f64) {
        *self = Self::inexact(number, error);
    }
}

impl Real for Bounded {
    fn inexact(x: f64, error: f64) -> Self {
        Self::result(x, error, units::ROUNDED)
    }
    fn error(self) -> f64 {
        self.error
    }
    /// A constant or hyper-parameter: the f32 computation has it rounded.
    fn of(x: f64) -> Self {
        Bounded { value: x, error: if x.is_finite() { (x - f64::from(x as f32)).abs() } else { 0.0 } }
    }
    fn is_nan(self) -> bool {
        self.value.is_nan()
    }
    /// Infinite for certain, that is.
    fn finite_or_nan(self) -> Self {
        let least = self.value.abs() - self.error;
        if least <= f64::from(f32::MAX) { self } else { Bounded { value: f64::NAN, error: 0.0 } }
    }
    fn sqrt(self) -> Self {
        let value = self.value.sqrt();
        let propagated = (self.value + self.error).sqrt() - value;
        let propagated = propagated.max(value - (self.value - self.error).max(0.0).sqrt());
        Self::result(value, propagated, units::ROOT)
    }
    fn inverse_sqrt(self) -> Self {
        let value = self.value.sqrt().recip();
        let propagated = (self.value - self.error).max(0.0).sqrt().recip() - value;
        Self::result(value, propagated, units::INVERSE_ROOT)
    }
    fn cube_root(self) -> Self {
        let value = self.value.cbrt();
        let propagated = (self.value + self.error).cbrt() - value;
        let propagated = propagated.max(value - (self.value - self.error).max(0.0).cbrt());
        Self::result(value, propagated, units::CUBE_ROOT)
    }
    fn recip(self) -> Self {
        Self::one() / self
    }
    fn abs(self) -> Self {
        Bounded { value: self.value.abs(), ..self }
    }
    /// Where one is larger for certain, the other's error does not matter.
    fn max(self, other: Self) -> Self {
        if self.value.is_nan() || other.value.is_nan() {
            return Bounded { value: f64::NAN, error: 0.0 };
        }
        if self.value - self.error > other.value + other.error {
            return self;
        }
        if other.value - other.error > self.value + self.error {
            return other;
        }
        Bounded { value: self.value.max(other.value), error: self.error.max(other.error) }
    }
    fn min(self, other: Self) -> Self {
        -(-self).max(-other)
    }
    /// What is not negative is off by no more than `high`, however little is known of it.
    fn at_most(self, high: Self) -> Self {
        let least = self.min(high);
        Bounded { error: least.error.min(high.value + high.error), ..least }
    }
    /// A number that may have either sign may jump by 2.
    fn sign(self) -> Self {
        let value = if self.value == 0.0 { 0.0 } else { self.value.signum() };
        let certain = self.error == 0.0 || self.value.abs() > self.error || self.value.is_nan();
        Bounded { value, error: if certain { 0.0 } else { 2.0 } }
    }
    /// A number whose sign is uncertain may choose any of the three.
    fn by_sign(self, below: Self, at: Self, above: Self) -> Self {
        if self.value.is_nan() {
            return self;
        }
        let sign = self.sign();
        let chosen = if sign.value > 0.0 {
            above
        } else if sign.value < 0.0 {
            below
        } else {
            at
        };
        let reach = |other: Self| (other.value - chosen.value).abs() + other.error;
        let error = if sign.error == 0.0 { chosen.error } else { reach(below).max(reach(at)).max(reach(above)) };
        Bounded { value: chosen.value, error }
    }
    /// The operands' errors count as in `(1 - weight) * self + weight * other`, since the one of `self` is in both terms.
    fn lerp(self, other: Self, weight: Self) -> Self {
        let (difference, inherited) = (other - self, other.error + self.error);
        let change = weight * Bounded { error: difference.error - inherited, ..difference };
        let propagated = (1.0 - weight.value).abs() * self.error + weight.value.abs() * other.error + change.error;
        let second_order = (weight.error + UNIT * weight.value.abs()) * inherited;
        Self::result(self.value + change.value, propagated + second_order, units::ROUNDED)
    }
    fn exp_m1(self) -> Self {
        let value = self.value.exp_m1();
        // The second bound is the looser one, and finite for a large error of a number that is far below 0.
        let propagated = if self.error < 1.0 { (value + 1.0) * self.error.exp_m1() } else { (self.value + self.error).exp() };
        Self::result(value, propagated, units::SERIES)
    }
    fn exp(self) -> Self {
        let value = self.value.exp();
        Self::result(value, value * self.error.exp_m1(), units::SERIES)
    }
    fn powf(self, exponent: Self) -> Self {
        let value = self.value.powf(exponent.value);
        let logarithm = self.error / self.least();
        let propagated = exponent.value.abs() * logarithm + (self.value.ln().abs() + logarithm) * exponent.error;
        Self::result(value, value * propagated.exp_m1(), units::POWER + units::LOGARITHM * exponent.value.abs())
    }
    fn ln_ratio(self, other: Self) -> Self {
        let value = self.value.ln_ratio(other.value);
        let propagated = self.error / self.least() + other.error / other.least();
        Self::result(value, if propagated.is_nan() { 0.0 } else { propagated }, units::SERIES)
    }
    fn twin(rule: &dyn AnyRule) -> &dyn Twin<Self> {
        rule
    }
    #[cfg(feature = "cpu")]
    fn orthogonalize(x: &mut [Self], height: usize, width: usize, coefficients: &[[f64; 3]], in_f16: bool) {
        crate::products::orthogonalize_bounded(x, height, width, coefficients, crate::products::Precision::of(in_f16));
    }
    #[cfg(feature = "cpu")]
    fn multiply(work: &crate::products::SquareWork, lanes: &mut [Vec<Self>]) {
        work.run_bounded(lanes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cancellation_keeps_the_error_of_its_operands() {
        let difference = Bounded::of(4.0 / 3.0) - Bounded::of(1.0) - Bounded::of(1.0 / 3.0);
        assert!(difference.value.abs() < 1e-15);
        let in_f32 = f64::from(4.0_f32 / 3.0 - 1.0 - 1.0 / 3.0);
        assert!(in_f32 != 0.0 && in_f32.abs() <= difference.error && difference.error < 2e-7, "{in_f32:e} {difference:?}");
    }

    #[test]
    fn a_clamp_that_is_certain_to_act_leaves_no_error() {
        let (wide, one) = (Bounded { value: 1e6, error: 1.0 }, Bounded::one());
        assert_eq!(wide.min(one).error, 0.0);
        assert_eq!((-wide).max(-one).error, 0.0);
        assert_eq!(wide.max(one).error, 1.0);
        assert_eq!(Bounded { value: 1.5, error: 0.75 }.min(one).error, 0.75);
    }

    #[test]
    fn a_subnormal_may_be_flushed_and_zero_is_exact() {
        let square = Bounded::given(1e-20) * Bounded::given(1e-20);
        assert!(square.error >= square.value);
        assert_eq!((Bounded::given(0.0) * Bounded::given(3.0)).error, 0.0);
        assert_eq!(Bounded::given(0.0).sqrt().error, 0.0);
    }

    #[test]
    fn lerp_bounds_what_f32_does_and_is_tighter_than_its_parts() {
        let (a, b, weight) = (Bounded::of(1.1), Bounded::of(1.7), Bounded::of(0.3));
        let (whole, parts) = (a.lerp(b, weight), a + weight * (b - a));
        let in_f32 = f64::from(1.1_f32 + 0.3 * (1.7_f32 - 1.1));
        assert!((in_f32 - (1.1 + 0.3 * 0.6)).abs() <= whole.error && whole.error < parts.error);
        assert_eq!(Bounded::given(0.0).lerp(Bounded::given(0.0), weight).error, 0.0);
    }
}
