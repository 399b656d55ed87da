//! The stages of rules that keep the mean squares of a matrix by rows and columns (Adafactor and its like): the squares, their means, and 1 / sqrt of these.

use crate::rule::{Extent, Stage};

/// Adds up what stands for the squares of the gradient.
pub(super) const SQUARES: Stage = Stage { sums: &["row_squares", "col_squares"], ..Stage::new("squares").reading(true, false) };

/// `row_var`, its mean over the slice, and `row_root`, which is 1 / sqrt of it.
pub(super) const AVERAGE_ROWS: Stage = Stage {
    over: Extent::Rows,
    reads: &["row_squares", "row_var"],
    writes: &["row_var"],
    sums: &["row_mean", "row_root"],
    ..Stage::new("average_rows")
};

/// `col_var`, and `col_root`, which is 1 / sqrt of it over the mean of the rows: so `row_root * col_root` is 1 / sqrt of an element's mean square.
pub(super) const AVERAGE_COLUMNS: Stage = Stage {
    over: Extent::Columns,
    reads: &["col_squares", "col_var", "row_mean"],
    writes: &["col_var"],
    sums: &["col_root"],
    ..Stage::new("average_columns")
};

/// Whether a state or a sum is one of theirs, which matrices alone have.
pub(super) fn is_of_matrices(state_or_sum: &str) -> bool {
    matches!(state_or_sum, "row_var" | "col_var" | "row_squares" | "col_squares" | "row_mean" | "row_root" | "col_root")
}
