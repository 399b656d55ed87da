//! Holds f32 results against the truth and its error bound.

use super::{Failure, Outcome};
use crate::rule::Bounded;

/// Holds f32 results against the truth and its error bound, element by element. A value's error is the error of its displacement, since
/// both start from the same f32; the bound is absolute, so a large value hides nothing. Where the truth is NaN or infinite, so is the result, and
/// nowhere else.
///
/// # Errors
///
/// The first element that is farther away than its bound, with both numbers and the bound.
pub fn compare(what: &str, got: &[f32], truth: &[Bounded]) -> Outcome {
    compare_certain(what, got, truth, &mut 0)
}

/// The same, but so many elements may be such as nothing is known of: their tolerance is infinite. Those that there are, are counted off.
pub(super) fn compare_certain(what: &str, got: &[f32], truth: &[Bounded], uncertain: &mut usize) -> Outcome {
    if got.len() != truth.len() {
        return Err(Failure(format!("{what}: {} elements, expected {}", got.len(), truth.len())));
    }
    for (index, (&got, truth)) in got.iter().zip(truth).enumerate() {
        let error = (f64::from(got) - truth.value).abs();
        let within = match truth.value.is_finite() {
            true => got.is_finite() && truth.error.is_finite() && error <= truth.error,
            false => (truth.value.is_nan() && got.is_nan()) || f64::from(got) == truth.value,
        };
        if !within && !truth.error.is_finite() && *uncertain > 0 {
            *uncertain -= 1;
        } else if !within {
            let Bounded { value, error: bound } = truth;
            return Err(Failure(format!("{what}[{index}]: got {got:e}, expected {value:e}; off by {error:e}, tolerance {bound:e}")));
        }
    }
    Ok(())
}

/// Holds two runs against each other, bit for bit.
///
/// # Errors
///
/// The first element whose bits differ, with both numbers.
pub fn same_bits(what: &str, got: &[f32], expected: &[f32]) -> Outcome {
    let differs = |(index, (a, b)): (usize, (&f32, &f32))| (a.to_bits() != b.to_bits()).then_some((index, *a, *b));
    match got.iter().zip(expected).enumerate().find_map(differs) {
        _ if got.len() != expected.len() => Err(Failure(format!("{what}: {} elements, expected {}", got.len(), expected.len()))),
        Some((index, got, expected)) => Err(Failure(format!("{what}[{index}]: got {got:e}, expected the bits of {expected:e}"))),
        None => Ok(()),
    }
}

/// Turns a failure that has to happen into a success.
///
/// # Errors
///
/// An outcome that is a success.
pub fn must_fail<T, E>(what: &str, outcome: Result<T, E>) -> Outcome {
    match outcome {
        Ok(_) => Err(Failure(format!("{what} was not noticed"))),
        Err(_) => Ok(()),
    }
}
