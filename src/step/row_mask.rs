//! What has to hold where steps update some rows of a parameter.

use super::Clip;
use crate::error::{Error, Result};
use crate::rule::{AnyRule, Extents};

/// The name of the step counts of rows.
pub(crate) const ROW_STEPS: &str = "row_steps";

/// The rows of a parameter of which steps update some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MaskedRows {
    /// How many rows it has, and words the mask.
    pub(crate) count: u32,
    /// Elements of a row; 1 where there are no elements.
    pub(crate) length: u32,
    /// Whether each row counts its own steps.
    pub(crate) own_steps: bool,
    /// Whether a row-sparse gradient says which they are, and not a mask.
    listed: bool,
    /// Whether the rule counts the parameter as a matrix.
    is_matrix: bool,
}

impl MaskedRows {
    /// Those of a parameter of this shape with a row mask. A single number is one row.
    ///
    /// Fails for rules that rows cannot be masked with, and for more elements than kernels count.
    pub(crate) fn masked(param: &str, shape: &[usize], elements: u64, rule: &dyn AnyRule, own_steps: bool) -> Result<Self> {
        let rows = MaskedRows { own_steps, ..Self::new(param, shape, elements, rule)? };
        rows.check(param, rule).map(|()| rows)
    }

    /// Those of a parameter with a row-sparse gradient, likewise.
    pub(crate) fn sparse(param: &str, shape: &[usize], elements: u64, rule: &dyn AnyRule, clip: &Clip) -> Result<Self> {
        let refused = [
            (shape.is_empty() || elements == 0, "parameters without rows that have elements"),
            (
                matches!(clip, Clip::Adaptive(_)) && shape.len() < 2,
                "adaptive clipping of a vector, whose unit is all of it; give it the shape [n, 1]",
            ),
        ];
        if let Some((_, why)) = refused.into_iter().find(|(is_refused, _)| *is_refused) {
            return Err(Error::Conflict { what: format!("{param}: a row-sparse gradient does not go with {why}") });
        }
        let rows = MaskedRows { listed: true, ..Self::new(param, shape, elements, rule)? };
        rows.check(param, rule).map(|()| rows)
    }

    /// Fails unless rows can be masked with the rule, now or with other hyper-parameters later.
    pub(crate) fn check(&self, param: &str, rule: &dyn AnyRule) -> Result<()> {
        let what = if self.listed { "a row-sparse gradient" } else { "a row_mask" };
        match refusal(rule, self.is_matrix, self.own_steps) {
            // Rows of a gradient have no steps of their own.
            Some(why) if self.listed && !self.own_steps && refusal(rule, self.is_matrix, true).is_none() => {
                let instead = why.split("; ").next().unwrap_or(why);
                let what = format!("{param}: {what} does not go with {}, {instead}; use a row_mask with own_steps", rule.name());
                Err(Error::Conflict { what })
            }
            Some(why) => Err(Error::Conflict { what: format!("{param}: {what} does not go with {}, {why}", rule.name()) }),
            None => Ok(()),
        }
    }

    fn new(param: &str, shape: &[usize], elements: u64, rule: &dyn AnyRule) -> Result<Self> {
        let count = shape.first().map_or(1, |&rows| rows as u64);
        let length = elements.checked_div(count).unwrap_or(1).max(1);
        match (u32::try_from(elements.max(count)), u32::try_from(length)) {
            (Ok(_), Ok(length)) => {
                let is_matrix = rule.extents(param, shape)?.is_matrix;
                Ok(MaskedRows { count: count as u32, length, own_steps: false, listed: false, is_matrix })
            }
            _ => {
                let (what, limit) = (format!("{param}: its rows"), "number of elements in 32 bits");
                Err(Error::Limit { what, needed: elements.max(count), limit, allowed: u64::from(u32::MAX) })
            }
        }
    }

    /// The parameter as a matrix of these rows.
    pub(crate) fn extents(&self, elements: u64) -> Extents {
        let columns = if elements == 0 { 0 } else { self.length as usize };
        Extents::of(&[self.count as usize, columns])
    }

    /// What the elements of a workgroup, or of a part of a table whose rows are listed, are a multiple of, so that rows are whole in it and vectors are not cut.
    pub(crate) fn granule(&self) -> u64 {
        let length = u64::from(self.length);
        if self.own_steps || self.listed { length * [1, 4, 2, 4][(length % 4) as usize] } else { 1 }
    }
}

/// Fails unless there is room for the entries of more than one micro-batch, and says for how many.
pub(crate) fn check_micro_batches(param: &str, got: u32) -> Result<u32> {
    if got >= 2 {
        return Ok(got);
    }
    let what =
        format!("{param}: Options::micro_batches accumulates gradients, and SparseRows::micro_batches must be at least 2, got {got}");
    Err(Error::Conflict { what })
}

/// Fails if a parameter has both.
pub(crate) fn check_one(param: &str, row_mask: bool, row_sparse: bool) -> Result<()> {
    match row_mask && row_sparse {
        true => {
            let what = format!("{param}: a row_mask and a row-sparse gradient both say which rows a step updates; use one");
            Err(Error::Conflict { what })
        }
        false => Ok(()),
    }
}

/// Whether steps with this rule may update some rows of a parameter alone.
#[cfg(feature = "testing")]
pub(crate) fn takes_some_rows(rule: &dyn AnyRule) -> bool {
    [false, true].into_iter().any(|own_steps| refusal(rule, rule.counts_matrices(), own_steps).is_none())
}

/// Why rows cannot be masked with a rule, if they cannot.
fn refusal(rule: &dyn AnyRule, is_matrix: bool, own_steps: bool) -> Option<&'static str> {
    if rule.is_staged(is_matrix) || rule.is_tiled(is_matrix) {
        Some("which has sums over whole tensors, or numbers of their rows and columns")
    } else if rule.has_views() || !rule.stages().last().is_none_or(|update| update.gradient) {
        Some("which has values of its own to evaluate with, or reads no gradient")
    } else if rule.tracks_values() {
        Some("which keeps values in its state: those of a row that its first step does not show would be missing")
    } else if own_steps && rule.carries_scalars() {
        Some("which forms the scalars of a step from those of the last one: rows have none of their own; count steps by parameter")
    } else if !own_steps && rule.begins() {
        Some("whose first step is not like the others: rows that it does not show would miss it; count steps by row (RowMask::own_steps)")
    } else {
        None
    }
}
