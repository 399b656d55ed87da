//! Numbers of any magnitude: the twin of `Wide` in `shaders/lib/numerics.wgsl`, same names, same meaning.

use super::Real;

/// The exponent of 0, below that of any other.
const ZERO: i32 = -100_000;

/// `significand * 2^exponent`, for what leaves the normal numbers of f32 on its way. An infinity or NaN is not for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wide<F> {
    significand: F,
    exponent: i32,
}

impl<F: Real> Wide<F> {
    /// The number nearest to one that is off by `error` at most.
    pub(crate) fn inexact(x: f64, error: f64) -> Self {
        if x == 0.0 {
            return Wide { significand: F::inexact(0.0, error), exponent: if error == 0.0 { ZERO } else { 0 } };
        }
        let exponent = exponent_of(x);
        Wide { significand: F::inexact(times_power(x, -exponent), times_power(error, -exponent)), exponent }
    }

    pub(crate) fn of(x: F) -> Self {
        Self::inexact(x.to_value(), x.error())
    }

    pub(crate) fn one() -> Self {
        Wide { significand: F::one(), exponent: 0 }
    }

    /// The number that it is, at most f32's largest.
    pub(crate) fn narrow(self) -> F {
        let [x, error] = [self.significand.to_value(), self.significand.error()].map(|x| times_power(x, self.exponent));
        F::inexact(x.min(f64::from(f32::MAX)), error)
    }

    /// This number times 2^by.
    pub(crate) fn shifted(self, by: i32) -> Self {
        Wide { exponent: self.exponent + by, ..self }
    }

    pub(crate) fn product(self, other: Self) -> Self {
        Wide { significand: self.significand * other.significand, exponent: self.exponent + other.exponent }
    }

    pub(crate) fn quotient(self, other: Self) -> Self {
        Wide { significand: self.significand / other.significand, exponent: self.exponent - other.exponent }
    }

    pub(crate) fn sum(self, other: Self) -> Self {
        let exponent = self.exponent.max(other.exponent);
        let moved = |x: Self| {
            let by = (x.exponent - exponent).max(-126);
            F::inexact(times_power(x.significand.to_value(), by), times_power(x.significand.error(), by))
        };
        Wide { significand: moved(self) + moved(other), exponent }
    }

    /// The smaller one; where that is uncertain, as uncertain as that leaves it.
    pub(crate) fn min(self, other: Self) -> Self {
        let exponent = self.exponent.max(other.exponent);
        // Of one that is 2^100 times as large, the sign decides.
        let (large, small) = if self.exponent == exponent { (self, other) } else { (other, self) };
        if large.exponent - small.exponent > 100 {
            return if large.significand < F::zero() { large } else { small };
        }
        let moved = |x: Self| {
            let by = x.exponent - exponent;
            F::inexact(times_power(x.significand.to_value(), by), times_power(x.significand.error(), by))
        };
        Wide { significand: moved(self).min(moved(other)), exponent }
    }

    pub(crate) fn max(self, other: Self) -> Self {
        self.negated().min(other.negated()).negated()
    }

    pub(crate) fn less(self, other: Self) -> bool {
        self.sum(other.negated()).significand < F::zero()
    }

    /// Whether f32 has a normal number for it.
    pub(crate) fn is_normal(self) -> bool {
        let x = self.significand.to_value();
        x != 0.0 && (-126..128).contains(&(exponent_of(x) + self.exponent))
    }

    fn negated(self) -> Self {
        Wide { significand: -self.significand, ..self }
    }
}

/// Of the power of 2 at or below a normal number's magnitude.
fn exponent_of(x: f64) -> i32 {
    ((x.to_bits() >> 52) & 0x7ff) as i32 - 1023
}

/// `x * 2^by`, also where f64 has no such power of 2.
fn times_power(x: f64, by: i32) -> f64 {
    let by = by.clamp(-4000, 4000);
    (0..4).fold(x, |x, part| x * 2.0_f64.powi((by + part) >> 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_f32_does_not_hold_comes_back() {
        for x in [0.0, 1.0, -3.5e38, 1e-45, 7e300, 1e-300] {
            let wide = Wide::<f64>::of(x);
            assert_eq!(wide.product(Wide::of(3.0)).quotient(Wide::of(3.0)).shifted(-7).shifted(7).narrow(), x.min(f64::from(f32::MAX)));
        }
        let (huge, tiny) = (Wide::<f32>::inexact(1e60, 0.0), Wide::<f32>::inexact(1e-60, 0.0));
        assert!((huge.product(tiny).narrow() - 1.0).abs() < 2e-7 && tiny.less(huge) && !huge.less(tiny) && !huge.less(huge));
        assert_eq!((huge.sum(tiny).narrow(), huge.min(tiny).max(Wide::one()).narrow()), (f32::MAX, 1.0));
        assert_eq!((huge.max(tiny).narrow(), tiny.max(huge).narrow(), tiny.min(huge).narrow()), (f32::MAX, f32::MAX, 0.0));
        assert!(!huge.is_normal() && !tiny.is_normal() && Wide::of(2.0_f32).is_normal() && !Wide::of(0.0_f32).is_normal());
    }
}
