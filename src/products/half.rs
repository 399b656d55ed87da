//! Newton-Schulz iterations whose matrices are kept in f16: the powers of two that they are multiplied by, and the iterations on the CPU. Twin: `shaders/products`.
//!
//! f16 holds numbers from 6e-5 to 65,504 with 11 bits, and smaller ones with fewer. An element of A, for a matrix of 4096 x 4096, is 4e-6. So X, A and B are kept
//! multiplied by powers of two, which round nothing: the largest element that each can have becomes 2^13 to 2^14, which leaves a factor of four for roundings, and
//! numbers down to 4e-9 of it have all bits.

#[cfg(feature = "cpu")]
use super::twin::{Side, product};
use crate::rule::reach;
#[cfg(feature = "cpu")]
use crate::storage::rounded_to_f16 as kept;

/// The most that X, A and B are to be, as stored.
const MOST: i32 = 14;

/// What X is multiplied by before the first iteration: its singular values are at most 1.
pub(super) const LOADED_BY: f32 = (1_u32 << MOST) as f32;

/// What sums of products of X, as stored, are multiplied by. X is at most 2^14 there, and A then is too, whatever X was multiplied by.
pub(super) const GRAM_BY: f32 = 1.0 / LOADED_BY;

/// Beyond these powers numbers are no use to anybody, and their products leave f32.
const POWERS: i32 = 24;

/// The power of two by which a number of at most this magnitude becomes 2^13 to 2^14.
fn scale(largest: f64) -> f64 {
    let power = if largest > 0.0 && largest.is_finite() { MOST - largest.log2().ceil() as i32 } else { 0 };
    2.0_f64.powi(power.clamp(-POWERS, POWERS))
}

/// For each iteration: of X, of A and of A A; of the sums of B X. Powers of two come in and go out with these; the last X is as it is.
pub(super) fn coefficients(coefficients: &[[f64; 3]]) -> Vec<[f32; 4]> {
    let (mut most, mut x) = (1.0, f64::from(LOADED_BY));
    let last = coefficients.len().saturating_sub(1);
    let each = |(number, own): (usize, &[f64; 3])| {
        let [a, b, c] = *own;
        let reached = reach(most, *own);
        let (gram, polynomial) = (x * x * f64::from(GRAM_BY), scale(reached.polynomial));
        let next = if number == last { 1.0 } else { scale(reached.x) };
        let all = [a * next / x, b * polynomial / gram, c * polynomial / (gram * gram), next / (polynomial * x)];
        (most, x) = (reached.x, next);
        all.map(|number| number as f32)
    };
    coefficients.iter().enumerate().map(each).collect()
}

/// A or B as it is kept, and what is left of its diagonal.
#[cfg(feature = "cpu")]
struct Kept {
    numbers: Vec<f32>,
    rests: Vec<f32>,
}

#[cfg(feature = "cpu")]
impl Kept {
    fn new(exact: Vec<f32>, size: usize) -> Self {
        let numbers: Vec<f32> = exact.iter().copied().map(kept).collect();
        let rests = exact.iter().zip(&numbers).step_by(size + 1).map(|(exact, stored)| kept(exact - stored)).collect();
        Kept { numbers, rests }
    }
}

/// All iterations over a matrix with no more rows than columns.
#[cfg(feature = "cpu")]
pub(super) fn iterated(mut x: Vec<f32>, rows: usize, columns: usize, coefficients: &[[f64; 3]]) -> Vec<f32> {
    if coefficients.is_empty() {
        return x;
    }
    x.iter_mut().for_each(|x| *x *= LOADED_BY);
    for own in self::coefficients(coefficients) {
        // The last X goes back as it is.
        x.iter_mut().for_each(|x| *x = kept(*x));
        x = iterate(&x, rows, columns, own);
    }
    x
}

/// One iteration over X as it is kept.
#[cfg(feature = "cpu")]
fn iterate(x: &[f32], rows: usize, columns: usize, [of_x, b, c, of_sums]: [f32; 4]) -> Vec<f32> {
    let of_rows = Side::rows(x, rows, columns);
    let gram = Kept::new(product(of_rows, of_rows, columns, true, |_, sum| GRAM_BY * sum), rows);
    let of_gram = Side::columns(&gram.numbers, rows);
    let square = |at: usize, sum: f32| {
        let (row, column, a) = (at / rows, at % rows, gram.numbers[at]);
        let own = if row == column { gram.rests[row] } else { 0.0 };
        b * (a + own) + c * (sum + (gram.rests[row] + gram.rests[column]) * a)
    };
    let polynomial = Kept::new(product(of_gram, of_gram, rows, true, square), rows);
    let applied = |at: usize, sum: f32| of_x * x[at] + of_sums * (sum + polynomial.rests[at / columns] * x[at]);
    product(Side::columns(&polynomial.numbers, rows), Side::columns(x, columns), rows, false, applied)
}
