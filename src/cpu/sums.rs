//! What a stage adds up, or of what it finds the largest: in f64, always in the same order, with how far a GPU may be off.

use core::ops::Range;

use crate::rule::{Extent, Extents, Real, SumField, SumForm};

/// How far a GPU's sum may be from the exact one of its numbers, as a part of the sum of their magnitudes.
const SUM_ERROR: f64 = 1e-6;

/// A sum of numbers, of how far each may be off, and of their magnitudes. Or the largest of their magnitudes, the most that it may be, and the least: `LARGEST`, which is a
/// constant of the loops over numbers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Total {
    value: f64,
    error: f64,
    magnitude: f64,
}

/// The larger one; a NaN stays one.
fn larger(a: f64, b: f64) -> f64 {
    if a > b || a.is_nan() { a } else { b }
}

impl Total {
    /// Of one number.
    fn one<const LARGEST: bool, F: Real>(x: F) -> Total {
        let (value, error) = (x.to_value(), x.error());
        let magnitude = value.abs();
        match LARGEST {
            true => Total { value: magnitude, error: magnitude + error, magnitude: magnitude - error },
            false => Total { value, error, magnitude },
        }
    }

    /// Of both.
    fn joined<const LARGEST: bool>(self, other: Total) -> Total {
        let both = |a, b| if LARGEST { larger(a, b) } else { a + b };
        let Total { value, error, magnitude } = self;
        Total { value: both(value, other.value), error: both(error, other.error), magnitude: both(magnitude, other.magnitude) }
    }

    /// Of both.
    pub(super) fn with(self, form: SumForm, other: Total) -> Total {
        if form.is_largest() { self.joined::<true>(other) } else { self.joined::<false>(other) }
    }

    fn add<const LARGEST: bool, F: Real>(&mut self, x: F) {
        let one = Total::one::<LARGEST, F>(x);
        match LARGEST {
            true => *self = self.joined::<LARGEST>(one),
            false => {
                self.value += one.value;
                self.error += one.error;
                self.magnitude += one.magnitude;
            }
        }
    }

    /// Of all of these. Each addition waits for the one before it, so there are several sums at a time.
    fn of<const LARGEST: bool, F: Real>(numbers: &[F]) -> Total {
        let (rows, rest) = numbers.as_chunks::<4>();
        let mut totals = [Total::default(); 4];
        for row in rows {
            totals.iter_mut().zip(row).for_each(|(total, &x)| total.add::<LARGEST, F>(x));
        }
        totals.iter_mut().zip(rest).for_each(|(total, &x)| total.add::<LARGEST, F>(x));
        totals.into_iter().fold(Total::default(), Total::joined::<LARGEST>)
    }

    /// What stages read, of so many numbers. The sum saturates at f32's largest number, also where a mean is formed of it.
    pub(super) fn number<F: Real>(&self, form: SumForm, count: u64) -> F {
        let by = if form == SumForm::Mean { count.max(1) as f64 } else { 1.0 };
        let most = f64::from(f32::MAX);
        if form.is_largest() {
            return F::inexact(self.value.clamp(0.0, most), (self.error - self.value).max(self.value - self.magnitude));
        }
        // One number is not added to any.
        let added = if count > 1 { SUM_ERROR * self.magnitude } else { 0.0 };
        F::inexact(self.value.clamp(-most, most) / by, (self.error + added) / by)
    }
}

/// The totals of one sum over consecutive rows, columns or whatever it is over.
#[derive(Clone, Debug)]
pub(super) struct Sums {
    extents: Extents,
    over: Extent,
    extent: Extent,
    form: SumForm,
    /// The number of the first of them.
    first: usize,
    totals: Vec<Total>,
}

impl Sums {
    /// Room for what these items of a stage over `over` add to.
    pub(super) fn new(extents: Extents, over: Extent, sum: &SumField, items: Range<u64>) -> Self {
        let (extent, last) = (sum.extent, items.end.max(1) - 1);
        let index = |at| extents.index(over, extent, at) as usize;
        let is_in_one_row = extents.index(over, Extent::Rows, items.start) == extents.index(over, Extent::Rows, last);
        let indices = match extent {
            Extent::Axes => 0..extents.count(Extent::Axes) as usize,
            // Parts of several rows have all columns of their slices.
            Extent::Columns if !is_in_one_row => {
                let slice = |at| (extents.index(over, Extent::Slices, at) * extents.width()) as usize;
                slice(items.start)..slice(last) + extents.width() as usize
            }
            _ => index(items.start)..index(last) + 1,
        };
        Sums { extents, over, extent, form: sum.form, first: indices.start, totals: vec![Total::default(); indices.len()] }
    }

    /// Adds what these items from `first` on have.
    pub(super) fn add<F: Real>(&mut self, first: usize, numbers: &[F]) {
        if self.form.is_largest() { self.add_all::<true, F>(first, numbers) } else { self.add_all::<false, F>(first, numbers) }
    }

    fn add_all<const LARGEST: bool, F: Real>(&mut self, first: usize, numbers: &[F]) {
        let items = first as u64..(first + numbers.len()) as u64;
        if self.extent == Extent::Axes {
            return self.extents.of_axes(items).for_each(|part| {
                let numbers = &numbers[part.items];
                part.last
                    .map(|last| last..)
                    .into_iter()
                    .flatten()
                    .zip(numbers)
                    .for_each(|(index, &x)| self.totals[index].add::<LARGEST, F>(x));
                let total = Total::of::<LARGEST, F>(numbers);
                part.others.iter().for_each(|&index| self.totals[index] = self.totals[index].joined::<LARGEST>(total));
            });
        }
        for part in self.extents.parts(self.over, self.extent, items) {
            let (numbers, index) = (&numbers[part.items], part.index - self.first);
            match part.each {
                true => self.totals[index..].iter_mut().zip(numbers).for_each(|(total, &x)| total.add::<LARGEST, F>(x)),
                false => self.totals[index] = self.totals[index].joined::<LARGEST>(Total::of::<LARGEST, F>(numbers)),
            }
        }
    }

    /// Adds these to the totals of the whole tensor.
    pub(super) fn add_to(&self, all: &mut [Total]) {
        all[self.first..].iter_mut().zip(&self.totals).for_each(|(total, &own)| *total = total.with(self.form, own));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::Bounded;

    const WIDE: [Extent; 5] = [Extent::Rows, Extent::Columns, Extent::Slices, Extent::Tensor, Extent::All];

    /// All sums of a tensor, added in pieces of so many elements.
    fn sums(extents: Extents, extent: Extent, form: SumForm, numbers: &[f32], pieces: usize) -> Vec<Total> {
        let sum = SumField { name: "", extent, form };
        let mut all = vec![Total::default(); extents.count(extent) as usize];
        for (index, piece) in numbers.chunks(pieces).enumerate() {
            let first = index * pieces;
            let mut own = Sums::new(extents, Extent::Elements, &sum, first as u64..(first + piece.len()) as u64);
            let (head, tail) = piece.split_at(piece.len() / 3);
            own.add(first, head);
            own.add(first + head.len(), tail);
            own.add_to(&mut all);
        }
        all
    }

    #[test]
    fn pieces_add_up_to_the_sums_of_elements_one_by_one() {
        for shape in [&[2, 3, 5][..], &[30], &[30, 1], &[1, 30], &[2, 1, 3, 5], &[]] {
            let extents = Extents::of(shape);
            let numbers: Vec<f32> = (0..extents.elements).map(|i| (i * i % 17) as f32 - 8.0).collect();
            for extent in WIDE {
                let mut expected = vec![0.0; extents.count(extent) as usize];
                for (at, &x) in numbers.iter().enumerate() {
                    expected[extents.index(Extent::Elements, extent, at as u64) as usize] += f64::from(x);
                }
                for pieces in [1, 2, 3, 5, 10, 15, 30] {
                    let got: Vec<f64> = sums(extents, extent, SumForm::Sum, &numbers, pieces).iter().map(|total| total.value).collect();
                    assert_eq!(got, expected, "{shape:?} {extent:?} {pieces}");
                }
            }
        }
    }

    #[test]
    fn the_largest_of_each_is_that_of_elements_one_by_one() {
        for shape in [&[2, 3, 5][..], &[30], &[30, 1], &[1, 30], &[2, 1, 3, 5], &[]] {
            let extents = Extents::of(shape);
            let numbers: Vec<f32> = (0..extents.elements).map(|i| (i * i % 17) as f32 - 8.0).collect();
            for extent in WIDE.into_iter().chain([Extent::Axes]) {
                let indices = |at: u64| match extent {
                    Extent::Axes => extents.axes().map(|axis| axis.of(at)).collect(),
                    _ => vec![extents.index(Extent::Elements, extent, at) as usize],
                };
                let mut expected = vec![0.0_f64; extents.count(extent) as usize];
                for (at, &x) in numbers.iter().enumerate() {
                    indices(at as u64).into_iter().for_each(|index| expected[index] = expected[index].max(f64::from(x.abs())));
                }
                for pieces in [1, 2, 3, 5, 10, 15, 30] {
                    let all = sums(extents, extent, SumForm::Largest, &numbers, pieces);
                    assert_eq!(all.iter().map(|total| total.value).collect::<Vec<_>>(), expected, "{shape:?} {extent:?} {pieces}");
                }
            }
        }
    }

    #[test]
    fn the_largest_may_be_another_one() {
        let numbers = [Bounded { value: -2.0, error: 0.25 }, Bounded { value: 1.9, error: 0.5 }];
        let Bounded { value, error } = Total::of::<true, _>(&numbers).number::<Bounded>(SumForm::Largest, 2);
        assert_eq!(value, 2.0);
        assert!((0.4..0.4001).contains(&error), "{error}");
        for numbers in [[f32::NAN, 1.0], [1.0, f32::NAN]] {
            assert!(Total::of::<true, _>(&numbers).number::<f32>(SumForm::Largest, 2).is_nan());
        }
        assert_eq!(Total::of::<true, _>(&[f32::INFINITY]).number::<f32>(SumForm::Largest, 1), f32::MAX);
    }

    #[test]
    fn a_million_numbers_of_one_sign_or_two_are_summed_to_the_last_digit() {
        let numbers: Vec<f32> = (0..1_000_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 8) as f32 * 1e-5 - 80.0).collect();
        let exact: f64 = numbers.iter().map(|&x| f64::from(x)).sum();
        let total = sums(Extents::of(&[1_000_000]), Extent::Tensor, SumForm::Sum, &numbers, 32_768)[0];
        assert!((total.value - exact).abs() <= 1e-9 * total.magnitude, "{} {exact}", total.value);
        assert_eq!(total.number::<f32>(SumForm::Mean, 1_000_000), (total.value / 1e6) as f32);
    }

    #[test]
    fn errors_add_up_too() {
        let numbers = [Bounded { value: 1.0, error: 0.25 }, Bounded { value: -3.0, error: 0.5 }];
        let Bounded { value, error } = Total::of::<false, _>(&numbers).number::<Bounded>(SumForm::Mean, 2);
        assert_eq!(value, -1.0);
        assert!((0.375 + 2e-6..0.375 + 2.2e-6).contains(&error), "{error}");
        let infinite = Total::of::<false, _>(&[Bounded::given(f32::INFINITY), Bounded::given(1.0)]).number::<Bounded>(SumForm::Sum, 2);
        assert_eq!(infinite.value, f64::from(f32::MAX));
        assert_eq!(Total::of::<false, _>(&[3e38_f32; 4]).number::<f32>(SumForm::Mean, 4), f32::MAX / 4.0);
        assert!(Total::of::<false, _>(&[f32::NAN, 1.0]).number::<f32>(SumForm::Sum, 2).is_nan());
    }
}
