//! The products on the CPU: blocked, in the widest registers, on all cores, and each sum in the order of the kernels.

use num_traits::Float;
use rayon::prelude::*;

use super::Precision;
use crate::rule::{Bounded, Op, Real as _, widest};
use crate::storage;

/// Rows of a block, and columns: as many sums as registers hold.
const ROWS: usize = 4;
const COLUMNS: usize = 16;

/// A machine's number.
pub trait Machine: Float + Default + Send + Sync + 'static {
    /// Iterations over a matrix with no more rows than columns, which is kept so between products.
    fn iterated(x: Vec<Self>, rows: usize, columns: usize, coefficients: &[[f64; 3]], precision: Precision) -> Vec<Self>;
}

impl Machine for f32 {
    fn iterated(x: Vec<f32>, rows: usize, columns: usize, coefficients: &[[f64; 3]], precision: Precision) -> Vec<f32> {
        match precision {
            Precision::F32 => coefficients.iter().fold(x, |x, own| iterate(&x, rows, columns, *own)),
            Precision::F16 => super::half::iterated(x, rows, columns, coefficients),
        }
    }
}

impl Machine for f64 {
    /// The truth rounds nothing.
    fn iterated(x: Vec<f64>, rows: usize, columns: usize, coefficients: &[[f64; 3]], _precision: Precision) -> Vec<f64> {
        coefficients.iter().fold(x, |x, own| iterate(&x, rows, columns, *own))
    }
}

/// One side of a product: what it has at a depth, and how far elements are apart along both.
#[derive(Clone, Copy)]
pub(super) struct Side<'a, T> {
    numbers: &'a [T],
    count: usize,
    depth_stride: usize,
    stride: usize,
}

impl<'a, T> Side<'a, T> {
    /// The rows of a matrix with so many columns, which are as deep as that.
    pub(super) fn rows(numbers: &'a [T], count: usize, columns: usize) -> Self {
        Side { numbers, count, depth_stride: 1, stride: columns }
    }

    /// The columns of a matrix that has so many, which are as deep as it has rows.
    pub(super) fn columns(numbers: &'a [T], count: usize) -> Self {
        Side { numbers, count, depth_stride: count, stride: 1 }
    }
}

impl<T: Machine> Side<'_, T> {
    /// `WIDTH` of its rows from `first` on, one depth after another; zeros where it has no more.
    fn packed<const WIDTH: usize>(&self, first: usize, depth: usize) -> Vec<[T; WIDTH]> {
        let own = (self.count - first).min(WIDTH);
        let mut packed = vec![[T::zero(); WIDTH]; depth];
        for (k, packed) in packed.iter_mut().enumerate() {
            for (i, number) in packed.iter_mut().enumerate().take(own) {
                *number = self.numbers[k * self.depth_stride + (first + i) * self.stride];
            }
        }
        packed
    }
}

/// The sums of a block.
struct Block<'a, T> {
    left: &'a [[T; ROWS]],
    right: &'a [[T; COLUMNS]],
    sums: &'a mut [[T; COLUMNS]; ROWS],
}

impl<T: Machine> Op for Block<'_, T> {
    // Rows by name: as one array, the compiler keeps them in memory.
    #[inline(always)]
    fn run(self) {
        let [mut first, mut second, mut third, mut fourth] = [[T::zero(); COLUMNS]; ROWS];
        for (left, right) in self.left.iter().zip(self.right) {
            add_products(&mut first, left[0], right);
            add_products(&mut second, left[1], right);
            add_products(&mut third, left[2], right);
            add_products(&mut fourth, left[3], right);
        }
        *self.sums = [first, second, third, fourth];
    }
}

#[inline(always)]
fn add_products<T: Machine>(sums: &mut [T; COLUMNS], left: T, right: &[T; COLUMNS]) {
    for (sum, &right) in sums.iter_mut().zip(right) {
        *sum = *sum + left * right;
    }
}

/// `result(at, sum)` of the sums over depth of what both sides have there. Of a symmetric product, what is below the diagonal is that above it.
pub(super) fn product<T: Machine>(
    left: Side<'_, T>,
    right: Side<'_, T>,
    depth: usize,
    is_symmetric: bool,
    result: impl Fn(usize, T) -> T + Sync,
) -> Vec<T> {
    let columns = right.count;
    let mut product = vec![T::zero(); left.count * columns];
    let panels: Vec<Vec<[T; COLUMNS]>> =
        (0..columns.div_ceil(COLUMNS)).into_par_iter().map(|panel| right.packed(panel * COLUMNS, depth)).collect();
    product.par_chunks_mut((ROWS * columns).max(1)).enumerate().for_each(|(strip, rows)| {
        let first = strip * ROWS;
        let packed = left.packed::<ROWS>(first, depth);
        for (panel, right) in panels.iter().enumerate().filter(|(panel, _)| !is_symmetric || (panel + 1) * COLUMNS > first) {
            let mut sums = [[T::zero(); COLUMNS]; ROWS];
            widest(Block { left: &packed, right, sums: &mut sums });
            for (row, sums) in rows.chunks_mut(columns).zip(&sums) {
                row[panel * COLUMNS..].iter_mut().zip(sums).for_each(|(number, &sum)| *number = sum);
            }
        }
        rows.iter_mut().enumerate().for_each(|(at, number)| *number = result(first * columns + at, *number));
    });
    if is_symmetric {
        for row in 1..columns {
            for column in 0..row {
                product[row * columns + column] = product[column * columns + row];
            }
        }
    }
    product
}

/// A X with no more rows than columns, and one iteration of it.
fn iterate<T: Machine>(x: &[T], rows: usize, columns: usize, [a, b, c]: [f64; 3]) -> Vec<T> {
    let [a, b, c] = [a, b, c].map(|number| T::from(number).unwrap_or_default());
    let of_rows = Side::rows(x, rows, columns);
    let gram = product(of_rows, of_rows, columns, true, |_, sum| sum);
    let of_gram = Side::columns(&gram, rows);
    let polynomial = product(of_gram, of_gram, rows, true, |at, sum| b * gram[at] + c * sum);
    product(Side::columns(&polynomial, rows), Side::columns(x, columns), rows, false, |at, sum| a * x[at] + sum)
}

/// Runs some work on a matrix of these sizes with no more rows than columns: its transpose where it is tall.
fn as_wide<T: Machine>(x: &mut [T], height: usize, width: usize, work: impl FnOnce(Vec<T>, usize, usize) -> Vec<T>) {
    if height <= width {
        return x.copy_from_slice(&work(x.to_vec(), height, width));
    }
    let transposed = (0..width).flat_map(|column| (0..height).map(move |row| row * width + column)).map(|at| x[at]).collect();
    let done = work(transposed, width, height);
    for (row, numbers) in x.chunks_mut(width).enumerate() {
        numbers.iter_mut().enumerate().for_each(|(column, number)| *number = done[column * height + row]);
    }
}

/// Orthogonalizes a matrix of these sizes in its place, by an iteration for each triple of coefficients. Between products it is kept so; in f64, as it is.
pub fn orthogonalize<T: Machine>(x: &mut [T], height: usize, width: usize, coefficients: &[[f64; 3]], precision: Precision) {
    as_wide(x, height, width, |x, rows, columns| T::iterated(x, rows, columns, coefficients, precision));
}

/// The same in f64, with how far a run in f32, or one that keeps its matrices in f16, may be off.
///
/// To follow the errors from product to product would lose that they depend on one another: an iteration makes an error larger by 3.4 at most, and the products that
/// it consists of would be told to make it larger by 28. So the errors are drawn: f32 runs from numbers that are off by what they may be off, each up or down. They differ from
/// the f64 run by what the roundings of such runs make of it. An element may be off by so many times the root mean square of what those of its row and of its column are.
pub(crate) fn orthogonalize_bounded(x: &mut [Bounded], height: usize, width: usize, coefficients: &[[f64; 3]], precision: Precision) {
    let mut values: Vec<f64> = x.iter().map(|x| x.value).collect();
    let (mut rows, mut columns) = (vec![0.0; height], vec![0.0; width]);
    let mut runs: Vec<Vec<f32>> = (0..RUNS).map(|run| drawn(x, run)).collect();
    orthogonalize(&mut values, height, width, coefficients, precision);
    for run in &mut runs {
        orthogonalize(run, height, width, coefficients, precision);
        for (at, (&got, value)) in run.iter().zip(&values).enumerate() {
            let square = (f64::from(got) - value).powi(2) / f64::from(RUNS);
            rows[at / width] += square / width as f64;
            columns[at % width] += square / height as f64;
        }
    }
    for (at, (x, value)) in x.iter_mut().zip(values).enumerate() {
        let spread = DEVIATIONS * rows[at / width].max(columns[at % width]).sqrt();
        *x = Bounded::inexact(value, spread);
    }
}

/// Runs that are drawn.
pub(super) const RUNS: u32 = 4;
/// By how many root mean squares an element may be off. Most of the error of a matrix with one row is one number that all of it is multiplied by, of which this many are drawn.
pub(super) const DEVIATIONS: f64 = 16.0;

/// Up or down for each number, by a hash of where it is.
pub(super) fn signs(run: u32) -> impl Iterator<Item = f64> {
    (0..).map(move |at| if storage::drawn(run, 0, at) & 1 == 1 { 1.0 } else { -1.0 })
}

/// Numbers that are off by as much as they may be, up or down.
pub(super) fn drawn(x: &[Bounded], run: u32) -> Vec<f32> {
    x.iter().zip(signs(run)).map(|(x, sign)| (x.value + sign * x.error) as f32).collect()
}
