//! The products with squares of axes on the CPU, and how far those of a GPU may be off.

use core::cmp::Ordering;
use core::ops::Mul;

use num_traits::Zero;
use rayon::prelude::*;

use super::jacobi::{LEAST_TRACE, MOST, SHIFT, eigen};
use super::roots::inverse_root;
use crate::products::twin::{DEVIATIONS, Machine, RUNS, drawn, signs};
use crate::rule::{Bounded, Product, Real as _, Square};

/// One product over all squares of a tensor.
#[derive(Clone, Debug)]
pub struct SquareWork {
    /// What to do.
    pub product: Product,
    /// The squares.
    pub squares: Vec<Square>,
    /// The scalars that it reads, in their order.
    pub numbers: Vec<f64>,
}

/// What WGSL allows beyond runs in f32, which round correctly, in halves of the last bit: a quotient 5, a root 9, a power 7. An inverse root has a power, and two quotients in what is taken to -1/2 at most; its square root is in both, and leaves
/// nothing. Rotations and columns of length 1 have a root and a quotient.
fn allowed(product: &Product) -> f64 {
    match product {
        Product::Root { .. } => 7.0 + 5.0,
        Product::Basis { .. } | Product::Renew { .. } => 9.0 + 5.0,
        Product::Gram { .. } | Product::Turn { .. } => 0.0,
    }
}

/// Half of f32's last bit, as a part of a number.
const UNIT: f64 = 1.0 / (1_u64 << 24) as f64;

pub(super) fn number<T: Machine>(x: f64) -> T {
    T::from(x).unwrap_or_default()
}

/// A square as the twin goes through it.
#[derive(Clone, Copy)]
struct Own {
    size: usize,
    inner: usize,
    outer: usize,
    first: usize,
}

impl Own {
    fn of(square: &Square) -> Self {
        let [size, inner, outer, first] = [square.size, square.inner, square.outer, square.first].map(|x| x as usize);
        Own { size, inner, outer, first }
    }

    /// The numbers of the square.
    fn of_lane<T: Copy>(&self, lane: &[T]) -> Vec<T> {
        lane[self.first..][..self.size * self.size].to_vec()
    }

    fn in_lane<'a, T>(&self, lane: &'a mut [T]) -> &'a mut [T] {
        &mut lane[self.first..][..self.size * self.size]
    }

    /// Where the element of an index is, in this column of X_i.
    fn at(&self, index: usize, column: usize) -> usize {
        (column / self.inner * self.size + index) * self.inner + column % self.inner
    }

    fn columns(&self) -> usize {
        self.inner * self.outer
    }
}

impl SquareWork {
    /// In the states of its tensor.
    pub fn run<T: Machine>(&self, lanes: &mut [Vec<T>]) {
        let squares: Vec<Own> = self.squares.iter().map(Own::of).collect();
        let numbers: Vec<T> = self.numbers.iter().map(|&x| number(x)).collect();
        let [first, rest @ ..] = lanes else { return };
        for own in &squares {
            match (&self.product, &numbers[..], &mut *rest) {
                (Product::Gram { .. }, &[keep, add, ridge], [into]) => {
                    gram(own, first, into, [keep, add, ridge], [-MOST, MOST].map(number))
                }
                (Product::Root { .. }, _, [into]) => {
                    own.in_lane(into).copy_from_slice(&inverse_root(&own.of_lane(first), own.size, 2 * squares.len()))
                }
                (Product::Basis { .. }, _, [into]) => own.in_lane(into).copy_from_slice(&basis(&own.of_lane(first), own.size)),
                (Product::Renew { .. }, _, [basis, turned, sorted]) => renew(own, first, basis, turned, sorted),
                (Product::Turn { back, .. }, _, [by]) => turn(own, first, &own.of_lane(by), *back),
                _ => {}
            }
        }
    }

    /// The same in f64, with how far a run in f32 may be off. Of sums, that follows from their operations. Of all else it is drawn, as [`orthogonalize_bounded`](super::super::orthogonalize_bounded) does, in two
    /// parts, so that what a step inherits does not grow with each: runs in f32 from numbers that are off by their last bit show what rounding makes of a product, of which so many root mean squares count; runs in f64 from numbers
    /// that are off by what they may be off show what it makes of that, of which two count. Where there are roots, quotients or powers, what WGSL allows these comes on top. The mean is over the elements that have one of an element's indices, for the axis where it is largest; of a square, over its row or its column.
    pub(crate) fn run_bounded(&self, lanes: &mut [Vec<Bounded>]) {
        if let (Product::Gram { .. }, [x, into], &[keep, add, ridge]) = (&self.product, &mut *lanes, &self.numbers[..]) {
            let numbers = [keep, add, ridge].map(|x| Bounded::inexact(x, 0.0));
            let squares = self.squares.iter().map(Own::of);
            return squares.for_each(|own| gram(&own, x, into, numbers, [-MOST, MOST].map(Bounded::of)));
        }
        let mut values: Vec<Vec<f64>> = lanes.iter().map(|lane| lane.iter().map(|x| x.value).collect()).collect();
        self.run(&mut values);
        let last_bit = |x: &Bounded| Bounded { value: x.value, error: UNIT * x.value.abs() };
        let rounded: Vec<Vec<Bounded>> = lanes.iter().map(|lane| lane.iter().map(last_bit).collect()).collect();
        let of_rounding: Vec<Vec<Vec<f32>>> =
            (0..RUNS).into_par_iter().map(|run| self.drawn_run(&rounded, |lane| drawn(lane, run))).collect();
        let in_f64 = |lane: &[Bounded], run| lane.iter().zip(signs(run)).map(|(x, sign)| x.value + sign * x.error).collect();
        let inherited: Vec<Vec<Vec<f64>>> = (0..RUNS).into_par_iter().map(|run| self.drawn_run(lanes, |lane| in_f64(lane, run))).collect();
        let (names, of_elements) = (self.product.states(), self.product.of_elements());
        let allowed = allowed(&self.product);
        for (place, lane) in lanes.iter_mut().enumerate().filter(|(place, _)| self.product.writes(names[*place])) {
            let means = |off: &dyn Fn(usize, usize) -> f64| {
                let square = |at: usize| (0..RUNS as usize).map(|run| off(run, at).powi(2)).sum::<f64>() / f64::from(RUNS);
                let known = |at: usize| if values[place][at].is_finite() { square(at) } else { 0.0 };
                let squares: Vec<f64> = (0..lane.len()).map(known).collect();
                if of_elements.contains(&names[place]) { self.of_indices(&squares) } else { self.of_lines(&squares) }
            };
            let rounding = means(&|run, at| f64::from(of_rounding[run][place][at]) - values[place][at]);
            let inherited = means(&|run, at| inherited[run][place][at] - values[place][at]);
            let magnitudes = if allowed == 0.0 { vec![0.0; lane.len()] } else { means(&|_, at| values[place][at]) };
            for (at, x) in lane.iter_mut().enumerate() {
                let spread = DEVIATIONS * rounding[at].sqrt() + 2.0 * inherited[at].sqrt() + allowed * UNIT * magnitudes[at].sqrt();
                *x = Bounded::inexact(values[place][at], spread);
            }
        }
    }

    /// One run, from numbers that are off.
    fn drawn_run<T: Machine>(&self, lanes: &[Vec<Bounded>], drawn: impl Fn(&[Bounded]) -> Vec<T>) -> Vec<Vec<T>> {
        let mut own: Vec<Vec<T>> = lanes.iter().map(|lane| drawn(lane)).collect();
        self.run(&mut own);
        own
    }

    /// For each element, the mean over those that share an index, the largest of all axes.
    fn of_indices(&self, squares: &[f64]) -> Vec<f64> {
        let mut largest = squares.to_vec();
        for own in self.squares.iter().map(Own::of) {
            let mut means = vec![0.0; own.size];
            let index = |at: usize| at / own.inner % own.size;
            squares.iter().enumerate().for_each(|(at, square)| means[index(at)] += square / own.columns() as f64);
            largest.iter_mut().enumerate().for_each(|(at, largest)| *largest = largest.max(means[index(at)]));
        }
        largest
    }

    /// For each number of a square, the mean over its row or its column, whichever is larger.
    fn of_lines(&self, squares: &[f64]) -> Vec<f64> {
        let mut largest = squares.to_vec();
        for own in self.squares.iter().map(Own::of) {
            let mean = |of: &dyn Fn(usize) -> usize| (0..own.size).map(|k| squares[own.first + of(k)]).sum::<f64>() / own.size as f64;
            let rows: Vec<f64> = (0..own.size).map(|i| mean(&|k| i * own.size + k)).collect();
            let columns: Vec<f64> = (0..own.size).map(|i| mean(&|k| k * own.size + i)).collect();
            let part = own.in_lane(&mut largest);
            part.iter_mut().enumerate().for_each(|(at, x)| *x = x.max(rows[at / own.size]).max(columns[at % own.size]));
        }
        largest
    }
}

fn gram<T: Copy + Zero + Mul<Output = T> + PartialOrd + Send + Sync>(
    own: &Own,
    x: &[T],
    into: &mut [T],
    [keep, add, ridge]: [T; 3],
    most: [T; 2],
) {
    let (size, columns) = (own.size, own.columns());
    let rows: Vec<Vec<T>> = (0..size).map(|i| (0..columns).map(|column| x[own.at(i, column)]).collect()).collect();
    let into = own.in_lane(into);
    into.par_chunks_mut(size).enumerate().for_each(|(i, into)| {
        for (j, into) in into.iter_mut().enumerate() {
            let sum = rows[i].iter().zip(&rows[j]).fold(T::zero(), |sum, (&a, &b)| sum + a * b);
            let new = keep * *into + if i == j { add * sum + ridge } else { add * sum };
            // A NaN stays one.
            *into = if new > most[1] { most[1] } else { new };
            *into = if *into < most[0] { most[0] } else { *into };
        }
    });
}

/// `left right` of two squares.
pub(super) fn multiplied<T: Machine>(left: &[T], right: &[T], size: usize) -> Vec<T> {
    let mut product = vec![T::zero(); size * size];
    product.par_chunks_mut(size).zip(left.par_chunks(size)).for_each(|(row, left)| {
        for (&left, right) in left.iter().zip(right.chunks(size)) {
            row.iter_mut().zip(right).for_each(|(sum, &right)| *sum = *sum + left * right);
        }
    });
    product
}

fn transposed<T: Machine>(square: &[T], size: usize) -> Vec<T> {
    (0..size * size).map(|at| square[at % size * size + at / size]).collect()
}

/// For each of these, its place in falling order; of equal ones the first comes first.
fn ranks<T: Machine>(values: &[T]) -> Vec<usize> {
    let is_before = |j: usize, i: usize| values[j] > values[i] || (j < i && values[j].partial_cmp(&values[i]) != Some(Ordering::Less));
    (0..values.len()).map(|i| (0..values.len()).filter(|&j| is_before(j, i)).count()).collect()
}

fn basis<T: Machine>(of: &[T], size: usize) -> Vec<T> {
    let (values, vectors, _) = eigen(of, size);
    let mut basis = vec![T::zero(); size * size];
    for (column, rank) in ranks(&values).into_iter().enumerate() {
        let own = || (0..size).map(|row| vectors[row * size + column]);
        let largest = own().fold(T::zero(), |largest, x| if x.abs() > largest.abs() { x } else { largest });
        let sign = if largest < T::zero() { -T::one() } else { T::one() };
        own().enumerate().for_each(|(row, x)| basis[row * size + rank] = sign * x);
    }
    basis
}

/// Columns that are orthogonal to those before and of length 1: Gram and Schmidt's, modified, twice.
fn orthonormal<T: Machine>(columns: &mut [T], size: usize) {
    for _ in 0..2 {
        for first in 0..size {
            let square = (0..size).fold(T::zero(), |sum, row| sum + columns[row * size + first] * columns[row * size + first]);
            let part: Vec<T> = (first + 1..size)
                .map(|other| {
                    let dot = (0..size).fold(T::zero(), |sum, row| sum + columns[row * size + first] * columns[row * size + other]);
                    dot / square
                })
                .collect();
            for row in columns.chunks_mut(size) {
                let own = row[first];
                row[first + 1..].iter_mut().zip(&part).for_each(|(x, &part)| *x = *x - part * own);
            }
        }
        for column in 0..size {
            let square = (0..size).fold(T::zero(), |sum, row| sum + columns[row * size + column] * columns[row * size + column]);
            let factor = T::one() / square.sqrt();
            (0..size).for_each(|row| columns[row * size + column] = columns[row * size + column] * factor);
        }
    }
}

fn renew<T: Machine>(own: &Own, of: &[T], basis: &mut [T], turned: &mut [T], sorted: &mut [T]) {
    let (size, of, old) = (own.size, own.of_lane(of), own.of_lane(basis));
    let product = multiplied(&of, &old, size);
    let trace = (0..size).fold(T::zero(), |sum, i| sum + of[i * size + i]);
    let estimate = |column: usize| (0..size).fold(T::zero(), |sum, row| sum + old[row * size + column] * product[row * size + column]);
    let ranks = ranks(&(0..size).map(estimate).collect::<Vec<_>>());
    let (factor, shift) = if trace < number(LEAST_TRACE) { (T::zero(), T::one()) } else { (T::one() / trace, number(SHIFT)) };
    let mut new = vec![T::zero(); size * size];
    for (column, &rank) in ranks.iter().enumerate() {
        let element = |row: usize| factor * product[row * size + column] + shift * old[row * size + column];
        let square = (0..size).fold(T::zero(), |sum, row| sum + element(row) * element(row));
        let length = T::one() / square.sqrt();
        (0..size).for_each(|row| new[row * size + rank] = element(row) * length);
    }
    orthonormal(&mut new, size);
    own.in_lane(basis).copy_from_slice(&new);
    turn(own, turned, &multiplied(&transposed(&new, size), &old, size), true);
    let before = sorted.to_vec();
    for column in 0..own.columns() {
        (0..size).for_each(|index| sorted[own.at(ranks[index], column)] = before[own.at(index, column)]);
    }
}

/// `by X_i`, or `by^T X_i`.
fn turn<T: Machine>(own: &Own, x: &mut [T], by: &[T], back: bool) {
    let by = if back { by.to_vec() } else { transposed(by, own.size) };
    let before = x.to_vec();
    x.par_chunks_mut(own.size * own.inner).zip(before.par_chunks(own.size * own.inner)).for_each(|(x, before)| {
        for (row, by) in x.chunks_mut(own.inner).zip(by.chunks(own.size)) {
            row.fill(T::zero());
            for (&by, before) in by.iter().zip(before.chunks(own.inner)) {
                row.iter_mut().zip(before).for_each(|(sum, &before)| *sum = *sum + by * before);
            }
        }
    });
}
