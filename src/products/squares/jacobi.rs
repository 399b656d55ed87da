//! Eigenvalues and eigenvectors of symmetric matrices by cyclic Jacobi rotations, in the order of the kernel: in a round, half as many rotations as there are rows turn all rows and
//! columns, each once; the rounds of a sweep turn each pair. The numbers of sweeps and how rounds are shared among dispatches are here too.

/// A number off the diagonal that is smaller, with a trace of 1, is not turned away.
pub(super) const SMALLEST: f64 = 1e-15;

/// The trace of a matrix that counts as zero is smaller than this: its reciprocal would be beyond f32.
pub(super) const LEAST_TRACE: f64 = 1e-30;

/// The largest number of a square: the trace of 10,000 such is within f32.
pub(super) const MOST: f64 = 1e34;

/// The part of what shifts a basis by which it is made sure that no column vanishes: 2^-23 of the trace.
pub(super) const SHIFT: f64 = 1.0 / (1_u64 << 23) as f64;

/// Sweeps after which the eigenvalues of a matrix of so many rows are at f64's rounding. What takes most are eigenvalues that fall by a constant factor: each sweep makes what is off the
/// diagonal a tenth then, until the last ones. Two sweeps fewer leave 5e-12 of the trace with 40 rows, 9e-13 with 96, 1e-11 with 200.
fn sweeps(size: u64) -> u64 {
    match size {
        ..=16 => 8,
        17..=64 => 12,
        _ => 14,
    }
}

/// Rounds of all sweeps.
pub(crate) fn rounds(size: u64) -> u64 {
    sweeps(size) * (size.next_multiple_of(2) - 1)
}

/// How the work on a square is shared among dispatches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shares {
    /// Invocations of a workgroup: a power of two.
    pub(crate) invocations: u32,
    /// Columns that a workgroup makes orthogonal at once: a power of two, no more than `invocations`, no less than its root.
    pub(crate) panel: u32,
    /// Turns of its loops that an invocation makes in one dispatch.
    pub(crate) most: u64,
}

impl Shares {
    /// On a GPU, two million turns are some hundredths of a second. llvmpipe leaves all loops of an invocation after 65,535 turns together.
    /// A panel of 32 columns takes 13 KiB of a workgroup's memory with 256 invocations.
    pub(crate) fn new(is_software: bool, invocations: u32, memory: u32) -> Self {
        let panel = if 4 * (3 * 32 * 32 + invocations) <= memory { 32 } else { 16 };
        Shares { invocations, panel: invocations.min(panel), most: if is_software { 1 << 15 } else { 1 << 21 } }
    }

    fn turns(&self, numbers: u64) -> u64 {
        numbers.div_ceil(u64::from(self.invocations))
    }

    /// Rounds of rotations of one dispatch.
    pub(crate) fn rounds(&self, size: u64) -> u64 {
        let pairs = size.div_ceil(2);
        (self.most / (1 + self.turns(pairs) + self.turns(pairs * pairs) + self.turns(pairs * size))).max(1)
    }
}

/// The two indices that the rotation of this number turns in a round; the second is `size` where the first stays as it is.
#[cfg(feature = "cpu")]
fn pair(round: usize, number: usize, size: usize) -> (usize, usize) {
    let others = size.next_multiple_of(2) - 1;
    let first = if number == 0 { others } else { (round + number) % others };
    let second = (round + others - number) % others;
    (first.min(second), first.max(second))
}

#[cfg(feature = "cpu")]
mod twin {
    use super::{LEAST_TRACE, SMALLEST, pair, rounds};
    use crate::products::twin::Machine;

    /// What a rotation turns by.
    #[derive(Clone, Copy)]
    struct Turn<T> {
        cosine: T,
        sine: T,
        tangent: T,
    }

    /// Of the numbers on the diagonal and off it.
    fn turn<T: Machine>(first: T, off: T, second: T) -> Turn<T> {
        let number = |x: f64| T::from(x).unwrap_or_default();
        // A NaN turns, so that it spreads.
        if off.abs() < number(SMALLEST) {
            return Turn { cosine: T::one(), sine: T::zero(), tangent: T::zero() };
        }
        let difference = second - first;
        let twice = off + off;
        let root = difference.abs() + (difference * difference + twice * twice).sqrt();
        let tangent = if difference < T::zero() { -twice / root } else { twice / root };
        let cosine = T::one() / (T::one() + tangent * tangent).sqrt();
        Turn { cosine, sine: tangent * cosine, tangent }
    }

    /// The eigenvalues of a symmetric matrix divided by its trace, the eigenvectors as columns, and the trace; 0 if it counts as zero.
    pub(crate) fn eigen<T: Machine>(matrix: &[T], size: usize) -> (Vec<T>, Vec<T>, T) {
        let number = |x: f64| T::from(x).unwrap_or_default();
        let trace = (0..size).fold(T::zero(), |sum, i| sum + matrix[i * size + i]);
        let trace = if trace < number(LEAST_TRACE) { T::zero() } else { trace };
        let factor = if trace == T::zero() { T::zero() } else { T::one() / trace };
        let mut a: Vec<T> = matrix.iter().map(|&x| x * factor).collect();
        let mut vectors = vec![T::zero(); size * size];
        (0..size).for_each(|i| vectors[i * size + i] = T::one());
        let pairs = size.div_ceil(2);
        let in_sweep = size.next_multiple_of(2) - 1;
        for round in 0..rounds(size as u64) as usize {
            let pairs: Vec<(usize, usize)> = (0..pairs).map(|number| pair(round % in_sweep, number, size)).collect();
            let of = |&(p, q): &(usize, usize)| match q < size {
                true => turn(a[p * size + p], a[p * size + q], a[q * size + q]),
                false => Turn { cosine: T::one(), sine: T::zero(), tangent: T::zero() },
            };
            let turns: Vec<Turn<T>> = pairs.iter().map(of).collect();
            turn_all(&mut a, size, &pairs, &turns);
            turn_columns(&mut vectors, size, &pairs, &turns);
        }
        ((0..size).map(|i| a[i * size + i]).collect(), vectors, trace)
    }

    /// Both sides of a symmetric matrix, block by block of two rows and two columns; what is above the diagonal is stored on both sides.
    fn turn_all<T: Machine>(a: &mut [T], size: usize, pairs: &[(usize, usize)], turns: &[Turn<T>]) {
        for (first, (&(p, q), own)) in pairs.iter().zip(turns).enumerate() {
            for (&(r, u), other) in pairs.iter().zip(turns).skip(first) {
                let get = |i: usize, j: usize| if i < size && j < size { a[i * size + j] } else { T::zero() };
                let (pr, pu, qr, qu) = (get(p, r), get(p, u), get(q, r), get(q, u));
                let mut put = |i: usize, j: usize, x: T| {
                    if i < size && j < size {
                        a[i * size + j] = x;
                        a[j * size + i] = x;
                    }
                };
                if p == r {
                    put(p, p, pr - own.tangent * pu);
                    put(q, q, qu + own.tangent * pu);
                    put(p, q, if own.tangent == T::zero() { pu } else { own.tangent * T::zero() });
                    continue;
                }
                let (c, s) = (own.cosine, own.sine);
                let (upper_r, upper_u) = (c * pr - s * qr, c * pu - s * qu);
                let (lower_r, lower_u) = (s * pr + c * qr, s * pu + c * qu);
                let (c, s) = (other.cosine, other.sine);
                put(p, r, c * upper_r - s * upper_u);
                put(p, u, s * upper_r + c * upper_u);
                put(q, r, c * lower_r - s * lower_u);
                put(q, u, s * lower_r + c * lower_u);
            }
        }
    }

    fn turn_columns<T: Machine>(vectors: &mut [T], size: usize, pairs: &[(usize, usize)], turns: &[Turn<T>]) {
        for row in vectors.chunks_mut(size) {
            for (&(p, q), own) in pairs.iter().zip(turns).filter(|((_, q), _)| *q < size) {
                let (x, y) = (row[p], row[q]);
                row[p] = own.cosine * x - own.sine * y;
                row[q] = own.sine * x + own.cosine * y;
            }
        }
    }
}

#[cfg(feature = "cpu")]
pub(super) use twin::eigen;

#[cfg(all(test, feature = "cpu"))]
pub(super) mod tests {
    use super::*;

    #[test]
    fn each_sweep_turns_each_pair_once() {
        for size in 1..=9_usize {
            let in_sweep = size.next_multiple_of(2) - 1;
            let mut pairs: Vec<(usize, usize)> =
                (0..in_sweep).flat_map(|round| (0..size.div_ceil(2)).map(move |number| pair(round, number, size))).collect();
            pairs.retain(|(_, second)| *second < size);
            pairs.sort_unstable();
            let all: Vec<(usize, usize)> = (0..size).flat_map(|i| (i + 1..size).map(move |j| (i, j))).collect();
            assert_eq!(pairs, all);
        }
    }

    /// A matrix with these eigenvalues, times 7: its basis is that of one reflection.
    pub(in crate::products::squares) fn with(values: &[f64]) -> Vec<f64> {
        let size = values.len();
        let direction: Vec<f64> = (0..size).map(|i| 1.0 + (i * i % 7) as f64).collect();
        let square: f64 = direction.iter().map(|x| x * x).sum();
        let basis = |i: usize, j: usize| f64::from(u8::from(i == j)) - 2.0 * direction[i] * direction[j] / square;
        let element = |i: usize, j: usize| (0..size).map(|k| 7.0 * values[k] * basis(i, k) * basis(j, k)).sum();
        (0..size * size).map(|at| element(at / size, at % size)).collect()
    }

    #[test]
    fn eigenvalues_are_found_whatever_they_are() {
        let spectra: [Vec<f64>; 6] = [
            vec![3.0],
            (1..=17).map(f64::from).collect(),
            (0..40).map(|i| 0.5_f64.powi(i)).collect(),
            (0..96).map(|i| 0.8_f64.powi(i)).collect(),
            (0..33).map(|i| if i < 4 { 1.0 } else { 0.0 }).collect(),
            (0..150).map(|i| 1.0 + f64::from(i % 3)).collect(),
        ];
        for values in spectra {
            let size = values.len();
            let matrix = with(&values);
            let in_f32: Vec<f32> = matrix.iter().map(|&x| x as f32).collect();
            let (own, vectors, trace) = eigen(&matrix, size);
            let (small, _, small_trace) = eigen(&in_f32, size);
            let sorted = |mut all: Vec<f64>| {
                all.sort_by(f64::total_cmp);
                all
            };
            let expected = sorted(values.iter().map(|x| 7.0 * x).collect());
            let found = sorted(own.iter().map(|x| x * trace).collect());
            let found_in_f32 = sorted(small.iter().map(|&x| f64::from(x * small_trace)).collect());
            for ((expected, found), in_f32) in expected.iter().zip(found).zip(found_in_f32) {
                assert!((expected - found).abs() < 1e-12 * trace, "{size}: {found}, expected {expected}");
                assert!((expected - in_f32).abs() < 2e-6 * trace, "{size}: {in_f32} in f32, expected {expected}");
            }
            for i in 0..size {
                for j in 0..size {
                    let dot: f64 = (0..size).map(|k| vectors[k * size + i] * vectors[k * size + j]).sum();
                    assert!((dot - f64::from(u8::from(i == j))).abs() < 1e-12, "{size}: columns {i} and {j}");
                }
            }
        }
    }
}
