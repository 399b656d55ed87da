//! `Stage`: what one function of a rule runs over, reads, writes and adds up. Which stages go together, and what follows from them, is beside.

mod check;
mod queries;
#[cfg(test)]
mod tests;

use super::{Extent, Product};

/// All states and sums, as a list of names.
pub const EVERY: &[&str] = &["*"];

/// One function of a rule that runs over all elements of a parameter, or over all its rows, columns or indices of axes. A rule has one, `update`, or several of which that
/// is the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage {
    /// The function's name in WGSL.
    pub name: &'static str,
    /// What it runs over: elements, rows, columns, or the indices of all axes.
    pub over: Extent,
    /// Whether it reads the gradient. Otherwise it is given 0.
    pub gradient: bool,
    /// Whether it reads the value. Otherwise it is given 0.
    pub value: bool,
    /// The states, and the sums of earlier stages, that it reads; [`EVERY`] for all of them. Others are 0.
    pub reads: &'static [&'static str],
    /// The states that it changes; [`EVERY`] for all of them. They have the extent of the stage.
    pub writes: &'static [&'static str],
    /// The sums that it forms. Each is 0 before the stage, which sets it to what the element, row or column adds.
    pub sums: &'static [&'static str],
    /// Whether new scalars follow from its sums, by [`super::Rule::resume`].
    pub resumes: bool,
    /// The state of each element that is orthogonalized after the stage, each slice of it as a matrix, by [`super::Rule::coefficients`].
    pub orthogonalizes: Option<&'static str>,
    /// What becomes of the square matrices of axes after the stage, in order.
    pub products: &'static [Product],
}

impl Stage {
    /// The last stage: it reads all there is, and writes all states and the value.
    pub const UPDATE: Stage = Stage { reads: EVERY, writes: EVERY, ..Stage::new("update").reading(true, true) };

    /// A stage over elements that does nothing yet.
    pub const fn new(name: &'static str) -> Stage {
        let (gradient, value, resumes, orthogonalizes) = (false, false, false, None);
        Stage { name, over: Extent::Elements, gradient, value, reads: &[], writes: &[], sums: &[], resumes, orthogonalizes, products: &[] }
    }

    /// This stage, reading the gradient, the value, or both.
    pub const fn reading(self, gradient: bool, value: bool) -> Stage {
        Stage { gradient, value, ..self }
    }

    /// Whether it reads this state or sum.
    pub fn reads(&self, name: &str) -> bool {
        is_in(name, self.reads)
    }

    /// Whether it writes this state.
    pub fn writes(&self, name: &str) -> bool {
        is_in(name, self.writes)
    }

    /// Whether it forms this sum.
    pub fn forms(&self, name: &str) -> bool {
        self.sums.contains(&name)
    }
}

fn is_in(name: &str, names: &[&str]) -> bool {
    names == EVERY || names.contains(&name)
}
