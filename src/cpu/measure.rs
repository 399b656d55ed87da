//! Sums of squares, largest magnitudes and finiteness of gradients, on all cores and in a fixed order.

use rayon::prelude::*;

use crate::program::{self, CHUNK};
use crate::rule::{Real, Wide};

/// How far a GPU's norm may be from the exact one, as a part of it; the suite measures it.
const NORM_ERROR: f64 = 1e-6;

/// What a step has to know of some numbers before it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Measure {
    squares: f64,
    squared_errors: f64,
    largest: f64,
    largest_error: f64,
    non_finite: bool,
}

impl Measure {
    /// Of these numbers; in f64, in chunks, on all cores, always in the same order.
    pub(super) fn of<F: Real>(numbers: &[F]) -> Self {
        let chunks: Vec<_> = program::chunks(0..numbers.len() as u64).collect();
        let measured = chunks.into_par_iter().map(|chunk| Self::chunk(&numbers[chunk.start as usize..chunk.end as usize]));
        measured.collect::<Vec<_>>().into_iter().fold(Measure::default(), Measure::with)
    }

    fn chunk<F: Real>(numbers: &[F]) -> Self {
        debug_assert!(numbers.len() <= CHUNK as usize);
        let mut measure = Measure::default();
        for &x in numbers {
            let (value, error) = (x.to_value(), x.error());
            measure.squares += value * value;
            measure.squared_errors += error * error;
            measure.largest = measure.largest.max(value.abs());
            measure.largest_error = measure.largest_error.max(error);
            measure.non_finite |= !value.is_finite();
        }
        measure
    }

    /// Of both.
    pub(super) fn with(self, other: Self) -> Self {
        Measure {
            squares: self.squares + other.squares,
            squared_errors: self.squared_errors + other.squared_errors,
            largest: self.largest.max(other.largest),
            largest_error: self.largest_error.max(other.largest_error),
            non_finite: self.non_finite || other.non_finite,
        }
    }

    /// The root of the sum of squares, of finite numbers; the norm of the errors bounds what they do to it.
    pub(super) fn norm<F: Real>(&self) -> Wide<F> {
        let norm = self.squares.sqrt();
        Wide::inexact(norm, self.squared_errors.sqrt() + NORM_ERROR * norm)
    }

    /// The largest magnitude, of finite numbers.
    pub(super) fn largest<F: Real>(&self) -> Wide<F> {
        Wide::inexact(self.largest, self.largest_error)
    }

    /// Whether a number is infinite or NaN.
    pub(super) fn non_finite(&self) -> bool {
        self.non_finite
    }

    /// Whether one is NaN, which the sum of squares keeps.
    pub(super) fn is_nan(&self) -> bool {
        self.squares.is_nan()
    }
}
