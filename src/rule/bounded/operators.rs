//! The operators of `Bounded`, each with what WGSL allows it, and its order, which goes by values alone.

use core::cmp::Ordering;
use core::ops::{Add, Div, Mul, Neg, Sub};

use num_traits::{One, Zero};

use super::{Bounded, units};

impl PartialEq for Bounded {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl PartialOrd for Bounded {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.value.partial_cmp(&other.value)
    }
}

impl Neg for Bounded {
    type Output = Self;
    fn neg(self) -> Self {
        Bounded { value: -self.value, ..self }
    }
}

impl Add for Bounded {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self::result(self.value + other.value, self.error + other.error, units::ROUNDED)
    }
}

impl Sub for Bounded {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

impl Mul for Bounded {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        let propagated = self.value.abs() * other.error + other.value.abs() * self.error + self.error * other.error;
        Self::result(self.value * other.value, propagated, units::ROUNDED)
    }
}

impl Div for Bounded {
    type Output = Self;
    fn div(self, other: Self) -> Self {
        let value = self.value / other.value;
        let propagated = (self.error + value.abs() * other.error) / other.least();
        Self::result(value, propagated, units::DIVIDED)
    }
}

impl Zero for Bounded {
    fn zero() -> Self {
        Bounded::default()
    }
    fn is_zero(&self) -> bool {
        self.value == 0.0
    }
}

impl One for Bounded {
    fn one() -> Self {
        Bounded::given(1.0)
    }
}
