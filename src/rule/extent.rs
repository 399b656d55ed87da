//! How far a number of a rule reaches: what of a tensor shares it.

use core::ops::Range;

/// What has a number of its own: each element of a tensor, each of its rows, or something wider.
///
/// ```
/// use wgpu_optim::rule::{Extent, Extents};
///
/// let matrix = Extents::of(&[3, 4]);
/// assert_eq!([Extent::Elements, Extent::Rows, Extent::Columns, Extent::Tensor].map(|extent| matrix.count(extent)), [12, 3, 4, 1]);
/// assert!(Extent::Rows.is_within(Extent::Tensor) && !Extent::Rows.is_within(Extent::Columns));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Extent {
    /// Each element.
    Elements,
    /// Each row: the elements that differ in the last index only.
    Rows,
    /// Each column: the elements that differ in the second last index only.
    Columns,
    /// Each slice: the elements that differ in the last two indices only. A tensor of more than two dimensions is a batch of matrices, and these are
    /// its slices.
    Slices,
    /// Each index of each dimension (axis): the elements that have it there. Each element is in one of each axis: what there is for axes has the numbers of the
    /// first axis, then those of the second, and so on, and a stage over elements reads the least of those that its element is in.
    Axes,
    /// For each axis whose rule says so ([`Rule::has_square`](super::Rule::has_square)), each pair of its indices: a square matrix, row by row, after that of the axis before. Only
    /// products ([`Product`](super::Product)) read and write what there is for these.
    Squares,
    /// Each 256 consecutive elements, counted from the first: what a scale of numbers in fewer bits is for. No rule keeps or sums anything of them.
    Blocks,
    /// The tensor.
    Tensor,
    /// All tensors of the group that have a gradient in the step.
    Group,
    /// All tensors that the optimizer moves by this rule, and that have a gradient in the step.
    All,
}

impl Extent {
    /// Whether there is one number for a tensor, or for several tensors.
    pub fn is_whole(self) -> bool {
        matches!(self, Extent::Tensor | Extent::Group | Extent::All)
    }

    /// Whether each item of this extent lies within one of `other`, and `other` is wider.
    pub fn is_within(self, other: Extent) -> bool {
        match self {
            Extent::Elements => other != Extent::Elements,
            Extent::Rows | Extent::Columns => other == Extent::Slices || other.is_whole(),
            Extent::Slices | Extent::Axes | Extent::Squares | Extent::Blocks => other.is_whole(),
            Extent::Tensor => matches!(other, Extent::Group | Extent::All),
            Extent::Group => other == Extent::All,
            Extent::All => false,
        }
    }
}

/// Axes that are told apart: of a tensor with more, the first ones are one.
pub(crate) const AXES: usize = 8;

/// How many rows, columns and slices a tensor has.
///
/// ```
/// use wgpu_optim::rule::{Extent, Extents};
/// let batch = Extents::of(&[2, 3, 4]); // two matrices of 3 x 4
/// assert_eq!((batch.rows, batch.columns, batch.slices), (6, 8, 2));
/// assert_eq!(batch.index(Extent::Elements, Extent::Columns, 13), 5); // the second matrix's first row, its second column
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Extents {
    /// Elements.
    pub elements: u64,
    /// Rows of all slices.
    pub rows: u64,
    /// Columns of all slices.
    pub columns: u64,
    /// Slices.
    pub slices: u64,
    /// Whether it has two dimensions or more. Otherwise it is one row.
    pub is_matrix: bool,
    /// The sizes of its axes, the last one last; 0 where there are fewer.
    pub(super) sizes: [u64; AXES],
    /// Which of them have a square matrix.
    pub(super) squares: [bool; AXES],
}

/// One axis of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Axis {
    /// Where its numbers begin among those of all axes.
    pub(crate) first: u64,
    /// How many indices it has.
    pub(crate) size: u64,
    /// Consecutive elements that have one index.
    pub(crate) inner: u64,
}

impl Axis {
    /// The number of the index that an element has here.
    pub(crate) fn of(&self, element: u64) -> usize {
        (self.first + element / self.inner % self.size) as usize
    }
}

impl Extents {
    /// Of a tensor with these sizes. An empty one has nothing of any kind.
    pub fn of(shape: &[usize]) -> Self {
        let product = || shape.iter().fold(1, |elements: u64, &size| elements.saturating_mul(size as u64));
        let elements = if shape.contains(&0) { 0 } else { product() };
        let (height, width) = match *shape {
            [.., height, width] => (height as u64, width as u64),
            _ => (1, elements),
        };
        let over = |length: u64| if elements == 0 { 0 } else { elements / length };
        let is_matrix = shape.len() >= 2;
        let (rows, columns, slices) = (over(width), over(height), over(height.saturating_mul(width)));
        Extents { elements, rows, columns, slices, is_matrix, sizes: sizes(shape, elements), squares: [false; AXES] }
    }

    /// The axes in order. A vector has one, and so has a single number.
    pub(crate) fn axes(&self) -> impl Iterator<Item = Axis> + Clone + use<> {
        let (sizes, mut first, mut inner) = (self.sizes, 0, self.elements);
        sizes.into_iter().filter(|&size| size > 0).map(move |size| {
            inner /= size;
            first += size;
            Axis { first: first - size, size, inner }
        })
    }

    /// Consecutive elements, cut so that those of each part lie in one row, and the numbers that these have among those of all axes.
    pub(crate) fn of_axes(&self, elements: Range<u64>) -> impl Iterator<Item = OfAxes> + use<> {
        let axes: Vec<Axis> = self.axes().collect();
        let width = axes.last().map_or(1, |last| last.size);
        let (mut at, start) = (elements.start, elements.start);
        core::iter::from_fn(move || {
            let begin = at;
            at = elements.end.min(begin + width - begin % width);
            let mut others: Vec<usize> = axes.iter().map(|axis| axis.of(begin)).collect();
            let last = others.pop();
            (begin < elements.end).then(|| OfAxes { items: (begin - start) as usize..(at - start) as usize, last, others })
        })
    }

    /// How many items of this extent the tensor has; one of what is as wide as the tensor, or wider.
    pub fn count(&self, extent: Extent) -> u64 {
        match extent {
            Extent::Elements => self.elements,
            Extent::Rows => self.rows,
            Extent::Columns => self.columns,
            Extent::Slices => self.slices,
            Extent::Axes => self.sizes.iter().fold(0, |all: u64, &size| all.saturating_add(size)),
            Extent::Squares => self.squares().map(|square| square.size * square.size).sum(),
            Extent::Blocks => self.elements.div_ceil(crate::storage::BLOCK),
            Extent::Tensor | Extent::Group | Extent::All => 1,
        }
    }

    /// Elements of a row, or columns of a slice; at least 1.
    pub fn width(&self) -> u64 {
        (self.elements / self.rows.max(1)).max(1)
    }

    /// Elements of a column, or rows of a slice; at least 1.
    pub fn height(&self) -> u64 {
        (self.rows / self.slices.max(1)).max(1)
    }

    /// In which item of `wide` the item `at` of `narrow` lies.
    pub fn index(&self, narrow: Extent, wide: Extent, at: u64) -> u64 {
        if narrow == Extent::Elements && wide == Extent::Columns {
            return at / (self.width() * self.height()) * self.width() + at % self.width();
        }
        at / self.consecutive(narrow, wide)
    }

    /// How many consecutive items of `narrow` lie in one of `wide`, where all that do are consecutive.
    fn consecutive(&self, narrow: Extent, wide: Extent) -> u64 {
        if narrow == wide {
            return 1;
        }
        (self.count(narrow) / self.count(wide).max(1)).max(1)
    }

    /// Consecutive items of `narrow`, cut so that those of each part lie in one item of `wide`, or each in the next one.
    pub fn parts(&self, narrow: Extent, wide: Extent, items: Range<u64>) -> impl Iterator<Item = Part> + use<> {
        let (own, mut at) = (*self, items.start);
        let each = narrow == wide || (narrow == Extent::Elements && wide == Extent::Columns);
        let length = match each {
            true if narrow == wide => u64::MAX,
            true => own.width(),
            false => own.consecutive(narrow, wide),
        };
        core::iter::from_fn(move || {
            let begin = at;
            at = items.end.min(begin.saturating_add(length - begin % length));
            let part = (begin - items.start) as usize..(at - items.start) as usize;
            (begin < items.end).then(|| Part { items: part, index: own.index(narrow, wide, begin) as usize, each })
        })
    }
}

/// Consecutive elements of a row, and where their numbers of axes are.
pub(crate) struct OfAxes {
    /// The elements, counted from the first one that was asked for.
    pub(crate) items: Range<usize>,
    /// The number of the first one in the last axis, where each of the others has the next.
    pub(crate) last: Option<usize>,
    /// Those that they share, one in each of the other axes.
    pub(crate) others: Vec<usize>,
}

/// The sizes of the axes of a tensor.
fn sizes(shape: &[usize], elements: u64) -> [u64; AXES] {
    let mut sizes = [0; AXES];
    let last = shape.len().min(AXES - 1);
    let own = if shape.is_empty() || elements == 0 { &[] } else { &shape[shape.len() - last..] };
    sizes.iter_mut().rev().zip(own.iter().rev()).for_each(|(size, &own)| *size = own as u64);
    if shape.is_empty() || shape.len() >= AXES {
        sizes[AXES - 1 - last] = own.iter().fold(elements, |rest, &size| rest / size as u64);
    }
    sizes
}

/// Consecutive items, and where their numbers of a wider extent are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The items, counted from the first one that was asked for.
    pub items: Range<usize>,
    /// The number of the first one.
    pub index: usize,
    /// Whether each of the others has the next number; else they share this one.
    pub each: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    const NARROW: [Extent; 4] = [Extent::Elements, Extent::Rows, Extent::Columns, Extent::Slices];

    fn counts(shape: &[usize]) -> [u64; 4] {
        let extents = Extents::of(shape);
        NARROW.map(|extent| extents.count(extent))
    }

    #[test]
    fn tensors_are_batches_of_matrices() {
        assert_eq!(counts(&[]), [1, 1, 1, 1]);
        assert_eq!(counts(&[5]), [5, 1, 5, 1]);
        assert_eq!(counts(&[3, 4]), [12, 3, 4, 1]);
        assert_eq!(counts(&[1, 4]), [4, 1, 4, 1]);
        assert_eq!(counts(&[4, 1]), [4, 4, 1, 1]);
        assert_eq!(counts(&[5, 2, 3, 4]), [120, 30, 40, 10]);
        assert_eq!([[0].as_slice(), &[3, 0], &[0, 3], &[2, 0, 3]].map(counts), [[0; 4]; 4]);
        assert_eq!([&[][..], &[5], &[5, 1], &[0, 3]].map(|shape| Extents::of(shape).is_matrix), [false, false, true, true]);
    }

    #[test]
    fn an_item_lies_where_its_indices_say() {
        let (slices, rows, columns) = (2, 3, 4);
        let extents = Extents::of(&[slices, rows, columns]);
        let places = (0..slices).flat_map(|slice| (0..rows).flat_map(move |row| (0..columns).map(move |column| (slice, row, column))));
        for (at, (slice, row, column)) in places.enumerate() {
            let expected = [at, slice * rows + row, slice * columns + column, slice].map(|index| index as u64);
            assert_eq!(NARROW.map(|wide| extents.index(Extent::Elements, wide, at as u64)), expected);
            assert_eq!(extents.index(Extent::Rows, Extent::Slices, expected[1]), expected[3]);
            assert_eq!(extents.index(Extent::Columns, Extent::Slices, expected[2]), expected[3]);
        }
    }

    #[test]
    fn axes_follow_one_another() {
        let axes = |shape: &[usize]| Extents::of(shape).axes().map(|axis| [axis.first, axis.size, axis.inner]).collect::<Vec<_>>();
        assert_eq!(axes(&[]), [[0, 1, 1]]);
        assert_eq!(axes(&[5]), [[0, 5, 1]]);
        assert_eq!(axes(&[4, 2, 3]), [[0, 4, 6], [4, 2, 3], [6, 3, 1]]);
        assert_eq!(axes(&[2; 8])[..2], [[0, 2, 128], [2, 2, 64]]);
        assert_eq!(axes(&[2; 9])[..2], [[0, 4, 128], [4, 2, 64]]);
        assert!(axes(&[0]).is_empty() && axes(&[3, 0]).is_empty());
        assert_eq!(Extents::of(&[4, 2, 3]).count(Extent::Axes), 9);
        assert_eq!(Extents::of(&[4, 2, 3]).axes().map(|axis| axis.of(23)).collect::<Vec<_>>(), [3, 5, 8]);
    }

    #[test]
    fn parts_are_what_items_one_by_one_are() {
        let wide = [Extent::Rows, Extent::Columns, Extent::Slices, Extent::Tensor, Extent::All];
        for extents in [&[2, 3, 4][..], &[7, 1], &[1, 7], &[9], &[], &[0, 3]].map(Extents::of) {
            for narrow in NARROW {
                for wide in wide.into_iter().filter(|&wide| wide == narrow || narrow.is_within(wide)) {
                    let count = extents.count(narrow);
                    for items in (0..=count).flat_map(|end| (0..=end).map(move |start| start..end)) {
                        let numbers = |part: Part| {
                            let index = move |item| part.index + if part.each { item } else { 0 };
                            (0..part.items.len()).map(move |item| index(item) as u64)
                        };
                        let got: Vec<u64> = extents.parts(narrow, wide, items.clone()).flat_map(numbers).collect();
                        let expected: Vec<u64> = items.map(|at| extents.index(narrow, wide, at)).collect();
                        assert_eq!(got, expected, "{extents:?} {narrow:?} {wide:?}");
                    }
                }
            }
        }
    }
}
