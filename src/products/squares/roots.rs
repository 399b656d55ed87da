//! Inverse roots of symmetric squares by products alone: a coupled Newton iteration of third order.
//!
//! With M = A / |A| + LIFT and X = I, `T = q(M)`, `X = X T` and `M = M T^p` bring M towards I and X towards `M^(-1/p)`; q is the series of `m^(-1/p)` about 1 up to its third term. No eigenvalue is lost on the way,
//! since `m q(m)^p` grows from 0 to 1 with m; polynomials that rise faster fall in between, and what has fallen is rounding then. What LIFT has changed is taken back at the end:
//! with `M = I - LIFT X^p`, which is A / (|A| (A / |A| + LIFT)), two more iterations.

use crate::products::squares::jacobi::MOST;

/// What is added to the eigenvalues of a matrix of norm 1 until the end. Rounding makes negative ones of what is 0, and such ones would grow without bounds.
pub(super) const LIFT: f64 = 1.0 / (1_u64 << 18) as f64;

/// Iterations that take back what that has changed: of eigenvalues above it, the first leaves the third power of `LIFT / eigenvalue`, the second the ninth.
const LAST_ITERATIONS: usize = 2;

/// Squares that a root is worked on in. The first is M at first.
pub(super) const PLACES: usize = 5;

/// No number of T or of M is larger, as long as eigenvalues are not negative.
const LARGEST: f64 = 2.0;

/// `into = of_product * left right + of_left * left + of_one * I`, by numbers of places; what is beyond `most` is that.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Multiplication {
    pub(super) left: usize,
    pub(super) right: usize,
    pub(super) into: usize,
    pub(super) of_product: f64,
    pub(super) of_left: f64,
    pub(super) of_one: f64,
    pub(super) most: f64,
}

/// All products that a root takes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Steps {
    /// Those of one list need those of the one before.
    pub(super) lists: Vec<Vec<Multiplication>>,
    /// The place of the root.
    pub(super) root: usize,
}

impl Steps {
    /// Of `A^(-1 / power)`; the power is even.
    pub(super) fn new(power: usize) -> Self {
        let mut maker = Maker { power, lists: Vec::new(), is_used: [false; PLACES] };
        let first = maker.take();
        let near = maker.iterate(first, None, iterations(power));
        let rest = maker.rest(near);
        let root = maker.iterate(rest, Some(near), LAST_ITERATIONS);
        Steps { lists: maker.lists, root }
    }
}

/// The most that an eigenvalue of a root is, where those of a matrix of norm 1 are not negative: that of 0.
pub(super) fn largest(power: usize) -> f64 {
    let of_zero: f64 = polynomial(power)[0];
    1.01 * LIFT.powf(-1.0 / power as f64) * of_zero.powi(LAST_ITERATIONS as i32)
}

/// The coefficients of 1, m and m^2 in q(m).
fn polynomial(power: usize) -> [f64; 3] {
    let first = 1.0 / power as f64;
    let second = first * (first + 1.0) / 2.0;
    [1.0 + first + second, -first - 2.0 * second, second]
}

/// Iterations after which the smallest eigenvalue, LIFT, is 1 but for 1e-9: the last one makes the third power of what is left.
fn iterations(power: usize) -> usize {
    let [of_one, of_first, of_second] = polynomial(power);
    let next = |m: f64| (of_one + of_first * m + of_second * m * m).powi(power as i32) * m;
    1 + core::iter::successors(Some(LIFT), |&m| Some(next(m))).take_while(|m| 1.0 - m > 1e-3).count()
}

/// Writes the lists, and knows which places are free.
struct Maker {
    power: usize,
    lists: Vec<Vec<Multiplication>>,
    is_used: [bool; PLACES],
}

impl Maker {
    /// A free place. There is one: no list has more than two results beside three squares that live.
    fn take(&mut self) -> usize {
        let place = self.is_used.iter().position(|is_used| !is_used).unwrap_or_default();
        self.is_used[place] = true;
        place
    }

    fn give_back(&mut self, place: usize) {
        self.is_used[place] = false;
    }

    fn product(&mut self, left: usize, right: usize, most: f64) -> Multiplication {
        Multiplication { left, right, into: self.take(), of_product: 1.0, of_left: 0.0, of_one: 0.0, most }
    }

    /// So many iterations, from M and X; where X is not there yet, it is I. The place of X.
    fn iterate(&mut self, mut m: usize, mut root: Option<usize>, times: usize) -> usize {
        for is_last in (1..=times).map(|time| time == times) {
            let [of_one, of_left, of_product] = polynomial(self.power);
            let of_m = Multiplication { of_product, of_left, of_one, ..self.product(m, m, LARGEST) };
            let t = of_m.into;
            self.lists.push(vec![of_m]);
            let next = root.map(|root| self.product(root, t, MOST));
            let square = (!is_last).then(|| self.product(t, t, MOST));
            self.lists.extend(Some([next, square].into_iter().flatten().collect()).filter(|list: &Vec<_>| !list.is_empty()));
            root.into_iter().for_each(|place| self.give_back(place));
            if next.is_some() {
                self.give_back(t);
            }
            root = Some(next.map_or(t, |next| next.into));
            match square {
                Some(square) => m = self.raise(Some(m), square.into),
                None => self.give_back(m),
            }
        }
        root.unwrap_or_default()
    }

    /// `first S^(power / 2)` in a place, S being a square that nothing else needs.
    fn raise(&mut self, mut first: Option<usize>, mut square: usize) -> usize {
        let mut left = self.power / 2;
        // Powers of X are as large as 1 / LIFT.
        let most = if first.is_some() { LARGEST } else { MOST };
        loop {
            let (is_odd, is_done) = (left % 2 == 1, left <= 1);
            let product = first.filter(|_| is_odd).map(|first| self.product(first, square, most));
            let next = (!is_done).then(|| self.product(square, square, MOST));
            self.lists.extend(Some([product, next].into_iter().flatten().collect()).filter(|list: &Vec<_>| !list.is_empty()));
            let taken = is_odd && first.is_none();
            if let Some(product) = product {
                first.into_iter().for_each(|place| self.give_back(place));
                first = Some(product.into);
            }
            if taken {
                first = Some(square);
            } else {
                self.give_back(square);
            }
            match next {
                Some(next) => (square, left) = (next.into, left / 2),
                None => return first.unwrap_or_default(),
            }
        }
    }

    /// `I - LIFT X^power`, in a place.
    fn rest(&mut self, root: usize) -> usize {
        let square = self.product(root, root, MOST);
        self.lists.push(vec![square]);
        let into = self.raise(None, square.into);
        // What has been made last.
        if let Some(last) = self.lists.last_mut().and_then(|list| list.last_mut()) {
            *last = Multiplication { of_product: -LIFT, of_one: 1.0, most: LARGEST, ..*last };
        }
        into
    }
}

#[cfg(feature = "cpu")]
mod twin {
    use super::{LIFT, PLACES, Steps, largest};
    use crate::products::squares::jacobi::LEAST_TRACE;
    use crate::products::squares::twin::{multiplied, number};
    use crate::products::twin::Machine;

    /// A number, or what it may be at most; a NaN stays one.
    fn within<T: Machine>(x: T, most: T) -> T {
        let x = if x > most { most } else { x };
        if x < -most { -most } else { x }
    }

    /// `matrix^(-1 / power)` of a symmetric matrix without negative eigenvalues.
    pub(in crate::products::squares) fn inverse_root<T: Machine>(matrix: &[T], size: usize, power: usize) -> Vec<T> {
        let trace = (0..size).fold(T::zero(), |sum, i| sum + matrix[i * size + i]);
        let is_zero = trace < number(LEAST_TRACE);
        let factor = if is_zero { T::zero() } else { T::one() / trace };
        let square = |row: usize, column: usize| (factor * matrix[row * size + column]) * (factor * matrix[row * size + column]);
        let of_column = |column: usize| (0..size).fold(T::zero(), |sum, row| sum + square(row, column));
        let length = (0..size).fold(T::zero(), |sum, column| sum + of_column(column)).sqrt();
        let factor = if is_zero { T::zero() } else { factor / length };
        let norm = if is_zero { number(LEAST_TRACE) } else { trace * length };
        let mut places = vec![Vec::new(); PLACES];
        let lift = |at: usize| if at.is_multiple_of(size + 1) { number(LIFT) } else { T::zero() };
        places[0] = matrix.iter().enumerate().map(|(at, &x)| factor * x + lift(at)).collect();
        let steps = Steps::new(power);
        for own in steps.lists.iter().flatten() {
            let [of_product, of_left, of_one, most] = [own.of_product, own.of_left, own.of_one, own.most].map(number);
            let left = &places[own.left];
            let mut product = multiplied(left, &places[own.right], size);
            for row in 0..size {
                for column in row..size {
                    let at = row * size + column;
                    let one = if row == column { of_one } else { T::zero() };
                    product[at] = within(of_product * product[at] + of_left * left[at] + one, most);
                    product[column * size + row] = product[at];
                }
            }
            places[own.into] = product;
        }
        let scale = norm.powf(number(-1.0 / power as f64));
        places[steps.root].iter().map(|&x| within(x, number(largest(power))) * scale).collect()
    }
}

#[cfg(feature = "cpu")]
pub(super) use twin::inverse_root;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_product_of_a_list_writes_what_another_one_reads_or_writes() {
        for power in (2..=16).step_by(2) {
            let steps = Steps::new(power);
            let mut is_there = [false; PLACES];
            is_there[0] = true;
            for list in &steps.lists {
                assert!((1..=2).contains(&list.len()), "power {power}: {list:?}");
                for own in list {
                    assert!(is_there[own.left] && is_there[own.right], "power {power}: {own:?} reads what is not there");
                    let of_others = list.iter().flat_map(|other| [other.left, other.right]);
                    assert!(of_others.into_iter().all(|place| place != own.into), "power {power}: {own:?} writes what is read");
                    assert_eq!(list.iter().filter(|other| other.into == own.into).count(), 1, "power {power}: {own:?}");
                }
                list.iter().for_each(|own| is_there[own.into] = true);
            }
            assert!(is_there[steps.root]);
        }
    }

    /// Of eigenvalues, without rounding of matrices.
    #[test]
    fn steps_find_powers_of_single_numbers() {
        for power in (2..=16).step_by(2) {
            let steps = Steps::new(power);
            let root = |value: f64| {
                let mut places = [0.0; PLACES];
                places[0] = value + LIFT;
                for own in steps.lists.iter().flatten() {
                    let x = own.of_product * places[own.left] * places[own.right] + own.of_left * places[own.left] + own.of_one;
                    places[own.into] = x.clamp(-own.most, own.most);
                }
                places[steps.root]
            };
            for value in [1.0, 0.5, 0.01, 1e-3, 1e-4] {
                let (found, expected) = (root(value), f64::powf(value, -1.0 / power as f64));
                let allowed = (LIFT / value).powi(9) + 1e-12;
                assert!((found - expected).abs() <= allowed * expected, "power {power} of {value}: {found}, expected {expected}");
            }
            // What counts as 0 counts as no less than 2^-23, and what is negative by rounding is no catastrophe.
            assert!(root(0.0) <= largest(power) && root(0.0) > 0.98 * largest(power), "power {power}: {}", root(0.0));
            assert!(largest(power) < 2.0_f64.powf(23.0 / power as f64), "power {power}: {}", largest(power));
            assert!(root(-LIFT / 4.0) <= 2.0 * largest(power), "power {power}: {}", root(-LIFT / 4.0));
        }
    }

    /// Against the eigenvalues that a matrix was made of, in f64 and in f32; of a matrix of zeros, what counts as 0.
    #[cfg(feature = "cpu")]
    #[test]
    fn roots_of_matrices_are_powers_of_their_eigenvalues() {
        use crate::products::squares::jacobi::tests::with;

        let spectra: [Vec<f64>; 4] = [
            vec![3.0],
            (1..=17).map(f64::from).collect(),
            (0..40).map(|i| 0.8_f64.powi(i)).collect(),
            (0..96).map(|i| 1e4 * (1.0 + f64::from(i % 3))).collect(),
        ];
        for (values, power) in spectra.iter().zip([4, 2, 6, 8]) {
            let size = values.len();
            let matrix = with(values);
            let powers: Vec<f64> = values.iter().map(|x| (7.0 * x).powf(-1.0 / power as f64) / 7.0).collect();
            let (expected, in_f32) = (with(&powers), matrix.iter().map(|&x| x as f32).collect::<Vec<_>>());
            let largest = expected.iter().fold(0.0, |largest, x| f64::max(largest, x.abs()));
            let (found, small) = (inverse_root(&matrix, size, power), inverse_root(&in_f32, size, power));
            for ((expected, found), small) in expected.iter().zip(found).zip(small) {
                assert!((expected - found).abs() < 1e-9 * largest, "{size}: {found}, expected {expected}");
                assert!((expected - f64::from(small)).abs() < 2e-5 * largest, "{size}: {small} in f32, expected {expected}");
            }
        }
        let of_zeros = inverse_root(&[0.0_f32; 9], 3, 4);
        assert!(of_zeros.iter().enumerate().all(|(at, x)| if at % 4 == 0 { x.is_normal() } else { *x == 0.0 }), "{of_zeros:?}");
        assert!(inverse_root(&[1.0, f32::NAN, f32::NAN, 1.0], 2, 4).iter().all(|x| x.is_nan()));
    }
}
