//! `Range`: which values a hyper-parameter may have.

use core::fmt;

/// The values that a hyper-parameter may have. NaN and infinities are in no range.
///
/// ```
/// use wgpu_optim::rule::Range;
///
/// assert!(Range::BELOW_ONE.contains(0.0) && !Range::BELOW_ONE.contains(1.0));
/// let factor = Range::open(1.0, f64::INFINITY);
/// assert!(!factor.contains(1.0) && !factor.contains(f64::INFINITY));
/// assert_eq!(factor.to_string(), "(1, inf)");
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    low: f64,
    high: f64,
    low_included: bool,
    high_included: bool,
}

impl Range {
    /// `(-inf, inf)`: every finite number.
    pub const FINITE: Range = Range::open(f64::NEG_INFINITY, f64::INFINITY);
    /// `[0, inf)`
    pub const NON_NEGATIVE: Range = Range { low_included: true, ..Range::open(0.0, f64::INFINITY) };
    /// `(-inf, 0]`
    pub const NON_POSITIVE: Range = Range { high_included: true, ..Range::open(f64::NEG_INFINITY, 0.0) };
    /// `[1, inf)`
    pub const AT_LEAST_ONE: Range = Range { low_included: true, ..Range::open(1.0, f64::INFINITY) };
    /// `[0, 1)`
    pub const BELOW_ONE: Range = Range { low_included: true, ..Range::open(0.0, 1.0) };
    /// `[0, 1]`
    pub const UNIT: Range = Range { low_included: true, high_included: true, ..Range::open(0.0, 1.0) };

    /// `(low, high)`
    pub const fn open(low: f64, high: f64) -> Range {
        Range { low, high, low_included: false, high_included: false }
    }

    /// Whether the value is in the range.
    pub fn contains(&self, x: f64) -> bool {
        let above = x > self.low || (self.low_included && x == self.low);
        let below = x < self.high || (self.high_included && x == self.high);
        above && below
    }

    /// A value just outside at each finite end, and NaN: what a proof of rejection tries.
    pub fn outside(&self) -> Vec<f64> {
        let mut values = vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
        if self.low.is_finite() {
            values.push(if self.low_included { self.low - 1e-3 } else { self.low });
        }
        if self.high.is_finite() {
            values.push(if self.high_included { self.high + 1e-3 } else { self.high });
        }
        values
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let open = if self.low_included { '[' } else { '(' };
        let close = if self.high_included { ']' } else { ')' };
        write!(f, "{open}{}, {}{close}", self.low, self.high)
    }
}
