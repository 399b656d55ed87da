//! `Square`: the square matrices that a tensor has of its axes.

use super::{Axis, Extents};

/// The square matrix of an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Square {
    /// Where it begins among those of the tensor.
    pub first: u64,
    /// Its rows, and columns: the indices of the axis.
    pub size: u64,
    /// Consecutive elements that have one index.
    pub inner: u64,
    /// How often the indices recur: the product of the axes before.
    pub outer: u64,
}

impl Extents {
    /// The same, where axes of these sizes have a square matrix.
    pub(crate) fn with_squares(self, has_square: impl Fn(u64) -> bool) -> Self {
        Extents { squares: self.sizes.map(|size| size > 0 && has_square(size)), ..self }
    }

    /// The square matrices of the axes that have one, in order.
    pub fn squares(&self) -> impl Iterator<Item = Square> + Clone + use<> {
        let (own, elements, mut first) = (*self, self.elements, 0);
        let has = own.sizes.into_iter().zip(own.squares).filter(|(size, _)| *size > 0).map(|(_, has)| has);
        self.axes().zip(has).filter(|(_, has)| *has).map(move |(Axis { size, inner, .. }, _)| {
            first += size * size;
            Square { first: first - size * size, size, inner, outer: elements / (size * inner) }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Extents;
    use crate::rule::Extent;

    #[test]
    fn axes_have_squares() {
        let extents = Extents::of(&[4, 2, 3]).with_squares(|size| size < 4);
        let squares: Vec<_> = extents.squares().map(|own| [own.first, own.size, own.inner, own.outer]).collect();
        assert_eq!(squares, [[0, 2, 3, 4], [4, 3, 1, 8]]);
        assert_eq!(extents.count(Extent::Squares), 13);
        let none = [Extents::of(&[4, 2, 3]), Extents::of(&[0, 3]).with_squares(|_| true)];
        assert_eq!(none.map(|extents| extents.count(Extent::Squares)), [0, 0]);
    }
}
