//! How numbers of one shape repeat over a tensor of another.

use crate::error::{Error, Result};

/// How numbers of one shape are repeated over a tensor of another: element `i` has the one at `(i / length) % period`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broadcast {
    /// Consecutive elements that have the same one.
    pub length: u32,
    /// How many numbers there are.
    pub period: u32,
}

impl Broadcast {
    /// Of `of` over `shape`: as many dimensions, each of the same size or 1, and those that are not 1 next to each other.
    ///
    /// # Errors
    ///
    /// A shape that does not repeat over the tensor's, or not in one piece.
    pub fn new(param: &str, shape: &[usize], of: &[usize]) -> Result<Self> {
        let mismatch = || Error::Scales { param: param.to_owned(), shape: shape.to_vec(), got: of.to_vec() };
        let varies = |&dimension: &usize| of[dimension] != 1;
        if of.len() != shape.len() {
            return Err(mismatch());
        }
        let first = (0..of.len()).find(varies).unwrap_or(of.len());
        let end = (0..of.len()).rfind(varies).map_or(of.len(), |last| last + 1);
        let product = |sizes: &[usize]| sizes.iter().try_fold(1_u32, |product, &size| product.checked_mul(u32::try_from(size).ok()?));
        if of[first..end] != shape[first..end] || product(shape).is_none() {
            return Err(mismatch());
        }
        let (length, period) = product(&shape[end..]).zip(product(&shape[first..end])).ok_or_else(mismatch)?;
        Ok(Broadcast { length, period })
    }

    /// Which number an element has.
    pub fn index(&self, element: usize) -> usize {
        (element / self.length as usize) % self.period as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_columns_and_elements() {
        let of = |shape: &[usize], of: &[usize]| Broadcast::new("p", shape, of).map(|b| (b.length, b.period)).ok();
        assert_eq!(of(&[5, 3], &[5, 3]), Some((1, 15)));
        assert_eq!(of(&[5, 3], &[5, 1]), Some((3, 5)));
        assert_eq!(of(&[5, 3], &[1, 3]), Some((1, 3)));
        assert_eq!(of(&[5, 16, 3], &[1, 16, 1]), Some((3, 16)));
        assert_eq!(of(&[5, 3], &[1, 1]), Some((1, 1)));
        assert_eq!(of(&[5, 16, 3], &[5, 1, 3]), None);
        assert_eq!(of(&[5, 3], &[3]), None);
        assert_eq!(of(&[5, 3], &[5, 2]), None);
        assert_eq!(Broadcast::new("p", &[5, 16, 3], &[1, 16, 1]).map(|b| b.index(3 * 16 * 3 + 7)), Ok(2));
    }
}
