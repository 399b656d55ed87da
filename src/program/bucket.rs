//! `Bucket` and `Plan`: the dispatches over all tensors, and what each workgroup finds where.

use core::ops::Range;

use super::{Kernel, Owner, ParamEntry, Row, Window};

/// Rows that share a kernel and what it has bound: one dispatch.
#[derive(Clone, Debug, PartialEq)]
pub struct Bucket {
    /// The kernel.
    pub kernel: Kernel,
    /// Where its arrays are.
    pub windows: Vec<Window>,
    /// The state: part of the page that `buffer` names, with all lanes of the bucket's segments.
    pub state: Option<Window>,
    /// Whether all arrays are accessed element by element.
    pub scalar: bool,
    /// What rows look up about parameters.
    pub entries: Vec<ParamEntry>,
    /// Whose entries these are.
    pub owners: Vec<Owner>,
    /// The workgroups.
    pub rows: Vec<Row>,
    /// Of the sums of all rows, those of its rows.
    pub sums: Range<u32>,
    /// Words that a stage writes for its tiles.
    pub tile_words: u32,
    /// The buffer with the numbers of its tensors' rows and columns.
    pub lines: usize,
}

/// The dispatches over all tensors, and where each tensor's partial sums are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// The dispatches.
    pub buckets: Vec<Bucket>,
    /// The slots of each tensor's sums, one for each row or unit, in the order of its elements; not all of them need be consecutive.
    pub partials: Vec<Vec<Range<u32>>>,
}

/// What a dispatch does with the caller's buffers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Purpose {
    /// Changes values.
    #[default]
    Update,
    /// Reads gradients, and with units values.
    Measure,
    /// Goes over all rows of tables whose gradients are row-sparse, and binds no gradients.
    Table,
}
