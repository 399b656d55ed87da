//! A piece of a schedule: one formula for a number of steps. The twin of `shaders/lib/schedule.wgsl`: same names, same meaning.

use core::f64::consts::FRAC_PI_2;

use crate::layout;
use crate::rule::{Word, exponent_parts};

use super::Anneal;

/// The length of the piece that never ends.
pub(super) const FOREVER: u32 = u32::MAX;

/// The formulas, by the names and numbers that WGSL knows them by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Constant,
    Linear,
    Cosine,
    Restarts,
    Power,
    RisingPower,
    Exponential,
    InverseRoot,
}

impl Shape {
    pub(super) const ALL: [Shape; 8] = [
        Shape::Constant,
        Shape::Linear,
        Shape::Cosine,
        Shape::Restarts,
        Shape::Power,
        Shape::RisingPower,
        Shape::Exponential,
        Shape::InverseRoot,
    ];
}

impl Word for Shape {
    const WGSL: &'static str = "u32";
    fn to_word(self) -> u32 {
        self as u32
    }
    fn to_value(self) -> f64 {
        f64::from(self as u32)
    }
}

layout! {
    /// For `k`, the steps since the piece began, `done = k + head` of `span` steps are behind and `rest = end - k + tail` ahead: a ramp that
    /// begins or ends between two steps, as torch's one-cycle does, has a `head` or a `tail`. `exponent` is that of a power, or the logarithm
    /// of an exponential's factor; its first part has 12 bits.
    pub struct Piece<F> {
        /// In steps.
        length: u32,
        shape: Shape,
        /// Exponential: steps that a value lasts. Restarts: how many times as long the next cycle is.
        times: u32,
        end: u32,
        tail: F,
        head: F,
        span: F,
        start: F,
        stop: F,
        exponent: F,
        exponent_low: F,
    }
}

impl Piece<f64> {
    const NONE: Self = Piece {
        length: FOREVER,
        shape: Shape::Constant,
        times: 1,
        end: 0,
        tail: 0.0,
        head: 0.0,
        span: 1.0,
        start: 0.0,
        stop: 0.0,
        exponent: 0.0,
        exponent_low: 0.0,
    };

    pub(super) fn constant(value: f64) -> Self {
        Piece { start: value, ..Self::NONE }
    }

    /// From `start` to `stop` over `head` steps before the piece begins and `ahead` steps from there; it has all steps up to the ramp's end.
    pub(super) fn ramp(shape: Shape, (start, stop): (f64, f64), head: f64, ahead: f64) -> Self {
        let (span, end) = (head + ahead, ahead.floor() as u32);
        // Between equal ends all are constant, and the rounding of two shares is not to show.
        match span <= 0.0 || start == stop {
            true => Piece { length: end.saturating_add(1), ..Self::constant(stop) },
            false => {
                Piece { length: end.saturating_add(1), shape, end, tail: ahead - ahead.floor(), head, span, start, stop, ..Self::NONE }
            }
        }
    }

    pub(super) fn anneal(anneal: Anneal, (start, stop): (f64, f64), head: f64, ahead: f64) -> Self {
        match anneal {
            Anneal::Linear => Self::ramp(Shape::Linear, (start, stop), head, ahead),
            Anneal::Cosine => Self::ramp(Shape::Cosine, (start, stop), head, ahead),
            Anneal::OneMinusSqrt => Self::ramp(Shape::RisingPower, (start, stop), head, ahead).to_the(0.5),
            Anneal::Exponential => {
                let (ramp, ln) = (Self::ramp(Shape::Exponential, (start, stop), head, ahead), (stop / start).ln() / (head + ahead));
                match ramp.shape {
                    // What lies before the piece is in its start.
                    Shape::Exponential => Piece { start: start * (ln * head).exp(), head: 0.0, ..ramp }.to_the(ln),
                    _ => ramp,
                }
            }
        }
    }

    pub(super) fn power(ends: (f64, f64), steps: u32, power: f64) -> Self {
        Self::ramp(Shape::Power, ends, 0.0, f64::from(steps)).to_the(power)
    }

    /// `start * exp(ln * floor(k / times))`
    pub(super) fn exponential(start: f64, ln: f64, times: u32) -> Self {
        // 0 stays 0, whatever grows.
        let shape = if start == 0.0 { Shape::Constant } else { Shape::Exponential };
        Piece { shape, times: times.max(1), start, ..Self::NONE }.to_the(ln)
    }

    pub(super) fn restarts((start, stop): (f64, f64), steps: u32, times: u32) -> Self {
        Piece { shape: Shape::Restarts, times: times.max(1), end: steps.max(1), span: f64::from(steps), start, stop, ..Self::NONE }
    }

    pub(super) fn inverse_root(start: f64, timescale: u32) -> Self {
        Piece { shape: Shape::InverseRoot, span: f64::from(timescale), start, ..Self::NONE }
    }

    fn to_the(self, exponent: f64) -> Self {
        let (exponent, exponent_low) = exponent_parts(exponent);
        Piece { exponent, exponent_low, ..self }
    }

    /// The value after `k` steps of the piece; its ends are selected, not computed.
    pub(super) fn value(self, k: u32) -> f64 {
        if k == 0 && self.head == 0.0 {
            return self.start;
        }
        let exponent = self.exponent + self.exponent_low;
        match self.shape {
            Shape::Constant => return self.start,
            Shape::InverseRoot => return self.start * (self.span / (self.span + f64::from(k))).sqrt(),
            Shape::Restarts => {
                let (k, cycle) = self.cycle(k);
                return Piece { shape: Shape::Cosine, end: cycle, span: f64::from(cycle), ..self }.value(k);
            }
            Shape::Linear | Shape::Cosine | Shape::Power | Shape::RisingPower | Shape::Exponential => {}
        }
        if k == self.end && self.tail == 0.0 {
            return self.stop;
        }
        if self.shape == Shape::Exponential {
            return self.start * (f64::from(k / self.times) * exponent).exp();
        }
        let done = (f64::from(k) + self.head) / self.span;
        let rest = (f64::from(self.end - k) + self.tail) / self.span;
        let shares = match self.shape {
            Shape::Cosine => Shares { start: (FRAC_PI_2 * rest).sin().powi(2), stop: (FRAC_PI_2 * done).sin().powi(2) },
            Shape::Power => power_shares(rest, done, exponent),
            Shape::RisingPower => {
                let falling = power_shares(done, rest, exponent);
                Shares { start: falling.stop, stop: falling.start }
            }
            _ => Shares { start: rest, stop: done },
        };
        self.start * shares.start + self.stop * shares.stop
    }

    /// The steps since the last restart, and those of that cycle.
    fn cycle(&self, k: u32) -> (u32, u32) {
        let (mut k, mut cycle) = (k, self.end);
        if self.times == 1 {
            return (k % cycle, cycle);
        }
        while k >= cycle {
            k -= cycle;
            cycle = cycle.saturating_mul(self.times);
        }
        (k, cycle)
    }

    /// The values between which all of the piece's are.
    pub(super) fn ends(self) -> [f64; 2] {
        match self.shape {
            Shape::Restarts => [self.start, self.stop],
            _ => [self.value(0), self.value(self.length.clamp(1, FOREVER - 1) - 1)],
        }
    }
}

/// How much of either end a value has; the sum is 1, and neither is a difference of nearly equal numbers.
struct Shares {
    start: f64,
    stop: f64,
}

/// `x^exponent` and what it leaves of 1, for `x = 1 - other`.
fn power_shares(x: f64, other: f64, exponent: f64) -> Shares {
    let ln = if x > 0.5 { (-other).ln_1p() } else { x.ln() };
    Shares { start: x.powf(exponent), stop: -(exponent * ln).exp_m1() }
}
